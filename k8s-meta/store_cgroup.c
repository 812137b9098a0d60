/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "k8s-meta/cgroup_path.h"

struct weir_uid *weir_uid_get(struct weir_store *store, const char *text)
{
	size_t len = strlen(text);
	struct weir_uid *uid = weir_map_lookup(&store->uids, text, len);

	if (!uid) {
		uid = malloc(sizeof(*uid) + len + 1);
		if (!uid)
			return NULL;
		uid->users = 0;
		uid->holder = NULL;
		TAILQ_INIT(&uid->claims);
		LIST_INIT(&uid->cgroups);
		memcpy(uid->text, text, len + 1);
		if (weir_map_add(&store->uids, uid->text, len, uid) < 0) {
			free(uid);
			return NULL;
		}
	}
	uid->users++;
	return uid;
}

void weir_uid_put(struct weir_store *store, struct weir_uid *uid)
{
	if (!uid || --uid->users)
		return;
	(void)weir_map_remove(&store->uids, uid->text, strlen(uid->text));
	free(uid);
}

static void drop_identity(struct weir_cgroup *cgroup)
{
	weir_identity_unref(cgroup->identity);
	cgroup->identity = NULL;
}

void weir_uid_changed(struct weir_uid *uid, bool is_other)
{
	struct weir_cgroup *cgroup;

	for (cgroup = LIST_FIRST(&uid->cgroups); cgroup; cgroup = LIST_NEXT(cgroup, of_uid)) {
		drop_identity(cgroup);
		if (!is_other)
			continue;
		free(cgroup->container);
		cgroup->container = NULL;
	}
}

bool weir_uid_in_use(const struct weir_uid *uid)
{
	const struct weir_cgroup *cgroup;

	for (cgroup = LIST_FIRST(&uid->cgroups); cgroup; cgroup = LIST_NEXT(cgroup, of_uid)) {
		if (cgroup->gone_ns == WEIR_STORE_PRESENT)
			return true;
	}
	return false;
}

static void free_cgroup(struct weir_store *store, struct weir_cgroup *cgroup)
{
	if (cgroup->uid)
		LIST_REMOVE(cgroup, of_uid);
	weir_uid_put(store, cgroup->uid);
	weir_identity_unref(cgroup->identity);
	free(cgroup->container);
	free(cgroup);
}

/* Take it out of the indexes and free it. */
static void forget_cgroup(struct weir_store *store, struct weir_cgroup *cgroup)
{
	(void)weir_map_remove(&store->cgroups, &cgroup->id, sizeof(cgroup->id));
	if (cgroup->gone_ns == WEIR_STORE_PRESENT)
		store->n_cgroups--;
	else
		TAILQ_REMOVE(&store->gone_cgroups, cgroup, gone);
	free_cgroup(store, cgroup);
}

static bool is_same(const struct weir_cgroup *cgroup, const struct weir_cgroup_path *parsed)
{
	if (cgroup->gone_ns != WEIR_STORE_PRESENT || (cgroup->uid != NULL) != parsed->is_pod)
		return false;
	if (!parsed->is_pod)
		return !strcmp(cgroup->text, parsed->unit);
	return !strcmp(cgroup->uid->text, parsed->pod_uid) &&
	       !strcmp(cgroup->text, parsed->container_id);
}

static int make_cgroup(struct weir_store *store, uint64_t id, const struct weir_cgroup_path *parsed,
		       struct weir_cgroup **ret_cgroup)
{
	const char *text = parsed->is_pod ? parsed->container_id : parsed->unit;
	size_t size = strlen(text) + 1;
	struct weir_cgroup *cgroup = malloc(sizeof(*cgroup) + size);

	if (!cgroup)
		return -ENOMEM;
	*cgroup = (struct weir_cgroup){ .id = id, .gone_ns = WEIR_STORE_PRESENT };
	memcpy(cgroup->text, text, size);
	if (parsed->is_pod) {
		cgroup->uid = weir_uid_get(store, parsed->pod_uid);
		if (!cgroup->uid) {
			free(cgroup);
			return -ENOMEM;
		}
		LIST_INSERT_HEAD(&cgroup->uid->cgroups, cgroup, of_uid);
	}
	*ret_cgroup = cgroup;
	return 0;
}

int weir_store_add_cgroup(struct weir_store *store, uint64_t id, const char *path)
{
	struct weir_cgroup_path parsed;
	struct weir_cgroup *cgroup, *old;
	int r;

	if (path[0] != '/')
		return -EINVAL;
	weir_cgroup_path_parse(path, &parsed);
	old = weir_map_lookup(&store->cgroups, &id, sizeof(id));
	if (old && is_same(old, &parsed))
		return 0;
	r = make_cgroup(store, id, &parsed, &cgroup);
	if (r < 0)
		return r;
	if (old)
		forget_cgroup(store, old);
	r = weir_map_add(&store->cgroups, &cgroup->id, sizeof(cgroup->id), cgroup);
	if (r < 0) {
		free_cgroup(store, cgroup);
		return r;
	}
	store->n_cgroups++;
	return 0;
}

void weir_store_remove_cgroup(struct weir_store *store, uint64_t id, uint64_t mono_ns)
{
	struct weir_cgroup *cgroup = weir_map_lookup(&store->cgroups, &id, sizeof(id));

	if (!cgroup || cgroup->gone_ns != WEIR_STORE_PRESENT)
		return;
	cgroup->gone_ns = mono_ns;
	TAILQ_INSERT_TAIL(&store->gone_cgroups, cgroup, gone);
	store->n_cgroups--;
}

void weir_cgroups_expire(struct weir_store *store, uint64_t before_ns)
{
	struct weir_cgroup *cgroup;

	while ((cgroup = TAILQ_FIRST(&store->gone_cgroups)) && cgroup->gone_ns < before_ns)
		forget_cgroup(store, cgroup);
}

void weir_cgroups_done(struct weir_store *store)
{
	size_t cursor = 0;
	void *value;

	while (weir_map_next(&store->cgroups, &cursor, &value))
		free_cgroup(store, value);
	weir_map_done(&store->cgroups);
	weir_map_done(&store->uids);
}

static int make_identity(const struct weir_store *store, struct weir_cgroup *cgroup)
{
	struct weir_identity like = { .kind = WEIR_IDENTITY_HOST,
				      .unit = cgroup->text,
				      .node_name = store->node_name };

	if (cgroup->uid && cgroup->uid->holder) {
		cgroup->identity = weir_pod_identity(cgroup->uid->holder->pod, cgroup->text,
						     &cgroup->container);
		return cgroup->identity ? 0 : -ENOMEM;
	}
	if (cgroup->uid)
		like = (struct weir_identity){ .kind = WEIR_IDENTITY_POD,
					       .pod_uid = cgroup->uid->text };
	return weir_identity_new(&like, NULL, &cgroup->identity);
}

const struct weir_identity *weir_store_by_cgroup(struct weir_store *store, uint64_t cgroup_id)
{
	struct weir_cgroup *cgroup =
		weir_map_lookup(&store->cgroups, &cgroup_id, sizeof(cgroup_id));

	if (!cgroup || (!cgroup->identity && make_identity(store, cgroup) < 0))
		return weir_identity_unknown();
	return cgroup->identity;
}

int weir_store_set_node_name(struct weir_store *store, const char *name)
{
	struct weir_identity like = { .kind = WEIR_IDENTITY_HOST, .node_name = name };
	struct weir_identity *host;
	char *copy = strdup(name);
	size_t cursor = 0;
	void *value;

	if (!copy || weir_identity_new(&like, NULL, &host) < 0) {
		free(copy);
		return -ENOMEM;
	}
	free(store->node_name);
	store->node_name = copy;
	weir_identity_unref(store->host);
	store->host = host;
	while (weir_map_next(&store->cgroups, &cursor, &value)) {
		struct weir_cgroup *cgroup = value;

		if (!cgroup->uid)
			drop_identity(cgroup);
	}
	cursor = 0;
	while (weir_map_next(&store->objects, &cursor, &value)) {
		struct weir_entry *entry = value;
		struct weir_node_entry *node = value;

		if (entry->kind == WEIR_OBJECT_NODE)
			node->is_this = *name && !strcmp(node->identity->node_name, name);
	}
	return 0;
}
