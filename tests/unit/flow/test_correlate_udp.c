/* SPDX-License-Identifier: Apache-2.0 */
/* UDP exchanges: what they are, when they end, what is known of their delivery. */
#include "tests/unit/flow/fixture.h"

#define C WEIR_ROLE_CLIENT
#define S WEIR_ROLE_SERVER
#define OPEN WEIR_INPUT_OPEN
#define UPDATE WEIR_INPUT_UPDATE
#define CLOSE WEIR_INPUT_CLOSE

static struct weir_flow_input udp(const struct weirt_bench *bench, enum weir_role role,
				  enum weir_input_kind kind, uint64_t tx, uint64_t rx)
{
	struct weir_flow_input in = weirt_udp(role, kind, bench->now);

	weirt_counts(&in, tx, rx);
	return in;
}

static void put(struct weirt_bench *bench, enum weir_role role, enum weir_input_kind kind,
		uint64_t tx, uint64_t rx)
{
	struct weir_flow_input in = udp(bench, role, kind, tx, rx);

	weirt_put(bench, &in);
}

static void put_closed(struct weirt_bench *bench, enum weir_role role, enum weir_end_reason reason,
		       uint64_t tx, uint64_t rx)
{
	struct weir_flow_input in = udp(bench, role, CLOSE, tx, rx);

	in.end_reason = reason;
	weirt_put(bench, &in);
}

static void exchange_ends_with_its_client_and_absorbs_the_server(void **state)
{
	struct weirt_bench bench;

	weirt_bench_init(&bench, 0);
	put(&bench, S, OPEN, 0, 30);
	put(&bench, C, OPEN, 30, 0);
	weirt_wait(&bench, WEIRT_MS(20));
	assert_string_equal(weirt_states(&bench), "O");
	put_closed(&bench, C, WEIR_END_SOCKET_CLOSED, 30, 90);
	weirt_wait(&bench, WEIRT_MS(20));
	assert_string_equal(weirt_states(&bench), "OC");
	assert_int_equal(weirt_last(&bench)->bytes_sent, 30);
	assert_int_equal(weirt_last(&bench)->bytes_received, 90);
	assert_int_equal(weirt_last(&bench)->end_reason, WEIR_END_SOCKET_CLOSED);
	assert_int_equal(weirt_last(&bench)->verdict, WEIR_VERDICT_FORWARDED);
	weirt_wait(&bench, 30 * WEIR_NS_PER_SEC);
	put(&bench, S, UPDATE, 90, 30);
	weirt_wait(&bench, 45 * WEIR_NS_PER_SEC);
	assert_int_equal(weirt_stats(&bench).tombstones, 1);
	put_closed(&bench, S, WEIR_END_IDLE, 90, 30);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OC");
	assert_int_equal(weirt_stats(&bench).tombstones, 0);
	assert_int_equal(weirt_stats(&bench).absorbed, 2);
	weirt_bench_done(&bench);
}

static void exchange_is_named_by_its_client_whoever_is_first(void **state)
{
	uint64_t id[2];

	for (int i = 0; i < 2; i++) {
		struct weirt_bench bench;

		weirt_bench_init(&bench, 0);
		put(&bench, i ? C : S, OPEN, 1, 1);
		put(&bench, i ? S : C, OPEN, 1, 1);
		weirt_settle(&bench);
		assert_string_equal(weirt_states(&bench), "O");
		id[i] = weirt_last(&bench)->id;
		weirt_bench_done(&bench);
	}
	assert_true(id[0] == id[1]);
}

static void servers_idle_end_does_not_end_a_living_exchange(void **state)
{
	struct weirt_bench bench;

	weirt_bench_init(&bench, 0);
	put(&bench, C, OPEN, 30, 0);
	put(&bench, S, OPEN, 0, 30);
	weirt_wait(&bench, 60 * WEIR_NS_PER_SEC);
	put_closed(&bench, S, WEIR_END_IDLE, 0, 30);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "O");
	put(&bench, C, UPDATE, 60, 0);
	put(&bench, S, OPEN, 0, 30);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OA");
	put_closed(&bench, S, WEIR_END_IDLE, 0, 30);
	put_closed(&bench, C, WEIR_END_IDLE, 60, 0);
	assert_string_equal(weirt_states(&bench), "OAC");
	assert_int_equal(weirt_last(&bench)->end_reason, WEIR_END_IDLE);
	assert_int_equal(weirt_last(&bench)->bytes_sent, 60);
	assert_int_equal(weirt_stats(&bench).live, 0);
	assert_int_equal(weirt_stats(&bench).tombstones, 0);
	weirt_bench_done(&bench);
}

static void same_addresses_after_the_end_are_a_new_exchange(void **state)
{
	struct weir_flow_input again;
	struct weirt_bench bench;

	weirt_bench_init(&bench, 0);
	put(&bench, C, OPEN, 30, 0);
	put(&bench, S, OPEN, 0, 30);
	weirt_wait(&bench, WEIRT_MS(20));
	put_closed(&bench, C, WEIR_END_SOCKET_CLOSED, 30, 0);
	/* Another socket gets the port while the end of the first is still held. */
	again = udp(&bench, C, OPEN, 7, 0);
	again.end.cookie = 171;
	again.opened_ns = bench.now + 60000;  /* after the server's end began */
	weirt_put(&bench, &again);
	weirt_wait(&bench, WEIRT_MS(25));
	assert_string_equal(weirt_states(&bench), "OCO");
	assert_true(bench.flows[2].id != bench.flows[0].id);
	assert_int_equal(bench.flows[2].bytes_sent, 7);
	/* The server's end goes on by itself: it is the new exchange's now, its old totals not. */
	put(&bench, S, UPDATE, 0, 30);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OCOA");
	assert_int_equal(weirt_last(&bench)->destination.cookie, 72);
	assert_int_equal(weirt_last(&bench)->bytes_sent, 7);
	assert_int_equal(weirt_last(&bench)->verdict, WEIR_VERDICT_UNKNOWN);
	again.kind = CLOSE;
	again.end_reason = WEIR_END_SOCKET_CLOSED;
	weirt_counts(&again, 7, 3);
	weirt_put(&bench, &again);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OCOAC");
	assert_int_equal(weirt_last(&bench)->bytes_received, 3);
	assert_int_equal(weirt_last(&bench)->verdict, WEIR_VERDICT_FORWARDED);
	assert_true(weirt_last(&bench)->id == bench.flows[2].id);
	weirt_bench_done(&bench);
}

static void same_socket_after_idle_is_a_new_exchange(void **state)
{
	struct weir_flow_input again;
	struct weirt_bench bench;

	weirt_bench_init(&bench, 0);
	put(&bench, C, OPEN, 30, 0);
	put_closed(&bench, C, WEIR_END_IDLE, 30, 0);
	again = udp(&bench, C, OPEN, 7, 0);
	again.opened_ns = bench.now + 5;
	weirt_put(&bench, &again);
	assert_string_equal(weirt_states(&bench), "C");
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "CO");
	assert_true(bench.flows[0].id != bench.flows[1].id);
	assert_int_equal(bench.flows[1].bytes_sent, 7);
	weirt_bench_done(&bench);
}

static void servers_tombstone_gives_way_to_its_new_exchange(void **state)
{
	struct weir_flow_input again;
	struct weirt_bench bench;

	weirt_bench_init(&bench, 0);
	put(&bench, C, OPEN, 30, 0);
	put(&bench, S, OPEN, 0, 30);
	weirt_wait(&bench, WEIRT_MS(20));
	put_closed(&bench, C, WEIR_END_SOCKET_CLOSED, 30, 0);
	weirt_settle(&bench);
	assert_int_equal(weirt_stats(&bench).tombstones, 1);
	again = udp(&bench, S, OPEN, 0, 8);
	again.opened_ns = bench.now;
	weirt_put(&bench, &again);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OCO");
	assert_int_equal(weirt_last(&bench)->direction, WEIR_DIRECTION_INGRESS);
	assert_int_equal(weirt_last(&bench)->bytes_sent, 8);
	assert_int_equal(weirt_stats(&bench).tombstones, 0);
	weirt_bench_done(&bench);
}

static void one_server_socket_has_an_exchange_per_peer(void **state)
{
	struct weirt_bench bench;

	weirt_bench_init(&bench, 0);
	for (uint16_t i = 0; i < 5; i++) {
		struct weir_flow_input in = udp(&bench, S, OPEN, 0, 10 + i);

		in.remote_port = 5000 + i;
		weirt_put(&bench, &in);
	}
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OOOOO");
	for (uint16_t i = 0; i < 5; i++) {
		assert_int_equal(bench.flows[i].source_port, 5000 + i);
		assert_int_equal(bench.flows[i].bytes_sent, 10 + i);
		assert_int_equal(bench.flows[i].verdict, WEIR_VERDICT_FORWARDED);
		assert_true(!i || bench.flows[i].id != bench.flows[i - 1].id);
	}
	assert_int_equal(weirt_stats(&bench).live, 5);
	weirt_bench_done(&bench);
}

static void verdict_needs_a_sign_of_arrival(void **state)
{
	static const struct {
		const char *name;
		uint64_t rx;
		enum weir_end_reason reason;
		enum weir_verdict want;
	} cases[] = {
		{ "nothing came back", 0, WEIR_END_IDLE, WEIR_VERDICT_UNKNOWN },
		{ "a reply", 5, WEIR_END_IDLE, WEIR_VERDICT_FORWARDED },
		{ "port unreachable", 0, WEIR_END_REFUSED, WEIR_VERDICT_UNKNOWN },
		{ "could not be sent", 0, WEIR_END_LOCAL_ERROR, WEIR_VERDICT_ERROR },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weirt_bench bench;

		print_message("# %s\n", cases[i].name);
		weirt_bench_init(&bench, 0);
		put_closed(&bench, C, cases[i].reason, 9, cases[i].rx);
		weirt_settle(&bench);
		assert_string_equal(weirt_states(&bench), "C");
		assert_int_equal(weirt_last(&bench)->verdict, cases[i].want);
		assert_int_equal(weirt_last(&bench)->end_reason, cases[i].reason);
		weirt_bench_done(&bench);
	}
}

static void loopback_namespaces_are_kept_apart(void **state)
{
	struct weirt_bench bench;

	weirt_bench_init(&bench, 0);
	for (int i = 0; i < 4; i++) {
		struct weir_flow_input in = udp(&bench, i % 2 ? S : C, OPEN, 1, 1);

		in.local = in.remote = weirt_addr(127, 0, 0, 1);
		in.end.netns = i < 2 ? 601 : 602;
		in.end.cookie = 70 + (unsigned)i;
		weirt_put(&bench, &in);
	}
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OO");
	assert_int_equal(bench.flows[0].source.netns, 601);
	assert_int_equal(bench.flows[0].destination.cookie, 71);
	assert_int_equal(bench.flows[1].source.netns, 602);
	assert_int_equal(bench.flows[1].destination.cookie, 73);
	assert_true(bench.flows[0].id != bench.flows[1].id);
	weirt_bench_done(&bench);
}

static void socket_that_sends_to_itself_is_one_end_only(void **state)
{
	struct weirt_bench bench;

	weirt_bench_init(&bench, 0);
	for (int i = 0; i < 2; i++) {
		struct weir_flow_input in = udp(&bench, C, i ? CLOSE : OPEN, 4, 4);

		in.local = in.remote = weirt_addr(10, 0, 0, 1);
		in.remote_port = in.local_port;
		weirt_put(&bench, &in);
	}
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "C");
	assert_int_equal(weirt_stats(&bench).joined, 0);
	weirt_bench_done(&bench);
}

/* The backend is looked up after the first datagram was sent. */
static void late_backend_finds_the_other_end(void **state)
{
	static const struct {
		const char *name;
		uint32_t server_ms, backend_ms;  /* after the client's OPEN */
		const char *want;
	} cases[] = {
		{ "server known, nothing emitted", 1, 2, "O" },
		{ "server comes after", 3, 2, "O" },
		{ "client's record is out, server's not", 100, 101, "OA" },
		{ "client's record is out, then the backend, then the server", 102, 101, "OA" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_flow_input client;
		struct weirt_bench bench;

		print_message("# %s\n", cases[i].name);
		weirt_bench_init(&bench, 0);
		client = udp(&bench, C, OPEN, 5, 0);
		client.asked = client.remote = weirt_addr(10, 96, 0, 10);
		client.asked_port = client.remote_port = 53;
		for (uint32_t ms = 0; ms < 200; ms++, weirt_wait(&bench, WEIRT_MS(1))) {
			if (ms == cases[i].server_ms)
				put(&bench, S, OPEN, 0, 5);
			if (ms == cases[i].backend_ms) {
				client.kind = UPDATE;
				client.backend = weirt_addr(10, 0, 0, 2);
				client.backend_port = 80;
			}
			if (!ms || ms == cases[i].backend_ms)
				weirt_put(&bench, &client);
		}
		assert_string_equal(weirt_states(&bench), cases[i].want);
		assert_int_equal(weirt_stats(&bench).live, 1);
		assert_int_equal(weirt_stats(&bench).joined, 1);
		assert_int_equal(weirt_last(&bench)->destination.cookie, 72);
		assert_int_equal(weirt_last(&bench)->destination_port, 80);
		assert_true(weir_addr_eq(&weirt_last(&bench)->destination_addr, &client.backend));
		assert_true(weir_addr_eq(&weirt_last(&bench)->asked_addr, &client.asked));
		assert_int_equal(weirt_last(&bench)->asked_port, 53);
		assert_int_equal(weirt_last(&bench)->verdict, WEIR_VERDICT_FORWARDED);
		client.kind = CLOSE;
		weirt_put(&bench, &client);
		put(&bench, S, CLOSE, 0, 5);
		weirt_settle(&bench);
		assert_int_equal(weirt_last(&bench)->state, WEIR_STATE_CLOSED);
		assert_int_equal(weirt_stats(&bench).live, 0);
		weirt_bench_done(&bench);
	}
}

static void replaced_server_socket_takes_its_place(void **state)
{
	struct weir_flow_input server;
	struct weirt_bench bench;

	weirt_bench_init(&bench, 0);
	put(&bench, C, OPEN, 5, 0);
	put(&bench, S, OPEN, 0, 5);
	weirt_wait(&bench, WEIRT_MS(20));
	put_closed(&bench, S, WEIR_END_SOCKET_CLOSED, 0, 5);
	server = udp(&bench, S, OPEN, 0, 1);
	server.end.cookie = 172;
	server.end.pid = 0;
	weirt_put(&bench, &server);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OA");
	assert_int_equal(weirt_last(&bench)->destination.cookie, 172);
	assert_int_equal(weirt_last(&bench)->destination.pid, 0);
	put_closed(&bench, C, WEIR_END_SOCKET_CLOSED, 6, 0);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OAC");
	assert_int_equal(weirt_last(&bench)->bytes_sent, 6);
	weirt_bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exchange_ends_with_its_client_and_absorbs_the_server),
		cmocka_unit_test(exchange_is_named_by_its_client_whoever_is_first),
		cmocka_unit_test(servers_idle_end_does_not_end_a_living_exchange),
		cmocka_unit_test(same_addresses_after_the_end_are_a_new_exchange),
		cmocka_unit_test(same_socket_after_idle_is_a_new_exchange),
		cmocka_unit_test(servers_tombstone_gives_way_to_its_new_exchange),
		cmocka_unit_test(one_server_socket_has_an_exchange_per_peer),
		cmocka_unit_test(verdict_needs_a_sign_of_arrival),
		cmocka_unit_test(loopback_namespaces_are_kept_apart),
		cmocka_unit_test(socket_that_sends_to_itself_is_one_end_only),
		cmocka_unit_test(late_backend_finds_the_other_end),
		cmocka_unit_test(replaced_server_socket_takes_its_place),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
