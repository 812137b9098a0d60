/* SPDX-License-Identifier: Apache-2.0 */
/* What was dropped of TCP connections that had begun: found by addresses and ports, or given up. */
#include "tests/unit/flow/fixture.h"

#define C WEIR_ROLE_CLIENT
#define S WEIR_ROLE_SERVER
#define OPEN WEIR_INPUT_OPEN
#define REASON 77
#define LOST_MAX 1024

/* Data on its way from the client of weirt_tcp(), 10.0.0.1:40000, to a server. */
static struct weir_drop_input data(const struct weirt_bench *bench, struct weir_addr server,
				   uint16_t port)
{
	return (struct weir_drop_input){
		.kind = WEIR_INPUT_OPEN,
		.protocol = IPPROTO_TCP,
		.source = weirt_addr(10, 0, 0, 1),
		.destination = server,
		.source_port = 40000,
		.destination_port = port,
		.reason = REASON,
		.packets = 3,
		.time_ns = bench->now,
	};
}

static struct weir_drop_input answer(const struct weirt_bench *bench)
{
	struct weir_drop_input in = data(bench, weirt_addr(10, 0, 0, 2), 80);
	struct weir_addr client = in.source;

	in.source = in.destination;
	in.source_port = in.destination_port;
	in.destination = client;
	in.destination_port = 40000;
	return in;
}

static void lose(struct weirt_bench *bench, struct weir_drop_input in)
{
	assert_int_equal(weir_correlate_drop(bench->corr, &in, bench->now), 0);
	weirt_stats(bench);
}

/* Past both passages, and what is held after them. */
static void settle(struct weirt_bench *bench)
{
	weirt_wait(bench, WEIRT_MS(600));
	weirt_wait(bench, WEIRT_MS(600));
	weirt_settle(bench);
}

static void open_client(struct weirt_bench *bench, struct weir_addr asked, uint16_t port)
{
	struct weir_flow_input in = weirt_tcp(C, OPEN, bench->now);

	in.asked = in.remote = asked;
	in.asked_port = in.remote_port = port;
	weirt_put(bench, &in);
}

static void found_in_both_directions_and_through_dnat(void **state)
{
	struct weir_addr service = weirt_addr(10, 96, 0, 1), pod = weirt_addr(10, 0, 0, 2);
	struct weir_flow_input server;
	struct weirt_bench bench;

	(void)state;
	weirt_bench_init(&bench, 0);
	server = weirt_tcp(S, OPEN, bench.now);
	open_client(&bench, service, 443);
	weirt_put(&bench, &server);
	weirt_wait(&bench, WEIRT_MS(21));
	lose(&bench, data(&bench, service, 443));
	lose(&bench, data(&bench, pod, 80));
	lose(&bench, answer(&bench));
	assert_int_equal(weirt_stats(&bench).pending, 3);
	settle(&bench);
	assert_string_equal(weirt_states(&bench), "OA");
	assert_int_equal(weirt_last(&bench)->drop.packets, 9);
	assert_int_equal(weirt_last(&bench)->drop.reason, REASON);
	assert_int_equal(weirt_last(&bench)->verdict, WEIR_VERDICT_FORWARDED);
	assert_int_equal(weirt_stats(&bench).unmatched, 0);
	weirt_bench_done(&bench);
}

/* The same client's port, but another server; and nobody's at all. */
static void not_of_another_connection(void **state)
{
	struct weir_addr other = weirt_addr(10, 0, 0, 3), pod = weirt_addr(10, 0, 0, 2);
	struct weirt_bench bench;

	(void)state;
	weirt_bench_init(&bench, 0);
	open_client(&bench, pod, 80);
	lose(&bench, data(&bench, other, 80));
	lose(&bench, data(&bench, pod, 81));
	settle(&bench);
	assert_string_equal(weirt_states(&bench), "O");
	assert_int_equal(weirt_last(&bench)->drop.packets, 0);
	assert_int_equal(weirt_stats(&bench).unmatched, 2);
	weirt_bench_done(&bench);
}

/* Its opening may come later than what was dropped of it, by one passage. */
static void waits_for_a_connection_that_is_late(void **state)
{
	struct weir_addr pod = weirt_addr(10, 0, 0, 2);
	struct weirt_bench bench;

	(void)state;
	weirt_bench_init(&bench, 0);
	lose(&bench, data(&bench, pod, 80));
	weirt_wait(&bench, WEIRT_MS(600));
	assert_int_equal(weirt_stats(&bench).pending, 1);
	open_client(&bench, pod, 80);
	settle(&bench);
	assert_int_equal(weirt_last(&bench)->drop.packets, 3);
	assert_int_equal(weirt_stats(&bench).unmatched, 0);
	weirt_bench_done(&bench);
}

static void flood_is_bounded_and_counted(void **state)
{
	struct weirt_bench bench;

	(void)state;
	weirt_bench_init(&bench, 0);
	for (int i = 0; i < 3 * LOST_MAX; i++)
		lose(&bench, data(&bench, weirt_addr(10, 9, (uint8_t)(i >> 8), (uint8_t)i), 80));
	assert_int_equal(weirt_stats(&bench).pending, LOST_MAX);
	assert_int_equal(weirt_stats(&bench).unmatched, 2 * LOST_MAX);
	weir_correlate_flush(bench.corr, bench.now);
	assert_int_equal(weirt_stats(&bench).pending, 0);
	assert_int_equal(weirt_stats(&bench).unmatched, 3 * LOST_MAX);
	weirt_bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found_in_both_directions_and_through_dnat),
		cmocka_unit_test(not_of_another_connection),
		cmocka_unit_test(waits_for_a_connection_that_is_late),
		cmocka_unit_test(flood_is_bounded_and_counted),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
