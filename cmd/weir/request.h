/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CMD_WEIR_REQUEST_H
#define WEIR_CMD_WEIR_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/options.h"
#include "lib/buf.h"
#include "lib/error.h"

/**
 * struct weir_observe_filters - values per term of api/filter.h, each with a flag of its name;
 * all empty: everything.
 */
struct weir_observe_filters {
	struct weir_option_list namespace_, pod, ip, port;
	struct weir_option_list snat_ip;
	struct weir_option_list from_namespace, from_pod, from_ip, from_port;
	struct weir_option_list to_namespace, to_pod, to_ip, to_port;
	struct weir_option_list protocol, verdict;
};

struct weir_observe_request {
	struct weir_observe_filters filters;
	uint64_t last;      /* 0: not limited */
	const char *since;  /* RFC 3339 or a duration back from now; NULL allowed */
	const char *until;
	bool follow;
};

/** weir_observe_filters_any() - the first term that has a value, or NULL. */
const char *weir_observe_filters_any(const struct weir_observe_filters *filters);

/**
 * weir_observe_request_encode() - the JSON of api/protocol.md's request.
 *
 * A pod without namespace is looked for in the namespaces asked for, else in "default".
 * Errors: -EINVAL with @err naming the flag: a value that is none, or terms that exclude each
 *         other (--pod and --from-pod); -ENOMEM.
 */
int weir_observe_request_encode(const struct weir_observe_request *request, struct weir_buf *out,
				struct weir_error *err);

#endif
