/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FLOW_TABLE_H
#define WEIR_FLOW_TABLE_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct weir_table - bounded hash table of equal items in a slab.
 *
 * Shape:  items lie in chunks that are allocated when first needed and never moved, so pointers
 *         to items stay valid until the item is removed. Chunks are kept until
 *         weir_table_done(): memory follows the highest number of items there has been. Links are
 *         32-bit indexes, not pointers; index 0 means none. Hash chains hang off a fixed array
 *         of buckets, whose pages cost nothing before they are used. The table knows neither
 *         keys nor hashes of its items: the caller walks the chain of a hash and compares.
 * Owner:  embedded in its user. Items are plain memory.
 *
 * Every item starts with a struct weir_table_link, and may be in one list besides its chain.
 */
struct weir_table_link {
	uint32_t chain;  /* next item of the same bucket; of the free items when it is free */
	uint32_t prev;   /* in the item's list; 0 at its head */
	uint32_t next;   /* in the item's list; 0 at its tail */
};

struct weir_table {
	uint8_t **chunks;
	uint32_t *buckets;
	uint32_t bucket_mask;
	uint32_t item_size;
	uint32_t chunk_shift;   /* log2 of the items in a chunk */
	uint32_t chunk_count;   /* allocated so far */
	uint32_t max;           /* items */
	uint32_t count;         /* items in use */
	uint32_t high;          /* indexes 1..high have been in use */
	uint32_t free;          /* first free item at or below @high */
};

/** struct weir_table_list - a doubly linked list of a table's items, oldest first. */
struct weir_table_list {
	uint32_t head;
	uint32_t tail;
	uint32_t count;
};

/**
 * weir_table_init() - an empty table for at most @max items of @item_size bytes.
 *
 * Units:  @buckets is rounded up to a power of two.
 * Errors: -EINVAL when a number is 0 or @max exceeds 2^30; -ENOMEM.
 */
int weir_table_init(struct weir_table *table, size_t item_size, size_t max, size_t buckets);

/** weir_table_done() - release everything; also right for zeroed memory. */
void weir_table_done(struct weir_table *table);

/**
 * weir_table_add() - a new item, all zero but its chain link, in the chain of @hash.
 *
 * Errors: 0, -ENOSPC when the table holds @max items, -ENOMEM.
 */
int weir_table_add(struct weir_table *table, uint64_t hash, uint32_t *ret_index);

/**
 * weir_table_remove() - take an item out of the chain of @hash and free it.
 *
 * @hash must be the one it was added with, and the item must be in no list. The item becomes
 * zero but for its chain link, so a walk over 1..high recognises it by a field of its own.
 */
void weir_table_remove(struct weir_table *table, uint64_t hash, uint32_t index);

/** weir_table_move() - take an item from the chain of one hash into that of another. */
void weir_table_move(struct weir_table *table, uint64_t from, uint64_t to, uint32_t index);

/** weir_table_at() - the item; @index must be in use (or at most @high, to look at free ones). */
static inline void *weir_table_at(const struct weir_table *table, uint32_t index)
{
	uint32_t slot = index - 1;

	return table->chunks[slot >> table->chunk_shift] +
	       (size_t)(slot & ((1U << table->chunk_shift) - 1)) * table->item_size;
}

/** weir_table_first() - first item of the chain of @hash, newest first; 0 when empty. */
static inline uint32_t weir_table_first(const struct weir_table *table, uint64_t hash)
{
	return table->buckets[hash & table->bucket_mask];
}

/** weir_table_memory() - bytes allocated; pages not yet touched are counted too. */
size_t weir_table_memory(const struct weir_table *table);

/** weir_table_append() - put an item that is in no list at the tail of @list. */
void weir_table_append(struct weir_table *table, struct weir_table_list *list, uint32_t index);

/** weir_table_unlink() - take an item out of @list, which it must be in. */
void weir_table_unlink(struct weir_table *table, struct weir_table_list *list, uint32_t index);

#endif
