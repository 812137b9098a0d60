/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/json_text.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "lib/cleanup.h"

static unsigned long line_at(const char *text, size_t offset)
{
	unsigned long line = 1;

	for (size_t i = 0; i < offset; i++)
		line += text[i] == '\n';
	return line;
}

static size_t skip_space(const char *text, size_t len, size_t at)
{
	while (at < len && text[at] && strchr(" \t\r\n", text[at]))
		at++;
	return at;
}

static void free_tokener(struct json_tokener **tokener)
{
	if (*tokener)
		json_tokener_free(*tokener);
}

static void put_object(struct json_object **object)
{
	json_object_put(*object);
}

int weir_json_read(const char *text, size_t len, const char *input, weir_document_fn fn, void *ctx,
		   struct weir_error *err)
{
	_cleanup_(free_tokener) struct json_tokener *tokener = NULL;
	_cleanup_(put_object) struct json_object *root = NULL;
	size_t start = skip_space(text, len, 0), end;
	enum json_tokener_error code;

	if (len > INT_MAX)
		return weir_error_set(err, -EINVAL, "%s: larger than %d bytes", input, INT_MAX);
	tokener = json_tokener_new_ex(WEIR_YAML_DEPTH_MAX);
	if (!tokener)
		return weir_error_set(err, -ENOMEM, "%s: out of memory", input);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8 |
						JSON_TOKENER_ALLOW_TRAILING_CHARS);
	root = json_tokener_parse_ex(tokener, text + start, (int)(len - start));
	code = json_tokener_get_error(tokener);
	end = start + json_tokener_get_parse_end(tokener);
	if (code == json_tokener_continue)
		return weir_error_set(err, -EINVAL, "%s:%lu: ends within a value", input,
				      line_at(text, len));
	if (code != json_tokener_success)
		return weir_error_set(err, -EINVAL, "%s:%lu: %s", input, line_at(text, end),
				      json_tokener_error_desc(code));
	end = skip_space(text, len, end);
	if (end < len)
		return weir_error_set(err, -EINVAL, "%s:%lu: something follows the JSON value",
				      input, line_at(text, end));
	if (!root)
		return weir_error_set(err, -EINVAL, "%s:%lu: is not a Kubernetes object", input,
				      line_at(text, start));
	return fn(ctx, root, line_at(text, start));
}
