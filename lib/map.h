/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LIB_MAP_H
#define WEIR_LIB_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct weir_map - hash map from bytes to pointers.
 *
 * Shape:  open addressing, power-of-two capacity, grows at 3/4; O(1) expected. Hashes are keyed
 *         with a per-process random seed, so foreign keys cannot be chosen to collide.
 * Owner:  neither keys nor values: both are borrowed, and a key must stay valid and unchanged
 *         while its entry is there (it normally lies inside the value).
 */
struct weir_map_slot {
	const void *key;
	void *value;
	uint64_t hash;
	uint32_t key_len;
};

struct weir_map {
	struct weir_map_slot *slots;
	size_t capacity;  /* 0 or a power of two */
	size_t count;
};

/** weir_map_init() - an empty map; allocates nothing. */
void weir_map_init(struct weir_map *map);

/** weir_map_done() - release the table, not what it points at. */
void weir_map_done(struct weir_map *map);

/** weir_map_lookup() - the value of @key, or NULL. */
void *weir_map_lookup(const struct weir_map *map, const void *key, size_t key_len);

/**
 * weir_map_add() - 0, -EEXIST when the key is there (nothing changed), -ENOMEM, or -EINVAL when
 * @value is NULL or @key_len is above UINT32_MAX.
 */
int weir_map_add(struct weir_map *map, const void *key, size_t key_len, void *value);

/** weir_map_remove() - the value removed, or NULL when the key was not there. */
void *weir_map_remove(struct weir_map *map, const void *key, size_t key_len);

/**
 * weir_map_next() - walk all entries in no order: start with *cursor = 0, ends with false.
 *
 * The map must not be changed during the walk.
 */
bool weir_map_next(const struct weir_map *map, size_t *cursor, void **ret_value);

/** weir_hash_bytes() - the seeded hash the map uses, for tables that index themselves. */
uint64_t weir_hash_bytes(const void *bytes, size_t len);

/** weir_hash_u64() - the same for keys that are one number, in a fraction of the time; its values
 * are not those of weir_hash_bytes(). */
uint64_t weir_hash_u64(uint64_t number);

#endif
