/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/weir/input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/weir/session.h"
#include "lib/cleanup.h"

static int read_lines(FILE *file, const char *name, weir_input_line_fn fn, void *ctx,
		      struct weir_error *err)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0, number = 0;
	ssize_t len;

	while ((len = getline(&line, &size, file)) >= 0) {
		struct weir_error why = { 0 };
		int r;

		number++;
		while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
			len--;
		if (!len)
			continue;
		r = fn(ctx, line, (size_t)len, &why);
		if (r == -EINVAL)
			return weir_error_set(err, r, "%s:%zu: %s", name, number, why.text);
		if (r < 0)
			return weir_error_set(err, r, "%s", why.text);
	}
	/* A signal interrupts a read that waits for a pipe or a terminal. */
	if (ferror(file) && !weir_session_stopped)
		return weir_error_set(err, -errno, "%s: %s", name, strerror(errno));
	return 0;
}

int weir_input_read(const char *path, weir_input_line_fn fn, void *ctx, struct weir_error *err)
{
	_cleanup_file_ FILE *file = NULL;

	if (!strcmp(path, "-"))
		return read_lines(stdin, "standard input", fn, ctx, err);
	file = fopen(path, "re");
	if (!file)
		return weir_error_set(err, -EINVAL, "%s: %s", path, strerror(errno));
	return read_lines(file, path, fn, ctx, err);
}
