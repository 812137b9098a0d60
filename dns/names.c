/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/map.h"
#include "lib/pages.h"

#define PAIRS 16384 /* a power of two */
#define SPANS 4
#define TEXT_BYTES_MAX ((uint64_t)4 << 20)
#define NONE 0      /* as an index; those of pairs begin at 1 */
#define NS_PER_SEC 1000000000ULL
#define TTL_MAX INT32_MAX /* RFC 2181 section 8: what is above is to be taken for 0 */

/* Shared by all that one answer named. */
struct name {
	unsigned int refs;
	size_t bytes;
	char text[];
};

/* A time in which the name held, from the first answer to the end of the last one's TTL. */
struct span {
	struct name *name;  /* NULL: none */
	uint64_t since_ns;
	uint64_t until_ns;
	uint64_t latest_ns; /* answer */
	uint64_t told_ns;   /* when somebody was told of it last */
};

struct key {
	uint64_t client;
	struct weir_addr addr;
};

struct pair {
	struct key key;
	struct span spans[SPANS];
	uint32_t next;           /* in its bucket; or of the free ones */
	uint32_t older, newer;   /* by the latest use */
};

struct weir_dns_names {
	struct pair *pairs;      /* [0] is not used */
	uint32_t *buckets;
	uint32_t used;           /* pairs ever used */
	uint32_t free;           /* list of those that are not any more */
	uint32_t oldest, newest;
	struct weir_dns_names_stats stats;
};

#define PAIR_BYTES ((size_t)(PAIRS + 1) * sizeof(struct pair))
#define BUCKET_BYTES ((size_t)PAIRS * sizeof(uint32_t))

int weir_dns_names_new(struct weir_dns_names **ret_names)
{
	_cleanup_(weir_dns_names_free) struct weir_dns_names *names = calloc(1, sizeof(*names));
	void *pages;
	int r;

	if (!names)
		return -ENOMEM;
	r = weir_pages_new(PAIR_BYTES, &pages);
	if (r < 0)
		return r;
	names->pairs = pages;
	r = weir_pages_new(BUCKET_BYTES, &pages);
	if (r < 0)
		return r;
	names->buckets = pages;
	*ret_names = TAKE_PTR(names);
	return 0;
}

static struct pair *pair_at(const struct weir_dns_names *names, uint32_t index)
{
	return &names->pairs[index];
}

static void span_clear(struct weir_dns_names *names, struct span *span)
{
	if (span->name && --span->name->refs == 0) {
		names->stats.bytes -= span->name->bytes;
		free(span->name);
	}
	*span = (struct span){ 0 };
}

void weir_dns_names_free(struct weir_dns_names **p)
{
	struct weir_dns_names *names = *p;

	*p = NULL;
	if (!names)
		return;
	for (uint32_t i = names->oldest; i != NONE; i = pair_at(names, i)->newer)
		for (size_t j = 0; j < SPANS; j++)
			span_clear(names, &pair_at(names, i)->spans[j]);
	weir_pages_free(names->pairs, PAIR_BYTES);
	weir_pages_free(names->buckets, BUCKET_BYTES);
	free(names);
}

/* Where the index of the pair is, or NONE. */
static uint32_t *find(const struct weir_dns_names *names, const struct key *key)
{
	uint32_t *at = &names->buckets[weir_hash_bytes(key, sizeof(*key)) & (PAIRS - 1)];

	while (*at != NONE && memcmp(&pair_at(names, *at)->key, key, sizeof(*key)) != 0)
		at = &pair_at(names, *at)->next;
	return at;
}

static void unlink_by_age(struct weir_dns_names *names, uint32_t index)
{
	struct pair *pair = pair_at(names, index);

	if (pair->older != NONE)
		pair_at(names, pair->older)->newer = pair->newer;
	else
		names->oldest = pair->newer;
	if (pair->newer != NONE)
		pair_at(names, pair->newer)->older = pair->older;
	else
		names->newest = pair->older;
}

static void link_newest(struct weir_dns_names *names, uint32_t index)
{
	struct pair *pair = pair_at(names, index);

	pair->older = names->newest;
	pair->newer = NONE;
	if (names->newest != NONE)
		pair_at(names, names->newest)->newer = index;
	else
		names->oldest = index;
	names->newest = index;
}

static void remove_pair(struct weir_dns_names *names, uint32_t index)
{
	struct pair *pair = pair_at(names, index);
	uint32_t *at = find(names, &pair->key);

	for (size_t i = 0; i < SPANS; i++)
		span_clear(names, &pair->spans[i]);
	*at = pair->next;
	unlink_by_age(names, index);
	pair->next = names->free;
	names->free = index;
	names->stats.pairs--;
}

static void evict_oldest(struct weir_dns_names *names)
{
	remove_pair(names, names->oldest);
	names->stats.evicted++;
}

static uint32_t take_free(struct weir_dns_names *names)
{
	uint32_t index = names->free;

	if (index == NONE && names->used == PAIRS) {
		evict_oldest(names);
		index = names->free;
	}
	if (index == NONE)
		return ++names->used;
	names->free = pair_at(names, index)->next;
	return index;
}

static struct pair *newest_pair(struct weir_dns_names *names, const struct key *key)
{
	uint32_t index = *find(names, key), *at;

	if (index != NONE) {
		unlink_by_age(names, index);
	} else {
		index = take_free(names);
		/* Looked for again: an evicted pair may have been on the way there. */
		at = find(names, key);
		*pair_at(names, index) = (struct pair){ .key = *key };
		*at = index;
		names->stats.pairs++;
	}
	link_newest(names, index);
	return pair_at(names, index);
}

/* The span that goes on, or else one to begin: a free one, or the one that ended first. */
static struct span *span_for(struct pair *pair, const char *text, uint64_t now_ns)
{
	struct span *first = &pair->spans[0];

	for (size_t i = 0; i < SPANS; i++) {
		struct span *span = &pair->spans[i];

		if (span->name && span->until_ns >= now_ns && !strcmp(span->name->text, text))
			return span;
		if (!span->name || (first->name && span->until_ns < first->until_ns))
			first = span;
	}
	return first;
}

static void learn_one(struct weir_dns_names *names, const struct key *key, struct name *name,
		      uint64_t now_ns, uint64_t until_ns)
{
	struct pair *pair = newest_pair(names, key);
	struct span *span = span_for(pair, name->text, now_ns);

	if (!span->name || span->until_ns < now_ns || strcmp(span->name->text, name->text) != 0) {
		span_clear(names, span);
		span->name = name;
		span->since_ns = now_ns;
		name->refs++;
	}
	if (span->until_ns < until_ns)
		span->until_ns = until_ns;
	span->latest_ns = now_ns;
}

/* Of the name without its last dot; the caller's reference is the first. */
static int name_new(struct weir_dns_names *names, const char *query, struct name **ret_name)
{
	size_t len = strlen(query);
	struct name *name;

	if (len > 1 && query[len - 1] == '.')
		len--;
	name = malloc(sizeof(*name) + len + 1);
	if (!name)
		return -ENOMEM;
	name->refs = 1;
	name->bytes = sizeof(*name) + len + 1;
	memcpy(name->text, query, len);
	name->text[len] = '\0';
	names->stats.bytes += name->bytes;
	*ret_name = name;
	return 0;
}

int weir_dns_names_learn(struct weir_dns_names *names, uint64_t client,
			 const struct weir_dns_message *response, uint64_t now_ns)
{
	uint64_t ttl = response->ttl > TTL_MAX ? 0 : response->ttl;
	uint64_t until_ns = now_ns + ttl * NS_PER_SEC + WEIR_DNS_NAMES_GRACE_NS;
	struct span mine = { 0 };
	int r;

	if (!response->own_ips || response->rcode)
		return 0;
	r = name_new(names, response->query, &mine.name);
	if (r < 0)
		return r;
	for (size_t i = 0; i < response->n_ips; i++) {
		struct key key = { client, response->ips[i] };

		if (response->own_ips >> i & 1)
			learn_one(names, &key, mine.name, now_ns, until_ns);
	}
	span_clear(names, &mine);
	while (names->stats.bytes > TEXT_BYTES_MAX)
		evict_oldest(names);
	return 0;
}

/* Put @span in its place among the @n spans in @best; no two of one name have an instant in common. */
static void rank(struct span **best, size_t n, struct span *span)
{
	while (n > 0 && best[n - 1]->latest_ns < span->latest_ns) {
		best[n] = best[n - 1];
		n--;
	}
	best[n] = span;
}

size_t weir_dns_names_lookup(struct weir_dns_names *names, uint64_t client,
			     const struct weir_addr *addr, uint64_t when_ns, uint64_t now_ns,
			     const char *ret[WEIR_DNS_NAMES_TOLD_MAX])
{
	const struct key key = { client, *addr };
	struct span *best[SPANS];
	struct pair *pair;
	uint32_t index;
	size_t n = 0;

	if (weir_dns_names_is_empty(names))
		return 0;
	index = *find(names, &key);
	if (index == NONE)
		return 0;
	pair = pair_at(names, index);
	for (size_t i = 0; i < SPANS; i++) {
		struct span *span = &pair->spans[i];

		if (span->name && span->since_ns <= when_ns && when_ns <= span->until_ns)
			rank(best, n++, span);
	}
	if (n > WEIR_DNS_NAMES_TOLD_MAX)
		n = WEIR_DNS_NAMES_TOLD_MAX;
	for (size_t i = 0; i < n; i++) {
		best[i]->told_ns = now_ns;
		ret[i] = best[i]->name->text;
	}
	if (n) {
		unlink_by_age(names, index);
		link_newest(names, index);
	}
	return n;
}

bool weir_dns_names_is_empty(const struct weir_dns_names *names)
{
	return !names->stats.pairs;
}

static bool is_over(const struct span *span, uint64_t now_ns)
{
	return span->until_ns + WEIR_DNS_NAMES_KEEP_NS < now_ns &&
	       span->told_ns + WEIR_DNS_NAMES_KEEP_NS < now_ns;
}

void weir_dns_names_expire(struct weir_dns_names *names, uint64_t now_ns)
{
	uint32_t next;

	for (uint32_t i = names->oldest; i != NONE; i = next) {
		struct pair *pair = pair_at(names, i);
		bool any = false;

		next = pair->newer;
		for (size_t j = 0; j < SPANS; j++) {
			struct span *span = &pair->spans[j];

			if (span->name && is_over(span, now_ns))
				span_clear(names, span);
			any |= span->name != NULL;
		}
		if (!any)
			remove_pair(names, i);
	}
}

void weir_dns_names_get_stats(const struct weir_dns_names *names,
			      struct weir_dns_names_stats *ret_stats)
{
	*ret_stats = names->stats;
}
