/* SPDX-License-Identifier: Apache-2.0 */
/* UDP exchanges with a Service, whose packets are translated after they have left the socket. */
#include "tests/unit/flow/translated.h"

static void ends_join_through_the_translation(void **state)
{
	struct weirt_bench bench;

	init(&bench, 0);
	put_client(&bench, OPEN, 30, 0);
	put_server(&bench, 2, OPEN, 0, 30);
	weirt_wait(&bench, WEIRT_MS(20));
	assert_string_equal(weirt_states(&bench), "O");
	check_flow(weirt_last(&bench), 10, 2, 72);
	assert_int_equal(weirt_last(&bench)->verdict, WEIR_VERDICT_FORWARDED);
	/* What either says later is found under the same name. */
	put_client(&bench, UPDATE, 60, 90);
	put_server(&bench, 2, UPDATE, 90, 60);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OA");
	assert_int_equal(weirt_stats(&bench).live, 1);
	put_client(&bench, CLOSE, 60, 120);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OAC");
	check_flow(weirt_last(&bench), 10, 2, 72);
	assert_int_equal(weirt_last(&bench)->bytes_sent, 60);
	assert_int_equal(weirt_last(&bench)->bytes_received, 120);
	assert_int_equal(weirt_last(&bench)->end_reason, WEIR_END_SOCKET_CLOSED);
	assert_true(weirt_last(&bench)->id == bench.flows[0].id);
	assert_int_equal(weirt_stats(&bench).tombstones, 1);
	/* The server's end is absorbed. */
	put_server(&bench, 2, UPDATE, 120, 60);
	put_server(&bench, 2, CLOSE, 120, 60);
	weirt_settle(&bench);
	assert_int_equal(bench.count, 3);
	assert_int_equal(weirt_stats(&bench).joined, 1);
	assert_int_equal(weirt_stats(&bench).absorbed, 2);
	assert_int_equal(weirt_stats(&bench).tombstones, 0);
	assert_int_equal(weirt_stats(&bench).live, 0);
	weirt_bench_done(&bench);
}

static void server_first_heard_after_the_first_record_is_named(void **state)
{
	struct weirt_bench bench;

	init(&bench, 0);
	put_client(&bench, OPEN, 30, 0);
	weirt_settle(&bench);
	check_flow(weirt_last(&bench), 10, 0, 0);
	put_server(&bench, 3, UPDATE, 0, 30);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OA");
	check_flow(weirt_last(&bench), 10, 3, 73);
	put_client(&bench, CLOSE, 30, 0);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OAC");
	weirt_bench_done(&bench);
}

static void server_heard_within_the_hold_of_a_closed_client_joins(void **state)
{
	struct weirt_bench bench;

	init(&bench, 0);
	put_client(&bench, OPEN, 30, 0);
	put_client(&bench, CLOSE, 30, 40);
	weirt_wait(&bench, WEIRT_MS(10));
	put_server(&bench, 2, OPEN, 0, 30);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "C");
	check_flow(weirt_last(&bench), 10, 2, 72);
	assert_int_equal(weirt_last(&bench)->bytes_received, 40);
	put_server(&bench, 2, CLOSE, 40, 30);
	weirt_settle(&bench);
	assert_int_equal(bench.count, 1);
	weirt_bench_done(&bench);
}

static void two_clients_with_one_port_join_each_its_own(void **state)
{
	struct weirt_bench bench;

	init(&bench, 0);
	for (uint8_t i = 0; i < 4; i++) {
		struct weir_flow_input in;
		struct weir_addr pod = weirt_addr(10, 0, 1, 1 + i % 2);

		in = i < 2 ? client(&bench, 10, OPEN, 10 + i, 0)
			   : server(&bench, i, OPEN, 0, 8 + i);
		*(i < 2 ? &in.local : &in.remote) = pod;
		if (i < 2)
			in.end.cookie = 171 + i;
		weirt_put(&bench, &in);
	}
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OO");
	for (uint8_t i = 0; i < 2; i++) {
		check_flow(&bench.flows[i], 10, 2 + i, 72 + i);
		assert_int_equal(bench.flows[i].source.cookie, 171 + i);
		assert_int_equal(bench.flows[i].bytes_sent, 10 + i);
	}
	weirt_bench_done(&bench);
}

static void one_socket_that_asks_two_services_has_two_exchanges(void **state)
{
	struct weirt_bench bench;
	struct weir_flow_input in;

	init(&bench, 0);
	for (uint8_t i = 0; i < 2; i++) {
		in = client(&bench, 10 + i, OPEN, 10 + i, 0);
		weirt_put(&bench, &in);
		put_server(&bench, 2 + i, OPEN, 0, 10 + i);
	}
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OO");
	for (uint8_t i = 0; i < 2; i++) {
		in = client(&bench, 10 + i, CLOSE, 20 + i, 0);
		weirt_put(&bench, &in);
	}
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OOCC");
	for (uint8_t i = 0; i < 4; i++) {
		check_flow(&bench.flows[i], 10 + i % 2, 2 + i % 2, 72 + i % 2);
		assert_int_equal(bench.flows[i].bytes_sent, (i < 2 ? 10 : 20) + i % 2);
	}
	weirt_bench_done(&bench);
}

static void end_that_fits_two_joins_neither(void **state)
{
	struct weirt_bench bench;
	struct weir_flow_input in;

	init(&bench, 0);
	for (uint8_t i = 0; i < 2; i++) {
		in = client(&bench, 10 + i, OPEN, 10 + i, 0);
		weirt_put(&bench, &in);
	}
	put_server(&bench, 2, OPEN, 0, 10);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OOO");
	check_flow(&bench.flows[0], 10, 0, 0);
	check_flow(&bench.flows[1], 11, 0, 0);
	assert_int_equal(bench.flows[2].source.cookie, 0);
	assert_int_equal(weirt_stats(&bench).joined, 0);
	/* It stays so when one of the two is gone: nothing says that it was the other. */
	in = client(&bench, 11, CLOSE, 11, 0);
	weirt_put(&bench, &in);
	weirt_settle(&bench);
	put_server(&bench, 2, UPDATE, 0, 20);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OOOCA");
	assert_int_equal(weirt_stats(&bench).joined, 0);
	weirt_bench_done(&bench);
}

static void end_that_is_no_backend_stays_apart(void **state)
{
	static const struct {
		const char *name;
		uint8_t service, backend;
		uint16_t client_port, server_port;
		int64_t heard_ns;  /* after the client's OPEN */
	} cases[] = {
		{ "no endpoint of that Service", 12, 2, 40000, 5353, 1 },
		{ "not its address", 10, 4, 40000, 5353, 1 },
		{ "not its port", 10, 2, 40000, 5354, 1 },
		{ "another client's port", 10, 2, 40001, 5353, 1 },
		{ "heard last before the client asked", 10, 2, 40000, 5353, -1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weirt_bench bench;
		struct weir_flow_input in;

		print_message("# %s\n", cases[i].name);
		init(&bench, 0);
		bench.now += WEIR_NS_PER_SEC;
		in = client(&bench, cases[i].service, OPEN, 30, 0);
		weirt_put(&bench, &in);
		in = server(&bench, cases[i].backend, UPDATE, 0, 30);
		in.local_port = cases[i].server_port;
		in.remote_port = cases[i].client_port;
		in.time_ns = bench.now + (uint64_t)cases[i].heard_ns;
		weirt_put(&bench, &in);
		weirt_settle(&bench);
		assert_string_equal(weirt_states(&bench), "OA");
		check_flow(&bench.flows[0], cases[i].service, 0, 0);
		assert_int_equal(weirt_stats(&bench).joined, 0);
		assert_int_equal(weirt_stats(&bench).live, 2);
		weirt_bench_done(&bench);
	}
}

static void server_first_makes_two_records_of_each_state(void **state)
{
	struct weirt_bench bench;

	init(&bench, 0);
	put_server(&bench, 2, OPEN, 0, 30);
	put_client(&bench, OPEN, 30, 0);
	weirt_settle(&bench);
	put_server(&bench, 2, UPDATE, 40, 30);
	put_client(&bench, UPDATE, 30, 40);
	weirt_settle(&bench);
	put_client(&bench, CLOSE, 30, 40);
	put_server(&bench, 2, CLOSE, 40, 30);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OOAACC");
	assert_int_equal(weirt_stats(&bench).joined, 0);
	assert_int_equal(weirt_stats(&bench).live, 0);
	assert_int_equal(weirt_stats(&bench).tombstones, 0);
	weirt_bench_done(&bench);
}

/* A node's DNS cache has the Service's own address. */
static void server_at_the_services_own_address_joins(void **state)
{
	struct weirt_bench bench;
	struct weir_flow_input in;

	init(&bench, 0);
	in = client(&bench, 12, OPEN, 30, 0);
	weirt_put(&bench, &in);
	in = server(&bench, 2, OPEN, 0, 30);
	in.local = weirt_addr(10, 96, 0, 12);
	in.local_port = DNS_PORT;
	weirt_put(&bench, &in);
	in = client(&bench, 12, CLOSE, 30, 5);
	weirt_put(&bench, &in);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "C");
	check_flow(weirt_last(&bench), 12, 0, 72);
	weirt_bench_done(&bench);
}

static void client_that_asks_no_service_joins_by_its_addresses(void **state)
{
	struct weirt_bench bench;
	struct weir_flow_input in;

	init(&bench, 0);
	/* The same socket asks the backend itself, too. */
	put_client(&bench, OPEN, 30, 0);
	in = client(&bench, 10, OPEN, 8, 0);
	in.remote = in.asked = weirt_addr(10, 0, 0, 2);
	in.remote_port = in.asked_port = 5353;
	weirt_put(&bench, &in);
	put_server(&bench, 2, OPEN, 0, 8);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OO");
	check_flow(&bench.flows[0], 10, 0, 0);
	assert_int_equal(bench.flows[1].destination.cookie, 72);
	assert_int_equal(bench.flows[1].bytes_sent, 8);
	weirt_bench_done(&bench);
}

static void backend_told_by_the_client_goes_before(void **state)
{
	struct weirt_bench bench;
	struct weir_flow_input in;

	for (int told = 0; told < 2; told++) {
		init(&bench, 0);
		put_client(&bench, OPEN, 30, 0);
		if (told)
			put_server(&bench, 2, OPEN, 0, 30);
		in = client(&bench, 10, UPDATE, 60, 0);
		in.backend = weirt_addr(10, 0, 0, 2);
		in.backend_port = 5353;
		weirt_put(&bench, &in);
		if (!told)
			put_server(&bench, 2, OPEN, 0, 30);
		in.counts.tx_bytes = 90;
		weirt_put(&bench, &in);
		weirt_settle(&bench);
		assert_string_equal(weirt_states(&bench), "O");
		check_flow(weirt_last(&bench), 10, 2, 72);
		assert_int_equal(weirt_last(&bench)->bytes_sent, 90);
		assert_int_equal(weirt_stats(&bench).live, 1);
		in.kind = CLOSE;
		weirt_put(&bench, &in);
		put_server(&bench, 2, CLOSE, 0, 30);
		weirt_settle(&bench);
		assert_string_equal(weirt_states(&bench), "OC");
		assert_int_equal(weirt_stats(&bench).live, 0);
		weirt_bench_done(&bench);
	}
}

static void evicted_exchange_is_made_and_joined_anew(void **state)
{
	struct weirt_bench bench;
	struct weir_flow_input in;

	init(&bench, 1);
	put_client(&bench, OPEN, 30, 0);
	put_server(&bench, 2, OPEN, 0, 30);
	in = client(&bench, 10, OPEN, 1, 0);
	in.local_port = 40001;
	in.end.cookie = 171;
	weirt_put(&bench, &in);
	assert_string_equal(weirt_states(&bench), "O");
	check_flow(weirt_last(&bench), 10, 2, 72);
	assert_int_equal(weirt_stats(&bench).evicted, 1);
	assert_int_equal(weirt_stats(&bench).live, 1);
	in = client(&bench, 10, UPDATE, 60, 0);
	in.opened_ns = WEIRT_T0;
	weirt_put(&bench, &in);
	put_server(&bench, 2, UPDATE, 0, 60);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OOA");
	check_flow(weirt_last(&bench), 10, 2, 72);
	assert_true(weirt_last(&bench)->id == bench.flows[0].id);
	weirt_bench_done(&bench);
}

static void resync_closes_a_joined_exchange_once(void **state)
{
	struct weirt_bench bench;

	init(&bench, 0);
	put_client(&bench, OPEN, 30, 0);
	put_server(&bench, 2, OPEN, 0, 30);
	weirt_settle(&bench);
	weir_correlate_resync_begin(bench.corr, bench.now);
	put_server(&bench, 2, UPDATE, 0, 30);
	weir_correlate_resync_end(bench.corr, bench.now);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OC");
	assert_int_equal(weirt_stats(&bench).tombstones, 2);
	/* Both were only slow: neither makes a second record. */
	put_client(&bench, CLOSE, 30, 0);
	put_server(&bench, 2, CLOSE, 0, 30);
	weirt_settle(&bench);
	assert_int_equal(bench.count, 2);
	assert_int_equal(weirt_stats(&bench).tombstones, 0);
	weirt_bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_join_through_the_translation),
		cmocka_unit_test(server_first_heard_after_the_first_record_is_named),
		cmocka_unit_test(server_heard_within_the_hold_of_a_closed_client_joins),
		cmocka_unit_test(two_clients_with_one_port_join_each_its_own),
		cmocka_unit_test(one_socket_that_asks_two_services_has_two_exchanges),
		cmocka_unit_test(end_that_fits_two_joins_neither),
		cmocka_unit_test(end_that_is_no_backend_stays_apart),
		cmocka_unit_test(server_first_makes_two_records_of_each_state),
		cmocka_unit_test(server_at_the_services_own_address_joins),
		cmocka_unit_test(client_that_asks_no_service_joins_by_its_addresses),
		cmocka_unit_test(backend_told_by_the_client_goes_before),
		cmocka_unit_test(evicted_exchange_is_made_and_joined_anew),
		cmocka_unit_test(resync_closes_a_joined_exchange_once),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
