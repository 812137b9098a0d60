/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/rtnl_decode.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define MESSAGE_BYTES 1024

struct message {
	_Alignas(struct nlmsghdr) char bytes[MESSAGE_BYTES];
};

static struct nlmsghdr *begin_link(struct message *message, unsigned char family, int ifindex)
{
	struct nlmsghdr *nlh;
	struct ifinfomsg *info;

	memset(message, 0, sizeof(*message));
	nlh = mnl_nlmsg_put_header(message->bytes);
	nlh->nlmsg_type = RTM_NEWLINK;
	info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));
	info->ifi_family = family;
	info->ifi_index = ifindex;
	info->ifi_flags = IFF_UP;
	return nlh;
}

static void put_kind(struct nlmsghdr *nlh, const char *kind)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, IFLA_LINKINFO);

	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, kind);
	mnl_attr_nest_end(nlh, nest);
}

static struct nlmsghdr *good_link(struct message *message)
{
	struct nlmsghdr *nlh = begin_link(message, AF_UNSPEC, 7);

	mnl_attr_put_strz(nlh, IFLA_IFNAME, "veth12345678abc");
	mnl_attr_put_u32(nlh, IFLA_MTU, 1500);
	put_kind(nlh, "veth");
	mnl_attr_put_u32(nlh, IFLA_LINK_NETNSID, 3);
	return nlh;
}

/* A copy that ends where the message does, for sanitizers. */
static int decode_link(const struct nlmsghdr *nlh, struct weir_rtnl_link *ret_link)
{
	struct nlmsghdr *copy = malloc(nlh->nlmsg_len);
	int r;

	assert_non_null(copy);
	memcpy(copy, nlh, nlh->nlmsg_len);
	r = weir_rtnl_decode_link(copy, ret_link);
	free(copy);
	return r;
}

static void link_all_members_are_read(void **state)
{
	struct weir_rtnl_link link;
	struct message message;

	assert_int_equal(decode_link(good_link(&message), &link), 0);
	assert_int_equal(link.ifindex, 7);
	assert_int_equal(link.flags, IFF_UP);
	assert_string_equal(link.name, "veth12345678abc");
	assert_string_equal(link.kind, "veth");
	assert_false(link.default_route || link.default_route_elsewhere);
}

static void link_hardware_has_no_kind(void **state)
{
	struct weir_rtnl_link link;
	struct message message;
	struct nlmsghdr *nlh = begin_link(&message, AF_UNSPEC, 2);

	mnl_attr_put_strz(nlh, IFLA_IFNAME, "eth0");
	assert_int_equal(decode_link(nlh, &link), 0);
	assert_string_equal(link.kind, "");
}

static void link_word_of_a_bridge_about_its_port_is_another_matter(void **state)
{
	struct weir_rtnl_link link;
	struct message message;
	struct nlmsghdr *nlh = begin_link(&message, AF_BRIDGE, 7);

	nlh->nlmsg_type = RTM_DELLINK;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "v7");
	assert_int_equal(decode_link(nlh, &link), 1);
}

static void link_long_kind_is_unknown(void **state)
{
	struct weir_rtnl_link link;
	struct message message;
	struct nlmsghdr *nlh = begin_link(&message, AF_UNSPEC, 2);

	mnl_attr_put_strz(nlh, IFLA_IFNAME, "x0");
	put_kind(nlh, "a_kind_longer_than_room");
	assert_int_equal(decode_link(nlh, &link), 0);
	assert_string_equal(link.kind, "");
}

static void link_each_truncation_is_refused_or_harmless(void **state)
{
	struct message message, cut;
	struct weir_rtnl_link link;
	uint32_t len = good_link(&message)->nlmsg_len, whole = 0;

	for (uint32_t n = sizeof(struct nlmsghdr); n < len; n++) {
		struct nlmsghdr *nlh = (struct nlmsghdr *)cut.bytes;

		memcpy(&cut, &message, sizeof(cut));
		nlh->nlmsg_len = n;
		if (decode_link(nlh, &link) == 0) {
			/* Between two attributes nothing is missing that could be noticed. */
			assert_string_equal(link.name, "veth12345678abc");
			whole++;
		}
	}
	assert_int_equal(whole, 3);
}

static struct nlattr *attr_of(struct message *message, uint16_t type)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)message->bytes;
	struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct ifinfomsg))
	{
		if (mnl_attr_get_type(attr) == type)
			return attr;
	}
	fail_msg("no attribute %u", type);
	return NULL;
}

static void link_bad_messages_are_refused(void **state)
{
	struct weir_rtnl_link link = { .ifindex = 99 };
	struct message message;
	struct nlmsghdr *nlh;

	nlh = good_link(&message);
	attr_of(&message, IFLA_IFNAME)->nla_len = 0xffff;
	assert_int_equal(decode_link(nlh, &link), -EBADMSG);
	nlh = good_link(&message);
	attr_of(&message, IFLA_IFNAME)->nla_len = 0;
	assert_int_equal(decode_link(nlh, &link), -EBADMSG);
	nlh = good_link(&message);
	memset(mnl_attr_get_payload(attr_of(&message, IFLA_IFNAME)), 'x', 16);
	assert_int_equal(decode_link(nlh, &link), -EBADMSG);
	nlh = good_link(&message);
	((struct nlattr *)mnl_attr_get_payload(attr_of(&message, IFLA_LINKINFO)))->nla_len = 40;
	assert_int_equal(decode_link(nlh, &link), -EBADMSG);
	nlh = begin_link(&message, AF_UNSPEC, 2);
	assert_int_equal(decode_link(nlh, &link), -EBADMSG); /* no name */
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "a_name_that_is_too_long");
	assert_int_equal(decode_link(nlh, &link), -EBADMSG);
	nlh = begin_link(&message, AF_UNSPEC, -1);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "eth0");
	assert_int_equal(decode_link(nlh, &link), -EBADMSG);
	assert_int_equal(link.ifindex, 99);
}

struct hops {
	uint32_t ifindex[8];
	bool table_main[8];
	size_t n;
};

static void on_hop(void *ctx, uint32_t ifindex, bool table_main)
{
	struct hops *hops = ctx;

	assert_true(hops->n < 8);
	hops->ifindex[hops->n] = ifindex;
	hops->table_main[hops->n++] = table_main;
}

static struct nlmsghdr *begin_route(struct message *message, unsigned char dst_len,
				    unsigned char type, unsigned char table)
{
	struct nlmsghdr *nlh;
	struct rtmsg *route;

	memset(message, 0, sizeof(*message));
	nlh = mnl_nlmsg_put_header(message->bytes);
	nlh->nlmsg_type = RTM_NEWROUTE;
	route = mnl_nlmsg_put_extra_header(nlh, sizeof(*route));
	route->rtm_family = AF_INET;
	route->rtm_dst_len = dst_len;
	route->rtm_type = type;
	route->rtm_table = table;
	return nlh;
}

static int decode_default(const struct nlmsghdr *nlh, struct hops *ret_hops)
{
	struct nlmsghdr *copy = malloc(nlh->nlmsg_len);
	int r;

	assert_non_null(copy);
	memcpy(copy, nlh, nlh->nlmsg_len);
	*ret_hops = (struct hops){ 0 };
	r = weir_rtnl_decode_default(copy, on_hop, ret_hops);
	free(copy);
	return r;
}

static void route_default_of_main_has_its_link(void **state)
{
	struct message message;
	struct hops hops;
	struct nlmsghdr *nlh = begin_route(&message, 0, RTN_UNICAST, RT_TABLE_MAIN);

	mnl_attr_put_u32(nlh, RTA_OIF, 4);
	assert_int_equal(decode_default(nlh, &hops), 0);
	assert_int_equal(hops.n, 1);
	assert_int_equal(hops.ifindex[0], 4);
	assert_true(hops.table_main[0]);
}

/* The attribute is behind the link and counts more than the header. */
static void route_of_another_table_is_told_as_such(void **state)
{
	struct message message;
	struct hops hops;
	struct nlmsghdr *nlh = begin_route(&message, 0, RTN_UNICAST, RT_TABLE_COMPAT);

	mnl_attr_put_u32(nlh, RTA_OIF, 4);
	mnl_attr_put_u32(nlh, RTA_TABLE, 51820);
	assert_int_equal(decode_default(nlh, &hops), 0);
	assert_int_equal(hops.n, 1);
	assert_false(hops.table_main[0]);
}

static void put_hops(struct nlmsghdr *nlh, uint16_t last_len)
{
	struct rtnexthop hops[2] = {
		{ .rtnh_len = sizeof(hops[0]), .rtnh_ifindex = 4 },
		{ .rtnh_len = last_len, .rtnh_ifindex = 5 },
	};

	mnl_attr_put(nlh, RTA_MULTIPATH, sizeof(hops), hops);
}

static void route_of_several_paths_has_all_links(void **state)
{
	struct message message;
	struct hops hops;
	struct nlmsghdr *nlh = begin_route(&message, 0, RTN_UNICAST, RT_TABLE_MAIN);

	put_hops(nlh, sizeof(struct rtnexthop));
	assert_int_equal(decode_default(nlh, &hops), 0);
	assert_int_equal(hops.n, 2);
	assert_int_equal(hops.ifindex[0], 4);
	assert_int_equal(hops.ifindex[1], 5);
}

static void route_others_are_no_default(void **state)
{
	struct message message;
	struct nlmsghdr *nlh;
	struct hops hops;

	nlh = begin_route(&message, 24, RTN_UNICAST, RT_TABLE_MAIN);
	assert_int_equal(decode_default(nlh, &hops), 1);
	nlh = begin_route(&message, 0, RTN_UNREACHABLE, RT_TABLE_MAIN);
	assert_int_equal(decode_default(nlh, &hops), 1);
	nlh = begin_route(&message, 0, RTN_LOCAL, 100);
	assert_int_equal(decode_default(nlh, &hops), 1);
	nlh = begin_route(&message, 0, RTN_UNICAST, RT_TABLE_MAIN);
	((struct rtmsg *)mnl_nlmsg_get_payload(nlh))->rtm_family = AF_MPLS;
	assert_int_equal(decode_default(nlh, &hops), 1);
}

static void route_bad_messages_are_refused(void **state)
{
	static const uint16_t lens[] = { 0, 7, sizeof(struct rtnexthop) + 1, 0xffff };
	struct message message;
	struct nlmsghdr *nlh;
	struct hops hops;

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		nlh = begin_route(&message, 0, RTN_UNICAST, RT_TABLE_MAIN);
		put_hops(nlh, lens[i]);
		assert_int_equal(decode_default(nlh, &hops), -EBADMSG);
	}
	nlh = begin_route(&message, 0, RTN_UNICAST, RT_TABLE_MAIN);
	mnl_attr_put(nlh, RTA_MULTIPATH, 5, "hello");
	assert_int_equal(decode_default(nlh, &hops), -EBADMSG);
	nlh = begin_route(&message, 0, RTN_UNICAST, RT_TABLE_MAIN);
	mnl_attr_put_u16(nlh, RTA_OIF, 4);
	assert_int_equal(decode_default(nlh, &hops), -EBADMSG);
	nlh = begin_route(&message, 0, RTN_UNICAST, RT_TABLE_MAIN);
	mnl_attr_put_u16(nlh, RTA_TABLE, 4);
	assert_int_equal(decode_default(nlh, &hops), -EBADMSG);
	nlh = begin_route(&message, 0, RTN_UNICAST, RT_TABLE_MAIN);
	nlh->nlmsg_len -= 4;
	assert_int_equal(decode_default(nlh, &hops), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(link_all_members_are_read),
		cmocka_unit_test(link_hardware_has_no_kind),
		cmocka_unit_test(link_word_of_a_bridge_about_its_port_is_another_matter),
		cmocka_unit_test(link_long_kind_is_unknown),
		cmocka_unit_test(link_each_truncation_is_refused_or_harmless),
		cmocka_unit_test(link_bad_messages_are_refused),
		cmocka_unit_test(route_default_of_main_has_its_link),
		cmocka_unit_test(route_of_another_table_is_told_as_such),
		cmocka_unit_test(route_of_several_paths_has_all_links),
		cmocka_unit_test(route_others_are_no_default),
		cmocka_unit_test(route_bad_messages_are_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
