/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/store_update.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "k8s-meta/store_internal.h"
#include "lib/cleanup.h"

static const size_t entry_sizes[WEIR_OBJECT_MAX_] = {
	[WEIR_OBJECT_POD] = sizeof(struct weir_pod_entry),
	[WEIR_OBJECT_SERVICE] = sizeof(struct weir_service_entry),
	[WEIR_OBJECT_ENDPOINT_SLICE] = sizeof(struct weir_service_entry),
	[WEIR_OBJECT_NAMESPACE] = sizeof(struct weir_entry),
	[WEIR_OBJECT_NODE] = sizeof(struct weir_node_entry),
};

static size_t key_len(const char *namespace_, const char *name)
{
	return 1 + strlen(namespace_) + 1 + strlen(name);
}

/* Writes key_len() bytes and a NUL. */
static void write_key(char *out, enum weir_object_kind kind, const char *namespace_,
		      const char *name)
{
	*out++ = (char)kind;
	(void)stpcpy(stpcpy(out, namespace_) + 1, name);
}

static int find_entry(struct weir_store *store, enum weir_object_kind kind, const char *namespace_,
		      const char *name, struct weir_entry **ret_entry)
{
	size_t len = key_len(namespace_, name);
	_cleanup_free_ char *key = malloc(len + 1);

	if (!key)
		return -ENOMEM;
	write_key(key, kind, namespace_, name);
	*ret_entry = weir_map_lookup(&store->objects, key, len);
	return 0;
}

/* One allocation: the entry of its kind, its key, its UID (but a pod shares that with its
 * cgroups). */
static int add_entry(struct weir_store *store, const struct weir_object *object,
		     struct weir_entry **ret_entry)
{
	size_t size = entry_sizes[object->kind];
	size_t len = key_len(object->namespace_, object->name);
	const char *uid = object->kind == WEIR_OBJECT_POD ? "" : object->uid;
	struct weir_entry *entry = malloc(size + len + 1 + strlen(uid) + 1);

	if (!entry)
		return -ENOMEM;
	memset(entry, 0, size);
	entry->kind = object->kind;
	entry->gone_ns = WEIR_STORE_PRESENT;
	entry->key = (char *)entry + size;
	entry->key_len = len;
	write_key(entry->key, object->kind, object->namespace_, object->name);
	entry->uid = entry->key + len + 1;
	(void)stpcpy(entry->key + len + 1, uid);
	weir_claim_list_init(&entry->addrs, entry);
	weir_claim_list_init(&entry->ports, NULL);
	if (weir_map_add(&store->objects, entry->key, entry->key_len, entry) < 0) {
		free(entry);
		return -ENOMEM;
	}
	store->n_objects[entry->kind]++;
	*ret_entry = entry;
	return 0;
}

static void free_entry(struct weir_store *store, struct weir_entry *entry)
{
	if (entry->kind == WEIR_OBJECT_POD)
		weir_pod_done(store, (struct weir_pod_entry *)entry);
	else if (entry->kind == WEIR_OBJECT_NODE)
		weir_identity_unref(((struct weir_node_entry *)entry)->identity);
	else if (entry->kind != WEIR_OBJECT_NAMESPACE)
		weir_service_name_unref(((struct weir_service_entry *)entry)->service);
	free(entry);
}

/* What it had ends now; it stays for records of what it did. */
static void retire(struct weir_store *store, struct weir_entry *entry, uint64_t mono_ns)
{
	weir_claim_table_begin(&store->ips);
	weir_claim_table_end(&store->ips, &entry->addrs, mono_ns);
	weir_claim_table_begin(&store->ports);
	weir_claim_table_end(&store->ports, &entry->ports, mono_ns);
	(void)weir_map_remove(&store->objects, entry->key, entry->key_len);
	store->n_objects[entry->kind]--;
	entry->gone_ns = mono_ns;
	TAILQ_INSERT_TAIL(&store->gone_entries, entry, gone);
	if (entry->kind == WEIR_OBJECT_POD)
		weir_pod_retire((struct weir_pod_entry *)entry);
}

int weir_entry_set_addrs(struct weir_store *store, struct weir_entry *entry,
			 const struct weir_addrs *addrs, enum weir_ip_claim kind, uint64_t mono_ns)
{
	int r = 0;

	weir_claim_table_begin(&store->ips);
	for (size_t i = 0; i < addrs->n && r >= 0; i++)
		r = weir_claim_table_claim(&store->ips, &addrs->items[i], (uint8_t)kind,
					   &entry->addrs, mono_ns);
	weir_claim_table_end(&store->ips, &entry->addrs, mono_ns);
	return r;
}

static int update_node(struct weir_store *store, struct weir_node_entry *node,
		       const struct weir_object *object, uint64_t mono_ns)
{
	struct weir_identity like = { .kind = WEIR_IDENTITY_REMOTE_NODE,
				      .node_name = object->name };

	if (!node->identity && weir_identity_new(&like, NULL, &node->identity) < 0)
		return -ENOMEM;
	node->is_this = *store->node_name && !strcmp(object->name, store->node_name);
	return weir_entry_set_addrs(store, &node->entry, &object->node.addrs, WEIR_IP_NODE,
				    mono_ns);
}

static int update(struct weir_store *store, struct weir_entry *entry,
		  const struct weir_object *object, uint64_t mono_ns)
{
	switch (object->kind) {
	case WEIR_OBJECT_POD:
		return weir_pod_update(store, (struct weir_pod_entry *)entry, object, mono_ns);
	case WEIR_OBJECT_SERVICE:
		return weir_service_update(store, (struct weir_service_entry *)entry, object,
					   mono_ns);
	case WEIR_OBJECT_ENDPOINT_SLICE:
		return weir_slice_update(store, (struct weir_service_entry *)entry, object,
					 mono_ns);
	case WEIR_OBJECT_NODE:
		return update_node(store, (struct weir_node_entry *)entry, object, mono_ns);
	case WEIR_OBJECT_NAMESPACE:
	case WEIR_OBJECT_MAX_:
		break;
	}
	return 0;
}

int weir_store_apply(struct weir_store *store, const struct weir_object *object, uint64_t mono_ns)
{
	struct weir_entry *entry;
	int r;

	r = find_entry(store, object->kind, object->namespace_, object->name, &entry);
	if (r < 0)
		return r;
	if (entry && strcmp(entry->uid, object->uid) != 0) {
		retire(store, entry, mono_ns);
		entry = NULL;
	}
	if (!entry)
		r = add_entry(store, object, &entry);
	return r < 0 ? r : update(store, entry, object, mono_ns);
}

void weir_store_delete(struct weir_store *store, enum weir_object_kind kind, const char *namespace_,
		       const char *name, const char *uid, uint64_t mono_ns)
{
	struct weir_entry *entry = NULL;

	if (find_entry(store, kind, namespace_, name, &entry) < 0 || !entry)
		return;
	if (!*uid || !strcmp(entry->uid, uid))
		retire(store, entry, mono_ns);
}

/* A pod that the API server has forgotten but whose processes are still there keeps its name. */
static bool is_held(const struct weir_entry *entry)
{
	const struct weir_pod_entry *pod = (const struct weir_pod_entry *)entry;

	if (entry->kind != WEIR_OBJECT_POD)
		return false;
	for (size_t i = 0; i < WEIR_POD_UIDS; i++) {
		const struct weir_uid *uid = pod->uids[i].uid;

		if (uid && uid->holder == &pod->uids[i] && weir_uid_in_use(uid))
			return true;
	}
	return false;
}

static void forget(struct weir_store *store, struct weir_entry *entry)
{
	weir_claim_table_forget(&store->ips, &entry->addrs);
	weir_claim_table_forget(&store->ports, &entry->ports);
	TAILQ_REMOVE(&store->gone_entries, entry, gone);
	free_entry(store, entry);
}

void weir_entries_expire(struct weir_store *store, uint64_t before_ns)
{
	struct weir_entry *entry = TAILQ_FIRST(&store->gone_entries);

	while (entry && entry->gone_ns < before_ns) {
		struct weir_entry *next = TAILQ_NEXT(entry, gone);

		if (!is_held(entry))
			forget(store, entry);
		entry = next;
	}
}

void weir_entries_done(struct weir_store *store)
{
	size_t cursor = 0;
	void *value;

	while (!TAILQ_EMPTY(&store->gone_entries))
		forget(store, TAILQ_FIRST(&store->gone_entries));
	while (weir_map_next(&store->objects, &cursor, &value))
		free_entry(store, value);
	weir_map_done(&store->objects);
}
