/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/options.h"
#include "lib/time.h"

struct settings {
	bool follow;
	bool color;
	const char *server;
	const char *output;
	uint64_t last;
	uint64_t interval_ns;
	uint64_t timeout_ns;
	uint64_t history_bytes;
	struct weir_option_list listen;
	struct weir_option_list port;
};

#define FIELD(field_) .offset = offsetof(struct settings, field_)
#define ENV "WEIRT_OPTIONS_SERVER"
#define ENV_PORT "WEIRT_OPTIONS_PORT"

static const struct weir_option table[] = {
	{ .type = WEIR_OPTION_GROUP, .name = "Selection" },
	{ .name = "follow",
	  .letter = 'f',
	  .type = WEIR_OPTION_FLAG,
	  FIELD(follow),
	  .help = "Go on" },
	{ .name = "color",
	  .letter = 'c',
	  .type = WEIR_OPTION_FLAG,
	  FIELD(color),
	  .def = "true",
	  .help = "Colours" },
	{ .name = "last", .type = WEIR_OPTION_UINT, FIELD(last), .def = "20", .min = 1, .max = 1000,
	  .help = "How many" },
	{ .name = "port", .letter = 'p', .type = WEIR_OPTION_CSV, FIELD(port), .env = ENV_PORT,
	  .help = "A port, of which there are so many that this help text does not fit a line" },
	{ .type = WEIR_OPTION_GROUP, .name = "Other" },
	{ .name = "server",
	  .letter = 's',
	  .type = WEIR_OPTION_STRING,
	  FIELD(server),
	  .def = "unix:/run/x",
	  .env = ENV,
	  .metavar = "ENDPOINT",
	  .help = "Where" },
	{ .name = "output",
	  .letter = 'o',
	  .type = WEIR_OPTION_CHOICE,
	  FIELD(output),
	  .def = "compact",
	  .choices = "compact|dict|json",
	  .help = "How" },
	{ .name = "flow-interval",
	  .type = WEIR_OPTION_DURATION,
	  FIELD(interval_ns),
	  .def = "5s",
	  .min = WEIR_NS_PER_MS,
	  .help = "How often" },
	{ .name = "timeout", .type = WEIR_OPTION_DURATION, FIELD(timeout_ns), .def = "1h",
	  .min = 1500 * WEIR_NS_PER_US, .max = 5400 * WEIR_NS_PER_SEC, .help = "How long" },
	{ .name = "history-bytes",
	  .type = WEIR_OPTION_BYTES,
	  FIELD(history_bytes),
	  .def = "4Mi",
	  .min = 4096,
	  .max = 1ULL << 40,
	  .help = "Memory" },
	{ .name = "listen",
	  .type = WEIR_OPTION_LIST,
	  FIELD(listen),
	  .def = "a,b",
	  .help = "Where" },
	{ 0 },
};

static const struct weir_options options = {
	.command = "weir test", .about = "A test.", .table = table, .max_arguments = 1,
};

#define ARGS_MAX 8

static int parse(const char *const *args, struct settings *settings,
		 struct weir_options_result *result, struct weir_error *err)
{
	char *argv[ARGS_MAX + 2] = { (char *)"weir" };
	int argc = 1;

	while (args[argc - 1]) {
		argv[argc] = (char *)args[argc - 1];
		argc++;
	}
	return weir_options_parse(&options, argc, argv, settings, result, err);
}

static void parse_nothing_gives_defaults(void **state)
{
	const char *const args[] = { NULL };
	struct weir_options_result result;
	struct weir_error err = { 0 };
	struct settings s;

	memset(&s, 0xff, sizeof(s));
	assert_int_equal(parse(args, &s, &result, &err), 0);
	assert_int_equal(result.action, WEIR_OPTIONS_RUN);
	assert_false(s.follow);
	assert_true(s.color);
	assert_string_equal(s.server, "unix:/run/x");
	assert_string_equal(s.output, "compact");
	assert_true(s.last == 20);
	assert_true(s.interval_ns == 5 * WEIR_NS_PER_SEC);
	assert_true(s.history_bytes == 4 << 20);
	assert_true(s.listen.count == 2);
	assert_string_equal(s.listen.values[1], "b");
	assert_true(s.port.count == 0);
	assert_false(weir_options_given(&options, &result, "last"));
	weir_options_done(&options, &s, &result);
	assert_true(s.listen.count == 0);
}

static void parse_every_form_is_taken(void **state)
{
	static const struct {
		const char *args[ARGS_MAX];
		uint64_t last;
		const char *server;
		bool follow;
	} cases[] = {
		{ { "--last=7" }, 7, "unix:/run/x", false },
		{ { "--last", "7", "-f" }, 7, "unix:/run/x", true },
		{ { "-s", "h:1" }, 20, "h:1", false },
		{ { "-sh:1" }, 20, "h:1", false },
		{ { "-s=h:1" }, 20, "h:1", false },
		{ { "-fs", "h:1" }, 20, "h:1", true },
		{ { "-fsh:1" }, 20, "h:1", true },
		{ { "--follow=false", "--server", "" }, 20, "", false },
		{ { "-f", "--follow=no" }, 20, "unix:/run/x", false },
		{ { "-f=true" }, 20, "unix:/run/x", true },
		{ { "--last", "1", "--last", "2" }, 2, "unix:/run/x", false },
		{ { "--server", "--follow" }, 20, "--follow", false },
		{ { "--last", "1000" }, 1000, "unix:/run/x", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_options_result result;
		struct weir_error err = { 0 };
		struct settings s;

		assert_int_equal(parse(cases[i].args, &s, &result, &err), 0);
		assert_true(s.last == cases[i].last);
		assert_string_equal(s.server, cases[i].server);
		assert_int_equal(s.follow, cases[i].follow);
		weir_options_done(&options, &s, &result);
	}
}

static void parse_bad_input_is_one_clear_line(void **state)
{
	static const struct {
		const char *args[ARGS_MAX];
		const char *want;
	} cases[] = {
		{ { "--foo" }, "unknown flag '--foo' (see 'weir test --help')" },
		{ { "--foo=1" }, "unknown flag '--foo' (see 'weir test --help')" },
		{ { "--las" }, "unknown flag '--las' (see 'weir test --help')" },
		{ { "--Selection" }, "unknown flag '--Selection' (see 'weir test --help')" },
		{ { "-x" }, "unknown flag '-x' (see 'weir test --help')" },
		{ { "-fx" }, "unknown flag '-x' (see 'weir test --help')" },
		{ { "--last" }, "flag '--last' needs a value (see 'weir test --help')" },
		{ { "-fs" }, "flag '--server' needs a value (see 'weir test --help')" },
		{ { "--last", "-1" },
		  "flag '--last': '-1' is not a whole number (see 'weir test --help')" },
		{ { "--last", "" },
		  "flag '--last': '' is not a whole number (see 'weir test --help')" },
		{ { "--last=7x" },
		  "flag '--last': '7x' is not a whole number (see 'weir test --help')" },
		{ { "--last", "99999999999999999999" },
		  "flag '--last': '99999999999999999999' is too large (see 'weir test --help')" },
		{ { "--last", "0" },
		  "flag '--last': '0' is not between 1 and 1000 (see 'weir test --help')" },
		{ { "--last", "1001" },
		  "flag '--last': '1001' is not between 1 and 1000 (see 'weir test --help')" },
		{ { "--flow-interval", "5" },
		  "flag '--flow-interval': '5' is not a duration such as 500ms, 5s or 1m30s "
		  "(see 'weir test --help')" },
		{ { "--flow-interval", "10us" },
		  "flag '--flow-interval': '10us' is less than 1ms (see 'weir test --help')" },
		{ { "--timeout", "1ms" },
		  "flag '--timeout': '1ms' is not between 1ms500us and 1h30m "
		  "(see 'weir test --help')" },
		{ { "--timeout", "2h" },
		  "flag '--timeout': '2h' is not between 1ms500us and 1h30m "
		  "(see 'weir test --help')" },
		{ { "--history-bytes", "4Q" },
		  "flag '--history-bytes': '4Q' is not a size such as 4096, 64Mi or 1Gi "
		  "(see 'weir test --help')" },
		{ { "--history-bytes", "1" },
		  "flag '--history-bytes': '1' is not between 4096 bytes and 1099511627776 bytes "
		  "(see 'weir test --help')" },
		{ { "-o", "xml" },
		  "flag '--output': 'xml' is none of compact, dict, json (see 'weir test --help')" },
		{ { "-o", "" },
		  "flag '--output': '' is none of compact, dict, json (see 'weir test --help')" },
		{ { "-o", "comp" },
		  "flag '--output': 'comp' is none of compact, dict, json (see 'weir test --help')" },
		{ { "--follow=maybe" },
		  "flag '--follow': 'maybe' is neither true nor false (see 'weir test --help')" },
		{ { "--port", "80,,443" },
		  "flag '--port': '80,,443' has an empty part (see 'weir test --help')" },
		{ { "--port=" }, "flag '--port': '' has an empty part (see 'weir test --help')" },
		{ { "--listen", "" }, "flag '--listen': '' is empty (see 'weir test --help')" },
		{ { "a", "b" }, "unexpected argument 'b' (see 'weir test --help')" },
		{ { "--", "a", "-f" }, "unexpected argument '-f' (see 'weir test --help')" },
		{ { "--x\033[2J" }, "unknown flag '--x?[2J' (see 'weir test --help')" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_options_result result;
		struct weir_error err = { 0 };
		struct settings s;

		assert_int_equal(parse(cases[i].args, &s, &result, &err), -EINVAL);
		assert_string_equal(err.text, cases[i].want);
	}
}

static void parse_lists_replace_their_default(void **state)
{
	const char *const args[] = { "--listen", "x,y",    "--listen=z", "--port",
				     "80,443",   "-p8080", NULL };
	struct weir_options_result result;
	struct weir_error err = { 0 };
	struct settings s;

	assert_int_equal(parse(args, &s, &result, &err), 0);
	assert_true(s.listen.count == 2);
	assert_string_equal(s.listen.values[0], "x,y");
	assert_string_equal(s.listen.values[1], "z");
	assert_true(s.port.count == 3);
	assert_string_equal(s.port.values[0], "80");
	assert_string_equal(s.port.values[1], "443");
	assert_string_equal(s.port.values[2], "8080");
	assert_true(weir_options_given(&options, &result, "listen"));
	weir_options_done(&options, &s, &result);
}

static void parse_environment_gives_way_to_flags(void **state)
{
	const char *const none[] = { NULL };
	const char *const flag[] = { "--server", "flag", "--port", "1", NULL };
	struct weir_options_result result;
	struct weir_error err = { 0 };
	struct settings s;

	assert_int_equal(setenv(ENV, "env", 1), 0);
	assert_int_equal(setenv(ENV_PORT, "7,8", 1), 0);
	assert_int_equal(parse(none, &s, &result, &err), 0);
	assert_string_equal(s.server, "env");
	assert_true(s.port.count == 2);
	assert_true(weir_options_given(&options, &result, "server"));
	weir_options_done(&options, &s, &result);

	assert_int_equal(parse(flag, &s, &result, &err), 0);
	assert_string_equal(s.server, "flag");
	assert_true(s.port.count == 1);
	weir_options_done(&options, &s, &result);

	assert_int_equal(setenv(ENV_PORT, "7,", 1), 0);
	assert_int_equal(parse(none, &s, &result, &err), -EINVAL);
	assert_string_equal(err.text, "environment variable '" ENV_PORT "': '7,' has an empty part "
				      "(see 'weir test --help')");
	assert_int_equal(unsetenv(ENV), 0);
	assert_int_equal(unsetenv(ENV_PORT), 0);
}

static void parse_help_and_version_win(void **state)
{
	static const struct {
		const char *args[ARGS_MAX];
		enum weir_options_action want;
	} cases[] = {
		{ { "--help" }, WEIR_OPTIONS_HELP },
		{ { "-h" }, WEIR_OPTIONS_HELP },
		{ { "-fh" }, WEIR_OPTIONS_HELP },
		{ { "a", "--help", "--bad" }, WEIR_OPTIONS_HELP },
		{ { "--version" }, WEIR_OPTIONS_VERSION },
		{ { "--", "--help" }, WEIR_OPTIONS_RUN },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_options_result result;
		struct weir_error err = { 0 };
		struct settings s;

		assert_int_equal(parse(cases[i].args, &s, &result, &err), 0);
		assert_int_equal(result.action, cases[i].want);
		weir_options_done(&options, &s, &result);
	}
}

static void parse_arguments_come_anywhere(void **state)
{
	const char *const args[] = { "flows", "-f", NULL };
	struct weir_options_result result;
	struct weir_error err = { 0 };
	struct settings s;

	assert_int_equal(parse(args, &s, &result, &err), 0);
	assert_true(result.argument_count == 1);
	assert_string_equal(result.arguments[0], "flows");
	assert_true(s.follow);
	weir_options_done(&options, &s, &result);
}

static void bytes_every_suffix_is_exact(void **state)
{
	static const struct {
		const char *text;
		int want;
		uint64_t bytes;
	} cases[] = {
		{ "0", 0, 0 }, { "512", 0, 512 }, { "512B", 0, 512 },
		{ "1k", 0, 1000 }, { "1K", 0, 1000 }, { "1kB", 0, 1000 }, { "1Ki", 0, 1024 },
		{ "64Mi", 0, 64 << 20 }, { "64MiB", 0, 64 << 20 }, { "2M", 0, 2000000 },
		{ "1Gi", 0, 1 << 30 }, { "1.5Gi", 0, 1610612736 }, { "0.5k", 0, 500 },
		{ "1.2345k", 0, 1234 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "18446744073709551615Ki", -ERANGE, 0 },
		{ "", -EINVAL, 0 }, { "-1", -EINVAL, 0 }, { "Mi", -EINVAL, 0 },
		{ "1.", -EINVAL, 0 }, { ".5k", -EINVAL, 0 }, { "1 Mi", -EINVAL, 0 },
		{ "1mi", -EINVAL, 0 }, { "1Mix", -EINVAL, 0 }, { "0x10", -EINVAL, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t bytes = 0;

		assert_int_equal(weir_options_bytes_parse(cases[i].text, &bytes), cases[i].want);
		assert_true(bytes == cases[i].bytes);
	}
}

static void help_is_grouped_aligned_and_narrow(void **state)
{
	struct weir_buf out;
	const char *text;

	weir_buf_init(&out, 0);
	weir_options_help(&options, &out);
	text = weir_buf_cstr(&out);
	assert_non_null(strstr(text, "A test.\n\nUsage:\n  weir test [flags]\n\nSelection:\n"));
	assert_non_null(strstr(text, "\n  -f, --follow                    Go on\n"));
	assert_non_null(
		strstr(text, "\n      --last N                    How many (default 20)\n"));
	assert_non_null(
		strstr(text, "\n  -o, --output compact|dict|json  How (default compact)\n"));
	assert_non_null(strstr(text, "[$" ENV "]"));
	assert_non_null(strstr(text, "\n  -h, --help "));
	assert_non_null(strstr(text, "\n      --version "));
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");

		assert_true(len <= 80);
		line += len + 1;
	}
	weir_buf_done(&out);
}

/* Of a list that no line has room for, a line ends behind a comma. */
static void help_long_list_is_broken_at_commas(void **state)
{
	static const struct weir_option long_table[] = {
		{ .name = "interfaces", .type = WEIR_OPTION_CSV, FIELD(listen), .help = "Links",
		  .metavar = "PATTERN",
		  .def = "veth*,cali*,lxc*,eni*,vlan*,azv*,gke*,knet*,*_h,and-more*,so-many*" },
		{ 0 },
	};
	const struct weir_options long_options = {
		.command = "weir test", .about = "A test.", .table = long_table,
	};
	struct weir_buf out;

	weir_buf_init(&out, 0);
	weir_options_help(&long_options, &out);
	assert_non_null(strstr(weir_buf_cstr(&out),
			       "Links (default\n                            "
			       "veth*,cali*,lxc*,eni*,vlan*,azv*,gke*,knet*,*_h,\n"
			       "                            and-more*,so-many*)\n"));
	weir_buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_nothing_gives_defaults),
		cmocka_unit_test(parse_every_form_is_taken),
		cmocka_unit_test(parse_bad_input_is_one_clear_line),
		cmocka_unit_test(parse_lists_replace_their_default),
		cmocka_unit_test(parse_environment_gives_way_to_flags),
		cmocka_unit_test(parse_help_and_version_win),
		cmocka_unit_test(parse_arguments_come_anywhere),
		cmocka_unit_test(bytes_every_suffix_is_exact),
		cmocka_unit_test(help_is_grouped_aligned_and_narrow),
		cmocka_unit_test(help_long_list_is_broken_at_commas),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
