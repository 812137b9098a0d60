/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/yaml.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "k8s-meta/yaml_scalar.h"
#include "lib/cleanup.h"
#include "lib/map.h"

/** A value and what it would be if its aliases were written out. */
struct node {
	struct json_object *json;  /* NULL is null */
	size_t weight;             /* values, itself included */
	unsigned int height;       /* levels of nesting, 1 for a scalar */
};

struct anchor {
	struct anchor *next;
	struct node node;
	bool complete;
	char name[];
};

struct builder {
	yaml_parser_t parser;
	const char *input;
	struct weir_error *err;
	struct weir_map names;     /* the latest anchor of each name */
	struct anchor *anchors;    /* all of the document */
	size_t values;
	size_t aliased;
};

static int fail(struct builder *builder, yaml_mark_t mark, const char *what, const char *detail)
{
	return weir_error_set(builder->err, -EINVAL, "%s:%lu: %s%s%s", builder->input,
			      (unsigned long)mark.line + 1, what, *detail ? " " : "", detail);
}

static int fail_memory(struct builder *builder)
{
	return weir_error_set(builder->err, -ENOMEM, "%s: out of memory", builder->input);
}

static int next_event(struct builder *builder, yaml_event_t *ret_event)
{
	yaml_parser_t *parser = &builder->parser;

	if (yaml_parser_parse(parser, ret_event))
		return 0;
	/* libyaml makes no promise about the event of a failed call */
	memset(ret_event, 0, sizeof(*ret_event));
	if (parser->error == YAML_MEMORY_ERROR)
		return fail_memory(builder);
	if (parser->error == YAML_READER_ERROR)
		return weir_error_set(builder->err, -EINVAL, "%s:%lu: not UTF-8 text: %s",
				      builder->input, (unsigned long)parser->mark.line + 1,
				      parser->problem);
	return fail(builder, parser->problem_mark, parser->problem ? parser->problem : "malformed",
		    parser->context ? parser->context : "");
}

static void forget_anchors(struct builder *builder)
{
	weir_map_done(&builder->names);
	while (builder->anchors) {
		struct anchor *next = builder->anchors->next;

		json_object_put(builder->anchors->node.json);
		free(builder->anchors);
		builder->anchors = next;
	}
}

/* An anchor is known from its beginning, so that an alias inside it is seen to be a loop. */
static int open_anchor(struct builder *builder, const yaml_char_t *name, struct anchor **ret_anchor)
{
	struct anchor *anchor;
	size_t len;

	*ret_anchor = NULL;
	if (!name)
		return 0;
	len = strlen((const char *)name);
	anchor = malloc(sizeof(*anchor) + len + 1);
	if (!anchor)
		return fail_memory(builder);
	*anchor = (struct anchor){ .next = builder->anchors };
	memcpy(anchor->name, name, len + 1);
	builder->anchors = anchor;
	(void)weir_map_remove(&builder->names, name, len);
	if (weir_map_add(&builder->names, anchor->name, len, anchor) < 0)
		return fail_memory(builder);
	*ret_anchor = anchor;
	return 0;
}

static void close_anchor(struct anchor *anchor, const struct node *node)
{
	if (!anchor)
		return;
	anchor->node = *node;
	anchor->node.json = json_object_get(node->json);
	anchor->complete = true;
}

static int build_alias(struct builder *builder, const yaml_event_t *event, unsigned int depth,
		       struct node *ret_node)
{
	const char *name = (const char *)event->data.alias.anchor;
	const struct anchor *anchor = weir_map_lookup(&builder->names, name, strlen(name));

	if (!anchor)
		return fail(builder, event->start_mark, "unknown alias", name);
	if (!anchor->complete)
		return fail(builder, event->start_mark, "alias within its own anchor:", name);
	builder->aliased += anchor->node.weight;
	if (builder->aliased > WEIR_YAML_ALIASED_MAX)
		return fail(builder, event->start_mark, "aliases stand for too many values", "");
	/* Nesting through aliases does not show in the text, and freeing the tree recurses. */
	if (depth + anchor->node.height > WEIR_YAML_DEPTH_MAX)
		return fail(builder, event->start_mark, "nested too deep", "");
	*ret_node = anchor->node;
	ret_node->json = json_object_get(anchor->node.json);
	return 0;
}

static bool has_tag(const yaml_char_t *tag, const char *want)
{
	return tag && !strcmp((const char *)tag, want);
}

static int new_scalar(const char *text, size_t len, bool plain, struct json_object **ret_json)
{
	struct weir_scalar scalar = { .kind = WEIR_SCALAR_STRING };

	if (plain)
		scalar = weir_yaml_scalar_resolve(text, len);
	switch (scalar.kind) {
	case WEIR_SCALAR_NULL:
		*ret_json = NULL;
		return 0;
	case WEIR_SCALAR_BOOL:
		*ret_json = json_object_new_boolean(scalar.boolean);
		break;
	case WEIR_SCALAR_INT:
		*ret_json = json_object_new_int64(scalar.integer);
		break;
	case WEIR_SCALAR_DOUBLE:
		*ret_json = json_object_new_double(scalar.real);
		break;
	case WEIR_SCALAR_STRING:
		*ret_json = json_object_new_string_len(text, (int)len);
		break;
	}
	return *ret_json ? 0 : -ENOMEM;
}

static int build_scalar(struct builder *builder, const yaml_event_t *event, struct node *ret_node)
{
	const yaml_char_t *tag = event->data.scalar.tag;
	bool is_string = has_tag(tag, YAML_STR_TAG) || has_tag(tag, "!");
	bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !is_string;

	if (tag && !is_string && !has_tag(tag, YAML_INT_TAG) && !has_tag(tag, YAML_BOOL_TAG) &&
	    !has_tag(tag, YAML_NULL_TAG) && !has_tag(tag, YAML_FLOAT_TAG))
		return fail(builder, event->start_mark, "unknown tag", (const char *)tag);
	if (new_scalar((const char *)event->data.scalar.value, event->data.scalar.length, plain,
		       &ret_node->json) < 0)
		return fail_memory(builder);
	return 0;
}

static int build(struct builder *builder, const yaml_event_t *event, unsigned int depth,
		 struct node *ret_node);

static void add_child(struct node *parent, const struct node *child)
{
	parent->weight += child->weight;
	if (child->height >= parent->height)
		parent->height = child->height + 1;
}

static int check_key(struct builder *builder, struct json_object *map, const yaml_event_t *event)
{
	const char *key = (const char *)event->data.scalar.value;

	if (event->type != YAML_SCALAR_EVENT)
		return fail(builder, event->start_mark, "a key must be a scalar", "");
	if (strlen(key) != event->data.scalar.length)
		return fail(builder, event->start_mark, "a key has a NUL byte", "");
	if (!strcmp(key, "<<") && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		return fail(builder, event->start_mark, "merge keys (<<) are not supported", "");
	if (json_object_object_get_ex(map, key, NULL))
		return fail(builder, event->start_mark, "duplicate key", key);
	return 0;
}

/* One "key: value" whose key is @event. */
static int build_pair(struct builder *builder, const yaml_event_t *event, unsigned int depth,
		      struct node *map)
{
	_cleanup_(yaml_event_delete) yaml_event_t value_event = { 0 };
	struct node value = { 0 };
	int r;

	r = check_key(builder, map->json, event);
	if (r < 0)
		return r;
	r = next_event(builder, &value_event);
	if (r < 0)
		return r;
	r = build(builder, &value_event, depth + 1, &value);
	if (r < 0)
		return r;
	add_child(map, &value);
	/* takes over the value's reference, unless it fails */
	if (json_object_object_add(map->json, (const char *)event->data.scalar.value, value.json) <
	    0) {
		json_object_put(value.json);
		return fail_memory(builder);
	}
	return 0;
}

static int build_item(struct builder *builder, const yaml_event_t *event, unsigned int depth,
		      struct node *list)
{
	struct node item = { 0 };
	int r = build(builder, event, depth + 1, &item);

	if (r < 0)
		return r;
	add_child(list, &item);
	/* takes over the item's reference, unless it fails */
	if (json_object_array_add(list->json, item.json) < 0) {
		json_object_put(item.json);
		return fail_memory(builder);
	}
	return 0;
}

static int build_children(struct builder *builder, bool is_map, unsigned int depth,
			  struct node *parent)
{
	for (;;) {
		_cleanup_(yaml_event_delete) yaml_event_t event = { 0 };
		int r = next_event(builder, &event);

		if (r < 0)
			return r;
		if (event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT)
			return 0;
		r = is_map ? build_pair(builder, &event, depth, parent)
			   : build_item(builder, &event, depth, parent);
		if (r < 0)
			return r;
	}
}

static int build_collection(struct builder *builder, const yaml_event_t *event, unsigned int depth,
			    struct node *ret_node)
{
	bool is_map = event->type == YAML_MAPPING_START_EVENT;
	const yaml_char_t *tag =
		is_map ? event->data.mapping_start.tag : event->data.sequence_start.tag;

	if (tag && !has_tag(tag, is_map ? YAML_MAP_TAG : YAML_SEQ_TAG))
		return fail(builder, event->start_mark, "unknown tag", (const char *)tag);
	ret_node->json = is_map ? json_object_new_object() : json_object_new_array();
	if (!ret_node->json)
		return fail_memory(builder);
	if (is_map)
		json_object_set_userdata(ret_node->json,
					 (void *)(uintptr_t)(event->start_mark.line + 1), NULL);
	return build_children(builder, is_map, depth, ret_node);
}

static int build_anchored(struct builder *builder, const yaml_event_t *event, unsigned int depth,
			  struct node *ret_node)
{
	struct anchor *anchor;
	bool is_scalar = event->type == YAML_SCALAR_EVENT;
	const yaml_char_t *name = is_scalar ? event->data.scalar.anchor
				  : event->type == YAML_MAPPING_START_EVENT
					  ? event->data.mapping_start.anchor
					  : event->data.sequence_start.anchor;
	int r = open_anchor(builder, name, &anchor);

	if (r < 0)
		return r;
	*ret_node = (struct node){ .weight = 1, .height = 1 };
	r = is_scalar ? build_scalar(builder, event, ret_node)
		      : build_collection(builder, event, depth, ret_node);
	if (r < 0) {
		json_object_put(ret_node->json);
		ret_node->json = NULL;
		return r;
	}
	close_anchor(anchor, ret_node);
	return 0;
}

/* The value that begins with @event, at @depth (0: the document's root). On failure nothing is
 * left in @ret_node. */
static int build(struct builder *builder, const yaml_event_t *event, unsigned int depth,
		 struct node *ret_node)
{
	if (++builder->values > WEIR_YAML_VALUES_MAX)
		return fail(builder, event->start_mark, "too many values in one document", "");
	if (depth >= WEIR_YAML_DEPTH_MAX)
		return fail(builder, event->start_mark, "nested too deep", "");
	if (event->type == YAML_ALIAS_EVENT)
		return build_alias(builder, event, depth, ret_node);
	return build_anchored(builder, event, depth, ret_node);
}

/* From behind a document's start to its end. */
static int read_document(struct builder *builder, weir_document_fn fn, void *ctx)
{
	_cleanup_(yaml_event_delete) yaml_event_t event = { 0 };
	_cleanup_(yaml_event_delete) yaml_event_t end = { 0 };
	struct node root = { 0 };
	int r;

	builder->values = builder->aliased = 0;
	r = next_event(builder, &event);
	if (r >= 0)
		r = build(builder, &event, 0, &root);
	forget_anchors(builder);
	if (r >= 0)
		r = next_event(builder, &end);
	if (r >= 0 && root.json)
		r = fn(ctx, root.json, (unsigned long)event.start_mark.line + 1);
	json_object_put(root.json);
	return r;
}

static int read_stream(struct builder *builder, weir_document_fn fn, void *ctx)
{
	for (;;) {
		_cleanup_(yaml_event_delete) yaml_event_t event = { 0 };
		int r = next_event(builder, &event);

		if (r < 0)
			return r;
		if (event.type == YAML_STREAM_END_EVENT)
			return 0;
		if (event.type != YAML_DOCUMENT_START_EVENT)
			continue;
		r = read_document(builder, fn, ctx);
		if (r < 0)
			return r;
	}
}

int weir_yaml_read(const char *text, size_t len, const char *input, weir_document_fn fn, void *ctx,
		   struct weir_error *err)
{
	struct builder builder = { .input = input, .err = err };
	int r;

	if (!yaml_parser_initialize(&builder.parser))
		return fail_memory(&builder);
	yaml_parser_set_input_string(&builder.parser, (const unsigned char *)text, len);
	weir_map_init(&builder.names);
	r = read_stream(&builder, fn, ctx);
	forget_anchors(&builder);
	yaml_parser_delete(&builder.parser);
	return r < 0 ? r : 0;
}

unsigned long weir_yaml_line(struct json_object *mapping)
{
	return (unsigned long)(uintptr_t)json_object_get_userdata(mapping);
}
