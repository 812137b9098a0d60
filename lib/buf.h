/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LIB_BUF_H
#define WEIR_LIB_BUF_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct weir_buf - a growing byte buffer with a limit.
 *
 * Shape:  append only; doubles up to @max.
 * Owner:  embedded in its user; weir_buf_done() releases the memory.
 * Errors: appends do not return errors. The first that fails (out of memory, limit) sets
 *         @failed to -ENOMEM or -E2BIG, and from then on nothing is appended; the writer checks
 *         once at the end. This keeps encoders readable.
 */
struct weir_buf {
	char *data;   /* not NUL-terminated; see weir_buf_cstr() */
	size_t len;   /* bytes in use */
	size_t cap;   /* bytes allocated */
	size_t max;   /* 0 = no limit */
	int failed;   /* 0, -ENOMEM or -E2BIG */
};

void weir_buf_init(struct weir_buf *buf, size_t max);
void weir_buf_done(struct weir_buf *buf);

/** weir_buf_clear() - length 0, failure forgotten, memory kept. */
void weir_buf_clear(struct weir_buf *buf);

/** weir_buf_truncate() - cut back to @len, which must not exceed the present length. */
void weir_buf_truncate(struct weir_buf *buf, size_t len);

/** weir_buf_room() - at least @n writable bytes at data + len, or NULL (and @failed is set). */
char *weir_buf_room(struct weir_buf *buf, size_t n);

void weir_buf_put(struct weir_buf *buf, const void *bytes, size_t n);
void weir_buf_puts(struct weir_buf *buf, const char *text);
void weir_buf_putc(struct weir_buf *buf, char c);
void weir_buf_put_u64(struct weir_buf *buf, uint64_t value);
void weir_buf_put_i64(struct weir_buf *buf, int64_t value);
void weir_buf_printf(struct weir_buf *buf, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** weir_buf_consume() - drop the first @n bytes (memmove of the rest). */
void weir_buf_consume(struct weir_buf *buf, size_t n);

/** weir_buf_cstr() - the content with a NUL behind it (not counted); "" when empty or failed. */
const char *weir_buf_cstr(struct weir_buf *buf);

#endif
