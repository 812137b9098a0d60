/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_K8S_META_STORE_UPDATE_H
#define WEIR_K8S_META_STORE_UPDATE_H

#include "k8s-meta/object.h"
#include "k8s-meta/store.h"

/* How a source (a directory of manifests, the API server's watch) keeps a store up to date. */

/**
 * weir_store_apply() - an object is, since @mono_ns at the latest, as @object says.
 *
 * Shape:  inserts or updates by kind, namespace and name. A pod with another UID than the one
 *         known by its name is another pod: the old one went away at @mono_ns. Addresses and
 *         ports that the object had and has no more are no longer its own from @mono_ns on.
 * Owner:  @object is copied.
 * Errors: -ENOMEM; the object may then be known in part, and applying it again mends that.
 */
int weir_store_apply(struct weir_store *store, const struct weir_object *object, uint64_t mono_ns);

/**
 * weir_store_delete() - an object went away at @mono_ns; one that is not there is ignored.
 *
 * @uid: unless "", only the object with this UID: its successor of the same name stays.
 */
void weir_store_delete(struct weir_store *store, enum weir_object_kind kind, const char *namespace_,
		       const char *name, const char *uid, uint64_t mono_ns);

#endif
