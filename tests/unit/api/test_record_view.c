/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/records.h"

#include "api/json.h"
#include "api/record_view.h"
#include "lib/buf.h"

/* A line is one object and nothing else; json-c by itself stops at a NUL. */
static void line_is_one_object(void **state)
{
	static const struct {
		const char *line;
		size_t len;
		const char *want;   /* NULL: taken */
	} cases[] = {
		{ "{\"flow\":{}}", 11, NULL },
		{ "{\"flow\":{}} \n", 13, NULL },
		{ "{\"flow\":{}}\0garbage", 19, "not JSON at column 12: NUL" },
		{ "\0", 1, "not JSON at column 1: NUL" },
		{ "{\"flow\":{}}x", 12, "not JSON at column 12: " },
		{ "{\"flow\":", 8, "the JSON ends too early, at column 8" },
		{ "[]", 2, "JSON, but not an object" },
	};
	struct weir_view_reader *reader = NULL;

	assert_int_equal(weir_view_reader_new(&reader), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_error err = { 0 };
		struct weir_view view;
		int r = weir_view_read(reader, cases[i].line, cases[i].len, &view, &err);

		if (r != (cases[i].want ? -EINVAL : 0))
			fail_msg("case %zu: %d, %s", i, r, err.text);
		if (cases[i].want && strncmp(err.text, cases[i].want, strlen(cases[i].want)) != 0)
			fail_msg("case %zu: %s", i, err.text);
	}
	weir_view_reader_free(&reader);
}

/* As it was encoded. */
static void dns_answer_is_read_back(void **state)
{
	const struct weir_record record = weirt_dns_answer();
	struct weir_view_reader *reader = NULL;
	struct weir_error err = { 0 };
	struct weir_view view;
	struct weir_buf line;

	weir_buf_init(&line, 0);
	weir_json_record(&line, &record, "n");
	assert_int_equal(weir_view_reader_new(&reader), 0);
	assert_int_equal(weir_view_read(reader, line.data, line.len - 1, &view, &err), 0);
	assert_int_equal(view.event_type, 129);
	assert_true(view.is_reply);
	assert_string_equal(view.service, "cart");
	assert_false(view.connection.present);
	assert_true(view.dns.present);
	assert_true(view.dns.response);
	assert_string_equal(view.dns.query, "www.example.");
	assert_string_equal(view.dns.qtype, "AAAA");
	assert_string_equal(view.dns.source, "weir");
	assert_int_equal(view.dns.n_ips, 2);
	assert_string_equal(view.dns.ips[0], "192.0.2.1");
	assert_string_equal(view.dns.ips[1], "2001:db8::1");
	assert_int_equal(view.dns.n_cnames, 2);
	assert_string_equal(view.dns.cnames[0], "a\"b\\032.example.");
	assert_int_equal(view.dns.ttl, 30);
	assert_int_equal(view.dns.latency_ns, 1234567);
	weir_view_reader_free(&reader);
	weir_buf_done(&line);
}

static void dns_of_wrong_types_is_empty(void **state)
{
	static const char line[] = "{\"flow\":{\"l7\":{\"type\":3,\"dns\":{\"query\":[],\"ips\":"
				   "[1,\"a\",null],\"cnames\":\"x\",\"qtypes\":[[]]}}}}";
	struct weir_view_reader *reader = NULL;
	struct weir_error err = { 0 };
	struct weir_view view;

	assert_int_equal(weir_view_reader_new(&reader), 0);
	assert_int_equal(weir_view_read(reader, line, sizeof(line) - 1, &view, &err), 0);
	assert_true(view.dns.present);
	assert_false(view.dns.response);
	assert_string_equal(view.dns.query, "");
	assert_string_equal(view.dns.qtype, "");
	assert_int_equal(view.dns.n_ips, 1);
	assert_string_equal(view.dns.ips[0], "a");
	assert_int_equal(view.dns.n_cnames, 0);
	weir_view_reader_free(&reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_is_one_object),
		cmocka_unit_test(dns_answer_is_read_back),
		cmocka_unit_test(dns_of_wrong_types_is_empty),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
