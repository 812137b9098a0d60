/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/table.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "lib/pages.h"

#define ITEM_SIZE_MAX ((size_t)4096)
#define MAX_ITEMS ((size_t)1 << 30)
#define BUCKETS_MIN 256
/* Fewer for each item are too few; more than the maximum, too many. */
#define BUCKETS_PER_ITEM 4
#define BUCKETS_PER_ITEM_MAX 64

static size_t round_up_pow2(size_t n)
{
	size_t pow2 = 1;

	while (pow2 < n)
		pow2 <<= 1;
	return pow2;
}

static size_t items_bytes(const struct weir_table *table)
{
	return (size_t)table->item_size * ((size_t)table->max + 1);
}

static size_t buckets_bytes(const struct weir_table *table)
{
	return sizeof(*table->buckets) * table->bucket_max;
}

static struct weir_table_link *link_at(const struct weir_table *table, uint32_t index)
{
	return weir_table_at(table, index);
}

int weir_table_init(struct weir_table *table, size_t item_size, size_t max, size_t buckets,
		    weir_table_hash_fn hash_of, const void *ctx)
{
	struct weir_table made = { 0 };
	void *items, *index;
	int r;

	if (item_size < sizeof(struct weir_table_link) || item_size > ITEM_SIZE_MAX || !max ||
	    max > MAX_ITEMS || !buckets || buckets > MAX_ITEMS)
		return -EINVAL;
	buckets = round_up_pow2(buckets);
	made.item_size = (uint32_t)item_size;
	made.max = (uint32_t)max;
	made.hash_of = hash_of;
	made.ctx = ctx;
	made.bucket_max = (uint32_t)buckets;
	made.bucket_count = made.bucket_max < BUCKETS_MIN ? made.bucket_max : BUCKETS_MIN;
	made.bucket_mask = made.bucket_count - 1;
	r = weir_pages_new(items_bytes(&made), &items);
	if (r < 0)
		return r;
	made.items = items;
	r = weir_pages_new(buckets_bytes(&made), &index);
	if (r < 0) {
		weir_table_done(&made);
		return r;
	}
	made.buckets = index;
	*table = made;
	return 0;
}

void weir_table_done(struct weir_table *table)
{
	weir_pages_free(table->items, items_bytes(table));
	weir_pages_free(table->buckets, buckets_bytes(table));
	*table = (struct weir_table){ 0 };
}

/* It is zero but for its chain link, because fresh pages are and weir_table_remove() makes it so;
 * the latest removed first, because it is likely to be in the cache. */
static uint32_t take_slot(struct weir_table *table)
{
	uint32_t index = table->free;

	if (!index)
		return ++table->high;
	table->free = link_at(table, index)->chain;
	return index;
}

/* One bucket more: it takes its items from the one that had them while it was not in use. */
static void split_bucket(struct weir_table *table)
{
	uint32_t to = table->bucket_count++, index;
	uint32_t *ends[2]; /* of the chain that stays and of the one that goes */

	if (to > table->bucket_mask)
		table->bucket_mask = table->bucket_mask << 1 | 1;
	ends[0] = &table->buckets[to & (table->bucket_mask >> 1)];
	ends[1] = &table->buckets[to];
	for (index = *ends[0]; index;) {
		struct weir_table_link *link = link_at(table, index);
		uint64_t hash = table->hash_of(table->ctx, link);
		bool goes = (hash & table->bucket_mask) == to;

		*ends[goes] = index;
		ends[goes] = &link->chain;
		index = link->chain;
	}
	*ends[0] = 0;
	*ends[1] = 0;
}

/* One bucket less: its items go behind those of the bucket they would have come from. */
static void join_bucket(struct weir_table *table)
{
	uint32_t from = --table->bucket_count;
	uint32_t *end = &table->buckets[from & (table->bucket_mask >> 1)];

	while (*end)
		end = &link_at(table, *end)->chain;
	*end = table->buckets[from];
	table->buckets[from] = 0;
	if (from == (table->bucket_mask >> 1) + 1)
		table->bucket_mask >>= 1;
}

static void put_in_chain(struct weir_table *table, uint64_t hash, uint32_t index)
{
	uint32_t *bucket = weir_table_bucket(table, hash);

	link_at(table, index)->chain = *bucket;
	*bucket = index;
}

int weir_table_add(struct weir_table *table, uint64_t hash, uint32_t *ret_index)
{
	uint32_t index;

	if (table->count == table->max)
		return -ENOSPC;
	index = take_slot(table);
	table->count++;
	/* First, because the new item's hash is not in it yet. */
	while (table->count > table->bucket_count / BUCKETS_PER_ITEM &&
	       table->bucket_count < table->bucket_max)
		split_bucket(table);
	put_in_chain(table, hash, index);
	*ret_index = index;
	return 0;
}

static void unchain(struct weir_table *table, uint64_t hash, uint32_t index)
{
	uint32_t *at = weir_table_bucket(table, hash);

	while (*at && *at != index)
		at = &link_at(table, *at)->chain;
	if (*at)
		*at = link_at(table, index)->chain;
}

void weir_table_remove(struct weir_table *table, uint64_t hash, uint32_t index)
{
	unchain(table, hash, index);
	memset(weir_table_at(table, index), 0, table->item_size);
	link_at(table, index)->chain = table->free;
	table->free = index;
	if (--table->count < table->bucket_count / BUCKETS_PER_ITEM_MAX &&
	    table->bucket_count > BUCKETS_MIN)
		join_bucket(table);
}

void weir_table_move(struct weir_table *table, uint64_t from, uint64_t to, uint32_t index)
{
	unchain(table, from, index);
	put_in_chain(table, to, index);
}

size_t weir_table_memory(const struct weir_table *table)
{
	return (size_t)table->item_size * table->high + buckets_bytes(table);
}

void weir_table_append(struct weir_table *table, struct weir_table_list *list, uint32_t index)
{
	struct weir_table_link *link = link_at(table, index);

	link->prev = list->tail;
	link->next = 0;
	if (list->tail)
		link_at(table, list->tail)->next = index;
	else
		list->head = index;
	list->tail = index;
	list->count++;
}

void weir_table_unlink(struct weir_table *table, struct weir_table_list *list, uint32_t index)
{
	struct weir_table_link *link = link_at(table, index);

	if (link->prev)
		link_at(table, link->prev)->next = link->next;
	else
		list->head = link->next;
	if (link->next)
		link_at(table, link->next)->prev = link->prev;
	else
		list->tail = link->prev;
	link->prev = 0;
	link->next = 0;
	list->count--;
}
