/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LIB_ERROR_H
#define WEIR_LIB_ERROR_H

/**
 * struct weir_error - one line that tells a person which input is bad and where.
 *
 * Functions return 0 or a negative errno. Those whose failure a person has to mend also take a
 * `struct weir_error *err` (NULL is allowed) and fill it on failure only. The text has no
 * newline and no program name: `<input>:<line>: <what is wrong>` or `<input>: <what is wrong>`.
 * Owner: the caller; typically a local initialised with {0}.
 */
struct weir_error {
	char text[512];
};

/**
 * weir_error_set() - fill @err from a format and return @code.
 *
 * Errors: returns @code (a negative errno) unchanged, so that callers write
 *         `return weir_error_set(err, -EINVAL, "%s: no such field", name);`. Longer texts are
 *         cut; bytes that are not part of a printable UTF-8 character become '?'.
 */
int weir_error_set(struct weir_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
