/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/rtnl_decode.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

/* libmnl rounds the end of a message up; only with a round length it stays inside. */
static bool has_payload(const struct nlmsghdr *nlh, size_t len)
{
	return nlh->nlmsg_len % MNL_ALIGNTO == 0 &&
	       nlh->nlmsg_len >= MNL_NLMSG_HDRLEN + MNL_ALIGN(len);
}

/* Whether the attributes end where what holds them does. */
static bool ends_at(const struct nlattr *attr, const void *end)
{
	return (const char *)attr >= (const char *)end;
}

static int get_string(const struct nlattr *attr, char *text, size_t size)
{
	const char *value = mnl_attr_get_payload(attr);
	size_t room = mnl_attr_get_payload_len(attr), len = strnlen(value, room);

	if (len == room)
		return -EBADMSG;
	if (len < size)
		memcpy(text, value, len + 1);
	return len < size ? 0 : -ENAMETOOLONG;
}

static int get_u32(const struct nlattr *attr, uint32_t *ret_number)
{
	if (mnl_attr_get_payload_len(attr) != sizeof(uint32_t))
		return -EBADMSG;
	memcpy(ret_number, mnl_attr_get_payload(attr), sizeof(uint32_t));
	return 0;
}

static int get_kind(const struct nlattr *info, char *kind)
{
	const struct nlattr *attr;
	const char *end = (const char *)mnl_attr_get_payload(info) + mnl_attr_get_payload_len(info);
	int r = 0;

	mnl_attr_for_each_nested(attr, info)
	{
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			r = get_string(attr, kind, WEIR_RTNL_KIND_MAX);
		if (r == -EBADMSG)
			return r;
	}
	return ends_at(attr, end) ? 0 : -EBADMSG;
}

static int get_link_attr(const struct nlattr *attr, struct weir_rtnl_link *link)
{
	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		return get_string(attr, link->name, sizeof(link->name)) < 0 ? -EBADMSG : 0;
	case IFLA_LINKINFO:
		return get_kind(attr, link->kind);
	}
	return 0;
}

int weir_rtnl_decode_link(const struct nlmsghdr *nlh, struct weir_rtnl_link *ret_link)
{
	struct weir_rtnl_link link = { 0 };
	const struct nlattr *attr;
	struct ifinfomsg info;
	int r;

	if (!has_payload(nlh, sizeof(info)))
		return -EBADMSG;
	memcpy(&info, mnl_nlmsg_get_payload(nlh), sizeof(info));
	if (info.ifi_family != AF_UNSPEC)
		return 1;
	if (info.ifi_index <= 0)
		return -EBADMSG;
	link.ifindex = (uint32_t)info.ifi_index;
	link.flags = info.ifi_flags;
	mnl_attr_for_each(attr, nlh, sizeof(info))
	{
		r = get_link_attr(attr, &link);
		if (r < 0)
			return r;
	}
	if (!ends_at(attr, mnl_nlmsg_get_payload_tail(nlh)) || !*link.name)
		return -EBADMSG;
	*ret_link = link;
	return 0;
}

struct hops {
	weir_rtnl_hop_fn fn;
	void *ctx;
	bool table_main;
};

static void pass_hop(const struct hops *hops, uint32_t ifindex)
{
	if (hops->fn && ifindex)
		hops->fn(hops->ctx, ifindex, hops->table_main);
}

static int pass_multipath(const struct hops *hops, const struct nlattr *attr)
{
	const char *at = mnl_attr_get_payload(attr);
	size_t left = mnl_attr_get_payload_len(attr);
	struct rtnexthop hop;
	size_t step;

	while (left) {
		if (left < sizeof(hop))
			return -EBADMSG;
		memcpy(&hop, at, sizeof(hop));
		if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > left)
			return -EBADMSG;
		pass_hop(hops, (uint32_t)hop.rtnh_ifindex);
		step = (size_t)MNL_ALIGN(hop.rtnh_len);
		if (step >= left)
			break;
		at += step;
		left -= step;
	}
	return 0;
}

/* The table comes first: a byte of the header is too small for some, and attributes have no order. */
static int get_table(const struct nlmsghdr *nlh, uint32_t *table)
{
	const struct nlattr *attr;
	int r = 0;

	mnl_attr_for_each(attr, nlh, sizeof(struct rtmsg))
	{
		if (mnl_attr_get_type(attr) == RTA_TABLE)
			r = get_u32(attr, table);
		if (r < 0)
			return r;
	}
	return ends_at(attr, mnl_nlmsg_get_payload_tail(nlh)) ? 0 : -EBADMSG;
}

int weir_rtnl_decode_default(const struct nlmsghdr *nlh, weir_rtnl_hop_fn fn, void *ctx)
{
	struct hops hops = { .fn = fn, .ctx = ctx };
	const struct nlattr *attr;
	uint32_t table, ifindex;
	struct rtmsg route;
	int r;

	if (!has_payload(nlh, sizeof(route)))
		return -EBADMSG;
	memcpy(&route, mnl_nlmsg_get_payload(nlh), sizeof(route));
	if (route.rtm_family != AF_INET && route.rtm_family != AF_INET6)
		return 1;
	if (route.rtm_dst_len || route.rtm_type != RTN_UNICAST || route.rtm_flags & RTM_F_CLONED)
		return 1;
	table = route.rtm_table;
	r = get_table(nlh, &table);
	if (r < 0)
		return r;
	hops.table_main = table == RT_TABLE_MAIN;
	mnl_attr_for_each(attr, nlh, sizeof(route))
	{
		if (mnl_attr_get_type(attr) == RTA_OIF) {
			r = get_u32(attr, &ifindex);
			if (r == 0)
				pass_hop(&hops, ifindex);
		} else if (mnl_attr_get_type(attr) == RTA_MULTIPATH) {
			r = pass_multipath(&hops, attr);
		}
		if (r < 0)
			return r;
	}
	return 0;
}
