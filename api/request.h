/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_REQUEST_H
#define WEIR_API_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/filter.h"
#include "lib/error.h"

/** The longest request message, and how deep it may nest. */
#define WEIR_REQUEST_BYTES_MAX ((size_t)64 * 1024)
#define WEIR_REQUEST_DEPTH_MAX 16

/** The most filters in one request, and values in all of them together. */
#define WEIR_REQUEST_FILTERS_MAX 64
#define WEIR_REQUEST_VALUES_MAX 256

/** As many records as a double holds exactly, so that every JSON library can ask for them. */
#define WEIR_REQUEST_LAST_MAX ((uint64_t)1 << 53)

/** struct weir_request - what a client of /v1/flows asks for (api/protocol.md). */
struct weir_request {
	struct weir_filter **filters;  /* ORed; none: everything */
	size_t n_filters;
	size_t n_values;               /* of all filters together */
	uint64_t last;                 /* 0: as if not given */
	int64_t since_ns;              /* wall clock; with @has_since */
	int64_t until_ns;              /* likewise */
	bool has_since;
	bool has_until;
	bool follow;
};

void weir_request_init(struct weir_request *request);
void weir_request_done(struct weir_request *request);

/**
 * weir_request_decode() - from the text of a websocket message.
 *
 * @request: initialised; on failure to be released with weir_request_done() all the same.
 * @now_ns:  wall clock, from which durations in since and until count back.
 * Errors:   -EBADMSG when it is not JSON, -EINVAL when it is no request, with @err naming the
 *           place and the value; -ENOMEM.
 */
int weir_request_decode(struct weir_request *request, const char *text, size_t len, int64_t now_ns,
			struct weir_error *err);

/**
 * weir_request_add_param() - one decoded parameter of a query string; values of filter terms may
 * be separated by commas. All terms go into one filter.
 *
 * Call weir_request_check() after the last. Errors: as weir_request_decode().
 */
int weir_request_add_param(struct weir_request *request, const char *name, const char *value,
			   int64_t now_ns, struct weir_error *err);

/** weir_request_check() - -EINVAL with @err for members that exclude each other. */
int weir_request_check(const struct weir_request *request, struct weir_error *err);

/** weir_request_match() - whether a record passes the filters. */
bool weir_request_match(const struct weir_request *request, const struct weir_record *record);

#endif
