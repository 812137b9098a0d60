/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/claims.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void weir_claim_table_init(struct weir_claim_table *table, size_t key_len, size_t remember)
{
	*table = (struct weir_claim_table){ .key_len = key_len, .remember = remember };
	weir_map_init(&table->keys);
	TAILQ_INIT(&table->closed);
	TAILQ_INIT(&table->idle);
}

void weir_claim_table_done(struct weir_claim_table *table)
{
	size_t cursor = 0;
	void *value;

	while (weir_map_next(&table->keys, &cursor, &value)) {
		struct weir_claim_key *key = value;
		struct weir_claim *claim = key->is_idle ? NULL : key->claims;

		while (claim) {
			struct weir_claim *next = claim->next;

			free(claim);
			claim = next;
		}
		free(key);
	}
	weir_map_done(&table->keys);
}

void weir_claim_list_init(struct weir_claim_list *owner, void *value)
{
	LIST_INIT(&owner->claims);
	owner->value = value;
}

static void free_key(struct weir_claim_table *table, struct weir_claim_key *key)
{
	(void)weir_map_remove(&table->keys, key->bytes, table->key_len);
	free(key);
}

static void wake_key(struct weir_claim_table *table, struct weir_claim_key *key)
{
	if (!key->is_idle)
		return;
	TAILQ_REMOVE(&table->idle, key, idle);
	table->n_idle--;
	key->is_idle = false;
	key->claims = NULL;
}

/* Bounded, for a cluster's address space (IPv6) need not be. */
static void idle_key(struct weir_claim_table *table, struct weir_claim_key *key)
{
	key->is_idle = true;
	TAILQ_INSERT_TAIL(&table->idle, key, idle);
	table->n_idle++;
	if (table->n_idle > table->remember) {
		struct weir_claim_key *oldest = TAILQ_FIRST(&table->idle);

		wake_key(table, oldest);
		free_key(table, oldest);
	}
}

static int get_key(struct weir_claim_table *table, const void *bytes,
		   struct weir_claim_key **ret_key)
{
	struct weir_claim_key *key = weir_map_lookup(&table->keys, bytes, table->key_len);

	if (!key) {
		key = calloc(1, sizeof(*key));
		if (!key)
			return -ENOMEM;
		memcpy(key->bytes, bytes, table->key_len);
		if (weir_map_add(&table->keys, key->bytes, table->key_len, key) < 0) {
			free(key);
			return -ENOMEM;
		}
	}
	wake_key(table, key);
	*ret_key = key;
	return 0;
}

static void free_claim(struct weir_claim_table *table, struct weir_claim *claim)
{
	struct weir_claim_key *key = claim->key;
	struct weir_claim **link = &key->claims;

	while (*link != claim)
		link = &(*link)->next;
	*link = claim->next;
	LIST_REMOVE(claim, owned);
	if (claim->until_ns == WEIR_CLAIM_OPEN)
		table->n_open[claim->kind]--;
	else
		TAILQ_REMOVE(&table->closed, claim, closed);
	free(claim);
	if (!key->claims)
		idle_key(table, key);
}

void weir_claim_table_begin(struct weir_claim_table *table)
{
	table->round++;
}

int weir_claim_table_claim(struct weir_claim_table *table, const void *key_bytes, uint8_t kind,
			   struct weir_claim_list *owner, uint64_t now_ns)
{
	struct weir_claim_key *key;
	struct weir_claim *claim;
	int r = get_key(table, key_bytes, &key);

	if (r < 0)
		return r;
	for (claim = key->claims; claim; claim = claim->next) {
		if (claim->owner == owner && claim->kind == kind &&
		    claim->until_ns == WEIR_CLAIM_OPEN) {
			claim->round = table->round;
			return 0;
		}
	}
	claim = malloc(sizeof(*claim));
	if (!claim) {
		if (!key->claims)
			idle_key(table, key);
		return -ENOMEM;
	}
	*claim = (struct weir_claim){
		.next = key->claims, .key = key, .owner = owner, .from_ns = now_ns,
		.until_ns = WEIR_CLAIM_OPEN, .round = table->round, .kind = kind,
	};
	key->claims = claim;
	LIST_INSERT_HEAD(&owner->claims, claim, owned);
	table->n_open[kind]++;
	return 0;
}

void weir_claim_table_end(struct weir_claim_table *table, struct weir_claim_list *owner,
			  uint64_t now_ns)
{
	struct weir_claim *claim;

	for (claim = LIST_FIRST(&owner->claims); claim; claim = LIST_NEXT(claim, owned)) {
		if (claim->until_ns != WEIR_CLAIM_OPEN || claim->round == table->round)
			continue;
		claim->until_ns = now_ns;
		TAILQ_INSERT_TAIL(&table->closed, claim, closed);
		table->n_open[claim->kind]--;
	}
}

void weir_claim_table_forget(struct weir_claim_table *table, struct weir_claim_list *owner)
{
	while (!LIST_EMPTY(&owner->claims))
		free_claim(table, LIST_FIRST(&owner->claims));
}

void weir_claim_table_expire(struct weir_claim_table *table, uint64_t before_ns)
{
	struct weir_claim *claim;

	while ((claim = TAILQ_FIRST(&table->closed)) && claim->until_ns < before_ns)
		free_claim(table, claim);
}

/* The first that holds from @claim on; @early: the instant is before all of the key's claims. */
static const struct weir_claim *first_that_holds(const struct weir_claim *claim, uint64_t at_ns,
						 bool early)
{
	for (; claim; claim = claim->next) {
		if (early || (claim->from_ns <= at_ns && at_ns < claim->until_ns))
			return claim;
	}
	return NULL;
}

static bool is_early(const struct weir_claim *all, uint64_t at_ns)
{
	for (; all; all = all->next) {
		if (all->from_ns <= at_ns)
			return false;
	}
	return true;
}

const struct weir_claim *weir_claim_table_lookup(const struct weir_claim_table *table,
						 const void *key_bytes, uint64_t at_ns,
						 bool *ret_known)
{
	const struct weir_claim_key *key = weir_map_lookup(&table->keys, key_bytes, table->key_len);

	if (ret_known)
		*ret_known = key != NULL;
	if (!key || key->is_idle)
		return NULL;
	return first_that_holds(key->claims, at_ns, is_early(key->claims, at_ns));
}

const struct weir_claim *weir_claim_next(const struct weir_claim *claim, uint64_t at_ns)
{
	return first_that_holds(claim->next, at_ns, is_early(claim->key->claims, at_ns));
}
