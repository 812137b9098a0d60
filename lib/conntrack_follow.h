/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LIB_CONNTRACK_FOLLOW_H
#define WEIR_LIB_CONNTRACK_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/conntrack.h"

/**
 * struct weir_conntrack_follow - what the kernel's conntrack of one network namespace translates.
 *
 * All there is at the start (a dump), and from then on what is made and what goes. The kernel
 * itself leaves out what does not translate (a filter on the socket), which is nearly everything.
 * Where nothing is tracked, following does not make the kernel begin to.
 *
 * A dump may tell what the events told already, and events what the dump is still to tell.
 * Entries made before someone followed go without an event (nf_conntrack_events=2, the default
 * since Linux 5.19), so dump now and then; and again after a loss, which it does by itself.
 *
 * Shape: two netlink sockets in the namespace of the thread that made it; nothing blocks.
 */
struct weir_conntrack_follow;

struct weir_conntrack_follow_opts {
	size_t buffer_bytes;  /* events the kernel keeps for us; the kernel counts some 1 KiB each */
	/* @dumped: as an answer to a dump, after on_dump_begin and before on_dump_end. */
	void (*on_entry)(void *ctx, enum weir_conntrack_kind kind, bool dumped,
			 const struct weir_conntrack_entry *entry);
	void (*on_dump_begin)(void *ctx);
	/* Not called for a dump that failed; the next one begins anew. */
	void (*on_dump_end)(void *ctx);
	void *ctx;
};

struct weir_conntrack_follow_stats {
	uint64_t lost;  /* events the kernel had no room for */
	uint64_t bad;   /* messages that were not what they should be */
	uint64_t dumps; /* that came to their end */
};

/**
 * weir_conntrack_follow_new() - follow the namespace this thread is in.
 *
 * Errors: -ENOENT when this kernel has no conntrack (now: it may be a module that is not loaded,
 *         and is not loaded for our sake); -EPERM without CAP_NET_ADMIN; -errno of the sockets.
 */
int weir_conntrack_follow_new(const struct weir_conntrack_follow_opts *opts,
			      struct weir_conntrack_follow **ret_follow);
void weir_conntrack_follow_free(struct weir_conntrack_follow **follow);

/** weir_conntrack_follow_fd() - readable while events wait. */
int weir_conntrack_follow_fd(const struct weir_conntrack_follow *follow);

/** weir_conntrack_follow_events() - take at most about @max events; returns how many. */
size_t weir_conntrack_follow_events(struct weir_conntrack_follow *follow, size_t max);

/** weir_conntrack_follow_dump() - a dump is wanted; steps make it. */
void weir_conntrack_follow_dump(struct weir_conntrack_follow *follow);

/**
 * weir_conntrack_follow_step() - go on with the dump that is wanted: some hundred entries, about
 * 0.1 ms. Returns whether there is more to do.
 */
bool weir_conntrack_follow_step(struct weir_conntrack_follow *follow);

void weir_conntrack_follow_get_stats(const struct weir_conntrack_follow *follow,
				     struct weir_conntrack_follow_stats *ret_stats);

#endif
