/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/dropped.h"

#include "flow/key.h"
#include "flow/ticks.h"

static uint64_t hash_of(const void *ctx, const void *item)
{
	return weir_key_id_hash(((const struct weir_dropped *)item)->flow.id);
}

int weir_dropped_init(struct weir_dropped_table *dropped, size_t max)
{
	*dropped = (struct weir_dropped_table){ 0 };
	return weir_table_init(&dropped->table, sizeof(struct weir_dropped), max, max, hash_of,
			       NULL);
}

void weir_dropped_done(struct weir_dropped_table *dropped)
{
	weir_table_done(&dropped->table);
}

uint32_t weir_dropped_lookup(const struct weir_dropped_table *dropped, uint64_t id)
{
	uint32_t index;

	if (!dropped->table.count)
		return 0;
	index = weir_table_first(&dropped->table, weir_key_id_hash(id));
	while (index && weir_dropped_at(dropped, index)->flow.id != id)
		index = weir_dropped_at(dropped, index)->link.chain;
	return index;
}

int weir_dropped_add(struct weir_dropped_table *dropped, uint64_t id, uint64_t now_ns,
		     uint32_t *ret_index)
{
	struct weir_dropped *item;
	int r = weir_table_add(&dropped->table, weir_key_id_hash(id), ret_index);

	if (r < 0)
		return r;
	item = weir_dropped_at(dropped, *ret_index);
	item->flow.id = id;
	item->waits = true;
	item->held = weir_ticks_at(now_ns);
	weir_table_append(&dropped->table, &dropped->waiting, *ret_index);
	return 0;
}

static void unlist(struct weir_dropped_table *dropped, uint32_t index)
{
	bool waits = weir_dropped_at(dropped, index)->waits;

	weir_table_unlink(&dropped->table, waits ? &dropped->waiting : &dropped->told, index);
}

void weir_dropped_wait(struct weir_dropped_table *dropped, uint32_t index, uint64_t now_ns)
{
	struct weir_dropped *item = weir_dropped_at(dropped, index);

	unlist(dropped, index);
	item->waits = true;
	item->held = weir_ticks_at(now_ns);
	weir_table_append(&dropped->table, &dropped->waiting, index);
}

void weir_dropped_touch(struct weir_dropped_table *dropped, uint32_t index, uint64_t now_ns)
{
	struct weir_dropped *item = weir_dropped_at(dropped, index);

	unlist(dropped, index);
	item->waits = false;
	item->held = weir_ticks_at(now_ns);
	weir_table_append(&dropped->table, &dropped->told, index);
}

void weir_dropped_rename(struct weir_dropped_table *dropped, uint32_t index, uint64_t id)
{
	struct weir_dropped *item = weir_dropped_at(dropped, index);
	uint64_t before = weir_key_id_hash(item->flow.id);

	item->flow.id = id;
	weir_table_move(&dropped->table, before, weir_key_id_hash(id), index);
}

void weir_dropped_remove(struct weir_dropped_table *dropped, uint32_t index)
{
	uint64_t hash = weir_key_id_hash(weir_dropped_at(dropped, index)->flow.id);

	unlist(dropped, index);
	weir_table_remove(&dropped->table, hash, index);
}
