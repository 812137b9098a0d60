/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/weir/status.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cmd/options.h"
#include "cmd/weir/format.h"
#include "cmd/weir/output.h"
#include "cmd/weir/print.h"
#include "cmd/weir/session.h"
#include "lib/time.h"

struct status_settings {
	const char *server;
	const char *output;
};

static const struct weir_option status_table[] = {
	{ .name = "output", .letter = 'o', .type = WEIR_OPTION_CHOICE,
	  .offset = offsetof(struct status_settings, output), .def = "compact",
	  .metavar = "FORMAT", .choices = "compact|json",
	  .help = "compact, or json: the answer of /v1/status as it came" },
	{ .name = "server", .type = WEIR_OPTION_STRING,
	  .offset = offsetof(struct status_settings, server), .metavar = "ENDPOINT",
	  .def = WEIR_SERVER_UNIX, .env = WEIR_SERVER_ENV,
	  .help = WEIR_SERVER_HELP },
	{ 0 },
};

static const struct weir_options status_options = {
	.command = "weir status",
	.about = "Show how the agent is doing: what it has seen, delivered and lost.",
	.table = status_table,
};

/* @part of @whole in hundredths of a percent, without floating point. */
static void put_percent(struct weir_buf *out, uint64_t part, uint64_t whole)
{
	unsigned __int128 hundredths = whole ? (unsigned __int128)part * 10000 / whole : 0;

	weir_buf_printf(out, "%u.%02u%%", (unsigned int)(hundredths / 100),
			(unsigned int)(hundredths % 100));
}

/* Over the whole uptime: the status is one look, and says so. */
static void put_rate(struct weir_buf *out, uint64_t count, uint64_t uptime_ns)
{
	unsigned __int128 hundredths =
		uptime_ns ? (unsigned __int128)count * 100 * WEIR_NS_PER_SEC / uptime_ns : 0;

	weir_format_count(out, (uint64_t)(hundredths / 100));
	weir_buf_printf(out, ".%02u", (unsigned int)(hundredths % 100));
}

static void put_lost(struct weir_buf *out, const struct weir_status_view *view)
{
	uint64_t sum = 0;
	const char *separator = " (";

	for (size_t i = 0; i < view->lost_count; i++)
		sum += view->lost[i].value;
	weir_buf_puts(out, "Lost: ");
	weir_format_count(out, sum);
	for (size_t i = 0; i < view->lost_count; i++) {
		if (!view->lost[i].value)
			continue;
		weir_buf_puts(out, separator);
		weir_format_text(out, view->lost[i].name);
		weir_buf_putc(out, ' ');
		weir_format_count(out, view->lost[i].value);
		separator = ", ";
	}
	weir_buf_puts(out, sum ? ")\n" : "\n");
}

static void put_store(struct weir_buf *out, const struct weir_status_view *view)
{
	if (!view->store_count)
		return;
	weir_buf_puts(out, "Known:");
	for (size_t i = 0; i < view->store_count; i++) {
		weir_buf_puts(out, i ? ", " : " ");
		weir_format_count(out, view->store[i].value);
		weir_buf_putc(out, ' ');
		weir_format_text(out, view->store[i].name);
	}
	weir_buf_putc(out, '\n');
}

static void put_count(struct weir_buf *out, const char *name, uint64_t count)
{
	weir_buf_puts(out, name);
	weir_format_count(out, count);
}

static void put_links(struct weir_buf *out, const struct weir_status_view *view)
{
	if (!view->has_links)
		return;
	put_count(out, "Links: ", view->links_watched);
	weir_buf_puts(out, " watched");
	if (view->links_waiting) {
		put_count(out, ", ", view->links_waiting);
		weir_buf_puts(out, " waiting");
	}
	if (view->links_failed) {
		put_count(out, ", ", view->links_failed);
		weir_buf_puts(out, " failed");
	}
	weir_buf_putc(out, '\n');
}

void weir_status_print(const struct weir_status_view *view, const char *server,
		       struct weir_buf *out)
{
	weir_buf_puts(out, "Healthcheck (via ");
	weir_format_text(out, server);
	weir_buf_puts(out, "): Ok\nNode: ");
	weir_format_text(out, *view->node_name ? view->node_name : "unknown");
	weir_buf_puts(out, ", weir-agent ");
	weir_format_text(out, *view->version ? view->version : "unknown");
	weir_buf_puts(out, ", up ");
	weir_format_span(out, view->uptime_ns);
	put_count(out, "\nCurrent/Max Flows: ", view->history_records);
	put_count(out, "/", view->history_capacity);
	weir_buf_puts(out, " (");
	put_percent(out, view->history_records, view->history_capacity);
	weir_buf_puts(out, ")\nFlows/s: ");
	put_rate(out, view->history_total, view->uptime_ns);
	put_count(out, "\nOpen connections: ", view->connections);
	if (view->evicted) {
		put_count(out, " (", view->evicted);
		weir_buf_puts(out, " let go for lack of room)");
	}
	put_count(out, "\nSeen: ", view->seen);
	put_count(out, "\nDelivered: ", view->delivered);
	if (view->pending)
		put_count(out, "\nPending: ", view->pending);
	weir_buf_putc(out, '\n');
	put_lost(out, view);
	put_count(out, "Clients: ", view->clients);
	if (view->clients_lost) {
		put_count(out, " (", view->clients_lost);
		weir_buf_puts(out, " records lost to slow ones)");
	}
	weir_buf_putc(out, '\n');
	put_links(out, view);
	put_store(out, view);
	for (size_t i = 0; i < view->degraded_count; i++) {
		weir_buf_puts(out, "Degraded: ");
		weir_format_text(out, view->degraded[i]);
		weir_buf_putc(out, '\n');
	}
}

/* The body comes in lines; there is one. */
static int on_line(void *ctx, const char *line, size_t len, struct weir_error *err)
{
	struct weir_buf *body = ctx;

	weir_buf_put(body, line, len);
	weir_buf_putc(body, '\n');
	return body->failed ? weir_error_set(err, body->failed, "out of memory") : 0;
}

static int status_show(const struct status_settings *settings, struct weir_buf *body,
		       const char *server, struct weir_error *err)
{
	struct weir_output output;
	struct weir_error why = { 0 };
	int r = 0;

	weir_output_init(&output, STDOUT_FILENO, &weir_session_stopped);
	if (!strcmp(settings->output, "json")) {
		weir_buf_put(&output.buf, body->data, body->len);
	} else {
		struct weir_status_view view;

		r = weir_status_view_parse(body->data, body->len, &view, &why);
		if (r < 0) {
			r = weir_error_set(err, -EPROTO, "%s: /v1/status: %s", server, why.text);
		} else {
			weir_status_print(&view, server, &output.buf);
			weir_status_view_done(&view);
		}
	}
	if (r == 0) {
		r = weir_output_flush(&output);
		if (r == -EPIPE || r == -EINTR)
			r = 0;
		else if (r < 0)
			(void)weir_error_set(err, r, "standard output: %s", strerror(-r));
	}
	weir_output_done(&output);
	return r;
}

static int status_run(const struct status_settings *settings, bool server_given,
		      struct weir_error *err)
{
	struct weir_buf body;
	struct weir_session_opts opts = {
		.server = settings->server, .fallback = !server_given, .path = "/v1/status",
		.line = on_line, .ctx = &body,
	};
	const char *server;
	int r;

	weir_buf_init(&body, 0);
	r = weir_session_run(&opts, &server, err);
	if (r == 0 && !weir_session_stopped)
		r = status_show(settings, &body, server, err);
	weir_buf_done(&body);
	return r;
}

int weir_status_main(int argc, char *const argv[], struct weir_error *err)
{
	struct status_settings settings;
	struct weir_options_result result;
	int r = weir_options_parse(&status_options, argc, argv, &settings, &result, err);

	if (r < 0)
		return r;
	if (result.action == WEIR_OPTIONS_RUN)
		r = status_run(&settings, weir_options_given(&status_options, &result, "server"),
			       err);
	else
		r = weir_print_action(&status_options, result.action);
	weir_options_done(&status_options, &settings, &result);
	return r;
}
