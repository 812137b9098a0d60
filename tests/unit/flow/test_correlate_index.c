/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of every sort, so many that the index grows, and then shrinks again. */
#include "tests/unit/flow/fixture.h"

#define C WEIR_ROLE_CLIENT
#define S WEIR_ROLE_SERVER
#define OPEN WEIR_INPUT_OPEN
#define CLOSE WEIR_INPUT_CLOSE

/* Service 10.96.a.b has one backend, 10.0.a.b. */
static bool translates_one_to_one(void *ctx, const struct weir_addr *asked, uint16_t asked_port,
				  const struct weir_addr *backend, uint16_t backend_port,
				  uint8_t protocol, uint64_t when_ns)
{
	return asked->bytes[13] == 96 &&
	       (!backend || !memcmp(asked->bytes + 14, backend->bytes + 14, 2));
}

enum sort {
	SORT_TCP,
	SORT_TCP_SAME_KEY,  /* by its sequence numbers the connection before */
	SORT_UDP,
	SORT_UDP_LOOPBACK,  /* the addresses of many, in a namespace of its own */
	SORT_UDP_SERVICE,
	SORT_MAX_,
};

static struct weir_flow_input sorted(uint32_t n, enum weir_role role, enum weir_input_kind kind,
				     uint64_t now)
{
	enum sort sort = n % SORT_MAX_;
	struct weir_flow_input in = weirt_tcp(role, kind, now);
	uint32_t isn = 1 + 2 * (sort == SORT_TCP_SAME_KEY ? n - 1 : n);
	struct weir_addr client = weirt_addr(10, 1, (uint8_t)(n >> 8), (uint8_t)n);
	struct weir_addr server = weirt_addr(10, 0, (uint8_t)(n >> 8), (uint8_t)n);

	in.isn_local = role == C ? isn : isn + 1;
	in.isn_remote = role == C ? isn + 1 : isn;
	in.end.pid = n % 500;
	in.end.cookie = 1000 + 2 * (uint64_t)n + (role == S);
	if (sort == SORT_UDP_LOOPBACK) {
		client = server = weirt_addr(127, 0, 0, 1);
		in.end.netns = n;
	}
	in.local = role == C ? client : server;
	in.remote = role == C ? server : client;
	if (sort < SORT_UDP)
		return in;
	in.protocol = IPPROTO_UDP;
	in.opened_ns = WEIRT_T0;
	in.isn_local = in.isn_remote = 0;
	in.end_reason = kind == CLOSE ? WEIR_END_SOCKET_CLOSED : WEIR_END_NONE;
	if (sort == SORT_UDP_SERVICE && role == C)
		in.asked = in.remote = weirt_addr(10, 96, (uint8_t)(n >> 8), (uint8_t)n);
	in.asked_port = role == C ? in.remote_port : 0;
	return in;
}

static void count_by_state(void *ctx, const struct weir_flow *flow)
{
	uint64_t *counts = ctx;

	/* Client and server of one number: 2n and 2n + 1. */
	assert_true(flow->destination.cookie == flow->source.cookie + 1);
	counts[flow->state]++;
}

static void every_sort_is_found_again_while_the_index_grows_and_shrinks(void **state)
{
	enum {
		COUNT = 10000
	};
	uint64_t counts[WEIR_STATE_CLOSED + 1] = { 0 }, now = WEIRT_T0;
	struct weir_correlate_opts opts = {
		.sink = count_by_state,
		.translates = translates_one_to_one,
		.ctx = counts,
	};
	struct weir_correlate *corr = NULL;
	struct weir_correlate_stats stats;

	assert_int_equal(weir_correlate_new(&opts, &corr), 0);
	for (uint32_t n = 0; n < COUNT; n++) {
		struct weir_flow_input in = sorted(n, C, OPEN, now);

		assert_int_equal(weir_correlate_input(corr, &in, now), 0);
		if (n % SORT_MAX_ == SORT_TCP || n % SORT_MAX_ == SORT_TCP_SAME_KEY) {
			in = sorted(n, S, OPEN, now);
			assert_int_equal(weir_correlate_input(corr, &in, now), 0);
		}
	}
	for (uint32_t n = COUNT; n--;) {
		struct weir_flow_input in = sorted(n, S, OPEN, now);

		assert_int_equal(weir_correlate_input(corr, &in, now), 0);
	}
	weir_correlate_get_stats(corr, &stats);
	assert_int_equal(stats.live, COUNT);
	assert_int_equal(stats.joined, COUNT);
	assert_int_equal(stats.collisions, COUNT / SORT_MAX_);
	now += WEIR_NS_PER_SEC;
	weir_correlate_tick(corr, now);
	assert_int_equal(counts[WEIR_STATE_OPEN], COUNT);
	for (uint32_t n = 0; n < COUNT; n++) {
		struct weir_flow_input in = sorted(n, S, CLOSE, now);

		assert_int_equal(weir_correlate_input(corr, &in, now), 0);
		in = sorted(n, C, CLOSE, now);
		assert_int_equal(weir_correlate_input(corr, &in, now), 0);
	}
	weir_correlate_get_stats(corr, &stats);
	assert_int_equal(counts[WEIR_STATE_CLOSED], COUNT);
	assert_int_equal(counts[WEIR_STATE_ACTIVE], 0);
	assert_int_equal(stats.live, 0);
	assert_int_equal(stats.tombstones, 0);
	assert_int_equal(stats.evicted, 0);
	weir_correlate_free(&corr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_sort_is_found_again_while_the_index_grows_and_shrinks),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
