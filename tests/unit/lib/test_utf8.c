/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/utf8.h"

#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define CODE_POINT_MAX 0x10ffff

static size_t encode(uint32_t code, char *to)
{
	if (code < 0x80) {
		to[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		to[0] = (char)(0xc0 | code >> 6);
		to[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		to[0] = (char)(0xe0 | code >> 12);
		to[1] = (char)(0x80 | (code >> 6 & 0x3f));
		to[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | code >> 18);
	to[1] = (char)(0x80 | (code >> 12 & 0x3f));
	to[2] = (char)(0x80 | (code >> 6 & 0x3f));
	to[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

static bool is_surrogate(uint32_t code)
{
	return code >= 0xd800 && code <= 0xdfff;
}

static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
	       code == 0x061c || code == 0x200e || code == 0x200f ||
	       (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

static void len_of_every_code_point_is_known(void **state)
{
	char text[4];

	for (uint32_t code = 0; code <= CODE_POINT_MAX + 0x10000; code++) {
		size_t len = encode(code, text);
		size_t want = is_surrogate(code) || code > CODE_POINT_MAX ? 0 : len;

		if (weir_utf8_len(text, len) != want ||
		    weir_utf8_printable(text, len) != (is_control(code) ? 0 : want))
			fail_msg("U+%04X", code);
		/* Cut short it is none. */
		for (size_t left = 0; left < len; left++)
			assert_int_equal(weir_utf8_len(text, left), 0);
	}
}

/* As many sequences are accepted as there are code points: none is accepted in two ways. */
static void no_other_sequence_is_accepted(void **state)
{
	size_t accepted[5] = { 0 };

	for (uint32_t bytes = 0; bytes < 1u << 24; bytes++) {
		char text[4] = { (char)(bytes >> 16), (char)(bytes >> 8), (char)bytes, (char)0xbf };
		size_t len = weir_utf8_len(text, sizeof(text));

		accepted[len]++;
	}
	/* Of 2^24 beginnings: those that differ only behind the character are counted once. */
	assert_int_equal(accepted[1] >> 16, 0x80);
	assert_int_equal(accepted[2] >> 8, 0x800 - 0x80);
	assert_int_equal(accepted[3], 0x10000 - 0x800 - 0x800);
	assert_int_equal(accepted[4], (CODE_POINT_MAX + 1 - 0x10000) >> 6);
}

static void sanitize_replaces_each_bad_byte(void **state)
{
	char text[] = "a\tb\xc3\xa9\xff\xe2\x82";

	weir_utf8_sanitize(text, sizeof(text) - 1);
	assert_string_equal(text, "a?b\xc3\xa9???");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(len_of_every_code_point_is_known),
		cmocka_unit_test(no_other_sequence_is_accepted),
		cmocka_unit_test(sanitize_replaces_each_bad_byte),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
