/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/weir/observe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/options.h"
#include "cmd/weir/input.h"
#include "cmd/weir/output.h"
#include "cmd/weir/print.h"
#include "cmd/weir/printer.h"
#include "cmd/weir/request.h"
#include "cmd/weir/session.h"
#include "lib/cleanup.h"

/* More than any history holds, and still exact in every JSON library. */
#define LAST_ALL (1ULL << 53)

struct observe_settings {
	const char *server;
	const char *input_file;
	struct weir_observe_request request;
	bool all;
	const char *output;
	const char *color;
	const char *time_format;
	bool print_node_name;
	bool numeric;
	bool ip_translation;
};

struct observe {
	struct weir_printer *printer;
	struct weir_output output;
};

#define FIELD(field_) .offset = offsetof(struct observe_settings, field_)
#define FILTER(field_) .type = WEIR_OPTION_CSV, FIELD(request.filters.field_)

static const struct weir_option observe_table[] = {
	{ .type = WEIR_OPTION_GROUP, .name = "Which flows, by time" },
	{ .name = "follow", .letter = 'f', .type = WEIR_OPTION_FLAG, FIELD(request.follow),
	  .help = "Go on with flows as they come" },
	{ .name = "last", .type = WEIR_OPTION_UINT, FIELD(request.last), .min = 1,
	  .max = LAST_ALL,
	  .help = "The last N flows of the history that match, not with --since (default 20; "
		  "with --follow, --since or --until: no limit)" },
	{ .name = "all", .type = WEIR_OPTION_FLAG, FIELD(all), .help = "The whole history" },
	{ .name = "since", .type = WEIR_OPTION_STRING, FIELD(request.since), .metavar = "TIME",
	  .help = "Flows from then on: RFC 3339 or how long ago (2026-07-30T12:00:00Z, 5m)" },
	{ .name = "until", .type = WEIR_OPTION_STRING, FIELD(request.until), .metavar = "TIME",
	  .help = "Flows up to then" },

	{ .type = WEIR_OPTION_GROUP,
	  .name = "Which flows, by content (values comma-separated or repeated: any of them)" },
	{ .name = "namespace", .letter = 'n', FILTER(namespace_), .metavar = "NAME",
	  .help = "Either end is in this namespace" },
	{ .name = "pod", FILTER(pod), .metavar = "[NS/]NAME",
	  .help = "Either end is a pod whose name begins so (NS/: any pod there)" },
	{ .name = "ip", FILTER(ip), .metavar = "IP",
	  .help = "Either end has this address or CIDR" },
	{ .name = "port", FILTER(port), .metavar = "PORT", .help = "Either end has this port" },
	{ .name = "snat-ip", FILTER(snat_ip), .metavar = "IP",
	  .help = "What the source's address was translated to is this, or in this CIDR" },
	{ .name = "from-namespace", FILTER(from_namespace), .metavar = "NAME",
	  .help = "The same of the end that opened the connection" },
	{ .name = "from-pod", FILTER(from_pod), .metavar = "[NS/]NAME", .help = "Likewise" },
	{ .name = "from-ip", FILTER(from_ip), .metavar = "IP", .help = "Likewise" },
	{ .name = "from-port", FILTER(from_port), .metavar = "PORT", .help = "Likewise" },
	{ .name = "to-namespace", FILTER(to_namespace), .metavar = "NAME",
	  .help = "The same of the end it was opened to" },
	{ .name = "to-pod", FILTER(to_pod), .metavar = "[NS/]NAME", .help = "Likewise" },
	{ .name = "to-ip", FILTER(to_ip), .metavar = "IP",
	  .help = "Likewise; the address asked for counts too" },
	{ .name = "to-port", FILTER(to_port), .metavar = "PORT", .help = "Likewise" },
	{ .name = "protocol", FILTER(protocol), .metavar = "NAME", .help = "tcp, udp, dns" },
	{ .name = "verdict", FILTER(verdict), .metavar = "VERDICT",
	  .help = "FORWARDED, VERDICT_UNKNOWN (refused, timed out, no answer), ERROR (failed on "
		  "this node), DROPPED" },

	{ .type = WEIR_OPTION_GROUP, .name = "How they are shown" },
	{ .name = "output", .letter = 'o', .type = WEIR_OPTION_CHOICE, FIELD(output),
	  .def = "compact", .metavar = "FORMAT", .choices = "compact|dict|json|jsonpb|table|tab",
	  .help = "compact, dict, jsonpb (one record a line as it came), json (the same), table, "
		  "tab (the same)" },
	{ .name = "color", .type = WEIR_OPTION_CHOICE, FIELD(color), .def = "auto",
	  .metavar = "WHEN", .choices = "auto|always|never",
	  .help = "auto, always or never; auto: on a terminal, unless NO_COLOR is set" },
	{ .name = "print-node-name", .type = WEIR_OPTION_FLAG, FIELD(print_node_name),
	  .help = "Show the node that saw the flow" },
	{ .name = "time-format", .type = WEIR_OPTION_CHOICE, FIELD(time_format),
	  .def = "StampMilli", .metavar = "NAME", .choices = WEIR_TIME_FORMATS,
	  .help = "StampMilli, RFC3339, RFC3339Milli, RFC3339Micro or RFC3339Nano; all in UTC" },
	{ .name = "numeric", .type = WEIR_OPTION_FLAG, FIELD(numeric),
	  .help = "Addresses instead of names" },
	{ .name = "ip-translation", .type = WEIR_OPTION_FLAG, FIELD(ip_translation), .def = "true",
	  .help = "Names instead of addresses; --ip-translation=false is --numeric" },

	{ .type = WEIR_OPTION_GROUP, .name = "Where they come from" },
	{ .name = "server", .type = WEIR_OPTION_STRING, FIELD(server), .metavar = "ENDPOINT",
	  .def = WEIR_SERVER_UNIX, .env = WEIR_SERVER_ENV,
	  .help = WEIR_SERVER_HELP },
	{ .name = "input-file", .type = WEIR_OPTION_STRING, FIELD(input_file), .metavar = "FILE",
	  .help = "Records from a file made with -o jsonpb instead of a server; - is standard "
		  "input" },
	{ 0 },
};

static const struct weir_options observe_options = {
	.command = "weir observe",
	.arguments = "[flows]",
	.about = "Show who talks to whom, one line for each event of a connection.",
	.epilogue =
		"Examples:\n"
		"  weir observe -f                                everything, as it happens\n"
		"  weir observe -f --verdict VERDICT_UNKNOWN      what is refused or times out\n"
		"  weir observe --since 5m --to-pod shop/cart     who called cart\n"
		"  weir observe --all -o jsonpb > flows.json      the history, for later\n"
		"  weir observe --input-file flows.json -o table  … and read back\n",
	.table = observe_table,
	.max_arguments = 1,
};

static bool want_color(const char *when)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (strcmp(when, "auto"))
		return !strcmp(when, "always");
	return isatty(STDOUT_FILENO) && !(no_color && *no_color) &&
	       !(term && !strcmp(term, "dumb"));
}

static int printer_make(const struct observe_settings *settings, struct weir_printer **ret_printer,
			struct weir_error *err)
{
	static const struct {
		const char *name;
		enum weir_print_format format;
	} formats[] = {
		{ "compact", WEIR_PRINT_COMPACT }, { "dict", WEIR_PRINT_DICT },
		{ "json", WEIR_PRINT_JSONPB }, { "jsonpb", WEIR_PRINT_JSONPB },
		{ "table", WEIR_PRINT_TABLE }, { "tab", WEIR_PRINT_TABLE },
	};
	struct weir_printer_opts opts = {
		.color = want_color(settings->color), .node_name = settings->print_node_name,
		.numeric = settings->numeric || !settings->ip_translation,
	};
	int r;

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(settings->output, formats[i].name))
			opts.format = formats[i].format;
	if (opts.format == WEIR_PRINT_TABLE && settings->request.follow)
		return weir_error_set(err, -EINVAL, "-o table has no end to align with --follow");
	r = weir_time_format_parse(settings->time_format, &opts.time_format);
	if (r == 0)
		r = weir_printer_new(&opts, ret_printer);
	return r < 0 ? weir_error_set(err, r, "out of memory") : 0;
}

static int output_failed(int r, struct weir_error *err)
{
	return weir_error_set(err, r, "standard output: %s", strerror(-r));
}

static int on_line(void *ctx, const char *line, size_t len, struct weir_error *err)
{
	struct observe *observe = ctx;
	int r = weir_printer_line(observe->printer, line, len, &observe->output.buf, err);

	if (r < 0)
		return r;
	r = weir_output_added(&observe->output);
	return r < 0 ? output_failed(r, err) : 0;
}

static int on_batch(void *ctx)
{
	struct observe *observe = ctx;

	return weir_output_flush(&observe->output);
}

static int observe_server(struct observe *observe, const struct observe_settings *settings,
			  bool server_given, struct weir_error *err)
{
	struct weir_session_opts opts = {
		.server = settings->server, .fallback = !server_given, .path = "/v1/flows",
		.line = on_line, .batch = on_batch, .ctx = observe,
	};
	struct weir_buf request;
	int r;

	weir_buf_init(&request, 0);
	r = weir_observe_request_encode(&settings->request, &request, err);
	if (r == 0) {
		opts.request = weir_buf_cstr(&request);
		r = request.failed ? request.failed : weir_session_run(&opts, NULL, err);
	}
	weir_buf_done(&request);
	return r;
}

static int check_input_flags(const struct weir_options_result *result,
			     const struct observe_settings *settings, struct weir_error *err)
{
	static const char *const refused[] = {
		"server", "follow", "last", "all", "since", "until"
	};
	const char *term = weir_observe_filters_any(&settings->request.filters);

	if (!settings->input_file)
		return 0;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]) && !term; i++)
		/* WEIR_SERVER in the environment is no contradiction. */
		if (weir_options_given(&observe_options, result, refused[i]) &&
		    (strcmp(refused[i], "server") || !getenv(WEIR_SERVER_ENV)))
			term = refused[i];
	if (term)
		return weir_error_set(
			err, -EINVAL,
			"--%s is the server's work and cannot be combined with --input-file", term);
	return 0;
}

static int check_settings(struct observe_settings *settings,
			  const struct weir_options_result *result, struct weir_error *err)
{
	struct weir_observe_request *request = &settings->request;
	bool last = weir_options_given(&observe_options, result, "last");

	if (result->argument_count && strcmp(result->arguments[0], "flows"))
		return weir_error_set(err, -EINVAL,
				      "unknown subcommand '%s' (see 'weir observe --help')",
				      result->arguments[0]);
	if (last && request->since)
		return weir_error_set(err, -EINVAL, "--last and --since exclude each other");
	if (settings->all && (last || request->since))
		return weir_error_set(err, -EINVAL, "--all and --%s cannot be combined",
				      last ? "last" : "since");
	if (settings->all && request->follow)
		request->last = LAST_ALL;
	else if (!last && !settings->all && !request->follow && !request->since && !request->until)
		request->last = 20;
	return check_input_flags(result, settings, err);
}

static int observe_run(struct observe_settings *settings, const struct weir_options_result *result,
		       struct weir_error *err)
{
	struct observe observe = { 0 };
	int r = check_settings(settings, result, err), flushed;

	if (r == 0)
		r = printer_make(settings, &observe.printer, err);
	if (r < 0)
		return r;
	weir_output_init(&observe.output, STDOUT_FILENO, &weir_session_stopped);
	if (settings->input_file)
		r = weir_input_read(settings->input_file, on_line, &observe, err);
	else
		r = observe_server(&observe, settings,
				   weir_options_given(&observe_options, result, "server"), err);
	/* What was printed before a failure is shown before its message. */
	weir_printer_end(observe.printer, &observe.output.buf);
	flushed = weir_output_flush(&observe.output);
	/* The reader has gone (`| head`), or the user has seen enough (Ctrl-C): that is an end. */
	if (flushed == -EPIPE || flushed == -EINTR)
		r = 0;
	else if (flushed < 0)
		r = output_failed(flushed, err);
	weir_output_done(&observe.output);
	weir_printer_free(&observe.printer);
	return r;
}

int weir_observe_main(int argc, char *const argv[], struct weir_error *err)
{
	struct observe_settings settings;
	struct weir_options_result result;
	int r = weir_options_parse(&observe_options, argc, argv, &settings, &result, err);

	if (r < 0)
		return r;
	r = result.action == WEIR_OPTIONS_RUN ? observe_run(&settings, &result, err)
					      : weir_print_action(&observe_options, result.action);
	weir_options_done(&observe_options, &settings, &result);
	return r;
}
