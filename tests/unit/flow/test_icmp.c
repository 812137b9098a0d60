/* SPDX-License-Identifier: Apache-2.0 */
/* What ICMP errors are called, and how many there were of those seen at several places. */
#include "flow/icmp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SENDER 9
#define TRANSLATED 10

static struct weir_addr v4(uint8_t last)
{
	return (struct weir_addr){ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, last } };
}

static void name_of_type_and_code_is_its_family_s(void **state)
{
	static const struct {
		bool v6;
		uint8_t type, code;
		const char *want;
	} cases[] = {
		{ false, 3, 0, "NET_UNREACHABLE" },
		{ false, 3, 3, "PORT_UNREACHABLE" },
		{ false, 3, 4, "FRAGMENTATION_NEEDED" },
		{ false, 3, 13, "ADMIN_PROHIBITED" },
		{ false, 3, 15, "PRECEDENCE_CUTOFF" },
		{ false, 3, 16, "" },
		{ false, 3, 255, "" },
		{ false, 11, 0, "TTL_EXCEEDED" },
		{ false, 11, 1, "REASSEMBLY_TIMEOUT" },
		{ false, 12, 2, "BAD_LENGTH" },
		{ false, 12, 3, "" },
		{ false, 1, 0, "" },
		{ false, 0, 0, "" },
		{ true, 1, 0, "NO_ROUTE" },
		{ true, 1, 4, "PORT_UNREACHABLE" },
		{ true, 1, 7, "SOURCE_ROUTE_ERROR" },
		{ true, 1, 8, "" },
		{ true, 2, 0, "PACKET_TOO_BIG" },
		{ true, 2, 1, "" },
		{ true, 3, 0, "TTL_EXCEEDED" },
		{ true, 4, 3, "INCOMPLETE_HEADER_CHAIN" },
		{ true, 11, 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_icmp_error error = { .type = cases[i].type, .code = cases[i].code };

		error.sender = cases[i].v6 ? (struct weir_addr){ { 0x20, 1 } } : v4(SENDER);
		assert_string_equal(weir_icmp_to_str(&error), cases[i].want);
	}
}

struct counted {
	struct weir_flow_icmp flow;
	struct weir_icmp_tally tally;
};

static void count(struct counted *c, uint8_t code, uint8_t sender, enum weir_icmp_at at,
		  uint64_t packets, uint64_t time_ns)
{
	struct weir_icmp_error error = { .sender = v4(sender), .type = 3, .code = code };

	weir_icmp_count(&c->flow, &c->tally, &error, at, packets, time_ns);
}

static void assert_counted(const struct counted *c, uint64_t packets, uint8_t code, uint8_t sender)
{
	assert_int_equal(c->flow.packets, packets);
	assert_int_equal(c->flow.latest.type, 3);
	assert_int_equal(c->flow.latest.code, code);
	assert_int_equal(c->flow.latest.sender.bytes[15], sender);
}

static void error_that_passes_the_node_is_one_with_the_sender_it_came_with(void **state)
{
	struct counted c = { 0 };

	(void)state;
	count(&c, 1, SENDER, WEIR_ICMP_UPLINK_IN, 1, 100);
	count(&c, 1, TRANSLATED, WEIR_ICMP_TO_POD, 1, 101);
	assert_counted(&c, 1, 1, SENDER);
	count(&c, 1, SENDER, WEIR_ICMP_UPLINK_IN, 4, 200);
	count(&c, 1, TRANSLATED, WEIR_ICMP_TO_POD, 4, 200);
	assert_counted(&c, 5, 1, SENDER);
}

/* Sweeps tell in any order. */
static void word_of_an_entrance_that_comes_late_names_the_sender(void **state)
{
	struct counted c = { 0 };

	(void)state;
	count(&c, 1, TRANSLATED, WEIR_ICMP_TO_POD, 2, 101);
	assert_counted(&c, 2, 1, TRANSLATED);
	count(&c, 1, SENDER, WEIR_ICMP_UPLINK_IN, 2, 100);
	assert_counted(&c, 2, 1, SENDER);
}

static void errors_of_several_kinds_add_up_and_the_latest_is_told(void **state)
{
	struct counted c = { 0 };

	(void)state;
	count(&c, 1, SENDER, WEIR_ICMP_UPLINK_IN, 2, 100);
	count(&c, 1, SENDER, WEIR_ICMP_TO_POD, 2, 100);
	/* The node's own. */
	count(&c, 3, 1, WEIR_ICMP_TO_POD, 3, 200);
	assert_counted(&c, 5, 3, 1);
	count(&c, 2, SENDER, WEIR_ICMP_UPLINK_IN, 1, 150);
	assert_counted(&c, 5, 3, 1);
	count(&c, 2, SENDER, WEIR_ICMP_UPLINK_IN, 1, 201);
	assert_counted(&c, 5, 2, SENDER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name_of_type_and_code_is_its_family_s),
		cmocka_unit_test(error_that_passes_the_node_is_one_with_the_sender_it_came_with),
		cmocka_unit_test(word_of_an_entrance_that_comes_late_names_the_sender),
		cmocka_unit_test(errors_of_several_kinds_add_up_and_the_latest_is_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
