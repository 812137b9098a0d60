/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_K8S_META_LABELS_H
#define WEIR_K8S_META_LABELS_H

#include <stddef.h>

#include "k8s-meta/object.h"
#include "lib/map.h"

/**
 * struct weir_labels - a set of labels as Hubble spells them, shared by every identity that has
 * exactly these: the pods of one workload mostly do.
 *
 * Owner: refcounted, immutable.
 */
struct weir_labels {
	unsigned int refs;
	size_t n;
	const char *const *items;  /* sorted */
	size_t text_len;           /* all strings with their NULs, one after another */
	const char *text;
};

struct weir_labels *weir_labels_ref(struct weir_labels *labels);
/** weir_labels_unref() - NULL-safe. */
void weir_labels_unref(struct weir_labels *labels);

/** struct weir_label_pool - every set in use, by content. Owner: embedded; holds one reference
 * on each set. */
struct weir_label_pool {
	struct weir_map sets;
};

void weir_label_pool_init(struct weir_label_pool *pool);
void weir_label_pool_done(struct weir_label_pool *pool);

/**
 * weir_label_pool_get() - the set "k8s:KEY=VALUE" ("k8s:KEY" for an empty value, as Cilium
 * writes it) of @labels, with a reference for the caller. 0 or -ENOMEM.
 */
int weir_label_pool_get(struct weir_label_pool *pool, const struct weir_label *labels, size_t n,
			struct weir_labels **ret_labels);

/** weir_label_pool_trim() - release the sets nobody else uses. O(sets). */
void weir_label_pool_trim(struct weir_label_pool *pool);

#endif
