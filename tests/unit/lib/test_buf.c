/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/buf.h"

#include <errno.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/cleanup.h"

static void new_buffer_is_empty(void **state)
{
	struct weir_buf buf;

	weir_buf_init(&buf, 0);
	assert_int_equal(buf.len, 0);
	assert_string_equal(weir_buf_cstr(&buf), "");
	weir_buf_done(&buf);
	weir_buf_done(&buf);
}

static void put_appends_in_order(void **state)
{
	_cleanup_(weir_buf_done) struct weir_buf buf = { 0 };

	weir_buf_put(&buf, "ab", 2);
	weir_buf_put(&buf, NULL, 0);
	weir_buf_puts(&buf, "cd");
	weir_buf_putc(&buf, 'e');
	weir_buf_printf(&buf, "-%s-%d", "f", 7);
	weir_buf_printf(&buf, "%s", "");
	assert_string_equal(weir_buf_cstr(&buf), "abcde-f-7");
	assert_int_equal(buf.len, 9);
	assert_int_equal(buf.failed, 0);
}

static void numbers_are_written_in_full(void **state)
{
	_cleanup_(weir_buf_done) struct weir_buf buf = { 0 };

	weir_buf_put_u64(&buf, 0);
	weir_buf_putc(&buf, ' ');
	weir_buf_put_u64(&buf, UINT64_MAX);
	weir_buf_putc(&buf, ' ');
	weir_buf_put_i64(&buf, INT64_MIN);
	weir_buf_putc(&buf, ' ');
	weir_buf_put_i64(&buf, INT64_MAX);
	weir_buf_putc(&buf, ' ');
	weir_buf_put_i64(&buf, -10);
	assert_string_equal(weir_buf_cstr(&buf), "0 18446744073709551615 -9223372036854775808 "
						 "9223372036854775807 -10");
}

static void growth_keeps_content(void **state)
{
	_cleanup_(weir_buf_done) struct weir_buf buf = { 0 };

	for (uint32_t i = 0; i < 100000; i++)
		weir_buf_put(&buf, &i, sizeof(i));
	assert_int_equal(buf.failed, 0);
	assert_int_equal(buf.len, 100000 * sizeof(uint32_t));
	for (uint32_t i = 0; i < 100000; i++)
		assert_memory_equal(buf.data + i * sizeof(i), &i, sizeof(i));
}

static void printf_longer_than_the_rest_grows(void **state)
{
	char text[5000];

	/* Every length around the places where the buffer is exactly full. */
	memset(text, 'x', sizeof(text));
	for (int n = 1; n < (int)sizeof(text); n++) {
		_cleanup_(weir_buf_done) struct weir_buf buf = { 0 };

		weir_buf_printf(&buf, "%.*s", n, text);
		assert_int_equal(buf.failed, 0);
		assert_int_equal(buf.len, n);
		assert_memory_equal(buf.data, text, (size_t)n);
	}
}

static void limit_is_reached_exactly(void **state)
{
	for (size_t max = 1; max < 600; max++) {
		_cleanup_(weir_buf_done) struct weir_buf buf = { 0 };

		weir_buf_init(&buf, max);
		for (size_t i = 0; i < max; i++)
			weir_buf_putc(&buf, 'x');
		assert_int_equal(buf.failed, 0);
		assert_int_equal(strlen(weir_buf_cstr(&buf)), max);
		weir_buf_putc(&buf, 'y');
		assert_int_equal(buf.failed, -E2BIG);
		assert_int_equal(buf.len, max);
		assert_string_equal(weir_buf_cstr(&buf), "");
	}
}

static void printf_up_to_the_limit_fits(void **state)
{
	_cleanup_(weir_buf_done) struct weir_buf buf = { 0 };

	weir_buf_init(&buf, 10);
	weir_buf_printf(&buf, "%s", "0123456789");
	assert_int_equal(buf.failed, 0);
	assert_string_equal(weir_buf_cstr(&buf), "0123456789");
	weir_buf_clear(&buf);
	weir_buf_printf(&buf, "%s", "0123456789a");
	assert_int_equal(buf.failed, -E2BIG);
	assert_int_equal(buf.len, 0);
}

static void failure_stays_until_clear(void **state)
{
	_cleanup_(weir_buf_done) struct weir_buf buf = { 0 };

	weir_buf_init(&buf, 4);
	weir_buf_puts(&buf, "12345");
	weir_buf_putc(&buf, 'a');
	weir_buf_put_u64(&buf, 1);
	weir_buf_printf(&buf, "%d", 1);
	assert_null(weir_buf_room(&buf, 1));
	assert_int_equal(buf.len, 0);
	assert_int_equal(buf.failed, -E2BIG);
	weir_buf_clear(&buf);
	weir_buf_puts(&buf, "1234");
	assert_string_equal(weir_buf_cstr(&buf), "1234");
}

static void impossible_size_fails(void **state)
{
	_cleanup_(weir_buf_done) struct weir_buf buf = { 0 };

	weir_buf_putc(&buf, 'a');
	assert_null(weir_buf_room(&buf, SIZE_MAX));
	assert_int_equal(buf.failed, -E2BIG);
#ifndef __SANITIZE_ADDRESS__ /* its allocator ends the process instead */
	weir_buf_clear(&buf);
	assert_null(weir_buf_room(&buf, SIZE_MAX / 2));
	assert_int_equal(buf.failed, -ENOMEM);
	assert_int_equal(buf.len, 0);
#endif
}

static void room_gives_writable_bytes(void **state)
{
	_cleanup_(weir_buf_done) struct weir_buf buf = { 0 };
	char *to = weir_buf_room(&buf, 3000);

	assert_non_null(to);
	memset(to, 'z', 3000);
	assert_int_equal(buf.len, 0);
	buf.len = 3000;
	assert_int_equal(weir_buf_cstr(&buf)[2999], 'z');
}

static void consume_and_truncate_cut_both_ends(void **state)
{
	_cleanup_(weir_buf_done) struct weir_buf buf = { 0 };

	weir_buf_consume(&buf, 0);
	weir_buf_puts(&buf, "0123456789");
	weir_buf_consume(&buf, 3);
	weir_buf_truncate(&buf, 5);
	assert_string_equal(weir_buf_cstr(&buf), "34567");
	weir_buf_consume(&buf, 5);
	assert_string_equal(weir_buf_cstr(&buf), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_buffer_is_empty),
		cmocka_unit_test(put_appends_in_order),
		cmocka_unit_test(numbers_are_written_in_full),
		cmocka_unit_test(growth_keeps_content),
		cmocka_unit_test(printf_longer_than_the_rest_grows),
		cmocka_unit_test(limit_is_reached_exactly),
		cmocka_unit_test(printf_up_to_the_limit_fits),
		cmocka_unit_test(failure_stays_until_clear),
		cmocka_unit_test(impossible_size_fails),
		cmocka_unit_test(room_gives_writable_bytes),
		cmocka_unit_test(consume_and_truncate_cut_both_ends),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
