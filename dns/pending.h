/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_DNS_PENDING_H
#define WEIR_DNS_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/message.h"
#include "lib/addr.h"

/**
 * struct weir_dns_pending - questions that wait for their answer, for the time it took.
 *
 * A response answers the question with the same id, name and type of the same client. When it was
 * asked more than once, as resolvers do that hear nothing, the time counts from the first.
 *
 * Shape: 16,384 questions, of fixed memory that counts when it is used; O(1). The oldest makes room.
 *        Instants are CLOCK_MONOTONIC and come in order, but for a little.
 */
struct weir_dns_pending;

/** After how long a question counts as not answered: as long as resolvers wait by default. */
#define WEIR_DNS_PENDING_NS (5ULL * 1000000000ULL)

/** struct weir_dns_client - whoever asks: a socket, or where there is none an address. */
struct weir_dns_client {
	uint64_t cookie;        /* of the socket; then the rest does not count */
	struct weir_addr addr;
	uint32_t netns;
	uint16_t port;
	uint8_t protocol;
};

struct weir_dns_pending_stats {
	uint64_t waiting;     /* now */
	uint64_t unanswered;  /* forgotten after WEIR_DNS_PENDING_NS */
	uint64_t evicted;     /* that had to make room */
};

/** weir_dns_pending_new() - 0 or -ENOMEM. */
int weir_dns_pending_new(struct weir_dns_pending **ret_pending);
void weir_dns_pending_free(struct weir_dns_pending **pending);

/** weir_dns_pending_ask() - a question was sent. */
void weir_dns_pending_ask(struct weir_dns_pending *pending, const struct weir_dns_client *client,
			  const struct weir_dns_message *question, uint64_t now_ns);

/** weir_dns_pending_answer() - since when @response was waited for; false when nobody asked for it. */
bool weir_dns_pending_answer(struct weir_dns_pending *pending, const struct weir_dns_client *client,
			     const struct weir_dns_message *response, uint64_t now_ns,
			     uint64_t *ret_asked_ns);

/** weir_dns_pending_expire() - forget what has waited too long. */
void weir_dns_pending_expire(struct weir_dns_pending *pending, uint64_t now_ns);

void weir_dns_pending_get_stats(const struct weir_dns_pending *pending,
				struct weir_dns_pending_stats *ret_stats);

#endif
