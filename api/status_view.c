/* SPDX-License-Identifier: Apache-2.0 */
#include "api/status_view.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "api/json_read.h"
#include "lib/cleanup.h"

static int read_counts(struct json_object *object, struct weir_status_count **ret_counts,
		       size_t *ret_count)
{
	struct weir_status_count *counts;
	size_t n = 0;

	if (!json_object_is_type(object, json_type_object) || !json_object_object_length(object))
		return 0;
	counts = calloc((size_t)json_object_object_length(object), sizeof(*counts));
	if (!counts)
		return -ENOMEM;
	json_object_object_foreach(object, name, value)
	{
		counts[n].name = name;
		counts[n++].value = weir_json_number(value);
	}
	*ret_counts = counts;
	*ret_count = n;
	return 0;
}

static int read_degraded(struct json_object *array, struct weir_status_view *view)
{
	size_t n;

	if (!json_object_is_type(array, json_type_array) || !json_object_array_length(array))
		return 0;
	n = json_object_array_length(array);
	view->degraded = calloc(n, sizeof(*view->degraded));
	if (!view->degraded)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct json_object *text = json_object_array_get_idx(array, i);

		if (json_object_is_type(text, json_type_string))
			view->degraded[view->degraded_count++] = json_object_get_string(text);
	}
	return 0;
}

static int read_view(struct json_object *root, struct weir_status_view *view)
{
	struct json_object *history = weir_json_get(root, "history");
	struct json_object *clients = weir_json_get(root, "clients");
	struct json_object *capture = weir_json_get(root, "capture");
	struct json_object *links = weir_json_get(root, "links");
	int r;

	view->version = weir_json_get_text(root, "version");
	view->node_name = weir_json_get_text(root, "node_name");
	view->uptime_ns = weir_json_get_number(root, "uptime_ns");
	view->seen = weir_json_get_number(root, "seen");
	view->delivered = weir_json_get_number(root, "delivered");
	view->pending = weir_json_get_number(root, "pending");
	view->connections = weir_json_get_number(root, "connections");
	view->evicted = weir_json_get_number(root, "evicted");
	view->history_records = weir_json_get_number(history, "records");
	view->history_capacity = weir_json_get_number(history, "capacity");
	view->history_bytes = weir_json_get_number(history, "bytes");
	view->history_total = weir_json_get_number(history, "total");
	view->clients = weir_json_get_number(clients, "connected");
	view->clients_lost = weir_json_get_number(clients, "records_lost");
	view->cgroup_root = weir_json_get_text(capture, "cgroup_root");
	view->has_links = json_object_is_type(links, json_type_object);
	view->links_watched = weir_json_get_number(links, "watched");
	view->links_waiting = weir_json_get_number(links, "waiting");
	view->links_failed = weir_json_get_number(links, "failed");
	r = read_counts(weir_json_get(root, "lost"), &view->lost, &view->lost_count);
	if (r == 0)
		r = read_counts(weir_json_get(root, "store"), &view->store, &view->store_count);
	if (r == 0)
		r = read_degraded(weir_json_get(capture, "degraded"), view);
	return r;
}

int weir_status_view_parse(const char *text, size_t len, struct weir_status_view *ret_view,
			   struct weir_error *err)
{
	struct json_tokener *tokener = weir_json_tokener();
	struct weir_status_view view = { 0 };
	struct json_object *root = NULL;
	int r;

	if (!tokener)
		return -ENOMEM;
	r = weir_json_parse_object(tokener, text, len, &root, err);
	json_tokener_free(tokener);
	if (r < 0)
		return r;
	view.json = root;
	r = read_view(root, &view);
	if (r < 0) {
		weir_status_view_done(&view);
		return r;
	}
	*ret_view = view;
	return 0;
}

void weir_status_view_done(struct weir_status_view *view)
{
	free(view->lost);
	free(view->store);
	free(view->degraded);
	(void)json_object_put(view->json);
	*view = (struct weir_status_view){ 0 };
}
