/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/facts.h"

#include <string.h>

#include "lib/map.h"

struct item {
	struct weir_table_link link;
	uint32_t references;
	struct weir_facts value;
};

static uint64_t hash(const struct weir_facts *value)
{
	return weir_hash_bytes(value, sizeof(*value));
}

static uint64_t hash_of(const void *ctx, const void *item)
{
	return hash(&((const struct item *)item)->value);
}

int weir_facts_init(struct weir_facts_table *facts, size_t max_connections)
{
	/* Two ends each, and what is new is taken before what is old is given up. */
	return weir_table_init(&facts->table, sizeof(struct item), 2 * max_connections + 4,
			       max_connections / 4 + !(max_connections / 4), hash_of, NULL);
}

void weir_facts_done(struct weir_facts_table *facts)
{
	weir_table_done(&facts->table);
}

int weir_facts_get(struct weir_facts_table *facts, const struct weir_facts *value,
		   uint32_t *ret_index)
{
	uint64_t key = hash(value);
	uint32_t index = weir_table_first(&facts->table, key);
	struct item *item;
	int r;

	while (index) {
		item = weir_table_at(&facts->table, index);
		if (!memcmp(&item->value, value, sizeof(*value))) {
			item->references++;
			*ret_index = index;
			return 0;
		}
		index = item->link.chain;
	}
	r = weir_table_add(&facts->table, key, &index);
	if (r < 0)
		return r;
	item = weir_table_at(&facts->table, index);
	item->value = *value;
	item->references = 1;
	*ret_index = index;
	return 0;
}

void weir_facts_put(struct weir_facts_table *facts, uint32_t index)
{
	struct item *item;

	if (!index)
		return;
	item = weir_table_at(&facts->table, index);
	if (--item->references)
		return;
	weir_table_remove(&facts->table, hash(&item->value), index);
}

const struct weir_facts *weir_facts_at(const struct weir_facts_table *facts, uint32_t index)
{
	return &((const struct item *)weir_table_at(&facts->table, index))->value;
}
