/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_JSON_H
#define WEIR_API_JSON_H

#include "api/record.h"
#include "lib/buf.h"

/**
 * weir_json_record() - append one record as one line of JSON, newline included.
 *
 * Shape:  Hubble's GetFlowsResponse in protojson: zero fields omitted, 64-bit integers as
 *         strings, RFC 3339 times; docs/record.md lists every field. @node_name is the envelope's.
 * Foreign bytes: strings are escaped, control characters (C0, DEL, C1) among them; invalid UTF-8 becomes U+FFFD.
 * Errors: @out->failed.
 */
void weir_json_record(struct weir_buf *out, const struct weir_record *record,
		      const char *node_name);

/** weir_json_string() - append a quoted, escaped JSON string of @len bytes. */
void weir_json_string(struct weir_buf *out, const char *text, size_t len);

#endif
