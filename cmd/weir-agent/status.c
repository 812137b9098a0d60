// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <string.h>

#include "api/json.h"
#include "cmd/weir-agent/agent.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct member {
	const char *name;
	uint64_t value;
};

/* 64-bit numbers are strings, as in protojson. */
static void put_members(struct weir_buf *out, const struct member *members, size_t n)
{
	for (size_t i = 0; i < n; i++)
		weir_buf_printf(out, "%s\"%s\":\"%" PRIu64 "\"", i ? "," : "", members[i].name,
				members[i].value);
}

static void put_object(struct weir_buf *out, const char *key, const struct member *members,
		       size_t n)
{
	weir_buf_printf(out, ",\"%s\":{", key);
	put_members(out, members, n);
	weir_buf_putc(out, '}');
}

static void put_string(struct weir_buf *out, const char *key, const char *value)
{
	weir_buf_printf(out, "\"%s\":", key);
	weir_json_string(out, value, strlen(value));
}

static void put_accounting(const struct agent *agent, struct weir_buf *out)
{
	struct member losses[WEIR_LOSS_CLIENT_TOO_SLOW];
	uint64_t lost[WEIR_LOSS_MAX_];
	struct weir_correlate_stats correlate;
	struct weir_capture_stats capture;
	struct dns_stats dns;

	weir_capture_get_stats(agent->capture, &capture);
	dns_get_stats(agent->dns, &dns);
	weir_correlate_get_stats(agent->correlate, &correlate);
	losses_get(agent, lost);
	for (size_t i = 0; i < COUNT(losses); i++)
		losses[i] = (struct member){ weir_loss_to_str((enum weir_loss)i), lost[i] };
	const struct member members[] = {
		{ "uptime_ns", weir_time_mono_ns() - agent->started_ns },
		{ "seen", capture.seen },
		{ "delivered", correlate.delivered + agent->cgroup_events + dns.events },
		{ "pending", correlate.pending },
		{ "connections", correlate.live },
		{ "evicted", correlate.evicted },
		{ "drops_unmatched", correlate.unmatched },
	};

	put_members(out, members, COUNT(members));
	put_object(out, "lost", losses, COUNT(losses));
}

static void put_history(const struct agent *agent, struct weir_buf *out)
{
	uint64_t first = weir_history_first(agent->history);
	uint64_t next = weir_history_next(agent->history);
	const struct member members[] = {
		{ "records", next - first },
		{ "capacity", weir_history_capacity(agent->history) },
		{ "total", next - 1 },
		{ "bytes", agent->settings->history_bytes },
	};

	put_object(out, "history", members, COUNT(members));
}

static void put_clients(const struct agent *agent, struct weir_buf *out)
{
	struct weir_server_stats stats;

	weir_server_get_stats(agent->server, &stats);
	const struct member members[] = {
		{ "connected", stats.clients },
		{ "total", stats.clients_total },
		{ "records_sent", stats.records_sent },
		{ "records_lost", stats.records_lost },
		{ "bad_requests", stats.bad_requests },
	};

	put_object(out, "clients", members, COUNT(members));
}

static void put_capture(const struct agent *agent, struct weir_buf *out)
{
	const char *text;
	size_t i;

	weir_buf_puts(out, ",\"capture\":{");
	put_string(out, "cgroup_root", agent->cgroup_dir);
	weir_buf_puts(out, ",\"degraded\":[");
	for (i = 0; (text = weir_capture_degraded(agent->capture, i)); i++) {
		if (i)
			weir_buf_putc(out, ',');
		weir_json_string(out, text, strlen(text));
	}
	weir_buf_puts(out, "]}");
}

static void put_links(const struct agent *agent, struct weir_buf *out)
{
	struct weir_links_stats stats;
	enum weir_tc_hook hook = links_get_stats(agent, &stats);
	struct weir_correlate_stats correlate;
	struct weir_capture_stats capture;

	weir_capture_get_stats(agent->capture, &capture);
	weir_correlate_get_stats(agent->correlate, &correlate);
	const struct member members[] = {
		{ "watched", stats.watched },       { "waiting", stats.waiting },
		{ "failed", stats.failed },         { "failures", stats.failures },
		{ "namespaces", stats.namespaces }, { "overruns", stats.overruns },
		{ "bad_messages", stats.bad_messages },
		{ "bad_packets", capture.bad_packets },
		{ "icmp_unmatched", correlate.icmp_unmatched },
	};

	weir_buf_puts(out, ",\"links\":{");
	put_string(out, "hook", hook == WEIR_TC_TCX ? "tcx" : "clsact");
	weir_buf_putc(out, ',');
	put_members(out, members, COUNT(members));
	weir_buf_putc(out, '}');
}

static void put_store(const struct agent *agent, struct weir_buf *out)
{
	struct weir_store_stats stats;

	weir_store_get_stats(agent->store, &stats);
	const struct member members[] = {
		{ "pods", stats.pods },
		{ "services", stats.services },
		{ "endpoints", stats.endpoints },
		{ "nodes", stats.nodes },
		{ "namespaces", stats.namespaces },
		{ "cgroups", stats.cgroups },
	};

	put_object(out, "store", members, COUNT(members));
}

static void put_dns(const struct agent *agent, struct weir_buf *out)
{
	struct dns_stats stats;

	dns_get_stats(agent->dns, &stats);
	const struct member members[] = {
		{ "queries", stats.queries },
		{ "responses", stats.responses },
		{ "bad_dns", stats.bad },
		{ "unanswered", stats.pending.unanswered },
		{ "queries_evicted", stats.pending.evicted },
		{ "names", stats.names.pairs },
		{ "names_evicted", stats.names.evicted },
		{ "streams", stats.streams.streams },
		{ "streams_evicted", stats.streams.evicted },
		{ "streams_lost", stats.streams.lost },
		{ "cut", stats.streams.cut },
	};

	put_object(out, "dns", members, COUNT(members));
}

static void put_nat(const struct agent *agent, struct weir_buf *out)
{
	struct nat_stats stats;

	nat_get_stats(agent, &stats);
	const struct member members[] = {
		{ "namespaces", stats.namespaces },
		{ "translations", stats.nat.live },
		{ "evicted", stats.nat.evicted },
		{ "events_lost", stats.events_lost },
		{ "bad_events", stats.bad_events },
	};

	put_object(out, "nat", members, COUNT(members));
}

void status_write(void *ctx, struct weir_buf *out)
{
	const struct agent *agent = ctx;

	weir_buf_putc(out, '{');
	put_string(out, "version", WEIR_VERSION);
	weir_buf_putc(out, ',');
	put_string(out, "node_name", agent->node_name);
	weir_buf_putc(out, ',');
	put_accounting(agent, out);
	put_history(agent, out);
	put_clients(agent, out);
	put_capture(agent, out);
	put_links(agent, out);
	put_nat(agent, out);
	put_store(agent, out);
	put_dns(agent, out);
	weir_buf_puts(out, "}\n");
}
