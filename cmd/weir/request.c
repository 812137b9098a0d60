/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/weir/request.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "api/filter.h"
#include "api/json.h"
#include "api/request.h"
#include "lib/cleanup.h"
#include "lib/time.h"

struct term {
	const char *name;
	size_t offset;
};

#define FIELD(field_) offsetof(struct weir_observe_filters, field_)

static const struct term terms[] = {
	{ "namespace", FIELD(namespace_) },
	{ "pod", FIELD(pod) },
	{ "ip", FIELD(ip) },
	{ "port", FIELD(port) },
	{ "snat-ip", FIELD(snat_ip) },
	{ "from-namespace", FIELD(from_namespace) },
	{ "from-pod", FIELD(from_pod) },
	{ "from-ip", FIELD(from_ip) },
	{ "from-port", FIELD(from_port) },
	{ "to-namespace", FIELD(to_namespace) },
	{ "to-pod", FIELD(to_pod) },
	{ "to-ip", FIELD(to_ip) },
	{ "to-port", FIELD(to_port) },
	{ "protocol", FIELD(protocol) },
	{ "verdict", FIELD(verdict) },
};

#define TERM_COUNT (sizeof(terms) / sizeof(terms[0]))

static const struct weir_option_list *values_of(const struct weir_observe_filters *filters,
						const struct term *term)
{
	return (const void *)((const char *)filters + term->offset);
}

const char *weir_observe_filters_any(const struct weir_observe_filters *filters)
{
	for (size_t i = 0; i < TERM_COUNT; i++)
		if (values_of(filters, &terms[i])->count)
			return terms[i].name;
	return NULL;
}

static const struct weir_option_list *values_named(const struct weir_observe_filters *filters,
						   const char *name)
{
	for (size_t i = 0; i < TERM_COUNT; i++)
		if (!strcmp(terms[i].name, name))
			return values_of(filters, &terms[i]);
	return NULL;
}

/* --pod asks for either end and --from-pod for one: together they can only be a mistake. */
static int check_conflicts(const struct weir_observe_filters *filters, struct weir_error *err)
{
	static const char *const either[] = { "namespace", "pod", "ip", "port" };
	static const char *const sides[] = { "from", "to" };

	for (size_t i = 0; i < sizeof(either) / sizeof(either[0]); i++) {
		if (!values_named(filters, either[i])->count)
			continue;
		for (size_t j = 0; j < sizeof(sides) / sizeof(sides[0]); j++) {
			char name[sizeof("from-namespace")];

			(void)snprintf(name, sizeof(name), "%s-%s", sides[j], either[i]);
			if (values_named(filters, name)->count)
				return weir_error_set(err, -EINVAL,
						      "filters --%s and --%s cannot be combined",
						      either[i], name);
		}
	}
	return 0;
}

/* The namespaces a bare pod name of @term is looked for in; empty: leave that to the server. */
static const struct weir_option_list *pod_namespaces(const struct weir_observe_filters *filters,
						     const char *term)
{
	const struct weir_option_list *own = &filters->namespace_;

	if (!strcmp(term, "from-pod") && filters->from_namespace.count)
		own = &filters->from_namespace;
	if (!strcmp(term, "to-pod") && filters->to_namespace.count)
		own = &filters->to_namespace;
	return own;
}

static int put_value(struct weir_filter *check, const char *term, const char *value,
		     struct weir_buf *out, struct weir_error *err)
{
	struct weir_error why = { 0 };
	int r = weir_filter_add(check, term, value, &why);

	if (r < 0)
		return weir_error_set(err, r, "--%s", why.text);
	if (out->data[out->len - 1] != '[')
		weir_buf_putc(out, ',');
	weir_json_string(out, value, strlen(value));
	return out->failed;
}

static int put_pod(struct weir_filter *check, const struct weir_observe_filters *filters,
		   const char *term, const char *pod, struct weir_buf *out, struct weir_error *err)
{
	const struct weir_option_list *namespaces = pod_namespaces(filters, term);
	int r = 0;

	if (strchr(pod, '/') || !namespaces->count)
		return put_value(check, term, pod, out, err);
	for (size_t i = 0; i < namespaces->count && r == 0; i++) {
		struct weir_buf name;

		weir_buf_init(&name, 0);
		weir_buf_printf(&name, "%s/%s", namespaces->values[i], pod);
		r = name.failed ? name.failed
				: put_value(check, term, weir_buf_cstr(&name), out, err);
		weir_buf_done(&name);
	}
	return r;
}

static int put_term(struct weir_filter *check, const struct weir_observe_filters *filters,
		    const struct term *term, struct weir_buf *out, struct weir_error *err)
{
	const struct weir_option_list *list = values_of(filters, term);
	const char *dash = strrchr(term->name, '-');
	bool pod = !strcmp(dash ? dash + 1 : term->name, "pod");

	weir_buf_printf(out, "\"%s\":[", term->name);
	if (out->failed)
		return out->failed;
	for (size_t i = 0; i < list->count; i++) {
		int r = pod ? put_pod(check, filters, term->name, list->values[i], out, err)
			    : put_value(check, term->name, list->values[i], out, err);

		if (r < 0)
			return r;
	}
	weir_buf_putc(out, ']');
	return out->failed;
}

static int put_filters(const struct weir_observe_filters *filters, struct weir_buf *out,
		       struct weir_error *err)
{
	_cleanup_(weir_filter_free) struct weir_filter *check = NULL;
	bool first = true;
	int r = weir_filter_new(&check);

	if (r < 0)
		return r;
	weir_buf_puts(out, "\"filters\":[{");
	for (size_t i = 0; i < TERM_COUNT; i++) {
		if (!values_of(filters, &terms[i])->count)
			continue;
		if (!first)
			weir_buf_putc(out, ',');
		first = false;
		r = put_term(check, filters, &terms[i], out, err);
		if (r < 0)
			return r;
	}
	weir_buf_puts(out, "}],");
	return out->failed;
}

static void put_time(const char *key, const char *text, struct weir_buf *out)
{
	if (!text)
		return;
	weir_buf_printf(out, "\"%s\":", key);
	weir_json_string(out, text, strlen(text));
	weir_buf_putc(out, ',');
}

/* By the server's own decoder, so that what it would refuse is refused before connecting. */
static int check_request(const struct weir_buf *text, struct weir_error *err)
{
	struct weir_request request;
	int r;

	weir_request_init(&request);
	r = weir_request_decode(&request, text->data, text->len, weir_time_real_ns(), err);
	weir_request_done(&request);
	return r;
}

int weir_observe_request_encode(const struct weir_observe_request *request, struct weir_buf *out,
				struct weir_error *err)
{
	int r = check_conflicts(&request->filters, err);

	if (r < 0)
		return r;
	weir_buf_putc(out, '{');
	if (weir_observe_filters_any(&request->filters)) {
		r = put_filters(&request->filters, out, err);
		if (r < 0)
			return r;
	}
	put_time("since", request->since, out);
	put_time("until", request->until, out);
	if (request->last)
		weir_buf_printf(out, "\"last\":%" PRIu64 ",", request->last);
	weir_buf_printf(out, "\"follow\":%s}", request->follow ? "true" : "false");
	if (out->failed)
		return out->failed;
	return check_request(out, err);
}
