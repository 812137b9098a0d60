/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CMD_WEIR_OUTPUT_H
#define WEIR_CMD_WEIR_OUTPUT_H

#include <signal.h>
#include <stdbool.h>

#include "lib/buf.h"

/**
 * struct weir_output - buffered writing to a descriptor that may be a pipe nobody reads any more.
 *
 * Append to @buf, then call weir_output_added(); weir_output_flush() when input pauses.
 */
struct weir_output {
	struct weir_buf buf;
	int fd;                             /* borrowed */
	int error;                          /* first failure, negative errno; then all is dropped */
	const volatile sig_atomic_t *stop;  /* gives up a blocked write when set; NULL allowed */
};

void weir_output_init(struct weir_output *output, int fd, const volatile sig_atomic_t *stop);

/** weir_output_done() - releases memory; what was not flushed is gone. */
void weir_output_done(struct weir_output *output);

/** weir_output_added() - writes when a good deal has gathered; 0 or the first error. */
int weir_output_added(struct weir_output *output);

/** weir_output_flush() - 0 or the first error: -EPIPE, -EINTR (stopped), -ENOSPC, … */
int weir_output_flush(struct weir_output *output);

#endif
