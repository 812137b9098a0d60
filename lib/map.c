/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define CAPACITY_MIN 8

/* Odd, with about half the bits set and no pattern: 2^64 divided by the golden ratio. */
#define MULTIPLIER 0x9e3779b97f4a7c15ULL

static struct {
	uint64_t word[3];
	bool drawn;
} seed;

/* The high half of a product depends on all bits of both factors; folding it on the low half
 * mixes 128 bits into 64 in one multiplication. */
static inline uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static __attribute__((cold)) void draw_seed(void)
{
	if (getrandom(seed.word, sizeof(seed.word), 0) != (ssize_t)sizeof(seed.word)) {
		struct timespec ts = { 0 };

		/* Only a system call filter can bring us here; be less random, not dead. */
		(void)clock_gettime(CLOCK_MONOTONIC, &ts);
		seed.word[0] = mix((uint64_t)ts.tv_nsec ^ MULTIPLIER, (uint64_t)getpid());
		seed.word[1] = mix((uint64_t)(uintptr_t)&ts, seed.word[0] | 1);
		seed.word[2] = mix((uint64_t)(uintptr_t)&draw_seed, seed.word[1] | 1);
	}
	seed.drawn = true;
}

static inline uint64_t load(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

uint64_t weir_hash_bytes(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	size_t left = len;
	uint64_t hash, a = 0, b = 0;

	if (__builtin_expect(!seed.drawn, 0))
		draw_seed();
	hash = seed.word[0] ^ (uint64_t)len * MULTIPLIER;
	for (; left > 16; left -= 16, p += 16)
		hash = mix(load(p) ^ seed.word[1], load(p + 8) ^ hash);
	/* The last 1 to 16 bytes as two words: overlapping when there are 8, zero-filled below. */
	if (left >= 8) {
		a = load(p);
		b = load(p + left - 8);
	} else if (left) {
		memcpy(&a, p, left);
	}
	hash = mix(a ^ seed.word[2], b ^ hash);
	return mix(hash ^ seed.word[1], MULTIPLIER);
}

uint64_t weir_hash_u64(uint64_t number)
{
	if (__builtin_expect(!seed.drawn, 0))
		draw_seed();
	return mix(mix(number ^ seed.word[2], seed.word[0]) ^ seed.word[1], MULTIPLIER);
}

void weir_map_init(struct weir_map *map)
{
	*map = (struct weir_map){ 0 };
}

void weir_map_done(struct weir_map *map)
{
	free(map->slots);
	*map = (struct weir_map){ 0 };
}

/* A slot is free when its value is NULL. */
static size_t find(const struct weir_map *map, uint64_t hash, const void *key, size_t key_len)
{
	size_t mask = map->capacity - 1;
	size_t at = hash & mask;

	for (; map->slots[at].value; at = (at + 1) & mask) {
		const struct weir_map_slot *slot = &map->slots[at];

		if (slot->hash == hash && slot->key_len == key_len &&
		    (!key_len || !memcmp(slot->key, key, key_len)))
			break;
	}
	return at;
}

void *weir_map_lookup(const struct weir_map *map, const void *key, size_t key_len)
{
	if (!map->count)
		return NULL;
	return map->slots[find(map, weir_hash_bytes(key, key_len), key, key_len)].value;
}

static int grow(struct weir_map *map)
{
	size_t capacity = map->capacity ? map->capacity * 2 : CAPACITY_MIN;
	struct weir_map_slot *slots = calloc(capacity, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < map->capacity; i++) {
		size_t at = map->slots[i].hash & (capacity - 1);

		if (!map->slots[i].value)
			continue;
		while (slots[at].value)
			at = (at + 1) & (capacity - 1);
		slots[at] = map->slots[i];
	}
	free(map->slots);
	map->slots = slots;
	map->capacity = capacity;
	return 0;
}

int weir_map_add(struct weir_map *map, const void *key, size_t key_len, void *value)
{
	uint64_t hash;
	size_t at;

	if (!value || key_len > UINT32_MAX)
		return -EINVAL;
	hash = weir_hash_bytes(key, key_len);
	if (map->count && map->slots[find(map, hash, key, key_len)].value)
		return -EEXIST;
	if (map->count >= map->capacity / 4 * 3) {
		int r = grow(map);

		if (r < 0)
			return r;
	}
	at = find(map, hash, key, key_len);
	map->slots[at] = (struct weir_map_slot){
		.key = key,
		.value = value,
		.hash = hash,
		.key_len = (uint32_t)key_len,
	};
	map->count++;
	return 0;
}

/* Close the gap at @hole: move back every follower that may lie there, that is, whose home slot
 * is not between the hole and itself. Without tombstones a table that churns does not degrade. */
static void shift_back(struct weir_map *map, size_t hole)
{
	size_t mask = map->capacity - 1;
	size_t at = hole;

	for (;;) {
		at = (at + 1) & mask;
		if (!map->slots[at].value)
			break;
		if (((at - map->slots[at].hash) & mask) < ((at - hole) & mask))
			continue;
		map->slots[hole] = map->slots[at];
		hole = at;
	}
	map->slots[hole] = (struct weir_map_slot){ 0 };
}

void *weir_map_remove(struct weir_map *map, const void *key, size_t key_len)
{
	void *value;
	size_t at;

	if (!map->count)
		return NULL;
	at = find(map, weir_hash_bytes(key, key_len), key, key_len);
	value = map->slots[at].value;
	if (!value)
		return NULL;
	shift_back(map, at);
	map->count--;
	return value;
}

bool weir_map_next(const struct weir_map *map, size_t *cursor, void **ret_value)
{
	for (; *cursor < map->capacity; (*cursor)++) {
		if (!map->slots[*cursor].value)
			continue;
		*ret_value = map->slots[(*cursor)++].value;
		return true;
	}
	return false;
}
