/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_UNIT_LIB_CONNTRACK_MESSAGE_H
#define WEIR_TESTS_UNIT_LIB_CONNTRACK_MESSAGE_H

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>

/** struct weirt_tuple - as text; the family follows from it. */
struct weirt_tuple {
	const char *source, *destination;
	uint16_t source_port, destination_port;
};

/** struct weirt_message - what a message says; left out when NULL or false. */
struct weirt_message {
	uint16_t type;  /* IPCTNL_MSG_CT_… */
	uint8_t protocol;
	uint32_t status;
	uint32_t id;
	uint16_t zone;
	struct weirt_tuple original, reply;
};

static inline void weirt_put_addr(struct nlmsghdr *header, const char *text, uint16_t v4,
				  uint16_t v6)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		mnl_attr_put(header, v4, 4, bytes);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		mnl_attr_put(header, v6, 16, bytes);
}

static inline void weirt_put_tuple(struct nlmsghdr *header, uint16_t type, uint8_t protocol,
				   const struct weirt_tuple *tuple)
{
	struct nlattr *outer, *inner;

	if (!tuple->source)
		return;
	outer = mnl_attr_nest_start(header, type);
	inner = mnl_attr_nest_start(header, CTA_TUPLE_IP);
	weirt_put_addr(header, tuple->source, CTA_IP_V4_SRC, CTA_IP_V6_SRC);
	weirt_put_addr(header, tuple->destination, CTA_IP_V4_DST, CTA_IP_V6_DST);
	mnl_attr_nest_end(header, inner);
	inner = mnl_attr_nest_start(header, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(header, CTA_PROTO_NUM, protocol);
	mnl_attr_put_u16(header, CTA_PROTO_SRC_PORT, htons(tuple->source_port));
	mnl_attr_put_u16(header, CTA_PROTO_DST_PORT, htons(tuple->destination_port));
	mnl_attr_nest_end(header, inner);
	mnl_attr_nest_end(header, outer);
}

/** weirt_message_make() - in @buf, which is aligned and has 1 KiB; its header. */
static inline struct nlmsghdr *weirt_message_make(const struct weirt_message *message, void *buf)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *family;

	header->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8) | message->type;
	family = mnl_nlmsg_put_extra_header(header, sizeof(*family));
	family->nfgen_family = AF_UNSPEC;
	weirt_put_tuple(header, CTA_TUPLE_ORIG, message->protocol, &message->original);
	weirt_put_tuple(header, CTA_TUPLE_REPLY, message->protocol, &message->reply);
	if (message->status)
		mnl_attr_put_u32(header, CTA_STATUS, htonl(message->status));
	if (message->id)
		mnl_attr_put_u32(header, CTA_ID, htonl(message->id));
	if (message->zone)
		mnl_attr_put_u16(header, CTA_ZONE, htons(message->zone));
	return header;
}

#endif
