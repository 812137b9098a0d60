/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/decode_kind.h"

#include <errno.h>
#include <string.h>

#define CRON_DIGITS_MIN 8
#define CRON_DIGITS_MAX 10

/* The controlling owner's kind and name; both "" when there is none. */
static int find_controller(const struct weir_field *metadata, const char **ret_kind,
			   const char **ret_name)
{
	struct weir_field array, owner;
	int n = weir_field_items(metadata, "ownerReferences", &array);
	int r = n < 0 ? n : 0;

	*ret_kind = *ret_name = "";
	for (int i = 0; i < n && r >= 0; i++) {
		bool controller;

		r = weir_field_item(&array, (size_t)i, json_type_object, &owner);
		if (r >= 0)
			r = weir_field_bool(&owner, "controller", &controller);
		if (r < 0 || !controller)
			continue;
		r = weir_field_str(&owner, "kind", ret_kind);
		if (r >= 0)
			r = weir_field_str(&owner, "name", ret_name);
		if (r >= 0 && (!**ret_kind || !**ret_name))
			r = weir_field_fail(&owner, "%s is missing", **ret_kind ? "name" : "kind");
		break;
	}
	return r;
}

/* "web-5d59d67564" with hash "5d59d67564": 3, the length of "web"; else 0. */
static size_t without_hash(const char *name, const char *hash)
{
	size_t len = strlen(name), hash_len = strlen(hash);

	if (!hash_len || len < hash_len + 2 || strcmp(name + len - hash_len, hash) != 0 ||
	    name[len - hash_len - 1] != '-')
		return 0;
	return len - hash_len - 1;
}

/* "backup-28391040": 6, the length of "backup"; else 0. */
static size_t without_timestamp(const char *name)
{
	const char *dash = strrchr(name, '-');
	size_t digits;

	if (!dash || dash == name)
		return 0;
	digits = strspn(dash + 1, "0123456789");
	if (digits < CRON_DIGITS_MIN || digits > CRON_DIGITS_MAX || dash[1 + digits])
		return 0;
	return (size_t)(dash - name);
}

int weir_workload_derive(const struct weir_field *metadata, struct weir_object *object,
			 bool *ret_is_nodes)
{
	struct weir_pod *pod = &object->pod;
	const char *kind, *name;
	size_t len = 0;
	int r = find_controller(metadata, &kind, &name);

	if (r < 0)
		return r;
	*ret_is_nodes = !strcmp(kind, "Node");
	if (!*kind || *ret_is_nodes) {
		kind = "Pod";
		name = object->name;
	} else if (!strcmp(kind, "ReplicaSet")) {
		len = without_hash(name, weir_decode_label(object, "pod-template-hash"));
		if (len)
			kind = "Deployment";
	} else if (!strcmp(kind, "Job")) {
		len = without_timestamp(name);
		if (len)
			kind = "CronJob";
	} else if (!strcmp(kind, "ReplicationController") &&
		   *weir_decode_label(object, "deploymentconfig")) {
		kind = "DeploymentConfig";
		name = weir_decode_label(object, "deploymentconfig");
	}
	pod->workload_kind = kind;
	pod->workload_name = len ? weir_arena_strndup(metadata->decoder->arena, name, len) : name;
	return pod->workload_name ? 0 : -ENOMEM;
}
