/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BPF_LINKS_H
#define WEIR_BPF_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/tc_attach.h"

/*
 * The links of pods, at the node's end, and the node's uplinks: found in any number of network
 * namespaces, and followed; the programs of bpf/link.bpf.c are attached in both directions of each as
 * it comes, and removed when it is none of these any more.
 *
 * An uplink is a link by which a default route of table main leaves, or hardware by which one of
 * another table does (clouds give a node's further cards tables of their own); or what matches
 * the patterns for uplinks, if there are any. A pod's link is what matches the patterns for those and
 * is a veth, a netkit, or hardware (a representor): never a bridge, a tunnel or another link that only
 * carries what was seen on others. What is both is an uplink.
 */
struct weir_links;

enum weir_link_kind {
	WEIR_LINK_NONE,
	WEIR_LINK_POD,
	WEIR_LINK_UPLINK,
	WEIR_LINK_MAX_,
};

enum weir_link_direction {
	WEIR_LINK_IN,   /* what the link brings to the node: tc's ingress */
	WEIR_LINK_OUT,  /* tc's egress */
	WEIR_LINK_DIRECTIONS_,
};

/** struct weir_link_programs - descriptors of the programs by kind and direction; NONE's are unused. */
struct weir_link_programs {
	int fd[WEIR_LINK_MAX_][WEIR_LINK_DIRECTIONS_];
};

/** struct weir_link - a link whose programs are attached in both directions, or no longer are. */
struct weir_link {
	uint64_t netns_cookie;  /* of the namespace the link is in */
	uint32_t ifindex;       /* there */
	enum weir_link_kind kind;
	const char *name;
};

struct weir_links_opts {
	struct weir_link_programs programs;  /* borrowed descriptors */
	/*
	 * fnmatch(3) patterns with extended ones as in +(a|b); one that begins with ! leaves out what it
	 * matches, wherever it stands. Borrowed strings and arrays. No uplinks: by default route.
	 */
	char *const *interfaces;
	size_t n_interfaces;
	char *const *uplinks;
	size_t n_uplinks;
	bool clsact;                         /* also where the kernel has TCX */
	/* Borrowed arguments, valid for the call. May not change or free the links. */
	void (*on_link)(void *ctx, const struct weir_link *link, bool attached);
	/* Once for each link and reason: @name is foreign text, @why one sentence without it. */
	void (*on_error)(void *ctx, const char *name, const char *why);
	void *ctx;
};

struct weir_links_stats {
	uint64_t namespaces;
	uint64_t watched;       /* links with their programs in both directions */
	uint64_t waiting;       /* links whose programs are still to be attached */
	uint64_t failed;        /* links at which they cannot be attached; tried again */
	uint64_t failures;      /* attempts that failed */
	uint64_t bad_messages;  /* of rtnetlink, in the namespaces there are now */
	uint64_t overruns;      /* likewise: times the kernel had no room to tell of links */
};

/** weir_links_new() - in no namespace yet. Errors: -errno of epoll_create1(2), -ENOMEM. */
int weir_links_new(const struct weir_links_opts *opts, struct weir_links **ret_links);

/** weir_links_free() - detach everywhere; NULL-safe; nothing is passed on. */
void weir_links_free(struct weir_links **links);

/**
 * weir_links_add_netns() - follow the links of a namespace.
 *
 * @netns_fd: or -1 for the one this thread is in. Owner: stays the caller's.
 * @ret_cookie: names the namespace from then on.
 * Shape:  reads what links there are; their programs are attached by weir_links_dispatch().
 * Errors: -EEXIST when it is followed already, those of weir_netns_enter() and weir_rtnl_new(),
 *         -ENOMEM.
 */
int weir_links_add_netns(struct weir_links *links, int netns_fd, uint64_t *ret_cookie);

/** weir_links_remove_netns() - detach there and let the namespace go; -ENOENT when it is not followed. */
int weir_links_remove_netns(struct weir_links *links, uint64_t cookie);

/** weir_links_fd() - readable while a namespace has something to tell. */
int weir_links_fd(const struct weir_links *links);

/** weir_links_dispatch() - read what is told, and attach or detach one program. Returns 1 when programs
 * are still to be attached or detached: call it again without waiting for the descriptor; else 0. */
int weir_links_dispatch(struct weir_links *links);

/** weir_links_retry() - try again what failed; for a timer of some seconds. Returns as dispatch. */
int weir_links_retry(struct weir_links *links);

/** weir_links_hook() - what programs are attached by. */
enum weir_tc_hook weir_links_hook(const struct weir_links *links);

void weir_links_get_stats(const struct weir_links *links, struct weir_links_stats *ret_stats);

#endif
