/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_FILTER_H
#define WEIR_API_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "api/record.h"
#include "lib/error.h"

/**
 * struct weir_filter - a compiled set of conditions on flows.
 *
 * Terms, each given any number of times; values of one term are ORed, different terms ANDed:
 *   namespace pod ip port             either end
 *   snat-ip, from-namespace from-pod from-ip from-port, to-namespace to-pod to-ip to-port
 *   protocol (tcp, udp, …; dns: its messages)  verdict (FORWARDED, …)
 * pod is NAMESPACE/NAME-PREFIX, NAME-PREFIX (any namespace is not implied: `default`, as hubble)
 * or NAMESPACE/ ; ip is an address or CIDR. The destination matches by the backend and by the
 * address asked for.
 */
struct weir_filter;

int weir_filter_new(struct weir_filter **ret_filter);
void weir_filter_free(struct weir_filter **filter);

/** weir_filter_add() - -EINVAL with @err naming the term and the value; -ENOMEM. */
int weir_filter_add(struct weir_filter *filter, const char *term, const char *value,
		    struct weir_error *err);

/** weir_filter_match() - lost records always match; an empty filter matches everything. */
bool weir_filter_match(const struct weir_filter *filter, const struct weir_record *record);

#endif
