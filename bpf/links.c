/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/links.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <unistd.h>

#include "bpf/links_choose.h"
#include "lib/cleanup.h"
#include "lib/netns.h"
#include "lib/rtnl.h"

/* Datagrams read of one namespace in a turn, and namespaces looked at. */
#define DATAGRAMS_MAX 64
#define READY_MAX 16
/* A first dump is one round for each 64 datagrams of 32 KiB; it has ended long before. */
#define FIRST_ROUNDS_MAX 4096
#define FIRST_WAIT_MS 1000

struct watched;

struct netns {
	LIST_ENTRY(netns) list;
	struct weir_links *links;
	int fd;              /* or -1: the thread's own */
	uint64_t cookie;
	struct weir_rtnl *rtnl;
	bool first;          /* links are those that were here before us */
	bool unsure;         /* reading failed: ask for everything again */
	LIST_HEAD(watched_list, watched) watched;
};

/* A link that is chosen, or was and still has programs. */
struct watched {
	LIST_ENTRY(watched) list;
	TAILQ_ENTRY(watched) entry;  /* of the queue, while it is in it */
	struct netns *netns;
	void **slot;                 /* that leads here */
	struct weir_rtnl_link link;
	enum weir_link_kind want;
	enum weir_link_kind have[WEIR_LINK_DIRECTIONS_];
	enum weir_link_kind told;    /* attached as, to the owner */
	struct weir_tc tc[WEIR_LINK_DIRECTIONS_];
	int error;                   /* of the last attempt, or 0 */
	int error_told;
	bool queued;
};

struct weir_links {
	struct weir_links_opts opts;
	enum weir_tc_hook hook;
	int epoll_fd;
	LIST_HEAD(netns_list, netns) namespaces;
	TAILQ_HEAD(queue, watched) queue;    /* with something to attach or detach */
	struct weir_links_stats stats;
};

static int enter(const struct netns *netns, int *ret_back_fd)
{
	return netns->fd < 0 ? 0 : weir_netns_enter(netns->fd, ret_back_fd);
}

static void enqueue(struct watched *w)
{
	struct weir_links *links = w->netns->links;

	if (w->queued)
		return;
	TAILQ_INSERT_TAIL(&links->queue, w, entry);
	w->queued = true;
	links->stats.waiting++;
}

static void dequeue(struct watched *w)
{
	struct weir_links *links = w->netns->links;

	if (!w->queued)
		return;
	TAILQ_REMOVE(&links->queue, w, entry);
	w->queued = false;
	links->stats.waiting--;
}

static bool counts_as_failed(int error)
{
	/* A link that is just going, or coming from a namespace that was not looked at yet. */
	return error && error != -ENODEV && error != -EEXIST;
}

static void set_error(struct watched *w, int error)
{
	struct weir_links_stats *stats = &w->netns->links->stats;

	stats->failed -= counts_as_failed(w->error);
	stats->failed += counts_as_failed(error);
	w->error = error;
}

static bool is_done(const struct watched *w)
{
	return w->have[WEIR_LINK_IN] == w->want && w->have[WEIR_LINK_OUT] == w->want;
}

/* @kind: NONE when they are not attached in both directions any more. */
static void tell(struct watched *w, enum weir_link_kind kind)
{
	struct weir_links *links = w->netns->links;
	struct weir_link link = {
		.netns_cookie = w->netns->cookie,
		.ifindex = w->link.ifindex,
		.kind = kind ? kind : w->told,
		.name = w->link.name,
	};

	if (!kind && !w->told)
		return;
	links->stats.watched += kind && !w->told;
	links->stats.watched -= !kind;
	w->told = kind;
	if (links->opts.on_link)
		links->opts.on_link(links->opts.ctx, &link, kind != WEIR_LINK_NONE);
}

/* In the link's namespace, or when the link is gone. */
static void detach(struct watched *w, int direction)
{
	if (w->have[direction])
		tell(w, WEIR_LINK_NONE);
	weir_tc_detach(&w->tc[direction]);
	w->have[direction] = WEIR_LINK_NONE;
}

static void forget(struct watched *w)
{
	for (int i = 0; i < WEIR_LINK_DIRECTIONS_; i++)
		detach(w, i);
	set_error(w, 0);
	dequeue(w);
	*w->slot = NULL;
	LIST_REMOVE(w, list);
	free(w);
}

static struct watched *watch(struct netns *netns, void **slot)
{
	static const struct weir_tc none = WEIR_TC_NONE;
	struct watched *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->netns = netns;
	w->slot = slot;
	w->tc[WEIR_LINK_IN] = w->tc[WEIR_LINK_OUT] = none;
	LIST_INSERT_HEAD(&netns->watched, w, list);
	*slot = w;
	return w;
}

/* What took programs off says nothing of it; that the link changed is the occasion to look. */
static void look_after(struct watched *w)
{
	for (int i = 0; i < WEIR_LINK_DIRECTIONS_; i++) {
		if (w->have[i] && !weir_tc_is_attached(&w->tc[i]))
			detach(w, i);
	}
}

/* The thread is in the namespace. */
static void on_rtnl(void *ctx, enum weir_rtnl_event event, const struct weir_rtnl_link *link,
		    void **slot)
{
	struct netns *netns = ctx;
	struct watched *w = *slot;
	enum weir_link_kind want = weir_links_choose(&netns->links->opts, link);

	if (event == WEIR_RTNL_REMOVED) {
		if (w)
			forget(w);
		return;
	}
	/* An agent that was killed may have left its filters, on whichever link it had chosen. */
	if (netns->first)
		(void)weir_tc_clean(link->ifindex);
	if (!w && !want)
		return;
	if (!w)
		w = watch(netns, slot);
	if (!w) {
		netns->links->stats.failures++;
		return;
	}
	w->link = *link;
	w->want = want;
	look_after(w);
	if (!is_done(w))
		enqueue(w);
}

static const char *why_not(enum weir_tc_hook hook, int error)
{
	switch (error) {
	case -EPERM:
		return "not permitted to attach programs to links: CAP_NET_ADMIN is missing there";
	case -EMFILE:
		return "too many open files: raise the limit (LimitNOFILE=, ulimit -n)";
	case -EINVAL:
	case -EOPNOTSUPP:
		return hook == WEIR_TC_CLSACT ? "the kernel takes no filter there: another ingress "
						"qdisc, or CONFIG_NET_CLS_BPF is missing"
					      : "the kernel takes no program there";
	}
	return strerror(-error);
}

static void fail(struct watched *w, int error)
{
	struct weir_links *links = w->netns->links;

	set_error(w, error);
	dequeue(w);
	if (!counts_as_failed(error))
		return;
	links->stats.failures++;
	if (w->error_told == error)
		return;
	w->error_told = error;
	if (links->opts.on_error)
		links->opts.on_error(links->opts.ctx, w->link.name, why_not(links->hook, error));
}

static int attach(struct watched *w, int direction)
{
	const struct weir_links *links = w->netns->links;
	int r = weir_tc_attach(links->hook, links->opts.programs.fd[w->want][direction],
			       w->link.ifindex, direction == WEIR_LINK_OUT, &w->tc[direction]);

	if (r == 0)
		w->have[direction] = w->want;
	return r;
}

/* One program of one link: each may take the kernel 10 ms. */
static int step_in_netns(struct watched *w)
{
	for (int i = 0; i < WEIR_LINK_DIRECTIONS_; i++) {
		if (w->have[i] == w->want)
			continue;
		if (!w->have[i])
			return attach(w, i);
		detach(w, i);
		return 0;
	}
	return 0;
}

static void step(struct watched *w)
{
	_cleanup_(weir_netns_leave) int back_fd = -1;
	int r = enter(w->netns, &back_fd);

	if (r == 0)
		r = step_in_netns(w);
	if (r < 0) {
		fail(w, r);
		return;
	}
	if (!is_done(w))
		return;
	dequeue(w);
	if (!w->want) {
		forget(w);
		return;
	}
	set_error(w, 0);
	w->error_told = 0;
	tell(w, w->want);
}

static int read_links(struct netns *netns)
{
	_cleanup_(weir_netns_leave) int back_fd = -1;
	int r = enter(netns, &back_fd);

	if (r == 0)
		r = weir_rtnl_dispatch(netns->rtnl, DATAGRAMS_MAX);
	if (r < 0)
		netns->unsure = true;
	return r;
}

/* All that is told comes before what is to be done: a link that went is not looked at any more, and
 * one that moved is let go in its old namespace before it is looked at in the new one. */
int weir_links_dispatch(struct weir_links *links)
{
	struct epoll_event ready[READY_MAX];
	int n = epoll_wait(links->epoll_fd, ready, READY_MAX, 0);

	for (int i = 0; i < n; i++)
		(void)read_links(ready[i].data.ptr);
	if (!TAILQ_EMPTY(&links->queue))
		step(TAILQ_FIRST(&links->queue));
	return !TAILQ_EMPTY(&links->queue);
}

int weir_links_retry(struct weir_links *links)
{
	struct netns *netns;
	struct watched *w;

	LIST_FOREACH(netns, &links->namespaces, list)
	{
		bool resync = netns->unsure;

		netns->unsure = false;
		LIST_FOREACH(w, &netns->watched, list)
		{
			if (!w->error || w->queued)
				continue;
			/* Told of, but not there: what is known of links is not true. */
			resync = resync || w->error == -ENODEV;
			enqueue(w);
		}
		if (resync)
			weir_rtnl_resync(netns->rtnl);
		(void)read_links(netns);
	}
	return !TAILQ_EMPTY(&links->queue);
}

static void netns_free(struct netns **p)
{
	struct netns *netns = TAKE_PTR(*p);
	_cleanup_(weir_netns_leave) int back_fd = -1;
	struct watched *w;
	int r;

	if (!netns)
		return;
	/* Filters of clsact would be looked for elsewhere. */
	r = enter(netns, &back_fd);
	while ((w = LIST_FIRST(&netns->watched))) {
		if (r < 0)
			w->tc[WEIR_LINK_IN].filter.priority = w->tc[WEIR_LINK_OUT].filter.priority =
				0;
		forget(w);
	}
	weir_rtnl_free(&netns->rtnl);
	weir_cleanup_fd(&netns->fd);
	free(netns);
}

static bool is_followed(const struct weir_links *links, uint64_t cookie)
{
	const struct netns *netns;

	LIST_FOREACH(netns, &links->namespaces, list)
	{
		if (netns->cookie == cookie)
			return true;
	}
	return false;
}

/* The kernel makes a dump as it is read: waiting is for a day on which it does not. */
static int read_first(struct netns *netns)
{
	struct pollfd pfd = { .fd = weir_rtnl_fd(netns->rtnl), .events = POLLIN };
	int r;

	netns->first = true;
	for (int i = 0; i < FIRST_ROUNDS_MAX && !weir_rtnl_synced(netns->rtnl); i++) {
		if (poll(&pfd, 1, FIRST_WAIT_MS) == 0)
			return -ETIMEDOUT;
		r = weir_rtnl_dispatch(netns->rtnl, DATAGRAMS_MAX);
		if (r < 0)
			return r;
	}
	netns->first = false;
	return weir_rtnl_synced(netns->rtnl) ? 0 : -ETIMEDOUT;
}

/* In the namespace. */
static int start_netns(struct weir_links *links, struct netns *netns)
{
	const struct weir_rtnl_opts opts = { .on_link = on_rtnl, .ctx = netns };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = netns };
	int r = weir_netns_cookie(&netns->cookie);

	if (r < 0)
		return r;
	if (is_followed(links, netns->cookie))
		return -EEXIST;
	r = weir_rtnl_new(&opts, &netns->rtnl);
	if (r < 0)
		return r;
	r = read_first(netns);
	if (r < 0)
		return r;
	if (epoll_ctl(links->epoll_fd, EPOLL_CTL_ADD, weir_rtnl_fd(netns->rtnl), &event) < 0)
		return -errno;
	return 0;
}

int weir_links_add_netns(struct weir_links *links, int netns_fd, uint64_t *ret_cookie)
{
	_cleanup_(netns_free) struct netns *netns = calloc(1, sizeof(*netns));
	_cleanup_(weir_netns_leave) int back_fd = -1;
	int r;

	if (!netns)
		return -ENOMEM;
	netns->links = links;
	netns->fd = -1;
	LIST_INIT(&netns->watched);
	if (netns_fd >= 0) {
		netns->fd = fcntl(netns_fd, F_DUPFD_CLOEXEC, 0);
		if (netns->fd < 0)
			return -errno;
	}
	r = enter(netns, &back_fd);
	if (r < 0)
		return r;
	r = start_netns(links, netns);
	if (r < 0)
		return r;
	*ret_cookie = netns->cookie;
	LIST_INSERT_HEAD(&links->namespaces, netns, list);
	links->stats.namespaces++;
	(void)TAKE_PTR(netns);
	return 0;
}

int weir_links_remove_netns(struct weir_links *links, uint64_t cookie)
{
	struct netns *netns;

	LIST_FOREACH(netns, &links->namespaces, list)
	{
		if (netns->cookie != cookie)
			continue;
		LIST_REMOVE(netns, list);
		links->stats.namespaces--;
		netns_free(&netns);
		return 0;
	}
	return -ENOENT;
}

int weir_links_new(const struct weir_links_opts *opts, struct weir_links **ret_links)
{
	int probe = opts->programs.fd[WEIR_LINK_POD][WEIR_LINK_IN];
	_cleanup_(weir_links_free) struct weir_links *links = calloc(1, sizeof(*links));

	if (!links)
		return -ENOMEM;
	links->opts = *opts;
	LIST_INIT(&links->namespaces);
	TAILQ_INIT(&links->queue);
	links->hook = opts->clsact || !weir_tc_has_tcx(probe) ? WEIR_TC_CLSACT : WEIR_TC_TCX;
	links->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (links->epoll_fd < 0)
		return -errno;
	*ret_links = TAKE_PTR(links);
	return 0;
}

void weir_links_free(struct weir_links **p)
{
	struct weir_links *links = TAKE_PTR(*p);
	struct netns *netns;

	if (!links)
		return;
	links->opts.on_link = NULL;
	while ((netns = LIST_FIRST(&links->namespaces))) {
		LIST_REMOVE(netns, list);
		netns_free(&netns);
	}
	weir_cleanup_fd(&links->epoll_fd);
	free(links);
}

int weir_links_fd(const struct weir_links *links)
{
	return links->epoll_fd;
}

enum weir_tc_hook weir_links_hook(const struct weir_links *links)
{
	return links->hook;
}

void weir_links_get_stats(const struct weir_links *links, struct weir_links_stats *ret_stats)
{
	struct weir_rtnl_stats rtnl;
	struct netns *netns;

	*ret_stats = links->stats;
	LIST_FOREACH(netns, &links->namespaces, list)
	{
		weir_rtnl_get_stats(netns->rtnl, &rtnl);
		ret_stats->bad_messages += rtnl.bad_messages;
		ret_stats->overruns += rtnl.overruns;
	}
}
