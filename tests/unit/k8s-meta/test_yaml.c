/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/yaml.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"

/* What came out: each document as compact JSON and its line. */
struct out {
	struct weir_buf text;
	int stop_with;
};

static int on_document(void *ctx, struct json_object *document, unsigned long line)
{
	struct out *out = ctx;

	weir_buf_printf(&out->text, "%lu:%s\n", line,
			json_object_to_json_string_ext(
				document, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	return out->stop_with;
}

struct yaml_case {
	const char *name;
	const char *text;
	const char *want;
};

static const struct yaml_case good[] = {
	{ "nothing", "", "" },
	{ "comment only", "# nothing\n", "" },
	{ "empty documents", "---\n---\n...\n", "" },
	{ "mapping", "a: 1\nb: x\n", "1:{\"a\":1,\"b\":\"x\"}\n" },
	{ "documents", "a: 1\n---\n\nb: 2\n...\n---\n[3]\n", "1:{\"a\":1}\n4:{\"b\":2}\n7:[3]\n" },
	{ "byte order mark", "\xef\xbb\xbf" "a: 1\n", "1:{\"a\":1}\n" },
	{ "booleans", "[true, True, TRUE, false, False, FALSE]",
	  "1:[true,true,true,false,false,false]\n" },
	{ "booleans of YAML 1.1 only are strings", "[yes, no, on, off, y, n, tRUE]",
	  "1:[\"yes\",\"no\",\"on\",\"off\",\"y\",\"n\",\"tRUE\"]\n" },
	{ "null", "[null, Null, NULL, ~]\n", "1:[null,null,null,null]\n" },
	{ "absent value", "a:\nb: nul\n", "1:{\"a\":null,\"b\":\"nul\"}\n" },
	{ "integers", "[0, 7, -7, +7, 0x1F, 0o17, 017, 9223372036854775807]",
	  "1:[0,7,-7,7,31,15,15,9223372036854775807]\n" },
	{ "no integers", "[1_000, 0b1, 0x, 0o8, --1, 1a, 1:30, 0x1g]",
	  "1:[\"1_000\",\"0b1\",\"0x\",\"0o8\",\"--1\",\"1a\",\"1:30\",\"0x1g\"]\n" },
	{ "quoted is string", "['1', \"true\", \"null\", '~', '']",
	  "1:[\"1\",\"true\",\"null\",\"~\",\"\"]\n" },
	{ "block is string", "a: |\n  1\nb: >-\n  true\n", "1:{\"a\":\"1\\n\",\"b\":\"true\"}\n" },
	{ "tagged string", "[!!str 1, ! 1]", "1:[\"1\",\"1\"]\n" },
	{ "core tags", "!!map {a: !!seq [!!int 1, !!bool true]}", "1:{\"a\":[1,true]}\n" },
	{ "dates are strings", "[2024-01-01, 2024-01-01T00:00:00Z]",
	  "1:[\"2024-01-01\",\"2024-01-01T00:00:00Z\"]\n" },
	{ "infinity is a string", "[.inf, -.inf, .nan]", "1:[\".inf\",\"-.inf\",\".nan\"]\n" },
	{ "numbers as keys", "{1: a, true: b}", "1:{\"1\":\"a\",\"true\":\"b\"}\n" },
	{ "aliases", "a: &x {b: [1, 2]}\nc: *x\nd: *x\n",
	  "1:{\"a\":{\"b\":[1,2]},\"c\":{\"b\":[1,2]},\"d\":{\"b\":[1,2]}}\n" },
	{ "anchor of a scalar", "[&x 1, *x, &y null, *y]", "1:[1,1,null,null]\n" },
	{ "anchor defined again", "[&x 1, *x, &x 2, *x]", "1:[1,1,2,2]\n" },
	{ "quoted merge key is a key", "{'<<': 1}", "1:{\"<<\":1}\n" },
	{ "JSON is YAML", "{\"a\": [1, {\"b\": null}], \"c\": \"\\u00e9\\n\"}",
	  "1:{\"a\":[1,{\"b\":null}],\"c\":\"\xc3\xa9\\n\"}\n" },
};

static void read_valid_text_gives_documents(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct out out = { 0 };
		struct weir_error err = { 0 };
		int r;

		weir_buf_init(&out.text, 0);
		r = weir_yaml_read(good[i].text, strlen(good[i].text), "f.yaml", on_document, &out,
				   &err);
		if (r || strcmp(weir_buf_cstr(&out.text), good[i].want) != 0)
			fail_msg("%s: %d '%s' got %s", good[i].name, r, err.text,
				 weir_buf_cstr(&out.text));
		weir_buf_done(&out.text);
	}
}

static const struct yaml_case bad[] = {
	{ "no mapping", "a: b: c\n", "f.yaml:1: mapping values are not allowed" },
	{ "tab", "a:\n\tb: 1\n", "f.yaml:2: found character that cannot start any token" },
	{ "unclosed", "a: 1\nb: [1,\n", "f.yaml:3: " },
	{ "unclosed quote", "a: \"x\n", "f.yaml:2: " },
	{ "not UTF-8", "a: \xff\n", "f.yaml:1: not UTF-8 text: " },
	{ "control character", "a: \x01\n", "f.yaml:1: not UTF-8 text: control characters" },
	{ "NUL byte in a key", "\"a\\0b\": 1", "f.yaml:1: a key has a NUL byte" },
	{ "duplicate key", "a: 1\nb: 2\n\na: 3\n", "f.yaml:4: duplicate key a" },
	{ "duplicate key in the second document", "a: 1\n---\nb: {c: 1, c: 2}\n",
	  "f.yaml:3: duplicate key c" },
	{ "duplicate key of two types", "{1: a, '1': b}", "f.yaml:1: duplicate key 1" },
	{ "list as key", "? [a]\n: b\n", "f.yaml:1: a key must be a scalar" },
	{ "alias as key", "a: &x b\n*x : c\n", "f.yaml:2: a key must be a scalar" },
	{ "merge key", "a: &x {b: 1}\nc:\n  <<: *x\n", "f.yaml:3: merge keys (<<)" },
	{ "unknown alias", "a: *x\n", "f.yaml:1: unknown alias x" },
	{ "alias of another document", "a: &x 1\n---\nb: *x\n", "f.yaml:3: unknown alias x" },
	{ "alias of itself", "a: &x\n  b: *x\n", "f.yaml:2: alias within its own anchor: x" },
	{ "binary", "a: !!binary aGk=\n", "f.yaml:1: unknown tag tag:yaml.org,2002:binary" },
	{ "local tag", "a: !env X\n", "f.yaml:1: unknown tag !env" },
	{ "tagged mapping", "!x {a: 1}", "f.yaml:1: unknown tag !x" },
	{ "mapping tagged as list", "!!seq {a: 1}", "f.yaml:1: unknown tag" },
};

static void read_invalid_text_names_file_and_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct out out = { 0 };
		struct weir_error err = { 0 };
		int r;

		weir_buf_init(&out.text, 0);
		r = weir_yaml_read(bad[i].text, strlen(bad[i].text), "f.yaml", on_document, &out,
				   &err);
		if (r != -EINVAL || strncmp(err.text, bad[i].want, strlen(bad[i].want)) != 0)
			fail_msg("%s: %d '%s'", bad[i].name, r, err.text);
		weir_buf_done(&out.text);
	}
}

static int ignore(void *ctx, struct json_object *document, unsigned long line)
{
	(void)document;
	(void)line;
	(*(int *)ctx)++;
	return 0;
}

static int read_text(const char *text, size_t len, struct weir_error *err)
{
	int documents = 0;
	int r = weir_yaml_read(text, len, "f.yaml", ignore, &documents, err);

	assert_int_equal(documents, r ? 0 : 1);
	return r;
}

static void read_nested_up_to_the_limit_only(void **state)
{
	(void)state;
	for (int deep = 0; deep < 2; deep++) {
		char text[2 * WEIR_YAML_DEPTH_MAX + 8] = "";
		struct weir_error err = { 0 };

		/* a list in a list …, the innermost empty */
		memset(text, '[', WEIR_YAML_DEPTH_MAX + deep);
		memset(text + strlen(text), ']', WEIR_YAML_DEPTH_MAX + deep);
		assert_int_equal(read_text(text, strlen(text), &err), deep ? -EINVAL : 0);
		assert_string_equal(err.text, deep ? "f.yaml:1: nested too deep" : "");
	}
}

static void read_endless_nesting_is_refused(void **state)
{
	static const char openers[] = "[{";

	(void)state;
	for (size_t i = 0; i < sizeof(openers) - 1; i++) {
		size_t len = 1000000;
		char *text = malloc(len);
		struct weir_error err = { 0 };

		assert_non_null(text);
		memset(text, openers[i], len);
		assert_int_equal(read_text(text, len, &err), -EINVAL);
		free(text);
	}
}

static void read_alias_bomb_is_refused(void **state)
{
	struct weir_error err = { 0 };
	struct weir_buf text;

	(void)state;
	weir_buf_init(&text, 0);
	weir_buf_puts(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 10; i++) {
		weir_buf_printf(&text, "a%d: &a%d [", i, i);
		for (int j = 0; j < 10; j++)
			weir_buf_printf(&text, "*a%d%s", i - 1, j < 9 ? "," : "]\n");
	}
	assert_int_equal(read_text(text.data, text.len, &err), -EINVAL);
	assert_string_equal(err.text, "f.yaml:6: aliases stand for too many values");
	weir_buf_done(&text);
}

/* Each line nests the one before: deep in the tree though flat in the text. */
static void read_nesting_through_aliases_is_refused(void **state)
{
	struct weir_error err = { 0 };
	struct weir_buf text;

	(void)state;
	weir_buf_init(&text, 0);
	weir_buf_puts(&text, "- &a0 [x]\n");
	for (int i = 1; i < 1000; i++)
		weir_buf_printf(&text, "- &a%d [*a%d]\n", i, i - 1);
	assert_int_equal(read_text(text.data, text.len, &err), -EINVAL);
	assert_non_null(strstr(err.text, ": nested too deep"));
	weir_buf_done(&text);
}

static void read_stopped_by_callback_returns_its_code(void **state)
{
	struct out out = { .stop_with = -EPROTO };
	struct weir_error err = { 0 };

	(void)state;
	weir_buf_init(&out.text, 0);
	assert_int_equal(weir_yaml_read("a: 1\n---\nb: 2\n", 14, "f", on_document, &out, &err),
			 -EPROTO);
	assert_string_equal(weir_buf_cstr(&out.text), "1:{\"a\":1}\n");
	weir_buf_done(&out.text);
}

static int check_lines(void *ctx, struct json_object *document, unsigned long line)
{
	struct json_object *items = json_object_object_get(document, "items");

	(void)ctx;
	assert_int_equal(line, 2);
	assert_int_equal(weir_yaml_line(document), 2);
	assert_int_equal(weir_yaml_line(json_object_array_get_idx(items, 0)), 3);
	assert_int_equal(weir_yaml_line(json_object_array_get_idx(items, 1)), 6);
	return 0;
}

static void line_of_mapping_is_where_it_begins(void **state)
{
	static const char text[] = "\nitems:\n- a: 1\n\n-\n  {b: 2}\n";
	struct weir_error err = { 0 };
	struct json_object *plain = json_object_new_object();

	(void)state;
	assert_int_equal(weir_yaml_line(plain), 0);
	json_object_put(plain);
	/* the second item begins behind its dash, on the next line */
	assert_int_equal(weir_yaml_read(text, sizeof(text) - 1, "f", check_lines, NULL, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_valid_text_gives_documents),
		cmocka_unit_test(read_invalid_text_names_file_and_line),
		cmocka_unit_test(read_nested_up_to_the_limit_only),
		cmocka_unit_test(read_endless_nesting_is_refused),
		cmocka_unit_test(read_alias_bomb_is_refused),
		cmocka_unit_test(read_nesting_through_aliases_is_refused),
		cmocka_unit_test(read_stopped_by_callback_returns_its_code),
		cmocka_unit_test(line_of_mapping_is_where_it_begins),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
