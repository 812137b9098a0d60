/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/decode_kind.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define CONFIG_HASH_LEN 32

static const char *const status_lists[] = { "containerStatuses", "initContainerStatuses",
					    "ephemeralContainerStatuses" };
enum {
	STATUS_LISTS = sizeof(status_lists) / sizeof(status_lists[0])
};

/* "containerd://0f3a…" */
static const char *strip_scheme(const char *id)
{
	const char *at = strstr(id, "://");

	return at ? at + strlen("://") : id;
}

static int add_container(const struct weir_field *at, const char *name, const char *id,
			 struct weir_container *containers, size_t *n)
{
	if (!*id)
		return 0;
	if (!*name)
		return weir_field_fail(at, "name is missing");
	containers[(*n)++] = (struct weir_container){ .name = name, .id = strip_scheme(id) };
	return 0;
}

/* The instance that runs, and the one before it: its cgroup may still have connections. */
static int decode_status(const struct weir_field *status, struct weir_container *containers,
			 size_t *n)
{
	struct weir_field last, terminated;
	const char *name, *id;
	int r;

	r = weir_field_str(status, "name", &name);
	if (r < 0)
		return r;
	r = weir_field_str(status, "containerID", &id);
	if (r < 0)
		return r;
	r = add_container(status, name, id, containers, n);
	if (r < 0)
		return r;
	r = weir_field_get(status, "lastState", json_type_object, &last);
	if (r > 0)
		r = weir_field_get(&last, "terminated", json_type_object, &terminated);
	if (r <= 0)
		return r;
	r = weir_field_str(&terminated, "containerID", &id);
	return r < 0 ? r : add_container(status, name, id, containers, n);
}

static int decode_containers(const struct weir_field *status, struct weir_object *object)
{
	struct weir_field lists[STATUS_LISTS], item;
	struct weir_container *containers;
	int counts[STATUS_LISTS], r = 0;
	size_t room = 0, n = 0;

	for (size_t i = 0; i < STATUS_LISTS; i++) {
		counts[i] = weir_field_items(status, status_lists[i], &lists[i]);
		if (counts[i] < 0)
			return counts[i];
		room += 2 * (size_t)counts[i];
	}
	containers = weir_arena_alloc(status->decoder->arena, room, sizeof(*containers));
	if (!containers)
		return -ENOMEM;
	for (size_t i = 0; i < STATUS_LISTS; i++) {
		for (int j = 0; j < counts[i] && r >= 0; j++) {
			r = weir_field_item(&lists[i], (size_t)j, json_type_object, &item);
			if (r >= 0)
				r = decode_status(&item, containers, &n);
		}
	}
	object->pod.containers = containers;
	object->pod.n_containers = n;
	return r;
}

static int decode_ips(const struct weir_field *status, struct weir_pod *pod)
{
	struct weir_addr_list list = { 0 };
	struct weir_field array, entry, ip;
	int n = weir_field_items(status, "podIPs", &array);
	int r = n < 0 ? n : 0;

	for (int i = 0; i < n && r >= 0; i++) {
		r = weir_field_item(&array, (size_t)i, json_type_object, &entry);
		if (r >= 0)
			r = weir_field_get(&entry, "ip", json_type_string, &ip);
		if (r > 0)
			r = weir_addr_list_read(&list, &ip);
	}
	if (r >= 0 && !list.n) {
		r = weir_field_get(status, "podIP", json_type_string, &ip);
		if (r > 0 && json_object_get_string_len(ip.value) > 0)
			r = weir_addr_list_read(&list, &ip);
	}
	pod->ips = (struct weir_addrs){ .items = list.items, .n = list.n };
	return r < 0 ? r : 0;
}

static int decode_pod_status(const struct weir_field *root, struct weir_object *object)
{
	struct weir_field status;
	const char *phase;
	int r = weir_field_get(root, "status", json_type_object, &status);

	if (r <= 0)
		return r;
	r = weir_field_str(&status, "phase", &phase);
	if (r < 0)
		return r;
	object->pod.finished = !strcmp(phase, "Succeeded") || !strcmp(phase, "Failed");
	r = decode_ips(&status, &object->pod);
	return r < 0 ? r : decode_containers(&status, object);
}

static bool is_config_hash(const char *text)
{
	size_t len = 0;

	while (len <= CONFIG_HASH_LEN && isxdigit((unsigned char)text[len]))
		len++;
	return len == CONFIG_HASH_LEN && !text[len];
}

/* Anyone may write the annotation; it means something only on the mirror pod of a static pod. */
static int decode_config_hash(const struct weir_field *annotations, bool is_nodes,
			      struct weir_pod *pod)
{
	struct weir_field mirror;
	const char *hash;
	int r;

	r = weir_field_str(annotations, "kubernetes.io/config.hash", &hash);
	if (r < 0)
		return r;
	r = weir_field_get(annotations, "kubernetes.io/config.mirror", json_type_string, &mirror);
	if (r < 0)
		return r;
	if ((r > 0 || is_nodes) && is_config_hash(hash))
		pod->config_hash = hash;
	return 0;
}

static int decode_pod_meta(const struct weir_field *metadata, bool is_nodes, struct weir_pod *pod)
{
	struct weir_field annotations;
	const char *deleted;
	int r;

	r = weir_field_str(metadata, "deletionTimestamp", &deleted);
	if (r < 0)
		return r;
	pod->terminating = *deleted != '\0';
	pod->config_hash = "";
	r = weir_field_get(metadata, "annotations", json_type_object, &annotations);
	if (r <= 0)
		return r;
	return decode_config_hash(&annotations, is_nodes, pod);
}

int weir_decode_pod(const struct weir_field *root, const struct weir_field *metadata,
		    struct weir_object *object)
{
	struct weir_pod *pod = &object->pod;
	struct weir_field spec;
	bool is_nodes;
	int r;

	pod->node_name = "";
	r = weir_workload_derive(metadata, object, &is_nodes);
	if (r < 0)
		return r;
	r = decode_pod_meta(metadata, is_nodes, pod);
	if (r < 0)
		return r;
	r = weir_field_get(root, "spec", json_type_object, &spec);
	if (r > 0) {
		r = weir_field_str(&spec, "nodeName", &pod->node_name);
		if (r >= 0)
			r = weir_field_bool(&spec, "hostNetwork", &pod->host_network);
	}
	return r < 0 ? r : decode_pod_status(root, object);
}
