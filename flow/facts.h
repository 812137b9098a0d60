/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FLOW_FACTS_H
#define WEIR_FLOW_FACTS_H

#include <stdint.h>

#include "flow/flow.h"
#include "flow/table.h"

/**
 * struct weir_facts - what the ends of many connections have in common: the process, where it
 * runs, and which address it asked for where that is not the destination itself. And what is 0 of
 * nearly all of them: an end that has it has facts of its own.
 *
 * Compared as bytes: there is no implicit padding, and unused bytes are 0.
 */
struct weir_facts {
	uint64_t cgroup_id;
	uint32_t netns;
	uint32_t pid;
	char comm[WEIR_COMM_MAX];
	struct weir_addr asked;
	struct weir_addr xlated;  /* what the source's address became on its way; none: not known */
	uint16_t asked_port;
	uint16_t zero_windows_tx;  /* as in struct weir_flow_counts; UINT16_MAX: or more */
	uint16_t zero_windows_rx;
	uint8_t pad_[2];
};
_Static_assert(sizeof(struct weir_facts) == 72, "weir_facts has no hidden padding");

/**
 * struct weir_facts_table - facts kept once and named by a 32-bit index, counted by reference.
 *
 * A node has thousands of connections of each process, so this is what lets a connection that
 * names both of its ends fit into 192 bytes.
 */
struct weir_facts_table {
	struct weir_table table;
};

/** weir_facts_init() - for the ends of at most @max_connections connections; -ENOMEM, -EINVAL. */
int weir_facts_init(struct weir_facts_table *facts, size_t max_connections);
void weir_facts_done(struct weir_facts_table *facts);

/**
 * weir_facts_get() - the index of @value, made when it is new, with one reference more.
 *
 * Errors: -ENOSPC, which cannot happen while each connection has at most two references and there
 *         is one change at a time.
 */
int weir_facts_get(struct weir_facts_table *facts, const struct weir_facts *value,
		   uint32_t *ret_index);

/** weir_facts_put() - give up one reference; 0 is ignored. */
void weir_facts_put(struct weir_facts_table *facts, uint32_t index);

/** weir_facts_at() - borrowed until the last reference is given up; all zero for index 0. */
const struct weir_facts *weir_facts_at(const struct weir_facts_table *facts, uint32_t index);

#endif
