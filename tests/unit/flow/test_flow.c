/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/flow/fixture.h"

static void end_reason_each_value_has_its_text(void **state)
{
	static const struct {
		enum weir_end_reason input;
		const char *want;
	} cases[] = {
		{ WEIR_END_NONE, "" },
		{ WEIR_END_FIN, "FIN" },
		{ WEIR_END_RST, "RST" },
		{ WEIR_END_REFUSED, "REFUSED" },
		{ WEIR_END_TIMEOUT, "TIMEOUT" },
		{ WEIR_END_UNREACHABLE, "UNREACHABLE" },
		{ WEIR_END_ABORTED, "ABORTED" },
		{ WEIR_END_LOCAL_ERROR, "LOCAL_ERROR" },
		{ WEIR_END_SOCKET_CLOSED, "SOCKET_CLOSED" },
		{ WEIR_END_IDLE, "IDLE" },
		{ WEIR_END_UNKNOWN, "UNKNOWN" },
		{ WEIR_END_MAX_, "" },
		{ (enum weir_end_reason)200, "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(weir_end_reason_to_str(cases[i].input), cases[i].want);
}

static void verdict_each_value_has_flow_protos_spelling(void **state)
{
	assert_string_equal(weir_verdict_to_str(WEIR_VERDICT_UNKNOWN), "VERDICT_UNKNOWN");
	assert_string_equal(weir_verdict_to_str(WEIR_VERDICT_FORWARDED), "FORWARDED");
	assert_string_equal(weir_verdict_to_str(WEIR_VERDICT_DROPPED), "DROPPED");
	assert_string_equal(weir_verdict_to_str(WEIR_VERDICT_ERROR), "ERROR");
	assert_string_equal(weir_verdict_to_str((enum weir_verdict)99), "VERDICT_UNKNOWN");
}

static void state_each_value_has_its_text(void **state)
{
	assert_string_equal(weir_state_to_str(WEIR_STATE_OPEN), "OPEN");
	assert_string_equal(weir_state_to_str(WEIR_STATE_ACTIVE), "ACTIVE");
	assert_string_equal(weir_state_to_str(WEIR_STATE_CLOSED), "CLOSED");
	assert_string_equal(weir_state_to_str((enum weir_flow_state)99), "");
}

static void protocol_known_and_unknown_numbers_are_named(void **state)
{
	assert_string_equal(weir_protocol_to_str(6), "TCP");
	assert_string_equal(weir_protocol_to_str(17), "UDP");
	assert_string_equal(weir_protocol_to_str(132), "SCTP");
	assert_string_equal(weir_protocol_to_str(1), "ICMPv4");
	assert_string_equal(weir_protocol_to_str(58), "ICMPv6");
	assert_string_equal(weir_protocol_to_str(0), "UNKNOWN");
	assert_string_equal(weir_protocol_to_str(255), "UNKNOWN");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(end_reason_each_value_has_its_text),
		cmocka_unit_test(verdict_each_value_has_flow_protos_spelling),
		cmocka_unit_test(state_each_value_has_its_text),
		cmocka_unit_test(protocol_known_and_unknown_numbers_are_named),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
