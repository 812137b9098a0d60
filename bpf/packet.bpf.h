/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef WEIR_BPF_PACKET_BPF_H
#define WEIR_BPF_PACKET_BPF_H

#include "bpf/common.bpf.h"

/* What one packet says of the connection it belongs to. */

#define ETHERTYPE_IP 0x0800 /* include/uapi/linux/if_ether.h */
#define ETHERTYPE_IPV6 0x86DD

enum packet_tcp_flag {  /* RFC 9293, 3.1 */
	PACKET_TCP_SYN = 0x02,
	PACKET_TCP_ACK = 0x10,
};

enum packet_flag {
	PACKET_FRAGMENT = 1 << 0, /* not the first of its packet: no ports */
};

struct packet {
	__u8 source[16] ALIGNED;
	__u8 destination[16] ALIGNED;
	__u32 seq;               /* TCP */
	__u32 ack;
	__u16 source_port;       /* TCP, UDP */
	__u16 destination_port;
	__u8 protocol;           /* IPPROTO_* */
	__u8 tcp_flags;          /* enum packet_tcp_flag, and those without a name here */
	__u16 flags;             /* enum packet_flag */
};

/* Read @len bytes at @off, counted from the network header: 0, or not. */
typedef long (*packet_load_fn)(void *ctx, __u32 off, void *dst, __u32 len);

struct packet_tcp {
	__be16 source;
	__be16 destination;
	__be32 seq;
	__be32 ack;
	__u8 data_offset;
	__u8 flags;
};

/* Where the header behind IPv4's is, or 0. */
static __always_inline __u32 packet_parse_v4(void *ctx, packet_load_fn load, struct packet *ret)
{
	struct {
		__u8 version_ihl;
		__u8 tos;
		__be16 tot_len;
		__be16 id;
		__be16 frag_off;
		__u8 ttl;
		__u8 protocol;
		__be16 check;
		__be32 saddr;
		__be32 daddr;
	} ip;

	if (load(ctx, 0, &ip, sizeof(ip)) || ip.version_ihl >> 4 != 4)
		return 0;
	addr_set_v4(ret->source, ip.saddr);
	addr_set_v4(ret->destination, ip.daddr);
	ret->protocol = ip.protocol;
	if (bpf_ntohs(ip.frag_off) & 0x1fff)
		ret->flags |= PACKET_FRAGMENT;
	return (ip.version_ihl & 0xf) < 5 ? 0 : (ip.version_ihl & 0xf) * 4;
}

static __always_inline __u32 packet_parse_v6(void *ctx, packet_load_fn load, struct packet *ret)
{
	struct {
		__be32 version_flow;
		__be16 payload_len;
		__u8 nexthdr;
		__u8 hop_limit;
		struct in6_addr saddr;
		struct in6_addr daddr;
	} ip;

	if (load(ctx, 0, &ip, sizeof(ip)) || bpf_ntohl(ip.version_flow) >> 28 != 6)
		return 0;
	addr_set_v6(ret->source, &ip.saddr);
	addr_set_v6(ret->destination, &ip.daddr);
	ret->protocol = ip.nexthdr;
	return sizeof(ip);
}

/* An IP packet: 0, or -1 for what is none or too short. @ret is all zero before. */
static __always_inline int packet_parse_ip(void *ctx, packet_load_fn load, __u16 ethertype,
					   struct packet *ret)
{
	struct packet_tcp tcp = {};
	__u32 off = 0;

	if (ethertype == ETHERTYPE_IP)
		off = packet_parse_v4(ctx, load, ret);
	else if (ethertype == ETHERTYPE_IPV6)
		off = packet_parse_v6(ctx, load, ret);
	if (!off)
		return -1;
	if ((ret->flags & PACKET_FRAGMENT) ||
	    (ret->protocol != IPPROTO_TCP && ret->protocol != IPPROTO_UDP))
		return 0;
	if (load(ctx, off, &tcp, ret->protocol == IPPROTO_TCP ? sizeof(tcp) : 4))
		return -1;
	ret->source_port = bpf_ntohs(tcp.source);
	ret->destination_port = bpf_ntohs(tcp.destination);
	ret->seq = bpf_ntohl(tcp.seq);
	ret->ack = bpf_ntohl(tcp.ack);
	ret->tcp_flags = tcp.flags;
	return 0;
}

#endif
