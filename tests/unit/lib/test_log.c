/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/cleanup.h"

/* Runs the statement with stderr in a file, and leaves what was written in @text. */
#define CAPTURE(text, statement)                                     \
	do {                                                         \
		int saved = dup(STDERR_FILENO);                      \
		FILE *file = tmpfile();                              \
		size_t n;                                            \
                                                                     \
		assert_non_null(file);                               \
		assert_true(saved >= 0);                             \
		assert_true(dup2(fileno(file), STDERR_FILENO) >= 0); \
		statement;                                           \
		assert_true(dup2(saved, STDERR_FILENO) >= 0);        \
		(void)close(saved);                                  \
		rewind(file);                                        \
		n = fread((text), 1, sizeof(text) - 1, file);        \
		(text)[n] = '\0';                                    \
		(void)fclose(file);                                  \
	} while (0)

static void line_has_level_module_message_and_pairs(void **state)
{
	char text[1024];

	CAPTURE(text, weir_log(WEIR_LOG_WARN, "k8s", "watch expired", "resource=%s err=%d", "pods",
			       -116));
	assert_string_equal(text,
			    "level=warn mod=k8s msg=\"watch expired\" resource=pods err=-116\n");
	CAPTURE(text, weir_log(WEIR_LOG_ERROR, "cmd", "it said \"no\"\n", "%s", ""));
	assert_string_equal(text, "level=error mod=cmd msg=\"it said \\\"no\\\"?\"\n");
}

static void values_cannot_leave_their_quotes(void **state)
{
	static const struct {
		const char *name, *input, *want;
	} cases[] = {
		{ "plain", "nginx", "a=1 name=\"nginx\" b=2" },
		{ "empty", "", "a=1 name=\"\" b=2" },
		{ "forged key", "x\" level=error y=\"z",
		  "a=1 name=\"x\\\" level=error y=\\\"z\" b=2" },
		{ "backslash at the end", "x\\", "a=1 name=\"x\\\\\" b=2" },
		{ "newline", "x\nlevel=error", "a=1 name=\"x?level=error\" b=2" },
		{ "escape sequence", "\x1b[31m", "a=1 name=\"?[31m\" b=2" },
		{ "the marks used inside", "\1\2\1", "a=1 name=\"???\" b=2" },
		{ "broken UTF-8", "\xff\xc3\xa9", "a=1 name=\"?\xc3\xa9\" b=2" },
	};
	const char *prefix = "level=info mod=m msg=\"m\" ";
	char text[1024];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CAPTURE(text, weir_log(WEIR_LOG_INFO, "m", "m", "a=%d name=\"%s\" b=%d", 1,
				       cases[i].input, 2));
		assert_memory_equal(text, prefix, strlen(prefix));
		assert_int_equal(text[strlen(text) - 1], '\n');
		text[strlen(text) - 1] = '\0';
		if (strcmp(text + strlen(prefix), cases[i].want) != 0)
			fail_msg("%s: got %s", cases[i].name, text + strlen(prefix));
	}
}

static void unquoted_control_characters_are_replaced(void **state)
{
	char text[1024];

	CAPTURE(text, weir_log(WEIR_LOG_INFO, "m", "m", "name=%s", "a\nb"));
	assert_string_equal(text, "level=info mod=m msg=\"m\" name=a?b\n");
}

static void lines_above_the_level_are_not_written(void **state)
{
	char text[1024];

	CAPTURE(text, weir_log(WEIR_LOG_DEBUG, "m", "m", "%s", ""));
	assert_string_equal(text, "");
	assert_false(weir_log_enabled(WEIR_LOG_DEBUG));
	weir_log_set_level(WEIR_LOG_DEBUG);
	assert_true(weir_log_enabled(WEIR_LOG_DEBUG));
	CAPTURE(text, weir_log(WEIR_LOG_DEBUG, "m", "m", "%s", ""));
	assert_string_equal(text, "level=debug mod=m msg=\"m\"\n");
	weir_log_set_level(WEIR_LOG_ERROR);
	CAPTURE(text, weir_log(WEIR_LOG_WARN, "m", "m", "%s", ""));
	assert_string_equal(text, "");
	weir_log_set_level(WEIR_LOG_INFO);
}

static void long_values_are_written_whole(void **state)
{
	enum {
		LONG = 30000
	};
	static char text[LONG + 100], value[LONG + 1];

	memset(value, 'v', LONG);
	CAPTURE(text, weir_log(WEIR_LOG_INFO, "m", "m", "v=\"%s\"", value));
	assert_int_equal(strlen(text), LONG + strlen("level=info mod=m msg=\"m\" v=\"\"\n"));
}

static void level_parse_knows_four_names(void **state)
{
	enum weir_log_level level = WEIR_LOG_DEBUG;

	assert_int_equal(weir_log_level_parse("error", &level), 0);
	assert_int_equal(level, WEIR_LOG_ERROR);
	assert_int_equal(weir_log_level_parse("warn", &level), 0);
	assert_int_equal(level, WEIR_LOG_WARN);
	assert_int_equal(weir_log_level_parse("info", &level), 0);
	assert_int_equal(level, WEIR_LOG_INFO);
	assert_int_equal(weir_log_level_parse("debug", &level), 0);
	assert_int_equal(level, WEIR_LOG_DEBUG);
	assert_int_equal(weir_log_level_parse("warning", &level), -EINVAL);
	assert_int_equal(weir_log_level_parse("", &level), -EINVAL);
	assert_int_equal(level, WEIR_LOG_DEBUG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_has_level_module_message_and_pairs),
		cmocka_unit_test(values_cannot_leave_their_quotes),
		cmocka_unit_test(unquoted_control_characters_are_replaced),
		cmocka_unit_test(lines_above_the_level_are_not_written),
		cmocka_unit_test(long_values_are_written_whole),
		cmocka_unit_test(level_parse_knows_four_names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
