/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FLOW_CORRELATE_H
#define WEIR_FLOW_CORRELATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/flow.h"
#include "flow/nat.h"

/**
 * struct weir_correlate - turns what single sockets say into records of connections.
 *
 * An input tells of one end of a connection; a record tells of the connection. The two ends are
 * joined when both have a socket on this node: TCP by the pair of initial sequence numbers, UDP
 * by the addresses and ports (flow/key.h). An end that fits but whose place is taken (the same
 * role on the same sequence numbers) is a connection of its own and never merged.
 *
 * What the network translates after it has left the client's socket is known by @nat: the server's
 * end is then as if it had seen the real client, and been told what that asked for; and of a
 * client whose server is elsewhere it is known where its packets go, and as from whom. @nat has to
 * be as new as the inputs: every translation is known before the first input of a server that
 * heard through it.
 *
 * Where @nat has nothing, a UDP client that asked a Service is joined, by its own address and port,
 * with the server's end that @translates says may be the backend; where several fit, with none. For that
 * the client's end has to be seen first, as it is on one node. Who uses a client's port again
 * within the 30 s for which the network keeps a translation is sent to the same backend
 * (flow/translation.h), which matters because the server's end does not begin anew then.
 *
 * Records of one connection, in the order of their time_ns:
 *   OPEN    once, @join_ns after the connection's first input, when one of kind OPEN came in that
 *           time, whether one end is known then or both. Left out when the connection closes
 *           before: a short connection is one record.
 *   ACTIVE  after inputs that changed its totals (or named its other end), held for @join_ns so
 *           that both ends' rows of one sweep make one record. The first record of a connection
 *           that is older than the agent, or whose OPEN was lost, is ACTIVE too.
 *   CLOSED  exactly once, with the final totals. Both ends known: when both have closed, or
 *           @close_wait_ns after the first; likewise when one is known and says that the other is
 *           on this node. Else @join_ns after it closed, because the other end's first event may
 *           still be on its way. A connect() that failed: at
 *           once. UDP ends with the end that opened the exchange: @join_ns after that closed;
 *           a server's end that goes idle before it does not end it. When datagrams of it were
 *           dropped, @close_wait_ns after, so that the drops are counted to the last.
 * An end that is still open when its connection's CLOSED record is made leaves a tombstone
 * behind, which absorbs what that end still says, so that there is no second record. A tombstone
 * goes with that end's CLOSE, after @tombstone_ns without a word of it, or when there are more
 * than @max_connections of them. So does the end of a connection that a resync closed.
 *
 * Numbers: what the source's end counted, else what the destination's did; totals never
 * decrease before the CLOSED record, whose account is exact. Where the source's CLOSE was lost,
 * the larger of both accounts. The end reason is the more telling one of the two ends: RST,
 * TIMEOUT, …, FIN, …, UNKNOWN.
 *
 * Shape:  pure: no I/O and no clock; @now_ns is CLOCK_MONOTONIC and does not go backwards. An
 *         input costs O(1) expected. 192 bytes per connection with one or both ends, 88 per
 *         distinct process, 32 per tombstone, 48 per translation remembered; and 16 for each of
 *         them in an index, but no more than 0.9 MB for 131,072 connections (1.2 MB with
 *         @translates). Address space for the most there may be is reserved at the start, pages
 *         count when they are used: memory follows the peak, it is not given back.
 * Full:   the connection that was updated least recently makes room. What it holds is emitted
 *         first, and a later input of it makes it anew (inputs are self-contained), so only the
 *         join is lost. Counted as evicted.
 * Order:  the inputs of one end come in order; those of the two ends in any. An input of kind
 *         OPEN, UPDATE or FOUND after the CLOSE of the same end would make the connection anew.
 * Counts: at all times inputs = delivered + pending.
 */
struct weir_correlate;

/** Called from within input, tick, flush or resync_end; must not call back. @flow is borrowed. */
typedef void (*weir_correlate_sink_fn)(void *ctx, const struct weir_flow *flow);

/**
 * Whether the network may have translated @asked to @backend at @when_ns; with @backend NULL (and
 * port 0): whether it translates @asked at all. Must be cheap, and must not call back.
 */
typedef bool (*weir_correlate_translates_fn)(void *ctx, const struct weir_addr *asked,
					     uint16_t asked_port, const struct weir_addr *backend,
					     uint16_t backend_port, uint8_t protocol,
					     uint64_t when_ns);

/** struct weir_correlate_opts - 0 takes the default; times above half an hour are cut to it. */
struct weir_correlate_opts {
	size_t max_connections;  /* 131072 */
	uint64_t join_ns;        /* 20 ms */
	uint64_t close_wait_ns;  /* 1 s */
	uint64_t tombstone_ns;   /* 60 s; choose it longer than the UDP idle timeout */
	weir_correlate_sink_fn sink;  /* required */
	weir_correlate_translates_fn translates;  /* NULL: not asked */
	struct weir_nat *nat;                     /* NULL: not known; the caller's, which outlives it */
	void *ctx;
};

struct weir_correlate_stats {
	uint64_t inputs;
	uint64_t delivered;  /* their content is in an emitted record, or they had nothing new */
	uint64_t pending;    /* held; not in a record yet */
	uint64_t absorbed;   /* of @delivered: of ends whose connection had its CLOSED record, and
			      * of TCP sockets that are still connecting */
	uint64_t unmatched;  /* of @delivered: drops of established TCP not known here */
	uint64_t icmp_unmatched;  /* likewise: ICMP errors, of a kind at a place, of whatever
				   * protocol they speak */
	uint64_t evicted;    /* connections, or what was dropped of one, that had to make room */
	uint64_t joined;     /* connections whose second end was found */
	uint64_t collisions; /* ends kept apart although their key was taken */
	uint64_t resynced;   /* ends closed by a resync: their CLOSE was lost */
	uint64_t records[WEIR_STATE_MAX_];  /* by enum weir_flow_state */
	uint64_t live;       /* connections in the table now */
	uint64_t tombstones; /* now */
	uint64_t tombstones_lost;  /* given up for room: their end may make a second record */
	uint64_t memory_bytes;     /* of the most there have been, and the indexes in full */
};

/** weir_correlate_new() - 0, -EINVAL (no sink, or more than 2^28 connections) or -ENOMEM. */
int weir_correlate_new(const struct weir_correlate_opts *opts, struct weir_correlate **ret_corr);

/** weir_correlate_free() - nothing is emitted: call weir_correlate_flush() before. NULL-safe. */
void weir_correlate_free(struct weir_correlate **corr);

/**
 * weir_correlate_input() - take one input; @in is not needed afterwards.
 *
 * A TCP socket that is still connecting (not established, no CLOSE) makes no record yet.
 *
 * Errors: -ENOSPC: the input was not taken and is in no count but the caller's.
 */
int weir_correlate_input(struct weir_correlate *corr, const struct weir_flow_input *in,
			 uint64_t now_ns);

/**
 * weir_correlate_drop() - take what the kernel dropped.
 *
 * It belongs to the UDP exchange that its addresses and ports name, or to the TCP connect() that its
 * sequence number does. Of an exchange, the next record says it. What has no SYN is of an established
 * connection, and waits for up to two passages through the table, 500 ms apart, that look for its
 * addresses and ports; 1,024 inputs at most wait, and what is not found is counted as unmatched. A connect() that still goes on
 * after @join_ns gets a NOTICE, and so does what no socket on this node is known to have sent, again
 * when more was dropped. The records of the connection that this becomes have what was
 * dropped, too; when it never becomes one, CLOSED has the verdict DROPPED. A connect() that succeeds
 * later has another id than its notices.
 *
 * What an ICMP error spoke of is found in the same way, and said by the next record, without a verdict
 * of its own. It makes no NOTICE: of a connection that is not known it is counted as icmp_unmatched, of one
 * that still connects its CLOSED record says it.
 *
 * Shape:  16,384 connections at most; the one of which nothing was dropped for longest makes room,
 *         and its later records do not say what was dropped. Counted as evicted.
 * Errors: -ENOSPC as weir_correlate_input().
 */
int weir_correlate_drop(struct weir_correlate *corr, const struct weir_drop_input *in,
			uint64_t now_ns);

/**
 * weir_correlate_tick() - emit what is due at @now_ns.
 *
 * Returns the instant of the next deadline, UINT64_MAX when there is none. Instants and holds are
 * kept in units of 1024 ns, each rounded down: a deadline may be met up to two units early.
 */
uint64_t weir_correlate_tick(struct weir_correlate *corr, uint64_t now_ns);

/** weir_correlate_flush() - emit everything held, whatever its deadline; for the shutdown. */
void weir_correlate_flush(struct weir_correlate *corr, uint64_t now_ns);

/**
 * weir_correlate_resync_begin() - a full sweep starts: every live socket of the kernel comes as
 * an UPDATE or FOUND input before weir_correlate_resync_end(). Begin anew to give one up.
 */
void weir_correlate_resync_begin(struct weir_correlate *corr, uint64_t now_ns);

/**
 * weir_correlate_resync_end() - ends that gave no sign of life since the begin are closed with
 * WEIR_END_UNKNOWN: they are gone and their CLOSE was lost. Nothing without a begin.
 *
 * Units:  O(connections). Their CLOSED record has @now_ns as time_ns and the latest sign of life
 *         as last_ns.
 */
void weir_correlate_resync_end(struct weir_correlate *corr, uint64_t now_ns);

void weir_correlate_get_stats(const struct weir_correlate *corr,
			      struct weir_correlate_stats *ret_stats);

#endif
