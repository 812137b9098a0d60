/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CMD_WEIR_FORMAT_H
#define WEIR_CMD_WEIR_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

/* Texts for people. */

/** weir_format_text() - append @text; what could drive a terminal or end the line is '?'. */
void weir_format_text(struct weir_buf *out, const char *text);

/** weir_format_bytes() - "512 B", "20.4 kB", "1.2 GB" (powers of 1000). */
void weir_format_bytes(struct weir_buf *out, uint64_t bytes);

/** weir_format_span() - "0.12ms", "3.2ms", "250ms", "1.5s", "2m03s", "1h02m", "3d04h". */
void weir_format_span(struct weir_buf *out, uint64_t ns);

/** weir_format_count() - "1,234,567". */
void weir_format_count(struct weir_buf *out, uint64_t count);

/** The names of --time-format, as hubble has them. */
enum weir_time_format {
	WEIR_TIME_STAMP_MILLI,
	WEIR_TIME_RFC3339,
	WEIR_TIME_RFC3339_MILLI,
	WEIR_TIME_RFC3339_MICRO,
	WEIR_TIME_RFC3339_NANO,
};

#define WEIR_TIME_FORMATS "StampMilli|RFC3339|RFC3339Milli|RFC3339Micro|RFC3339Nano"

/** weir_time_format_parse() - the format of one of WEIR_TIME_FORMATS; 0 or -EINVAL. */
int weir_time_format_parse(const char *name, enum weir_time_format *ret_format);

/** weir_format_time() - wall-clock nanoseconds, in UTC. */
void weir_format_time(struct weir_buf *out, enum weir_time_format format, int64_t real_ns);

#endif
