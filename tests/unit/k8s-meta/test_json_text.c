/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/json_text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int on_document(void *ctx, struct json_object *document, unsigned long line)
{
	unsigned long *lines = ctx;

	assert_non_null(document);
	*lines = line;
	return 0;
}

static void read_valid_text_gives_its_line(void **state)
{
	static const struct {
		const char *text;
		unsigned long line;
	} cases[] = {
		{ "{}", 1 },
		{ "\n\n {\"a\": [1, 2.5, true, null, \"\\u00e9\\ud83d\\ude00\"]}\n\n", 3 },
		{ "[]", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_error err = { 0 };
		unsigned long line = 0;

		assert_int_equal(weir_json_read(cases[i].text, strlen(cases[i].text), "f.json",
						on_document, &line, &err),
				 0);
		assert_int_equal(line, cases[i].line);
	}
}

struct bad_case {
	const char *name;
	const char *text;
	size_t len;
	const char *want;
};

#define TEXT(text) text, sizeof(text) - 1

static const struct bad_case bad[] = {
	{ "empty", TEXT(""), "f.json:1: ends within a value" },
	{ "white space", TEXT("\n\n"), "f.json:3: ends within a value" },
	{ "cut off", TEXT("{\n\"a\": [1,\n"), "f.json:3: ends within a value" },
	{ "no JSON", TEXT("a: 1\n"), "f.json:1: " },
	{ "missing colon", TEXT("{\n\n\"a\" 1}"), "f.json:3: " },
	{ "trailing comma", TEXT("{\"a\": 1,\n}"), "f.json:2: " },
	{ "comment", TEXT("{} // x"), "f.json:1: something follows the JSON value" },
	{ "second value", TEXT("{}\n{}"), "f.json:2: something follows the JSON value" },
	{ "NUL byte behind", TEXT("{}\n\0"), "f.json:2: something follows the JSON value" },
	{ "NUL byte within", TEXT("{\n\0}"), "f.json:2: " },
	{ "not UTF-8", TEXT("{\"a\":\n\"\xff\"}"), "f.json:2: " },
	{ "null", TEXT("null\n"), "f.json:1: is not a Kubernetes object" },
	{ "byte order mark", TEXT("\xef\xbb\xbf{}"), "f.json:1: " },
};

static void read_invalid_text_names_file_and_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct weir_error err = { 0 };
		unsigned long line;
		int r = weir_json_read(bad[i].text, bad[i].len, "f.json", on_document, &line, &err);

		if (r != -EINVAL || strncmp(err.text, bad[i].want, strlen(bad[i].want)) != 0)
			fail_msg("%s: %d '%s'", bad[i].name, r, err.text);
	}
}

static void read_endless_nesting_is_refused(void **state)
{
	size_t len = 1000000;
	char *text = malloc(len);
	struct weir_error err = { 0 };
	unsigned long line;

	(void)state;
	assert_non_null(text);
	memset(text, '[', len);
	assert_int_equal(weir_json_read(text, len, "f.json", on_document, &line, &err), -EINVAL);
	assert_non_null(strstr(err.text, "f.json:1: "));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_valid_text_gives_its_line),
		cmocka_unit_test(read_invalid_text_names_file_and_line),
		cmocka_unit_test(read_endless_nesting_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
