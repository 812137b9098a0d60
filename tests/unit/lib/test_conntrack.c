/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>

#include "lib/cleanup.h"
#include "lib/conntrack.h"
#include "tests/unit/lib/conntrack_message.h"

static const struct weirt_message hairpin = {
	.type = IPCTNL_MSG_CT_NEW,
	.protocol = IPPROTO_UDP,
	.status = IPS_CONFIRMED | IPS_SRC_NAT | IPS_DST_NAT,
	.id = 0x1234,
	.zone = 7,
	.original = { "10.0.0.1", "10.96.0.10", 40000, 53 },
	.reply = { "10.0.0.1", "192.0.2.1", 5353, 1024 },
};

static void check_addr(const struct weir_addr *addr, const char *want)
{
	char text[WEIR_ADDR_TEXT_MAX];

	assert_string_equal(weir_addr_to_str(addr, text), want);
}

static void check_tuple(const struct weir_conntrack_tuple *tuple, const struct weirt_tuple *want)
{
	check_addr(&tuple->source, want->source);
	check_addr(&tuple->destination, want->destination);
	assert_int_equal(tuple->source_port, want->source_port);
	assert_int_equal(tuple->destination_port, want->destination_port);
}

static int parse(const struct weirt_message *message, enum weir_conntrack_kind *ret_kind,
		 struct weir_conntrack_entry *ret_entry)
{
	alignas(struct nlmsghdr) char buf[1024];
	const struct nlmsghdr *header = weirt_message_make(message, buf);

	return weir_conntrack_parse(header, header->nlmsg_len, ret_kind, ret_entry);
}

static void check_whole(const struct weirt_message *message, enum weir_conntrack_kind want)
{
	struct weir_conntrack_entry entry;
	enum weir_conntrack_kind kind;

	assert_int_equal(parse(message, &kind, &entry), 0);
	assert_int_equal(kind, want);
	check_tuple(&entry.original, &message->original);
	check_tuple(&entry.reply, &message->reply);
	assert_int_equal(entry.id, message->id);
	assert_int_equal(entry.zone, message->zone);
	assert_int_equal(entry.protocol, message->protocol);
}

static void message_that_translates_is_read_whole(void **state)
{
	struct weirt_message v6 = hairpin;

	check_whole(&hairpin, WEIR_CONNTRACK_NEW);
	v6.type = IPCTNL_MSG_CT_DELETE;
	v6.protocol = IPPROTO_SCTP;
	v6.status = IPS_DST_NAT;
	v6.original = (struct weirt_tuple){ "2001:db8::1", "2001:db8:1::10", 1, 65535 };
	v6.reply = (struct weirt_tuple){ "2001:db8::2", "2001:db8::1", 80, 1 };
	check_whole(&v6, WEIR_CONNTRACK_GONE);
}

static void message_of_something_else_is_other(void **state)
{
	struct weirt_message cases[3] = { hairpin, hairpin, hairpin };

	cases[0].type = IPCTNL_MSG_CT_GET_STATS;
	cases[1].status = IPS_CONFIRMED | IPS_SRC_NAT_DONE | IPS_DST_NAT_DONE;
	cases[2].protocol = IPPROTO_ICMP;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_conntrack_entry entry;
		enum weir_conntrack_kind kind;

		assert_int_equal(parse(&cases[i], &kind, &entry), 0);
		assert_int_equal(kind, WEIR_CONNTRACK_OTHER);
	}
}

static void message_that_says_too_little_is_bad(void **state)
{
	struct weirt_message cases[4] = { hairpin, hairpin, hairpin, hairpin };

	cases[0].original.source = NULL;
	cases[1].reply.source = NULL;
	cases[2].id = 0;
	cases[3].reply.destination = "no address";
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_conntrack_entry entry;
		enum weir_conntrack_kind kind = 99;

		assert_int_equal(parse(&cases[i], &kind, &entry), -EBADMSG);
		assert_int_equal(kind, 99);
	}
}

static void message_cut_anywhere_is_bad(void **state)
{
	alignas(struct nlmsghdr) char buf[1024];
	const struct nlmsghdr *header = weirt_message_make(&hairpin, buf);
	uint32_t whole = header->nlmsg_len;

	for (uint32_t len = 0; len < whole; len++) {
		/* Of just that size, so that a sanitizer sees what is read behind its end. */
		_cleanup_free_ char *copy = malloc(len ? len : 1);
		struct weir_conntrack_entry entry;
		enum weir_conntrack_kind kind;

		assert_non_null(copy);
		memcpy(copy, buf, len);
		assert_int_equal(weir_conntrack_parse(copy, len, &kind, &entry), -EBADMSG);
	}
}

/* Each length in it, header's or attribute's, made wrong: nothing is read that is not there. */
static void message_with_wrong_lengths_reads_nothing_behind_its_end(void **state)
{
	alignas(struct nlmsghdr) char buf[1024];
	uint32_t whole = weirt_message_make(&hairpin, buf)->nlmsg_len;
	int kinds[3] = { 0 };

	for (uint32_t at = NLMSG_HDRLEN; at + 1 < whole; at += 2) {
		for (int value = 0; value < 0x10000; value = value * 2 + 1) {
			_cleanup_free_ char *copy = malloc(whole);
			struct weir_conntrack_entry entry;
			enum weir_conntrack_kind kind;
			uint16_t wrong = (uint16_t)value;
			int r;

			assert_non_null(copy);
			memcpy(copy, buf, whole);
			memcpy(copy + at, &wrong, sizeof(wrong));
			r = weir_conntrack_parse(copy, whole, &kind, &entry);
			assert_true(r == 0 || r == -EBADMSG);
			kinds[r ? 2 : kind == WEIR_CONNTRACK_OTHER]++;
			if (value == 0xffff)
				break;
		}
	}
	assert_true(kinds[0] && kinds[1] && kinds[2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(message_that_translates_is_read_whole),
		cmocka_unit_test(message_of_something_else_is_other),
		cmocka_unit_test(message_that_says_too_little_is_bad),
		cmocka_unit_test(message_cut_anywhere_is_bad),
		cmocka_unit_test(message_with_wrong_lengths_reads_nothing_behind_its_end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
