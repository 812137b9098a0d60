/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/weir/printer.h"
#include "lib/cleanup.h"

#define GOLDEN "tests/golden/cli/"

static void read_file(const char *path, struct weir_buf *out)
{
	_cleanup_file_ FILE *file = fopen(path, "re");
	size_t n;

	if (!file)
		fail_msg("%s: %s", path, strerror(errno));
	weir_buf_init(out, 0);
	do {
		char *room = weir_buf_room(out, BUFSIZ);

		assert_non_null(room);
		n = fread(room, 1, BUFSIZ, file);
		out->len += n;
	} while (n);
	assert_false(ferror(file));
}

/* Prints every line of @in; none of them may fail. */
static void print_all(const struct weir_printer_opts *opts, const struct weir_buf *in,
		      struct weir_buf *out)
{
	struct weir_printer *printer = NULL;
	struct weir_error err = { 0 };

	weir_buf_init(out, 0);
	assert_int_equal(weir_printer_new(opts, &printer), 0);
	for (size_t at = 0; at < in->len;) {
		const char *line = in->data + at;
		const char *end = memchr(line, '\n', in->len - at);

		assert_non_null(end);
		if (weir_printer_line(printer, line, (size_t)(end - line), out, &err) < 0)
			fail_msg("%s", err.text);
		at = (size_t)(end - in->data) + 1;
	}
	weir_printer_end(printer, out);
	weir_printer_free(&printer);
	assert_null(printer);
}

static void check_golden(const char *in_name, const char *ok_name,
			 const struct weir_printer_opts *opts)
{
	struct weir_buf in, ok, out;

	read_file(in_name, &in);
	read_file(ok_name, &ok);
	print_all(opts, &in, &out);
	assert_string_equal(weir_buf_cstr(&out), weir_buf_cstr(&ok));
	for (size_t i = 0; i < out.len && !opts->color; i++)
		assert_true(out.data[i] == '\n' || (unsigned char)out.data[i] >= ' ');
	weir_buf_done(&in);
	weir_buf_done(&ok);
	weir_buf_done(&out);
}

static void print_flows_match_golden(void **state)
{
	static const struct {
		const char *ok;
		struct weir_printer_opts opts;
	} cases[] = {
		{ GOLDEN "shop.compact.ok", { .format = WEIR_PRINT_COMPACT, .node_name = true } },
		{ GOLDEN "shop.dict.ok", { .format = WEIR_PRINT_DICT, .node_name = true } },
		{ GOLDEN "shop.table.ok", { .format = WEIR_PRINT_TABLE, .node_name = true } },
		{ GOLDEN "shop.table.ok",
		  { .format = WEIR_PRINT_TABLE, .node_name = true, .color = true } },
		{ GOLDEN "shop.color.ok",
		  { .color = true, .time_format = WEIR_TIME_RFC3339_NANO } },
		{ GOLDEN "shop.numeric.ok",
		  { .numeric = true, .time_format = WEIR_TIME_RFC3339_MILLI } },
		{ GOLDEN "shop.in", { .format = WEIR_PRINT_JSONPB, .color = true } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_golden(GOLDEN "shop.in", cases[i].ok, &cases[i].opts);
}

static void print_dns_in_hubbles_words(void **state)
{
	static const struct {
		const char *ok;
		struct weir_printer_opts opts;
	} cases[] = {
		{ GOLDEN "dns.compact.ok", { .format = WEIR_PRINT_COMPACT, .node_name = true } },
		{ GOLDEN "dns.dict.ok", { .format = WEIR_PRINT_DICT, .node_name = true } },
		{ GOLDEN "dns.table.ok", { .format = WEIR_PRINT_TABLE, .node_name = true } },
		{ GOLDEN "dns.numeric.ok",
		  { .numeric = true, .time_format = WEIR_TIME_RFC3339_MILLI } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_golden(GOLDEN "dns.in", cases[i].ok, &cases[i].opts);
}

static void print_hostile_names_never_reach_the_terminal(void **state)
{
	static const struct {
		const char *ok;
		struct weir_printer_opts opts;
	} cases[] = {
		{ GOLDEN "hostile.compact.ok",
		  { .format = WEIR_PRINT_COMPACT, .node_name = true } },
		{ GOLDEN "hostile.dict.ok", { .format = WEIR_PRINT_DICT, .node_name = true } },
		{ GOLDEN "hostile.table.ok", { .format = WEIR_PRINT_TABLE, .node_name = true } },
		{ GOLDEN "hostile.in", { .format = WEIR_PRINT_JSONPB } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_golden(GOLDEN "hostile.in", cases[i].ok, &cases[i].opts);
}

/* What one line of the stream looks like has @want in it. */
static void check_compact(const struct weir_printer_opts *opts, const char *line, const char *want)
{
	struct weir_printer *printer = NULL;
	struct weir_error err = { 0 };
	struct weir_buf out;

	weir_buf_init(&out, 0);
	assert_int_equal(weir_printer_new(opts, &printer), 0);
	assert_int_equal(weir_printer_line(printer, line, strlen(line), &out, &err), 0);
	if (!strstr(weir_buf_cstr(&out), want))
		fail_msg("'%s' is not in '%s'", want, weir_buf_cstr(&out));
	weir_printer_free(&printer);
	weir_buf_done(&out);
}

static void print_type_is_hubbles_word(void **state)
{
	static const struct {
		const char *line;
		const char *want;
	} cases[] = {
		{ "{\"flow\":{\"event_type\":{\"type\":4}}}", " to-endpoint " },
		{ "{\"flow\":{\"event_type\":{\"type\":4,\"sub_type\":5}}}", " from-endpoint " },
		{ "{\"flow\":{\"event_type\":{\"type\":4,\"sub_type\":99}}}", " UNKNOWN " },
		{ "{\"flow\":{\"event_type\":{\"type\":129}}}", " UNKNOWN " },
		{ "{\"flow\":{\"event_type\":{\"type\":1},\"drop_reason_desc\":\"POLICY_DENIED\"}}",
		  " POLICY_DENIED " },
	};
	const struct weir_printer_opts opts = { .format = WEIR_PRINT_COMPACT };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_compact(&opts, cases[i].line, cases[i].want);
}

static void print_icmp_error_is_behind_the_end(void **state)
{
#define FLOW(error_)                                                                                   \
	"{\"flow\":{\"l4\":{\"UDP\":{}},\"connection\":{\"state\":\"CLOSED\",\"end_reason\":\"IDLE\"," \
	"\"packets_sent\":\"1\",\"icmp_error\":" error_ "}}}"
	static const struct {
		const char *line;
		const char *want;
	} cases[] = {
		{ FLOW("{\"type\":3,\"code\":3,\"name\":\"PORT_UNREACHABLE\",\"sender\":\"10.0.0.1\","
		       "\"count\":\"1\"}"),
		  "(UDP CLOSED IDLE; ICMP PORT_UNREACHABLE from 10.0.0.1; sent " },
		{ FLOW("{\"type\":3,\"code\":4,\"name\":\"FRAGMENTATION_NEEDED\",\"sender\":"
		       "\"10.0.0.1\",\"mtu\":1400,\"count\":\"3\"}"),
		  "; ICMP FRAGMENTATION_NEEDED, MTU 1400, from 10.0.0.1, 3 times; sent " },
		{ FLOW("{\"type\":2,\"code\":9,\"sender\":\"a\\nb\",\"count\":\"1\"}"),
		  "; ICMP 2/9 from a?b; sent " },
		{ FLOW("{\"type\":3,\"code\":3,\"name\":7,\"count\":1}"), "; ICMP 3/3; sent " },
		{ FLOW("[]"), "(UDP CLOSED IDLE; sent " },
	};
#undef FLOW
	const struct weir_printer_opts opts = { .format = WEIR_PRINT_COMPACT };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_compact(&opts, cases[i].line, cases[i].want);
}

static void print_pod_without_object_is_its_uid(void **state)
{
#define END(more_) "{\"identity\":0,\"kind\":\"pod\",\"pod_uid\":\"bbff\\n8087\"" more_ "}"
#define FLOW(end_)                                                     \
	"{\"flow\":{\"IP\":{\"source\":\"10.1.0.4\"},\"source\":" end_ \
	",\"l4\":{\"TCP\":{\"source_port\":33414}}}}"
	static const struct {
		const char *line;
		bool numeric;
		const char *want;
	} cases[] = {
		{ FLOW(END("")), false, ": pod/bbff?8087:33414 (unknown) " },
		{ FLOW(END("")), true, ": 10.1.0.4:33414 (unknown) " },
		{ FLOW(END(",\"namespace\":\"shop\",\"pod_name\":\"cart\"")), false,
		  ": shop/cart:33414 (unknown) " },
		{ FLOW("{\"pod_uid\":7}"), false, ": 10.1.0.4:33414 (unknown) " },
	};
#undef FLOW
#undef END

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct weir_printer_opts opts = { .numeric = cases[i].numeric };

		check_compact(&opts, cases[i].line, cases[i].want);
	}
}

static void print_errors_are_returned_not_printed(void **state)
{
	static const struct {
		enum weir_print_format format;
		const char *line;
		int want;
		const char *text;
	} cases[] = {
		{ WEIR_PRINT_COMPACT, "{\"error\":{\"code\":400,\"message\":\"port: 'x'\"}}",
		  -EREMOTEIO, "port: 'x'" },
		{ WEIR_PRINT_JSONPB, "{\"error\":{\"code\":400,\"message\":\"port: 'x'\"}}",
		  -EREMOTEIO, "port: 'x'" },
		{ WEIR_PRINT_JSONPB, "{\"error\":{\"code\":503,\"message\":\"a\\u001b[2Jb\"}}",
		  -EPROTO, "a?[2Jb" },
		{ WEIR_PRINT_DICT, "{\"error\":\"no\"}", -EPROTO, "the server reports an error" },
		{ WEIR_PRINT_COMPACT, "hello", -EINVAL,
		  "not JSON at column 1: unexpected character" },
		{ WEIR_PRINT_COMPACT, "{\"flow\":", -EINVAL,
		  "the JSON ends too early, at column 8" },
		{ WEIR_PRINT_COMPACT, "{} {}", -EINVAL,
		  "not JSON at column 4: unexpected character" },
		{ WEIR_PRINT_COMPACT, "[]", -EINVAL, "JSON, but not an object" },
		{ WEIR_PRINT_COMPACT, "\"\xff\"", -EINVAL, NULL },
		{ WEIR_PRINT_COMPACT,
		  "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]}", -EINVAL, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct weir_printer_opts opts = { .format = cases[i].format };
		struct weir_printer *printer = NULL;
		struct weir_error err = { 0 };
		struct weir_buf out;

		weir_buf_init(&out, 0);
		assert_int_equal(weir_printer_new(&opts, &printer), 0);
		assert_int_equal(weir_printer_line(printer, cases[i].line, strlen(cases[i].line),
						   &out, &err),
				 cases[i].want);
		if (cases[i].text)
			assert_string_equal(err.text, cases[i].text);
		assert_true(err.text[0] != '\0');
		assert_true(out.len == 0);
		/* The next line is read as if nothing had been. */
		assert_int_equal(weir_printer_line(printer, "{\"flow\":{}}", 11, &out, &err), 0);
		assert_true(out.len > 0);
		weir_printer_free(&printer);
		weir_buf_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(print_flows_match_golden),
		cmocka_unit_test(print_dns_in_hubbles_words),
		cmocka_unit_test(print_hostile_names_never_reach_the_terminal),
		cmocka_unit_test(print_type_is_hubbles_word),
		cmocka_unit_test(print_icmp_error_is_behind_the_end),
		cmocka_unit_test(print_pod_without_object_is_its_uid),
		cmocka_unit_test(print_errors_are_returned_not_printed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
