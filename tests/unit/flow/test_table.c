/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "flow/facts.h"
#include "flow/table.h"
#include "flow/ticks.h"
#include "flow/tombstone.h"
#include "tests/unit/flow/fixture.h"

struct thing {
	struct weir_table_link link;
	uint32_t value;
	uint64_t hash;
};

static uint64_t hash_of(const void *ctx, const void *item)
{
	assert_ptr_equal(ctx, hash_of);
	return ((const struct thing *)item)->hash;
}

static int table_init(struct weir_table *table, size_t item_size, size_t max, size_t buckets)
{
	return weir_table_init(table, item_size, max, buckets, hash_of, hash_of);
}

static uint32_t put(struct weir_table *table, uint64_t hash, uint32_t value)
{
	struct thing *thing;
	uint32_t index = 0;

	assert_int_equal(weir_table_add(table, hash, &index), 0);
	thing = weir_table_at(table, index);
	assert_int_equal(thing->value, 0);
	assert_true(thing->hash == 0);
	thing->value = value;
	thing->hash = hash;
	return index;
}

static uint32_t chain_find(struct weir_table *table, uint64_t hash, uint32_t value)
{
	uint32_t index = weir_table_first(table, hash);

	while (index && ((struct thing *)weir_table_at(table, index))->value != value)
		index = ((struct thing *)weir_table_at(table, index))->link.chain;
	return index;
}

static void table_bad_numbers_are_refused(void **state)
{
	struct weir_table table = { 0 };

	assert_int_equal(table_init(&table, 4, 10, 10), -EINVAL);
	assert_int_equal(table_init(&table, 16, 0, 10), -EINVAL);
	assert_int_equal(table_init(&table, 16, 10, 0), -EINVAL);
	assert_int_equal(table_init(&table, 16, ((size_t)1 << 30) + 1, 10), -EINVAL);
	assert_int_equal(table_init(&table, 4097, 10, 10), -EINVAL);
	assert_null(table.items);
	assert_null(table.buckets);
	weir_table_done(&table);
}

static void table_items_of_one_chain_are_found_removed_and_reused(void **state)
{
	enum {
		COUNT = 40000
	};
	struct weir_table table;
	uint32_t index;

	assert_int_equal(table_init(&table, sizeof(struct thing), COUNT, 1000), 0);
	for (uint32_t i = 1; i <= COUNT; i++)
		put(&table, i * 7, i);
	assert_int_equal(table.bucket_count, 1024);
	assert_int_equal(weir_table_add(&table, 1, &index), -ENOSPC);
	assert_int_equal(table.count, COUNT);
	for (uint32_t i = 1; i <= COUNT; i += 2)
		weir_table_remove(&table, i * 7, chain_find(&table, i * 7, i));
	for (uint32_t i = 1; i <= COUNT; i++)
		assert_int_equal(!!chain_find(&table, i * 7, i), i % 2 == 0);
	assert_int_equal(weir_table_add(&table, 5, &index), 0);
	assert_true(index <= COUNT);
	assert_int_equal(((struct thing *)weir_table_at(&table, index))->value, 0);
	assert_int_equal(table.high, COUNT);
	weir_table_done(&table);
}

static void table_moved_item_is_in_its_new_chain_only(void **state)
{
	struct weir_table table;
	uint32_t index;

	assert_int_equal(table_init(&table, sizeof(struct thing), 8, 8), 0);
	index = put(&table, 1, 9);
	weir_table_move(&table, 1, 2, index);
	assert_int_equal(chain_find(&table, 1, 9), 0);
	assert_int_equal(chain_find(&table, 2, 9), index);
	weir_table_done(&table);
}

/* --- the index ------------------------------------------------------------------------------ */

/* As spread as the hashes of the real tables. */
static uint64_t spread(uint32_t n)
{
	return (n + 1) * 0x9e3779b97f4a7c15ULL >> 20;
}

static void check_each_is_found(struct weir_table *table, uint32_t first, uint32_t end)
{
	for (uint32_t n = first; n < end; n++) {
		uint32_t index = chain_find(table, spread(n), n);

		assert_true(index &&
			    ((struct thing *)weir_table_at(table, index))->hash == spread(n));
	}
}

/* Each item is in one chain and once: an end that is not cut off would do no harm for long. */
static void check_chains(const struct weir_table *table)
{
	uint32_t in_chains = 0;

	for (uint32_t at = 0; at < table->bucket_count; at++) {
		for (uint32_t index = table->buckets[at]; index;) {
			const struct thing *thing = weir_table_at(table, index);

			assert_ptr_equal(weir_table_bucket(table, thing->hash),
					 &table->buckets[at]);
			in_chains++;
			index = thing->link.chain;
		}
	}
	assert_int_equal(in_chains, table->count);
}

static void index_follows_the_number_of_items_up_and_down(void **state)
{
	enum {
		PEAK = 3000,
		LEFT = 3
	};
	struct weir_table table;
	size_t memory;

	assert_int_equal(table_init(&table, sizeof(struct thing), PEAK, PEAK * 4), 0);
	memory = weir_table_memory(&table);
	assert_int_equal(table.bucket_count, 256);
	for (uint32_t n = 0; n < PEAK; n++) {
		put(&table, spread(n), n);
		assert_true(table.bucket_count >= 4 * (n + 1));
		assert_true(table.bucket_count <= 4 * (n + 1) + 256);
		assert_true(table.bucket_mask >= table.bucket_count - 1 &&
			    table.bucket_mask / 2 < table.bucket_count - 1);
		if (n < 500 || n % 100 == 0) {
			check_each_is_found(&table, 0, n + 1);
			check_chains(&table);
		}
	}
	check_each_is_found(&table, 0, PEAK);
	for (uint32_t n = 0; n < PEAK - LEFT; n++) {
		weir_table_remove(&table, spread(n), chain_find(&table, spread(n), n));
		assert_int_equal(chain_find(&table, spread(n), n), 0);
		if (n % 100 == 0) {
			check_each_is_found(&table, n + 1, PEAK);
			check_chains(&table);
		}
	}
	/* The rest of the way down is taken while items come and go. */
	for (uint32_t n = PEAK; table.bucket_count > 256; n++) {
		assert_true(n < 5 * PEAK);
		put(&table, spread(n), n);
		weir_table_remove(&table, spread(n), chain_find(&table, spread(n), n));
		check_each_is_found(&table, PEAK - LEFT, PEAK);
	}
	assert_int_equal(table.bucket_mask, 255);
	for (uint32_t n = PEAK - LEFT; n < PEAK; n++)
		weir_table_remove(&table, spread(n), chain_find(&table, spread(n), n));
	assert_int_equal(table.bucket_count, 256);
	for (uint32_t at = 0; at < table.bucket_max; at++)
		assert_int_equal(table.buckets[at], 0);
	/* Items that went made room for others. */
	assert_true(weir_table_memory(&table) - memory == PEAK * sizeof(struct thing));
	weir_table_done(&table);
}

static void index_keeps_items_of_equal_hash_newest_first(void **state)
{
	enum {
		OTHERS = 1000,
		EQUALS = 5
	};
	const uint64_t hash = spread(12345);
	struct weir_table table;
	uint32_t index;

	assert_int_equal(table_init(&table, sizeof(struct thing), 2000, 8192), 0);
	for (uint32_t n = 0; n < OTHERS; n++) {
		put(&table, spread(n), n);
		if (n % (OTHERS / EQUALS) == 0)
			put(&table, hash, OTHERS + n);
	}
	for (uint32_t n = OTHERS; n--;) {
		uint32_t last = UINT32_MAX, found = 0;

		for (index = weir_table_first(&table, hash); index;) {
			const struct thing *thing = weir_table_at(&table, index);

			if (thing->hash == hash) {
				assert_true(thing->value < last);
				last = thing->value;
				found++;
			}
			index = thing->link.chain;
		}
		assert_int_equal(found, EQUALS);
		weir_table_remove(&table, spread(n), chain_find(&table, spread(n), n));
	}
	assert_int_equal(table.count, EQUALS);
	weir_table_done(&table);
}

static void list_unlink_at_head_middle_and_tail_keeps_order(void **state)
{
	static const int orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 0, 2 }, { 1, 2, 0 } };
	struct weir_table table;

	assert_int_equal(table_init(&table, sizeof(struct thing), 8, 8), 0);
	for (size_t i = 0; i < 4; i++) {
		struct weir_table_list list = { 0 };
		uint32_t index[3];

		for (int n = 0; n < 3; n++) {
			assert_int_equal(weir_table_add(&table, 0, &index[n]), 0);
			weir_table_append(&table, &list, index[n]);
		}
		assert_int_equal(list.head, index[0]);
		assert_int_equal(list.tail, index[2]);
		weir_table_unlink(&table, &list, index[orders[i][0]]);
		assert_int_equal(list.count, 2);
		assert_int_equal(list.head, index[orders[i][0] == 0 ? 1 : 0]);
		assert_int_equal(list.tail, index[orders[i][0] == 2 ? 1 : 2]);
		weir_table_unlink(&table, &list, index[orders[i][1]]);
		assert_int_equal(list.head, index[orders[i][2]]);
		assert_int_equal(list.tail, index[orders[i][2]]);
		weir_table_unlink(&table, &list, index[orders[i][2]]);
		assert_int_equal(list.head | list.tail | list.count, 0);
		for (int n = 0; n < 3; n++)
			weir_table_remove(&table, 0, index[n]);
	}
	weir_table_done(&table);
}

static void facts_equal_values_share_one_item_until_the_last_put(void **state)
{
	struct weir_facts_table facts;
	struct weir_facts a = { .cgroup_id = 1, .comm = "a" }, b = { .cgroup_id = 2 };
	uint32_t first, second, other;

	assert_int_equal(weir_facts_init(&facts, 10), 0);
	assert_int_equal(weir_facts_get(&facts, &a, &first), 0);
	assert_int_equal(weir_facts_get(&facts, &a, &second), 0);
	assert_int_equal(weir_facts_get(&facts, &b, &other), 0);
	assert_int_equal(first, second);
	assert_int_not_equal(first, other);
	assert_int_equal(facts.table.count, 2);
	weir_facts_put(&facts, first);
	assert_string_equal(weir_facts_at(&facts, second)->comm, "a");
	weir_facts_put(&facts, second);
	assert_int_equal(facts.table.count, 1);
	weir_facts_put(&facts, 0);
	assert_int_equal(weir_facts_at(&facts, 0)->cgroup_id, 0);
	assert_int_equal(weir_facts_at(&facts, other)->cgroup_id, 2);
	weir_facts_done(&facts);
}

static void facts_many_are_found_again_after_some_went(void **state)
{
	enum {
		COUNT = 2000
	};
	struct weir_facts_table facts;
	uint32_t first[COUNT], again;

	assert_int_equal(weir_facts_init(&facts, COUNT), 0);
	for (uint32_t n = 0; n < COUNT; n++) {
		struct weir_facts value = { .pid = n + 1 };

		assert_int_equal(weir_facts_get(&facts, &value, &first[n]), 0);
	}
	for (uint32_t n = 0; n < COUNT; n += 2)
		weir_facts_put(&facts, first[n]);
	assert_int_equal(facts.table.count, COUNT / 2);
	for (uint32_t n = 0; n < COUNT; n++) {
		struct weir_facts value = { .pid = n + 1 };

		assert_int_equal(weir_facts_get(&facts, &value, &again), 0);
		if (n % 2)
			assert_int_equal(again, first[n]);
		assert_int_equal(weir_facts_at(&facts, again)->pid, n + 1);
	}
	assert_int_equal(facts.table.count, COUNT);
	weir_facts_done(&facts);
}

static void tombstones_full_gives_up_the_oldest_and_counts_it(void **state)
{
	struct weir_tombstones tombs;

	assert_int_equal(weir_tombstones_init(&tombs, 2, WEIR_NS_PER_SEC), 0);
	weir_tombstones_add(&tombs, 1, 10, WEIRT_T0);
	weir_tombstones_add(&tombs, 1, 11, WEIRT_T0);
	weir_tombstones_touch(&tombs, weir_tombstones_lookup(&tombs, 1, 10), WEIRT_T0);
	weir_tombstones_add(&tombs, 2, 10, WEIRT_T0 + WEIRT_MS(500));
	assert_int_equal(weir_tombstones_lookup(&tombs, 1, 11), 0);
	assert_true(weir_tombstones_lookup(&tombs, 1, 10));
	assert_int_equal(tombs.lost, 1);
	assert_true(weir_tombstones_expire(&tombs, WEIRT_T0 + WEIR_NS_PER_SEC) >
		    WEIRT_T0 + WEIR_NS_PER_SEC);
	assert_int_equal(weir_tombstones_lookup(&tombs, 1, 10), 0);
	assert_true(weir_tombstones_lookup(&tombs, 2, 10));
	assert_true(weir_tombstones_expire(&tombs, WEIRT_T0 + WEIRT_MS(1500)) == UINT64_MAX);
	weir_tombstones_done(&tombs);
}

static void ticks_hold_is_met_across_the_wrap(void **state)
{
	static const uint64_t starts[] = {
		0, 1023, WEIRT_T0, (1ULL << 42) - 1, (1ULL << 42) - 5000000, (7ULL << 42) + 77
	};
	uint32_t hold = weir_ticks_hold(WEIRT_MS(20));

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		uint32_t since = weir_ticks_at(starts[i]);
		uint64_t deadline = weir_ticks_deadline(since, hold, starts[i]);

		assert_true(weir_ticks_due(since, hold, starts[i] + WEIRT_MS(20)));
		assert_false(weir_ticks_due(since, hold, starts[i] + WEIRT_MS(20) - 2048));
		assert_true(deadline <= starts[i] + WEIRT_MS(20));
		assert_true(weir_ticks_due(since, hold, deadline));
		assert_false(weir_ticks_due(since, hold, deadline - 1));
	}
	assert_int_equal(weir_ticks_hold(UINT64_MAX), WEIR_TICKS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_bad_numbers_are_refused),
		cmocka_unit_test(table_items_of_one_chain_are_found_removed_and_reused),
		cmocka_unit_test(table_moved_item_is_in_its_new_chain_only),
		cmocka_unit_test(index_follows_the_number_of_items_up_and_down),
		cmocka_unit_test(index_keeps_items_of_equal_hash_newest_first),
		cmocka_unit_test(list_unlink_at_head_middle_and_tail_keeps_order),
		cmocka_unit_test(facts_equal_values_share_one_item_until_the_last_put),
		cmocka_unit_test(facts_many_are_found_again_after_some_went),
		cmocka_unit_test(tombstones_full_gives_up_the_oldest_and_counts_it),
		cmocka_unit_test(ticks_hold_is_met_across_the_wrap),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
