/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/records.h"

#include "api/server_priv.h"

static void origin_and_host_decide(void **state)
{
	static const struct {
		const char *origin;
		const char *host;
		bool loopback;
		bool refused;
	} cases[] = {
		{ NULL, NULL, true, false },
		{ NULL, "localhost:4245", true, false },
		{ NULL, "LOCALHOST", true, false },
		{ NULL, "weir.localhost:80", true, false },
		{ NULL, "127.0.0.1:4245", true, false },
		{ NULL, "[::1]:4245", true, false },
		{ NULL, "10.0.0.1", true, false },
		{ NULL, "evil.example:4245", true, true },
		{ NULL, "localhost.evil.example", true, true },
		{ NULL, "evillocalhost", true, true },
		{ NULL, "[::1", true, true },
		{ NULL, "[]", true, true },
		{ NULL, "weir.example", false, false },
		{ "http://localhost:4245", "localhost:4245", true, false },
		{ "http://LocalHost:4245", "localhost:4245", true, false },
		{ "http://localhost:4246", "localhost:4245", true, true },
		{ "http://evil.example", "localhost:4245", true, true },
		{ "http://evil.example", "evil.example", true, true },
		{ "https://weir.example", "weir.example", false, false },
		{ "https://evil.example", "weir.example", false, true },
		{ "null", "weir.example", false, true },
		{ "", "weir.example", false, true },
		{ "http://a", NULL, false, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *why =
			weir_origin_check(cases[i].origin, cases[i].host, cases[i].loopback);

		if (!!why != cases[i].refused)
			fail_msg("case %zu: %s", i, why ? why : "let through");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(origin_and_host_decide),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
