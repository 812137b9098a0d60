/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CMD_WEIR_INPUT_H
#define WEIR_CMD_WEIR_INPUT_H

#include <stddef.h>

#include "lib/error.h"

typedef int (*weir_input_line_fn)(void *ctx, const char *line, size_t len, struct weir_error *err);

/**
 * weir_input_read() - call @fn for each line of a file ("-": standard input) that is not empty.
 *
 * Errors: -EINVAL with @err naming file and line when @fn returned it; what else @fn returned;
 *         -EINVAL when the file cannot be opened, -EIO, … when it cannot be read. 0 when a signal ended it.
 */
int weir_input_read(const char *path, weir_input_line_fn fn, void *ctx, struct weir_error *err);

#endif
