/* SPDX-License-Identifier: Apache-2.0 */
/* Which side's RST it was, from what either end tells. */
#include <errno.h>
#include "tests/unit/flow/fixture.h"

#define C WEIR_ROLE_CLIENT
#define S WEIR_ROLE_SERVER
#define CLOSE WEIR_INPUT_CLOSE

static void reset_by_whom(void **state)
{
	enum {
		SENT = 1,
		RECEIVED = 2
	};
	static const struct {
		int client, server;
		enum weir_end_reason reason;
		enum weir_role want;
	} cases[] = {
		{ SENT, 0, WEIR_END_RST, WEIR_ROLE_CLIENT },
		{ RECEIVED, 0, WEIR_END_RST, WEIR_ROLE_SERVER },
		{ SENT, RECEIVED, WEIR_END_RST, WEIR_ROLE_CLIENT },
		{ RECEIVED, SENT, WEIR_END_RST, WEIR_ROLE_SERVER },
		{ 0, SENT, WEIR_END_RST, WEIR_ROLE_SERVER },
		{ SENT, SENT, WEIR_END_RST, WEIR_ROLE_UNKNOWN },
		{ 0, 0, WEIR_END_RST, WEIR_ROLE_UNKNOWN },
		{ SENT, RECEIVED, WEIR_END_FIN, WEIR_ROLE_UNKNOWN },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_flow_input client = weirt_tcp(C, CLOSE, WEIRT_T0);
		struct weir_flow_input server = weirt_tcp(S, CLOSE, WEIRT_T0);
		struct weirt_bench bench;

		client.end_reason = server.end_reason = cases[i].reason;
		client.reset_sent = cases[i].client & SENT;
		client.reset_received = cases[i].client & RECEIVED;
		server.reset_sent = cases[i].server & SENT;
		server.reset_received = cases[i].server & RECEIVED;
		weirt_bench_init(&bench, 0);
		weirt_put(&bench, &client);
		weirt_put(&bench, &server);
		assert_int_equal(weirt_last(&bench)->reset_by, cases[i].want);
		weirt_bench_done(&bench);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reset_by_whom),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
