/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One allocation: the array, then the names. */
static int copy_containers(const struct weir_pod *pod, struct weir_store_container **ret_copy)
{
	size_t bytes = pod->n_containers * sizeof(**ret_copy);
	struct weir_store_container *copy;
	char *out;

	for (size_t i = 0; i < pod->n_containers; i++)
		bytes += strlen(pod->containers[i].name) + 1;
	copy = malloc(bytes + 1);
	if (!copy)
		return -ENOMEM;
	out = (char *)(copy + pod->n_containers);
	for (size_t i = 0; i < pod->n_containers; i++) {
		const char *id = pod->containers[i].id;

		copy[i] =
			(struct weir_store_container){ .name = out,
						       .id_hash = weir_hash_bytes(id, strlen(id)) };
		out = stpcpy(out, pod->containers[i].name) + 1;
	}
	*ret_copy = copy;
	return 0;
}

static void free_containers(struct weir_pod_entry *pod)
{
	for (size_t i = 0; i < pod->n_containers; i++)
		weir_identity_unref(pod->containers[i].identity);
	free(pod->containers);
	pod->containers = NULL;
	pod->n_containers = 0;
}

static int new_identity(struct weir_store *store, const struct weir_object *object,
			struct weir_identity **ret_identity)
{
	struct weir_identity like = {
		.kind = WEIR_IDENTITY_POD,
		.namespace_ = object->namespace_,
		.pod_name = object->name,
		.pod_uid = object->uid,
		.workload_name = object->pod.workload_name,
		.workload_kind = object->pod.workload_kind,
		.node_name = object->pod.node_name,
	};
	struct weir_labels *labels;
	int r;

	r = weir_label_pool_get(&store->labels, object->labels, object->n_labels, &labels);
	if (r < 0)
		return r;
	r = weir_identity_new(&like, labels, ret_identity);
	weir_labels_unref(labels);
	return r;
}

/*
 * Whom to believe, lowest first. metadata.uid is the API server's word and an annotation only
 * somebody's: not even a pod that is gone but has processes left loses its UID to that.
 */
static unsigned int rank(const struct weir_uid_claim *claim)
{
	unsigned int is_gone = claim->pod->entry.gone_ns != WEIR_STORE_PRESENT;

	return 2 * (unsigned int)(claim - claim->pod->uids) + is_gone;
}

static bool is_same_pod(const struct weir_entry *a, const struct weir_entry *b)
{
	return a->key_len == b->key_len && !memcmp(a->key, b->key, a->key_len);
}

static void set_holder(struct weir_uid *uid, struct weir_uid_claim *claim)
{
	struct weir_uid_claim *old = uid->holder;

	if (old == claim)
		return;
	uid->holder = claim;
	weir_uid_changed(uid, !old || !claim || !is_same_pod(&old->pod->entry, &claim->pod->entry));
}

/* The holder is worth less than it was (@best), or no claim any more (NULL): it is the one that is
 * better, of several the oldest. */
static void elect(struct weir_uid *uid, struct weir_uid_claim *best)
{
	struct weir_uid_claim *claim;

	for (claim = TAILQ_FIRST(&uid->claims); claim; claim = TAILQ_NEXT(claim, of_uid)) {
		if (!best || rank(claim) < rank(best))
			best = claim;
	}
	set_holder(uid, best);
}

static void drop_uid(struct weir_store *store, struct weir_uid_claim *claim)
{
	struct weir_uid *uid = claim->uid;

	if (!uid)
		return;
	TAILQ_REMOVE(&uid->claims, claim, of_uid);
	if (uid->holder == claim)
		elect(uid, NULL);
	claim->uid = NULL;
	weir_uid_put(store, uid);
}

/* Claim to be the pod of a UID ("" for none) that cgroups may carry. */
static int claim_uid(struct weir_store *store, struct weir_pod_entry *pod, size_t index,
		     const char *text)
{
	struct weir_uid_claim *claim = &pod->uids[index];
	struct weir_uid *uid;

	if (claim->uid && !strcmp(claim->uid->text, text)) {
		if (claim->uid->holder == claim)
			weir_uid_changed(claim->uid, false);
		return 0;
	}
	uid = *text ? weir_uid_get(store, text) : NULL;
	if (*text && !uid)
		return -ENOMEM;
	drop_uid(store, claim);
	if (!uid)
		return 0;
	claim->uid = uid;
	claim->pod = pod;
	TAILQ_INSERT_TAIL(&uid->claims, claim, of_uid);
	if (!uid->holder || rank(claim) < rank(uid->holder))
		set_holder(uid, claim);
	return 0;
}

void weir_pod_retire(struct weir_pod_entry *pod)
{
	for (size_t i = 0; i < WEIR_POD_UIDS; i++) {
		struct weir_uid *uid = pod->uids[i].uid;

		if (uid && uid->holder == &pod->uids[i])
			elect(uid, uid->holder);
	}
}

int weir_pod_update(struct weir_store *store, struct weir_pod_entry *pod,
		    const struct weir_object *object, uint64_t mono_ns)
{
	static const struct weir_addrs none;
	bool owns_ips = !object->pod.host_network && !object->pod.finished;
	struct weir_store_container *containers;
	struct weir_identity *identity;
	int r;

	r = copy_containers(&object->pod, &containers);
	if (r < 0)
		return r;
	r = new_identity(store, object, &identity);
	if (r < 0) {
		free(containers);
		return r;
	}
	free_containers(pod);
	weir_identity_unref(pod->identity);
	pod->identity = identity;
	pod->containers = containers;
	pod->n_containers = object->pod.n_containers;

	r = claim_uid(store, pod, 0, object->uid);
	pod->entry.uid = pod->uids[0].uid ? pod->uids[0].uid->text : "";
	if (r >= 0)
		r = claim_uid(store, pod, 1, object->pod.config_hash);
	if (r >= 0)
		r = weir_entry_set_addrs(store, &pod->entry, owns_ips ? &object->pod.ips : &none,
					 WEIR_IP_POD, mono_ns);
	return r;
}

void weir_pod_done(struct weir_store *store, struct weir_pod_entry *pod)
{
	for (size_t i = 0; i < WEIR_POD_UIDS; i++)
		drop_uid(store, &pod->uids[i]);
	free_containers(pod);
	weir_identity_unref(pod->identity);
}

static int container_identity(const struct weir_pod_entry *pod, const char *name,
			      struct weir_identity **ret_identity)
{
	struct weir_identity like = *pod->identity;

	like.container = name;
	return weir_identity_new(&like, weir_identity_labels(pod->identity), ret_identity);
}

struct weir_identity *weir_pod_identity(struct weir_pod_entry *pod, const char *container_id,
					char **name)
{
	uint64_t hash = weir_hash_bytes(container_id, strlen(container_id));
	struct weir_store_container *container = NULL;
	struct weir_identity *identity = NULL;

	for (size_t i = 0; i < pod->n_containers && *container_id && !container; i++) {
		if (pod->containers[i].id_hash == hash)
			container = &pod->containers[i];
	}
	if (container) {
		if (!*name)
			*name = strdup(container->name);
		if (!container->identity)
			(void)container_identity(pod, container->name, &container->identity);
		return container->identity ? weir_identity_ref(container->identity) : NULL;
	}
	/* A status tells only of the latest instances; this one was named by an earlier one. */
	if (*name) {
		(void)container_identity(pod, *name, &identity);
		return identity;
	}
	return weir_identity_ref(pod->identity);
}
