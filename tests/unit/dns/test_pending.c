/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/pending.h"
#include "tests/unit/dns/messages.h"

static struct weir_dns_message message;

static int setup(void **state)
{
	return weir_dns_pending_new((struct weir_dns_pending **)state);
}

static int teardown(void **state)
{
	weir_dns_pending_free((struct weir_dns_pending **)state);
	assert_null(*state);
	weir_dns_pending_free((struct weir_dns_pending **)state);
	return 0;
}

static const struct weir_dns_message *about(uint16_t id, const char *name, uint16_t type)
{
	message.id = id;
	message.has_question = true;
	message.qtype = type;
	memset(message.query, 0, sizeof(message.query));
	memcpy(message.query, name, strlen(name));
	return &message;
}

static struct weir_dns_pending_stats stats_of(struct weir_dns_pending *pending)
{
	struct weir_dns_pending_stats stats;

	weir_dns_pending_get_stats(pending, &stats);
	return stats;
}

static void answer_finds_its_question_once(void **state)
{
	const struct weir_dns_client client = { .cookie = 5 };
	uint64_t asked_ns = 0;

	weir_dns_pending_ask(*state, &client, about(1, "x.", 1), 100);
	assert_int_equal(stats_of(*state).waiting, 1);
	assert_true(weir_dns_pending_answer(*state, &client, about(1, "x.", 1), 200, &asked_ns));
	assert_int_equal(asked_ns, 100);
	assert_int_equal(stats_of(*state).waiting, 0);
	asked_ns = 7;
	assert_false(weir_dns_pending_answer(*state, &client, about(1, "x.", 1), 300, &asked_ns));
	assert_int_equal(asked_ns, 7);
	assert_int_equal(stats_of(*state).unanswered, 0);
}

static void answer_to_another_question_is_none(void **state)
{
	const struct weir_dns_client client = { .cookie = 5 }, other = { .cookie = 6 };
	uint64_t asked_ns;

	weir_dns_pending_ask(*state, &client, about(1, "x.", 1), 100);
	assert_false(weir_dns_pending_answer(*state, &other, about(1, "x.", 1), 1, &asked_ns));
	assert_false(weir_dns_pending_answer(*state, &client, about(2, "x.", 1), 1, &asked_ns));
	assert_false(weir_dns_pending_answer(*state, &client, about(1, "y.", 1), 1, &asked_ns));
	assert_false(weir_dns_pending_answer(*state, &client, about(1, "x.", 28), 1, &asked_ns));
	assert_true(weir_dns_pending_answer(*state, &client, about(1, "x.", 1), 1, &asked_ns));
}

/* Without a socket on this node it is the address that asks. */
static void client_without_a_socket_is_its_address_and_port(void **state)
{
	struct weir_dns_client client = { .addr = weirt_v4(1), .port = 4000, .protocol = 17 };
	struct weir_dns_client others[] = { client, client, client, client };
	uint64_t asked_ns;

	others[0].addr = weirt_v4(2);
	others[1].port = 4001;
	others[2].protocol = 6;
	others[3].netns = 1;
	weir_dns_pending_ask(*state, &client, about(1, "x.", 1), 100);
	for (size_t i = 0; i < 4; i++)
		assert_false(weir_dns_pending_answer(*state, &others[i], about(1, "x.", 1), 1,
						     &asked_ns));
	assert_true(weir_dns_pending_answer(*state, &client, about(1, "x.", 1), 1, &asked_ns));
}

static void question_asked_again_counts_from_the_first(void **state)
{
	const struct weir_dns_client client = { .cookie = 5 };
	uint64_t asked_ns;

	weir_dns_pending_ask(*state, &client, about(1, "x.", 1), 100);
	weir_dns_pending_ask(*state, &client, about(1, "x.", 1), 2 * WEIRT_SEC);
	assert_int_equal(stats_of(*state).waiting, 1);
	assert_true(weir_dns_pending_answer(*state, &client, about(1, "x.", 1), 3 * WEIRT_SEC,
					    &asked_ns));
	assert_int_equal(asked_ns, 100);
}

static void question_without_answer_is_forgotten_and_counted(void **state)
{
	const struct weir_dns_client client = { .cookie = 5 };
	uint64_t asked_ns;

	weir_dns_pending_ask(*state, &client, about(1, "x.", 1), 100);
	weir_dns_pending_ask(*state, &client, about(2, "x.", 1), 200);
	assert_true(weir_dns_pending_answer(*state, &client, about(2, "x.", 1), 300, &asked_ns));
	weir_dns_pending_expire(*state, 99 + WEIR_DNS_PENDING_NS);
	assert_int_equal(stats_of(*state).unanswered, 0);
	assert_false(weir_dns_pending_answer(*state, &client, about(1, "x.", 1),
					     100 + WEIR_DNS_PENDING_NS, &asked_ns));
	assert_int_equal(stats_of(*state).unanswered, 1);
	assert_int_equal(stats_of(*state).waiting, 0);
}

/* Twice round the ring, with one that is never answered in the way. */
static void oldest_makes_room_and_is_counted(void **state)
{
	const struct weir_dns_client client = { .cookie = 5 }, patient = { .cookie = 6 };
	uint64_t asked_ns, n = 40000;

	weir_dns_pending_ask(*state, &patient, about(1, "x.", 1), 1);
	for (uint64_t i = 0; i < n; i++) {
		weir_dns_pending_ask(*state, &client, about((uint16_t)i, "y.", 1), 100 + i);
		assert_true(weir_dns_pending_answer(*state, &client, about((uint16_t)i, "y.", 1),
						    100 + i, &asked_ns));
		assert_int_equal(asked_ns, 100 + i);
	}
	assert_int_equal(stats_of(*state).evicted, 1);
	assert_int_equal(stats_of(*state).waiting, 0);
	for (uint64_t i = 0; i < n; i++)
		weir_dns_pending_ask(*state, &client, about((uint16_t)i, "z.", 1), n + i);
	assert_int_equal(stats_of(*state).waiting, 16384);
	assert_int_equal(stats_of(*state).evicted, 1 + n - 16384);
	assert_false(weir_dns_pending_answer(*state, &client, about((uint16_t)(n - 16385), "z.", 1),
					     2 * n, &asked_ns));
	assert_true(weir_dns_pending_answer(*state, &client, about((uint16_t)(n - 16384), "z.", 1),
					    2 * n, &asked_ns));
	weir_dns_pending_expire(*state, 100 * WEIRT_SEC);
	assert_int_equal(stats_of(*state).unanswered, 16383);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(answer_finds_its_question_once),
		TEST(answer_to_another_question_is_none),
		TEST(client_without_a_socket_is_its_address_and_port),
		TEST(question_asked_again_counts_from_the_first),
		TEST(question_without_answer_is_forgotten_and_counted),
		TEST(oldest_makes_room_and_is_counted),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
