/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/field.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"

#define ERROR_TEXT_MAX 4096

static const char *type_to_str(enum json_type type)
{
	switch (type) {
	case json_type_null:
		return "null";
	case json_type_boolean:
		return "a boolean";
	case json_type_double:
	case json_type_int:
		return "a number";
	case json_type_object:
		return "an object";
	case json_type_array:
		return "a list";
	case json_type_string:
		break;
	}
	return "a string";
}

static void put_path(struct weir_buf *out, const struct weir_field *at)
{
	if (!at->up)
		return;
	put_path(out, at->up);
	if (!at->key)
		weir_buf_printf(out, "[%zu]", at->index);
	else
		weir_buf_printf(out, "%s%s", at->up->up ? "." : "", at->key);
}

int weir_field_fail(const struct weir_field *at, const char *fmt, ...)
{
	const struct weir_decoder *decoder = at->decoder;
	struct weir_buf text;
	va_list args;
	char *what = NULL;

	va_start(args, fmt);
	if (vasprintf(&what, fmt, args) < 0)
		what = NULL;
	va_end(args);

	weir_buf_init(&text, ERROR_TEXT_MAX);
	weir_buf_puts(&text, decoder->input);
	if (decoder->line)
		weir_buf_printf(&text, ":%lu", decoder->line);
	weir_buf_puts(&text, ": ");
	if (*decoder->kind)
		weir_buf_printf(&text, "%s ", decoder->kind);
	if (*decoder->namespace_)
		weir_buf_printf(&text, "%s/", decoder->namespace_);
	if (*decoder->name)
		weir_buf_puts(&text, decoder->name);
	if (text.len && text.data[text.len - 1] != ' ')
		weir_buf_puts(&text, ": ");
	else if (*decoder->kind)
		weir_buf_puts(&text, "without a name: ");
	put_path(&text, at);
	if (at->up)
		weir_buf_puts(&text, ": ");
	weir_buf_puts(&text, what ? what : "is bad");
	(void)weir_error_set(decoder->err, -EINVAL, "%s", weir_buf_cstr(&text));
	weir_buf_done(&text);
	free(what);
	return -EINVAL;
}

static struct weir_field member(const struct weir_field *object, const char *key)
{
	return (struct weir_field){ .decoder = object->decoder, .up = object, .key = key };
}

int weir_field_get(const struct weir_field *object, const char *key, enum json_type type,
		   struct weir_field *ret_field)
{
	struct weir_field field = member(object, key);

	if (!json_object_object_get_ex(object->value, key, &field.value) || !field.value)
		return 0;
	if (!json_object_is_type(field.value, type))
		return weir_field_fail(&field, "want %s, not %s", type_to_str(type),
				       type_to_str(json_object_get_type(field.value)));
	*ret_field = field;
	return 1;
}

int weir_field_items(const struct weir_field *object, const char *key, struct weir_field *ret_array)
{
	int r = weir_field_get(object, key, json_type_array, ret_array);
	size_t n;

	if (r <= 0)
		return r;
	n = json_object_array_length(ret_array->value);
	if (n > WEIR_FIELD_ITEMS_MAX)
		return weir_field_fail(ret_array, "has more than %d items", WEIR_FIELD_ITEMS_MAX);
	return (int)n;
}

int weir_field_item(const struct weir_field *array, size_t index, enum json_type type,
		    struct weir_field *ret_field)
{
	struct weir_field field = { .decoder = array->decoder, .up = array, .index = index };

	field.value = json_object_array_get_idx(array->value, index);
	if (!json_object_is_type(field.value, type))
		return weir_field_fail(&field, "want %s, not %s", type_to_str(type),
				       type_to_str(json_object_get_type(field.value)));
	*ret_field = field;
	return 0;
}

int weir_field_text(const struct weir_field *field, const char **ret_text)
{
	const char *text = json_object_get_string(field->value);
	size_t len = (size_t)json_object_get_string_len(field->value);
	const char *copy;

	if (len > WEIR_FIELD_STR_MAX)
		return weir_field_fail(field, "is longer than %d bytes", WEIR_FIELD_STR_MAX);
	if (memchr(text, '\0', len))
		return weir_field_fail(field, "has a NUL byte");
	copy = weir_arena_strndup(field->decoder->arena, text, len);
	if (!copy)
		return -ENOMEM;
	*ret_text = copy;
	return 0;
}

int weir_field_str(const struct weir_field *object, const char *key, const char **ret_text)
{
	struct weir_field field;
	int r = weir_field_get(object, key, json_type_string, &field);

	if (r < 0)
		return r;
	if (r > 0)
		return weir_field_text(&field, ret_text);
	*ret_text = "";
	return 0;
}

int weir_field_bool(const struct weir_field *object, const char *key, bool *ret_value)
{
	struct weir_field field;
	int r = weir_field_get(object, key, json_type_boolean, &field);

	if (r < 0)
		return r;
	*ret_value = r > 0 && json_object_get_boolean(field.value);
	return 0;
}

int weir_field_int(const struct weir_field *object, const char *key, long min, long max,
		   long *ret_value)
{
	struct weir_field field;
	int r = weir_field_get(object, key, json_type_int, &field);
	int64_t value;

	if (r <= 0)
		return r;
	value = json_object_get_int64(field.value);
	if (value < min || value > max)
		return weir_field_fail(&field, "want a number from %ld to %ld", min, max);
	*ret_value = (long)value;
	return 1;
}

int weir_field_addr(const struct weir_field *field, struct weir_addr *ret_addr)
{
	const char *text;
	int r = weir_field_text(field, &text);

	if (r < 0)
		return r;
	if (weir_addr_parse(text, ret_addr) < 0)
		return weir_field_fail(field, "\"%s\" is not an IP address", text);
	return 0;
}
