/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Above malloc's threshold for mmap, so that a chunk's untouched pages are not resident. */
#define CHUNK_BYTES ((size_t)192 * 1024)
#define CACHE_LINE 64
#define MAX_ITEMS ((size_t)1 << 30)

static size_t round_up_pow2(size_t n)
{
	size_t pow2 = 1;

	while (pow2 < n)
		pow2 <<= 1;
	return pow2;
}

static size_t chunk_bytes(const struct weir_table *table)
{
	return ((size_t)table->item_size << table->chunk_shift);
}

static struct weir_table_link *link_at(const struct weir_table *table, uint32_t index)
{
	return weir_table_at(table, index);
}

int weir_table_init(struct weir_table *table, size_t item_size, size_t max, size_t buckets)
{
	struct weir_table made = { 0 };
	size_t chunks;

	if (item_size < sizeof(struct weir_table_link) || item_size > CHUNK_BYTES || !max ||
	    max > MAX_ITEMS || !buckets || buckets > MAX_ITEMS)
		return -EINVAL;
	buckets = round_up_pow2(buckets);
	made.item_size = (uint32_t)item_size;
	made.max = (uint32_t)max;
	made.bucket_mask = (uint32_t)(buckets - 1);
	while (chunk_bytes(&made) < CHUNK_BYTES)
		made.chunk_shift++;
	chunks = (max >> made.chunk_shift) + 1;
	made.chunks = calloc(chunks, sizeof(*made.chunks));
	made.buckets = calloc(buckets, sizeof(*made.buckets));
	if (!made.chunks || !made.buckets) {
		weir_table_done(&made);
		return -ENOMEM;
	}
	*table = made;
	return 0;
}

void weir_table_done(struct weir_table *table)
{
	for (uint32_t i = 0; i < table->chunk_count; i++)
		free(table->chunks[i]);
	free(table->chunks);
	free(table->buckets);
	*table = (struct weir_table){ 0 };
}

static int take_slot(struct weir_table *table, uint32_t *ret_index)
{
	if (table->free) {
		*ret_index = table->free;
		table->free = link_at(table, table->free)->chain;
		return 0;
	}
	if (table->high >> table->chunk_shift == table->chunk_count) {
		size_t bytes = (chunk_bytes(table) + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
		uint8_t *chunk = aligned_alloc(CACHE_LINE, bytes);

		if (!chunk)
			return -ENOMEM;
		table->chunks[table->chunk_count++] = chunk;
	}
	*ret_index = ++table->high;
	return 0;
}

int weir_table_add(struct weir_table *table, uint64_t hash, uint32_t *ret_index)
{
	uint32_t *bucket = &table->buckets[hash & table->bucket_mask];
	uint32_t index;
	int r;

	if (table->count == table->max)
		return -ENOSPC;
	r = take_slot(table, &index);
	if (r < 0)
		return r;
	memset(weir_table_at(table, index), 0, table->item_size);
	link_at(table, index)->chain = *bucket;
	*bucket = index;
	table->count++;
	*ret_index = index;
	return 0;
}

static void unchain(struct weir_table *table, uint64_t hash, uint32_t index)
{
	uint32_t *at = &table->buckets[hash & table->bucket_mask];

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
	table->count--;
}

void weir_table_move(struct weir_table *table, uint64_t from, uint64_t to, uint32_t index)
{
	uint32_t *bucket = &table->buckets[to & table->bucket_mask];

	unchain(table, from, index);
	link_at(table, index)->chain = *bucket;
	*bucket = index;
}

size_t weir_table_memory(const struct weir_table *table)
{
	size_t chunks = table->chunks ? (table->max >> table->chunk_shift) + (size_t)1 : 0;
	size_t buckets = table->buckets ? table->bucket_mask + (size_t)1 : 0;

	return chunks * sizeof(*table->chunks) + buckets * sizeof(*table->buckets) +
	       table->chunk_count * chunk_bytes(table);
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
