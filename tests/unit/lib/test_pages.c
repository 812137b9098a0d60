/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pages.h"

static void new_without_size_is_refused(void **state)
{
	void *pages = NULL;

	assert_int_equal(weir_pages_new(0, &pages), -EINVAL);
	assert_int_equal(weir_pages_new(SIZE_MAX, &pages), -ENOMEM);
	assert_null(pages);
	weir_pages_free(NULL, 1);
}

static void pages_are_zero_and_resident_only_when_touched(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), count = 4096;
	unsigned char resident[4096];
	size_t total = 0;
	void *pages = NULL;
	uint8_t *bytes;

	assert_int_equal(weir_pages_new(count * page, &pages), 0);
	bytes = pages;
	for (size_t i = 0; i < count; i += 1024) {
		assert_int_equal(bytes[i * page + 7], 0);
		bytes[i * page] = 1;
	}
	assert_int_equal(mincore(pages, count * page, resident), 0);
	for (size_t i = 0; i < count; i++)
		total += resident[i] & 1;
	assert_int_equal(total, count / 1024);
	weir_pages_free(pages, count * page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_without_size_is_refused),
		cmocka_unit_test(pages_are_zero_and_resident_only_when_touched),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
