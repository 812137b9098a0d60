/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/weir/printer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/record_view.h"
#include "cmd/weir/printer_dns.h"
#include "cmd/weir/table.h"
#include "lib/cleanup.h"

#define TABLE "TIMESTAMP\tSOURCE\tDESTINATION\tTYPE\tVERDICT\tSUMMARY"
#define TABLE_NODE "TIMESTAMP\tNODE\tSOURCE\tDESTINATION\tTYPE\tVERDICT\tSUMMARY"
#define DICT_SEPARATOR "------------\n"

/* Identities below this are Hubble's reserved ones, which have names. */
#define IDENTITY_RESERVED 256

/* event_type.type of flow.proto's users. */
#define EVENT_DROP 1
#define EVENT_TRACE 4
#define EVENT_L7 129

enum color {
	COLOR_NONE,
	COLOR_RED,
	COLOR_GREEN,
	COLOR_YELLOW,
	COLOR_MAGENTA,
	COLOR_CYAN,
};

struct weir_printer {
	struct weir_printer_opts opts;
	struct weir_view_reader *reader;
	struct weir_table table;
	size_t printed;
};

static void color_on(const struct weir_printer *p, enum color color, struct weir_buf *out)
{
	static const char *const codes[] = {
		[COLOR_NONE] = "", [COLOR_RED] = "\033[31m", [COLOR_GREEN] = "\033[32m",
		[COLOR_YELLOW] = "\033[33m", [COLOR_MAGENTA] = "\033[35m",
		[COLOR_CYAN] = "\033[36m",
	};

	if (p->opts.color)
		weir_buf_puts(out, codes[color]);
}

static void color_off(const struct weir_printer *p, enum color color, struct weir_buf *out)
{
	if (p->opts.color && color != COLOR_NONE)
		weir_buf_puts(out, "\033[0m");
}

static void put_colored(const struct weir_printer *p, enum color color, const char *text,
			struct weir_buf *out)
{
	color_on(p, color, out);
	weir_format_text(out, text);
	color_off(p, color, out);
}

static void put_time(const struct weir_printer *p, const struct weir_view *view,
		     struct weir_buf *out)
{
	if (view->has_time)
		weir_format_time(out, p->opts.time_format, view->time_ns);
	else
		weir_buf_puts(out, "N/A");
}

/* --- one end --------------------------------------------------------------------------------- */

static const char *reserved_name(const struct weir_view_end *end)
{
	static const char *const names[] = {
		[0] = "unknown", [1] = "host", [2] = "world", [3] = "unmanaged", [4] = "health",
		[5] = "init", [6] = "remote-node", [7] = "kube-apiserver", [8] = "ingress",
		[9] = "world-ipv4", [10] = "world-ipv6",
	};

	if (*end->reserved)
		return end->reserved;
	if (end->identity < sizeof(names) / sizeof(names[0]))
		return names[end->identity];
	return "reserved";
}

static bool is_host(const struct weir_view_end *end)
{
	return end->identity < IDENTITY_RESERVED && !strcmp(reserved_name(end), "host");
}

static void put_address(const struct weir_view_end *end, struct weir_buf *out)
{
	bool v6 = end->port && strchr(end->ip, ':');

	if (v6)
		weir_buf_putc(out, '[');
	weir_format_text(out, *end->ip ? end->ip : "unknown");
	if (v6)
		weir_buf_putc(out, ']');
}

/* The last part: a unit is a name, a cgroup path would look like NAMESPACE/POD. */
static const char *unit_name(const struct weir_view_end *end)
{
	const char *slash = strrchr(end->unit, '/');

	const char *name = slash ? slash + 1 : end->unit;

	return *name ? name : "host";
}

static void put_name(const struct weir_printer *p, const struct weir_view_end *end,
		     struct weir_buf *out)
{
	const char *name = is_host(end) ? unit_name(end) : end->dns_name;

	if (!p->opts.numeric && *end->pod) {
		if (*end->namespace_name) {
			weir_format_text(out, end->namespace_name);
			weir_buf_putc(out, '/');
		}
		weir_format_text(out, end->pod);
	} else if (!p->opts.numeric && *end->pod_uid) {
		weir_buf_puts(out, "pod/");
		weir_format_text(out, end->pod_uid);
	} else if (!p->opts.numeric && *name) {
		weir_format_text(out, name);
	} else {
		put_address(end, out);
	}
}

static void put_end(const struct weir_printer *p, const struct weir_view_end *end,
		    struct weir_buf *out)
{
	color_on(p, COLOR_CYAN, out);
	put_name(p, end, out);
	color_off(p, COLOR_CYAN, out);
	if (!end->port)
		return;
	weir_buf_putc(out, ':');
	color_on(p, COLOR_YELLOW, out);
	weir_buf_put_u64(out, end->port);
	color_off(p, COLOR_YELLOW, out);
}

static void put_identity(const struct weir_printer *p, const struct weir_view_end *end,
			 struct weir_buf *out)
{
	weir_buf_puts(out, " (");
	color_on(p, COLOR_MAGENTA, out);
	if (end->identity < IDENTITY_RESERVED) {
		weir_format_text(out, reserved_name(end));
	} else {
		weir_buf_puts(out, "ID:");
		weir_buf_put_u64(out, end->identity);
	}
	color_off(p, COLOR_MAGENTA, out);
	weir_buf_putc(out, ')');
}

static void put_service(const struct weir_printer *p, const struct weir_view *view,
			struct weir_buf *out)
{
	color_on(p, COLOR_CYAN, out);
	if (p->opts.numeric && *view->service_ip) {
		weir_format_text(out, view->service_ip);
	} else {
		if (*view->service_namespace) {
			weir_format_text(out, view->service_namespace);
			weir_buf_putc(out, '/');
		}
		weir_format_text(out, view->service);
	}
	color_off(p, COLOR_CYAN, out);
	if (view->service_port)
		weir_buf_printf(out, ":%u", (unsigned int)view->service_port);
}

/* --- the rest of a flow ---------------------------------------------------------------------- */

/* Hubble's words for the point where a trace event was taken, by sub type. */
static const char *type_name(const struct weir_view *view)
{
	static const char *const points[] = {
		"to-endpoint", "to-proxy", "to-host", "to-stack", "to-overlay", "from-endpoint",
		"from-proxy", "from-host", "from-stack", "from-overlay", "from-network",
		"to-network", "from-crypto", "to-crypto",
	};

	if (view->event_type == EVENT_DROP && *view->drop_reason)
		return view->drop_reason;
	if (view->event_type == EVENT_TRACE && view->event_sub_type >= 0 &&
	    (size_t)view->event_sub_type < sizeof(points) / sizeof(points[0]))
		return points[view->event_sub_type];
	if (view->event_type == EVENT_L7 && view->dns.present)
		return view->dns.response ? "dns-response" : "dns-request";
	return "UNKNOWN";
}

static enum color verdict_color(const char *verdict)
{
	if (!strcmp(verdict, "FORWARDED") || !strcmp(verdict, "REDIRECTED"))
		return COLOR_GREEN;
	if (!strcmp(verdict, "DROPPED") || !strcmp(verdict, "ERROR"))
		return COLOR_RED;
	return COLOR_YELLOW;
}

static void put_verdict(const struct weir_printer *p, const struct weir_view *view,
			struct weir_buf *out)
{
	put_colored(p, verdict_color(view->verdict), view->verdict, out);
}

/* A connect() that was never answered sent nothing, which goes without saying. */
static bool carried(const struct weir_view *view)
{
	const struct weir_view_connection *c = &view->connection;

	return c->established || c->bytes_sent || c->bytes_received ||
	       (c->packets_sent && strcmp(view->protocol, "TCP"));
}

static void put_totals(const struct weir_view *view, struct weir_buf *out)
{
	const struct weir_view_connection *c = &view->connection;
	uint64_t retransmits = c->retransmits_sent + c->retransmits_received;
	uint64_t zero_windows = c->zero_windows_sent + c->zero_windows_received;
	const char *separator = "; ";

	if (strcmp(c->state, "OPEN") && carried(view)) {
		weir_buf_puts(out, "; sent ");
		weir_format_bytes(out, c->bytes_sent);
		weir_buf_puts(out, ", received ");
		weir_format_bytes(out, c->bytes_received);
		separator = ", ";
	}
	if (c->rtt_ns && strcmp(c->state, "OPEN")) {
		weir_buf_printf(out, "%srtt ", separator);
		weir_format_span(out, c->rtt_ns);
		separator = ", ";
	}
	if (retransmits) {
		weir_buf_puts(out, separator);
		weir_format_count(out, retransmits);
		weir_buf_puts(out, " retransmitted");
		separator = ", ";
	}
	if (zero_windows) {
		weir_buf_puts(out, separator);
		weir_format_count(out, zero_windows);
		weir_buf_puts(out, zero_windows == 1 ? " zero window" : " zero windows");
		separator = ", ";
	}
	if (c->connect_latency_ns && !strcmp(c->state, "OPEN")) {
		weir_buf_printf(out, "%sconnected in ", separator);
		weir_format_span(out, c->connect_latency_ns);
	} else if (c->has_duration && strcmp(c->state, "OPEN")) {
		weir_buf_puts(out, separator);
		weir_format_span(out, c->duration_ns);
	}
}

static void put_drop(const struct weir_view *view, struct weir_buf *out)
{
	if (!view->drop_packets)
		return;
	weir_buf_puts(out, "; dropped ");
	weir_format_count(out, view->drop_packets);
	if (*view->drop_kernel_reason) {
		weir_buf_puts(out, ", ");
		weir_format_text(out, view->drop_kernel_reason);
	}
	if (*view->drop_place) {
		weir_buf_puts(out, " in ");
		weir_format_text(out, view->drop_place);
	}
}

static void put_icmp_error(const struct weir_view_connection *c, struct weir_buf *out)
{
	if (!c->icmp_count)
		return;
	weir_buf_puts(out, "; ICMP ");
	if (*c->icmp_name)
		weir_format_text(out, c->icmp_name);
	else
		weir_buf_printf(out, "%" PRIu64 "/%" PRIu64, c->icmp_type, c->icmp_code);
	if (c->icmp_mtu)
		weir_buf_printf(out, ", MTU %" PRIu64 ",", c->icmp_mtu);
	if (*c->icmp_sender) {
		weir_buf_puts(out, " from ");
		weir_format_text(out, c->icmp_sender);
	}
	if (c->icmp_count > 1) {
		weir_buf_puts(out, ", ");
		weir_format_count(out, c->icmp_count);
		weir_buf_puts(out, " times");
	}
}

/* From the fields where they are there: the wire's Summary is Hubble's, for those without them. */
static void put_summary(const struct weir_printer *p, const struct weir_view *view,
			struct weir_buf *out)
{
	const struct weir_view_connection *c = &view->connection;
	bool bad = *c->end_reason && verdict_color(view->verdict) != COLOR_GREEN;

	if (view->dns.present) {
		weir_printer_dns(&view->dns, out);
		return;
	}
	if (!c->present) {
		weir_format_text(out, view->summary);
		return;
	}
	weir_format_text(out, *view->protocol ? view->protocol : "UNKNOWN");
	if (*c->state) {
		weir_buf_putc(out, ' ');
		weir_format_text(out, c->state);
	}
	if (*c->end_reason) {
		weir_buf_putc(out, ' ');
		put_colored(p, bad ? verdict_color(view->verdict) : COLOR_NONE, c->end_reason, out);
	}
	if (*c->reset_by) {
		weir_buf_puts(out, " by ");
		weir_format_text(out, c->reset_by);
	}
	if (*c->start_reason) {
		weir_buf_putc(out, ' ');
		weir_format_text(out, c->start_reason);
	}
	put_icmp_error(c, out);
	put_totals(view, out);
	put_drop(view, out);
}

/* --- formats --------------------------------------------------------------------------------- */

static void compact_flow(const struct weir_printer *p, const struct weir_view *view,
			 struct weir_buf *out)
{
	const struct weir_view_end *left = &view->source, *right = &view->destination;
	const char *arrow = view->has_is_reply ? "->" : "<>";

	if (view->has_is_reply && view->is_reply) {
		left = &view->destination;
		right = &view->source;
		arrow = "<-";
	}
	put_time(p, view, out);
	if (p->opts.node_name) {
		weir_buf_puts(out, " [");
		weir_format_text(out, view->node_name);
		weir_buf_putc(out, ']');
	}
	weir_buf_puts(out, ": ");
	put_end(p, left, out);
	put_identity(p, left, out);
	weir_buf_printf(out, " %s ", arrow);
	put_end(p, right, out);
	put_identity(p, right, out);
	if (*view->service) {
		weir_buf_puts(out, " via ");
		put_service(p, view, out);
	}
	weir_buf_putc(out, ' ');
	weir_format_text(out, type_name(view));
	weir_buf_putc(out, ' ');
	put_verdict(p, view, out);
	weir_buf_puts(out, " (");
	put_summary(p, view, out);
	weir_buf_puts(out, ")\n");
}

static void dict_process(const char *key, const struct weir_view_end *end, struct weir_buf *out)
{
	if (!*end->comm && !end->pid)
		return;
	weir_buf_puts(out, key);
	weir_format_text(out, *end->comm ? end->comm : "unknown");
	if (end->pid) {
		weir_buf_puts(out, " (pid ");
		weir_buf_put_u64(out, end->pid);
		weir_buf_putc(out, ')');
	}
	if (*end->container) {
		weir_buf_puts(out, " in container ");
		weir_format_text(out, end->container);
	}
	weir_buf_putc(out, '\n');
}

static void dict_flow(const struct weir_printer *p, const struct weir_view *view,
		      struct weir_buf *out)
{
	weir_buf_puts(out, "  TIMESTAMP: ");
	put_time(p, view, out);
	if (p->opts.node_name) {
		weir_buf_puts(out, "\n       NODE: ");
		weir_format_text(out, view->node_name);
	}
	weir_buf_puts(out, "\n     SOURCE: ");
	put_end(p, &view->source, out);
	dict_process("\n    PROCESS: ", &view->source, out);
	if (out->len && out->data[out->len - 1] != '\n')
		weir_buf_putc(out, '\n');
	if (*view->source.xlated) {
		weir_buf_puts(out, "    SNAT IP: ");
		weir_format_text(out, view->source.xlated);
		weir_buf_putc(out, '\n');
	}
	weir_buf_puts(out, "DESTINATION: ");
	put_end(p, &view->destination, out);
	dict_process("\n    PROCESS: ", &view->destination, out);
	if (out->len && out->data[out->len - 1] != '\n')
		weir_buf_putc(out, '\n');
	if (*view->service) {
		weir_buf_puts(out, "    SERVICE: ");
		put_service(p, view, out);
		weir_buf_putc(out, '\n');
	}
	weir_buf_puts(out, "       TYPE: ");
	weir_format_text(out, type_name(view));
	weir_buf_puts(out, "\n    VERDICT: ");
	put_verdict(p, view, out);
	weir_buf_puts(out, "\n    SUMMARY: ");
	put_summary(p, view, out);
	weir_buf_putc(out, '\n');
}

static void table_flow(struct weir_printer *p, const struct weir_view *view)
{
	struct weir_buf *row = &p->table.cells;

	if (!p->printed)
		weir_table_header(&p->table, p->opts.node_name ? TABLE_NODE : TABLE);
	put_time(p, view, row);
	weir_table_next(&p->table);
	if (p->opts.node_name) {
		weir_format_text(row, view->node_name);
		weir_table_next(&p->table);
	}
	put_end(p, &view->source, row);
	weir_table_next(&p->table);
	put_end(p, &view->destination, row);
	weir_table_next(&p->table);
	weir_format_text(row, type_name(view));
	weir_table_next(&p->table);
	put_verdict(p, view, row);
	weir_table_next(&p->table);
	put_summary(p, view, row);
	if (*view->service) {
		weir_buf_puts(row, "; via ");
		put_service(p, view, row);
	}
	weir_table_end_row(&p->table);
}

static void print_lost(const struct weir_printer *p, const struct weir_view *view,
		       struct weir_buf *out)
{
	put_time(p, view, out);
	if (p->opts.node_name) {
		weir_buf_puts(out, " [");
		weir_format_text(out, view->node_name);
		weir_buf_putc(out, ']');
	}
	weir_buf_puts(out, ": ");
	color_on(p, COLOR_RED, out);
	weir_buf_puts(out, "EVENTS LOST: ");
	weir_format_text(out, view->lost_source);
	weir_buf_putc(out, ' ');
	weir_format_text(out, *view->lost_cause ? view->lost_cause : "unknown");
	weir_buf_putc(out, ' ');
	weir_buf_put_u64(out, view->lost_count);
	color_off(p, COLOR_RED, out);
	weir_buf_putc(out, '\n');
}

static void print_node_status(const struct weir_printer *p, const struct weir_view *view,
			      struct weir_buf *out)
{
	put_time(p, view, out);
	weir_buf_puts(out, " [");
	weir_format_text(out, view->node_name);
	weir_buf_puts(out, "]: ");
	weir_format_text(out, view->verdict);
	if (*view->message) {
		weir_buf_puts(out, ": ");
		weir_format_text(out, view->message);
	}
	weir_buf_putc(out, '\n');
}

static int server_error(const struct weir_view *view, struct weir_error *err)
{
	return weir_error_set(err, view->code == 400 ? -EREMOTEIO : -EPROTO, "%s",
			      *view->message ? view->message : "the server reports an error");
}

static void print_view(struct weir_printer *p, const struct weir_view *view, struct weir_buf *out)
{
	if (p->opts.format == WEIR_PRINT_DICT && p->printed)
		weir_buf_puts(out, DICT_SEPARATOR);
	if (view->kind == WEIR_VIEW_LOST)
		print_lost(p, view, out);
	else if (view->kind == WEIR_VIEW_NODE_STATUS)
		print_node_status(p, view, out);
	else if (p->opts.format == WEIR_PRINT_TABLE)
		table_flow(p, view);
	else if (p->opts.format == WEIR_PRINT_DICT)
		dict_flow(p, view, out);
	else
		compact_flow(p, view, out);
	/* The table's header goes above the first row, whatever was said before it. */
	p->printed += p->opts.format != WEIR_PRINT_TABLE || view->kind == WEIR_VIEW_FLOW;
}

int weir_printer_line(struct weir_printer *p, const char *line, size_t len, struct weir_buf *out,
		      struct weir_error *err)
{
	static const char error_start[] = "{\"error\":";
	struct weir_view view;
	int r;

	if (p->opts.format == WEIR_PRINT_JSONPB &&
	    (len < sizeof(error_start) - 1 || memcmp(line, error_start, sizeof(error_start) - 1))) {
		weir_buf_put(out, line, len);
		weir_buf_putc(out, '\n');
		return out->failed;
	}
	r = weir_view_read(p->reader, line, len, &view, err);
	if (r < 0)
		return r;
	if (view.kind == WEIR_VIEW_ERROR)
		return server_error(&view, err);
	if (view.kind != WEIR_VIEW_OTHER)
		print_view(p, &view, out);
	return out->failed;
}

void weir_printer_end(struct weir_printer *p, struct weir_buf *out)
{
	weir_table_print(&p->table, out);
}

int weir_printer_new(const struct weir_printer_opts *opts, struct weir_printer **ret_printer)
{
	_cleanup_(weir_printer_free) struct weir_printer *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->opts = *opts;
	/* Escape sequences have no width, and a table is for files and eyes alike. */
	if (opts->format == WEIR_PRINT_TABLE || opts->format == WEIR_PRINT_JSONPB)
		p->opts.color = false;
	weir_table_init(&p->table);
	r = weir_view_reader_new(&p->reader);
	if (r < 0)
		return r;
	*ret_printer = TAKE_PTR(p);
	return 0;
}

void weir_printer_free(struct weir_printer **printer)
{
	if (!*printer)
		return;
	weir_view_reader_free(&(*printer)->reader);
	weir_table_done(&(*printer)->table);
	free(*printer);
	*printer = NULL;
}
