/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/object.h"

#include <stdlib.h>
#include <string.h>

const char *weir_object_kind_to_str(enum weir_object_kind kind)
{
	static const char *const names[] = {
		[WEIR_OBJECT_POD] = "Pod",
		[WEIR_OBJECT_SERVICE] = "Service",
		[WEIR_OBJECT_ENDPOINT_SLICE] = "EndpointSlice",
		[WEIR_OBJECT_NAMESPACE] = "Namespace",
		[WEIR_OBJECT_NODE] = "Node",
	};

	return (unsigned int)kind < WEIR_OBJECT_MAX_ ? names[kind] : "";
}

void weir_objects_init(struct weir_objects *objects)
{
	*objects = (struct weir_objects){ 0 };
	weir_arena_init(&objects->arena);
}

void weir_objects_done(struct weir_objects *objects)
{
	free(objects->items);
	weir_arena_done(&objects->arena);
	weir_objects_init(objects);
}

struct weir_object *weir_objects_add(struct weir_objects *objects)
{
	struct weir_object *object;

	if (objects->n == objects->cap) {
		size_t cap = objects->cap ? objects->cap * 2 : 8;
		struct weir_object *items = reallocarray(objects->items, cap, sizeof(*items));

		if (!items)
			return NULL;
		objects->items = items;
		objects->cap = cap;
	}
	object = &objects->items[objects->n++];
	memset(object, 0, sizeof(*object));
	return object;
}
