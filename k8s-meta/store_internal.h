/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_K8S_META_STORE_INTERNAL_H
#define WEIR_K8S_META_STORE_INTERNAL_H

#include "k8s-meta/claims.h"
#include "k8s-meta/identity_new.h"
#include "k8s-meta/labels.h"
#include "k8s-meta/object.h"
#include "k8s-meta/store.h"
#include "lib/map.h"

/* What the store is made of, for the files named store*.c only. */

/** gone_ns of what is there. */
#define WEIR_STORE_PRESENT UINT64_MAX

/** Who can claim an address, in the order in which they are believed. */
enum weir_ip_claim {
	WEIR_IP_HOST,
	WEIR_IP_NODE,
	WEIR_IP_POD,
	WEIR_IP_SERVICE,
};

/** What an address and port can be to a Service. */
enum weir_port_claim {
	WEIR_PORT_FRONTEND,
	WEIR_PORT_ENDPOINT,
};

/** struct weir_entry - what every object in the store has; first member of the others. */
struct weir_entry {
	TAILQ_ENTRY(weir_entry) gone;
	uint64_t gone_ns;              /* WEIR_STORE_PRESENT, or when it went */
	enum weir_object_kind kind;
	struct weir_claim_list addrs;  /* in store->ips */
	struct weir_claim_list ports;  /* in store->ports */
	const char *uid;               /* a pod's: in uids[0] */
	size_t key_len;
	char *key;                     /* kind, namespace, NUL, name */
};

/** struct weir_uid_claim - a pod says to be the one of a UID. */
struct weir_uid_claim {
	struct weir_uid *uid;          /* NULL: none */
	struct weir_pod_entry *pod;
	TAILQ_ENTRY(weir_uid_claim) of_uid;
};

/** struct weir_uid - what cgroups say of their pod, and the pods that have said to be it: known by
 * either before the other. */
struct weir_uid {
	unsigned int users;            /* claims and cgroups that point here */
	struct weir_uid_claim *holder; /* the claim that is believed; NULL: there is none (yet) */
	TAILQ_HEAD(, weir_uid_claim) claims; /* oldest first */
	LIST_HEAD(, weir_cgroup) cgroups;
	char text[];
};

struct weir_store_container {
	const char *name;
	uint64_t id_hash;                /* weir_hash_bytes(): ids are long and just compared */
	struct weir_identity *identity;  /* made when first asked for */
};

enum {
	WEIR_POD_UIDS = 2
}; /* metadata.uid and a static pod's config hash */

struct weir_pod_entry {
	struct weir_entry entry;
	struct weir_identity *identity;  /* of the pod, container "" */
	struct weir_uid_claim uids[WEIR_POD_UIDS];
	struct weir_store_container *containers;
	size_t n_containers;
};

/** struct weir_service_entry - a Service or an EndpointSlice. */
struct weir_service_entry {
	struct weir_entry entry;
	struct weir_service_name *service;  /* NULL: a slice of no Service */
};

struct weir_node_entry {
	struct weir_entry entry;
	struct weir_identity *identity;  /* as a remote node */
	bool is_this;
};

struct weir_cgroup {
	uint64_t id;
	uint64_t gone_ns;
	TAILQ_ENTRY(weir_cgroup) gone;
	LIST_ENTRY(weir_cgroup) of_uid;
	struct weir_uid *uid;            /* NULL: not a pod's */
	struct weir_identity *identity;  /* NULL: to be made when asked for */
	char *container;                 /* its name once known; a cgroup never changes it */
	char text[];                     /* container id, or the unit */
};

struct weir_store {
	struct weir_map objects;         /* weir_entry that are there, by key */
	TAILQ_HEAD(weir_entry_queue, weir_entry) gone_entries;
	size_t n_objects[WEIR_OBJECT_MAX_];
	struct weir_map uids;
	struct weir_map cgroups;         /* there or gone, by id */
	TAILQ_HEAD(, weir_cgroup) gone_cgroups;
	size_t n_cgroups;
	struct weir_claim_table ips;
	struct weir_claim_table ports;
	struct weir_claim_list host_addrs;
	bool host_addrs_known;
	struct weir_label_pool labels;
	struct weir_map service_names;   /* one reference each; by "namespace NUL name" */
	char *node_name;
	struct weir_identity *host;      /* this node, unit "" */
};

/** struct weir_port_key - the key of store->ports. */
struct weir_port_key {
	struct weir_addr addr;
	uint16_t port;
	uint8_t protocol;
	uint8_t zero;
};

/* store_cgroup.c */
/** weir_uid_get() - found or made, with one user more; NULL when out of memory. */
struct weir_uid *weir_uid_get(struct weir_store *store, const char *text);
/** weir_uid_put() - NULL-safe. */
void weir_uid_put(struct weir_store *store, struct weir_uid *uid);
/** weir_uid_changed() - the pod did: its cgroups' identities are to be made anew.
 * @is_other: it is another pod, so that the containers' names are not known any more. */
void weir_uid_changed(struct weir_uid *uid, bool is_other);
/** weir_uid_in_use() - whether a cgroup of it is there. */
bool weir_uid_in_use(const struct weir_uid *uid);
void weir_cgroups_expire(struct weir_store *store, uint64_t before_ns);
void weir_cgroups_done(struct weir_store *store);

/* store_pod.c */
int weir_pod_update(struct weir_store *store, struct weir_pod_entry *pod,
		    const struct weir_object *object, uint64_t mono_ns);
/** weir_pod_retire() - it is gone (entry.gone_ns says so): others may have its UIDs. */
void weir_pod_retire(struct weir_pod_entry *pod);
void weir_pod_done(struct weir_store *store, struct weir_pod_entry *pod);
/** weir_pod_identity() - of a container by its id. Sets *@name to a copy of the container's name
 * when NULL. A new reference, or NULL when out of memory. */
struct weir_identity *weir_pod_identity(struct weir_pod_entry *pod, const char *container_id,
					char **name);

/* store_service.c */
int weir_service_update(struct weir_store *store, struct weir_service_entry *service,
			const struct weir_object *object, uint64_t mono_ns);
int weir_slice_update(struct weir_store *store, struct weir_service_entry *slice,
		      const struct weir_object *object, uint64_t mono_ns);
/** weir_service_names_trim() - release the names nobody else uses. */
void weir_service_names_trim(struct weir_store *store);
void weir_service_names_done(struct weir_store *store);

/* store_object.c */
/** weir_entry_set_addrs() - the addresses @entry has from @mono_ns on. */
int weir_entry_set_addrs(struct weir_store *store, struct weir_entry *entry,
			 const struct weir_addrs *addrs, enum weir_ip_claim kind, uint64_t mono_ns);
void weir_entries_expire(struct weir_store *store, uint64_t before_ns);
void weir_entries_done(struct weir_store *store);

#endif
