/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/records.h"

#include "api/filter.h"

/* Up to three terms, ANDed or ORed as filters do, against the record of weirt_closed():
 * shop/frontend-5d8f7c9b6d-x2x9k 10.244.1.60:44916 -> Service cart-ns/cart 10.96.0.10:80 ->
 * backend/cart-0 10.244.1.5:8080, TCP, FORWARDED. */
struct match_case {
	const char *terms[3][2];
	bool want;
};

static void terms_match_as_documented(void **state)
{
	static const struct match_case cases[] = {
		{ { { NULL } }, true },
		{ { { "namespace", "shop" } }, true },
		{ { { "namespace", "backend" } }, true },
		{ { { "namespace", "sho" } }, false },
		{ { { "from-namespace", "shop" } }, true },
		{ { { "from-namespace", "backend" } }, false },
		{ { { "to-namespace", "backend" } }, true },
		{ { { "to-namespace", "cart-ns" } }, true },
		{ { { "from-namespace", "cart-ns" } }, false },
		{ { { "namespace", "x" }, { "namespace", "shop" } }, true },
		{ { { "from-namespace", "shop" }, { "to-namespace", "shop" } }, false },
		{ { { "pod", "shop/frontend" } }, true },
		{ { { "pod", "shop/" } }, true },
		{ { { "pod", "/cart" } }, true },
		{ { { "pod", "/art" } }, false },
		{ { { "pod", "frontend" } }, false },
		{ { { "pod", "default/frontend" } }, false },
		{ { { "pod", "shop/frontend-5d8f7c9b6d-x2x9k" } }, true },
		{ { { "pod", "shop/frontend-5d8f7c9b6d-x2x9kk" } }, false },
		{ { { "to-pod", "shop/frontend" } }, false },
		{ { { "from-pod", "shop/frontend" }, { "to-pod", "backend/cart" } }, true },
		{ { { "from-pod", "shop/frontend" }, { "to-pod", "backend/x" } }, false },
		{ { { "ip", "10.244.1.60" } }, true },
		{ { { "ip", "10.244.1.5" } }, true },
		{ { { "ip", "10.96.0.10" } }, true },
		{ { { "to-ip", "10.96.0.10" } }, true },
		{ { { "from-ip", "10.96.0.10" } }, false },
		{ { { "from-ip", "10.244.0.0/16" } }, true },
		{ { { "from-ip", "10.244.1.61" } }, false },
		{ { { "to-ip", "10.244.1.0/29" } }, true },
		{ { { "ip", "0.0.0.0/0" } }, true },
		{ { { "ip", "::/0" } }, false },
		{ { { "ip", "2001:db8::/32" } }, false },
		{ { { "snat-ip", "192.0.2.9" } }, true },
		{ { { "snat-ip", "192.0.2.0/24" } }, true },
		{ { { "snat-ip", "10.244.1.60" } }, false },
		{ { { "port", "44916" } }, true },
		{ { { "port", "8080" } }, true },
		{ { { "port", "80" } }, true },
		{ { { "to-port", "80" } }, true },
		{ { { "from-port", "80" } }, false },
		{ { { "from-port", "44916" } }, true },
		{ { { "to-port", "44916" } }, false },
		{ { { "to-port", "81" }, { "to-port", "8080" } }, true },
		{ { { "protocol", "tcp" } }, true },
		{ { { "protocol", "TCP" } }, true },
		{ { { "protocol", "udp" } }, false },
		{ { { "protocol", "icmp" } }, false },
		{ { { "protocol", "udp" }, { "protocol", "tcp" } }, true },
		{ { { "verdict", "FORWARDED" } }, true },
		{ { { "verdict", "forwarded" } }, true },
		{ { { "verdict", "DROPPED" } }, false },
		{ { { "verdict", "DROPPED" }, { "verdict", "FORWARDED" } }, true },
		{ { { "protocol", "tcp" }, { "verdict", "FORWARDED" }, { "port", "1" } }, false },
	};
	struct weir_record record = weirt_closed();

	record.flow.source_xlated = weirt_addr("192.0.2.9");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_filter *filter = NULL;
		struct weir_error err = { 0 };

		assert_int_equal(weir_filter_new(&filter), 0);
		for (int t = 0; t < 3 && cases[i].terms[t][0]; t++)
			assert_int_equal(weir_filter_add(filter, cases[i].terms[t][0],
							 cases[i].terms[t][1], &err),
					 0);
		if (weir_filter_match(filter, &record) != cases[i].want)
			fail_msg("case %zu: %s=%s", i, cases[i].terms[0][0], cases[i].terms[0][1]);
		weir_filter_free(&filter);
		assert_null(filter);
	}
}

static bool matches(const char *term, const char *value, const struct weir_record *record)
{
	struct weir_filter *filter = NULL;
	bool r;

	assert_int_equal(weir_filter_new(&filter), 0);
	assert_int_equal(weir_filter_add(filter, term, value, NULL), 0);
	r = weir_filter_match(filter, record);
	weir_filter_free(&filter);
	return r;
}

static void ends_that_are_no_pods_match_no_pod(void **state)
{
	struct weir_record record = weirt_closed();

	record.source = &weirt_host;
	record.destination = &weirt_unknown;
	record.service = NULL;
	assert_false(matches("pod", "/s", &record));
	assert_false(matches("namespace", "shop", &record));
}

static void addresses_not_known_match_no_network(void **state)
{
	struct weir_record record = weirt_closed();

	record.flow.source_addr = (struct weir_addr){ 0 };
	record.flow.asked_addr = (struct weir_addr){ 0 };
	assert_false(matches("from-ip", "::/0", &record));
	assert_false(matches("from-ip", "0.0.0.0/0", &record));
	assert_true(matches("ip", "0.0.0.0/0", &record));
	record.flow.destination_addr = (struct weir_addr){ 0 };
	assert_false(matches("ip", "::/0", &record));
	assert_false(matches("ip", "0.0.0.0/0", &record));
}

static void prefixes_are_compared_to_the_bit(void **state)
{
	static const struct {
		const char *cidr;
		const char *addr;
		bool want;
	} cases[] = {
		{ "2001:db8:8000::/33", "2001:db8:ffff::1", true },
		{ "2001:db8:8000::/33", "2001:db8:7fff::1", false },
		{ "2001:db8::/64", "2001:db8::ffff:0:0:1", true },
		{ "2001:db8::/64", "2001:db8:0:1::1", false },
		{ "2001:db8::/65", "2001:db8:0:0:7fff::1", true },
		{ "2001:db8::/65", "2001:db8:0:0:8000::1", false },
		{ "2001:db8::1", "2001:db8::1", true },
		{ "2001:db8::1", "2001:db8::2", false },
		{ "::/0", "2001:db8::2", true },
		{ "10.1.2.255/31", "10.1.2.254", true },
		{ "10.1.2.255/31", "10.1.2.253", false },
		{ "0.0.0.0/0", "2001:db8::2", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_record record = weirt_closed();

		record.flow.source_addr = weirt_addr(cases[i].addr);
		if (matches("from-ip", cases[i].cidr, &record) != cases[i].want)
			fail_msg("%s %s", cases[i].cidr, cases[i].addr);
	}
}

static void icmp_is_both_versions(void **state)
{
	struct weir_record record = weirt_closed();

	record.flow.protocol = IPPROTO_ICMPV6;
	assert_true(matches("protocol", "icmp", &record));
	assert_true(matches("protocol", "icmpv6", &record));
	assert_false(matches("protocol", "icmpv4", &record));
	record.flow.protocol = 255;
	assert_false(matches("protocol", "icmp", &record));
}

static void verdict_not_known_can_be_asked_for(void **state)
{
	struct weir_record record = weirt_closed();

	record.flow.verdict = WEIR_VERDICT_UNKNOWN;
	assert_true(matches("verdict", "VERDICT_UNKNOWN", &record));
	assert_false(matches("verdict", "FORWARDED", &record));
}

static void dns_is_a_protocol_within_others(void **state)
{
	const struct weir_record tcp = weirt_closed(), query = weirt_dns_query();

	assert_true(matches("protocol", "dns", &query));
	assert_true(matches("protocol", "DNS", &query));
	assert_true(matches("protocol", "udp", &query));
	assert_false(matches("protocol", "tcp", &query));
	assert_false(matches("protocol", "dns", &tcp));
}

/* The ends of a message are those of its packet, as Hubble has them. */
static void dns_answer_comes_from_the_service_that_was_asked(void **state)
{
	const struct weir_record query = weirt_dns_query(), answer = weirt_dns_answer();

	assert_true(matches("to-port", "53", &query));
	assert_false(matches("to-port", "53", &answer));
	assert_true(matches("from-port", "53", &answer));
	assert_true(matches("to-namespace", "cart-ns", &query));
	assert_false(matches("to-namespace", "cart-ns", &answer));
	assert_true(matches("from-namespace", "cart-ns", &answer));
	assert_true(matches("to-pod", "shop/frontend", &answer));
	assert_true(matches("from-ip", "10.96.0.10", &answer));
	assert_false(matches("to-ip", "10.96.0.10", &answer));
}

static void losses_match_every_filter(void **state)
{
	struct weir_record lost = weirt_lost(3);

	assert_true(matches("to-port", "1", &lost));
}

static void bad_term_is_named(void **state)
{
	static const struct {
		const char *term;
		const char *value;
		const char *want;
	} cases[] = {
		{ "nothing", "x", "nothing: no such filter" },
		{ "from-protocol", "tcp", "from-protocol: no such filter" },
		{ "from-snat-ip", "192.0.2.9", "from-snat-ip: no such filter" },
		{ "snat-ip", "x", "snat-ip: 'x' is not an address or CIDR" },
		{ "from-", "x", "from-: no such filter" },
		{ "", "x", ": no such filter" },
		{ "port", "0", "port: '0' is not a port (1 to 65535)" },
		{ "port", "65536", "port: '65536' is not a port (1 to 65535)" },
		{ "port", "", "port: '' is not a port (1 to 65535)" },
		{ "port", "80 ", "port: '80 ' is not a port (1 to 65535)" },
		{ "port", "-1", "port: '-1' is not a port (1 to 65535)" },
		{ "port", "http", "port: 'http' is not a port (1 to 65535)" },
		{ "to-ip", "10.0.0.256", "to-ip: '10.0.0.256' is not an address or CIDR" },
		{ "ip", "10.0.0.0/33", "ip: '10.0.0.0/33' is not an address or CIDR" },
		{ "ip", "", "ip: '' is not an address or CIDR" },
		{ "pod", "", "pod: '' is not [NAMESPACE/]NAME-PREFIX" },
		{ "pod", "/", "pod: '/' is not [NAMESPACE/]NAME-PREFIX" },
		{ "pod", "a/b/c", "pod: 'a/b/c' is not [NAMESPACE/]NAME-PREFIX" },
		{ "namespace", "", "namespace: '' is not a namespace" },
		{ "namespace", "a/b", "namespace: 'a/b' is not a namespace" },
		{ "protocol", "http",
		  "protocol: 'http' is not a protocol (tcp, udp, sctp, icmp, icmpv4, icmpv6, dns)" },
		{ "verdict", "REDIRECTED",
		  "verdict: 'REDIRECTED' is not a verdict (FORWARDED, DROPPED, ERROR, "
		  "VERDICT_UNKNOWN)" },
	};
	struct weir_filter *filter = NULL;

	assert_int_equal(weir_filter_new(&filter), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_error err = { 0 };

		assert_int_equal(weir_filter_add(filter, cases[i].term, cases[i].value, &err),
				 -EINVAL);
		assert_string_equal(err.text, cases[i].want);
	}
	/* None of them has left anything behind. */
	assert_true(
		weir_filter_match(filter, &(struct weir_record){ .kind = WEIR_RECORD_FLOW,
								 .source = &weirt_host,
								 .destination = &weirt_unknown }));
	weir_filter_free(&filter);
	weir_filter_free(&filter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(terms_match_as_documented),
		cmocka_unit_test(ends_that_are_no_pods_match_no_pod),
		cmocka_unit_test(addresses_not_known_match_no_network),
		cmocka_unit_test(prefixes_are_compared_to_the_bit),
		cmocka_unit_test(icmp_is_both_versions),
		cmocka_unit_test(verdict_not_known_can_be_asked_for),
		cmocka_unit_test(dns_is_a_protocol_within_others),
		cmocka_unit_test(dns_answer_comes_from_the_service_that_was_asked),
		cmocka_unit_test(losses_match_every_filter),
		cmocka_unit_test(bad_term_is_named),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
