/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/nat.h"

#include "tests/unit/flow/fixture.h"

#define T WEIRT_T0
#define SEC WEIR_NS_PER_SEC

/* 10.0.0.@client asks 10.96.0.10:80, gets 10.0.0.@backend:8080, as @port. */
static struct weir_conntrack_entry entry(uint8_t client, uint16_t port, uint8_t backend)
{
	return (struct weir_conntrack_entry){
		.original = { weirt_addr(10, 0, 0, client), weirt_addr(10, 96, 0, 10), port, 80 },
		.reply = { weirt_addr(10, 0, 0, backend), weirt_addr(192, 0, 2, 1), 8080, port },
		.id = (uint32_t)client << 16 | backend,
		.netns = 601,
		.protocol = IPPROTO_UDP,
	};
}

static struct weir_nat *new_nat(size_t max)
{
	const struct weir_nat_opts opts = { .max = max };
	struct weir_nat *nat;

	assert_int_equal(weir_nat_new(&opts, &nat), 0);
	return nat;
}

static struct weir_nat_stats stats(const struct weir_nat *nat)
{
	struct weir_nat_stats stats;

	weir_nat_get_stats(nat, &stats);
	return stats;
}

/* What the client's packets arrive at; 0: not known. */
static uint8_t backend_of(const struct weir_nat *nat, uint8_t client, uint16_t port,
			  uint64_t opened_ns, uint64_t last_ns)
{
	struct weir_conntrack_entry like = entry(client, port, 0);
	struct weir_nat_question question = {
		.tuple = like.original, .opened_ns = opened_ns, .last_ns = last_ns,
		.protocol = IPPROTO_UDP,
	};
	struct weir_conntrack_tuple arrived;

	if (!weir_nat_arrived(nat, &question, &arrived))
		return 0;
	assert_int_equal(arrived.destination_port, 8080);
	assert_int_equal(arrived.source_port, port);
	assert_int_equal(arrived.source.bytes[12], 192);
	return arrived.destination.bytes[15];
}

static uint8_t client_of(const struct weir_nat *nat, uint16_t port, uint8_t backend, uint64_t at_ns)
{
	struct weir_nat_question question = {
		.tuple = { weirt_addr(192, 0, 2, 1), weirt_addr(10, 0, 0, backend), port, 8080 },
		.opened_ns = at_ns, .last_ns = at_ns, .protocol = IPPROTO_UDP,
	};
	struct weir_conntrack_tuple sent;

	if (!weir_nat_sent(nat, &question, &sent))
		return 0;
	assert_int_equal(sent.destination.bytes[13], 96);
	assert_int_equal(sent.destination_port, 80);
	assert_int_equal(sent.source_port, port);
	return sent.source.bytes[15];
}

static void entry_is_found_by_either_view(void **state)
{
	struct weir_nat *nat = new_nat(0);
	struct weir_conntrack_entry one = entry(1, 4000, 2);

	assert_true(weir_nat_is_empty(nat));
	weir_nat_add(nat, &one, T, T);
	assert_false(weir_nat_is_empty(nat));
	assert_int_equal(backend_of(nat, 1, 4000, T, T), 2);
	assert_int_equal(client_of(nat, 4000, 2, T), 1);
	assert_int_equal(backend_of(nat, 1, 4001, T, T), 0);
	assert_int_equal(backend_of(nat, 2, 4000, T, T), 0);
	assert_int_equal(client_of(nat, 4000, 3, T), 0);
	weir_nat_free(&nat);
}

static void question_before_the_entry_has_no_answer(void **state)
{
	struct weir_nat *nat = new_nat(0);
	struct weir_conntrack_entry one = entry(1, 4000, 2);

	weir_nat_add(nat, &one, T + 10, T + 20);
	assert_int_equal(backend_of(nat, 1, 4000, T, T + 9), 0);
	/* It may have been made when it was not known yet. */
	assert_int_equal(backend_of(nat, 1, 4000, T, T + 10), 2);
	weir_nat_free(&nat);
}

static void entry_that_went_is_found_for_a_while(void **state)
{
	struct weir_nat *nat = new_nat(0);
	struct weir_conntrack_entry one = entry(1, 4000, 2);

	weir_nat_add(nat, &one, T, T);
	weir_nat_remove(nat, &one, T + SEC);
	assert_int_equal(stats(nat).gone, 1);
	assert_int_equal(backend_of(nat, 1, 4000, T, T + 5 * SEC), 2);
	/* What began later it has nothing to do with. */
	assert_int_equal(backend_of(nat, 1, 4000, T + SEC + 1, T + 5 * SEC), 0);
	weir_nat_expire(nat, T + 21 * SEC - 1);
	assert_int_equal(stats(nat).gone, 1);
	weir_nat_expire(nat, T + 21 * SEC);
	assert_true(weir_nat_is_empty(nat));
	assert_int_equal(backend_of(nat, 1, 4000, T, T), 0);
	weir_nat_free(&nat);
}

static void port_used_again_has_an_entry_for_each_time(void **state)
{
	struct weir_nat *nat = new_nat(0);
	struct weir_conntrack_entry one = entry(1, 4000, 2), two = entry(1, 4000, 3);

	weir_nat_add(nat, &one, T, T);
	weir_nat_add(nat, &two, T + 10, T + 10);
	assert_int_equal(backend_of(nat, 1, 4000, T, T + 5), 2);
	assert_int_equal(backend_of(nat, 1, 4000, T + 11, T + 20), 3);
	assert_int_equal(stats(nat).live, 1);
	/* From before the change until after it: the last is nearer. */
	assert_int_equal(backend_of(nat, 1, 4000, T, T + 20), 3);
	/* At the change, either may be meant. */
	assert_int_equal(backend_of(nat, 1, 4000, T, T + 10), 0);
	weir_nat_free(&nat);
}

static void port_used_often_keeps_only_the_latest_old_entry(void **state)
{
	struct weir_nat *nat = new_nat(0);

	for (uint8_t i = 2; i < 200; i++) {
		struct weir_conntrack_entry one = entry(1, 4000, i);

		weir_nat_add(nat, &one, T + i, T + i);
		assert_int_equal(backend_of(nat, 1, 4000, T + i + 1, T + i + 1), i);
	}
	assert_int_equal(stats(nat).live, 1);
	assert_int_equal(stats(nat).gone, 1);
	weir_nat_free(&nat);
}

/* The same in two namespaces: equal answers are one, different ones none. */
static void two_namespaces_answer_only_when_they_agree(void **state)
{
	struct weir_nat *nat = new_nat(0);
	struct weir_conntrack_entry one = entry(1, 4000, 2), two = entry(1, 4000, 2);

	weir_nat_add(nat, &one, T, T);
	two.netns = 602;
	weir_nat_add(nat, &two, T, T);
	assert_int_equal(stats(nat).live, 2);
	assert_int_equal(backend_of(nat, 1, 4000, T, T), 2);
	weir_nat_remove(nat, &two, T);
	two.reply.source = weirt_addr(10, 0, 0, 3);
	weir_nat_add(nat, &two, T, T);
	assert_int_equal(backend_of(nat, 1, 4000, T, T), 0);
	assert_int_equal(client_of(nat, 4000, 3, T), 1);
	weir_nat_free(&nat);
}

static void loopback_counts_in_its_own_namespace_only(void **state)
{
	struct weir_nat *nat = new_nat(0);
	struct weir_conntrack_entry one = entry(1, 4000, 2);
	struct weir_nat_question question = { .last_ns = T, .protocol = IPPROTO_UDP };
	struct weir_conntrack_tuple arrived;

	one.original.source = weirt_addr(127, 0, 0, 1);
	weir_nat_add(nat, &one, T, T);
	question.tuple = one.original;
	question.netns = 602;
	assert_false(weir_nat_arrived(nat, &question, &arrived));
	question.netns = 601;
	assert_true(weir_nat_arrived(nat, &question, &arrived));
	weir_nat_free(&nat);
}

static void translations_in_a_row_are_followed_both_ways(void **state)
{
	struct weir_nat *nat = new_nat(0);
	struct weir_conntrack_entry one = entry(1, 4000, 2), two = { .protocol = IPPROTO_UDP };
	struct weir_nat_question question = { .last_ns = T, .protocol = IPPROTO_UDP };
	struct weir_conntrack_tuple tuple;

	/* Where the first one's packets arrive, they are translated again. */
	two.netns = 602;
	two.original = (struct weir_conntrack_tuple){ one.reply.destination, one.reply.source, 4000,
						      8080 };
	two.reply = (struct weir_conntrack_tuple){ weirt_addr(10, 1, 0, 9),
						   weirt_addr(192, 0, 2, 9), 9090, 999 };
	weir_nat_add(nat, &one, T, T);
	weir_nat_add(nat, &two, T, T);
	question.tuple = one.original;
	assert_true(weir_nat_arrived(nat, &question, &tuple));
	assert_int_equal(tuple.destination_port, 9090);
	assert_int_equal(tuple.source_port, 999);
	question.tuple = tuple;
	assert_true(weir_nat_sent(nat, &question, &tuple));
	assert_memory_equal(&tuple, &one.original, sizeof(tuple));
	weir_nat_free(&nat);
}

static void dump_finds_what_was_not_told_and_what_went_unheard(void **state)
{
	struct weir_nat *nat = new_nat(0);
	struct weir_conntrack_entry a = entry(1, 4000, 2), b = entry(1, 4001, 2);
	struct weir_conntrack_entry c = entry(1, 4002, 2), d = entry(1, 4003, 2);
	struct weir_conntrack_entry elsewhere = entry(1, 4004, 2);
	uint32_t dump;

	elsewhere.netns = 602;
	weir_nat_add(nat, &a, T, T);
	weir_nat_add(nat, &b, T, T);
	weir_nat_add(nat, &d, T, T);
	weir_nat_add(nat, &elsewhere, T, T);
	dump = weir_nat_dump_begin(nat);
	weir_nat_found(nat, &b, T + 1);
	weir_nat_found(nat, &c, T + 1);
	/* The event overtakes the dump: gone it is and stays. */
	weir_nat_remove(nat, &d, T + 1);
	weir_nat_found(nat, &d, T + 2);
	/* Made while the dump had passed its place. */
	weir_nat_add(nat, &a, T + 2, T + 2);
	assert_int_equal(stats(nat).found, 1);
	weir_nat_dump_end(nat, 601, dump, T + 3);
	assert_int_equal(stats(nat).live, 4);
	assert_int_equal(stats(nat).gone, 1);
	dump = weir_nat_dump_begin(nat);
	weir_nat_found(nat, &b, T + 4);
	weir_nat_dump_end(nat, 601, dump, T + 5);
	assert_int_equal(stats(nat).live, 2);
	assert_int_equal(stats(nat).gone, 3);
	assert_int_equal(stats(nat).found, 0);
	assert_int_equal(backend_of(nat, 1, 4001, T + 6, T + 6), 2);
	assert_int_equal(backend_of(nat, 1, 4002, T + 6, T + 6), 0);
	assert_int_equal(backend_of(nat, 1, 4002, 0, T + 4), 2);
	weir_nat_free(&nat);
}

static void full_table_forgets_what_went_before_what_lives(void **state)
{
	struct weir_nat *nat = new_nat(3);
	uint64_t bound = 0;

	for (uint16_t port = 1; port <= 3; port++) {
		struct weir_conntrack_entry one = entry(1, port, 2);

		weir_nat_add(nat, &one, T, T);
		if (port == 2)
			weir_nat_remove(nat, &one, T);
	}
	for (uint16_t port = 4; port <= 1000; port++) {
		struct weir_conntrack_entry one = entry(1, port, 2);

		weir_nat_add(nat, &one, T, T);
		assert_int_equal(backend_of(nat, 1, port, T, T), 2);
		if (port == 4) {
			assert_int_equal(stats(nat).evicted, 0);
			assert_int_equal(backend_of(nat, 1, 1, T, T), 2);
			assert_int_equal(backend_of(nat, 1, 2, T, T), 0);
			bound = stats(nat).memory_bytes;
		}
	}
	assert_int_equal(stats(nat).live, 3);
	assert_int_equal(stats(nat).evicted, 996);
	assert_true(stats(nat).memory_bytes == bound);
	assert_int_equal(client_of(nat, 999, 2, T), 1);
	weir_nat_free(&nat);
}

static void finished_tcp_entry_goes_early(void **state)
{
	struct weir_nat *nat = new_nat(0);
	struct weir_conntrack_entry one = entry(1, 4000, 2);
	struct weir_nat_question question = {
		.tuple = one.original, .opened_ns = T, .last_ns = T, .protocol = IPPROTO_TCP
	};

	one.protocol = IPPROTO_TCP;
	weir_nat_add(nat, &one, T, T);
	weir_nat_finish(nat, &question, T + 1);
	assert_int_equal(stats(nat).gone, 1);
	weir_nat_expire(nat, T + 1 + 5 * SEC);
	assert_true(weir_nat_is_empty(nat));
	weir_nat_free(&nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entry_is_found_by_either_view),
		cmocka_unit_test(question_before_the_entry_has_no_answer),
		cmocka_unit_test(entry_that_went_is_found_for_a_while),
		cmocka_unit_test(port_used_again_has_an_entry_for_each_time),
		cmocka_unit_test(port_used_often_keeps_only_the_latest_old_entry),
		cmocka_unit_test(two_namespaces_answer_only_when_they_agree),
		cmocka_unit_test(loopback_counts_in_its_own_namespace_only),
		cmocka_unit_test(translations_in_a_row_are_followed_both_ways),
		cmocka_unit_test(dump_finds_what_was_not_told_and_what_went_unheard),
		cmocka_unit_test(full_table_forgets_what_went_before_what_lives),
		cmocka_unit_test(finished_tcp_entry_goes_early),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
