/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CMD_WEIR_PRINTER_H
#define WEIR_CMD_WEIR_PRINTER_H

#include <stdbool.h>
#include <stddef.h>

#include "cmd/weir/format.h"
#include "lib/buf.h"
#include "lib/error.h"

enum weir_print_format {
	WEIR_PRINT_COMPACT,
	WEIR_PRINT_DICT,
	WEIR_PRINT_JSONPB,  /* the line as it came */
	WEIR_PRINT_TABLE,   /* aligned, so nothing before weir_printer_end() */
};

struct weir_printer_opts {
	enum weir_print_format format;
	enum weir_time_format time_format;
	bool color;
	bool node_name;
	bool numeric;  /* addresses instead of names */
};

/** struct weir_printer - lines of the stream to text. */
struct weir_printer;

int weir_printer_new(const struct weir_printer_opts *opts, struct weir_printer **ret_printer);
void weir_printer_free(struct weir_printer **printer);

/**
 * weir_printer_line() - append what one line of JSON looks like to @out.
 *
 * Foreign bytes: no control character of the line reaches @out, except in JSONPB, where JSON
 * itself cannot hold one.
 * Errors: -EINVAL when the line is not JSON; -EREMOTEIO with the server's words when it is an
 *         error message of code 400, -EPROTO of another; -ENOMEM.
 */
int weir_printer_line(struct weir_printer *printer, const char *line, size_t len,
		      struct weir_buf *out, struct weir_error *err);

/** weir_printer_end() - append what was held back. */
void weir_printer_end(struct weir_printer *printer, struct weir_buf *out);

#endif
