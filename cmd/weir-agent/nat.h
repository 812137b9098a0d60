/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CMD_WEIR_AGENT_NAT_H
#define WEIR_CMD_WEIR_AGENT_NAT_H

#include <stdint.h>

#include "flow/nat.h"

struct agent;

/** struct nat_stats - of all namespaces that are followed, and those that were. */
struct nat_stats {
	struct weir_nat_stats nat;
	uint64_t namespaces;   /* now */
	uint64_t
		events_lost; /* of conntrack, which told of no record: the next dump makes up for them */
	uint64_t bad_events;
};

/**
 * nat_start() - make the table, and follow conntrack of the agent's own network namespace and, as
 * they come and go, of those of --netns. Before namespaces_start(). What cannot be followed is logged.
 */
int nat_start(struct agent *agent);
void nat_stop(struct agent *agent);

/** nat_finish_dumps() - for the start: all that is translated is known when it returns. */
void nat_finish_dumps(struct agent *agent);

/** nat_read() - take what conntrack told up to now; agent->now_ns has to be now. */
void nat_read(struct agent *agent);

/** nat_tend() - forget what is old, and look again at what goes without a word; now and then. */
void nat_tend(struct agent *agent);

void nat_get_stats(const struct agent *agent, struct nat_stats *ret_stats);

#endif
