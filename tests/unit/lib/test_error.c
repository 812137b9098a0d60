/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/error.h"

#include <errno.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void set_without_error_returns_code(void **state)
{
	assert_int_equal(weir_error_set(NULL, -EIO, "x"), -EIO);
}

static void set_formats_and_returns_code(void **state)
{
	struct weir_error err = { { 0 } };

	assert_int_equal(weir_error_set(&err, -EINVAL, "%s:%d: no such field", "pods.yaml", 7),
			 -EINVAL);
	assert_string_equal(err.text, "pods.yaml:7: no such field");
}

static void set_long_text_is_cut(void **state)
{
	struct weir_error err;
	char text[sizeof(err.text) + 100];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)weir_error_set(&err, -EINVAL, "%s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static void set_cut_character_becomes_question_mark(void **state)
{
	struct weir_error err;
	char text[sizeof(err.text) + 1];

	/* The two bytes of e-acute lie on both sides of the cut. */
	memset(text, 'a', sizeof(text));
	text[sizeof(err.text) - 2] = '\xc3';
	text[sizeof(err.text) - 1] = '\xa9';
	text[sizeof(err.text)] = '\0';
	(void)weir_error_set(&err, -EINVAL, "%s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_int_equal(err.text[sizeof(err.text) - 2], '?');
}

static void set_foreign_bytes_are_made_harmless(void **state)
{
	static const struct {
		const char *name, *input, *want;
	} cases[] = {
		{ "newline", "a\nb", "a?b" },
		{ "escape sequence", "\x1b[2Jx", "?[2Jx" },
		{ "delete", "a\x7f", "a?" },
		{ "C1 control", "a\xc2\x9bz", "a??z" },
		{ "letters beyond ASCII stay", "f\xc3\xbcr \xe2\x82\xac \xf0\x9f\x90\x9f",
		  "f\xc3\xbcr \xe2\x82\xac \xf0\x9f\x90\x9f" },
		{ "lone continuation", "a\x80" "b", "a?b" },
		{ "overlong slash", "\xc0\xaf", "??" },
		{ "overlong three bytes", "\xe0\x80\xaf", "???" },
		{ "surrogate", "\xed\xa0\x80", "???" },
		{ "above U+10FFFF", "\xf4\x90\x80\x80", "????" },
		{ "line separator", "a\xe2\x80\xa8", "a???" },
		{ "cut at the end", "a\xe2\x82", "a??" },
	};
	struct weir_error err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)weir_error_set(&err, -EINVAL, "%s", cases[i].input);
		if (strcmp(err.text, cases[i].want) != 0)
			fail_msg("%s: got '%s'", cases[i].name, err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_without_error_returns_code),
		cmocka_unit_test(set_formats_and_returns_code),
		cmocka_unit_test(set_long_text_is_cut),
		cmocka_unit_test(set_cut_character_becomes_question_mark),
		cmocka_unit_test(set_foreign_bytes_are_made_harmless),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
