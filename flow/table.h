/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FLOW_TABLE_H
#define WEIR_FLOW_TABLE_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct weir_table - bounded hash table of equal items in a slab.
 *
 * Shape:  items lie in one array and never move, so pointers to items stay valid until the item
 *         is removed. Links are 32-bit indexes, not pointers; index 0 means none. The table knows
 *         neither keys nor hashes of its items: the caller walks the chain of a hash and
 *         compares.
 * Memory: address space for all that @max allows is reserved at once; pages count from when they
 *         are first used until weir_table_done(), so memory follows the highest number of items
 *         there has been.
 * Index:  hash chains hang off buckets, of which as many are in use as the items need: a few
 *         hundred items are found in a few cache lines, however many there may be. Their number
 *         follows that of the items by linear hashing (Litwin, VLDB 1980): an add splits a few
 *         buckets, a remove joins one to another, and no single call is slow. There are at
 *         least 4 buckets for an item, as far as @buckets allows; after a peak they become fewer
 *         while there are more than 64.
 * Owner:  embedded in its user. Items are plain memory.
 *
 * Every item starts with a struct weir_table_link, and may be in one list besides its chain.
 */
struct weir_table_link {
	uint32_t chain;  /* next item of the same bucket; of the free items when it is free */
	uint32_t prev;   /* in the item's list; 0 at its head */
	uint32_t next;   /* in the item's list; 0 at its tail */
};

/** The hash of an item; called for items that were added, within weir_table_add() of another. */
typedef uint64_t (*weir_table_hash_fn)(const void *ctx, const void *item);

struct weir_table {
	uint8_t *items;         /* by index; the first is nobody's and all zero */
	uint32_t *buckets;
	weir_table_hash_fn hash_of;
	const void *ctx;        /* for @hash_of */
	uint32_t bucket_count;  /* in use */
	uint32_t bucket_max;
	uint32_t bucket_mask;   /* the smallest 2^n - 1 that is no less than bucket_count - 1 */
	uint32_t item_size;
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
 * @hash_of: must give the hash that the item was added with, or last moved to.
 * Units:  at most @buckets buckets, rounded up to a power of two.
 * Errors: -EINVAL when a number is 0 or too large (2^30 items or buckets, 4 KiB an item); -ENOMEM.
 */
int weir_table_init(struct weir_table *table, size_t item_size, size_t max, size_t buckets,
		    weir_table_hash_fn hash_of, const void *ctx);

/** weir_table_done() - release everything; also right for zeroed memory. */
void weir_table_done(struct weir_table *table);

/**
 * weir_table_add() - a new item, all zero but its chain link, in the chain of @hash.
 *
 * Errors: 0, or -ENOSPC when the table holds @max items.
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

/**
 * weir_table_at() - the item; @index must be in use, or at most @high, to look at free ones. At
 * index 0 is one that is all zero.
 */
static inline void *weir_table_at(const struct weir_table *table, uint32_t index)
{
	return table->items + (size_t)index * table->item_size;
}

/** weir_table_bucket() - the bucket of @hash, which holds the first item of its chain. */
static inline uint32_t *weir_table_bucket(const struct weir_table *table, uint64_t hash)
{
	uint32_t at = (uint32_t)hash & table->bucket_mask;
	uint32_t half = (uint32_t)hash & (table->bucket_mask >> 1);

	/* Not split off from the one below yet. */
	return &table->buckets[at < table->bucket_count ? at : half];
}

/**
 * weir_table_first() - first item of the chain of @hash; 0 when empty. Items of equal hash are
 * there newest first.
 */
static inline uint32_t weir_table_first(const struct weir_table *table, uint64_t hash)
{
	return *weir_table_bucket(table, hash);
}

/** weir_table_memory() - bytes used at the peak, and those of the whole index. */
size_t weir_table_memory(const struct weir_table *table);

/** weir_table_append() - put an item that is in no list at the tail of @list. */
void weir_table_append(struct weir_table *table, struct weir_table_list *list, uint32_t index);

/** weir_table_unlink() - take an item out of @list, which it must be in. */
void weir_table_unlink(struct weir_table *table, struct weir_table_list *list, uint32_t index);

#endif
