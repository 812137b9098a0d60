/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FLOW_TOMBSTONE_H
#define WEIR_FLOW_TOMBSTONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/table.h"

/**
 * struct weir_tombstones - ends whose connection is done with but which may still be heard of.
 *
 * Shape:  32 bytes each, named by the hash of the connection's key and the socket's cookie. When
 *         there are @max the oldest is given up.
 * Owner:  embedded in its user.
 */
struct weir_tombstones {
	struct weir_table table;
	struct weir_table_list list;  /* least recently heard of first */
	uint32_t hold;                /* in ticks: flow/ticks.h */
	uint64_t lost;                /* given up for room */
};

/** weir_tombstones_init() - 0, -EINVAL or -ENOMEM. */
int weir_tombstones_init(struct weir_tombstones *tombs, size_t max, uint64_t hold_ns);
void weir_tombstones_done(struct weir_tombstones *tombs);

/** weir_tombstones_add() - when there are @max the oldest goes, and counts as lost. */
void weir_tombstones_add(struct weir_tombstones *tombs, uint64_t key_hash, uint64_t cookie,
			 uint64_t now_ns);

/** weir_tombstones_lookup() - its index, or 0. */
uint32_t weir_tombstones_lookup(const struct weir_tombstones *tombs, uint64_t key_hash,
				uint64_t cookie);

/** weir_tombstones_touch() - it was heard of: hold it anew. */
void weir_tombstones_touch(struct weir_tombstones *tombs, uint32_t index, uint64_t now_ns);
void weir_tombstones_remove(struct weir_tombstones *tombs, uint32_t index);

/** weir_tombstones_expire() - remove what is due; returns the next deadline or UINT64_MAX. */
uint64_t weir_tombstones_expire(struct weir_tombstones *tombs, uint64_t now_ns);

#endif
