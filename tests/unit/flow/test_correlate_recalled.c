/* SPDX-License-Identifier: Apache-2.0 */
/* UDP exchanges with a Service, one after another from the same port. */
#include "tests/unit/flow/translated.h"

#define BACKENDS 2

/* The server's end of the first exchange lives on, so it does not begin anew. */
static void port_used_again_is_known_to_go_to_the_same_backend(void **state)
{
	static const struct {
		const char *name;
		uint64_t after_ms;
		uint8_t want;
	} cases[] = {
		{ "while the first is held", 10, 2 },
		{ "after it", 5000, 2 },
		{ "just within the time", 29990, 2 },
		{ "too late", 30010, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weirt_bench bench;
		struct weir_flow_input in;

		print_message("# %s\n", cases[i].name);
		init(&bench, 0);
		put_client(&bench, OPEN, 30, 0);
		put_server(&bench, 2, OPEN, 0, 30);
		put_client(&bench, CLOSE, 30, 40);
		weirt_wait(&bench, WEIRT_MS(cases[i].after_ms));
		for (int kind = OPEN; kind <= CLOSE; kind += CLOSE - OPEN) {
			in = client(&bench, 10, kind, 7, 8);
			in.opened_ns = bench.now;
			in.end.cookie = 171;
			weirt_put(&bench, &in);
		}
		weirt_settle(&bench);
		put_server(&bench, 2, UPDATE, 48, 37);
		put_server(&bench, 2, CLOSE, 48, 37);
		weirt_settle(&bench);
		assert_string_equal(weirt_states(&bench), "CC");
		check_flow(&bench.flows[0], 10, 2, 72);
		check_flow(&bench.flows[1], 10, cases[i].want, 0);
		assert_int_equal(bench.flows[1].source.cookie, 171);
		assert_int_equal(bench.flows[1].bytes_sent, 7);
		assert_int_equal(bench.flows[1].bytes_received, 8);
		assert_int_equal(bench.flows[1].verdict, WEIR_VERDICT_FORWARDED);
		assert_true(bench.flows[0].id != bench.flows[1].id);
		assert_int_equal(weirt_stats(&bench).live, 0);
		weirt_bench_done(&bench);
	}
}

static void port_used_again_believes_the_backend_that_answers(void **state)
{
	struct weirt_bench bench;
	struct weir_flow_input in;

	init(&bench, 0);
	put_client(&bench, OPEN, 30, 0);
	put_server(&bench, 2, OPEN, 0, 30);
	put_client(&bench, CLOSE, 30, 40);
	weirt_wait(&bench, WEIRT_MS(100));
	in = client(&bench, 10, OPEN, 7, 0);
	in.end.cookie = 171;
	weirt_put(&bench, &in);
	put_server(&bench, 3, OPEN, 0, 7);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "CO");
	check_flow(weirt_last(&bench), 10, 3, 73);
	weirt_bench_done(&bench);
}

static void servers_end_that_lives_on_takes_part_in_the_new_exchange(void **state)
{
	struct weirt_bench bench;
	struct weir_flow_input in;

	init(&bench, 0);
	put_client(&bench, OPEN, 30, 0);
	put_server(&bench, 2, OPEN, 0, 30);
	put_client(&bench, CLOSE, 30, 40);
	weirt_wait(&bench, WEIRT_MS(100));
	in = client(&bench, 10, OPEN, 7, 0);
	in.end.cookie = 171;
	weirt_put(&bench, &in);
	put_server(&bench, 2, UPDATE, 40, 37);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "CO");
	check_flow(weirt_last(&bench), 10, 2, 72);
	/* Its totals are of both exchanges. */
	assert_int_equal(weirt_last(&bench)->bytes_sent, 7);
	assert_int_equal(weirt_last(&bench)->verdict, WEIR_VERDICT_UNKNOWN);
	weirt_bench_done(&bench);
}

static void same_socket_after_idle_is_a_new_exchange(void **state)
{
	struct weirt_bench bench;

	init(&bench, 0);
	put_client(&bench, OPEN, 30, 0);
	put_server(&bench, 2, OPEN, 0, 30);
	put_client(&bench, CLOSE, 30, 0);
	bench.now += WEIRT_MS(5);
	put_client(&bench, OPEN, 7, 0);
	assert_string_equal(weirt_states(&bench), "C");
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "CO");
	check_flow(weirt_last(&bench), 10, 2, 0);
	assert_true(bench.flows[0].id != bench.flows[1].id);
	weirt_bench_done(&bench);
}

/* One after another over few ports, with backends that live on. */
static void many_exchanges_over_few_ports_are_closed_once_each(void **state)
{
	uint64_t closed = 0, random = 7;
	struct weirt_bench bench;

	init(&bench, 64);
	for (uint32_t n = 0; n < 20000; n++) {
		struct weir_flow_input in = client(&bench, 10, OPEN, 1 + n, 0);
		uint16_t port = (uint16_t)(50000 + n % 50);
		uint8_t backend = 2 + n % 50 % BACKENDS;

		in.end.cookie = 1000 + n;
		in.local_port = port;
		weirt_put(&bench, &in);
		if (n < 50) {
			struct weir_flow_input other = server(&bench, backend, OPEN, 0, 1 + n);

			other.remote_port = port;
			weirt_put(&bench, &other);
		}
		in.kind = CLOSE;
		weirt_put(&bench, &in);
		random = random * 6364136223846793005ULL + 1442695040888963407ULL;
		weirt_wait(&bench, (random >> 33) % WEIRT_MS(5));
		for (size_t i = 0; i < bench.count; i++, closed++) {
			const struct weir_flow *flow = &bench.flows[i];
			uint8_t want = 2 + (flow->source_port - 50000) % BACKENDS;

			assert_int_equal(flow->state, WEIR_STATE_CLOSED);
			assert_int_equal(flow->destination_addr.bytes[15], want);
			assert_int_equal(flow->destination_port, 5353);
		}
		bench.count = 0;
	}
	weirt_settle(&bench);
	assert_true(closed + bench.count == 20000);
	assert_int_equal(weirt_stats(&bench).live, 0);
	weirt_bench_done(&bench);
}

static void translations_remembered_are_bounded(void **state)
{
	struct weirt_bench bench;
	uint64_t bound = 0;

	init(&bench, 4);
	for (uint16_t n = 0; n < 1000; n++) {
		struct weir_flow_input in = client(&bench, 10, OPEN, 1, 0);

		in.local_port = 50000 + n;
		in.end.cookie = 1000 + n;
		weirt_put(&bench, &in);
		in = server(&bench, 2, OPEN, 0, 1);
		in.remote_port = 50000 + n;
		weirt_put(&bench, &in);
		bench.count = 0;
		if (n == 10)
			bound = weirt_stats(&bench).memory_bytes;
	}
	assert_true(weirt_stats(&bench).memory_bytes == bound);
	assert_int_equal(weirt_stats(&bench).joined, 1000);
	weirt_bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(port_used_again_is_known_to_go_to_the_same_backend),
		cmocka_unit_test(port_used_again_believes_the_backend_that_answers),
		cmocka_unit_test(servers_end_that_lives_on_takes_part_in_the_new_exchange),
		cmocka_unit_test(same_socket_after_idle_is_a_new_exchange),
		cmocka_unit_test(many_exchanges_over_few_ports_are_closed_once_each),
		cmocka_unit_test(translations_remembered_are_bounded),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
