/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_JSON_PUT_H
#define WEIR_API_JSON_PUT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "api/json.h"
#include "api/record.h"
#include "lib/addr.h"
#include "lib/buf.h"

/*
 * The pieces the encoder is made of, private to api/json*.c. Every member is written with a
 * comma behind it; what closes an object or array takes the last one back.
 */

/**
 * weir_json_raw() - append bytes as they are: weir_buf_put(), inline where there is room, because
 * a record is made of some two hundred pieces of mostly constant length.
 */
static inline void weir_json_raw(struct weir_buf *out, const char *bytes, size_t n)
{
	if (out->failed || n >= out->cap - out->len) {
		weir_buf_put(out, bytes, n);
		return;
	}
	memcpy(out->data + out->len, bytes, n);
	out->len += n;
}

/** WEIR_JSON_LIT() - append a string literal as it is. */
#define WEIR_JSON_LIT(out, literal) weir_json_raw(out, literal, sizeof(literal) - 1)

/** weir_json_close() - end an object ('}') or array (']'), with the comma behind it. */
void weir_json_close(struct weir_buf *out, char bracket);

/** weir_json_close_or_drop() - as weir_json_close(); an empty one goes, back to @start. */
void weir_json_close_or_drop(struct weir_buf *out, char bracket, size_t opened, size_t start);

/* Each appends `"key":value,`, and nothing when the value is zero or empty. @key: `"key":`. */
#define WEIR_JSON_STR(out, key, text) weir_json_put_str(out, key, sizeof(key) - 1, text)
#define WEIR_JSON_U32(out, key, value) weir_json_put_u32(out, key, sizeof(key) - 1, value)
#define WEIR_JSON_U64(out, key, value) weir_json_put_u64(out, key, sizeof(key) - 1, value)
#define WEIR_JSON_TIME(out, key, ns) weir_json_put_time(out, key, sizeof(key) - 1, ns)
#define WEIR_JSON_SPAN(out, key, ns) weir_json_put_span(out, key, sizeof(key) - 1, ns)
#define WEIR_JSON_ADDR(out, key, addr) weir_json_put_addr(out, key, sizeof(key) - 1, addr)

void weir_json_put_str(struct weir_buf *out, const char *key, size_t key_len, const char *text);
void weir_json_put_u32(struct weir_buf *out, const char *key, size_t key_len, uint32_t value);
void weir_json_put_u64(struct weir_buf *out, const char *key, size_t key_len, uint64_t value);
void weir_json_put_time(struct weir_buf *out, const char *key, size_t key_len, int64_t real_ns);
void weir_json_put_span(struct weir_buf *out, const char *key, size_t key_len, uint64_t ns);
void weir_json_put_addr(struct weir_buf *out, const char *key, size_t key_len,
			const struct weir_addr *addr);

/** weir_json_flow() - append `{…},`: the Flow object (api/json_flow.c). */
void weir_json_flow(struct weir_buf *out, const struct weir_record *record, const char *node_name);

/** weir_json_connection() - append `"connection":{…},` (api/json_connection.c). */
void weir_json_connection(struct weir_buf *out, const struct weir_record *record);

/** weir_json_names() - append `"source_names":[…],"destination_names":[…],` (api/json_dns.c). */
void weir_json_names(struct weir_buf *out, const struct weir_record_names *names);

/** weir_json_dns() - append `"l7":{…},"Summary":"…",` (api/json_dns.c). */
void weir_json_dns(struct weir_buf *out, const struct weir_record_dns *dns);

/** weir_json_summary() - append `"Summary":"…",` (api/json_connection.c). */
void weir_json_summary(struct weir_buf *out, const struct weir_flow *flow);

#endif
