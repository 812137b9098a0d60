/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>

#define TYPES_MAX 32

/* Attributes of one level by their type, the last one of each; those of unknown type left out. */
struct attributes {
	const struct nlattr *of[TYPES_MAX];
};

static int on_attribute(const struct nlattr *attribute, void *data)
{
	struct attributes *all = data;
	uint16_t type = mnl_attr_get_type(attribute);

	if (type < TYPES_MAX)
		all->of[type] = attribute;
	return MNL_CB_OK;
}

static int parse_nested(const struct nlattr *nest, struct attributes *ret_all)
{
	*ret_all = (struct attributes){ 0 };
	if (!nest)
		return -EBADMSG;
	/* Its loop ends at an attribute that does not fit into what is left. */
	return mnl_attr_parse_nested(nest, on_attribute, ret_all) < 0 ? -EBADMSG : 0;
}

static int get_be16(const struct nlattr *attribute, uint16_t *ret_value)
{
	if (!attribute || mnl_attr_get_payload_len(attribute) != sizeof(uint16_t))
		return -EBADMSG;
	*ret_value = ntohs(mnl_attr_get_u16(attribute));
	return 0;
}

static int get_be32(const struct nlattr *attribute, uint32_t *ret_value)
{
	if (!attribute || mnl_attr_get_payload_len(attribute) != sizeof(uint32_t))
		return -EBADMSG;
	*ret_value = ntohl(mnl_attr_get_u32(attribute));
	return 0;
}

static int get_addr(const struct nlattr *v4, const struct nlattr *v6, struct weir_addr *ret_addr)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (v4 && mnl_attr_get_payload_len(v4) == sizeof(struct in_addr)) {
		memcpy(ret_addr->bytes, mapped, sizeof(mapped));
		memcpy(ret_addr->bytes + sizeof(mapped), mnl_attr_get_payload(v4),
		       sizeof(struct in_addr));
		return 0;
	}
	if (v6 && mnl_attr_get_payload_len(v6) == sizeof(struct in6_addr)) {
		memcpy(ret_addr->bytes, mnl_attr_get_payload(v6), sizeof(struct in6_addr));
		return 0;
	}
	return -EBADMSG;
}

static int parse_tuple(const struct nlattr *nest, struct weir_conntrack_tuple *ret_tuple,
		       uint8_t *ret_protocol)
{
	struct attributes tuple, ip, proto;
	const struct nlattr *number;
	int r;

	r = parse_nested(nest, &tuple);
	if (r >= 0)
		r = parse_nested(tuple.of[CTA_TUPLE_IP], &ip);
	if (r >= 0)
		r = parse_nested(tuple.of[CTA_TUPLE_PROTO], &proto);
	if (r >= 0)
		r = get_addr(ip.of[CTA_IP_V4_SRC], ip.of[CTA_IP_V6_SRC], &ret_tuple->source);
	if (r >= 0)
		r = get_addr(ip.of[CTA_IP_V4_DST], ip.of[CTA_IP_V6_DST], &ret_tuple->destination);
	if (r < 0)
		return r;
	number = proto.of[CTA_PROTO_NUM];
	if (!number || mnl_attr_get_payload_len(number) != sizeof(uint8_t))
		return -EBADMSG;
	*ret_protocol = mnl_attr_get_u8(number);
	if (*ret_protocol != IPPROTO_TCP && *ret_protocol != IPPROTO_UDP &&
	    *ret_protocol != IPPROTO_SCTP)
		return 0;
	r = get_be16(proto.of[CTA_PROTO_SRC_PORT], &ret_tuple->source_port);
	if (r >= 0)
		r = get_be16(proto.of[CTA_PROTO_DST_PORT], &ret_tuple->destination_port);
	return r;
}

static enum weir_conntrack_kind kind_of(const struct nlmsghdr *header)
{
	switch (header->nlmsg_type) {
	case (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_NEW:
		return WEIR_CONNTRACK_NEW;
	case (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE:
		return WEIR_CONNTRACK_GONE;
	default:
		return WEIR_CONNTRACK_OTHER;
	}
}

static bool translates(const struct attributes *all)
{
	uint32_t status;

	/* An entry that does not say what it does does nothing for us. */
	return get_be32(all->of[CTA_STATUS], &status) >= 0 && (status & IPS_NAT_MASK);
}

static int parse_entry(const struct attributes *all, struct weir_conntrack_entry *entry)
{
	uint8_t protocol;
	int r;

	r = parse_tuple(all->of[CTA_TUPLE_ORIG], &entry->original, &entry->protocol);
	if (r >= 0)
		r = parse_tuple(all->of[CTA_TUPLE_REPLY], &entry->reply, &protocol);
	if (r >= 0)
		r = get_be32(all->of[CTA_ID], &entry->id);
	if (r >= 0 && all->of[CTA_ZONE])
		r = get_be16(all->of[CTA_ZONE], &entry->zone);
	if (r < 0)
		return r;
	return protocol == entry->protocol ? 0 : -EBADMSG;
}

int weir_conntrack_parse(const void *message, size_t len, enum weir_conntrack_kind *ret_kind,
			 struct weir_conntrack_entry *ret_entry)
{
	const struct nlmsghdr *header = message;
	struct weir_conntrack_entry entry = { 0 };
	struct attributes all = { 0 };
	enum weir_conntrack_kind kind;
	int r;

	if (len > INT32_MAX || !mnl_nlmsg_ok(header, (int)len))
		return -EBADMSG;
	kind = kind_of(header);
	if (kind == WEIR_CONNTRACK_OTHER) {
		*ret_kind = kind;
		return 0;
	}
	if (mnl_nlmsg_get_payload_len(header) < MNL_ALIGN(sizeof(struct nfgenmsg)))
		return -EBADMSG;
	if (mnl_attr_parse(header, sizeof(struct nfgenmsg), on_attribute, &all) < 0)
		return -EBADMSG;
	if (!translates(&all)) {
		*ret_kind = WEIR_CONNTRACK_OTHER;
		return 0;
	}
	r = parse_entry(&all, &entry);
	if (r < 0)
		return r;
	if (entry.protocol != IPPROTO_TCP && entry.protocol != IPPROTO_UDP &&
	    entry.protocol != IPPROTO_SCTP)
		kind = WEIR_CONNTRACK_OTHER;
	else
		*ret_entry = entry;
	*ret_kind = kind;
	return 0;
}
