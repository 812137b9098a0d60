/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef WEIR_BPF_PACKET_FIND_BPF_H
#define WEIR_BPF_PACKET_FIND_BPF_H

#include "bpf/packet.bpf.h"

/*
 * Where there is an IP packet to parse: in Ethernet, in a tunnel, in an ICMP error. All return 0,
 * or an enum packet_error and a scope in which packet_parse() finds nothing. For how to use several
 * in one program see tests/bpf/packet_run.bpf.c.
 */

#define ETH_P_TEB 0x6558   /* include/uapi/linux/if_ether.h */
#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88A8
#define ETH_P_QINQ1 0x9100
#define IPPROTO_IPIP 4     /* include/uapi/linux/in.h */
#define IPPROTO_IPV6 41
#define IPPROTO_GRE 47

#define ETH_ADDRS_BYTES 12

/* From the Ethernet header at scope->off to what it carries: writes scope->off and ethertype. */
static __always_inline int packet_ethernet(void *ctx, packet_load_fn load,
					   struct packet_scope *scope)
{
	__u32 off = scope->off + ETH_ADDRS_BYTES;
	__u16 type;
	__be16 be;
	int i;

	PACKET_NO_UNROLL
	for (i = 0; i <= PACKET_TAGS_MAX; i++) {
		if (packet_read(ctx, load, scope->limit, off, &be, sizeof(be)))
			return PACKET_TRUNCATED;
		type = bpf_ntohs(be);
		if (type != ETH_P_8021Q && type != ETH_P_8021AD && type != ETH_P_QINQ1) {
			scope->ethertype = type;
			scope->off = off + sizeof(be);
			return 0;
		}
		off += 4;
	}
	return PACKET_TOO_DEEP;
}

/* With up to PACKET_TAGS_MAX tags in the bytes; a tag that the kernel keeps beside them
 * (skb->vlan_tci) is no matter. */
static __always_inline int packet_find_ethernet(void *ctx, packet_load_fn load, __u32 off,
						struct packet_scope *ret_scope)
{
	*ret_scope = (struct packet_scope){ .off = off, .limit = PACKET_NO_END };
	return packet_ethernet(ctx, load, ret_scope);
}

enum packet_tunnel_port {
	PACKET_VXLAN = 4789,       /* RFC 7348 */
	PACKET_VXLAN_LINUX = 8472, /* of before the RFC: Flannel's and Cilium's default */
	PACKET_GENEVE = 6081,      /* RFC 8926 */
};

static __always_inline bool packet_is_tunnel_port(__u16 port)
{
	return port == PACKET_VXLAN || port == PACKET_VXLAN_LINUX || port == PACKET_GENEVE;
}

/* Any bit but these says that what follows is not, or not only, an Ethernet frame. */
#define VXLAN_I 0x08 /* has a network identifier, which is a must */
#define VXLAN_G 0x80 /* has a group policy: draft-smith-vxlan-group-policy */

#define GENEVE_OAM 0x80
#define GENEVE_OPTIONS 0x3f

static __always_inline int packet_udp_tunnel(void *ctx, packet_load_fn load, bool geneve,
					     struct packet_scope *scope)
{
	__u8 head[8] ALIGNED;
	int r;

	r = packet_read(ctx, load, scope->limit, scope->off, head, sizeof(head));
	if (r)
		return r;
	scope->off += sizeof(head);
	if (!geneve) {
		scope->ethertype = ETH_P_TEB;
		return (head[0] & ~VXLAN_G) == VXLAN_I ? 0 : PACKET_MALFORMED;
	}
	if (head[0] >> 6)
		return PACKET_MALFORMED;
	if (head[1] & GENEVE_OAM)
		return PACKET_NONE_INSIDE;
	scope->off += (head[0] & GENEVE_OPTIONS) * 4;
	scope->ethertype = packet_be16(head + 2);
	return 0;
}

#define GRE_C 0x8000 /* RFC 2784, RFC 2890: each of C, K, S adds 4 bytes */
#define GRE_K 0x2000
#define GRE_S 0x1000
#define GRE_MUST_BE_0 0x4c00 /* of RFC 1701: what follows has another form */
#define GRE_VERSION 7        /* 1 is PPTP's */

static __always_inline int packet_gre(void *ctx, packet_load_fn load, struct packet_scope *scope)
{
	__u8 head[4] ALIGNED;
	__u16 flags;
	int r;

	r = packet_read(ctx, load, scope->limit, scope->off, head, sizeof(head));
	if (r)
		return r;
	flags = packet_be16(head);
	if (flags & GRE_VERSION)
		return PACKET_NONE_INSIDE;
	if (flags & GRE_MUST_BE_0)
		return PACKET_MALFORMED;
	scope->off += sizeof(head) + (flags & GRE_C ? 4 : 0) + (flags & GRE_K ? 4 : 0) +
		      (flags & GRE_S ? 4 : 0);
	scope->ethertype = packet_be16(head + 2);
	return 0;
}

static __always_inline int packet_tunnel(void *ctx, packet_load_fn load, const struct packet *outer,
					 struct packet_scope *scope)
{
	__u16 port = outer->destination_port;

	switch (outer->protocol) {
	case IPPROTO_IPIP:
		scope->ethertype = ETH_P_IP;
		return 0;
	case IPPROTO_IPV6:
		scope->ethertype = ETH_P_IPV6;
		return 0;
	case IPPROTO_GRE:
		return packet_gre(ctx, load, scope);
	case IPPROTO_UDP:
		if (packet_is_tunnel_port(port))
			return packet_udp_tunnel(ctx, load, port == PACKET_GENEVE, scope);
	}
	return PACKET_NONE_INSIDE;
}

/* In @outer, if that is a tunnel's by its protocol or port: VXLAN, Geneve, IP in IP, GRE. What the
 * outer packet's length has no room for is not read (PACKET_TRUNCATED). */
static __always_inline int packet_find_tunnel(void *ctx, packet_load_fn load,
					      const struct packet *outer,
					      struct packet_scope *ret_scope)
{
	int r;

	*ret_scope = (struct packet_scope){ .off = outer->payload, .limit = outer->end };
	if (!outer->payload)
		return PACKET_NONE_INSIDE;
	r = packet_tunnel(ctx, load, outer, ret_scope);
	if (!r && ret_scope->ethertype == ETH_P_TEB)
		r = packet_ethernet(ctx, load, ret_scope);
	return r;
}

/* RFC 4884: how much of the message is the packet, in the byte at @ret_at before the payload and
 * in such units; 0 units: this message does not tell. */
static __always_inline __u32 packet_icmp_units(const struct packet *error, __u32 *ret_at)
{
	if (error->flags & PACKET_IPV6) {
		*ret_at = error->payload - 4;
		return error->icmp_type == 1 || error->icmp_type == 3 ? 8 : 0;
	}
	*ret_at = error->payload - 3;
	return 4;
}

/* That an ICMP error (PACKET_ICMP_ERROR) speaks of, as far as it is told: of TCP ports and seq. It
 * went the other way. */
static __always_inline int packet_find_icmp_error(void *ctx, packet_load_fn load,
						  const struct packet *error,
						  struct packet_scope *ret_scope)
{
	__u32 at, units, limit = error->end;
	__u8 length = 0;

	*ret_scope = (struct packet_scope){ .off = error->payload };
	if (!(error->flags & PACKET_ICMP_ERROR) || !error->payload)
		return PACKET_NONE_INSIDE;
	units = packet_icmp_units(error, &at);
	if (units && packet_read(ctx, load, PACKET_NO_END, at, &length, 1))
		return PACKET_TRUNCATED;
	if (length && error->payload + length * units < limit)
		limit = error->payload + length * units;
	ret_scope->limit = limit;
	ret_scope->ethertype = error->flags & PACKET_IPV6 ? ETH_P_IPV6 : ETH_P_IP;
	ret_scope->embedded = true;
	return 0;
}

#endif
