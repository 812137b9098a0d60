/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/time.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void time_text_has_fewest_lossless_digits(void **state)
{
	static const struct {
		int64_t input;
		const char *want;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ 1785413538510175415LL, "2026-07-30T12:12:18.510175415Z" },
		{ 1785413538510175000LL, "2026-07-30T12:12:18.510175Z" },
		{ 1785413538510000000LL, "2026-07-30T12:12:18.510Z" },
		{ 1785413538000000000LL, "2026-07-30T12:12:18Z" },
		{ 1, "1970-01-01T00:00:00.000000001Z" },
		{ 1000, "1970-01-01T00:00:00.000001Z" },
		{ -1, "1969-12-31T23:59:59.999999999Z" },
		{ 951782400000000000LL, "2000-02-29T00:00:00Z" },
		{ 951868799000000000LL, "2000-02-29T23:59:59Z" },
		{ 951868800000000000LL, "2000-03-01T00:00:00Z" },
		{ 4107542400000000000LL, "2100-03-01T00:00:00Z" },
		{ INT64_MAX, "2262-04-11T23:47:16.854775807Z" },
		{ INT64_MIN, "1677-09-21T00:12:43.145224192Z" },
	};
	char text[WEIR_TIME_TEXT_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t back = 42;

		assert_string_equal(weir_time_to_str(cases[i].input, text), cases[i].want);
		assert_int_equal(weir_time_parse(text, &back), 0);
		assert_true(back == cases[i].input);
	}
}

static void every_day_agrees_with_the_c_library(void **state)
{
	char ours[WEIR_TIME_TEXT_MAX], theirs[WEIR_TIME_TEXT_MAX];

	for (int64_t day = -106000; day <= 106000; day++) {
		time_t sec = (time_t)(day * 86400 + 3661);
		int64_t back = 0;
		struct tm tm;

		assert_non_null(gmtime_r(&sec, &tm));
		assert_true(strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0);
		assert_string_equal(weir_time_to_str((int64_t)sec * 1000000000, ours), theirs);
		assert_int_equal(weir_time_parse(ours, &back), 0);
		assert_true(back == (int64_t)sec * 1000000000);
	}
}

static void time_parse_takes_offsets_and_fractions(void **state)
{
	static const struct {
		const char *input;
		int64_t want;
	} cases[] = {
		{ "1970-01-01T01:00:00+01:00", 0 },
		{ "1969-12-31T18:30:00-05:30", 0 },
		{ "1970-01-01T00:00:00-00:00", 0 },
		{ "1970-01-01t00:00:01z", 1000000000 },
		{ "1970-01-01T00:00:00.5Z", 500000000 },
		{ "1970-01-01T00:00:00.1234567899999Z", 123456789 },
		{ "1969-12-31T23:59:59.25Z", -750000000 },
		{ "2016-12-31T23:59:60Z", 1483228800000000000LL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t got = 42;

		assert_int_equal(weir_time_parse(cases[i].input, &got), 0);
		if (got != cases[i].want)
			fail_msg("%s: got %lld", cases[i].input, (long long)got);
	}
}

static void time_parse_refuses_bad_text(void **state)
{
	static const char *const cases[] = {
		"", "now", "2026-07-30", "2026-07-30T12:12:18", "2026-07-30 12:12:18Z",
		"2026-07-30T12:12Z", "2026-07-30T12:12:18.Z", "2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
		"2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z",
		"2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T00:00:00Zx",
		"2026-01-01T00:00:00+1:00", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+0100",
		"26-01-01T00:00:00Z", "+2026-01-01T00:00:00Z", "2263-01-01T00:00:00Z",
		"2262-04-11T23:47:16.854775808Z", "1677-09-21T00:12:43.145224191Z",
		"0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-7-30T12:12:18Z",
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t got = 42;

		if (weir_time_parse(cases[i], &got) != -EINVAL || got != 42)
			fail_msg("'%s' was parsed", cases[i]);
	}
}

static void duration_parse_takes_go_syntax(void **state)
{
	static const struct {
		const char *input;
		uint64_t want;
	} cases[] = {
		{ "0", 0 },
		{ "0s", 0 },
		{ "5s", 5000000000 },
		{ "+5s", 5000000000 },
		{ "300ms", 300000000 },
		{ "1.5h", 5400000000000 },
		{ "2h45m", 9900000000000 },
		{ "1h2m3s4ms5us6ns", 3723004005006 },
		{ "1s1s", 2000000000 },
		{ ".5s", 500000000 },
		{ "5.s", 5000000000 },
		{ "7\xc2\xb5s", 7000 },
		{ "7\xce\xbcs", 7000 },
		{ "1.9ns", 1 },
		{ "0.000000001s", 1 },
		{ "0.100000000000000000000h", 360000000000 },
		{ "9223372036854775807ns", INT64_MAX },
		{ "9223372036.854775807s", INT64_MAX },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t got = 42;

		if (weir_duration_parse(cases[i].input, &got) != 0 || got != cases[i].want)
			fail_msg("%s: got %llu", cases[i].input, (unsigned long long)got);
	}
}

static void duration_parse_refuses_bad_text(void **state)
{
	static const char *const cases[] = {
		"",
		"+",
		"5",
		"s",
		".s",
		"5x",
		"5 s",
		"-5s",
		"5s ",
		"5S",
		"1h2",
		"00",
		"1..5s",
		"5ss",
		"9223372036854775808ns",
		"9223372036854775807ns1ns",
		"18446744073709551616ns",
		"99999999999999999999s",
		"2562048h",
		"5.5.5s",
		"\xc2\xb5s",
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t got = 42;

		if (weir_duration_parse(cases[i], &got) != -EINVAL || got != 42)
			fail_msg("'%s' was parsed", cases[i]);
	}
}

static void duration_text_is_protojsons(void **state)
{
	static const struct {
		uint64_t input;
		const char *want;
	} cases[] = {
		{ 0, "0s" },
		{ 1, "0.000000001s" },
		{ 1500000000, "1.500s" },
		{ 1000001000, "1.000001s" },
		{ 10000000000, "10s" },
		{ 3723004005006, "3723.004005006s" },
		{ UINT64_MAX, "18446744073.709551615s" },
	};
	char text[WEIR_TIME_TEXT_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(weir_duration_to_str(cases[i].input, text), cases[i].want);
}

static void clock_maps_now_to_now(void **state)
{
	struct weir_clock clock = { 0 };
	int64_t before, mapped, after;

	weir_clock_sync(&clock);
	before = weir_time_real_ns();
	mapped = weir_clock_real_ns(&clock, weir_time_mono_ns());
	after = weir_time_real_ns();
	/* The two clocks are read one after the other: allow what a preemption may cost. */
	assert_true(mapped > before - 50000000);
	assert_true(mapped < after + 50000000);
	assert_true(weir_clock_real_ns(&clock, 1000) - weir_clock_real_ns(&clock, 0) == 1000);
}

/* Not even by the jitter of reading two clocks one after the other. */
static void clock_sync_without_a_step_changes_nothing(void **state)
{
	struct weir_clock clock = { 0 };
	int64_t first;

	weir_clock_sync(&clock);
	first = clock.offset_ns;
	for (int i = 0; i < 1000; i++) {
		weir_clock_sync(&clock);
		assert_true(clock.offset_ns == first);
	}
	clock.offset_ns = first + 200000;
	weir_clock_sync(&clock);
	assert_true(clock.offset_ns == first + 200000);
}

static void clock_sync_after_a_step_adopts_it(void **state)
{
	static const int64_t steps[] = { 5000000, -5000000, 3600000000000, -3600000000000 };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct weir_clock clock = { 0 };
		int64_t first, apart;

		weir_clock_sync(&clock);
		first = clock.offset_ns;
		clock.offset_ns = first + steps[i];
		weir_clock_sync(&clock);
		apart = clock.offset_ns - first;
		assert_true(apart > -1000000 && apart < 1000000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_text_has_fewest_lossless_digits),
		cmocka_unit_test(every_day_agrees_with_the_c_library),
		cmocka_unit_test(time_parse_takes_offsets_and_fractions),
		cmocka_unit_test(time_parse_refuses_bad_text),
		cmocka_unit_test(duration_parse_takes_go_syntax),
		cmocka_unit_test(duration_parse_refuses_bad_text),
		cmocka_unit_test(duration_text_is_protojsons),
		cmocka_unit_test(clock_maps_now_to_now),
		cmocka_unit_test(clock_sync_without_a_step_changes_nothing),
		cmocka_unit_test(clock_sync_after_a_step_adopts_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
