/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_K8S_META_IDENTITY_H
#define WEIR_K8S_META_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

/** What an end of a connection is. */
enum weir_identity_kind {
	WEIR_IDENTITY_UNKNOWN,      /* not known; never guessed */
	WEIR_IDENTITY_POD,
	WEIR_IDENTITY_HOST,         /* this node, outside any pod: reserved:host */
	WEIR_IDENTITY_REMOTE_NODE,  /* another node's address: reserved:remote-node */
	WEIR_IDENTITY_WORLD,        /* an address of no pod, Service or node: reserved:world */
};

/**
 * struct weir_identity - the names of one end: immutable, shared, counted.
 *
 * Shape:  strings are never NULL ("" when not known or not applicable), UTF-8 as Kubernetes or
 *         the kernel gave them (foreign bytes: escape on output).
 * Owner:  refcounted, single-threaded. A lookup returns a borrowed pointer; who keeps it calls
 *         weir_identity_ref() and later weir_identity_unref().
 */
struct weir_identity {
	unsigned int refs;
	enum weir_identity_kind kind;
	uint32_t numeric;           /* Hubble's: 1 host, 2 world, 6 remote-node; pods: a stable
				     * hash >= 256 of namespace and workload; 0 unknown */
	const char *namespace_;     /* pod */
	const char *pod_name;
	const char *pod_uid;        /* known from the cgroup even before the Pod object is */
	const char *container;      /* container name in the pod spec */
	const char *workload_name;  /* the owner as people name it: Deployment, not ReplicaSet */
	const char *workload_kind;
	const char *node_name;
	const char *unit;           /* host: systemd unit ("ssh.service") or cgroup path */
	const char *const *labels;  /* n_labels strings as Hubble spells them: "k8s:app=web",
				     * "reserved:host"; sorted */
	size_t n_labels;
};

struct weir_identity *weir_identity_ref(const struct weir_identity *identity);
/** weir_identity_unref() - NULL-safe; frees with the last reference. */
void weir_identity_unref(const struct weir_identity *identity);

/** struct weir_service_name - a Service; same sharing rules as struct weir_identity. */
struct weir_service_name {
	unsigned int refs;
	const char *namespace_;
	const char *name;
};

struct weir_service_name *weir_service_name_ref(const struct weir_service_name *service);
void weir_service_name_unref(const struct weir_service_name *service);

/** weir_identity_kind_to_str() - "pod", "host", "remote-node", "world", "unknown". */
const char *weir_identity_kind_to_str(enum weir_identity_kind kind);

#endif
