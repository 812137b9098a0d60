// SPDX-License-Identifier: Apache-2.0
#include "cmd/weir-agent/links.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "cmd/weir-agent/agent.h"
#include "lib/log.h"

#define RETRY_NS WEIR_NS_PER_SEC
/* Two for each link: enough for some thousand pods. More than that is not asked for, as some programs
 * are slow by the limit. */
#define FILES_MAX 16384

struct agent_links {
	struct weir_links *links;
	struct weir_loop_fd *watch;
	struct weir_loop_timer *work_timer;  /* set while there is something to attach or detach */
	struct weir_loop_timer *retry_timer;
	bool settled;                        /* there was nothing to do once */
};

static void go_on(struct agent *agent, int more)
{
	struct agent_links *al = agent->links;

	if (more) {
		weir_loop_timer_set(al->work_timer, 0);
	} else if (!al->settled) {
		al->settled = true;
		agent_become_ready(agent);
	}
}

static void on_work(void *ctx)
{
	struct agent *agent = ctx;

	go_on(agent, weir_links_dispatch(agent->links->links));
}

static void on_retry(void *ctx)
{
	struct agent *agent = ctx;

	go_on(agent, weir_links_retry(agent->links->links));
	weir_loop_timer_set(agent->links->retry_timer, RETRY_NS);
}

static void on_link(void *ctx, const struct weir_link *link, bool attached)
{
	weir_log(WEIR_LOG_DEBUG, "agent", attached ? "link watched" : "link no longer watched",
		 "name=\"%s\" ifindex=%u netns=%" PRIu64 " kind=%s", link->name, link->ifindex,
		 link->netns_cookie, link->kind == WEIR_LINK_POD ? "pod" : "uplink");
}

static void on_error(void *ctx, const char *name, const char *why)
{
	weir_log(WEIR_LOG_WARN, "agent", "link not watched", "name=\"%s\" why=\"%s\"", name, why);
}

static void on_netns_came(void *ctx, const struct namespace *ns)
{
	struct agent *agent = ctx;
	uint64_t cookie;
	int r = weir_links_add_netns(agent->links->links, ns->fd, &cookie);

	if (r < 0)
		weir_log(WEIR_LOG_WARN, "agent", "cannot follow links of a network namespace",
			 "path=\"%s\" why=\"%s\"", ns->path, strerror(-r));
	else
		weir_loop_timer_set(agent->links->work_timer, 0);
}

static void on_netns_went(void *ctx, const struct namespace *ns)
{
	struct agent *agent = ctx;

	(void)weir_links_remove_netns(agent->links->links, ns->cookie);
}

static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= FILES_MAX)
		return;
	limit.rlim_cur = limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX;
	/* Without it there may be too few for many pods, which is told of each link then. */
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int start_loop(struct agent *agent)
{
	struct agent_links *al = agent->links;
	int r = weir_loop_timer_new(agent->loop, on_work, agent, &al->work_timer);

	if (r < 0)
		return r;
	r = weir_loop_timer_new(agent->loop, on_retry, agent, &al->retry_timer);
	if (r < 0)
		return r;
	weir_loop_timer_set(al->work_timer, 0);
	weir_loop_timer_set(al->retry_timer, RETRY_NS);
	return weir_loop_add_fd(agent->loop, weir_links_fd(al->links), on_work, agent, &al->watch);
}

int links_start(struct agent *agent, struct weir_error *err)
{
	const struct settings *settings = agent->settings;
	const struct namespaces_user user = {
		.came = on_netns_came,
		.went = on_netns_went,
		.ctx = agent,
	};
	struct weir_links_opts opts = {
		.interfaces = settings->interfaces.values,
		.n_interfaces = settings->interfaces.count,
		.uplinks = settings->uplinks.values,
		.n_uplinks = settings->uplinks.count,
		.clsact = strcmp(settings->tc_hook, "clsact") == 0,
		.on_link = on_link,
		.on_error = on_error,
		.ctx = agent,
	};
	uint64_t cookie;
	int r;

	raise_file_limit();
	weir_capture_link_programs(agent->capture, &opts.programs);
	agent->links = calloc(1, sizeof(*agent->links));
	if (!agent->links)
		return -ENOMEM;
	r = weir_links_new(&opts, &agent->links->links);
	if (r < 0)
		return r;
	r = weir_links_add_netns(agent->links->links, -1, &cookie);
	if (r < 0)
		return weir_error_set(err, r, "cannot follow network links: %s", strerror(-r));
	r = start_loop(agent);
	if (r < 0)
		return r;
	return namespaces_add_user(agent->namespaces, &user);
}

void links_stop(struct agent *agent)
{
	struct agent_links *al = agent->links;

	agent->links = NULL;
	if (!al)
		return;
	weir_loop_timer_free(&al->work_timer);
	weir_loop_timer_free(&al->retry_timer);
	weir_loop_remove_fd(&al->watch);
	weir_links_free(&al->links);
	free(al);
}

enum weir_tc_hook links_get_stats(const struct agent *agent, struct weir_links_stats *ret_stats)
{
	weir_links_get_stats(agent->links->links, ret_stats);
	return weir_links_hook(agent->links->links);
}
