/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_K8S_META_IDENTITY_NEW_H
#define WEIR_K8S_META_IDENTITY_NEW_H

#include "k8s-meta/identity.h"
#include "k8s-meta/labels.h"

/* How the store makes the identities it hands out. */

/**
 * weir_identity_new() - an identity with copies of @like's strings (NULL means "").
 *
 * Shape:  one allocation, the strings packed behind the struct; @labels is referenced, not
 *         copied. The number and the "reserved:" label come from @like's kind and names; @like's
 *         own refs, numeric and labels are not looked at.
 * @labels: of a pod; NULL for none. Other kinds have their reserved label.
 * Errors: -ENOMEM.
 */
int weir_identity_new(const struct weir_identity *like, struct weir_labels *labels,
		      struct weir_identity **ret_identity);

/** weir_identity_labels() - the shared set of a pod's identity, or NULL. Borrowed. */
struct weir_labels *weir_identity_labels(const struct weir_identity *identity);

/** The two that need no memory: kind UNKNOWN and kind WORLD. They live forever. */
const struct weir_identity *weir_identity_unknown(void);
const struct weir_identity *weir_identity_world(void);

/** weir_service_name_new() - 0 or -ENOMEM. */
int weir_service_name_new(const char *namespace_, const char *name,
			  struct weir_service_name **ret_service);

#endif
