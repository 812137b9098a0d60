/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/buf.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAP_MIN 256

/* Digits of UINT64_MAX. */
#define U64_DIGITS 20

void weir_buf_init(struct weir_buf *buf, size_t max)
{
	*buf = (struct weir_buf){ .max = max };
}

void weir_buf_done(struct weir_buf *buf)
{
	free(buf->data);
	*buf = (struct weir_buf){ .max = buf->max };
}

void weir_buf_clear(struct weir_buf *buf)
{
	buf->len = 0;
	buf->failed = 0;
}

void weir_buf_truncate(struct weir_buf *buf, size_t len)
{
	assert(len <= buf->len);
	buf->len = len;
}

static int grow(struct weir_buf *buf, size_t need)
{
	size_t cap = buf->cap ? buf->cap : CAP_MIN;
	char *data;

	while (cap < need) {
		if (cap > SIZE_MAX / 2)
			return -ENOMEM;
		cap *= 2;
	}
	/* One byte over the limit, so that weir_buf_cstr() also works on a full buffer. */
	if (buf->max && buf->max < SIZE_MAX && cap > buf->max + 1)
		cap = buf->max + 1;
	data = realloc(buf->data, cap);
	if (!data)
		return -ENOMEM;
	buf->data = data;
	buf->cap = cap;
	return 0;
}

static char *room_slow(struct weir_buf *buf, size_t n)
{
	if (buf->failed)
		return NULL;
	if (n > SIZE_MAX - buf->len || (buf->max && buf->len + n > buf->max)) {
		buf->failed = -E2BIG;
		return NULL;
	}
	if (!buf->data || n > buf->cap - buf->len)
		buf->failed = grow(buf, buf->len + n);
	return buf->failed ? NULL : buf->data + buf->len;
}

char *weir_buf_room(struct weir_buf *buf, size_t n)
{
	/* cap is max + 1 at most: a request that fits in cap - 1 bytes also keeps the limit. */
	if (buf->data && !buf->failed && n < buf->cap - buf->len)
		return buf->data + buf->len;
	return room_slow(buf, n);
}

void weir_buf_put(struct weir_buf *buf, const void *bytes, size_t n)
{
	char *to = weir_buf_room(buf, n);

	if (!to || !n)
		return;
	memcpy(to, bytes, n);
	buf->len += n;
}

void weir_buf_puts(struct weir_buf *buf, const char *text)
{
	weir_buf_put(buf, text, strlen(text));
}

void weir_buf_putc(struct weir_buf *buf, char c)
{
	char *to = weir_buf_room(buf, 1);

	if (!to)
		return;
	*to = c;
	buf->len++;
}

void weir_buf_put_u64(struct weir_buf *buf, uint64_t value)
{
	char digits[U64_DIGITS];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	weir_buf_put(buf, digits + at, sizeof(digits) - at);
}

void weir_buf_put_i64(struct weir_buf *buf, int64_t value)
{
	char text[1 + U64_DIGITS];
	size_t at = sizeof(text);
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

	/* In one piece, so that a buffer at its limit is not left with a lone sign. */
	do {
		text[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (value < 0)
		text[--at] = '-';
	weir_buf_put(buf, text + at, sizeof(text) - at);
}

void weir_buf_printf(struct weir_buf *buf, const char *fmt, ...)
{
	va_list args;
	char *to;
	int n;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0) {
		if (!buf->failed)
			buf->failed = -ENOMEM;
		return;
	}
	to = weir_buf_room(buf, (size_t)n);
	if (!to || !n)
		return;
	/* vsnprintf() writes a NUL too, for which grow() may not have left a byte. */
	if (buf->cap - buf->len < (size_t)n + 1) {
		buf->failed = grow(buf, buf->len + (size_t)n + 1);
		if (buf->failed)
			return;
		to = buf->data + buf->len;
	}
	va_start(args, fmt);
	(void)vsnprintf(to, (size_t)n + 1, fmt, args);
	va_end(args);
	buf->len += (size_t)n;
}

void weir_buf_consume(struct weir_buf *buf, size_t n)
{
	assert(n <= buf->len);
	if (!n)
		return;
	buf->len -= n;
	memmove(buf->data, buf->data + n, buf->len);
}

const char *weir_buf_cstr(struct weir_buf *buf)
{
	if (buf->failed || !buf->len)
		return "";
	if (buf->len == buf->cap) {
		int r = grow(buf, buf->len + 1);

		if (r < 0) {
			buf->failed = r;
			return "";
		}
	}
	buf->data[buf->len] = '\0';
	return buf->data;
}
