/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/dns/messages.h"

static struct weir_dns_message message;

static void query_name_is_lower_case_with_a_dot(void **state)
{
	struct weirt_wire wire;

	weirt_header(&wire, 0x1234, 0x0100, 1, 0);
	weirt_question(&wire, "WwW.ExAmple", 28);
	assert_int_equal(weirt_parse(&message, &wire), 0);
	assert_int_equal(message.id, 0x1234);
	assert_false(message.response);
	assert_true(message.has_question);
	assert_string_equal(message.query, "www.example.");
	assert_int_equal(message.qtype, 28);
	assert_int_equal(message.n_ips + message.n_cnames + message.n_rrtypes, 0);
}

static void query_of_odd_names_is_escaped(void **state)
{
	static const struct {
		const char *name, *want;
	} cases[] = {
		{ "", "." },
		{ "a b", "a\\032b." },
		{ "x\"y\\z", "x\"y\\\\z." },
		{ "tab\there\x01\x7f\xff", "tab\\009here\\001\\127\\255." },
		{ "_sip._tcp.example", "_sip._tcp.example." },
	};
	struct weirt_wire wire;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		weirt_header(&wire, 1, 0, 1, 0);
		weirt_question(&wire, cases[i].name, 1);
		assert_int_equal(weirt_parse(&message, &wire), 0);
		assert_string_equal(message.query, cases[i].want);
	}
}

static void query_of_the_longest_name_fits(void **state)
{
	struct weirt_wire wire;
	char name[254];

	/* 255 octets, each to be escaped: three labels of 63 and one of 61, the root */
	memset(name, 1, sizeof(name));
	name[63] = name[127] = name[191] = '.';
	name[253] = '\0';
	weirt_header(&wire, 1, 0, 1, 0);
	weirt_question(&wire, name, 1);
	assert_int_equal(weirt_parse(&message, &wire), 0);
	assert_int_equal(strlen(message.query), 250 * 4 + 4);
	/* and one octet more is no name */
	weirt_header(&wire, 1, 0, 1, 0);
	name[253] = 1;
	wire.len = 12;
	for (size_t i = 0; i < 3; i++) {
		wire.bytes[wire.len++] = 63;
		memset(wire.bytes + wire.len, 'x', 63);
		wire.len += 63;
	}
	wire.bytes[wire.len++] = 62;
	memset(wire.bytes + wire.len, 'x', 62);
	wire.len += 62;
	wire.bytes[wire.len++] = 0;
	weirt_u16(&wire, 1);
	weirt_u16(&wire, 1);
	assert_int_equal(weirt_parse(&message, &wire), -EBADMSG);
}

static void response_follows_the_chain_of_names(void **state)
{
	struct weirt_wire wire;

	weirt_header(&wire, 9, WEIRT_QR, 1, 5);
	weirt_question(&wire, "www.example", 1);
	/* The last link first: the order of records means nothing. */
	weirt_cname(&wire, "b.example", 40, "C.example");
	weirt_cname(&wire, "www.example", 50, "b.example");
	weirt_a(&wire, "c.example", 60, 1);
	weirt_a(&wire, "bank.example", 20, 2);
	weirt_a(&wire, "WWW.example", 70, 3);
	assert_int_equal(weirt_parse(&message, &wire), 0);
	assert_true(message.response);
	assert_int_equal(message.n_ips, 3);
	assert_true(weir_addr_eq(&message.ips[1],
				 &(struct weir_addr){ { [10] = 0xff, 0xff, 192, 0, 2, 2 } }));
	assert_int_equal(message.own_ips, 5);
	assert_int_equal(message.n_cnames, 2);
	assert_string_equal(message.cnames[0], "c.example.");
	assert_string_equal(message.cnames[1], "b.example.");
	assert_int_equal(message.n_rrtypes, 2);
	assert_int_equal(message.rrtypes[0], 5);
	assert_int_equal(message.rrtypes[1], 1);
	assert_int_equal(message.ttl, 20);
	assert_false(message.cut);
}

static void response_with_names_in_a_circle_ends(void **state)
{
	struct weirt_wire wire;

	weirt_header(&wire, 9, WEIRT_QR, 1, 3);
	weirt_question(&wire, "a", 1);
	weirt_cname(&wire, "a", 1, "b");
	weirt_cname(&wire, "b", 1, "a");
	weirt_a(&wire, "b", 1, 1);
	assert_int_equal(weirt_parse(&message, &wire), 0);
	assert_int_equal(message.own_ips, 1);
}

static void response_says_what_went_wrong(void **state)
{
	struct weirt_wire wire;

	weirt_header(&wire, 9, WEIRT_QR | WEIRT_TC | 3, 1, 0);
	weirt_question(&wire, "no.example", 1);
	assert_int_equal(weirt_parse(&message, &wire), 0);
	assert_int_equal(message.rcode, 3);
	assert_true(message.truncated);
	assert_int_equal(message.ttl, 0);
	/* and need not repeat the question */
	weirt_header(&wire, 9, WEIRT_QR | 1, 0, 0);
	assert_int_equal(weirt_parse(&message, &wire), 0);
	assert_false(message.has_question);
	assert_string_equal(message.query, "");
	assert_int_equal(message.rcode, 1);
}

static void response_with_more_than_fits_is_cut(void **state)
{
	struct weirt_wire wire;

	weirt_header(&wire, 9, WEIRT_QR, 1, 60);
	weirt_question(&wire, "x", 1);
	for (uint8_t i = 0; i < 40; i++)
		weirt_a(&wire, "x", 5, i);
	for (uint16_t i = 0; i < 20; i++)
		weirt_record(&wire, "x", (uint16_t)(1000 + i), 5, 0);
	assert_int_equal(weirt_parse(&message, &wire), 0);
	assert_int_equal(message.n_ips, WEIR_DNS_IPS_MAX);
	assert_int_equal(message.own_ips, UINT32_MAX);
	assert_int_equal(message.n_rrtypes, WEIR_DNS_RRTYPES_MAX);
	assert_true(message.cut);
	weirt_header(&wire, 9, WEIRT_QR, 1, 10);
	weirt_question(&wire, "x", 1);
	for (int i = 0; i < 10; i++)
		weirt_cname(&wire, "x", 5, "y");
	assert_int_equal(weirt_parse(&message, &wire), 0);
	assert_int_equal(message.n_cnames, WEIR_DNS_CNAMES_MAX);
	assert_true(message.cut);
}

static void response_captured_in_part_tells_its_beginning(void **state)
{
	struct weirt_wire wire;
	size_t question, r;

	weirt_header(&wire, 9, WEIRT_QR, 1, 3);
	weirt_question(&wire, "www.example", 1);
	question = wire.len;
	for (uint8_t i = 0; i < 3; i++)
		weirt_a(&wire, "www.example", 5, i);
	for (size_t len = 0; len < wire.len; len++) {
		r = (size_t)-weirt_parse_part(&message, &wire, len);
		assert_int_equal(r, len < question ? EBADMSG : 0);
		if (r)
			continue;
		assert_true(message.cut);
		assert_int_equal(message.n_ips, (len - question) / 27);
	}
	/* What was captured whole is no message when it ends like this. */
	wire.len--;
	assert_int_equal(weirt_parse(&message, &wire), -EBADMSG);
}

static void what_is_no_dns_is_refused(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t len;
	} cases[] = {
		{ "empty", "", 0 },
		{ "shorter than a header", "\0\1\0\0\0\1\0\0\0\0\0", 11 },
		{ "two questions", "\0\1\0\0\0\2\0\0\0\0\0\0\1x\0\0\1\0\1\1x\0\0\1\0\1", 26 },
		{ "no question where one is announced", "\0\1\0\0\0\1\0\0\0\0\0\0", 12 },
		{ "a label beyond the end", "\0\1\0\0\0\1\0\0\0\0\0\0\77x\0\0\1\0\1", 19 },
		{ "a pointer to itself", "\0\1\0\0\0\1\0\0\0\0\0\0\300\14\0\1\0\1", 18 },
		{ "a pointer beyond the end", "\0\1\0\0\0\1\0\0\0\0\0\0\300\377\0\1\0\1", 18 },
		{ "an update", "\0\1\50\0\0\1\0\0\0\0\0\0\1x\0\0\6\0\1", 19 },
		{ "an address of three bytes",
		  "\0\1\200\0\0\0\0\1\0\0\0\0\1x\0\0\1\0\1\0\0\0\1\0\3abc", 26 },
		{ "an answer that is not there", "\0\1\200\0\0\0\0\1\0\0\0\0", 12 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weirt_wire wire = { .len = cases[i].len };

		memcpy(wire.bytes, cases[i].bytes, cases[i].len);
		if (weirt_parse(&message, &wire) != -EBADMSG)
			fail_msg("%s: not refused", cases[i].name);
	}
}

static void addresses_count_in_class_in_only(void **state)
{
	struct weirt_wire wire;
	size_t at;

	weirt_header(&wire, 9, WEIRT_QR, 1, 1);
	weirt_question(&wire, "x", 1);
	at = wire.len;
	weirt_a(&wire, "x", 5, 1);
	wire.bytes[at + 6] = 3; /* CH, whose A is something else */
	assert_int_equal(weirt_parse(&message, &wire), 0);
	assert_int_equal(message.n_ips, 0);
	assert_int_equal(message.n_rrtypes, 1);
}

/* One bad byte anywhere must not lead anywhere bad. */
static void broken_messages_never_crash(void **state)
{
	struct weirt_wire wire, broken;
	int refused = 0;

	weirt_header(&wire, 9, WEIRT_QR, 1, 4);
	weirt_question(&wire, "www.example", 1);
	weirt_cname(&wire, "www.example", 50, "b.example");
	weirt_a(&wire, "b.example", 60, 1);
	weirt_record(&wire, "b.example", 28, 1, 16);
	wire.len += 16;
	weirt_record(&wire, "", 41, 1, 0);
	for (size_t i = 0; i < wire.len; i++) {
		for (int value = 0; value < 256; value++) {
			broken = wire;
			broken.bytes[i] = (uint8_t)value;
			refused += weirt_parse(&message, &broken) < 0;
		}
	}
	assert_true(refused > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(query_name_is_lower_case_with_a_dot),
		cmocka_unit_test(query_of_odd_names_is_escaped),
		cmocka_unit_test(query_of_the_longest_name_fits),
		cmocka_unit_test(response_follows_the_chain_of_names),
		cmocka_unit_test(response_with_names_in_a_circle_ends),
		cmocka_unit_test(response_says_what_went_wrong),
		cmocka_unit_test(response_with_more_than_fits_is_cut),
		cmocka_unit_test(response_captured_in_part_tells_its_beginning),
		cmocka_unit_test(what_is_no_dns_is_refused),
		cmocka_unit_test(addresses_count_in_class_in_only),
		cmocka_unit_test(broken_messages_never_crash),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
