/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "dns/names.h"
#include "tests/unit/dns/messages.h"

#define GRACE WEIR_DNS_NAMES_GRACE_NS
#define KEEP WEIR_DNS_NAMES_KEEP_NS

static struct weir_dns_message message;

static int setup(void **state)
{
	return weir_dns_names_new((struct weir_dns_names **)state);
}

static int teardown(void **state)
{
	weir_dns_names_free((struct weir_dns_names **)state);
	assert_null(*state);
	weir_dns_names_free((struct weir_dns_names **)state);
	return 0;
}

static void learn(void **state, uint64_t client, const char *name, uint32_t ttl, uint8_t last,
		  uint64_t now_ns)
{
	weirt_answer(&message, name, ttl, last);
	assert_int_equal(weir_dns_names_learn(*state, client, &message, now_ns), 0);
}

/* What is told, with commas. */
static const char *look_up_now(void **state, uint64_t client, uint8_t last, uint64_t when_ns,
			       uint64_t now_ns)
{
	const char *told[WEIR_DNS_NAMES_TOLD_MAX];
	const struct weir_addr addr = weirt_v4(last);
	static char text[4096];
	size_t n = weir_dns_names_lookup(*state, client, &addr, when_ns, now_ns, told), at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i ? "," : "", told[i]);
	return text;
}

static const char *look_up(void **state, uint64_t client, uint8_t last, uint64_t when_ns)
{
	return look_up_now(state, client, last, when_ns, when_ns);
}

static struct weir_dns_names_stats stats_of(void **state)
{
	struct weir_dns_names_stats stats;

	weir_dns_names_get_stats(*state, &stats);
	return stats;
}

static void name_is_its_clients_alone(void **state)
{
	learn(state, 1, "one.example", 60, 9, 100);
	learn(state, 2, "two.example", 60, 9, 100);
	assert_string_equal(look_up(state, 1, 9, 200), "one.example");
	assert_string_equal(look_up(state, 2, 9, 200), "two.example");
	assert_string_equal(look_up(state, 3, 9, 200), "");
	assert_string_equal(look_up(state, 1, 8, 200), "");
	assert_int_equal(stats_of(state).pairs, 2);
}

static void name_holds_from_the_answer_to_the_end_of_its_ttl(void **state)
{
	const uint64_t end = 100 + 60 * WEIRT_SEC + GRACE;

	learn(state, 1, "x", 60, 9, 100);
	assert_string_equal(look_up(state, 1, 9, 99), "");
	assert_string_equal(look_up(state, 1, 9, 100), "x");
	assert_string_equal(look_up(state, 1, 9, end), "x");
	assert_string_equal(look_up(state, 1, 9, end + 1), "");
	/* RFC 2181 section 8 */
	learn(state, 1, "y", 0x80000000, 8, 100);
	assert_string_equal(look_up(state, 1, 8, 100 + GRACE), "y");
	assert_string_equal(look_up(state, 1, 8, 101 + GRACE), "");
}

static void name_asked_again_in_time_goes_on(void **state)
{
	learn(state, 1, "x", 10, 9, 100);
	learn(state, 1, "x", 10, 9, 10 * WEIRT_SEC);
	assert_string_equal(look_up(state, 1, 9, 100), "x");
	assert_string_equal(look_up(state, 1, 9, 20 * WEIRT_SEC), "x");
	/* After a pause it is another time, and nothing is known of the pause. */
	learn(state, 1, "x", 10, 9, 100 * WEIRT_SEC);
	assert_string_equal(look_up(state, 1, 9, 100), "x");
	assert_string_equal(look_up(state, 1, 9, 50 * WEIRT_SEC), "");
	assert_string_equal(look_up(state, 1, 9, 100 * WEIRT_SEC), "x");
	/* A shorter TTL does not take back what was promised. */
	learn(state, 1, "x", 0, 9, 101 * WEIRT_SEC);
	assert_string_equal(look_up(state, 1, 9, 110 * WEIRT_SEC), "x");
}

static void names_of_one_address_latest_first_three_at_most(void **state)
{
	learn(state, 1, "a", 60, 9, 100);
	learn(state, 1, "b", 60, 9, 200);
	learn(state, 1, "c", 60, 9, 300);
	assert_string_equal(look_up(state, 1, 9, 1000), "c,b,a");
	learn(state, 1, "a", 60, 9, 400);
	assert_string_equal(look_up(state, 1, 9, 1000), "a,c,b");
	learn(state, 1, "d", 60, 9, 500);
	assert_string_equal(look_up(state, 1, 9, 1000), "d,a,c");
	/* Of four, the one that ends first makes room. */
	learn(state, 1, "e", 600, 9, 600);
	assert_string_equal(look_up(state, 1, 9, 1000), "e,d,a");
	assert_string_equal(look_up(state, 1, 9, 250), "a");
	assert_string_equal(look_up(state, 1, 9, 350), "a,c");
}

static void answer_teaches_its_own_addresses_only(void **state)
{
	struct weirt_wire wire;

	weirt_header(&wire, 7, WEIRT_QR, 1, 4);
	weirt_question(&wire, "alias.example", 1);
	weirt_cname(&wire, "alias.example", 30, "real.example");
	weirt_a(&wire, "real.example", 60, 1);
	weirt_a(&wire, "real.example", 60, 2);
	weirt_a(&wire, "bank.example", 60, 3);
	assert_int_equal(weirt_parse(&message, &wire), 0);
	assert_int_equal(weir_dns_names_learn(*state, 1, &message, 100), 0);
	assert_string_equal(look_up(state, 1, 1, 100), "alias.example");
	assert_string_equal(look_up(state, 1, 2, 100), "alias.example");
	assert_string_equal(look_up(state, 1, 3, 100), "");
	assert_string_equal(look_up(state, 1, 1, 100 + 31 * WEIRT_SEC + GRACE), "");
	/* one text for both */
	assert_true(stats_of(state).bytes < 2 * sizeof("alias.example") + 32);
	message.rcode = 3;
	assert_int_equal(weir_dns_names_learn(*state, 2, &message, 100), 0);
	assert_string_equal(look_up(state, 2, 1, 100), "");
}

static void expired_name_is_kept_for_those_that_had_it(void **state)
{
	const uint64_t end = 100 + 10 * WEIRT_SEC + GRACE;

	learn(state, 1, "x", 10, 9, 100);
	weir_dns_names_expire(*state, end + KEEP);
	/* A connection of then asks now and then, and so keeps it. */
	assert_string_equal(look_up_now(state, 1, 9, 200, end + KEEP), "x");
	assert_false(weir_dns_names_is_empty(*state));
	weir_dns_names_expire(*state, end + 2 * KEEP);
	assert_string_equal(look_up_now(state, 1, 9, 200, end + 2 * KEEP), "x");
	weir_dns_names_expire(*state, end + 3 * KEEP + 1);
	assert_string_equal(look_up_now(state, 1, 9, 200, end + 3 * KEEP + 1), "");
	assert_true(weir_dns_names_is_empty(*state));
	assert_int_equal(stats_of(state).pairs, 0);
	assert_int_equal(stats_of(state).bytes, 0);
	assert_int_equal(stats_of(state).evicted, 0);
}

static void full_table_lets_the_least_used_go(void **state)
{
	for (uint64_t client = 1; client <= 16384; client++)
		learn(state, client, "x", 60, 9, 100);
	assert_int_equal(stats_of(state).pairs, 16384);
	assert_string_equal(look_up(state, 1, 9, 200), "x");
	learn(state, 20000, "x", 60, 9, 100);
	assert_int_equal(stats_of(state).pairs, 16384);
	assert_int_equal(stats_of(state).evicted, 1);
	assert_string_equal(look_up(state, 1, 9, 200), "x");
	assert_string_equal(look_up(state, 2, 9, 200), "");
	assert_string_equal(look_up(state, 20000, 9, 200), "x");
}

/* Whoever runs the server chooses how long its names are. */
static void long_names_do_not_take_more_than_their_memory(void **state)
{
	struct weirt_wire wire;
	char name[254];

	memset(name, 1, sizeof(name) - 1);
	name[63] = name[127] = name[191] = '.';
	name[253] = '\0';
	for (uint64_t client = 1; client <= 10000; client++) {
		weirt_header(&wire, 7, WEIRT_QR, 1, 1);
		weirt_question(&wire, name, 1);
		weirt_a(&wire, name, 60, 9);
		assert_int_equal(weirt_parse(&message, &wire), 0);
		assert_int_equal(weir_dns_names_learn(*state, client, &message, 100), 0);
		assert_true(stats_of(state).bytes <= 4 << 20);
	}
	assert_true(stats_of(state).evicted > 0);
	assert_int_not_equal(strlen(look_up(state, 10000, 9, 100)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(name_is_its_clients_alone),
		TEST(name_holds_from_the_answer_to_the_end_of_its_ttl),
		TEST(name_asked_again_in_time_goes_on),
		TEST(names_of_one_address_latest_first_three_at_most),
		TEST(answer_teaches_its_own_addresses_only),
		TEST(expired_name_is_kept_for_those_that_had_it),
		TEST(full_table_lets_the_least_used_go),
		TEST(long_names_do_not_take_more_than_their_memory),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
