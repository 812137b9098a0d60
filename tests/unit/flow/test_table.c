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
};

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

	assert_int_equal(weir_table_init(&table, 4, 10, 10), -EINVAL);
	assert_int_equal(weir_table_init(&table, 16, 0, 10), -EINVAL);
	assert_int_equal(weir_table_init(&table, 16, 10, 0), -EINVAL);
	assert_int_equal(weir_table_init(&table, 16, ((size_t)1 << 30) + 1, 10), -EINVAL);
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

	assert_int_equal(weir_table_init(&table, sizeof(struct thing), COUNT, 1000), 0);
	assert_int_equal(table.bucket_mask, 1023);
	for (uint32_t i = 1; i <= COUNT; i++) {
		assert_int_equal(weir_table_add(&table, i * 7, &index), 0);
		((struct thing *)weir_table_at(&table, index))->value = i;
	}
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

	assert_int_equal(weir_table_init(&table, sizeof(struct thing), 8, 8), 0);
	assert_int_equal(weir_table_add(&table, 1, &index), 0);
	((struct thing *)weir_table_at(&table, index))->value = 9;
	weir_table_move(&table, 1, 2, index);
	assert_int_equal(chain_find(&table, 1, 9), 0);
	assert_int_equal(chain_find(&table, 2, 9), index);
	weir_table_done(&table);
}

static void list_unlink_at_head_middle_and_tail_keeps_order(void **state)
{
	static const int orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 0, 2 }, { 1, 2, 0 } };
	struct weir_table table;

	assert_int_equal(weir_table_init(&table, sizeof(struct thing), 8, 8), 0);
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
		cmocka_unit_test(list_unlink_at_head_middle_and_tail_keeps_order),
		cmocka_unit_test(facts_equal_values_share_one_item_until_the_last_put),
		cmocka_unit_test(tombstones_full_gives_up_the_oldest_and_counts_it),
		cmocka_unit_test(ticks_hold_is_met_across_the_wrap),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
