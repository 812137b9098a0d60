/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/utf8.h"

int weir_error_set(struct weir_error *err, int code, const char *fmt, ...)
{
	va_list args;
	int n;

	if (!err)
		return code;
	va_start(args, fmt);
	n = vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	if (n < 0)
		err->text[0] = '\0';
	/* A character cut in half at the end becomes '?' here too. */
	weir_utf8_sanitize(err->text, strlen(err->text));
	return code;
}
