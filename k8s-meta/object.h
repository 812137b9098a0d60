/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_K8S_META_OBJECT_H
#define WEIR_K8S_META_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "k8s-meta/arena.h"
#include "lib/addr.h"

/*
 * Kubernetes objects as plain structs: just the fields Weir reads. Made by k8s-meta/decode.h,
 * fed to k8s-meta/store_update.h. Strings are never NULL and lie in the arena of the list the
 * object is in; "" where a field was absent.
 */

enum weir_object_kind {
	WEIR_OBJECT_POD,
	WEIR_OBJECT_SERVICE,
	WEIR_OBJECT_ENDPOINT_SLICE,
	WEIR_OBJECT_NAMESPACE,
	WEIR_OBJECT_NODE,
	WEIR_OBJECT_MAX_
};

/** weir_object_kind_to_str() - "Pod", "Service", "EndpointSlice", "Namespace", "Node". */
const char *weir_object_kind_to_str(enum weir_object_kind kind);

struct weir_label {
	const char *key;
	const char *value;
};

struct weir_addrs {
	const struct weir_addr *items;
	size_t n;
};

/** struct weir_container - a container's status: one per instance that is known. */
struct weir_container {
	const char *name;
	const char *id;  /* without the runtime's "containerd://" */
};

struct weir_pod {
	const char *node_name;
	const char *config_hash;    /* static pods: the UID their cgroups carry; else "" */
	const char *workload_name;  /* as Hubble derives it: Deployment, not ReplicaSet */
	const char *workload_kind;
	bool host_network;
	bool finished;              /* phase Succeeded or Failed: its IPs are its own no more */
	bool terminating;           /* has a deletionTimestamp; still owns its IPs */
	struct weir_addrs ips;
	const struct weir_container *containers;
	size_t n_containers;
};

/** struct weir_port - a port and its IP protocol (IPPROTO_TCP, …). */
struct weir_port {
	uint16_t port;
	uint16_t node_port;  /* of a Service: the same on each node's addresses; 0 none */
	uint8_t protocol;
};

struct weir_service {
	struct weir_addrs addrs;    /* clusterIPs, externalIPs and LoadBalancer addresses */
	const struct weir_port *ports;
	size_t n_ports;
};

struct weir_endpoint_slice {
	const char *service_name;   /* label kubernetes.io/service-name; "" when of no Service */
	struct weir_addrs addrs;    /* none for addressType FQDN */
	const struct weir_port *ports;
	size_t n_ports;
};

struct weir_node {
	struct weir_addrs addrs;    /* InternalIP and ExternalIP */
	const char *hostname;
};

struct weir_object {
	enum weir_object_kind kind;
	const char *namespace_;     /* "" for Node and Namespace */
	const char *name;
	const char *uid;            /* "" when the manifest has none */
	const struct weir_label *labels;  /* sorted by key */
	size_t n_labels;
	union {
		struct weir_pod pod;
		struct weir_service service;
		struct weir_endpoint_slice slice;
		struct weir_node node;
	};
};

/**
 * struct weir_objects - objects and the memory they live in.
 *
 * Owner: embedded; weir_objects_done() releases everything at once.
 */
struct weir_objects {
	struct weir_object *items;
	size_t n;
	size_t cap;
	struct weir_arena arena;
};

void weir_objects_init(struct weir_objects *objects);
void weir_objects_done(struct weir_objects *objects);

/** weir_objects_add() - a zeroed object at the end; NULL when out of memory. Borrowed until the
 * next add. */
struct weir_object *weir_objects_add(struct weir_objects *objects);

#endif
