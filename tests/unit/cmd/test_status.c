/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "cmd/weir/status.h"

static void print_status(const char *json, const char *want)
{
	struct weir_status_view view;
	struct weir_error err = { 0 };
	struct weir_buf out;

	weir_buf_init(&out, 0);
	if (weir_status_view_parse(json, strlen(json), &view, &err) < 0)
		fail_msg("%s", err.text);
	weir_status_print(&view, "unix:/run/weir/weir.sock", &out);
	assert_string_equal(weir_buf_cstr(&out), want);
	weir_status_view_done(&view);
	weir_buf_done(&out);
}

static void status_all_members_are_shown(void **state)
{
	print_status(
		"{\"version\":\"0.1.0\",\"node_name\":\"worker-1\",\"uptime_ns\":\"100000000000\","
		"\"seen\":\"21234\",\"delivered\":\"21190\",\"pending\":\"2\","
		"\"lost\":{\"ringbuf_full\":\"40\",\"bad_event\":\"0\",\"no_memory\":\"2\"},"
		"\"connections\":\"17\",\"evicted\":\"1\","
		"\"history\":{\"records\":\"1234\",\"capacity\":\"8191\",\"total\":\"16744\"},"
		"\"clients\":{\"connected\":\"3\",\"records_lost\":\"1500\"},"
		"\"capture\":{\"cgroup_root\":\"/sys/fs/cgroup\",\"degraded\":[\"no sweep\",7]},"
		"\"links\":{\"watched\":\"1030\",\"waiting\":\"2\",\"failed\":\"1\"},"
		"\"store\":{\"pods\":\"1024\",\"services\":\"4\"}}\n",
		"Healthcheck (via unix:/run/weir/weir.sock): Ok\n"
		"Node: worker-1, weir-agent 0.1.0, up 1m40s\n"
		"Current/Max Flows: 1,234/8,191 (15.06%)\n"
		"Flows/s: 167.44\n"
		"Open connections: 17 (1 let go for lack of room)\n"
		"Seen: 21,234\n"
		"Delivered: 21,190\n"
		"Pending: 2\n"
		"Lost: 42 (ringbuf_full 40, no_memory 2)\n"
		"Clients: 3 (1,500 records lost to slow ones)\n"
		"Links: 1,030 watched, 2 waiting, 1 failed\n"
		"Known: 1,024 pods, 4 services\n"
		"Degraded: no sweep\n");
}

static void status_nothing_known_divides_by_nothing(void **state)
{
	print_status("{}", "Healthcheck (via unix:/run/weir/weir.sock): Ok\n"
			   "Node: unknown, weir-agent unknown, up 0.00ms\n"
			   "Current/Max Flows: 0/0 (0.00%)\n"
			   "Flows/s: 0.00\n"
			   "Open connections: 0\n"
			   "Seen: 0\n"
			   "Delivered: 0\n"
			   "Lost: 0\n"
			   "Clients: 0\n");
}

static void status_hostile_texts_are_harmless(void **state)
{
	print_status(
		"{\"version\":\"\\u001b[2J\",\"node_name\":\"a\\nb\",\"lost\":{\"x\\u0007\":\"1\"},"
		"\"store\":[],\"history\":{\"records\":\"18446744073709551615\",\"capacity\":1}}",
		"Healthcheck (via unix:/run/weir/weir.sock): Ok\n"
		"Node: a?b, weir-agent ?[2J, up 0.00ms\n"
		"Current/Max Flows: 18,446,744,073,709,551,615/1 (4294967196.00%)\n"
		"Flows/s: 0.00\n"
		"Open connections: 0\n"
		"Seen: 0\n"
		"Delivered: 0\n"
		"Lost: 1 (x? 1)\n"
		"Clients: 0\n");
}

static void status_bad_json_is_refused(void **state)
{
	struct weir_status_view view;
	struct weir_error err = { 0 };

	assert_int_equal(weir_status_view_parse("<html>", 6, &view, &err), -EINVAL);
	assert_string_equal(err.text, "not JSON at column 1: unexpected character");
	assert_int_equal(weir_status_view_parse("", 0, &view, &err), -EINVAL);
	assert_int_equal(weir_status_view_parse("[]", 2, &view, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_all_members_are_shown),
		cmocka_unit_test(status_nothing_known_divides_by_nothing),
		cmocka_unit_test(status_hostile_texts_are_harmless),
		cmocka_unit_test(status_bad_json_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
