/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/decode.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "k8s-meta/decode_kind.h"
#include "k8s-meta/yaml.h"

/* A List in a List is allowed by no API server but written by some tools. */
#define LIST_DEPTH_MAX 4
#define LABELS_MAX 1024
/* Of one object, keys and values: each identity carries them. */
#define LABEL_BYTES_MAX ((size_t)64 * 1024)

struct known_kind {
	const char *kind;
	const char *api_version;
	bool namespaced;
};

static const struct known_kind kinds[WEIR_OBJECT_MAX_] = {
	[WEIR_OBJECT_POD] = { "Pod", "v1", true },
	[WEIR_OBJECT_SERVICE] = { "Service", "v1", true },
	[WEIR_OBJECT_ENDPOINT_SLICE] = { "EndpointSlice", "discovery.k8s.io/v1", true },
	[WEIR_OBJECT_NAMESPACE] = { "Namespace", "v1", false },
	[WEIR_OBJECT_NODE] = { "Node", "v1", false },
};

/* Who is being decoded, when it does not say so itself: items of a PodList have no kind. */
struct implied {
	const char *kind;
	const char *api_version;
};

const char *weir_decode_label(const struct weir_object *object, const char *key)
{
	for (size_t i = 0; i < object->n_labels; i++) {
		if (!strcmp(object->labels[i].key, key))
			return object->labels[i].value;
	}
	return "";
}

int weir_addr_list_read(struct weir_addr_list *list, const struct weir_field *field)
{
	struct weir_addr addr;
	int r = weir_field_addr(field, &addr);

	if (r < 0)
		return r;
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 2;
		struct weir_addr *items =
			weir_arena_alloc(field->decoder->arena, cap, sizeof(*items));

		if (!items)
			return -ENOMEM;
		if (list->n)
			memcpy(items, list->items, list->n * sizeof(*items));
		list->items = items;
		list->cap = cap;
	}
	list->items[list->n++] = addr;
	return 0;
}

int weir_addr_list_read_all(struct weir_addr_list *list, const struct weir_field *object,
			    const char *key)
{
	struct weir_field array, item;
	int n = weir_field_items(object, key, &array);
	int r = n < 0 ? n : 0;

	for (int i = 0; i < n && r >= 0; i++) {
		r = weir_field_item(&array, (size_t)i, json_type_string, &item);
		if (r < 0)
			return r;
		if (strcmp(json_object_get_string(item.value), "None") != 0 &&
		    json_object_get_string_len(item.value) > 0)
			r = weir_addr_list_read(list, &item);
	}
	return r;
}

static int compare_labels(const void *a, const void *b)
{
	return strcmp(((const struct weir_label *)a)->key, ((const struct weir_label *)b)->key);
}

static int decode_labels(const struct weir_field *metadata, struct weir_object *object)
{
	struct weir_decoder *decoder = metadata->decoder;
	struct weir_label *labels;
	struct weir_field map;
	size_t n = 0, bytes = 0;
	int r = weir_field_get(metadata, "labels", json_type_object, &map);

	if (r <= 0)
		return r;
	if (json_object_object_length(map.value) > LABELS_MAX)
		return weir_field_fail(&map, "has more than %d labels", LABELS_MAX);
	labels = weir_arena_alloc(decoder->arena, (size_t)json_object_object_length(map.value),
				  sizeof(*labels));
	if (!labels)
		return -ENOMEM;
	json_object_object_foreach(map.value, key, value)
	{
		struct weir_field field = { .decoder = decoder, .up = &map, .key = key };

		if (strlen(key) > WEIR_FIELD_STR_MAX)
			return weir_field_fail(&map, "has a key longer than %d bytes",
					       WEIR_FIELD_STR_MAX);
		if (!json_object_is_type(value, json_type_string))
			return weir_field_fail(&field, "want a string (put it in quotes)");
		field.value = value;
		labels[n].key = weir_arena_strndup(decoder->arena, key, strlen(key));
		if (!labels[n].key)
			return -ENOMEM;
		r = weir_field_text(&field, &labels[n].value);
		if (r < 0)
			return r;
		bytes += strlen(key) + strlen(labels[n].value);
		if (bytes > LABEL_BYTES_MAX)
			return weir_field_fail(&map, "has more than %zu bytes of labels",
					       LABEL_BYTES_MAX);
		n++;
	}
	qsort(labels, n, sizeof(*labels), compare_labels);
	object->labels = labels;
	object->n_labels = n;
	return 0;
}

static int decode_meta(const struct weir_field *root, const struct known_kind *known,
		       struct weir_object *object, struct weir_field *ret_metadata)
{
	struct weir_decoder *decoder = root->decoder;
	int r;

	r = weir_field_get(root, "metadata", json_type_object, ret_metadata);
	if (r <= 0)
		return r < 0 ? r : weir_field_fail(root, "metadata: is missing");
	r = weir_field_str(ret_metadata, "name", &object->name);
	if (r < 0)
		return r;
	if (!*object->name)
		return weir_field_fail(ret_metadata, "name is missing");
	decoder->name = object->name;
	object->namespace_ = "";
	if (known->namespaced) {
		r = weir_field_str(ret_metadata, "namespace", &object->namespace_);
		if (r < 0)
			return r;
		if (!*object->namespace_)
			object->namespace_ = "default";
		decoder->namespace_ = object->namespace_;
	}
	r = weir_field_str(ret_metadata, "uid", &object->uid);
	return r < 0 ? r : decode_labels(ret_metadata, object);
}

static int decode_kind(const struct weir_field *root, const struct weir_field *metadata,
		       struct weir_object *object)
{
	switch (object->kind) {
	case WEIR_OBJECT_POD:
		return weir_decode_pod(root, metadata, object);
	case WEIR_OBJECT_SERVICE:
		return weir_decode_service(root, object);
	case WEIR_OBJECT_ENDPOINT_SLICE:
		return weir_decode_endpoint_slice(root, object);
	case WEIR_OBJECT_NODE:
		return weir_decode_node(root, object);
	case WEIR_OBJECT_NAMESPACE:
	case WEIR_OBJECT_MAX_:
		break;
	}
	return 0;
}

static int decode_known(const struct weir_field *root, enum weir_object_kind kind,
			struct weir_objects *objects)
{
	struct weir_object object = { .kind = kind }, *added;
	struct weir_field metadata;
	int r;

	r = decode_meta(root, &kinds[kind], &object, &metadata);
	if (r < 0)
		return r;
	r = decode_kind(root, &metadata, &object);
	if (r < 0)
		return r;
	added = weir_objects_add(objects);
	if (!added)
		return -ENOMEM;
	*added = object;
	return 0;
}

static int decode_one(const struct weir_field *root, const struct implied *implied,
		      unsigned int depth, struct weir_objects *objects);

/* Every item is decoded as a document of its own, with its own line where it is known. */
static int decode_items(const struct weir_field *list, const struct implied *implied,
			unsigned int depth, struct weir_objects *objects)
{
	struct weir_field array, item;
	int n = weir_field_items(list, "items", &array);
	int r = n < 0 ? n : 0;

	if (n > 0 && depth >= LIST_DEPTH_MAX)
		return weir_field_fail(list, "is a list nested more than %d deep", LIST_DEPTH_MAX);
	for (int i = 0; i < n && r >= 0; i++) {
		struct weir_decoder decoder = *list->decoder;
		struct weir_field root = { .decoder = &decoder };

		r = weir_field_item(&array, (size_t)i, json_type_object, &item);
		if (r < 0)
			return r;
		root.value = item.value;
		decoder.kind = decoder.name = decoder.namespace_ = "";
		r = decode_one(&root, implied, depth + 1, objects);
	}
	return r;
}

static int get_type(const struct weir_field *root, const struct implied *implied,
		    const char **ret_kind, const char **ret_api_version)
{
	int r = weir_field_str(root, "kind", ret_kind);

	if (r < 0)
		return r;
	if (!**ret_kind)
		*ret_kind = implied->kind;
	if (!**ret_kind)
		return weir_field_fail(root, "kind is missing: not a Kubernetes object");
	root->decoder->kind = *ret_kind;
	r = weir_field_str(root, "apiVersion", ret_api_version);
	if (r < 0)
		return r;
	if (!**ret_api_version)
		*ret_api_version = implied->api_version;
	if (!**ret_api_version)
		return weir_field_fail(root, "apiVersion is missing");
	return 0;
}

static bool is_list_of(const char *kind, const struct known_kind *item)
{
	size_t len = strlen(item->kind);

	return !strncmp(kind, item->kind, len) && !strcmp(kind + len, "List");
}

static int decode_one(const struct weir_field *root, const struct implied *implied,
		      unsigned int depth, struct weir_objects *objects)
{
	static const struct implied nothing = { "", "" };
	unsigned long line = weir_yaml_line(root->value);
	const char *kind, *api_version;
	int r;

	if (line)
		root->decoder->line = line;
	r = get_type(root, implied, &kind, &api_version);
	if (r < 0)
		return r;
	if (!strcmp(kind, "List") && !strcmp(api_version, "v1"))
		return decode_items(root, &nothing, depth, objects);
	for (size_t i = 0; i < WEIR_OBJECT_MAX_; i++) {
		struct implied item = { kinds[i].kind, kinds[i].api_version };

		if (strcmp(api_version, kinds[i].api_version) != 0)
			continue;
		if (!strcmp(kind, kinds[i].kind))
			return decode_known(root, (enum weir_object_kind)i, objects);
		if (is_list_of(kind, &kinds[i]))
			return decode_items(root, &item, depth, objects);
	}
	return 0;
}

int weir_decode_document(struct json_object *document, const char *input, unsigned long line,
			 struct weir_objects *objects, struct weir_error *err)
{
	static const struct implied nothing = { "", "" };
	struct weir_decoder decoder = {
		.input = input, .line = line, .kind = "", .namespace_ = "", .name = "",
		.arena = &objects->arena, .err = err,
	};
	struct weir_field root = { .decoder = &decoder, .value = document };
	int r;

	if (!json_object_is_type(document, json_type_object))
		return weir_field_fail(&root, "is not a Kubernetes object");
	r = decode_one(&root, &nothing, 0, objects);
	if (r == -ENOMEM)
		(void)weir_error_set(err, r, "%s: out of memory", input);
	return r;
}
