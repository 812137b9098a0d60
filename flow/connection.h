/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FLOW_CONNECTION_H
#define WEIR_FLOW_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/facts.h"
#include "flow/flow.h"
#include "flow/key.h"
#include "flow/table.h"

/** struct weir_connection_end - what one end said of itself; totals since it began. */
struct weir_connection_end {
	uint64_t cookie;
	uint64_t tx_bytes;
	uint64_t rx_bytes;
	uint64_t tx_packets;
	uint64_t rx_packets;
	uint32_t facts;  /* index in the facts table; holds a reference */
	uint32_t retransmits;
};

/**
 * struct weir_connection - one connection with up to two ends on this node.
 *
 * Shape:  the two sides are numbered 0 and 1. TCP: side 0 is the end whose own initial sequence
 *         number is the smaller; UDP: the end that was seen first. Masks have bit 1 << side.
 *         addr[s] and port[s] are side s's own; while only the other end is known, they are what
 *         that end sees. A @translated one has its client's address and port alone for its key,
 *         and of its two sides only the destination's address changes. Which side opened the connection is in @source; while @sure is not
 *         set, that is only the order in which they are shown.
 * Units:  100,000 of them are to cost no more than 20 MB.
 */
struct weir_connection {
	struct weir_table_link link;
	uint32_t held;  /* when it came into its list; the list's owner says in which unit */
	uint64_t id;
	uint64_t opened_ns;
	uint64_t last_ns;
	struct weir_addr addr[2];
	struct weir_connection_end end[2];
	uint32_t latency_us;
	uint32_t rtt_us;
	uint32_t rtt_min_us;
	uint16_t port[2];
	uint16_t pending : 10;  /* inputs that no record tells of yet */
	uint16_t handshake : 3; /* enum weir_seen */
	uint16_t reset_by : 2;  /* the sides that sent an RST */
	uint16_t dropped : 1;   /* packets of it were dropped: flow/dropped.h has them by @id */
	uint8_t protocol;
	uint8_t reason[2];  /* enum weir_end_reason of each closed end */
	uint32_t list : 2;  /* for the list's owner; 0: this item is free */
	uint32_t known : 2;
	uint32_t closed : 2;
	uint32_t given_up : 2;  /* of @closed: by a resync, or its CLOSE knows no reason */
	uint32_t seen : 2;      /* since the resync began */
	uint32_t source : 1;
	uint32_t sure : 1;
	uint32_t established : 1;
	uint32_t found : 1;        /* an input of kind FOUND came */
	uint32_t opening : 1;      /* an OPEN came that no record tells of */
	uint32_t emitted : 1;      /* a record was made */
	uint32_t dirty : 1;        /* a record made now would say more than the last one */
	uint32_t arrived : 1;      /* UDP: a packet is known to have reached an end */
	uint32_t asked_is_destination : 1;  /* the source asked for just what addr[!source] is */
	uint32_t stale : 1;        /* UDP: the destination's totals include an earlier exchange */
	uint32_t socket_only : 1;  /* WEIR_KEY_SOCKET */
	uint32_t salted : 1;       /* another connection had the key: @id is changed by a cookie */
	uint32_t salt_side : 1;    /* whose */
	uint32_t translated : 1;   /* UDP: the source asked what the network translates */
};
_Static_assert(sizeof(struct weir_connection) == 192, "weir_connection has outgrown its budget");

/** The most that struct weir_connection's pending can hold. */
#define WEIR_CONNECTION_PENDING_MAX 0x3ff

/** weir_connection_init() - fill a zeroed item from the first input; nothing is applied yet. */
void weir_connection_init(struct weir_connection *conn, const struct weir_key *key,
			  const struct weir_flow_input *in, bool salted);

/** weir_connection_done() - give up its references. */
void weir_connection_done(struct weir_connection *conn, struct weir_facts_table *facts);

/** weir_connection_hash() - the hash under which it is kept. */
uint64_t weir_connection_hash(const struct weir_connection *conn,
			      const struct weir_facts_table *facts);

/**
 * weir_connection_end_hash() - the hash of the key that @side's own inputs have: another than
 * weir_connection_hash() when it is @translated.
 */
uint64_t weir_connection_end_hash(const struct weir_connection *conn,
				  const struct weir_facts_table *facts, int side);

/** weir_connection_match() - which side of @conn has @key for its own; -1: another connection. */
int weir_connection_match(const struct weir_connection *conn, const struct weir_facts_table *facts,
			  const struct weir_key *key, uint64_t cookie);

/** weir_connection_may_join() - whether the end @in can be @conn's, as yet unknown, @side. */
bool weir_connection_may_join(const struct weir_connection *conn, int side,
			      const struct weir_flow_input *in);

/** weir_connection_faces() - whether the addresses say so too; they need not, through NAT. */
bool weir_connection_faces(const struct weir_connection *conn, int side,
			   const struct weir_flow_input *in);

/** How an input fits a connection that is @translated, worst first. */
enum weir_fit {
	WEIR_FIT_NONE,
	WEIR_FIT_MAYBE,  /* the server's, if the network translates so */
	WEIR_FIT_PEER,   /* the server's, by its address */
	WEIR_FIT_END,    /* of an end that is known */
};

/**
 * weir_connection_fit() - whether the end @in, with @key, can be one of @conn's.
 *
 * MAYBE only when the server's end heard something after the client's began: one clock on one
 * node, so what it says is not of an earlier exchange with the same client's port.
 */
enum weir_fit weir_connection_fit(const struct weir_connection *conn,
				  const struct weir_facts_table *facts, const struct weir_key *key,
				  const struct weir_flow_input *in);

/** weir_connection_asked() - what the source asked for, by its own account or by conntrack's of the
 * other end; borrowed, and none when not known. */
const struct weir_addr *weir_connection_asked(const struct weir_connection *conn,
					      const struct weir_facts_table *facts,
					      uint16_t *ret_port);

/**
 * weir_connection_apply() - take over everything @in says about @side.
 *
 * Errors: weir_facts_get()'s, with @conn as it was but for better known addresses.
 */
int weir_connection_apply(struct weir_connection *conn, struct weir_facts_table *facts, int side,
			  const struct weir_flow_input *in);

/**
 * weir_connection_set_addr() - put right where @side is.
 *
 * Of a UDP exchange this changes the key: the caller moves it to its new chain.
 *
 * Errors: weir_facts_get()'s, with nothing changed.
 */
int weir_connection_set_addr(struct weir_connection *conn, struct weir_facts_table *facts, int side,
			     const struct weir_addr *addr, uint16_t port);

/**
 * weir_connection_set_xlated() - what the network makes of the source's address; @side's end is
 * known. Errors: weir_facts_get()'s, with nothing changed.
 */
int weir_connection_set_xlated(struct weir_connection *conn, struct weir_facts_table *facts,
			       int side, const struct weir_addr *xlated);

/**
 * weir_connection_closing() - whether it ended: TCP with its first closed end, UDP with the end
 * that opened the exchange, or with the only one known.
 */
bool weir_connection_closing(const struct weir_connection *conn);

/** weir_connection_better_reason() - the one that says more; enum weir_end_reason. */
uint8_t weir_connection_better_reason(uint8_t a, uint8_t b);

/** weir_connection_record() - compose the record; only @ret_flow->time_ns is taken from outside. */
void weir_connection_record(const struct weir_connection *conn,
			    const struct weir_facts_table *facts, enum weir_flow_state state,
			    uint64_t time_ns, struct weir_flow *ret_flow);

#endif
