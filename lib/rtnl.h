/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LIB_RTNL_H
#define WEIR_LIB_RTNL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/rtnl_decode.h"

/*
 * The links of one network namespace as they come, change and go, by rtnetlink: everything is asked
 * for once (a dump), and what changes is told by the kernel from then on. What the kernel had no room
 * to tell leads to another dump, of which only the differences are passed on.
 */
struct weir_rtnl;

enum weir_rtnl_event {
	WEIR_RTNL_ADDED,
	WEIR_RTNL_CHANGED,  /* the kernel said something of it again; maybe nothing that is told here */
	WEIR_RTNL_REMOVED,
};

struct weir_rtnl_opts {
	/*
	 * Each link is added once, changed any number of times, and removed once. @link is borrowed for
	 * the call. @slot is the caller's from added to removed, for what it keeps of the link, and
	 * begins as NULL; its address stays. May not free the follower.
	 */
	void (*on_link)(void *ctx, enum weir_rtnl_event event, const struct weir_rtnl_link *link,
			void **slot);
	void *ctx;
};

struct weir_rtnl_stats {
	uint64_t links;         /* there now */
	uint64_t messages;      /* looked at */
	uint64_t bad_messages;  /* not understood, or from another sender than the kernel */
	uint64_t overruns;      /* times the kernel had no room to tell */
	uint64_t dumps;         /* of links or routes, begun */
	uint64_t refused;       /* links beyond WEIR_RTNL_LINKS_MAX */
};

/** Links followed at once; more are counted and left out. */
#define WEIR_RTNL_LINKS_MAX 65536

/**
 * weir_rtnl_new() - follow the namespace this thread is in; where it is later makes no difference.
 *
 * Owner:  the socket keeps the namespace alive until weir_rtnl_free().
 * Errors: those of socket(2), bind(2) and sendto(2), or -ENOMEM.
 */
int weir_rtnl_new(const struct weir_rtnl_opts *opts, struct weir_rtnl **ret_rtnl);

/** weir_rtnl_free() - NULL-safe; nothing is passed on any more, slots are not looked at. */
void weir_rtnl_free(struct weir_rtnl **rtnl);

/** weir_rtnl_fd() - readable while something is to be read; to poll only. */
int weir_rtnl_fd(const struct weir_rtnl *rtnl);

/**
 * weir_rtnl_dispatch() - read at most @max datagrams, of up to 32 KiB each, and pass on what they say.
 *
 * Never blocks. Returns 1 when there may be more, 0 when all was read.
 * Errors: those of recvmsg(2) but EAGAIN, EINTR and ENOBUFS; once, what the kernel refused a dump
 *         with: there is no other before weir_rtnl_resync().
 */
int weir_rtnl_dispatch(struct weir_rtnl *rtnl, size_t max);

/** weir_rtnl_synced() - whether the first dump is over. Links are passed on from then, those of the
 * dump at once: so that it is known of each whether a default route leaves by it. */
bool weir_rtnl_synced(const struct weir_rtnl *rtnl);

/** weir_rtnl_resync() - ask for everything again, by the next dispatch. */
void weir_rtnl_resync(struct weir_rtnl *rtnl);

/** weir_rtnl_feed() - take @len bytes as if the kernel had sent them, aligned as it
 * does: for tests. */
void weir_rtnl_feed(struct weir_rtnl *rtnl, const void *bytes, size_t len);

void weir_rtnl_get_stats(const struct weir_rtnl *rtnl, struct weir_rtnl_stats *ret_stats);

#endif
