/* SPDX-License-Identifier: Apache-2.0 */
/* Many connections: bounds, eviction, resync, and a reference count over random interleaving. */
#include <errno.h>

#include "tests/unit/flow/fixture.h"

#define C WEIR_ROLE_CLIENT
#define S WEIR_ROLE_SERVER
#define OPEN WEIR_INPUT_OPEN
#define UPDATE WEIR_INPUT_UPDATE
#define CLOSE WEIR_INPUT_CLOSE
#define FOUND WEIR_INPUT_FOUND

/* Connection @n of many: TCP, addresses and sequence numbers of its own. */
static struct weir_flow_input nth(uint32_t n, enum weir_role role, enum weir_input_kind kind,
				  uint64_t now)
{
	struct weir_flow_input in = weirt_tcp(role, kind, now);
	uint32_t client = n * 2654435761U + 1, server = client ^ 0x5a5a5a5aU;

	in.isn_local = role == C ? client : server;
	in.isn_remote = role == C ? server : client;
	in.end.cookie = 1000 + 2 * (uint64_t)n + (role == S);
	in.end.pid += n % 50;
	return in;
}

static void new_bad_options_are_refused(void **state)
{
	struct weir_correlate_opts opts = { 0 };
	struct weir_correlate *corr = (void *)0x1;

	assert_int_equal(weir_correlate_new(&opts, &corr), -EINVAL);
	opts.sink = weirt_keep;
	opts.max_connections = SIZE_MAX;
	assert_int_equal(weir_correlate_new(&opts, &corr), -EINVAL);
	assert_ptr_equal(corr, (void *)0x1);
	corr = NULL;
	weir_correlate_free(&corr);
}

static void full_table_evicts_the_least_recently_updated(void **state)
{
	struct weir_flow_input in;
	struct weirt_bench bench;

	weirt_bench_init(&bench, 4);
	for (uint32_t n = 0; n < 4; n++) {
		in = nth(n, C, OPEN, bench.now);
		weirt_put(&bench, &in);
	}
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OOOO");
	in = nth(0, C, UPDATE, bench.now);
	weirt_put(&bench, &in);
	in = nth(4, C, OPEN, bench.now);
	weirt_put(&bench, &in);
	assert_int_equal(weirt_stats(&bench).evicted, 1);
	assert_int_equal(weirt_stats(&bench).live, 4);
	/* 1 was evicted: what it says next makes it anew, under the name it had. */
	in = nth(1, C, CLOSE, bench.now);
	weirt_counts(&in, 5, 6);
	weirt_put(&bench, &in);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OOOOOC");
	assert_true(bench.flows[5].id == bench.flows[1].id);
	assert_int_equal(bench.flows[5].bytes_sent, 5);
	/* 0 was not. */
	in = nth(0, C, CLOSE, bench.now);
	weirt_put(&bench, &in);
	weirt_settle(&bench);
	assert_int_equal(weirt_stats(&bench).evicted, 2);
	assert_int_equal(weirt_stats(&bench).live, 2);
	weirt_bench_done(&bench);
}

static void evicted_connection_first_tells_what_it_holds(void **state)
{
	static const struct {
		const char *name;
		enum weir_input_kind kind;
		const char *want;
		uint64_t tombstones;
	} cases[] = {
		{ "open held", OPEN, "O", 0 },
		{ "close held", CLOSE, "C", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_flow_input in;
		struct weirt_bench bench;

		print_message("# %s\n", cases[i].name);
		weirt_bench_init(&bench, 1);
		in = nth(1, C, cases[i].kind, bench.now);
		weirt_put(&bench, &in);
		in = nth(2, C, OPEN, bench.now);
		weirt_put(&bench, &in);
		assert_string_equal(weirt_states(&bench), cases[i].want);
		assert_int_equal(weirt_stats(&bench).pending, 1);
		assert_int_equal(weirt_stats(&bench).live, 1);
		assert_int_equal(weirt_stats(&bench).evicted, 1);
		weirt_bench_done(&bench);
	}
}

static void evicted_half_closed_connection_is_closed_once(void **state)
{
	static const struct {
		const char *name;
		uint64_t open_ms;
		const char *evicted, *want;
	} cases[] = {
		{ "open held", 19, "C", "CO" },
		{ "open told", 20, "OC", "OCO" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_flow_input in;
		struct weirt_bench bench;

		print_message("# %s\n", cases[i].name);
		weirt_bench_init(&bench, 1);
		in = nth(1, C, OPEN, bench.now);
		weirt_put(&bench, &in);
		in = nth(1, S, OPEN, bench.now);
		weirt_put(&bench, &in);
		weirt_wait(&bench, WEIRT_MS(cases[i].open_ms));
		in = nth(1, C, CLOSE, bench.now);
		weirt_put(&bench, &in);
		in = nth(2, C, OPEN, bench.now);
		weirt_put(&bench, &in);
		assert_string_equal(weirt_states(&bench), cases[i].evicted);
		in = nth(1, S, CLOSE, bench.now);
		weirt_put(&bench, &in);
		weirt_settle(&bench);
		assert_string_equal(weirt_states(&bench), cases[i].want);
		assert_int_equal(weirt_stats(&bench).evicted, 1);
		weirt_bench_done(&bench);
	}
}

static void failed_connects_push_nobody_out(void **state)
{
	struct weir_flow_input in;
	struct weirt_bench bench;

	weirt_bench_init(&bench, 2);
	for (uint32_t n = 0; n < 2; n++) {
		in = nth(n, C, OPEN, bench.now);
		weirt_put(&bench, &in);
	}
	for (uint32_t n = 2; n < 20; n++) {
		in = nth(n, C, CLOSE, bench.now);
		in.established = false;
		in.isn_remote = 0;
		in.end_reason = WEIR_END_REFUSED;
		weirt_put(&bench, &in);
	}
	assert_int_equal(bench.count, 18);
	assert_int_equal(weirt_stats(&bench).evicted, 0);
	assert_int_equal(weirt_stats(&bench).live, 2);
	weirt_bench_done(&bench);
}

static void tombstones_age_out_and_are_bounded(void **state)
{
	struct weir_flow_input in;
	struct weirt_bench bench;
	uint64_t deadline;

	weirt_bench_init(&bench, 4);
	for (uint32_t n = 0; n < 6; n++) {
		in = nth(n, C, OPEN, bench.now);
		weirt_put(&bench, &in);
		in = nth(n, S, CLOSE, bench.now);
		weirt_put(&bench, &in);
		weirt_wait(&bench, WEIR_NS_PER_SEC);
	}
	assert_string_equal(weirt_states(&bench), "CCCCCC");
	assert_int_equal(weirt_stats(&bench).tombstones, 4);
	assert_int_equal(weirt_stats(&bench).tombstones_lost, 2);
	deadline = weir_correlate_tick(bench.corr, bench.now);
	assert_true(deadline > bench.now + 56 * WEIR_NS_PER_SEC);
	assert_true(deadline <= bench.now + 57 * WEIR_NS_PER_SEC);
	weirt_wait(&bench, 60 * WEIR_NS_PER_SEC);
	assert_int_equal(weirt_stats(&bench).tombstones, 0);
	assert_true(weir_correlate_tick(bench.corr, bench.now) == UINT64_MAX);
	weirt_bench_done(&bench);
}

static void flush_emits_everything_held(void **state)
{
	struct weir_flow_input in;
	struct weirt_bench bench;

	weirt_bench_init(&bench, 0);
	in = nth(1, C, OPEN, bench.now);
	weirt_put(&bench, &in);
	in = nth(2, C, CLOSE, bench.now);
	weirt_put(&bench, &in);
	in = nth(3, C, OPEN, bench.now);
	weirt_put(&bench, &in);
	in = nth(3, S, CLOSE, bench.now);
	weirt_put(&bench, &in);
	assert_int_equal(bench.count, 0);
	weir_correlate_flush(bench.corr, bench.now);
	assert_string_equal(weirt_states(&bench), "OCC");
	assert_true(weirt_stats(&bench).pending == 0);
	weir_correlate_flush(bench.corr, bench.now);
	assert_int_equal(bench.count, 3);
	weirt_bench_done(&bench);
}

static void resync_closes_what_was_not_seen(void **state)
{
	struct weir_flow_input in;
	struct weirt_bench bench;
	uint64_t sign_of_life;

	weirt_bench_init(&bench, 0);
	for (uint32_t n = 0; n < 4; n++) {
		in = nth(n, C, OPEN, bench.now);
		weirt_put(&bench, &in);
		if (n == 2 || n == 3) {
			in = nth(n, S, OPEN, bench.now);
			weirt_put(&bench, &in);
		}
	}
	in = weirt_udp(C, OPEN, bench.now);
	weirt_put(&bench, &in);
	sign_of_life = bench.now;
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OOOOO");
	weir_correlate_resync_end(bench.corr, bench.now);
	assert_int_equal(bench.count, 5);
	/* Alive: 0, 2's client, and 9 that begins in between. Gone: 1, 2's server, 3, the UDP. */
	weir_correlate_resync_begin(bench.corr, bench.now);
	in = nth(0, C, UPDATE, bench.now);
	weirt_put(&bench, &in);
	in = nth(2, C, UPDATE, bench.now);
	weirt_put(&bench, &in);
	in = nth(9, C, OPEN, bench.now);
	weirt_put(&bench, &in);
	weir_correlate_resync_end(bench.corr, bench.now);
	assert_string_equal(weirt_states(&bench), "OOOOOCCC");
	for (size_t i = 5; i < 8; i++) {
		assert_int_equal(bench.flows[i].end_reason, WEIR_END_UNKNOWN);
		assert_true(bench.flows[i].time_ns == bench.now);
		assert_true(bench.flows[i].last_ns == sign_of_life);
	}
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OOOOOCCCOC");
	assert_int_equal(weirt_last(&bench)->source.cookie, 1004);
	assert_int_equal(weirt_stats(&bench).resynced, 5);
	assert_int_equal(weirt_stats(&bench).live, 2);
	/* It was not lost but slow: no second record. */
	in = nth(1, C, CLOSE, bench.now);
	weirt_put(&bench, &in);
	weirt_settle(&bench);
	assert_int_equal(bench.count, 10);
	weirt_bench_done(&bench);
}

static void resync_begun_anew_forgets_the_first(void **state)
{
	struct weir_flow_input in;
	struct weirt_bench bench;

	weirt_bench_init(&bench, 0);
	in = nth(1, C, OPEN, bench.now);
	weirt_put(&bench, &in);
	weirt_settle(&bench);
	weir_correlate_resync_begin(bench.corr, bench.now);
	in = nth(1, C, UPDATE, bench.now);
	weirt_put(&bench, &in);
	weir_correlate_resync_begin(bench.corr, bench.now);
	weir_correlate_resync_end(bench.corr, bench.now);
	assert_string_equal(weirt_states(&bench), "OC");
	in = nth(2, C, OPEN, bench.now);
	weir_correlate_resync_begin(bench.corr, bench.now);
	weirt_put(&bench, &in);
	weir_correlate_resync_end(bench.corr, bench.now);
	assert_int_equal(bench.count, 2);
	/* Seen in the last one is not seen in this one. */
	weir_correlate_resync_begin(bench.corr, bench.now);
	weir_correlate_resync_end(bench.corr, bench.now);
	assert_string_equal(weirt_states(&bench), "OCC");
	weirt_bench_done(&bench);
}

static void flood_of_updates_in_one_hold_keeps_the_books(void **state)
{
	struct weir_flow_input in;
	struct weirt_bench bench;

	weirt_bench_init(&bench, 0);
	for (uint32_t n = 0; n < 70000; n++) {
		in = nth(1, C, UPDATE, bench.now);
		weirt_counts(&in, n, 0);
		assert_int_equal(weir_correlate_input(bench.corr, &in, bench.now), 0);
	}
	assert_true(weirt_stats(&bench).inputs == 70000);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "A");
	assert_int_equal(weirt_last(&bench)->bytes_sent, 69999);
	weirt_bench_done(&bench);
}

/* --- random interleaving against a reference count ------------------------------------------ */

#define RANDOM_CONNECTIONS 100000
#define RANDOM_LIVE 500

struct reference {
	uint64_t id;
	uint64_t sent;
	uint64_t received;
	uint64_t time_ns;
	uint8_t ends;      /* bit 0: client, bit 1: server */
	uint8_t left[2];   /* inputs still to come from each */
	uint8_t begun;     /* the ends that were heard of */
	uint8_t opened;
	uint8_t closed;
};

struct crowd {
	struct weir_correlate *corr;
	struct reference *refs;
	uint64_t random;
};

static uint32_t roll(struct crowd *crowd, uint32_t sides)
{
	crowd->random = crowd->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(crowd->random >> 33) % sides;
}

static uint32_t number_of(const struct weir_flow *flow)
{
	uint64_t cookie = flow->source.cookie ? flow->source.cookie : flow->destination.cookie;

	return (uint32_t)((cookie - 1000) / 2);
}

static void check_record(void *ctx, const struct weir_flow *flow)
{
	struct crowd *crowd = ctx;
	struct reference *ref = &crowd->refs[number_of(flow)];
	uint32_t n = number_of(flow);

	assert_true(n < RANDOM_CONNECTIONS);
	assert_true(!ref->id || ref->id == flow->id);
	assert_false(ref->closed);
	assert_true(flow->time_ns >= ref->time_ns);
	ref->id = flow->id;
	ref->time_ns = flow->time_ns;
	if (flow->state == WEIR_STATE_OPEN)
		assert_int_equal(ref->opened++, 0);
	if (flow->state != WEIR_STATE_CLOSED)
		return;
	ref->closed = 1;
	assert_true(flow->bytes_sent == ref->sent);
	assert_true(flow->bytes_received == ref->received);
	assert_int_equal(flow->end_reason, WEIR_END_FIN);
	assert_int_equal(!!flow->source.cookie, ref->ends & 1);
	assert_int_equal(!!flow->destination.cookie, !!(ref->ends & 2));
	if (ref->ends == 3)
		assert_true(flow->destination.cookie == flow->source.cookie + 1);
}

/* One more input of one end of connection @n; false when it has none left. */
static bool step(struct crowd *crowd, uint32_t n, uint64_t now)
{
	struct reference *ref = &crowd->refs[n];
	int end = roll(crowd, 2) ? 1 : 0;
	struct weir_flow_input in;
	uint32_t left;

	if (!ref->left[end] || (ref->begun == 1U << end && ref->ends == 3))
		end = !end;
	left = ref->left[end];
	if (!left)
		return false;
	ref->left[end]--;
	ref->begun |= 1U << end;
	in = nth(n, end ? S : C, left == 3 ? OPEN : left == 2 ? UPDATE : CLOSE, now);
	if (left == 2)
		weirt_counts(&in, (end ? ref->received : ref->sent) / 2,
			     (end ? ref->sent : ref->received) / 2);
	if (left == 1)
		weirt_counts(&in, end ? ref->received : ref->sent, end ? ref->sent : ref->received);
	/* All have the same addresses and ports: only the sequence numbers differ. */
	assert_int_equal(weir_correlate_input(crowd->corr, &in, now), 0);
	return true;
}

static void begin(struct crowd *crowd, uint32_t n)
{
	struct reference *ref = &crowd->refs[n];

	ref->ends = 1 + (uint8_t)roll(crowd, 3);
	/* Sometimes an OPEN and an UPDATE are lost. */
	ref->left[0] = ref->ends & 1 ? 1 + (uint8_t)roll(crowd, 3) : 0;
	ref->left[1] = ref->ends & 2 ? 1 + (uint8_t)roll(crowd, 3) : 0;
	ref->sent = roll(crowd, 1000000);
	ref->received = roll(crowd, 1000000);
}

static void random_crowd_each_is_closed_once_with_exact_totals(void **state)
{
	struct crowd crowd = { .random = 20260101 };
	struct weir_correlate_opts opts = { .sink = check_record, .ctx = &crowd };
	struct weir_correlate_stats stats;
	uint32_t live[RANDOM_LIVE], next = 0, count = 0;
	uint64_t now = WEIRT_T0;

	crowd.refs = calloc(RANDOM_CONNECTIONS, sizeof(*crowd.refs));
	assert_non_null(crowd.refs);
	assert_int_equal(weir_correlate_new(&opts, &crowd.corr), 0);
	while (next < RANDOM_CONNECTIONS || count) {
		uint32_t at;

		while (count < RANDOM_LIVE && next < RANDOM_CONNECTIONS) {
			begin(&crowd, next);
			/* What comes first of each end comes within the join time; the rest in 1 s. */
			for (int end = 0; end < 2; end++)
				(void)step(&crowd, next, now);
			live[count++] = next++;
		}
		at = roll(&crowd, count);
		if (!step(&crowd, live[at], now))
			live[at] = live[--count];
		now += roll(&crowd, 100000);
		if (!roll(&crowd, 64))
			weir_correlate_tick(crowd.corr, now);
		if (!roll(&crowd, 4096)) {
			weir_correlate_get_stats(crowd.corr, &stats);
			assert_true(stats.inputs == stats.delivered + stats.pending);
		}
	}
	assert_true(weir_correlate_tick(crowd.corr, now + 2 * WEIR_NS_PER_SEC) == UINT64_MAX);
	weir_correlate_get_stats(crowd.corr, &stats);
	assert_true(stats.pending == 0 && stats.inputs == stats.delivered);
	assert_true(stats.live == 0 && stats.evicted == 0 && stats.tombstones == 0);
	assert_true(stats.records[WEIR_STATE_CLOSED] == RANDOM_CONNECTIONS);
	for (uint32_t n = 0; n < RANDOM_CONNECTIONS; n++)
		assert_int_equal(crowd.refs[n].closed, 1);
	weir_correlate_free(&crowd.corr);
	free(crowd.refs);
}

/* --- memory --------------------------------------------------------------------------------- */

static void ignore_record(void *ctx, const struct weir_flow *flow)
{
	(*(uint64_t *)ctx)++;
}

static void hundred_thousand_joined_connections_cost_under_20_mb(void **state)
{
	struct weir_correlate *corr = NULL;
	struct weir_correlate_stats stats;
	uint64_t records = 0, now = WEIRT_T0, idle;
	struct weir_correlate_opts opts = { .sink = ignore_record, .ctx = &records };

	assert_int_equal(weir_correlate_new(&opts, &corr), 0);
	weir_correlate_get_stats(corr, &stats);
	idle = stats.memory_bytes;
	for (int round = 0; round < 3; round++) {
		for (uint32_t n = 0; n < 100000; n++) {
			struct weir_flow_input in = nth(n, C, round ? UPDATE : OPEN, now);

			weirt_counts(&in, (uint64_t)round * 100, 0);
			assert_int_equal(weir_correlate_input(corr, &in, now), 0);
			in = nth(n, S, round ? UPDATE : OPEN, now);
			assert_int_equal(weir_correlate_input(corr, &in, now), 0);
		}
		now += WEIR_NS_PER_SEC;
		weir_correlate_tick(corr, now);
	}
	weir_correlate_get_stats(corr, &stats);
	assert_true(stats.live == 100000 && stats.joined == 100000);
	assert_true(records == 300000);
	/* Index pages are counted whether touched or not. */
	assert_true(idle < 1500000);
	assert_true(stats.memory_bytes - idle < 20000000);
	weir_correlate_free(&corr);
}

static void memory_is_bounded_by_max_connections(void **state)
{
	struct weir_correlate *corr = NULL;
	struct weir_correlate_stats stats;
	uint64_t records = 0, bound = 0, now = WEIRT_T0;
	struct weir_correlate_opts opts = {
		.max_connections = 5000, .sink = ignore_record, .ctx = &records,
	};

	assert_int_equal(weir_correlate_new(&opts, &corr), 0);
	for (uint32_t n = 0; n < 200000; n++, now += 10000) {
		struct weir_flow_input in = nth(n, C, OPEN, now);

		in.end.pid = n + 1;
		in.asked = weirt_addr(10, 96, (uint8_t)(n >> 8), (uint8_t)n);
		in.asked_port = 1;
		assert_int_equal(weir_correlate_input(corr, &in, now), 0);
		in = nth(n, S, n % 2 ? OPEN : CLOSE, now);
		assert_int_equal(weir_correlate_input(corr, &in, now), 0);
		weir_correlate_get_stats(corr, &stats);
		assert_true(stats.inputs == stats.delivered + stats.pending);
		if (n == 50000)
			bound = stats.memory_bytes;
	}
	assert_true(stats.live == 5000);
	assert_true(stats.evicted > 90000);
	assert_true(stats.memory_bytes == bound && bound < 5000000);
	weir_correlate_free(&corr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_bad_options_are_refused),
		cmocka_unit_test(full_table_evicts_the_least_recently_updated),
		cmocka_unit_test(evicted_connection_first_tells_what_it_holds),
		cmocka_unit_test(evicted_half_closed_connection_is_closed_once),
		cmocka_unit_test(failed_connects_push_nobody_out),
		cmocka_unit_test(tombstones_age_out_and_are_bounded),
		cmocka_unit_test(flush_emits_everything_held),
		cmocka_unit_test(resync_closes_what_was_not_seen),
		cmocka_unit_test(resync_begun_anew_forgets_the_first),
		cmocka_unit_test(flood_of_updates_in_one_hold_keeps_the_books),
		cmocka_unit_test(random_crowd_each_is_closed_once_with_exact_totals),
		cmocka_unit_test(hundred_thousand_joined_connections_cost_under_20_mb),
		cmocka_unit_test(memory_is_bounded_by_max_connections),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
