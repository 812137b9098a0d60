/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct weir_addr parsed(const char *text)
{
	struct weir_addr addr = { { 0 } };

	if (weir_addr_parse(text, &addr) != 0)
		fail_msg("%s: not parsed", text);
	return addr;
}

static void parse_then_to_str_gives_canonical_text(void **state)
{
	/* The IPv6 cases are those of RFC 5952 sections 2 and 4. */
	static const struct {
		const char *input, *want;
	} cases[] = {
		{ "0.0.0.0", "0.0.0.0" },
		{ "10.0.0.255", "10.0.0.255" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "1.20.30.4", "1.20.30.4" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "::", "::" },
		{ "::1", "::1" },
		{ "1::", "1::" },
		{ "::1:0", "::1:0" },
		{ "::192.0.2.1", "::c000:201" },
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "2001:0db8:0:0:0:0:2:1", "2001:db8::2:1" },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
		{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
		{ "2001:DB8::AbCd:0", "2001:db8::abcd:0" },
		{ "fe80:1:2:3:4:5:0:0", "fe80:1:2:3:4:5::" },
		{ "0:0:1:2:3:4:5:6", "::1:2:3:4:5:6" },
		{ "0:1:2:3:4:5:6:7", "0:1:2:3:4:5:6:7" },
		{ "1234:5678:9abc:def0:ffff:ffff:ffff:ffff",
		  "1234:5678:9abc:def0:ffff:ffff:ffff:ffff" },
	};
	char text[WEIR_ADDR_TEXT_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_addr addr = parsed(cases[i].input);

		assert_string_equal(weir_addr_to_str(&addr, text), cases[i].want);
	}
}

static void to_str_agrees_with_inet_ntop(void **state)
{
	char ours[WEIR_ADDR_TEXT_MAX], theirs[INET6_ADDRSTRLEN];

	/* Every pattern of zero and other groups; the first group keeps inet_ntop() from IPv4 text. */
	for (unsigned int bits = 0; bits < 256; bits++) {
		struct weir_addr addr = { { 0 } };

		for (unsigned int group = 0; group < 8; group++)
			addr.bytes[2 * group + 1] =
				bits & (1u << group) ? (uint8_t)(group * 17 + 1) : 0;
		if (!(bits & 0x3f))
			continue;
		assert_non_null(inet_ntop(AF_INET6, addr.bytes, theirs, sizeof(theirs)));
		assert_string_equal(weir_addr_to_str(&addr, ours), theirs);
	}
}

static void parse_refuses_what_is_no_address(void **state)
{
	static const char *const cases[] = {
		"", " ", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4",
		"1.2.3.-4", "0x7f.0.0.1", "localhost", "::1::", ":::", "1:2:3:4:5:6:7", "12345::",
		"[::1]", "fe80::1%eth0", "::1/128", "g::", ":", "1:2:3:4:5:6:7:8:9",
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_addr addr = { { 1, 2, 3 } };
		const struct weir_addr before = addr;

		if (weir_addr_parse(cases[i], &addr) != -EINVAL)
			fail_msg("'%s' was parsed", cases[i]);
		assert_true(weir_addr_eq(&addr, &before));
	}
}

static void kinds_are_told_apart(void **state)
{
	static const struct {
		const char *input;
		bool v4, none, loopback;
	} cases[] = {
		{ "::", false, true, false },
		{ "0.0.0.0", true, false, false },
		{ "127.0.0.1", true, false, true },
		{ "127.255.0.9", true, false, true },
		{ "128.0.0.1", true, false, false },
		{ "::1", false, false, true },
		{ "::2", false, false, false },
		{ "::127.0.0.1", false, false, false },
		{ "2001:db8::1", false, false, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_addr addr = parsed(cases[i].input);

		if (weir_addr_is_v4(&addr) != cases[i].v4 ||
		    weir_addr_is_none(&addr) != cases[i].none ||
		    weir_addr_is_loopback(&addr) != cases[i].loopback)
			fail_msg("%s: wrong kind", cases[i].input);
	}
}

static void cidr_contains_its_addresses_only(void **state)
{
	static const struct {
		const char *cidr, *addr;
		bool want;
	} cases[] = {
		{ "10.1.0.0/16", "10.1.255.255", true },
		{ "10.1.0.0/16", "10.2.0.0", false },
		{ "10.1.2.3/16", "10.1.9.9", true },
		{ "10.0.0.0/9", "10.127.0.1", true },
		{ "10.0.0.0/9", "10.128.0.1", false },
		{ "10.1.2.3", "10.1.2.3", true },
		{ "10.1.2.3", "10.1.2.2", false },
		{ "0.0.0.0/0", "255.1.2.3", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "2001:db8::1", true },
		{ "::/0", "10.0.0.1", false },
		{ "::ffff:10.0.0.0/104", "10.200.0.1", true },
		{ "::ffff:10.0.0.0/104", "11.0.0.1", false },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "2001:db8::1/128", "2001:db8::1", true },
		{ "2001:db8::1/127", "2001:db8::2", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_addr addr = parsed(cases[i].addr);
		struct weir_cidr cidr;

		assert_int_equal(weir_cidr_parse(cases[i].cidr, &cidr), 0);
		if (weir_cidr_contains(&cidr, &addr) != cases[i].want)
			fail_msg("%s in %s", cases[i].addr, cases[i].cidr);
	}
}

static void cidr_bits_count_within_128(void **state)
{
	struct weir_cidr cidr;

	assert_int_equal(weir_cidr_parse("10.1.2.3/24", &cidr), 0);
	assert_int_equal(cidr.bits, 120);
	assert_int_equal(cidr.addr.bytes[15], 0);
	assert_int_equal(weir_cidr_parse("10.1.2.3", &cidr), 0);
	assert_int_equal(cidr.bits, 128);
}

static void cidr_parse_refuses_bad_lengths(void **state)
{
	static const char *const cases[] = {
		"10.0.0.0/33",
		"10.0.0.0/",
		"10.0.0.0/-1",
		"10.0.0.0/08",
		"10.0.0.0/+8",
		"10.0.0.0/8 ",
		"::/129",
		"::/99999999999999999999",
		"/8",
		"",
		"10.0.0.0/8/8",
		"10.0.0/8",
		"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/8",
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_cidr cidr;

		if (weir_cidr_parse(cases[i], &cidr) != -EINVAL)
			fail_msg("'%s' was parsed", cases[i]);
	}
}

static void endpoint_parse_knows_three_forms(void **state)
{
	static const struct {
		const char *input;
		bool is_unix;
		const char *host;
		uint16_t port;
	} cases[] = {
		{ "unix:/run/weir/weir.sock", true, "/run/weir/weir.sock", 0 },
		{ "unix:a:b", true, "a:b", 0 },
		{ "127.0.0.1:4245", false, "127.0.0.1", 4245 },
		{ "relay.weir.svc:80", false, "relay.weir.svc", 80 },
		{ "[::1]:0", false, "::1", 0 },
		{ "[::]:65535", false, "::", 65535 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_endpoint endpoint;

		assert_int_equal(weir_endpoint_parse(cases[i].input, &endpoint, NULL), 0);
		assert_true(endpoint.is_unix == cases[i].is_unix);
		assert_string_equal(endpoint.host, cases[i].host);
		assert_int_equal(endpoint.port, cases[i].port);
	}
}

static void endpoint_parse_names_what_is_wrong(void **state)
{
	static const struct {
		const char *input, *want;
	} cases[] = {
		{ "", ": neither unix:PATH nor HOST:PORT" },
		{ "localhost", "localhost: neither unix:PATH nor HOST:PORT" },
		{ "[::1]", "[::1]: neither unix:PATH nor HOST:PORT" },
		{ "unix:", "unix:: no path behind 'unix:'" },
		{ ":80", ":80: no host before the port" },
		{ "[]:80", "[]:80: no host before the port" },
		{ "::1:80", "::1:80: an IPv6 address needs brackets: [ADDRESS]:PORT" },
		{ "[1.2.3.4]:80", "[1.2.3.4]:80: no IPv6 address between the brackets" },
		{ "[::1%lo]:80", "[::1%lo]:80: no IPv6 address between the brackets" },
		{ "a b:80", "a b:80: not a host name" },
		{ "a:65536", "a:65536: no port from 0 to 65535 behind the colon" },
		{ "a:", "a:: no port from 0 to 65535 behind the colon" },
		{ "a:8x", "a:8x: no port from 0 to 65535 behind the colon" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_endpoint endpoint;
		struct weir_error err = { { 0 } };

		assert_int_equal(weir_endpoint_parse(cases[i].input, &endpoint, &err), -EINVAL);
		assert_string_equal(err.text, cases[i].want);
	}
}

static void endpoint_parse_limits_the_path(void **state)
{
	struct weir_endpoint endpoint;
	char text[sizeof("unix:") + sizeof(endpoint.host)];

	memset(text, 'p', sizeof(text));
	memcpy(text, "unix:", 5);
	text[5 + sizeof(endpoint.host) - 1] = '\0';
	assert_int_equal(weir_endpoint_parse(text, &endpoint, NULL), 0);
	assert_int_equal(strlen(endpoint.host), sizeof(endpoint.host) - 1);
	text[5 + sizeof(endpoint.host) - 1] = 'p';
	text[5 + sizeof(endpoint.host)] = '\0';
	assert_int_equal(weir_endpoint_parse(text, &endpoint, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_then_to_str_gives_canonical_text),
		cmocka_unit_test(to_str_agrees_with_inet_ntop),
		cmocka_unit_test(parse_refuses_what_is_no_address),
		cmocka_unit_test(kinds_are_told_apart),
		cmocka_unit_test(cidr_contains_its_addresses_only),
		cmocka_unit_test(cidr_bits_count_within_128),
		cmocka_unit_test(cidr_parse_refuses_bad_lengths),
		cmocka_unit_test(endpoint_parse_knows_three_forms),
		cmocka_unit_test(endpoint_parse_names_what_is_wrong),
		cmocka_unit_test(endpoint_parse_limits_the_path),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
