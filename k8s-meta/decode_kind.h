/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_K8S_META_DECODE_KIND_H
#define WEIR_K8S_META_DECODE_KIND_H

#include "k8s-meta/field.h"
#include "k8s-meta/object.h"

/*
 * The parts of k8s-meta/decode.h, one per kind: each reads what is particular to its kind into
 * an object whose metadata is there already. All return 0, -EINVAL (error filled) or -ENOMEM.
 */

/** @metadata: NULL value when absent. */
int weir_decode_pod(const struct weir_field *root, const struct weir_field *metadata,
		    struct weir_object *object);
int weir_decode_service(const struct weir_field *root, struct weir_object *object);
int weir_decode_endpoint_slice(const struct weir_field *root, struct weir_object *object);
int weir_decode_node(const struct weir_field *root, struct weir_object *object);

/** weir_decode_label() - the value of a label of @object, or "". */
const char *weir_decode_label(const struct weir_object *object, const char *key);

/** A list of addresses that grows in the decoder's arena. */
struct weir_addr_list {
	struct weir_addr *items;
	size_t n;
	size_t cap;
};

/** weir_addr_list_read() - append the address written at @field. */
int weir_addr_list_read(struct weir_addr_list *list, const struct weir_field *field);

/** weir_addr_list_read_all() - append all of an optional array of address texts; "None" and ""
 * (headless Services) are passed over. */
int weir_addr_list_read_all(struct weir_addr_list *list, const struct weir_field *object,
			    const char *key);

/**
 * weir_workload_derive() - who a pod is to people, from its controller.
 *
 * Source: cilium pkg/k8s/utils/workload.go: a ReplicaSet named after the pod's pod-template-hash is
 *         a Deployment's, a Job whose name ends in "-" and 8 to 10 digits is a CronJob's, an
 *         OpenShift ReplicationController a DeploymentConfig's. A pod without a controller, or
 *         whose controller is its Node (static pods), is its own workload.
 * @ret_is_nodes: whether the controller is a Node.
 */
int weir_workload_derive(const struct weir_field *metadata, struct weir_object *object,
			 bool *ret_is_nodes);

#endif
