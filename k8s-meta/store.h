/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_K8S_META_STORE_H
#define WEIR_K8S_META_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "k8s-meta/identity.h"
#include "lib/addr.h"

/*
 * What the cluster and this node look like: pods, Services, nodes and cgroups, each with the
 * time from which and until which it was so. Fed by a source (k8s-meta/manifest.h, later the API
 * server) and by the node's cgroups; asked for every record. Pure: no I/O, time comes in.
 */
struct weir_store;

int weir_store_new(struct weir_store **ret_store);
void weir_store_free(struct weir_store **store);

/**
 * weir_store_by_cgroup() - who owns the sockets of a cgroup.
 *
 * Returns: borrowed until the next change of the store: the pod and container; a pod of which
 *          only the UID is known yet (pod_name ""); host with its systemd unit or cgroup path;
 *          or kind UNKNOWN for an id never seen. Never NULL. Objects that went away are found
 *          for WEIR_STORE_KEEP_NS more.
 */
const struct weir_identity *weir_store_by_cgroup(struct weir_store *store, uint64_t cgroup_id);

/**
 * weir_store_by_ip() - who had an address at an instant.
 *
 * @mono_ns: CLOCK_MONOTONIC; an address used by one pod after another is told apart by it.
 * Returns:  borrowed, never NULL: a pod (never a hostNetwork one: its address is the node's), a
 *           node (HOST when it is this one), WORLD, or UNKNOWN for link-local and loopback.
 *           UNKNOWN too for an address of a Service, and for one that was in the cluster at some
 *           time but whose owner at that instant is not known: WORLD is only what never was. An
 *           instant before the first owner known is that owner's, if it is the only one and not
 *           this machine by its interfaces, for these are known from the start.
 */
const struct weir_identity *weir_store_by_ip(struct weir_store *store, const struct weir_addr *addr,
					     uint64_t mono_ns);

/**
 * weir_store_service() - the Service behind an address, port and protocol: by ClusterIP,
 * externalIP or LoadBalancer address and port, by an endpoint of an EndpointSlice, or by a node's
 * address and a nodePort.
 *
 * Returns: borrowed; NULL when there is none, or when an endpoint serves several Services
 *          (unknown rather than guessed).
 */
const struct weir_service_name *weir_store_service(struct weir_store *store,
						   const struct weir_addr *addr, uint16_t port,
						   uint8_t protocol, uint64_t mono_ns);

/**
 * weir_store_translates() - whether the cluster's network may have sent what was addressed to
 * @asked to @backend: the one is a ClusterIP, externalIP or LoadBalancer address and port of a
 * Service, the other an endpoint of the same Service.
 *
 * @backend: NULL to ask only whether @asked is a Service's.
 * Shape:    two hash lookups, no allocation. Any port of the endpoint counts, as long as it is of
 *           this Service and protocol. An address of several Services is each one's.
 */
bool weir_store_translates(const struct weir_store *store, const struct weir_addr *asked,
			   uint16_t asked_port, const struct weir_addr *backend,
			   uint16_t backend_port, uint8_t protocol, uint64_t mono_ns);

/** How long what went away is still found: records of connections that just ended. */
#define WEIR_STORE_KEEP_NS (600ULL * 1000000000ULL)

/**
 * weir_store_add_cgroup() - a cgroup of the v2 hierarchy exists.
 *
 * @path: from the hierarchy's root, "/kubepods.slice/…"; parsed by k8s-meta/cgroup_path.h.
 * Errors: -ENOMEM, or -EINVAL for a path that is not absolute. An id that is there is replaced.
 */
int weir_store_add_cgroup(struct weir_store *store, uint64_t id, const char *path);

/** weir_store_remove_cgroup() - it was removed at @mono_ns; unknown ids are ignored. */
void weir_store_remove_cgroup(struct weir_store *store, uint64_t id, uint64_t mono_ns);

/** weir_store_expire() - forget what went away more than WEIR_STORE_KEEP_NS before @mono_ns. */
void weir_store_expire(struct weir_store *store, uint64_t mono_ns);

/** weir_store_set_node_name() - which Node is this one; "" when there is no Kubernetes. */
int weir_store_set_node_name(struct weir_store *store, const char *name);

/**
 * weir_store_set_host_addrs() - all addresses this machine has from @mono_ns on (from its
 * interfaces): one that it had and has no more is HOST until then, a new one not before. Those of
 * the first call were its own always.
 *
 * Errors: -ENOMEM; addresses may then be missing, and none was taken away.
 */
int weir_store_set_host_addrs(struct weir_store *store, const struct weir_addr *addrs, size_t n,
			      uint64_t mono_ns);

/** struct weir_store_stats - what is there now; endpoints are addresses times ports. */
struct weir_store_stats {
	size_t pods, services, endpoints, nodes, namespaces, cgroups;
};
void weir_store_get_stats(const struct weir_store *store, struct weir_store_stats *ret_stats);

#endif
