/* SPDX-License-Identifier: Apache-2.0 */
#include "api/request.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "api/request_parse.h"
#include "lib/cleanup.h"

static void cleanup_json(struct json_object **object)
{
	json_object_put(*object);
}

static void cleanup_tokener(struct json_tokener **tokener)
{
	if (*tokener)
		json_tokener_free(*tokener);
}

/* NULL with @err when @value is not a string, or holds a NUL. @place names it. */
static const char *string_of(struct json_object *value, const char *place, struct weir_error *err)
{
	const char *text;

	if (!json_object_is_type(value, json_type_string)) {
		(void)weir_error_set(err, -EINVAL, "%s: want a string", place);
		return NULL;
	}
	text = json_object_get_string(value);
	if (strlen(text) != (size_t)json_object_get_string_len(value)) {
		(void)weir_error_set(err, -EINVAL, "%s: holds a NUL character", place);
		return NULL;
	}
	return text;
}

static int decode_values(struct weir_request *request, size_t index, const char *name,
			 struct json_object *values, struct weir_error *err)
{
	struct weir_filter *filter = request->filters[index];
	char place[128];

	(void)snprintf(place, sizeof(place), "filters[%zu].%.64s", index, name);
	if (!json_object_is_type(values, json_type_array))
		return weir_error_set(err, -EINVAL, "%s: want an array of strings", place);
	/* No value could match any record; that nobody means, and everything is not meant either. */
	if (!json_object_array_length(values))
		return weir_error_set(err, -EINVAL, "%s: is empty", place);
	for (size_t i = 0; i < json_object_array_length(values); i++) {
		struct weir_error why = { 0 };
		const char *text;
		int r;

		(void)snprintf(place, sizeof(place), "filters[%zu].%.64s[%zu]", index, name, i);
		text = string_of(json_object_array_get_idx(values, i), place, err);
		if (!text)
			return -EINVAL;
		r = weir_request_add_value(request, filter, name, text, &why);
		if (r < 0)
			return weir_error_set(err, r, "filters[%zu].%s", index, why.text);
	}
	return 0;
}

static int decode_filters(struct weir_request *request, struct json_object *filters,
			  struct weir_error *err)
{
	size_t n;

	if (!json_object_is_type(filters, json_type_array))
		return weir_error_set(err, -EINVAL, "filters: want an array of objects");
	n = json_object_array_length(filters);
	if (n > WEIR_REQUEST_FILTERS_MAX)
		return weir_error_set(err, -EINVAL, "filters: %zu are more than %d", n,
				      WEIR_REQUEST_FILTERS_MAX);
	for (size_t i = 0; i < n; i++) {
		struct json_object *object = json_object_array_get_idx(filters, i);
		struct weir_filter *filter;
		int r;

		if (!json_object_is_type(object, json_type_object))
			return weir_error_set(err, -EINVAL, "filters[%zu]: want an object", i);
		r = weir_request_add_filter(request, &filter);
		if (r < 0)
			return r;
		json_object_object_foreach(object, name, values)
		{
			r = decode_values(request, i, name, values, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int decode_last(struct weir_request *request, struct json_object *value,
		       struct weir_error *err)
{
	if (!json_object_is_type(value, json_type_int))
		return weir_error_set(err, -EINVAL, "last: want a number of records");
	return weir_request_set_last(request, json_object_get_string(value), err);
}

static int decode_time(struct weir_request *request, const char *name, struct json_object *value,
		       int64_t now_ns, struct weir_error *err)
{
	const char *text = string_of(value, name, err);

	if (!text)
		return -EINVAL;
	return weir_request_set_time(request, name, text, now_ns, err);
}

static int decode_member(struct weir_request *request, const char *name, struct json_object *value,
			 int64_t now_ns, struct weir_error *err)
{
	if (!strcmp(name, "filters"))
		return decode_filters(request, value, err);
	if (!strcmp(name, "last"))
		return decode_last(request, value, err);
	if (!strcmp(name, "since") || !strcmp(name, "until"))
		return decode_time(request, name, value, now_ns, err);
	if (strcmp(name, "follow"))
		return weir_error_set(err, -EINVAL, "%.64s: no such member", name);
	if (!json_object_is_type(value, json_type_boolean))
		return weir_error_set(err, -EINVAL, "follow: want true or false");
	request->follow = json_object_get_boolean(value);
	return 0;
}

static int parse(struct json_tokener *tokener, const char *text, size_t len,
		 struct json_object **ret_root, struct weir_error *err)
{
	const char *nul = len ? memchr(text, 0, len) : NULL;
	enum json_tokener_error why;

	/* json-c takes one for the end. */
	if (nul)
		return weir_error_set(err, -EBADMSG, "request: byte %zu: is NUL",
				      (size_t)(nul - text) + 1);
	*ret_root = json_tokener_parse_ex(tokener, text, (int)len);
	why = json_tokener_get_error(tokener);
	if (why == json_tokener_continue) {
		/* A number or a literal ends only with what comes behind it. */
		*ret_root = json_tokener_parse_ex(tokener, " ", 1);
		if (json_tokener_get_error(tokener) != json_tokener_success)
			return weir_error_set(err, -EBADMSG, "request: byte %zu: ends too early",
					      len);
	} else if (why != json_tokener_success) {
		return weir_error_set(err, -EBADMSG, "request: byte %zu: %s",
				      json_tokener_get_parse_end(tokener) + 1,
				      json_tokener_error_desc(why));
	}
	if (!json_object_is_type(*ret_root, json_type_object))
		return weir_error_set(err, -EINVAL, "request: want an object");
	return 0;
}

int weir_request_decode(struct weir_request *request, const char *text, size_t len, int64_t now_ns,
			struct weir_error *err)
{
	_cleanup_(cleanup_tokener) struct json_tokener *tokener =
		json_tokener_new_ex(WEIR_REQUEST_DEPTH_MAX);
	_cleanup_(cleanup_json) struct json_object *root = NULL;
	int r;

	if (len > WEIR_REQUEST_BYTES_MAX)
		return weir_error_set(err, -EINVAL, "request: longer than %zu bytes",
				      WEIR_REQUEST_BYTES_MAX);
	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	r = parse(tokener, text, len, &root, err);
	if (r < 0)
		return r;
	json_object_object_foreach(root, name, value)
	{
		r = decode_member(request, name, value, now_ns, err);
		if (r < 0)
			return r;
	}
	return weir_request_check(request, err);
}
