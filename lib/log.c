/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/utf8.h"

/* A line longer than this is not written: something is wrong with who made it. */
#define LINE_MAX_BYTES (64 * 1024)

static const char *const level_names[] = {
	[WEIR_LOG_ERROR] = "error",
	[WEIR_LOG_WARN] = "warn",
	[WEIR_LOG_INFO] = "info",
	[WEIR_LOG_DEBUG] = "debug",
};

static enum weir_log_level max_level = WEIR_LOG_INFO;

void weir_log_set_level(enum weir_log_level level)
{
	max_level = level;
}

int weir_log_level_parse(const char *text, enum weir_log_level *ret_level)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcmp(text, level_names[i]) != 0)
			continue;
		*ret_level = (enum weir_log_level)i;
		return 0;
	}
	return -EINVAL;
}

int weir_log_enabled(enum weir_log_level level)
{
	return level <= max_level;
}

/* One character of foreign text between quotes; returns how many bytes it had. */
static size_t put_quoted(struct weir_buf *line, const char *text, size_t left)
{
	size_t n = weir_utf8_printable(text, left);

	if (!n) {
		weir_buf_putc(line, '?');
		return 1;
	}
	if (*text == '"' || *text == '\\')
		weir_buf_putc(line, '\\');
	weir_buf_put(line, text, n);
	return n;
}

/* @fmt with its quotes replaced by @mark. */
static void format_marked(struct weir_buf *out, char mark, const char *fmt, va_list args)
{
	_cleanup_free_ char *marked = strdup(fmt);
	va_list again;
	char *to;
	int n;

	if (!marked) {
		out->failed = -ENOMEM;
		return;
	}
	for (char *p = marked; *p; p++) {
		if (*p == '"')
			*p = mark;
	}
	/* The format is the caller's checked one but for the quotes. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	va_copy(again, args);
	n = vsnprintf(NULL, 0, marked, again);
	va_end(again);
	to = n < 0 ? NULL : weir_buf_room(out, (size_t)n + 1);
	if (!to)
		return;
	va_copy(again, args);
	(void)vsnprintf(to, (size_t)n + 1, marked, again);
	va_end(again);
#pragma GCC diagnostic pop
	out->len += (size_t)n;
}

/*
 * Append the pairs. Which quotes are the format's and which came with a value decides whether a
 * foreign value can end its quotes and forge keys, so it is not guessed: the format is written
 * twice, with two different marks for its quotes, and where the results differ is such a quote.
 */
static void put_pairs(struct weir_buf *line, const char *fmt, va_list args)
{
	_cleanup_(weir_buf_done) struct weir_buf a = { .max = LINE_MAX_BYTES };
	_cleanup_(weir_buf_done) struct weir_buf b = { .max = LINE_MAX_BYTES };
	bool quoted = false;
	size_t at = 0, n, left;

	format_marked(&a, '\1', fmt, args);
	format_marked(&b, '\2', fmt, args);
	if (a.failed || b.failed || a.len != b.len)
		return;
	if (a.len)
		weir_buf_putc(line, ' ');
	while (at < a.len) {
		left = a.len - at;
		if (a.data[at] != b.data[at]) {
			weir_buf_putc(line, '"');
			quoted = !quoted;
			at++;
		} else if (quoted) {
			at += put_quoted(line, a.data + at, left);
		} else {
			n = weir_utf8_printable(a.data + at, left);
			if (n)
				weir_buf_put(line, a.data + at, n);
			else
				weir_buf_putc(line, '?');
			at += n ? n : 1;
		}
	}
}

void weir_log(enum weir_log_level level, const char *mod, const char *msg, const char *fmt, ...)
{
	_cleanup_(weir_buf_done) struct weir_buf line = { .max = 4 * LINE_MAX_BYTES };
	size_t len = strlen(msg);
	va_list args;

	if (!weir_log_enabled(level))
		return;
	weir_buf_printf(&line, "level=%s mod=%s msg=\"", level_names[level], mod);
	for (size_t at = 0; at < len;)
		at += put_quoted(&line, msg + at, len - at);
	weir_buf_putc(&line, '"');
	va_start(args, fmt);
	put_pairs(&line, fmt, args);
	va_end(args);
	weir_buf_putc(&line, '\n');
	if (line.failed)
		return;
	/* One write, so that lines of several processes do not mix. Who could be told if it fails? */
	while (write(STDERR_FILENO, line.data, line.len) < 0 && errno == EINTR)
		;
}
