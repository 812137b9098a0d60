/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/rtnl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "lib/cleanup.h"
#include "lib/map.h"
#include "lib/netlink.h"

/* The kernel makes no datagram of a dump larger than this. */
#define BUFFER_BYTES 32768
/* What is told while this process does something else waits here: some thousand links. */
#define SOCKET_BYTES (2 << 20)

/* What is being dumped. Routes follow links: each is looked up by its link. */
enum stage {
	STAGE_NONE,
	STAGE_LINKS,
	STAGE_ROUTES4,
	STAGE_ROUTES6,
};

struct entry {
	LIST_ENTRY(entry) list;
	struct weir_rtnl_link link;
	void *slot;
	uint32_t dump;       /* in which it was seen last */
	bool told;
	bool by_main;        /* found by the dump of routes that is under way */
	bool by_other;
};

struct weir_rtnl {
	struct weir_rtnl_opts opts;
	int fd;
	uint32_t port;       /* of the socket: who asked, in answers */
	struct weir_map by_ifindex;
	LIST_HEAD(entries, entry) entries;
	struct weir_rtnl_stats stats;
	enum stage stage;
	uint32_t seq;        /* of the dump under way */
	uint32_t dump;       /* of links; counts up */
	bool synced;
	bool links_wanted;   /* a dump is due once nothing waits to be read */
	bool routes_wanted;
	bool interrupted;    /* the dump of links under way is of more than one state */
	int error;           /* of a dump the kernel refused; no other is asked for until resync */
	bool error_told;
	_Alignas(struct nlmsghdr) char buffer[BUFFER_BYTES];
};

static void tell(struct weir_rtnl *rtnl, struct entry *entry, enum weir_rtnl_event event)
{
	if (!rtnl->synced)
		return;
	entry->told = true;
	rtnl->opts.on_link(rtnl->opts.ctx, event, &entry->link, &entry->slot);
}

static struct entry *lookup(const struct weir_rtnl *rtnl, uint32_t ifindex)
{
	return weir_map_lookup(&rtnl->by_ifindex, &ifindex, sizeof(ifindex));
}

static void add(struct weir_rtnl *rtnl, const struct weir_rtnl_link *link)
{
	_cleanup_free_ struct entry *entry = NULL;

	if (rtnl->by_ifindex.count >= WEIR_RTNL_LINKS_MAX) {
		rtnl->stats.refused++;
		return;
	}
	entry = calloc(1, sizeof(*entry));
	if (!entry) {
		rtnl->stats.refused++;
		return;
	}
	entry->link = *link;
	entry->dump = rtnl->dump;
	if (weir_map_add(&rtnl->by_ifindex, &entry->link.ifindex, sizeof(entry->link.ifindex),
			 entry) < 0) {
		rtnl->stats.refused++;
		return;
	}
	LIST_INSERT_HEAD(&rtnl->entries, entry, list);
	tell(rtnl, TAKE_PTR(entry), WEIR_RTNL_ADDED);
}

static void remove_entry(struct weir_rtnl *rtnl, struct entry *entry)
{
	if (entry->told)
		tell(rtnl, entry, WEIR_RTNL_REMOVED);
	LIST_REMOVE(entry, list);
	(void)weir_map_remove(&rtnl->by_ifindex, &entry->link.ifindex, sizeof(entry->link.ifindex));
	free(entry);
}

static void change(struct weir_rtnl *rtnl, struct entry *entry, const struct weir_rtnl_link *link)
{
	bool main = entry->link.default_route, other = entry->link.default_route_elsewhere;

	/* The kernel does not tell which routes went when a link went down. */
	if ((main || other) && entry->link.flags & IFF_UP && !(link->flags & IFF_UP))
		rtnl->routes_wanted = true;
	entry->link = *link;
	entry->link.default_route = main;
	entry->link.default_route_elsewhere = other;
	entry->dump = rtnl->dump;
	tell(rtnl, entry, WEIR_RTNL_CHANGED);
}

static void on_link(struct weir_rtnl *rtnl, const struct nlmsghdr *nlh)
{
	struct weir_rtnl_link link;
	struct entry *entry;
	int r = weir_rtnl_decode_link(nlh, &link);

	if (r) {
		rtnl->stats.bad_messages += r < 0;
		return;
	}
	entry = lookup(rtnl, link.ifindex);
	if (nlh->nlmsg_type == RTM_NEWLINK) {
		if (entry)
			change(rtnl, entry, &link);
		else
			add(rtnl, &link);
	} else if (entry) {
		remove_entry(rtnl, entry);
	}
}

static void on_hop(void *ctx, uint32_t ifindex, bool table_main)
{
	struct weir_rtnl *rtnl = ctx;
	struct entry *entry = lookup(rtnl, ifindex);

	if (!entry)
		return;
	if (table_main)
		entry->by_main = true;
	else
		entry->by_other = true;
}

/* What a change of one route means depends on the others (metrics, replaced ones, paths of one
 * route that go alone): so it is only taken as a reason to look at all of them again. */
static void on_route(struct weir_rtnl *rtnl, const struct nlmsghdr *nlh, bool of_dump)
{
	int r = weir_rtnl_decode_default(nlh, of_dump ? on_hop : NULL, rtnl);

	if (r < 0)
		rtnl->stats.bad_messages++;
	else if (r == 0 && !of_dump)
		rtnl->routes_wanted = true;
}

static int ask(struct weir_rtnl *rtnl, enum stage stage)
{
	char bytes[MNL_ALIGN(sizeof(struct nlmsghdr)) + 64] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);
	struct ifinfomsg *info;
	struct rtmsg *route;

	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = ++rtnl->seq;
	if (stage == STAGE_LINKS) {
		nlh->nlmsg_type = RTM_GETLINK;
		info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));
		info->ifi_family = AF_UNSPEC;
		mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	} else {
		nlh->nlmsg_type = RTM_GETROUTE;
		route = mnl_nlmsg_put_extra_header(nlh, sizeof(*route));
		route->rtm_family = stage == STAGE_ROUTES4 ? AF_INET : AF_INET6;
	}
	if (send(rtnl->fd, nlh, nlh->nlmsg_len, 0) < 0)
		return -errno;
	rtnl->stage = stage;
	rtnl->interrupted = false;
	rtnl->stats.dumps++;
	return 0;
}

static int ask_links(struct weir_rtnl *rtnl)
{
	int r;

	rtnl->dump++;
	r = ask(rtnl, STAGE_LINKS);
	if (r == 0)
		rtnl->links_wanted = false;
	return r;
}

static int ask_routes(struct weir_rtnl *rtnl)
{
	struct entry *entry;
	int r;

	LIST_FOREACH(entry, &rtnl->entries, list)
	entry->by_main = entry->by_other = false;
	r = ask(rtnl, STAGE_ROUTES4);
	if (r == 0)
		rtnl->routes_wanted = false;
	return r;
}

static void forget_unseen(struct weir_rtnl *rtnl)
{
	struct entry *entry, *next;

	for (entry = LIST_FIRST(&rtnl->entries); entry; entry = next) {
		next = LIST_NEXT(entry, list);
		if (entry->dump != rtnl->dump)
			remove_entry(rtnl, entry);
	}
}

static void adopt_routes(struct weir_rtnl *rtnl)
{
	bool first = !rtnl->synced, same;
	struct entry *entry;

	rtnl->synced = true;
	LIST_FOREACH(entry, &rtnl->entries, list)
	{
		same = entry->link.default_route == entry->by_main &&
		       entry->link.default_route_elsewhere == entry->by_other;
		entry->link.default_route = entry->by_main;
		entry->link.default_route_elsewhere = entry->by_other;
		if (first)
			tell(rtnl, entry, WEIR_RTNL_ADDED);
		else if (!same)
			tell(rtnl, entry, WEIR_RTNL_CHANGED);
	}
}

/* Links that came and went during a dump may have hidden others from it. Not so routes: of a default
 * route that changes there is word, and with many routes something changes all the time. */
static void dump_done(struct weir_rtnl *rtnl)
{
	enum stage stage = rtnl->stage;

	rtnl->stage = STAGE_NONE;
	if (stage == STAGE_LINKS) {
		if (rtnl->interrupted)
			rtnl->links_wanted = true;
		else
			forget_unseen(rtnl);
		rtnl->routes_wanted = true;
	} else if (stage == STAGE_ROUTES4) {
		if (ask(rtnl, STAGE_ROUTES6) < 0)
			rtnl->routes_wanted = true;
	} else {
		adopt_routes(rtnl);
	}
}

static void dump_failed(struct weir_rtnl *rtnl, int error)
{
	if (rtnl->stage == STAGE_LINKS)
		rtnl->links_wanted = true;
	rtnl->routes_wanted = true;
	rtnl->stage = STAGE_NONE;
	rtnl->error = error;
	rtnl->error_told = false;
}

/* Both kinds of message begin with a negative errno or 0. */
static void on_dump_end(struct weir_rtnl *rtnl, const struct nlmsghdr *nlh)
{
	int32_t status = nlh->nlmsg_type == NLMSG_ERROR ? -EIO : 0;

	if (nlh->nlmsg_len >= MNL_NLMSG_HDRLEN + sizeof(status))
		memcpy(&status, mnl_nlmsg_get_payload(nlh), sizeof(status));
	if (status < 0)
		dump_failed(rtnl, status);
	else
		dump_done(rtnl);
}

static void on_message(struct weir_rtnl *rtnl, const struct nlmsghdr *nlh)
{
	/* The kernel puts in who asked for the change: us, with this number, only for the dump. */
	bool of_dump = rtnl->stage != STAGE_NONE && nlh->nlmsg_seq == rtnl->seq &&
		       nlh->nlmsg_pid == rtnl->port;

	rtnl->stats.messages++;
	if (of_dump && nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		rtnl->interrupted = true;
	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		on_link(rtnl, nlh);
		return;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		on_route(rtnl, nlh, of_dump && rtnl->stage != STAGE_LINKS);
		return;
	case NLMSG_DONE:
	case NLMSG_ERROR:
		if (of_dump)
			on_dump_end(rtnl, nlh);
		return;
	}
}

/* libmnl's own check takes a length as int: one of 4 GiB is less than none. */
static bool is_whole(const struct nlmsghdr *nlh, size_t left)
{
	return left >= sizeof(*nlh) && nlh->nlmsg_len >= sizeof(*nlh) && nlh->nlmsg_len <= left;
}

void weir_rtnl_feed(struct weir_rtnl *rtnl, const void *bytes, size_t len)
{
	const char *at = bytes;
	size_t left = len, step;

	while (left) {
		const struct nlmsghdr *nlh = (const void *)at;

		if (!is_whole(nlh, left)) {
			rtnl->stats.bad_messages++;
			return;
		}
		on_message(rtnl, nlh);
		step = (size_t)MNL_ALIGN(nlh->nlmsg_len);
		if (step >= left)
			return;
		at += step;
		left -= step;
	}
}

static void want_all(struct weir_rtnl *rtnl)
{
	rtnl->links_wanted = true;
	rtnl->routes_wanted = true;
}

/* One datagram; 0 when there is none, 1, or -errno. */
static int receive(struct weir_rtnl *rtnl)
{
	ssize_t n = weir_netlink_receive(rtnl->fd, rtnl->buffer, sizeof(rtnl->buffer));

	switch (n) {
	case -EAGAIN:
		return 0;
	case -EINTR:
		return 1;
	case -ENOBUFS:
		rtnl->stats.overruns++;
		want_all(rtnl);
		return 1;
	case -EMSGSIZE:
		rtnl->stats.bad_messages++;
		want_all(rtnl);
		return 1;
	case -EBADMSG:
		rtnl->stats.bad_messages++;
		return 1;
	}
	if (n < 0)
		return (int)n;
	weir_rtnl_feed(rtnl, rtnl->buffer, (size_t)n);
	return 1;
}

/*
 * Not before all was read: after an overrun the kernel says nothing more until then, and what changed
 * meanwhile, after the dump had passed it, would be missed.
 */
static int ask_what_is_wanted(struct weir_rtnl *rtnl)
{
	int r;

	if (rtnl->stage != STAGE_NONE)
		return 0;
	if (rtnl->error) {
		r = rtnl->error_told ? 0 : rtnl->error;
		rtnl->error_told = true;
		return r;
	}
	if (rtnl->links_wanted)
		return ask_links(rtnl);
	return rtnl->routes_wanted ? ask_routes(rtnl) : 0;
}

int weir_rtnl_dispatch(struct weir_rtnl *rtnl, size_t max)
{
	int r;

	for (size_t i = 0; i < max; i++) {
		r = receive(rtnl);
		if (r < 0)
			return r;
		if (r > 0)
			continue;
		r = ask_what_is_wanted(rtnl);
		if (r < 0)
			return r;
		if (rtnl->stage == STAGE_NONE)
			return 0;
	}
	return 1;
}

static int open_socket(struct weir_rtnl *rtnl)
{
	static const int groups[] = { RTNLGRP_LINK, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE };
	int bytes = SOCKET_BYTES;
	int r = weir_netlink_open(NETLINK_ROUTE, SOCK_NONBLOCK, &rtnl->fd, &rtnl->port);

	if (r < 0)
		return r;
	/* Best effort: with less room there are more dumps. */
	if (setsockopt(rtnl->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(rtnl->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	return weir_netlink_join(rtnl->fd, groups, sizeof(groups) / sizeof(groups[0]));
}

int weir_rtnl_new(const struct weir_rtnl_opts *opts, struct weir_rtnl **ret_rtnl)
{
	_cleanup_(weir_rtnl_free) struct weir_rtnl *rtnl = calloc(1, sizeof(*rtnl));
	int r;

	if (!rtnl)
		return -ENOMEM;
	rtnl->opts = *opts;
	rtnl->fd = -1;
	LIST_INIT(&rtnl->entries);
	weir_map_init(&rtnl->by_ifindex);
	r = open_socket(rtnl);
	if (r < 0)
		return r;
	r = ask_links(rtnl);
	if (r < 0)
		return r;
	*ret_rtnl = TAKE_PTR(rtnl);
	return 0;
}

void weir_rtnl_free(struct weir_rtnl **p)
{
	struct weir_rtnl *rtnl = TAKE_PTR(*p);
	struct entry *entry;

	if (!rtnl)
		return;
	while ((entry = LIST_FIRST(&rtnl->entries))) {
		LIST_REMOVE(entry, list);
		free(entry);
	}
	weir_map_done(&rtnl->by_ifindex);
	weir_cleanup_fd(&rtnl->fd);
	free(rtnl);
}

int weir_rtnl_fd(const struct weir_rtnl *rtnl)
{
	return rtnl->fd;
}

bool weir_rtnl_synced(const struct weir_rtnl *rtnl)
{
	return rtnl->synced;
}

void weir_rtnl_resync(struct weir_rtnl *rtnl)
{
	rtnl->error = 0;
	want_all(rtnl);
}

void weir_rtnl_get_stats(const struct weir_rtnl *rtnl, struct weir_rtnl_stats *ret_stats)
{
	*ret_stats = rtnl->stats;
	ret_stats->links = rtnl->by_ifindex.count;
}
