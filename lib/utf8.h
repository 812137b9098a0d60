/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LIB_UTF8_H
#define WEIR_LIB_UTF8_H

#include <stddef.h>

/**
 * weir_utf8_len() - bytes of the well-formed UTF-8 character at @text, or 0.
 *
 * Shape:  1 to 4; looks at @left bytes at most; 0 when @left is 0.
 * Source: the byte ranges of Unicode 15.0 table 3-7: no overlong forms, no surrogates, nothing
 *         above U+10FFFF.
 */
size_t weir_utf8_len(const char *text, size_t left);

/**
 * weir_utf8_printable() - as weir_utf8_len(), but 0 also for C0 and C1 control characters, DEL,
 * the line and paragraph separators, and the controls of writing direction, which could move a
 * terminal's cursor, end a line, or make one look like another.
 */
size_t weir_utf8_printable(const char *text, size_t left);

/** weir_utf8_sanitize() - each byte of @text that is not part of a printable character: '?'. */
void weir_utf8_sanitize(char *text, size_t len);

#endif
