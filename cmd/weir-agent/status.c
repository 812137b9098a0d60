// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <string.h>

#include "api/json.h"
#include "cmd/weir-agent/agent.h"

/* 64-bit numbers are strings, as in protojson. */
static void put_u64(struct weir_buf *out, const char *key, uint64_t value)
{
	weir_buf_printf(out, "\"%s\":\"%" PRIu64 "\"", key, value);
}

static void put_string(struct weir_buf *out, const char *key, const char *value)
{
	weir_buf_printf(out, "\"%s\":", key);
	weir_json_string(out, value, strlen(value));
}

static void put_accounting(const struct agent *agent, struct weir_buf *out)
{
	uint64_t lost[WEIR_LOSS_MAX_];
	struct weir_correlate_stats correlate;
	struct weir_capture_stats capture;
	int cause;

	weir_capture_get_stats(agent->capture, &capture);
	weir_correlate_get_stats(agent->correlate, &correlate);
	losses_get(agent, lost);
	put_u64(out, "seen", capture.seen);
	weir_buf_putc(out, ',');
	put_u64(out, "delivered", correlate.delivered + agent->cgroup_events);
	weir_buf_putc(out, ',');
	put_u64(out, "pending", correlate.pending);
	weir_buf_puts(out, ",\"lost\":{");
	for (cause = 0; cause < WEIR_LOSS_CLIENT_TOO_SLOW; cause++) {
		if (cause)
			weir_buf_putc(out, ',');
		put_u64(out, weir_loss_to_str((enum weir_loss)cause), lost[cause]);
	}
	weir_buf_puts(out, "},");
	put_u64(out, "connections", correlate.live);
	weir_buf_putc(out, ',');
	put_u64(out, "evicted", correlate.evicted);
}

static void put_history(const struct agent *agent, struct weir_buf *out)
{
	uint64_t first = weir_history_first(agent->history);
	uint64_t next = weir_history_next(agent->history);

	weir_buf_puts(out, ",\"history\":{");
	put_u64(out, "records", next - first);
	weir_buf_putc(out, ',');
	put_u64(out, "capacity", weir_history_capacity(agent->history));
	weir_buf_putc(out, ',');
	put_u64(out, "total", next - 1);
	weir_buf_putc(out, ',');
	put_u64(out, "bytes", agent->settings->history_bytes);
	weir_buf_putc(out, '}');
}

static void put_clients(const struct agent *agent, struct weir_buf *out)
{
	struct weir_server_stats stats;

	weir_server_get_stats(agent->server, &stats);
	weir_buf_puts(out, ",\"clients\":{");
	put_u64(out, "connected", stats.clients);
	weir_buf_putc(out, ',');
	put_u64(out, "total", stats.clients_total);
	weir_buf_putc(out, ',');
	put_u64(out, "records_sent", stats.records_sent);
	weir_buf_putc(out, ',');
	put_u64(out, "records_lost", stats.records_lost);
	weir_buf_putc(out, ',');
	put_u64(out, "bad_requests", stats.bad_requests);
	weir_buf_putc(out, '}');
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

static void put_store(const struct agent *agent, struct weir_buf *out)
{
	struct weir_store_stats stats;

	weir_store_get_stats(agent->store, &stats);
	weir_buf_puts(out, ",\"store\":{");
	put_u64(out, "pods", stats.pods);
	weir_buf_putc(out, ',');
	put_u64(out, "services", stats.services);
	weir_buf_putc(out, ',');
	put_u64(out, "endpoints", stats.endpoints);
	weir_buf_putc(out, ',');
	put_u64(out, "nodes", stats.nodes);
	weir_buf_putc(out, ',');
	put_u64(out, "namespaces", stats.namespaces);
	weir_buf_putc(out, ',');
	put_u64(out, "cgroups", stats.cgroups);
	weir_buf_putc(out, '}');
}

void status_write(void *ctx, struct weir_buf *out)
{
	const struct agent *agent = ctx;

	weir_buf_putc(out, '{');
	put_string(out, "version", WEIR_VERSION);
	weir_buf_putc(out, ',');
	put_string(out, "node_name", agent->node_name);
	weir_buf_putc(out, ',');
	put_u64(out, "uptime_ns", weir_time_mono_ns() - agent->started_ns);
	weir_buf_putc(out, ',');
	put_accounting(agent, out);
	put_history(agent, out);
	put_clients(agent, out);
	put_capture(agent, out);
	put_store(agent, out);
	weir_buf_puts(out, "}\n");
}
