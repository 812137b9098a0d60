/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/translation.h"

#include <stdbool.h>

_Static_assert(sizeof(struct weir_translation) == 48, "weir_translation has outgrown its budget");

static uint64_t hash_of(const void *ctx, const void *item)
{
	return ((const struct weir_translation *)item)->key_hash;
}

int weir_translations_init(struct weir_translations *translations, size_t max)
{
	*translations = (struct weir_translations){ 0 };
	return weir_table_init(&translations->table, sizeof(struct weir_translation), max,
			       (max + 1) / 2, hash_of, NULL);
}

void weir_translations_done(struct weir_translations *translations)
{
	weir_table_done(&translations->table);
}

static uint32_t find(const struct weir_translations *translations, uint64_t key_hash)
{
	uint32_t index = weir_table_first(&translations->table, key_hash);

	while (index) {
		const struct weir_translation *item = weir_table_at(&translations->table, index);

		if (item->key_hash == key_hash)
			break;
		index = item->link.chain;
	}
	return index;
}

static bool is_fresh(const struct weir_translation *item, uint64_t at_ns)
{
	return at_ns <= item->since_ns || at_ns - item->since_ns < WEIR_TRANSLATION_KEEP_NS;
}

static void forget(struct weir_translations *translations, uint32_t index)
{
	const struct weir_translation *item = weir_table_at(&translations->table, index);

	weir_table_unlink(&translations->table, &translations->list, index);
	weir_table_remove(&translations->table, item->key_hash, index);
}

void weir_translations_put(struct weir_translations *translations, uint64_t key_hash,
			   const struct weir_addr *backend, uint16_t port, uint64_t since_ns)
{
	struct weir_table *table = &translations->table;
	struct weir_translation *item;
	struct weir_addr copy = *backend;  /* may be an item's own */
	uint32_t index = find(translations, key_hash);

	if (index)
		forget(translations, index);
	while (translations->list.head &&
	       (table->count == table->max ||
		!is_fresh(weir_table_at(table, translations->list.head), since_ns)))
		forget(translations, translations->list.head);
	if (weir_table_add(table, key_hash, &index) < 0)
		return;
	item = weir_table_at(table, index);
	item->key_hash = key_hash;
	item->backend = copy;
	item->port = port;
	item->since_ns = since_ns;
	weir_table_append(table, &translations->list, index);
}

const struct weir_translation *weir_translations_lookup(
	const struct weir_translations *translations, uint64_t key_hash, uint64_t at_ns)
{
	uint32_t index = find(translations, key_hash);
	const struct weir_translation *item;

	if (!index)
		return NULL;
	item = weir_table_at(&translations->table, index);
	return is_fresh(item, at_ns) ? item : NULL;
}
