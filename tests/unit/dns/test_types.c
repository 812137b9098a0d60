/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dns/types.h"

static void known_types_have_names(void **state)
{
	char text[WEIR_DNS_TYPE_TEXT_MAX];

	assert_string_equal(weir_dns_type_to_str(1, text), "A");
	assert_string_equal(weir_dns_type_to_str(28, text), "AAAA");
	assert_string_equal(weir_dns_type_to_str(65, text), "HTTPS");
	assert_string_equal(weir_dns_type_to_str(257, text), "CAA");
}

static void other_types_are_numbered(void **state)
{
	static const struct {
		uint16_t type;
		const char *want;
	} cases[] = {
		{ 0, "TYPE0" },
		{ 10, "TYPE10" },
		{ 1000, "TYPE1000" },
		{ 65535, "TYPE65535" },
	};
	char text[WEIR_DNS_TYPE_TEXT_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(weir_dns_type_to_str(cases[i].type, text), cases[i].want);
}

static void rcodes_have_names_or_numbers(void **state)
{
	char text[WEIR_DNS_TYPE_TEXT_MAX];

	assert_string_equal(weir_dns_rcode_to_str(0, text), "NOERROR");
	assert_string_equal(weir_dns_rcode_to_str(3, text), "NXDOMAIN");
	assert_string_equal(weir_dns_rcode_to_str(12, text), "RCODE12");
	assert_string_equal(weir_dns_rcode_to_str(65535, text), "RCODE65535");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_types_have_names),
		cmocka_unit_test(other_types_are_numbered),
		cmocka_unit_test(rcodes_have_names_or_numbers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
