// SPDX-License-Identifier: Apache-2.0
#include "cmd/weir-agent/agent.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/log.h"

/* Records taken from the ring in one turn of the loop: about a millisecond's work. */
#define DRAIN_MAX 2048
/* After a wake-up the ring is looked at by timer until it is found empty: one wake-up for a
 * burst instead of one for each record, at the price of this much latency within a burst. */
#define DRAIN_PAUSE_NS (10 * WEIR_NS_PER_MS)
#define SWEEP_MAX 1024
#define FAREWELL_NS (200 * WEIR_NS_PER_MS)
#define LOSS_PERIOD_NS (500 * WEIR_NS_PER_MS)

static void tick(struct agent *agent)
{
	uint64_t now = weir_time_mono_ns();
	uint64_t next = weir_correlate_tick(agent->correlate, now);

	if (next == UINT64_MAX)
		weir_loop_timer_cancel(agent->tick_timer);
	else
		weir_loop_timer_set(agent->tick_timer, next > now ? next - now : 0);
	weir_server_notify(agent->server);
}

static size_t drain(struct agent *agent)
{
	size_t n;

	agent->now_ns = weir_time_mono_ns();
	/* Conntrack told of a translation before any server heard through it. */
	weir_capture_look(agent->capture);
	nat_read(agent);
	n = weir_capture_drain(agent->capture, DRAIN_MAX);
	/* With more in the ring, what is due may be waiting for just that. */
	if (n && n < DRAIN_MAX)
		tick(agent);
	return n;
}

/* What is due may be waiting for what is in the ring: the other end of a connection is there 10 ms
 * after it began, and what is due has been held for 20. */
static void on_tick(void *ctx)
{
	struct agent *agent = ctx;
	size_t n = drain(agent);

	if (n == 0)
		tick(agent);
	else if (n == DRAIN_MAX)
		weir_loop_timer_set(agent->drain_timer, 0);
}

static void set_polling(struct agent *agent, bool polling)
{
	if (agent->polling == polling)
		return;
	agent->polling = polling;
	weir_capture_set_polled(agent->capture, polling);
	weir_loop_pause_fd(agent->ring_watch, polling);
}

/* Also when nothing was found for the first time: see weir_capture_set_polled(). */
static void drain_again_later(struct agent *agent, size_t n)
{
	if (n || agent->polling)
		weir_loop_timer_set(agent->drain_timer, n == DRAIN_MAX ? 0 : DRAIN_PAUSE_NS);
	set_polling(agent, n > 0);
}

static void on_ring(void *ctx)
{
	struct agent *agent = ctx;

	set_polling(agent, true);
	drain_again_later(agent, drain(agent));
}

static void on_drain_timer(void *ctx)
{
	struct agent *agent = ctx;

	drain_again_later(agent, drain(agent));
}

static void sweep_done(struct agent *agent, int r)
{
	if (r < 0)
		weir_log(WEIR_LOG_WARN, "agent", "sweep failed", "err=%d", r);
	if (agent->resyncing) {
		/* After a failed sweep, what was not seen may well be alive. */
		if (r == 0)
			weir_correlate_resync_end(agent->correlate, weir_time_mono_ns());
		else
			agent->resync_wanted = true;
		agent->resyncing = false;
	}
	tick(agent);
}

static void on_sweep_step(void *ctx)
{
	struct agent *agent = ctx;
	int r;

	agent->now_ns = weir_time_mono_ns();
	r = weir_capture_sweep_step(agent->capture, SWEEP_MAX);
	if (r <= 0) {
		sweep_done(agent, r);
		return;
	}
	tick(agent);
	weir_loop_timer_set(agent->step_timer, 0);
}

static void on_sweep(void *ctx)
{
	struct agent *agent = ctx;
	bool all = agent->resync_wanted;
	int r;

	weir_loop_timer_set(agent->sweep_timer, agent->settings->flow_interval_ns);
	weir_clock_sync(&agent->clock);
	weir_store_expire(agent->store, weir_time_mono_ns());
	dns_expire(agent->dns, weir_time_mono_ns());
	(void)place_read_host_addrs(agent);
	if (agent->manifest && weir_manifest_retry(agent->manifest))
		weir_loop_timer_set(agent->manifest_timer, 0);
	r = weir_capture_sweep_begin(agent->capture, all);
	if (r == -EBUSY)
		return; /* the one before is still under way */
	if (all) {
		/* Cgroups may have been lost together with connections. */
		(void)place_walk_cgroups(agent);
		weir_correlate_resync_begin(agent->correlate, weir_time_mono_ns());
	}
	agent->resyncing = all;
	agent->resync_wanted = false;
	if (r < 0)
		sweep_done(agent, r);
	else
		on_sweep_step(agent);
}

static void on_losses(void *ctx)
{
	struct agent *agent = ctx;

	losses_tell(agent);
	nat_tend(agent);
	weir_server_notify(agent->server);
	weir_loop_timer_set(agent->loss_timer, LOSS_PERIOD_NS);
	/* More often than other sweeps: who was dropped and gave up is told a second later, with all. */
	if (weir_capture_sweep_drops(agent->capture) > 0)
		on_sweep_step(agent);
}

static void on_manifest(void *ctx)
{
	struct agent *agent = ctx;

	if (weir_manifest_dispatch(agent->manifest))
		weir_loop_timer_set(agent->manifest_timer, 0);
}

static void on_manifest_error(void *ctx, const struct weir_error *err)
{
	weir_log(WEIR_LOG_WARN, "k8s", "manifest not read; its old objects stay", "err=\"%s\"",
		 err->text);
}

static void on_bpf_message(void *ctx, bool warning, const char *text)
{
	/* One level lower than libbpf's own: what matters comes back as an error. */
	weir_log(warning ? WEIR_LOG_INFO : WEIR_LOG_DEBUG, "libbpf", text, "");
}

static int start_source(struct agent *agent, struct weir_error *err)
{
	static const char prefix[] = "dir:";
	const char *source = agent->settings->k8s_source;
	int r;

	if (!source)
		return 0;
	if (strncmp(source, prefix, sizeof(prefix) - 1) != 0)
		return weir_error_set(err, -EINVAL, "--k8s-source '%s': has to be dir:PATH",
				      source);
	r = weir_manifest_new(source + sizeof(prefix) - 1, agent->store, on_manifest_error, agent,
			      &agent->manifest, err);
	if (r < 0)
		return r;
	return weir_loop_add_fd(agent->loop, weir_manifest_fd(agent->manifest), on_manifest, agent,
				&agent->manifest_watch);
}

static int start_store(struct agent *agent, struct weir_error *err)
{
	int r = weir_store_new(&agent->store);

	if (r < 0)
		return r;
	r = weir_store_set_node_name(agent->store, agent->node_name);
	if (r < 0)
		return r;
	r = place_read_host_addrs(agent);
	if (r < 0)
		return weir_error_set(err, r, "cannot read this machine's addresses: %s",
				      strerror(-r));
	return start_source(agent, err);
}

static int start_server(struct agent *agent, struct weir_error *err)
{
	const struct weir_option_list *listen = &agent->settings->listen;
	struct weir_server_opts opts = {
		.node_name = agent->node_name,
		.status = status_write,
		.ctx = agent,
		.max_clients = (unsigned int)agent->settings->max_clients,
	};
	struct weir_endpoint endpoint;
	size_t i;
	int r;

	r = weir_history_new(agent->settings->history_bytes, &agent->history);
	if (r < 0)
		return r;
	opts.history = agent->history;
	r = weir_server_new(agent->loop, &opts, &agent->server);
	if (r < 0)
		return r;
	for (i = 0; i < listen->count; i++) {
		r = weir_endpoint_parse(listen->values[i], &endpoint, err);
		if (r < 0)
			return r;
		if (strcmp(listen->values[i], "unix:/run/weir/weir.sock") == 0)
			(void)mkdir("/run/weir", 0755);
		r = weir_server_listen(agent->server, &endpoint, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int start_capture(struct agent *agent, struct weir_error *err)
{
	struct weir_correlate_opts correlate = {
		.max_connections = agent->settings->max_connections,
		.sink = pipeline_on_flow,
		.translates = pipeline_translates,
		.nat = agent->nat,
		.ctx = agent,
	};
	struct weir_capture_opts capture = {
		.cgroup_dir = agent->cgroup_dir,
		.root_cgroup_id = agent->root_cgroup_id,
		.ring_bytes = agent->settings->ring_bytes,
		.tcp_conns_max = agent->settings->tcp_sockets,
		.udp_flows_max = agent->settings->udp_flows,
		.udp_idle_ns = agent->settings->idle_timeout_ns,
		.on_flow = pipeline_on_flow_input,
		.on_cgroup = pipeline_on_cgroup,
		.on_drop = pipeline_on_drop,
		.on_dns = dns_on_event,
		.on_message = on_bpf_message,
		.ctx = agent,
	};
	const char *lost;
	size_t i;
	int r;

	if (agent->settings->ring_bytes & (agent->settings->ring_bytes - 1))
		return weir_error_set(err, -EINVAL, "--ring-bytes: has to be a power of two");
	r = dns_ports_parse(&agent->settings->dns_ports, capture.dns_ports, err);
	if (r < 0)
		return r;
	r = dns_new(&agent->dns);
	if (r < 0)
		return r;
	r = weir_correlate_new(&correlate, &agent->correlate);
	if (r < 0)
		return r;
	r = weir_capture_new(&capture, &agent->capture, err);
	if (r < 0)
		return r;
	r = weir_drop_names_new(weir_capture_name_place, agent->capture, &agent->drop_names);
	if (r < 0)
		return weir_error_set(err, r, "cannot read the kernel's names for drops: %s",
				      strerror(-r));
	for (i = 0; (lost = weir_capture_degraded(agent->capture, i)); i++)
		weir_log(WEIR_LOG_WARN, "bpf", lost, "why=\"old kernel\"");
	/* Cgroups made from here on come through the ring; those there now by this walk. */
	r = place_walk_cgroups(agent);
	if (r < 0)
		return weir_error_set(err, r, "%s: %s", agent->cgroup_mount, strerror(-r));
	r = links_start(agent, err);
	if (r < 0)
		return r;
	/* What is found is to be known as it is translated there. */
	namespaces_start(agent->namespaces);
	nat_finish_dumps(agent);
	agent->now_ns = weir_time_mono_ns();
	r = weir_capture_find(agent->capture);
	if (r < 0)
		return weir_error_set(err, r, "bpf: cannot look for sockets: %s", strerror(-r));
	return weir_loop_add_fd(agent->loop, weir_capture_fd(agent->capture), on_ring, agent,
				&agent->ring_watch);
}

static int start_timers(struct agent *agent)
{
	struct {
		weir_loop_timer_fn fn;
		struct weir_loop_timer **timer;
	} timers[] = {
		{ on_drain_timer, &agent->drain_timer }, { on_tick, &agent->tick_timer },
		{ on_sweep, &agent->sweep_timer },       { on_sweep_step, &agent->step_timer },
		{ on_losses, &agent->loss_timer },       { on_manifest, &agent->manifest_timer },
	};
	size_t i;
	int r;

	for (i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
		r = weir_loop_timer_new(agent->loop, timers[i].fn, agent, timers[i].timer);
		if (r < 0)
			return r;
	}
	return 0;
}

int agent_start(struct agent *agent, const struct settings *settings, struct weir_error *err)
{
	int r;

	memset(agent, 0, sizeof(*agent));
	agent->settings = settings;
	agent->started_ns = weir_time_mono_ns();
	agent->told_until_ns = weir_time_real_ns();
	weir_clock_sync(&agent->clock);
	r = place_check_permission(err);
	if (r < 0)
		return r;
	r = place_find_node_name(agent, err);
	if (r < 0)
		return r;
	r = place_find_cgroups(agent, err);
	if (r < 0)
		return r;
	r = weir_loop_new(&agent->loop);
	if (r < 0)
		return weir_error_set(err, r, "cannot make the event loop: %s", strerror(-r));
	r = start_store(agent, err);
	if (r < 0)
		return r;
	r = start_server(agent, err);
	if (r < 0)
		return r;
	r = start_timers(agent);
	if (r >= 0)
		r = namespaces_new(agent->loop, &settings->netns, &agent->namespaces);
	if (r >= 0)
		r = nat_start(agent);
	if (r < 0)
		return r;
	return start_capture(agent, err);
}

void agent_become_ready(struct agent *agent)
{
	weir_server_set_ready(agent->server, true);
	weir_log(WEIR_LOG_INFO, "agent", "ready", "node=\"%s\" cgroup_root=\"%s\"",
		 agent->node_name, agent->cgroup_dir);
}

static void on_farewell_over(void *ctx)
{
	struct agent *agent = ctx;

	weir_loop_stop(agent->loop);
}

/* What was seen until the signal is still told, and followers get a moment to take it. */
static int farewell(struct agent *agent)
{
	struct weir_loop_timer *over = NULL;
	int r;

	weir_loop_remove_fd(&agent->ring_watch);
	weir_loop_timer_cancel(agent->drain_timer);
	weir_loop_timer_cancel(agent->sweep_timer);
	weir_loop_timer_cancel(agent->step_timer);
	while (drain(agent) == DRAIN_MAX)
		;
	weir_correlate_flush(agent->correlate, weir_time_mono_ns());
	losses_tell(agent);
	weir_server_notify(agent->server);
	r = weir_loop_timer_new(agent->loop, on_farewell_over, agent, &over);
	if (r < 0)
		return r;
	weir_loop_timer_set(over, FAREWELL_NS);
	r = weir_loop_run(agent->loop);
	weir_loop_timer_free(&over);
	return r;
}

int agent_run(struct agent *agent)
{
	int r = weir_loop_stop_on_signals(agent->loop);

	if (r < 0)
		return r;
	weir_loop_timer_set(agent->sweep_timer, agent->settings->flow_interval_ns);
	weir_loop_timer_set(agent->loss_timer, LOSS_PERIOD_NS);
	tick(agent);
	r = weir_loop_run(agent->loop);
	return r < 0 ? r : farewell(agent);
}

void agent_stop(struct agent *agent)
{
	weir_loop_timer_free(&agent->manifest_timer);
	weir_loop_timer_free(&agent->drain_timer);
	weir_loop_timer_free(&agent->tick_timer);
	weir_loop_timer_free(&agent->sweep_timer);
	weir_loop_timer_free(&agent->step_timer);
	weir_loop_timer_free(&agent->loss_timer);
	weir_loop_remove_fd(&agent->ring_watch);
	weir_loop_remove_fd(&agent->manifest_watch);
	namespaces_free(&agent->namespaces);
	links_stop(agent);
	weir_server_free(&agent->server);
	weir_capture_free(&agent->capture);
	weir_correlate_free(&agent->correlate);
	dns_free(&agent->dns);
	nat_stop(agent);
	weir_drop_names_free(&agent->drop_names);
	weir_manifest_free(&agent->manifest);
	weir_history_free(&agent->history);
	weir_store_free(&agent->store);
	weir_loop_free(&agent->loop);
}
