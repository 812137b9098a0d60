/* SPDX-License-Identifier: Apache-2.0 */
/* How long records are held: until when an OPEN waits, and a CLOSED. */
#include "tests/unit/flow/fixture.h"

#define C WEIR_ROLE_CLIENT
#define S WEIR_ROLE_SERVER
#define OPEN WEIR_INPUT_OPEN
#define UPDATE WEIR_INPUT_UPDATE
#define CLOSE WEIR_INPUT_CLOSE
#define FOUND WEIR_INPUT_FOUND

/* The two instants of which a hold is made are each kept in units of this. */
#define UNIT_NS 1024

static struct weir_flow_input input_of(uint8_t protocol, enum weir_role role,
				       enum weir_input_kind kind, uint64_t now)
{
	return protocol == IPPROTO_TCP ? weirt_tcp(role, kind, now) : weirt_udp(role, kind, now);
}

static void put(struct weirt_bench *bench, uint8_t protocol, enum weir_role role,
		enum weir_input_kind kind, uint64_t tx, uint64_t rx)
{
	struct weir_flow_input in = input_of(protocol, role, kind, bench->now);

	weirt_counts(&in, tx, rx);
	if (kind == FOUND)
		in.opened_ns = in.established_ns = 0;
	weirt_put(bench, &in);
}

/* Not a nanosecond before @deadline, and at it. */
static void expect_due_at(struct weirt_bench *bench, uint64_t deadline, const char *want)
{
	size_t before = bench->count;

	bench->now = deadline - 1;
	assert_true(weir_correlate_tick(bench->corr, bench->now) == deadline);
	assert_int_equal(bench->count, before);
	bench->now = deadline;
	weir_correlate_tick(bench->corr, bench->now);
	assert_string_equal(weirt_states(bench), want);
}

/* The first input is at the start, the other end's, if any, at other_ms. */
static void first_record_is_held_join_ns_with_one_end_and_with_both(void **state)
{
	static const struct {
		const char *name;
		uint8_t protocol;
		enum weir_role first;
		enum weir_input_kind kind;
		int other_ms;
		const char *want;
	} cases[] = {
		{ "client only", IPPROTO_TCP, C, OPEN, -1, "O" },
		{ "server only", IPPROTO_TCP, S, OPEN, -1, "O" },
		{ "both at one instant", IPPROTO_TCP, C, OPEN, 0, "O" },
		{ "both at one instant, server first", IPPROTO_TCP, S, OPEN, 0, "O" },
		{ "the other end at the last moment", IPPROTO_TCP, C, OPEN, 19, "O" },
		{ "the client at the last moment", IPPROTO_TCP, S, OPEN, 19, "O" },
		{ "both older than the agent", IPPROTO_TCP, C, FOUND, 0, "A" },
		{ "both opens lost", IPPROTO_TCP, C, UPDATE, 1, "A" },
		{ "UDP, both at one instant", IPPROTO_UDP, C, OPEN, 0, "O" },
		{ "UDP, the client at the last moment", IPPROTO_UDP, S, OPEN, 19, "O" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum weir_role other = cases[i].first == C ? S : C;
		bool both = cases[i].other_ms >= 0;
		struct weirt_bench bench;
		uint64_t due, deadline;

		print_message("# %s\n", cases[i].name);
		weirt_bench_init(&bench, 0);
		assert_true(weir_correlate_tick(bench.corr, bench.now) == UINT64_MAX);
		weirt_wait(&bench, 777);  /* not on the border of two units */
		due = bench.now + WEIRT_MS(20);
		put(&bench, cases[i].protocol, cases[i].first, cases[i].kind, 0, 0);
		deadline = weir_correlate_tick(bench.corr, bench.now);
		assert_true(deadline <= due && deadline > due - 2 * UNIT_NS);
		if (both) {
			weirt_wait(&bench, WEIRT_MS(cases[i].other_ms));
			put(&bench, cases[i].protocol, other, cases[i].kind, 0, 0);
		}
		assert_int_equal(bench.count, 0);
		assert_int_equal(weirt_stats(&bench).joined, both);
		expect_due_at(&bench, deadline, cases[i].want);
		assert_int_equal(weirt_last(&bench)->source.cookie,
				 both || cases[i].first == C ? 71 : 0);
		assert_int_equal(weirt_last(&bench)->destination.cookie,
				 both || cases[i].first == S ? 72 : 0);
		weirt_settle(&bench);
		assert_int_equal(bench.count, 1);
		weirt_bench_done(&bench);
	}
}

static void open_is_due_join_ns_after_the_first_input_whatever_comes(void **state)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };

	for (size_t i = 0; i < sizeof(protocols); i++) {
		uint64_t deadline;
		struct weirt_bench bench;

		weirt_bench_init(&bench, 0);
		put(&bench, protocols[i], C, OPEN, 0, 0);
		deadline = weir_correlate_tick(bench.corr, bench.now);
		assert_true(deadline <= WEIRT_T0 + WEIRT_MS(20));
		assert_true(deadline > WEIRT_T0 + WEIRT_MS(20) - 2 * UNIT_NS);
		for (uint64_t ms = 1; ms < 20; ms++) {
			weirt_wait(&bench, WEIRT_MS(1));
			put(&bench, protocols[i], C, ms == 3 ? OPEN : UPDATE, 100 * ms, 10 * ms);
			if (ms >= 5)
				put(&bench, protocols[i], S, ms == 5 ? OPEN : UPDATE, 10 * ms,
				    100 * ms);
			assert_true(weir_correlate_tick(bench.corr, bench.now) == deadline);
			assert_int_equal(bench.count, 0);
		}
		expect_due_at(&bench, deadline, "O");
		assert_int_equal(weirt_last(&bench)->bytes_sent, 1900);
		assert_int_equal(weirt_last(&bench)->bytes_received, 190);
		assert_int_equal(weirt_last(&bench)->source.cookie, 71);
		assert_int_equal(weirt_last(&bench)->destination.cookie, 72);
		assert_true(weirt_stats(&bench).pending == 0);
		/* What comes now is held anew, from its own instant. */
		put(&bench, protocols[i], C, UPDATE, 2000, 200);
		expect_due_at(&bench, weir_correlate_tick(bench.corr, bench.now), "OA");
		assert_true(bench.now > deadline + WEIRT_MS(20) - 2 * UNIT_NS);
		weirt_bench_done(&bench);
	}
}

static void connection_closed_by_both_ends_within_join_ns_is_one_record(void **state)
{
	static const struct {
		const char *name;
		uint8_t protocol;
		enum weir_role opens, closes;  /* first */
	} cases[] = {
		{ "client opens and closes", IPPROTO_TCP, C, C },
		{ "client opens, server closes", IPPROTO_TCP, C, S },
		{ "server is seen first, client closes", IPPROTO_TCP, S, C },
		{ "server is seen first and closes", IPPROTO_TCP, S, S },
		{ "UDP, client closes", IPPROTO_UDP, C, C },
		{ "UDP, server closes", IPPROTO_UDP, S, S },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum weir_role closes = cases[i].closes;
		uint8_t protocol = cases[i].protocol;
		const struct weir_flow *flow;
		struct weirt_bench bench;

		print_message("# %s\n", cases[i].name);
		weirt_bench_init(&bench, 0);
		put(&bench, protocol, cases[i].opens, OPEN, 0, 0);
		put(&bench, protocol, cases[i].opens == C ? S : C, OPEN, 0, 0);
		weirt_wait(&bench, WEIRT_MS(18));
		put(&bench, protocol, closes, CLOSE, closes == C ? 5 : 9, closes == C ? 9 : 5);
		weirt_wait(&bench, WEIRT_MS(1));
		assert_int_equal(bench.count, 0);
		put(&bench, protocol, closes == C ? S : C, CLOSE, closes == C ? 9 : 5,
		    closes == C ? 5 : 9);
		/* Nobody is left who could say more. */
		assert_string_equal(weirt_states(&bench), "C");
		weirt_settle(&bench);
		assert_string_equal(weirt_states(&bench), "C");
		flow = weirt_last(&bench);
		assert_int_equal(flow->source.cookie, 71);
		assert_int_equal(flow->source.cgroup_id, 501);
		assert_int_equal(flow->source.pid, 801);
		assert_string_equal(flow->source.comm, "curl");
		assert_int_equal(flow->destination.cookie, 72);
		assert_int_equal(flow->destination.cgroup_id, 502);
		assert_int_equal(flow->destination.pid, 802);
		assert_string_equal(flow->destination.comm, "nginx");
		assert_int_equal(flow->bytes_sent, 5);
		assert_int_equal(flow->bytes_received, 9);
		assert_true(flow->opened_ns == WEIRT_T0);
		assert_true(flow->time_ns == WEIRT_T0 + WEIRT_MS(19));
		assert_int_equal(weirt_stats(&bench).live, 0);
		assert_int_equal(weirt_stats(&bench).tombstones, 0);
		weirt_bench_done(&bench);
	}
}

static void close_wait_counts_from_the_first_close(void **state)
{
	struct weir_flow_input client = weirt_tcp(C, CLOSE, WEIRT_T0);
	struct weir_flow_input server = weirt_tcp(S, UPDATE, WEIRT_T0 - 7);
	struct weirt_bench bench;

	weirt_bench_init(&bench, 0);
	weirt_put(&bench, &client);
	weirt_put(&bench, &server);
	weirt_wait(&bench, WEIRT_MS(600));
	weirt_put(&bench, &server);
	weirt_wait(&bench, WEIRT_MS(399));
	assert_int_equal(bench.count, 0);
	weirt_wait(&bench, WEIRT_MS(1));
	assert_string_equal(weirt_states(&bench), "C");
	/* The server's word came later and was older. */
	assert_true(weirt_last(&bench)->time_ns == WEIRT_T0);
	weirt_bench_done(&bench);
}

/* Nobody saw the source's end: what the destination counted, and its reason, are better. */
static void end_that_nobody_saw_takes_the_other_account(void **state)
{
	struct weir_flow_input client = weirt_tcp(WEIR_ROLE_CLIENT, WEIR_INPUT_CLOSE, WEIRT_T0);
	struct weir_flow_input server = weirt_tcp(WEIR_ROLE_SERVER, WEIR_INPUT_CLOSE, WEIRT_T0);
	struct weirt_bench bench;

	client.end_reason = WEIR_END_NONE;
	weirt_counts(&client, 0, 0);
	server.end_reason = WEIR_END_FIN;
	weirt_counts(&server, 9, 5);
	for (int client_first = 0; client_first < 2; client_first++) {
		weirt_bench_init(&bench, 0);
		weirt_put(&bench, client_first ? &client : &server);
		weirt_put(&bench, client_first ? &server : &client);
		weirt_settle(&bench);
		assert_string_equal(weirt_states(&bench), "C");
		assert_int_equal(weirt_last(&bench)->end_reason, WEIR_END_FIN);
		assert_int_equal(weirt_last(&bench)->bytes_sent, 5);
		assert_int_equal(weirt_last(&bench)->bytes_received, 9);
		weirt_bench_done(&bench);
	}
}

/* An end that is known from its pod's link joins the socket of the other, and is no socket. */
static void end_on_a_link_joins_and_is_no_socket(void **state)
{
	struct weir_flow_input client = weirt_tcp(WEIR_ROLE_CLIENT, WEIR_INPUT_CLOSE, WEIRT_T0);
	struct weir_flow_input server = weirt_tcp(WEIR_ROLE_SERVER, WEIR_INPUT_CLOSE, WEIRT_T0);
	struct weirt_bench bench;

	client.end = (struct weir_flow_end){ .cookie = WEIR_COOKIE_LINK | 1 };
	weirt_bench_init(&bench, 0);
	weirt_put(&bench, &client);
	weirt_put(&bench, &server);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "C");
	assert_int_equal(weirt_last(&bench)->source.cookie, 0);
	assert_int_equal(weirt_last(&bench)->destination.cookie, server.end.cookie);
	assert_int_equal(weirt_last(&bench)->direction, WEIR_DIRECTION_EGRESS);
	weirt_bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(end_on_a_link_joins_and_is_no_socket),
		cmocka_unit_test(end_that_nobody_saw_takes_the_other_account),
		cmocka_unit_test(first_record_is_held_join_ns_with_one_end_and_with_both),
		cmocka_unit_test(open_is_due_join_ns_after_the_first_input_whatever_comes),
		cmocka_unit_test(connection_closed_by_both_ends_within_join_ns_is_one_record),
		cmocka_unit_test(close_wait_counts_from_the_first_close),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
