// SPDX-License-Identifier: Apache-2.0
/* What the network translates: conntrack of the namespaces in which links of pods end. */
#include "cmd/weir-agent/nat.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "cmd/weir-agent/agent.h"
#include "lib/cleanup.h"
#include "lib/conntrack_follow.h"
#include "lib/log.h"
#include "lib/netns.h"

#define OWN_NAMESPACE "/proc/self/ns/net"

/* Events taken in one turn of the loop: about 2 ms' work. */
#define EVENTS_MAX 2048
/* As the ring: one wake-up for a burst. Nothing waits for these alone. */
#define READ_PAUSE_NS (20 * WEIR_NS_PER_MS)
#define DUMP_PERIOD_NS (60 * WEIR_NS_PER_SEC)
/* The server's end of an exchange goes idle, and that is told by the next sweep. */
#define KEEP_MARGIN_NS (5 * WEIR_NS_PER_SEC)

struct nat_place {
	struct nat_place *next;
	struct agent *agent;
	int fd;               /* leads there while it is not followed; else -1 */
	uint64_t cookie;
	uint32_t dump;
	uint64_t empty_ns;    /* no event was waiting then */
	uint64_t dumped_ns;
	struct weir_conntrack_follow *follow;  /* NULL: it has no conntrack yet */
	struct weir_loop_fd *watch;
};

static void on_entry(void *ctx, enum weir_conntrack_kind kind, bool dumped,
		     const struct weir_conntrack_entry *entry)
{
	struct nat_place *place = ctx;
	struct weir_nat *nat = place->agent->nat;
	struct weir_conntrack_entry here = *entry;

	here.netns = (uint32_t)place->cookie;
	if (kind == WEIR_CONNTRACK_GONE)
		weir_nat_remove(nat, &here, place->agent->now_ns);
	else if (dumped)
		weir_nat_found(nat, &here, place->agent->now_ns);
	else
		weir_nat_add(nat, &here, place->empty_ns, place->agent->now_ns);
}

static void on_dump_begin(void *ctx)
{
	struct nat_place *place = ctx;

	place->dump = weir_nat_dump_begin(place->agent->nat);
}

static void on_dump_end(void *ctx)
{
	struct nat_place *place = ctx;

	weir_nat_dump_end(place->agent->nat, (uint32_t)place->cookie, place->dump,
			  place->agent->now_ns);
}

static void read_events(struct nat_place *place)
{
	uint64_t now_ns = place->agent->now_ns;

	if (place->follow && weir_conntrack_follow_events(place->follow, EVENTS_MAX) < EVENTS_MAX)
		place->empty_ns = now_ns;
}

void nat_read(struct agent *agent)
{
	for (struct nat_place *place = agent->nat_places; place; place = place->next)
		read_events(place);
}

static void on_events(void *ctx)
{
	struct nat_place *place = ctx;
	struct agent *agent = place->agent;

	agent->now_ns = weir_time_mono_ns();
	read_events(place);
	weir_loop_pause_fd(place->watch, true);
	weir_loop_timer_set(agent->nat_timer, READ_PAUSE_NS);
}

/* Whether there is more to do. */
static bool step_dumps(struct agent *agent)
{
	bool more = false;

	agent->now_ns = weir_time_mono_ns();
	for (struct nat_place *place = agent->nat_places; place; place = place->next) {
		if (place->follow)
			more |= weir_conntrack_follow_step(place->follow);
	}
	return more;
}

static void on_dump_step(void *ctx)
{
	struct agent *agent = ctx;

	if (step_dumps(agent))
		weir_loop_timer_set(agent->nat_dump_timer, 0);
}

static void on_timer(void *ctx)
{
	struct agent *agent = ctx;

	agent->now_ns = weir_time_mono_ns();
	nat_read(agent);
	for (struct nat_place *place = agent->nat_places; place; place = place->next) {
		if (place->watch)
			weir_loop_pause_fd(place->watch, false);
	}
}

static int follow_there(struct nat_place *place)
{
	const struct weir_conntrack_follow_opts opts = {
		.buffer_bytes = place->agent->settings->conntrack_bytes,
		.on_entry = on_entry,
		.on_dump_begin = on_dump_begin,
		.on_dump_end = on_dump_end,
		.ctx = place,
	};
	_cleanup_(weir_netns_leave) int back = -1;
	int r = weir_netns_enter(place->fd, &back);

	return r < 0 ? r : weir_conntrack_follow_new(&opts, &place->follow);
}

static int follow(struct nat_place *place)
{
	struct agent *agent = place->agent;
	int r;

	place->empty_ns = place->dumped_ns = weir_time_mono_ns();
	r = follow_there(place);
	if (r < 0)
		return r;
	r = weir_loop_add_fd(agent->loop, weir_conntrack_follow_fd(place->follow), on_events, place,
			     &place->watch);
	if (r < 0) {
		weir_conntrack_follow_free(&place->follow);
		return r;
	}
	(void)close(TAKE_FD(place->fd));
	return 0;
}

static void count_place(struct agent *agent, const struct nat_place *place)
{
	struct weir_conntrack_follow_stats stats;

	if (!place->follow)
		return;
	weir_conntrack_follow_get_stats(place->follow, &stats);
	agent->nat_lost += stats.lost;
	agent->nat_bad += stats.bad;
}

static void place_free(struct nat_place **p)
{
	struct nat_place *place = *p;

	*p = NULL;
	if (!place)
		return;
	weir_loop_remove_fd(&place->watch);
	weir_conntrack_follow_free(&place->follow);
	weir_cleanup_fd(&place->fd);
	free(place);
}

static int add_place(struct agent *agent, const struct namespace *ns)
{
	_cleanup_(place_free) struct nat_place *place = calloc(1, sizeof(*place));
	int r;

	if (!place)
		return -ENOMEM;
	place->agent = agent;
	place->cookie = ns->cookie;
	place->fd = fcntl(ns->fd, F_DUPFD_CLOEXEC, 0);
	if (place->fd < 0)
		return -errno;
	r = follow(place);
	/* No conntrack: it may come. */
	if (r < 0 && r != -ENOENT)
		return r;
	place->next = agent->nat_places;
	agent->nat_places = TAKE_PTR(place);
	weir_loop_timer_set(agent->nat_dump_timer, 0);
	return 0;
}

static void on_netns_came(void *ctx, const struct namespace *ns)
{
	int r = add_place(ctx, ns);

	if (r < 0)
		weir_log(WEIR_LOG_WARN, "nat", "cannot follow conntrack", "netns=\"%s\" err=%d",
			 ns->path, r);
}

static void on_netns_went(void *ctx, const struct namespace *ns)
{
	struct agent *agent = ctx;
	struct nat_place **link = &agent->nat_places, *place;

	while (*link && (*link)->cookie != ns->cookie)
		link = &(*link)->next;
	place = *link;
	if (!place)
		return;
	*link = place->next;
	/* As if a dump had found nothing. */
	weir_nat_dump_end(agent->nat, (uint32_t)place->cookie, weir_nat_dump_begin(agent->nat),
			  weir_time_mono_ns());
	count_place(agent, place);
	place_free(&place);
}

/* Of which struct namespaces does not tell: it neither comes nor goes. */
static int follow_own(struct agent *agent)
{
	_cleanup_fd_ int fd = open(OWN_NAMESPACE, O_RDONLY | O_CLOEXEC);
	struct namespace own = { .path = OWN_NAMESPACE, .fd = fd };
	int r;

	if (fd < 0)
		return -errno;
	r = weir_netns_cookie(&own.cookie);
	if (r < 0)
		return r;
	on_netns_came(agent, &own);
	return 0;
}

int nat_start(struct agent *agent)
{
	const struct weir_nat_opts opts = {
		.max = agent->settings->max_connections,
		.keep_ns = agent->settings->idle_timeout_ns + agent->settings->flow_interval_ns +
			   KEEP_MARGIN_NS,
	};
	const struct namespaces_user user = {
		.came = on_netns_came,
		.went = on_netns_went,
		.ctx = agent,
	};
	int r = weir_nat_new(&opts, &agent->nat);

	if (r < 0)
		return r;
	r = weir_loop_timer_new(agent->loop, on_timer, agent, &agent->nat_timer);
	if (r >= 0)
		r = weir_loop_timer_new(agent->loop, on_dump_step, agent, &agent->nat_dump_timer);
	if (r >= 0)
		r = namespaces_add_user(agent->namespaces, &user);
	return r < 0 ? r : follow_own(agent);
}

void nat_stop(struct agent *agent)
{
	while (agent->nat_places) {
		struct nat_place *place = agent->nat_places;

		agent->nat_places = place->next;
		place_free(&place);
	}
	weir_loop_timer_free(&agent->nat_timer);
	weir_loop_timer_free(&agent->nat_dump_timer);
	weir_nat_free(&agent->nat);
}

void nat_finish_dumps(struct agent *agent)
{
	while (step_dumps(agent))
		;
}

static void tend_place(struct nat_place *place, uint64_t now_ns, bool some_go_silently)
{
	if (!place->follow)
		(void)follow(place);
	if (!place->follow || !some_go_silently || now_ns - place->dumped_ns < DUMP_PERIOD_NS)
		return;
	place->dumped_ns = now_ns;
	weir_conntrack_follow_dump(place->follow);
}

void nat_tend(struct agent *agent)
{
	uint64_t now_ns = weir_time_mono_ns();
	struct weir_nat_stats stats;

	weir_nat_expire(agent->nat, now_ns);
	weir_nat_get_stats(agent->nat, &stats);
	for (struct nat_place *place = agent->nat_places; place; place = place->next)
		tend_place(place, now_ns, stats.found > 0);
	/* Not at once after each loss: who loses much has much to dump. */
	weir_loop_timer_set(agent->nat_dump_timer, 0);
}

void nat_get_stats(const struct agent *agent, struct nat_stats *ret_stats)
{
	*ret_stats = (struct nat_stats){
		.events_lost = agent->nat_lost,
		.bad_events = agent->nat_bad,
	};
	weir_nat_get_stats(agent->nat, &ret_stats->nat);
	for (struct nat_place *place = agent->nat_places; place; place = place->next) {
		struct weir_conntrack_follow_stats stats;

		if (!place->follow)
			continue;
		weir_conntrack_follow_get_stats(place->follow, &stats);
		ret_stats->namespaces++;
		ret_stats->events_lost += stats.lost;
		ret_stats->bad_events += stats.bad;
	}
}
