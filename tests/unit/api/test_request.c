/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/records.h"

#include "api/request.h"
#include "lib/buf.h"

#define NOW_NS WEIRT_TIME_NS

static int decode(struct weir_request *request, const char *text, struct weir_error *err)
{
	weir_request_init(request);
	return weir_request_decode(request, text, strlen(text), NOW_NS, err);
}

static void full_request_is_decoded(void **state)
{
	static const char text[] =
		"{ \"filters\": [ {\"namespace\":[\"shop\"],\"to-port\":[\"80\",\"443\"]}, {} ],\n"
		"  \"last\": 20, \"since\": \"5m\", \"until\": \"2026-07-30T12:12:18Z\","
		"  \"follow\": false }\n";
	struct weir_request request;

	assert_int_equal(decode(&request, text, NULL), 0);
	assert_int_equal(request.n_filters, 2);
	assert_int_equal(request.last, 20);
	assert_int_equal(request.since_ns, NOW_NS - 300 * (int64_t)WEIR_NS_PER_SEC);
	assert_int_equal(request.until_ns, NOW_NS - 510175415);
	assert_false(request.follow);
	weir_request_done(&request);
}

static void empty_request_is_everything(void **state)
{
	const struct weir_record record = weirt_closed();
	struct weir_request request;

	assert_int_equal(decode(&request, "{}", NULL), 0);
	assert_int_equal(request.n_filters, 0);
	assert_true(weir_request_match(&request, &record));
	weir_request_done(&request);
}

static void filters_are_ored(void **state)
{
	static const struct {
		const char *text;
		bool want;
	} cases[] = {
		{ "{\"filters\":[]}", true },
		{ "{\"filters\":[{}]}", true },
		{ "{\"filters\":[{\"to-port\":[\"1\"]},{\"protocol\":[\"udp\"]}]}", false },
		{ "{\"filters\":[{\"to-port\":[\"1\"]},{\"protocol\":[\"tcp\"]}]}", true },
		{ "{\"filters\":[{\"to-port\":[\"80\"],\"protocol\":[\"udp\"]}]}", false },
	};
	const struct weir_record record = weirt_closed();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_request request;

		assert_int_equal(decode(&request, cases[i].text, NULL), 0);
		if (weir_request_match(&request, &record) != cases[i].want)
			fail_msg("%s", cases[i].text);
		weir_request_done(&request);
	}
}

static void bad_json_names_the_place(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *want;
	} cases[] = {
		{ "", -EBADMSG, "request: byte 0: ends too early" },
		{ "{\"last\":", -EBADMSG, "request: byte 8: ends too early" },
		{ "{\"last\" 1}", -EBADMSG, "request: byte 9: " },
		{ "{} x", -EBADMSG, "request: byte 4: " },
		{ "{\"since\":'5m'}", -EBADMSG, "request: byte 10: " },
		{ "{\"last\":1,}", -EBADMSG, "request: byte 11: " },
		{ "// c\n{}", -EBADMSG, "request: byte 1: " },
		{ "\"\xff\"", -EBADMSG, "request: byte 2: " },
		{ "nul", -EBADMSG, "request: byte 3: ends too early" },
		{ "null", -EINVAL, "request: want an object" },
		{ "12", -EINVAL, "request: want an object" },
		{ "null ", -EINVAL, "request: want an object" },
		{ "[1]", -EINVAL, "request: want an object" },
		{ "{\"lasst\":1}", -EINVAL, "lasst: no such member" },
		{ "{\"last\":-1}", -EINVAL,
		  "last: '-1' is not a number of records (0 to 9007199254740992)" },
		{ "{\"last\":9007199254740993}", -EINVAL,
		  "last: '9007199254740993' is not a number of records" },
		{ "{\"last\":99999999999999999999}", -EINVAL, "last: '" },
		{ "{\"last\":1.5}", -EINVAL, "last: want a number of records" },
		{ "{\"last\":null}", -EINVAL, "last: want a number of records" },
		{ "{\"follow\":1}", -EINVAL, "follow: want true or false" },
		{ "{\"since\":5}", -EINVAL, "since: want a string" },
		{ "{\"since\":\"-5m\"}", -EINVAL,
		  "since: '-5m' is neither RFC 3339 nor a duration like 5m" },
		{ "{\"since\":\"1m\\u0000\"}", -EINVAL, "since: holds a NUL character" },
		{ "{\"since\":\"1m\",\"until\":\"2m\"}", -EINVAL, "until: is before since" },
		{ "{\"filters\":{}}", -EINVAL, "filters: want an array of objects" },
		{ "{\"filters\":[1]}", -EINVAL, "filters[0]: want an object" },
		{ "{\"filters\":[{},{\"pod\":\"a\"}]}", -EINVAL,
		  "filters[1].pod: want an array of strings" },
		{ "{\"filters\":[{\"pod\":[\"a\",7]}]}", -EINVAL,
		  "filters[0].pod[1]: want a string" },
		{ "{\"filters\":[{\"port\":[\"http\"]}]}", -EINVAL,
		  "filters[0].port: 'http' is not a port" },
		{ "{\"filters\":[{\"port\":[]}]}", -EINVAL, "filters[0].port: is empty" },
		{ "{\"filters\":[{\"x\":[\"1\"]}]}", -EINVAL, "filters[0].x: no such filter" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_request request;
		struct weir_error err = { 0 };
		int r = decode(&request, cases[i].text, &err);

		if (r != cases[i].code ||
		    strncmp(err.text, cases[i].want, strlen(cases[i].want)) != 0)
			fail_msg("%s: %d, %s", cases[i].text, r, err.text);
		weir_request_done(&request);
	}
}

static void limits_hold(void **state)
{
	char text[4096] = "{\"filters\":[";
	struct weir_request request;
	struct weir_error err = { 0 };

	for (int i = 0; i < 64; i++)
		strcat(text, i ? ",{}" : "{}");
	strcat(text, "]}");
	assert_int_equal(decode(&request, text, &err), 0);
	weir_request_done(&request);
	strcpy(text + strlen(text) - 2, ",{}]}");
	assert_int_equal(decode(&request, text, &err), -EINVAL);
	assert_string_equal(err.text, "filters: 65 are more than 64");
	weir_request_done(&request);
	assert_int_equal(decode(&request, "{\"last\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", &err),
			 -EBADMSG);
	weir_request_done(&request);
}

/* One value above the limit, over two filters and as parameters. */
static void values_of_all_filters_together_are_limited(void **state)
{
	struct weir_request request;
	struct weir_error err = { 0 };
	struct weir_buf text;

	for (int n = WEIR_REQUEST_VALUES_MAX; n <= WEIR_REQUEST_VALUES_MAX + 1; n++) {
		int want = n > WEIR_REQUEST_VALUES_MAX ? -EINVAL : 0;

		weir_buf_init(&text, 0);
		weir_buf_puts(&text, "{\"filters\":[{\"protocol\":[\"tcp\"]},{\"ip\":[\"::1\"");
		for (int i = 2; i < n; i++)
			weir_buf_puts(&text, ",\"::1\"");
		weir_buf_puts(&text, "]}]}");
		assert_int_equal(decode(&request, weir_buf_cstr(&text), &err), want);
		weir_request_done(&request);
		weir_buf_done(&text);
	}
	assert_string_equal(err.text, "filters[1].ip: the filters have more than 256 values");
	weir_request_init(&request);
	for (int i = 0; i < WEIR_REQUEST_VALUES_MAX; i++)
		assert_int_equal(weir_request_add_param(&request, "ip", "::1", NOW_NS, NULL), 0);
	assert_int_equal(weir_request_add_param(&request, "port", "1", NOW_NS, NULL), -EINVAL);
	weir_request_done(&request);
}

static void nul_ends_no_request(void **state)
{
	static const char text[] = "{\"last\":1}\0garbage";
	struct weir_request request;
	struct weir_error err = { 0 };

	weir_request_init(&request);
	assert_int_equal(weir_request_decode(&request, text, sizeof(text) - 1, NOW_NS, &err),
			 -EBADMSG);
	assert_string_equal(err.text, "request: byte 11: is NUL");
	weir_request_done(&request);
}

/* The epoch is a time as any other, and so is what was before it. */
static void times_are_taken_as_they_are(void **state)
{
	static const struct {
		const char *text;
		int64_t want;
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "1677-09-21T00:12:43.145224192Z", INT64_MIN },
		{ "876000h", NOW_NS - 3153600000 * (int64_t)WEIR_NS_PER_SEC },
		{ "2562047h47m16.854775807s", NOW_NS - INT64_MAX },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_request request;

		weir_request_init(&request);
		assert_int_equal(
			weir_request_add_param(&request, "since", cases[i].text, NOW_NS, NULL), 0);
		assert_true(request.has_since);
		assert_false(request.has_until);
		assert_true(request.since_ns == cases[i].want);
		assert_int_equal(weir_request_add_param(&request, "until", "1970-01-01T00:00:00Z",
							NOW_NS, NULL),
				 0);
		assert_true(request.has_until);
		assert_int_equal(request.until_ns, 0);
		assert_int_equal(weir_request_check(&request, NULL), 0);
		request.follow = true;
		assert_int_equal(weir_request_check(&request, NULL), -EINVAL);
		weir_request_done(&request);
	}
}

static void last_has_one_maximum_in_both_forms(void **state)
{
	struct weir_request request;

	assert_int_equal(decode(&request, "{\"last\":9007199254740992}", NULL), 0);
	assert_true(request.last == WEIR_REQUEST_LAST_MAX);
	request.last = 0;
	assert_int_equal(weir_request_add_param(&request, "last", "9007199254740992", NOW_NS, NULL),
			 0);
	assert_true(request.last == WEIR_REQUEST_LAST_MAX);
	assert_int_equal(weir_request_add_param(&request, "last", "9007199254740993", NOW_NS, NULL),
			 -EINVAL);
	assert_int_equal(weir_request_add_param(&request, "last", "", NOW_NS, NULL), -EINVAL);
	weir_request_done(&request);
}

static void parameters_are_one_filter(void **state)
{
	const struct weir_record record = weirt_closed();
	struct weir_request request;

	weir_request_init(&request);
	assert_int_equal(weir_request_add_param(&request, "to-port", "81,80", NOW_NS, NULL), 0);
	assert_int_equal(weir_request_add_param(&request, "protocol", "tcp", NOW_NS, NULL), 0);
	assert_int_equal(weir_request_add_param(&request, "follow", "", NOW_NS, NULL), 0);
	assert_int_equal(weir_request_add_param(&request, "last", "5", NOW_NS, NULL), 0);
	assert_int_equal(weir_request_add_param(&request, "since", "1s", NOW_NS, NULL), 0);
	assert_int_equal(weir_request_check(&request, NULL), 0);
	assert_int_equal(request.n_filters, 1);
	assert_true(request.follow);
	assert_int_equal(request.last, 5);
	assert_int_equal(request.since_ns, NOW_NS - (int64_t)WEIR_NS_PER_SEC);
	assert_true(weir_request_match(&request, &record));
	assert_int_equal(weir_request_add_param(&request, "from-ip", "10.9.9.9", NOW_NS, NULL), 0);
	assert_false(weir_request_match(&request, &record));
	assert_int_equal(weir_request_add_param(&request, "until", "1s", NOW_NS, NULL), 0);
	assert_int_equal(weir_request_check(&request, NULL), -EINVAL);
	weir_request_done(&request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_request_is_decoded),
		cmocka_unit_test(empty_request_is_everything),
		cmocka_unit_test(filters_are_ored),
		cmocka_unit_test(bad_json_names_the_place),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(values_of_all_filters_together_are_limited),
		cmocka_unit_test(nul_ends_no_request),
		cmocka_unit_test(times_are_taken_as_they_are),
		cmocka_unit_test(last_has_one_maximum_in_both_forms),
		cmocka_unit_test(parameters_are_one_filter),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
