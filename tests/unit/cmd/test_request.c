/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "cmd/weir/request.h"

#define LIST(...)                                                           \
	{                                                                   \
		.values = (char *[]){ __VA_ARGS__ },                        \
		.count = sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *) \
	}

static void encode_request_is_what_the_protocol_says(void **state)
{
	const struct {
		struct weir_observe_request request;
		const char *want;
	} cases[] = {
		{ { .last = 20 }, "{\"last\":20,\"follow\":false}" },
		{ { .follow = true }, "{\"follow\":true}" },
		{ { .since = "5m", .until = "2100-01-01T12:00:00Z" },
		  "{\"since\":\"5m\",\"until\":\"2100-01-01T12:00:00Z\",\"follow\":false}" },
		{ { .filters = { .namespace_ = LIST("shop", "data"), .to_port = LIST("80") } },
		  "{\"filters\":[{\"namespace\":[\"shop\",\"data\"],\"to-port\":[\"80\"]}],"
		  "\"follow\":false}" },
		{ { .filters = { .pod = LIST("shop/a", "b") } },
		  "{\"filters\":[{\"pod\":[\"shop/a\",\"b\"]}],\"follow\":false}" },
		{ { .filters = { .namespace_ = LIST("shop"), .pod = LIST("cart", "x/y") } },
		  "{\"filters\":[{\"namespace\":[\"shop\"],\"pod\":[\"shop/cart\",\"x/y\"]}],"
		  "\"follow\":false}" },
		{ { .filters = { .from_pod = LIST("a"), .to_pod = LIST("b"),
				 .to_namespace = LIST("p", "q") } },
		  "{\"filters\":[{\"from-pod\":[\"a\"],\"to-namespace\":[\"p\",\"q\"],"
		  "\"to-pod\":[\"p/b\",\"q/b\"]}],\"follow\":false}" },
		{ { .filters = { .from_ip = LIST("10.0.0.0/8", "fd00::1"), .protocol = LIST("udp"),
				 .verdict = LIST("DROPPED", "ERROR") } },
		  "{\"filters\":[{\"from-ip\":[\"10.0.0.0/8\",\"fd00::1\"],\"protocol\":[\"udp\"],"
		  "\"verdict\":[\"DROPPED\",\"ERROR\"]}],\"follow\":false}" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_error err = { 0 };
		struct weir_buf out;

		weir_buf_init(&out, 0);
		if (weir_observe_request_encode(&cases[i].request, &out, &err) < 0)
			fail_msg("%s", err.text);
		assert_string_equal(weir_buf_cstr(&out), cases[i].want);
		weir_buf_done(&out);
	}
}

static void encode_bad_request_names_the_flag(void **state)
{
	const struct {
		struct weir_observe_request request;
		const char *want;
	} cases[] = {
		{ { .filters = { .pod = LIST("a"), .from_pod = LIST("b") } },
		  "filters --pod and --from-pod cannot be combined" },
		{ { .filters = { .ip = LIST("1.2.3.4"), .to_ip = LIST("1.2.3.4") } },
		  "filters --ip and --to-ip cannot be combined" },
		{ { .filters = { .namespace_ = LIST("a"), .to_namespace = LIST("b") } },
		  "filters --namespace and --to-namespace cannot be combined" },
		{ { .filters = { .port = LIST("1"), .from_port = LIST("2") } },
		  "filters --port and --from-port cannot be combined" },
		{ { .filters = { .port = LIST("80", "99999") } }, "--port: '99999'" },
		{ { .filters = { .to_ip = LIST("10.0.0") } }, "--to-ip: '10.0.0'" },
		{ { .filters = { .verdict = LIST("MAYBE") } }, "--verdict: 'MAYBE'" },
		{ { .since = "yesterday" }, "since: 'yesterday'" },
		{ { .until = "1h", .follow = true }, "until: " },
		{ { .since = "1m", .until = "2m" }, "until: " },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_error err = { 0 };
		struct weir_buf out;

		weir_buf_init(&out, 0);
		assert_int_equal(weir_observe_request_encode(&cases[i].request, &out, &err),
				 -EINVAL);
		if (strncmp(err.text, cases[i].want, strlen(cases[i].want)))
			fail_msg("'%s' does not begin with '%s'", err.text, cases[i].want);
		weir_buf_done(&out);
	}
}

static void filters_any_names_the_first(void **state)
{
	const struct weir_observe_filters none = { 0 };
	const struct weir_observe_filters some = { .verdict = LIST("DROPPED"), .ip = LIST("::1") };

	assert_null(weir_observe_filters_any(&none));
	assert_string_equal(weir_observe_filters_any(&some), "ip");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encode_request_is_what_the_protocol_says),
		cmocka_unit_test(encode_bad_request_names_the_flag),
		cmocka_unit_test(filters_any_names_the_first),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
