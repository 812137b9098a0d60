/* SPDX-License-Identifier: Apache-2.0 */
/* Whose windows were 0, as either end or both tell of it. */
#include "tests/unit/flow/fixture.h"

#define C WEIR_ROLE_CLIENT
#define S WEIR_ROLE_SERVER
#define OPEN WEIR_INPUT_OPEN

/* Both ends know of the same segments; what one has not seen is no less true. */
static void zero_windows_of_both_ends_are_the_higher_count(void **state)
{
	struct weir_flow_input client = weirt_tcp(C, OPEN, WEIRT_T0 + 100000);
	struct weir_flow_input server = weirt_tcp(S, OPEN, WEIRT_T0 + 110000);
	const struct weir_flow *flow;
	struct weirt_bench bench;

	client.counts.zero_windows_tx = 5;
	server.counts.zero_windows_rx = 3;
	client.counts.zero_windows_rx = 7;
	server.counts.zero_windows_tx = 70000;
	weirt_bench_init(&bench, 0);
	weirt_put(&bench, &client);
	weirt_put(&bench, &server);
	weirt_wait(&bench, WEIRT_MS(20));
	flow = weirt_last(&bench);
	assert_int_equal(flow->zero_windows_sent, 5);
	assert_int_equal(flow->zero_windows_received, UINT16_MAX);
	/* Nothing else moves, and the totals never fall. */
	server.kind = WEIR_INPUT_UPDATE;
	server.counts.zero_windows_rx = 6;
	server.counts.zero_windows_tx = 1;
	weirt_put(&bench, &server);
	weirt_wait(&bench, WEIRT_MS(20));
	assert_string_equal(weirt_states(&bench), "OA");
	flow = weirt_last(&bench);
	assert_int_equal(flow->zero_windows_sent, 6);
	assert_int_equal(flow->zero_windows_received, UINT16_MAX);
	weirt_put(&bench, &server);
	weirt_wait(&bench, WEIRT_MS(20));
	assert_string_equal(weirt_states(&bench), "OA");
	weirt_bench_done(&bench);
}

static void zero_windows_of_an_end_elsewhere_are_those_that_arrived(void **state)
{
	struct weir_flow_input server = weirt_tcp(S, OPEN, WEIRT_T0 + 110000);
	const struct weir_flow *flow;
	struct weirt_bench bench;

	server.counts.zero_windows_rx = 2;
	server.counts.zero_windows_tx = 1;
	weirt_bench_init(&bench, 0);
	weirt_put(&bench, &server);
	weirt_wait(&bench, WEIRT_MS(20));
	flow = weirt_last(&bench);
	assert_int_equal(flow->zero_windows_sent, 2);
	assert_int_equal(flow->zero_windows_received, 1);
	weirt_bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zero_windows_of_both_ends_are_the_higher_count),
		cmocka_unit_test(zero_windows_of_an_end_elsewhere_are_those_that_arrived),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
