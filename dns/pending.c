/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/pending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/map.h"
#include "lib/pages.h"

#define QUESTIONS 16384 /* a power of two */
#define NONE 0          /* as an index; those of questions begin at 1 */

/* Bytes that name a question, none of them padding. */
struct key {
	uint64_t client;
	uint64_t query;
	uint16_t id;
	uint16_t qtype;
	uint32_t has_question;
};

struct question {
	struct key key;
	uint64_t asked_ns;
	uint32_t next;    /* in its bucket */
	bool waiting;
};

/* A ring in the order in which they were asked: the oldest is at @first, and what was answered in
 * between goes when it comes to that. */
struct weir_dns_pending {
	struct question *questions;  /* [0] is not used */
	uint32_t *buckets;
	uint32_t first, count;
	struct weir_dns_pending_stats stats;
};

#define QUESTION_BYTES ((size_t)(QUESTIONS + 1) * sizeof(struct question))
#define BUCKET_BYTES ((size_t)QUESTIONS * sizeof(uint32_t))

int weir_dns_pending_new(struct weir_dns_pending **ret_pending)
{
	_cleanup_(weir_dns_pending_free) struct weir_dns_pending *pending =
		calloc(1, sizeof(*pending));
	void *pages;
	int r;

	if (!pending)
		return -ENOMEM;
	r = weir_pages_new(QUESTION_BYTES, &pages);
	if (r < 0)
		return r;
	pending->questions = pages;
	r = weir_pages_new(BUCKET_BYTES, &pages);
	if (r < 0)
		return r;
	pending->buckets = pages;
	*ret_pending = TAKE_PTR(pending);
	return 0;
}

void weir_dns_pending_free(struct weir_dns_pending **p)
{
	struct weir_dns_pending *pending = *p;

	*p = NULL;
	if (!pending)
		return;
	weir_pages_free(pending->questions, QUESTION_BYTES);
	weir_pages_free(pending->buckets, BUCKET_BYTES);
	free(pending);
}

static uint64_t client_hash(const struct weir_dns_client *client)
{
	struct {
		struct weir_addr addr;
		uint32_t netns;
		uint16_t port;
		uint16_t protocol;
	} place = { client->addr, client->netns, client->port, client->protocol };

	if (client->cookie)
		return weir_hash_u64(client->cookie);
	return weir_hash_bytes(&place, sizeof(place));
}

static struct key key_of(const struct weir_dns_client *client,
			 const struct weir_dns_message *message)
{
	struct key key = {
		.client = client_hash(client),
		.query = weir_hash_bytes(message->query, strlen(message->query)),
		.id = message->id,
		.qtype = message->qtype,
		.has_question = message->has_question,
	};

	return key;
}

static uint32_t *bucket_of(struct weir_dns_pending *pending, const struct key *key)
{
	return &pending->buckets[weir_hash_bytes(key, sizeof(*key)) & (QUESTIONS - 1)];
}

/* Where the index of the question is, or NONE. */
static uint32_t *find(struct weir_dns_pending *pending, const struct key *key)
{
	uint32_t *at = bucket_of(pending, key);

	while (*at != NONE && memcmp(&pending->questions[*at].key, key, sizeof(*key)) != 0)
		at = &pending->questions[*at].next;
	return at;
}

static void forget(struct weir_dns_pending *pending, uint32_t *at)
{
	struct question *question = &pending->questions[*at];

	*at = question->next;
	question->waiting = false;
	pending->stats.waiting--;
}

static struct question *oldest(struct weir_dns_pending *pending)
{
	return &pending->questions[1 + pending->first];
}

static void drop_oldest(struct weir_dns_pending *pending, uint64_t *counter)
{
	struct question *question = oldest(pending);

	if (question->waiting) {
		forget(pending, find(pending, &question->key));
		++*counter;
	}
	pending->first = (pending->first + 1) % QUESTIONS;
	pending->count--;
}

void weir_dns_pending_expire(struct weir_dns_pending *pending, uint64_t now_ns)
{
	while (pending->count && (!oldest(pending)->waiting ||
				  oldest(pending)->asked_ns + WEIR_DNS_PENDING_NS <= now_ns))
		drop_oldest(pending, &pending->stats.unanswered);
}

void weir_dns_pending_ask(struct weir_dns_pending *pending, const struct weir_dns_client *client,
			  const struct weir_dns_message *question, uint64_t now_ns)
{
	struct key key = key_of(client, question);
	uint32_t *at, index;

	weir_dns_pending_expire(pending, now_ns);
	if (*find(pending, &key) != NONE)
		return; /* asked again */
	if (pending->count == QUESTIONS)
		drop_oldest(pending, &pending->stats.evicted);
	index = 1 + (pending->first + pending->count++) % QUESTIONS;
	at = bucket_of(pending, &key);
	pending->questions[index] = (struct question){
		.key = key,
		.asked_ns = now_ns,
		.next = *at,
		.waiting = true,
	};
	*at = index;
	pending->stats.waiting++;
}

bool weir_dns_pending_answer(struct weir_dns_pending *pending, const struct weir_dns_client *client,
			     const struct weir_dns_message *response, uint64_t now_ns,
			     uint64_t *ret_asked_ns)
{
	struct key key = key_of(client, response);
	uint32_t *at;

	weir_dns_pending_expire(pending, now_ns);
	at = find(pending, &key);
	if (*at == NONE)
		return false;
	*ret_asked_ns = pending->questions[*at].asked_ns;
	forget(pending, at);
	return true;
}

void weir_dns_pending_get_stats(const struct weir_dns_pending *pending,
				struct weir_dns_pending_stats *ret_stats)
{
	*ret_stats = pending->stats;
}
