/* SPDX-License-Identifier: Apache-2.0 */
#include "api/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/request_parse.h"
#include "lib/cleanup.h"
#include "lib/time.h"

/* Of WEIR_REQUEST_LAST_MAX; so many never overflow. */
#define LAST_DIGITS_MAX 16

void weir_request_init(struct weir_request *request)
{
	*request = (struct weir_request){ 0 };
}

void weir_request_done(struct weir_request *request)
{
	for (size_t i = 0; i < request->n_filters; i++)
		weir_filter_free(&request->filters[i]);
	free(request->filters);
	weir_request_init(request);
}

int weir_request_add_filter(struct weir_request *request, struct weir_filter **ret_filter)
{
	struct weir_filter **filters;
	int r;

	filters = reallocarray(request->filters, request->n_filters + 1,
			       sizeof(struct weir_filter *));
	if (!filters)
		return -ENOMEM;
	request->filters = filters;
	r = weir_filter_new(&filters[request->n_filters]);
	if (r < 0)
		return r;
	*ret_filter = filters[request->n_filters++];
	return 0;
}

int weir_request_add_value(struct weir_request *request, struct weir_filter *filter,
			   const char *term, const char *value, struct weir_error *err)
{
	int r = weir_filter_add(filter, term, value, err);

	if (r < 0)
		return r;
	/* Every record may be compared with every one of them. */
	if (++request->n_values > WEIR_REQUEST_VALUES_MAX)
		return weir_error_set(err, -EINVAL, "%s: the filters have more than %d values",
				      term, WEIR_REQUEST_VALUES_MAX);
	return 0;
}

int weir_request_set_time(struct weir_request *request, const char *name, const char *text,
			  int64_t now_ns, struct weir_error *err)
{
	uint64_t ago_ns;
	int64_t ns;

	if (weir_time_parse(text, &ns)) {
		if (weir_duration_parse(text, &ago_ns))
			return weir_error_set(err, -EINVAL,
					      "%s: '%s' is neither RFC 3339 nor a duration like 5m",
					      name, text);
		if (__builtin_sub_overflow(now_ns, (int64_t)ago_ns, &ns))
			ns = INT64_MIN;
	}
	if (!strcmp(name, "since")) {
		request->since_ns = ns;
		request->has_since = true;
	} else {
		request->until_ns = ns;
		request->has_until = true;
	}
	return 0;
}

int weir_request_set_last(struct weir_request *request, const char *text, struct weir_error *err)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long long last = 0;

	if (digits && digits <= LAST_DIGITS_MAX && !text[digits])
		last = strtoull(text, NULL, 10);
	else
		digits = 0;
	if (!digits || last > WEIR_REQUEST_LAST_MAX)
		return weir_error_set(err, -EINVAL,
				      "last: '%s' is not a number of records (0 to %llu)", text,
				      (unsigned long long)WEIR_REQUEST_LAST_MAX);
	request->last = last;
	return 0;
}

static int parse_follow(const char *text, bool *ret_follow, struct weir_error *err)
{
	if (!*text || !strcmp(text, "true") || !strcmp(text, "1"))
		*ret_follow = true;
	else if (!strcmp(text, "false") || !strcmp(text, "0"))
		*ret_follow = false;
	else
		return weir_error_set(err, -EINVAL, "follow: '%s' is neither true nor false", text);
	return 0;
}

static int add_terms(struct weir_request *request, const char *name, const char *value,
		     struct weir_error *err)
{
	_cleanup_free_ char *copy = strdup(value);
	struct weir_filter *filter;
	char *rest = copy, *one;
	int r;

	if (!copy)
		return -ENOMEM;
	if (request->n_filters) {
		filter = request->filters[0];
	} else {
		r = weir_request_add_filter(request, &filter);
		if (r < 0)
			return r;
	}
	while ((one = strsep(&rest, ","))) {
		r = weir_request_add_value(request, filter, name, one, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int weir_request_add_param(struct weir_request *request, const char *name, const char *value,
			   int64_t now_ns, struct weir_error *err)
{
	if (!strcmp(name, "last"))
		return weir_request_set_last(request, value, err);
	if (!strcmp(name, "since") || !strcmp(name, "until"))
		return weir_request_set_time(request, name, value, now_ns, err);
	if (!strcmp(name, "follow"))
		return parse_follow(value, &request->follow, err);
	return add_terms(request, name, value, err);
}

int weir_request_check(const struct weir_request *request, struct weir_error *err)
{
	if (request->follow && request->has_until)
		return weir_error_set(err, -EINVAL, "until: cannot be given with follow");
	if (request->has_since && request->has_until && request->until_ns < request->since_ns)
		return weir_error_set(err, -EINVAL, "until: is before since");
	return 0;
}

bool weir_request_match(const struct weir_request *request, const struct weir_record *record)
{
	for (size_t i = 0; i < request->n_filters; i++) {
		if (weir_filter_match(request->filters[i], record))
			return true;
	}
	return !request->n_filters;
}
