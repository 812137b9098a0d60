/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_DNS_NAMES_H
#define WEIR_DNS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/message.h"
#include "lib/addr.h"

/**
 * struct weir_dns_names - by which name each client asked for an address.
 *
 * One address has many names, and each client knows only those that it was told: so this is kept
 * by client, which is a number of the caller's choice. The name is the one that was asked for, also
 * where CNAMEs lead on from it. It holds from the answer until its TTL is over and
 * WEIR_DNS_NAMES_GRACE_NS more; asked again meanwhile, it goes on. Who asks about an instant in that
 * time is told so for WEIR_DNS_NAMES_KEEP_NS after it, and as long after each time that somebody
 * was: so a connection that was opened then keeps its name while it is asked for that often.
 *
 * Shape:  16,384 pairs of client and address with four such times each, in fixed memory that counts
 *         when it is used, and 4 MiB of text; the pair answered or asked for least recently makes
 *         room. O(1).
 *         Instants are CLOCK_MONOTONIC.
 */
struct weir_dns_names;

/** TTLs are whole seconds, often what a cache has left of one; and who asks connects after it. */
#define WEIR_DNS_NAMES_GRACE_NS (2ULL * 1000000000ULL)

#define WEIR_DNS_NAMES_KEEP_NS (600ULL * 1000000000ULL)

/** At most so many are told. */
#define WEIR_DNS_NAMES_TOLD_MAX 3

struct weir_dns_names_stats {
	uint64_t pairs;    /* of client and address, now */
	uint64_t evicted;  /* pairs that had to make room */
	uint64_t bytes;    /* of text, now */
};

/** weir_dns_names_new() - 0 or -ENOMEM. */
int weir_dns_names_new(struct weir_dns_names **ret_names);
void weir_dns_names_free(struct weir_dns_names **names);

/**
 * weir_dns_names_learn() - @client got @response at @now_ns.
 *
 * Errors: -ENOMEM; nothing of it was learned then.
 */
int weir_dns_names_learn(struct weir_dns_names *names, uint64_t client,
			 const struct weir_dns_message *response, uint64_t now_ns);

/**
 * weir_dns_names_lookup() - how @client called @addr at @when_ns: the latest answer first.
 *
 * @now_ns:  when this is asked.
 * Returns: how many of @ret were set; without the dot at the end, borrowed until the next change.
 */
size_t weir_dns_names_lookup(struct weir_dns_names *names, uint64_t client,
			     const struct weir_addr *addr, uint64_t when_ns, uint64_t now_ns,
			     const char *ret[WEIR_DNS_NAMES_TOLD_MAX]);

/** weir_dns_names_is_empty() - nobody would be told anything. */
bool weir_dns_names_is_empty(const struct weir_dns_names *names);

/** weir_dns_names_expire() - forget what nobody is told any more; O(pairs). */
void weir_dns_names_expire(struct weir_dns_names *names, uint64_t now_ns);

void weir_dns_names_get_stats(const struct weir_dns_names *names,
			      struct weir_dns_names_stats *ret_stats);

#endif
