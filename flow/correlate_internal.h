/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FLOW_CORRELATE_INTERNAL_H
#define WEIR_FLOW_CORRELATE_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/connection.h"
#include "flow/correlate.h"
#include "flow/dropped.h"
#include "flow/facts.h"
#include "flow/key.h"
#include "flow/nat.h"
#include "flow/table.h"
#include "flow/tombstone.h"
#include "flow/translation.h"

/* What the correlator is made of, for the files named correlate*.c only. */

#define BIT(side) (1U << (side))
#define BOTH 3U

/* Every connection is in one of these lists, each in the order in which they came into it. */
enum weir_correlate_list {
	LIST_FREE,   /* not a connection */
	LIST_IDLE,   /* nothing held: least recently updated first */
	LIST_JOIN,   /* something held, due after join_ns */
	LIST_CLOSE,  /* one of two ends closed, due after close_wait_ns */
	LIST_MAX_,
};

/** How many inputs may wait for the connection that they are of: some 240 KiB when used. */
#define WEIR_LOST_MAX 1024

struct weir_lost_item {
	struct weir_drop_input in;  /* packets 0: found */
	uint8_t passes;             /* that did not find it */
};

/** struct weir_lost - dropped packets of established TCP connections, to be looked for together. */
struct weir_lost {
	struct weir_lost_item *items;
	uint16_t *chain;    /* of ends, and their hash table; valid within a passage */
	uint16_t *buckets;
	size_t count;
	uint64_t due_ns;    /* of the next passage, while there is any */
};

/** struct weir_end - an address and a port; borrowed. */
struct weir_end {
	const struct weir_addr *addr;
	uint16_t port;
};

struct weir_correlate {
	struct weir_table table;
	struct weir_facts_table facts;
	struct weir_tombstones tombstones;
	struct weir_translations translations;  /* not made without @translates */
	struct weir_dropped_table dropped;
	struct weir_lost lost;
	struct weir_nat *nat;                   /* the caller's, or NULL */
	struct weir_table_list lists[LIST_MAX_];
	uint32_t hold[LIST_MAX_];  /* in ticks: see flow/ticks.h */
	weir_correlate_sink_fn sink;
	weir_correlate_translates_fn translates;
	void *ctx;
	bool resyncing;
	struct weir_correlate_stats stats;
};

/** struct weir_place - the connection and the side of it that an input belongs to. */
struct weir_place {
	struct weir_connection *conn;  /* NULL: none yet */
	uint32_t index;
	int side;
	bool crowded;  /* another connection has the same key */
};

/** weir_place_is_end() - whether @in is of the end that is known there, not of another socket. */
static inline bool weir_place_is_end(const struct weir_place *place,
				     const struct weir_flow_input *in)
{
	const struct weir_connection *conn = place->conn;

	return conn && (conn->known & BIT(place->side)) &&
	       conn->end[place->side].cookie == in->end.cookie;
}

/** weir_correlate_find() - by @key: where this end is known, else where it may join. */
struct weir_place weir_correlate_find(const struct weir_correlate *corr, const struct weir_key *key,
				      const struct weir_flow_input *in);

/**
 * weir_correlate_locate() - the connection and side that @in is of, or joins: by @key, by what its
 * client asked for, or by what the network translates. It may move one in the table, or make one of
 * two, on the way.
 */
struct weir_place weir_correlate_locate(struct weir_correlate *corr, const struct weir_key *key,
					const struct weir_flow_input *in);

/** weir_correlate_forget() - take a connection out of the table, and tell nothing; @hash finds it. */
void weir_correlate_forget(struct weir_correlate *corr, uint32_t index, uint64_t hash);

/** weir_correlate_has_nat() - the network translates something, by conntrack's account. */
static inline bool weir_correlate_has_nat(const struct weir_correlate *corr)
{
	return corr->nat && !weir_nat_is_empty(corr->nat);
}

/**
 * weir_correlate_learn_sent() - @in, or what it becomes in @copy if the packets that its end hears
 * were translated: with the real client, and with what that asked for.
 */
const struct weir_flow_input *weir_correlate_learn_sent(const struct weir_correlate *corr,
							const struct weir_flow_input *in,
							struct weir_flow_input *copy);

/**
 * weir_correlate_find_natted() - the exchange whose other end knows it by other addresses, by
 * conntrack's account. It is @translated from then on.
 */
struct weir_place weir_correlate_find_natted(struct weir_correlate *corr,
					     const struct weir_key *key,
					     const struct weir_flow_input *in);

/** weir_correlate_learn_arrived() - before a record: where the packets of a lone client go. */
void weir_correlate_learn_arrived(struct weir_correlate *corr, struct weir_connection *conn,
				  uint32_t index);

/** weir_correlate_finish_nat() - after the last record of @conn. */
void weir_correlate_finish_nat(struct weir_correlate *corr, const struct weir_connection *conn,
			       uint64_t now_ns);

/** weir_correlate_sent_drop() - the same packet as its exchange's client knows it. */
bool weir_correlate_sent_drop(const struct weir_correlate *corr, const struct weir_drop_input *in,
			      struct weir_drop_input *ret_sent);

/** struct weir_drop_way - from a TCP client to its server: the two ends of a way of its packets. */
struct weir_drop_way {
	struct weir_conntrack_tuple sent;     /* as the client's socket knows them */
	struct weir_conntrack_tuple arrives;  /* as they arrive, or were on their way when dropped */
};

/** weir_correlate_drop_way() - of a packet with a SYN, or its answer, wherever it was dropped. */
void weir_correlate_drop_way(const struct weir_correlate *corr, const struct weir_drop_input *in,
			     struct weir_drop_way *ret_way);

/** weir_correlate_hold() - count an input that @place took, and see that a record tells it. */
void weir_correlate_hold(struct weir_correlate *corr, const struct weir_place *place,
			 enum weir_input_kind kind, uint64_t now_ns);

/** weir_correlate_own_drop() - what was dropped is @conn's: its records say it from now on. */
void weir_correlate_own_drop(struct weir_correlate *corr, struct weir_connection *conn,
			     uint32_t index, uint64_t now_ns);

/** weir_correlate_adopt_drop() - the client's end @in was taken: was its SYN dropped before? */
void weir_correlate_adopt_drop(struct weir_correlate *corr, const struct weir_place *place,
			       const struct weir_flow_input *in, uint64_t now_ns);

/** weir_correlate_complete_drop() - to the record of a connection of which packets were dropped. */
void weir_correlate_complete_drop(const struct weir_correlate *corr,
				  const struct weir_connection *conn, struct weir_flow *flow);

/** weir_correlate_rename_drop() - a connection of which packets were dropped has another id now. */
void weir_correlate_rename_drop(struct weir_correlate *corr, uint64_t before, uint64_t id);

/** weir_correlate_pass_drop() - @from becomes a part of @to. */
void weir_correlate_pass_drop(struct weir_correlate *corr, struct weir_connection *from,
			      struct weir_connection *to);

/** weir_correlate_disown_drop() - @conn leaves the table. */
void weir_correlate_disown_drop(struct weir_correlate *corr, const struct weir_connection *conn);

/** weir_correlate_tell_dropped() - make the notices that are due; returns the next deadline. */
uint64_t weir_correlate_tell_dropped(struct weir_correlate *corr, uint64_t now_ns);
void weir_correlate_flush_dropped(struct weir_correlate *corr, uint64_t now_ns);

/** weir_correlate_leads_to() - whether what @conn's source sends may arrive at @server. */
bool weir_correlate_leads_to(const struct weir_correlate *corr, const struct weir_connection *conn,
			     struct weir_end server, uint64_t time_ns);

/** weir_correlate_add_drop() - it is of the connection at @index, whose next record says it. */
int weir_correlate_add_drop(struct weir_correlate *corr, uint32_t index,
			    const struct weir_drop_input *in, uint64_t now_ns);

int weir_lost_init(struct weir_lost *lost);
void weir_lost_done(struct weir_lost *lost);

/** weir_correlate_lose() - take packets of a TCP connection that had begun. */
void weir_correlate_lose(struct weir_correlate *corr, const struct weir_drop_input *in,
			 uint64_t now_ns);

/** weir_correlate_find_lost() - look for their connections when it is time; the next time. */
uint64_t weir_correlate_find_lost(struct weir_correlate *corr, uint64_t now_ns);
void weir_correlate_flush_lost(struct weir_correlate *corr, uint64_t now_ns);

#endif
