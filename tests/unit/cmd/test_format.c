/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "cmd/weir/format.h"
#include "cmd/weir/table.h"
#include "lib/time.h"

static void bytes_are_rounded_to_a_tenth(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *want;
	} cases[] = {
		{ 0, "0 B" }, { 999, "999 B" }, { 1000, "1.0 kB" }, { 20400, "20.4 kB" },
		{ 20449, "20.4 kB" }, { 20450, "20.5 kB" }, { 999949, "999.9 kB" },
		{ 999950, "1.0 MB" }, { 1234567, "1.2 MB" }, { 999999999, "1.0 GB" },
		{ 1500000000000, "1.5 TB" }, { UINT64_MAX, "18.4 EB" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_buf out;

		weir_buf_init(&out, 0);
		weir_format_bytes(&out, cases[i].bytes);
		assert_string_equal(weir_buf_cstr(&out), cases[i].want);
		weir_buf_done(&out);
	}
}

static void spans_suit_their_size(void **state)
{
	const uint64_t ms = WEIR_NS_PER_MS, s = WEIR_NS_PER_SEC;
	const struct {
		uint64_t ns;
		const char *want;
	} cases[] = {
		{ 0, "0.00ms" },
		{ 1, "0.01ms" },
		{ 123000, "0.12ms" },
		{ ms - 1, "0.99ms" },
		{ 3200000, "3.2ms" },
		{ 10 * ms, "10ms" },
		{ 250 * ms, "250ms" },
		{ s - 1, "999ms" },
		{ 1500 * ms, "1.5s" },
		{ 60 * s - 1, "59.9s" },
		{ 123 * s, "2m03s" },
		{ 3720 * s, "1h02m" },
		{ 86400 * s * 3 + 3600 * 4 * s, "3d04h" },
		{ UINT64_MAX, "213503d23h" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_buf out;

		weir_buf_init(&out, 0);
		weir_format_span(&out, cases[i].ns);
		assert_string_equal(weir_buf_cstr(&out), cases[i].want);
		weir_buf_done(&out);
	}
}

static void counts_are_grouped(void **state)
{
	static const struct {
		uint64_t count;
		const char *want;
	} cases[] = {
		{ 0, "0" }, { 999, "999" }, { 1000, "1,000" }, { 1234567, "1,234,567" },
		{ 1000001, "1,000,001" }, { UINT64_MAX, "18,446,744,073,709,551,615" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_buf out;

		weir_buf_init(&out, 0);
		weir_format_count(&out, cases[i].count);
		assert_string_equal(weir_buf_cstr(&out), cases[i].want);
		weir_buf_done(&out);
	}
}

static void times_have_every_named_format(void **state)
{
	static const struct {
		const char *name;
		int64_t ns;
		const char *want;
	} cases[] = {
		{ "StampMilli", 1785413538510175415, "Jul 30 12:12:18.510" },
		{ "StampMilli", 1788264251223000000, "Sep  1 12:04:11.223" },
		{ "RFC3339", 1785413538510175415, "2026-07-30T12:12:18Z" },
		{ "RFC3339Milli", 1785413538510175415, "2026-07-30T12:12:18.510Z" },
		{ "RFC3339Micro", 1785413538510175415, "2026-07-30T12:12:18.510175Z" },
		{ "RFC3339Nano", 1785413538510175415, "2026-07-30T12:12:18.510175415Z" },
		{ "RFC3339Nano", -1, "1969-12-31T23:59:59.999999999Z" },
		{ "RFC3339Nano", INT64_MAX, "2262-04-11T23:47:16.854775807Z" },
		{ "RFC3339Nano", INT64_MIN, "1677-09-21T00:12:43.145224192Z" },
	};
	enum weir_time_format format;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_buf out;

		weir_buf_init(&out, 0);
		assert_int_equal(weir_time_format_parse(cases[i].name, &format), 0);
		weir_format_time(&out, format, cases[i].ns);
		assert_string_equal(weir_buf_cstr(&out), cases[i].want);
		weir_buf_done(&out);
	}
	assert_true(weir_time_format_parse("stampmilli", &format) < 0);
}

static void text_controls_are_replaced(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} cases[] = {
		{ "plain", "plain" },
		{ "", "" },
		{ "\033]0;owned\007", "?]0;owned?" },
		{ "a\nb\tc\rd", "a?b?c?d" },
		{ "\177", "?" },
		{ "caf\303\251", "caf\303\251" },
		{ "\302\233"
		  "31m",
		  "??31m" }, /* CSI as a C1 control */
		{ "\233"
		  "31m",
		  "?31m" },
		{ "half \303", "half ?" },
		{ "\355\240\200", "???" },  /* a surrogate */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_buf out;

		weir_buf_init(&out, 0);
		weir_format_text(&out, cases[i].text);
		assert_string_equal(weir_buf_cstr(&out), cases[i].want);
		weir_buf_done(&out);
	}
}

static void table_columns_are_aligned_by_characters(void **state)
{
	struct weir_table table;
	struct weir_buf out;

	weir_table_init(&table);
	weir_buf_init(&out, 0);
	weir_table_print(&table, &out);
	assert_true(out.len == 0);
	weir_table_header(&table, "A\tB\tC");
	weir_table_header(&table, "caf\303\251\t\tx");
	weir_table_header(&table, "n\tlong\tlast");
	weir_table_header(&table, "lone");
	weir_table_print(&table, &out);
	assert_string_equal(weir_buf_cstr(&out), "A      B      C\n"
						 "caf\303\251          x\n"
						 "n      long   last\n"
						 "lone\n");
	weir_buf_done(&out);
	weir_table_done(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_rounded_to_a_tenth),
		cmocka_unit_test(spans_suit_their_size),
		cmocka_unit_test(counts_are_grouped),
		cmocka_unit_test(times_have_every_named_format),
		cmocka_unit_test(text_controls_are_replaced),
		cmocka_unit_test(table_columns_are_aligned_by_characters),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
