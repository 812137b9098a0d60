/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/cleanup.h"

struct item {
	uint64_t key;
	uint64_t seen;
};

static void empty_map_has_nothing(void **state)
{
	struct weir_map map;
	size_t cursor = 0;
	void *value = NULL;

	weir_map_init(&map);
	assert_null(weir_map_lookup(&map, "a", 1));
	assert_null(weir_map_remove(&map, "a", 1));
	assert_false(weir_map_next(&map, &cursor, &value));
	weir_map_done(&map);
}

static void add_twice_refuses_and_keeps_first(void **state)
{
	_cleanup_(weir_map_done) struct weir_map map = { 0 };
	char first[] = "first", second[] = "second";

	assert_int_equal(weir_map_add(&map, "key", 3, first), 0);
	assert_int_equal(weir_map_add(&map, "key", 3, second), -EEXIST);
	assert_ptr_equal(weir_map_lookup(&map, "key", 3), first);
	assert_int_equal(map.count, 1);
	assert_ptr_equal(weir_map_remove(&map, "key", 3), first);
	assert_null(weir_map_lookup(&map, "key", 3));
	assert_int_equal(map.count, 0);
}

static void add_refuses_what_it_cannot_hold(void **state)
{
	_cleanup_(weir_map_done) struct weir_map map = { 0 };
	char value;

	assert_int_equal(weir_map_add(&map, "key", 3, NULL), -EINVAL);
	assert_int_equal(weir_map_add(&map, "key", (size_t)UINT32_MAX + 1, &value), -EINVAL);
	assert_int_equal(map.count, 0);
}

static void keys_differ_by_length_and_by_bytes(void **state)
{
	static const char bytes[64] = "\0\0\0\0\0\0\0\0abcdefghijklmnopqrstuvwxyz";
	_cleanup_(weir_map_done) struct weir_map map = { 0 };
	char values[sizeof(bytes) + 1];

	/* Every prefix is a key of its own: empty, and zeros of several lengths. */
	for (size_t len = 0; len <= sizeof(bytes); len++)
		assert_int_equal(weir_map_add(&map, bytes, len, &values[len]), 0);
	for (size_t len = 0; len <= sizeof(bytes); len++)
		assert_ptr_equal(weir_map_lookup(&map, bytes, len), &values[len]);
}

static void hash_depends_on_every_bit(void **state)
{
	uint8_t bytes[72] = { 0 };

	for (size_t len = 1; len <= sizeof(bytes); len++) {
		uint64_t plain = weir_hash_bytes(bytes, len);

		assert_true(plain == weir_hash_bytes(bytes, len));
		for (size_t bit = 0; bit < len * 8; bit++) {
			uint64_t flipped;
			int changed;

			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			flipped = weir_hash_bytes(bytes, len);
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			/* Of 64 bits 32 are expected to change; 8 or fewer are a broken hash. */
			changed = __builtin_popcountll(plain ^ flipped);
			assert_in_range(changed, 9, 55);
		}
	}
}

static void hash_of_a_number_depends_on_every_bit(void **state)
{
	const uint64_t numbers[] = { 0, 1, 0x1122334455667788ULL, UINT64_MAX };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		uint64_t plain = weir_hash_u64(numbers[i]);

		assert_true(plain == weir_hash_u64(numbers[i]));
		for (int bit = 0; bit < 64; bit++) {
			uint64_t flipped = weir_hash_u64(numbers[i] ^ 1ULL << bit);

			/* As above. */
			assert_true(__builtin_popcountll(plain ^ flipped) > 8);
		}
	}
}

static void hash_spreads_counting_keys(void **state)
{
	enum {
		BUCKETS = 4096,
		KEYS = 16 * BUCKETS
	};
	unsigned int low[BUCKETS] = { 0 }, high[BUCKETS] = { 0 };
	double low_chi = 0, high_chi = 0;

	/* Ports and addresses that count up are the usual keys. */
	for (uint64_t i = 0; i < KEYS; i++) {
		uint64_t key[5] = { 0, 0, i << 16, 0, i * 65536 };
		uint64_t hash = weir_hash_bytes(key, sizeof(key));

		low[hash % BUCKETS]++;
		high[hash >> 52]++;
	}
	for (size_t i = 0; i < BUCKETS; i++) {
		low_chi += ((double)low[i] - 16) * ((double)low[i] - 16) / 16;
		high_chi += ((double)high[i] - 16) * ((double)high[i] - 16) / 16;
	}
	/* Chi squared with 4095 degrees of freedom: mean 4095, deviation 90; seven deviations. */
	assert_true(low_chi > 3460 && low_chi < 4730);
	assert_true(high_chi > 3460 && high_chi < 4730);
}

static uint64_t random_step(uint64_t *x)
{
	*x = *x * 6364136223846793005ULL + 1442695040888963407ULL;
	return *x >> 33;
}

/* Against a plain array: a random walk of adds and removes in a table that is nearly full, so that
 * long runs are shifted back, also over the end of the table. */
static void random_walk_agrees_with_array(void **state)
{
	enum {
		KEYS = 500,
		STEPS = 400000
	};
	_cleanup_(weir_map_done) struct weir_map map = { 0 };
	struct item items[KEYS];
	bool present[KEYS] = { false };
	uint64_t random = 42;
	size_t count = 0;

	for (size_t i = 0; i < KEYS; i++)
		items[i] = (struct item){ .key = i << 32 };
	for (size_t step = 0; step < STEPS; step++) {
		size_t i = random_step(&random) % KEYS;
		struct item *item = &items[i];

		assert_ptr_equal(weir_map_lookup(&map, &item->key, sizeof(item->key)),
				 present[i] ? item : NULL);
		if (random_step(&random) % 4 == 0) {
			assert_ptr_equal(weir_map_remove(&map, &item->key, sizeof(item->key)),
					 present[i] ? item : NULL);
			count -= present[i];
			present[i] = false;
		} else {
			assert_int_equal(weir_map_add(&map, &item->key, sizeof(item->key), item),
					 present[i] ? -EEXIST : 0);
			count += !present[i];
			present[i] = true;
		}
		assert_int_equal(map.count, count);
	}
	for (size_t i = 0; i < KEYS; i++) {
		assert_ptr_equal(weir_map_lookup(&map, &items[i].key, sizeof(items[i].key)),
				 present[i] ? &items[i] : NULL);
	}
	assert_true(map.capacity <= 1024);
}

static void next_visits_each_entry_once(void **state)
{
	enum {
		ITEMS = 20000
	};
	_cleanup_(weir_map_done) struct weir_map map = { 0 };
	_cleanup_free_ struct item *items = calloc(ITEMS, sizeof(*items));
	size_t cursor = 0, visited = 0;
	void *value;

	assert_non_null(items);
	for (size_t i = 0; i < ITEMS; i++) {
		items[i].key = i;
		assert_int_equal(weir_map_add(&map, &items[i].key, sizeof(items[i].key), &items[i]),
				 0);
	}
	while (weir_map_next(&map, &cursor, &value)) {
		((struct item *)value)->seen++;
		visited++;
	}
	assert_int_equal(visited, ITEMS);
	for (size_t i = 0; i < ITEMS; i++)
		assert_int_equal(items[i].seen, 1);
	assert_true(map.count * 4 <= map.capacity * 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_map_has_nothing),
		cmocka_unit_test(add_twice_refuses_and_keeps_first),
		cmocka_unit_test(add_refuses_what_it_cannot_hold),
		cmocka_unit_test(keys_differ_by_length_and_by_bytes),
		cmocka_unit_test(hash_depends_on_every_bit),
		cmocka_unit_test(hash_of_a_number_depends_on_every_bit),
		cmocka_unit_test(hash_spreads_counting_keys),
		cmocka_unit_test(random_walk_agrees_with_array),
		cmocka_unit_test(next_visits_each_entry_once),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
