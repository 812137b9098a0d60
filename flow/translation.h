/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FLOW_TRANSLATION_H
#define WEIR_FLOW_TRANSLATION_H

#include <stddef.h>
#include <stdint.h>

#include "flow/table.h"
#include "lib/addr.h"

/*
 * For so long after a packet of an exchange the network sends the same addresses and ports to the
 * same backend again: net.netfilter.nf_conntrack_udp_timeout, and less than IPVS's.
 */
#define WEIR_TRANSLATION_KEEP_NS (30ULL * 1000000000ULL)

/** struct weir_translation - where one client's address and port went that asked a Service. */
struct weir_translation {
	struct weir_table_link link;
	uint16_t port;
	uint64_t since_ns;  /* the latest packet known to have gone there */
	uint64_t key_hash;
	struct weir_addr backend;
};

/**
 * struct weir_translations - translations seen lately.
 *
 * A client's new socket may get the port of one that has just been closed, and then the server's
 * end does not begin anew: nothing but this tells where the new exchange goes.
 *
 * Shape:  hash table with a list, oldest first; makes room by forgetting the oldest.
 */
struct weir_translations {
	struct weir_table table;
	struct weir_table_list list;
};

/** weir_translations_init() - room for @max; -ENOMEM, -EINVAL. */
int weir_translations_init(struct weir_translations *translations, size_t max);
void weir_translations_done(struct weir_translations *translations);

/**
 * weir_translations_put() - what has @key_hash went to @backend at @since_ns.
 *
 * What is too old by then is forgotten, and the oldest when there are @max.
 */
void weir_translations_put(struct weir_translations *translations, uint64_t key_hash,
			   const struct weir_addr *backend, uint16_t port, uint64_t since_ns);

/** weir_translations_lookup() - borrowed until the next put; NULL when not known, or too old. */
const struct weir_translation *weir_translations_lookup(
	const struct weir_translations *translations, uint64_t key_hash, uint64_t at_ns);

#endif
