/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CMD_WEIR_AGENT_DNS_H
#define WEIR_CMD_WEIR_AGENT_DNS_H

#include <stdint.h>

#include "api/record.h"
#include "bpf/decode.h"
#include "cmd/options.h"
#include "dns/names.h"
#include "dns/pending.h"
#include "dns/stream.h"

struct agent;

/* From captured DNS messages to records, and from their answers to names of addresses. */
struct dns;

struct dns_stats {
	uint64_t events;     /* dealt with: a record was made, it is in @bad, or part of a stream */
	uint64_t queries;
	uint64_t responses;
	uint64_t bad;        /* messages that are no DNS */
	struct weir_dns_pending_stats pending;
	struct weir_dns_names_stats names;
	struct weir_dns_streams_stats streams;
};

int dns_new(struct dns **ret_dns);
void dns_free(struct dns **dns);

/** dns_ports_parse() - the values of --dns-ports; -EINVAL with @err. */
int dns_ports_parse(const struct weir_option_list *list, uint16_t ret_ports[WEIR_EV_DNS_PORTS_MAX],
		    struct weir_error *err);

/** dns_on_event() - @ctx is the agent. */
void dns_on_event(void *ctx, const struct weir_dns_event *event);

/** dns_names_of() - how the ends of a connection called each other; NULL: not known. Of @record
 * count the flow and the identities. */
struct weir_record_names *dns_names_of(struct agent *agent, const struct weir_record *record);

/** dns_expire() - forget what is over; NULL-safe. */
void dns_expire(struct dns *dns, uint64_t now_ns);

void dns_get_stats(const struct dns *dns, struct dns_stats *ret_stats);

#endif
