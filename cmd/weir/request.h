/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CMD_WEIR_REQUEST_H
#define WEIR_CMD_WEIR_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/options.h"
#include "lib/buf.h"
#include "lib/error.h"

/** The filter terms of api/filter.h; a flag of the same name each. */
#define WEIR_OBSERVE_TERMS(X)                                                        \
	X(namespace_, "namespace") X(pod, "pod") X(ip, "ip") X(port, "port")         \
	X(from_namespace, "from-namespace") X(from_pod, "from-pod")                  \
	X(from_ip, "from-ip") X(from_port, "from-port")                              \
	X(to_namespace, "to-namespace") X(to_pod, "to-pod") X(to_ip, "to-ip")        \
	X(to_port, "to-port") X(protocol, "protocol") X(verdict, "verdict")

/** struct weir_observe_filters - values per term, all empty: everything. */
struct weir_observe_filters {
#define X(field_, term_) struct weir_option_list field_;
	WEIR_OBSERVE_TERMS(X)
#undef X
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
