/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/records.h"

#include "api/community_id.h"

static void vectors_give_the_published_id(void **state)
{
	/* The first two and the SCTP one are published with the specification; the others were
	 * worked out with another implementation. */
	static const struct {
		uint8_t protocol;
		const char *source;
		uint16_t source_port;
		const char *destination;
		uint16_t destination_port;
		const char *want;
	} cases[] = {
		{ IPPROTO_TCP, "128.232.110.120", 34855, "66.35.250.204", 80,
		  "1:LQU9qZlK+B5F3KDmev6m5PMibrg=" },
		{ IPPROTO_UDP, "192.168.1.52", 54585, "8.8.8.8", 53,
		  "1:d/FP5EW3wiY1vCndhwleRRKHowQ=" },
		{ IPPROTO_SCTP, "192.168.170.8", 7, "192.168.170.56", 7,
		  "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=" },
		{ IPPROTO_TCP, "10.0.0.1", 80, "10.0.0.1", 81, "1:tlfFsHe+E3VVycVoOYQhDlTTvRc=" },
		{ IPPROTO_TCP, "10.0.0.1", 256, "10.0.0.1", 1, "1:re0sUAj+C68q+VI/dJmChndtx08=" },
		{ IPPROTO_TCP, "2001:db8::1", 40000, "fe80::5", 443,
		  "1:BSJVK+TBEgHRckRH+/tA6uzwhMc=" },
		{ IPPROTO_UDP, "::1", 5000, "::1", 53, "1:x8DSR22JnHhWYzlTm3J3bMnYTK4=" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_addr source = weirt_addr(cases[i].source);
		struct weir_addr destination = weirt_addr(cases[i].destination);
		char text[WEIR_COMMUNITY_ID_MAX];

		memset(text, 'x', sizeof(text)); /* who calls need not clear it */

		assert_string_equal(weir_community_id(cases[i].protocol, &source,
						      cases[i].source_port, &destination,
						      cases[i].destination_port, text),
				    cases[i].want);
		/* The other direction of the same connection. */
		assert_string_equal(weir_community_id(cases[i].protocol, &destination,
						      cases[i].destination_port, &source,
						      cases[i].source_port, text),
				    cases[i].want);
	}
}

static void mixed_families_give_none(void **state)
{
	struct weir_addr v4 = weirt_addr("10.0.0.1"), v6 = weirt_addr("2001:db8::1");
	char text[WEIR_COMMUNITY_ID_MAX];

	assert_string_equal(weir_community_id(IPPROTO_TCP, &v4, 1, &v6, 2, text), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_give_the_published_id),
		cmocka_unit_test(mixed_families_give_none),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
