/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FLOW_NAT_H
#define WEIR_FLOW_NAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/flow.h"
#include "lib/conntrack.h"

/**
 * struct weir_nat - what the network of this node translates, by conntrack's account.
 *
 * Of each entry there are two views: how its packets were sent, which is what the client's socket
 * knows, and how they arrive, which is what the server's knows. Either finds it.
 *
 * Time:   an entry counts from the earliest time at which it may have been made. What the kernel
 *         has removed is found for a while more, because records come late; so one port can have
 *         an old entry and a new one, and a question says for what time it is asked. Where two
 *         different answers fit equally well there is none.
 * Shape:  two hash lookups for each entry made or gone, one for a question. Pure: no I/O, no clock.
 *         144 bytes for each entry, 16 more for each that is allowed, in indexes; address space for
 *         the most there may be is reserved at the start, and pages count when they are used.
 * Full:   what is gone makes room, oldest first; then what has been there for longest, which is
 *         counted as evicted, and whose connections are known as their sockets know them.
 */
struct weir_nat;

struct weir_nat_opts {
	size_t max;            /* entries; 131072 */
	uint64_t keep_ns;      /* UDP, SCTP: found for so long after it went; 20 s. Choose it longer
				* than the UDP idle timeout */
	uint64_t keep_tcp_ns;  /* TCP likewise; 5 s */
};

struct weir_nat_stats {
	uint64_t live;          /* now */
	uint64_t gone;          /* still found, now */
	uint64_t found;         /* of @live: the kernel may not tell when they go, a dump will */
	uint64_t evicted;       /* live ones that had to make room */
	uint64_t memory_bytes;  /* of the most there have been, and the indexes in full */
};

/** weir_nat_new() - 0, -EINVAL (more than 2^28) or -ENOMEM. */
int weir_nat_new(const struct weir_nat_opts *opts, struct weir_nat **ret_nat);
void weir_nat_free(struct weir_nat **nat);

/** weir_nat_is_empty() - nothing is known, so nothing need be asked. */
bool weir_nat_is_empty(const struct weir_nat *nat);

/**
 * weir_nat_add() - the kernel has made @entry, not before @earliest_ns.
 *
 * Another one with the same original tuple is gone by now. What is there already stays.
 */
void weir_nat_add(struct weir_nat *nat, const struct weir_conntrack_entry *entry,
		  uint64_t earliest_ns, uint64_t now_ns);

/** weir_nat_remove() - the kernel has removed it, by @now_ns; unknown ones are ignored. */
void weir_nat_remove(struct weir_nat *nat, const struct weir_conntrack_entry *entry,
		     uint64_t now_ns);

/**
 * weir_nat_dump_begin() - all entries of a network namespace come by weir_nat_found() before
 * weir_nat_dump_end(). Returns what to call these two with.
 */
uint32_t weir_nat_dump_begin(struct weir_nat *nat);

/** weir_nat_found() - a dump has it: made at some time, unless it is known to be gone. */
void weir_nat_found(struct weir_nat *nat, const struct weir_conntrack_entry *entry,
		    uint64_t now_ns);

/** weir_nat_dump_end() - those of @netns that neither came nor were made since are gone. */
void weir_nat_dump_end(struct weir_nat *nat, uint32_t netns, uint32_t dump, uint64_t now_ns);

/** struct weir_nat_question - about packets as they are at one end, and when that end was alive. */
struct weir_nat_question {
	struct weir_conntrack_tuple tuple;
	uint64_t opened_ns;  /* 0: not known */
	uint64_t last_ns;
	uint32_t netns;      /* counts on loopback only */
	uint8_t protocol;
};

/**
 * weir_nat_sent() - what arrived so was sent how? @question has the server's view: its source is
 * the peer that the server's socket sees. The answer has the client and what it asked for.
 *
 * Several translations in a row, in different namespaces, are followed; false: none known.
 */
bool weir_nat_sent(const struct weir_nat *nat, const struct weir_nat_question *question,
		   struct weir_conntrack_tuple *ret_tuple);

/** weir_nat_arrived() - the other way round: where does what was sent so arrive, and as from whom? */
bool weir_nat_arrived(const struct weir_nat *nat, const struct weir_nat_question *question,
		      struct weir_conntrack_tuple *ret_tuple);

/**
 * weir_nat_finish() - the last record of a TCP connection was made: who connects again gets a new
 * entry, so the kernel's, which lives for minutes more, need not be known for longer than others
 * that are gone. @question as for weir_nat_arrived().
 */
void weir_nat_finish(struct weir_nat *nat, const struct weir_nat_question *question,
		     uint64_t now_ns);

/** weir_nat_expire() - forget what is gone for long; some thousand at most. */
void weir_nat_expire(struct weir_nat *nat, uint64_t now_ns);

void weir_nat_get_stats(const struct weir_nat *nat, struct weir_nat_stats *ret_stats);

#endif
