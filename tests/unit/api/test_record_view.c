/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/records.h"

#include "api/record_view.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_is_one_object),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
