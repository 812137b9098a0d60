/* SPDX-License-Identifier: Apache-2.0 */
#include "api/json_read.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Deeper than anything of ours. */
#define DEPTH_MAX 16

struct json_object *weir_json_get(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(object, json_type_object))
		return NULL;
	return json_object_object_get_ex(object, key, &value) ? value : NULL;
}

const char *weir_json_get_text(struct json_object *object, const char *key)
{
	struct json_object *value = weir_json_get(object, key);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

uint64_t weir_json_number(struct json_object *value)
{
	const char *text;
	char *end;
	uint64_t number;

	if (json_object_is_type(value, json_type_int))
		return json_object_get_uint64(value);
	if (!json_object_is_type(value, json_type_string))
		return 0;
	text = json_object_get_string(value);
	if (*text < '0' || *text > '9')
		return 0;
	errno = 0;
	number = strtoull(text, &end, 10);
	return errno || *end ? 0 : number;
}

uint64_t weir_json_get_number(struct json_object *object, const char *key)
{
	return weir_json_number(weir_json_get(object, key));
}

struct json_tokener *weir_json_tokener(void)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);

	if (tokener)
		json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	return tokener;
}

/* Strict as the tokener is, what follows the value is an error of its own finding. */
static int check_parsed(struct json_tokener *tokener, const struct json_object *object, size_t len,
			struct weir_error *err)
{
	enum json_tokener_error error = json_tokener_get_error(tokener);

	if (error == json_tokener_continue)
		return weir_error_set(err, -EINVAL, "the JSON ends too early, at column %zu", len);
	if (error != json_tokener_success)
		return weir_error_set(err, -EINVAL, "not JSON at column %zu: %s",
				      json_tokener_get_parse_end(tokener) + 1,
				      json_tokener_error_desc(error));
	if (!json_object_is_type(object, json_type_object))
		return weir_error_set(err, -EINVAL, "JSON, but not an object");
	return 0;
}

int weir_json_parse_object(struct json_tokener *tokener, const char *text, size_t len,
			   struct json_object **ret_object, struct weir_error *err)
{
	struct json_object *object;
	const char *nul;
	int r;

	if (len > INT_MAX)
		return weir_error_set(err, -EINVAL, "%zu bytes of JSON are too many", len);
	/* json-c takes one for the end. */
	nul = len ? memchr(text, 0, len) : NULL;
	if (nul)
		return weir_error_set(err, -EINVAL, "not JSON at column %zu: NUL",
				      (size_t)(nul - text) + 1);
	json_tokener_reset(tokener);
	object = json_tokener_parse_ex(tokener, text, (int)len);
	r = check_parsed(tokener, object, len, err);
	if (r < 0) {
		(void)json_object_put(object);
		return r;
	}
	*ret_object = object;
	return 0;
}
