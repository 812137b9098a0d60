/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FLOW_DROPPED_H
#define WEIR_FLOW_DROPPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/flow.h"
#include "flow/table.h"

/** struct weir_dropped - what is known of a connection of which packets were dropped, or spoken of
 * by ICMP errors. */
struct weir_dropped {
	struct weir_table_link link;
	uint32_t held;       /* when it came into its list; see flow/ticks.h */
	uint32_t pending;    /* inputs that no record tells of yet */
	bool waits;          /* in the list of those whose notice is still to come */
	bool owned;          /* a connection in the correlator's table refers to it by @flow.id */
	uint64_t dropped_ns; /* the latest drop */
	struct weir_icmp_tally icmp;
	struct weir_flow flow;  /* its notice, if it were made now; the key is @flow.id */
};

/**
 * struct weir_dropped_table - drops by the id of their connection.
 *
 * Shape:  hash table with two lists, oldest first: those whose notice waits, for the connect() may
 *         be over in a moment, and the others.
 * Owner:  embedded in the correlator. Items are borrowed until they are removed.
 */
struct weir_dropped_table {
	struct weir_table table;
	struct weir_table_list waiting;
	struct weir_table_list told;
};

/** weir_dropped_init() - room for @max; -ENOMEM, -EINVAL. */
int weir_dropped_init(struct weir_dropped_table *dropped, size_t max);
void weir_dropped_done(struct weir_dropped_table *dropped);

/** weir_dropped_lookup() - the item of a connection's id; 0 none. Nothing is looked at while empty. */
uint32_t weir_dropped_lookup(const struct weir_dropped_table *dropped, uint64_t id);

/** weir_dropped_at() - the item with an index from lookup or add. */
static inline struct weir_dropped *weir_dropped_at(const struct weir_dropped_table *dropped,
						   uint32_t index)
{
	return weir_table_at(&dropped->table, index);
}

/** weir_dropped_add() - an item whose notice waits, as of @now_ns; -ENOSPC when there are @max. */
int weir_dropped_add(struct weir_dropped_table *dropped, uint64_t id, uint64_t now_ns,
		     uint32_t *ret_index);

/** weir_dropped_wait() - it has something to tell now, after a while: as it were added anew. */
void weir_dropped_wait(struct weir_dropped_table *dropped, uint32_t index, uint64_t now_ns);

/** weir_dropped_touch() - it was told, or more was dropped of what is told: the youngest of these. */
void weir_dropped_touch(struct weir_dropped_table *dropped, uint32_t index, uint64_t now_ns);

/** weir_dropped_rename() - its connection has another id now. */
void weir_dropped_rename(struct weir_dropped_table *dropped, uint32_t index, uint64_t id);

void weir_dropped_remove(struct weir_dropped_table *dropped, uint32_t index);

#endif
