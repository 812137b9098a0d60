/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef WEIR_BPF_PACKET_BPF_H
#define WEIR_BPF_PACKET_BPF_H

#include "bpf/common.bpf.h"

/*
 * What a packet's own bytes say: addresses, ports, and where its payload is. One body of code for
 * programs with a struct __sk_buff and for those with a struct sk_buff; they differ in how bytes
 * are read. A packet is never mis-attributed: what is not certain is an error or a flag.
 *
 * Offsets are those that the loader is asked for, also in packets within packets. Bytes are read
 * header by header, each whole and only when it is needed, so that a packet that was cut is the
 * same as the whole one, or PACKET_TRUNCATED. A header that the lengths in the packet have no room
 * for is PACKET_MALFORMED, whether or not its bytes are there: what follows the packet in its frame
 * is padding.
 */

enum packet_error {
	PACKET_TRUNCATED = -1,  /* the bytes end before the headers do */
	PACKET_NOT_IP = -2,     /* another ethertype, or none (802.3) */
	PACKET_MALFORMED = -3,  /* against its RFC, in a way that makes the rest uncertain */
	PACKET_TOO_DEEP = -4,   /* more than PACKET_TAGS_MAX tags, PACKET_EXTENSIONS_MAX headers */
	PACKET_NONE_INSIDE = -5, /* no packet in this one, or none of a kind that is known here */
};

enum packet_flag {
	PACKET_IPV6 = 1 << 0,
	PACKET_FRAGMENT = 1 << 1,       /* not the first one: has no ports */
	PACKET_FIRST_FRAGMENT = 1 << 2, /* more follow */
	PACKET_ICMP_ERROR = 1 << 3,     /* speaks of a packet: packet_find_icmp_error() */
	PACKET_ROUTED = 1 << 4,         /* source routing goes on; destination is a next stop */
	/* IPv4 total length or IPv6 payload length is 0: a GSO packet beyond 64 KB, a jumbogram,
	 * or nonsense; the caller can tell by gso_segs. */
	PACKET_NO_LENGTH = 1 << 5,
	PACKET_EMBEDDED = 1 << 6,       /* out of an ICMP error: no ack, tcp_flags and payload */
};

/* Host byte order except addresses. All zero when it could not be parsed. */
struct packet {
	__u8 source[16] ALIGNED;        /* IPv4 as ::ffff:a.b.c.d */
	__u8 destination[16] ALIGNED;
	__u16 source_port;              /* TCP, UDP, UDP-Lite, SCTP; ICMP echo: the id in both */
	__u16 destination_port;
	__u32 seq;                      /* TCP */
	__u32 ack;
	/* What the transport header, or the last known one before something else, carries; 0 none.
	 * It may be empty. */
	__u32 payload;
	/* Where it ends by the lengths in the packet (the frame may be shorter, which the kernel
	 * has yet to find); of a fragment, where the fragment does; PACKET_NO_END. */
	__u32 end;
	__u32 fragment_id;              /* with addresses and protocol: the same in all */
	/* IPPROTO_* of the innermost header parsed; of a later fragment what the first one has
	 * after its fragment header, be it an extension header; IPPROTO_NONE. */
	__u8 protocol;
	__u8 tcp_flags;                 /* FIN 1 SYN 2 RST 4 PSH 8 ACK 16 URG 32 ECE 64 CWR 128 */
	__u8 icmp_type;
	__u8 icmp_code;
	__u16 flags;                    /* enum packet_flag */
	__u16 pad;
};

#define PACKET_NO_END (~0U)

#define PACKET_TAGS_MAX 2
#define PACKET_EXTENSIONS_MAX 8

/* Reads len bytes, a constant, at off: 0 or an error. */
typedef long (*packet_load_fn)(void *ctx, __u32 off, void *dst, __u32 len);

/* ctx: struct __sk_buff. Offset 0 is skb->data: the link layer in tc, IP in cgroup_skb. */
static __always_inline long packet_load_skb(void *ctx, __u32 off, void *dst, __u32 len)
{
	return bpf_skb_load_bytes(ctx, off, dst, len);
}

/* The linear part of a struct sk_buff, from its network header. */
struct packet_linear {
	const unsigned char *begin;
	__u32 len;
};

/* False: it has no network header, or none in its linear part. */
static __always_inline bool packet_linear_init(struct packet_linear *ret_linear,
					       const struct sk_buff *skb)
{
	__u32 network = skb->network_header, tail = skb->tail;

	if (!network || network > tail)
		return false;
	ret_linear->begin = skb->head + network;
	ret_linear->len = tail - network;
	return true;
}

/* ctx: struct packet_linear. */
static __always_inline long packet_load_linear(void *ctx, __u32 off, void *dst, __u32 len)
{
	const struct packet_linear *linear = ctx;

	if ((__u64)off + len > linear->len)
		return PACKET_TRUNCATED;
	return bpf_probe_read_kernel(dst, len, linear->begin + off);
}

#define ETH_P_IP 0x0800  /* include/uapi/linux/if_ether.h */
#define ETH_P_IPV6 0x86DD

#define IPPROTO_HOPOPTS 0 /* include/uapi/linux/in.h, in6.h; the rest: IANA */
#define IPPROTO_ICMP 1
#define IPPROTO_ROUTING 43
#define IPPROTO_FRAGMENT 44
#define IPPROTO_AH 51
#define IPPROTO_ICMPV6 58
#define IPPROTO_NONE 59
#define IPPROTO_DSTOPTS 60
#define IPPROTO_SCTP 132
#define IPPROTO_MH 135
#define IPPROTO_UDPLITE 136
#define IPPROTO_HIP 139
#define IPPROTO_SHIM6 140

/* The verifier merges what the turns of a loop have in common; unrolled, each is other code. */
#define PACKET_NO_UNROLL _Pragma("clang loop unroll(disable)")

/* Where a packet is, and what it is read as. */
struct packet_scope {
	__u32 off;
	__u32 limit;     /* what lies beyond is not this packet's */
	__u16 ethertype; /* host byte order */
	__u16 embedded;  /* bool: 8 bytes after the IP headers have to do */
};

static __always_inline __u16 packet_be16(const __u8 *at)
{
	return bpf_ntohs(*(const __be16 *)at);
}

static __always_inline __u32 packet_be32(const __u8 *at)
{
	return bpf_ntohl(*(const __be32 *)at);
}

static __always_inline int packet_read(void *ctx, packet_load_fn load, __u32 limit, __u32 off,
				       void *dst, __u32 len)
{
	if (off + len > limit || load(ctx, off, dst, len))
		return PACKET_TRUNCATED;
	return 0;
}

/* The same of a header that has to lie within the packet's own length. */
static __always_inline int packet_read_header(void *ctx, packet_load_fn load,
					      const struct packet_scope *scope, __u32 off,
					      void *dst, __u32 len, const struct packet *packet)
{
	if (off + len > packet->end)
		return PACKET_MALFORMED;
	return packet_read(ctx, load, scope->limit, off, dst, len);
}

#define TCP_HEADER_BYTES 20 /* RFC 9293 */
#define SCTP_HEADER_BYTES 12 /* RFC 9260 */
#define EMBEDDED_BYTES 8 /* RFC 792 */

static __always_inline int packet_tcp(void *ctx, packet_load_fn load,
				      const struct packet_scope *scope, __u32 off,
				      struct packet *packet)
{
	__u8 tcp[TCP_HEADER_BYTES] ALIGNED;
	__u32 bytes;
	int r;

	if (off + TCP_HEADER_BYTES > packet->end)
		return PACKET_MALFORMED;
	if (scope->embedded)
		r = packet_read(ctx, load, scope->limit, off, tcp, EMBEDDED_BYTES);
	else
		r = packet_read(ctx, load, scope->limit, off, tcp, TCP_HEADER_BYTES);
	if (r)
		return r;
	packet->source_port = packet_be16(tcp);
	packet->destination_port = packet_be16(tcp + 2);
	packet->seq = packet_be32(tcp + 4);
	if (scope->embedded)
		return 0;
	packet->ack = packet_be32(tcp + 8);
	packet->tcp_flags = tcp[13];
	bytes = (tcp[12] >> 4) * 4;
	if (bytes < TCP_HEADER_BYTES || off + bytes > packet->end)
		return PACKET_MALFORMED;
	packet->payload = off + bytes;
	return 0;
}

/* UDP's length (RFC 768) and UDP-Lite's coverage (RFC 3828) have the same place. A length of 0 is
 * IPv6's jumbogram (RFC 2675), which the kernel takes in any IPv6 packet. */
static __always_inline int packet_udp_length(struct packet *packet, __u32 off, __u16 length)
{
	bool known = !(packet->flags & (PACKET_FIRST_FRAGMENT | PACKET_NO_LENGTH));

	if (length == 0) {
		if (packet->protocol == IPPROTO_UDPLITE)
			return 0;
		return packet->flags & (PACKET_IPV6 | PACKET_NO_LENGTH) ? 0 : PACKET_MALFORMED;
	}
	if (length < 8 || (known && off + length > packet->end))
		return PACKET_MALFORMED;
	if (known && packet->protocol == IPPROTO_UDP)
		packet->end = off + length;
	return 0;
}

/* RFC 4443; RFC 792. */
static __always_inline bool packet_is_icmp_error(bool v6, __u8 type)
{
	return v6 ? type >= 1 && type <= 4 : type == 3 || type == 11 || type == 12;
}

static __always_inline void packet_icmp(const __u8 *icmp, struct packet *packet)
{
	bool v6 = packet->protocol == IPPROTO_ICMPV6;
	__u8 type = icmp[0];
	bool echo = v6 ? type == 128 || type == 129 : type == 0 || type == 8;

	packet->icmp_type = type;
	packet->icmp_code = icmp[1];
	if (packet_is_icmp_error(v6, type))
		packet->flags |= PACKET_ICMP_ERROR;
	if (!echo)
		return;
	packet->source_port = packet_be16(icmp + 4);
	packet->destination_port = packet->source_port;
}

/* All others whose first 8 bytes tell all that is wanted. */
static __always_inline int packet_transport(void *ctx, packet_load_fn load,
					    const struct packet_scope *scope, __u32 off,
					    struct packet *packet)
{
	__u8 protocol = packet->protocol;
	__u8 head[8] ALIGNED;
	int r;

	if (protocol == IPPROTO_SCTP && off + SCTP_HEADER_BYTES > packet->end)
		return PACKET_MALFORMED;
	r = packet_read_header(ctx, load, scope, off, head, sizeof(head), packet);
	if (r)
		return r;
	packet->payload = off + sizeof(head);
	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) {
		packet_icmp(head, packet);
		return 0;
	}
	packet->source_port = packet_be16(head);
	packet->destination_port = packet_be16(head + 2);
	if (protocol != IPPROTO_SCTP)
		return packet_udp_length(packet, off, packet_be16(head + 4));
	packet->payload = off + SCTP_HEADER_BYTES;
	return 0;
}

static __always_inline int packet_upper(void *ctx, packet_load_fn load,
					const struct packet_scope *scope, __u32 off,
					struct packet *packet)
{
	bool v6 = packet->flags & PACKET_IPV6;
	int r = 0;

	switch (packet->protocol) {
	case IPPROTO_TCP:
		r = packet_tcp(ctx, load, scope, off, packet);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (v6 == (packet->protocol == IPPROTO_ICMPV6))
			r = packet_transport(ctx, load, scope, off, packet);
		else
			packet->payload = off;
		break;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
		r = packet_transport(ctx, load, scope, off, packet);
		break;
	case IPPROTO_NONE:
		break;
	default:
		packet->payload = off;
	}
	if (scope->embedded)
		packet->payload = 0;
	return r;
}

/* In IPv4 only AH has the form of an extension header. */
static __always_inline bool packet_is_extension(__u8 protocol, bool v6)
{
	switch (protocol) {
	case IPPROTO_AH:
		return true;
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_FRAGMENT:
	case IPPROTO_DSTOPTS:
	case IPPROTO_MH:
	case IPPROTO_HIP:
	case IPPROTO_SHIM6:
		return v6;
	}
	return false;
}

/* A Fragment header (RFC 8200, 4.5); one that is both first and last changes nothing (RFC 6946). */
static __always_inline int packet_fragment(const __u8 *ext, struct packet *packet, bool *seen)
{
	__u16 field = packet_be16(ext + 2);

	if (*seen)
		return PACKET_MALFORMED;
	*seen = true;
	if (!(field & ~6))
		return 0;
	packet->fragment_id = packet_be32(ext + 4);
	packet->flags |= field & ~7 ? PACKET_FRAGMENT : PACKET_FIRST_FRAGMENT;
	return 0;
}

/* Bytes of an extension header by its first 8, or an error. Sources: RFC 4302 for AH, RFC 8200,
 * RFC 6275, RFC 7401, RFC 5533. */
static __always_inline int packet_extension(const __u8 *ext, struct packet *packet, bool *fragment)
{
	int r;

	switch (packet->protocol) {
	case IPPROTO_AH:
		return ext[1] < 1 ? PACKET_MALFORMED : (ext[1] + 2) * 4;
	case IPPROTO_FRAGMENT:
		r = packet_fragment(ext, packet, fragment);
		return r ? r : 8;
	case IPPROTO_ROUTING:
		if (ext[3])
			packet->flags |= PACKET_ROUTED;
	}
	return (ext[1] + 1) * 8;
}

/* From the first header after the IP header, of packet->protocol at @off, to the last. */
static __always_inline int packet_chain(void *ctx, packet_load_fn load,
					const struct packet_scope *scope, __u32 off,
					struct packet *packet)
{
	bool v6 = packet->flags & PACKET_IPV6, fragment = false;
	__u8 ext[8] ALIGNED;
	int i, r;

	PACKET_NO_UNROLL
	for (i = 0; packet_is_extension(packet->protocol, v6); i++) {
		if (i == PACKET_EXTENSIONS_MAX)
			return PACKET_TOO_DEEP;
		if (packet->protocol == IPPROTO_HOPOPTS && i)
			return PACKET_MALFORMED; /* RFC 8200, 4.1 */
		r = packet_read_header(ctx, load, scope, off, ext, sizeof(ext), packet);
		if (r)
			return r;
		r = packet_extension(ext, packet, &fragment);
		if (r < 0)
			return r;
		off += r;
		if (off > packet->end)
			return PACKET_MALFORMED;
		packet->protocol = ext[0];
		if (packet->flags & PACKET_FRAGMENT)
			return 0;
	}
	return packet_upper(ctx, load, scope, off, packet);
}

#define IPV4_OPTIONS_MAX 40 /* bytes; RFC 791 */
#define IPV4_LOOSE_ROUTE 131
#define IPV4_STRICT_ROUTE 137

/* One option that has a length, at @off with @room bytes left: its bytes, or an error. */
static __always_inline int packet_v4_option(void *ctx, packet_load_fn load,
					    const struct packet_scope *scope, __u32 off, __u32 room,
					    __u8 kind, struct packet *packet)
{
	__u8 len, pointer;
	int r;

	if (room < 2)
		return PACKET_MALFORMED;
	r = packet_read(ctx, load, scope->limit, off + 1, &len, 1);
	if (r)
		return r;
	if (len < 2 || len > room)
		return PACKET_MALFORMED;
	if (kind != IPV4_LOOSE_ROUTE && kind != IPV4_STRICT_ROUTE)
		return len;
	if (len < 3)
		return PACKET_MALFORMED;
	r = packet_read(ctx, load, scope->limit, off + 2, &pointer, 1);
	if (r)
		return r;
	if (pointer < 4)
		return PACKET_MALFORMED;
	if (pointer <= len)
		packet->flags |= PACKET_ROUTED;
	return len;
}

/* Only for what changes whom the packet is for. @off and @end: of the options. */
static __always_inline int packet_v4_options(void *ctx, packet_load_fn load,
					     const struct packet_scope *scope, __u32 off, __u32 end,
					     struct packet *packet)
{
	__u8 kind;
	int i, r;

	PACKET_NO_UNROLL
	for (i = 0; i < IPV4_OPTIONS_MAX; i++) {
		if (off >= end)
			return 0;
		r = packet_read(ctx, load, scope->limit, off, &kind, 1);
		if (r)
			return r;
		if (kind == 0)
			return 0;
		r = 1;
		if (kind != 1)
			r = packet_v4_option(ctx, load, scope, off, end - off, kind, packet);
		if (r < 0)
			return r;
		off += r;
	}
	return 0;
}

#define IPV4_HEADER_BYTES 20

/* From the IP header at *off to what comes after it. */
static __always_inline int packet_v4(void *ctx, packet_load_fn load,
				     const struct packet_scope *scope, __u32 *off,
				     struct packet *packet)
{
	__u8 ip[IPV4_HEADER_BYTES] ALIGNED;
	__u32 header, total;
	__u16 fragment;
	int r;

	r = packet_read(ctx, load, scope->limit, *off, ip, sizeof(ip));
	if (r)
		return r;
	header = (ip[0] & 0xf) * 4;
	total = packet_be16(ip + 2);
	if (ip[0] >> 4 != 4 || header < sizeof(ip) || (total && total < header))
		return PACKET_MALFORMED;
	addr_set_v4(packet->source, *(__be32 *)(ip + 12));
	addr_set_v4(packet->destination, *(__be32 *)(ip + 16));
	packet->protocol = ip[9];
	packet->end = total ? *off + total : PACKET_NO_END;
	packet->flags = total ? 0 : PACKET_NO_LENGTH;
	if (header > sizeof(ip)) {
		r = packet_v4_options(ctx, load, scope, *off + sizeof(ip), *off + header, packet);
		if (r)
			return r;
	}
	fragment = packet_be16(ip + 6);
	if (fragment & 0x3fff) {
		packet->fragment_id = packet_be16(ip + 4);
		packet->flags |= fragment & 0x1fff ? PACKET_FRAGMENT : PACKET_FIRST_FRAGMENT;
	}
	*off += header;
	return 0;
}

#define IPV6_HEADER_BYTES 40

/* ::ffff:a.b.c.d on the wire would be taken for IPv4; the kernel drops such a source, too. */
static __always_inline bool packet_is_mapped(const __u8 *addr)
{
	return !packet_be32(addr) && !packet_be32(addr + 4) && packet_be32(addr + 8) == 0xffff;
}

static __always_inline int packet_v6(void *ctx, packet_load_fn load,
				     const struct packet_scope *scope, __u32 *off,
				     struct packet *packet)
{
	__u8 ip[IPV6_HEADER_BYTES] ALIGNED;
	__u16 payload;
	int r;

	r = packet_read(ctx, load, scope->limit, *off, ip, sizeof(ip));
	if (r)
		return r;
	if (ip[0] >> 4 != 6 || packet_is_mapped(ip + 8) || packet_is_mapped(ip + 24))
		return PACKET_MALFORMED;
	addr_copy(packet->source, ip + 8);
	addr_copy(packet->destination, ip + 24);
	payload = packet_be16(ip + 4);
	packet->protocol = ip[6];
	packet->flags = PACKET_IPV6;
	*off += sizeof(ip);
	packet->end = *off + payload;
	if (!payload && packet->protocol != IPPROTO_NONE) {
		packet->end = PACKET_NO_END;
		packet->flags |= PACKET_NO_LENGTH;
	}
	return 0;
}

/*
 * Parse the IP packet at scope->off. Returns 0 or an enum packet_error. To be called from a global
 * function (__noinline, not static) that is given @scope and @ret: there the verifier knows nothing
 * of them in advance and takes 30 thousand steps. What it knows it follows, each offset and flag on
 * its own: inlined in a larger program, that may be more than the million it has.
 */
static __always_inline int packet_parse(void *ctx, packet_load_fn load,
					const struct packet_scope *scope, struct packet *ret)
{
	__u32 off = scope->off;
	int r = PACKET_NOT_IP;

	*ret = (struct packet){};
	if (scope->ethertype == ETH_P_IP)
		r = packet_v4(ctx, load, scope, &off, ret);
	else if (scope->ethertype == ETH_P_IPV6)
		r = packet_v6(ctx, load, scope, &off, ret);
	if (!r && !(ret->flags & PACKET_FRAGMENT))
		r = packet_chain(ctx, load, scope, off, ret);
	if (r)
		*ret = (struct packet){};
	else if (scope->embedded)
		ret->flags |= PACKET_EMBEDDED;
	return r;
}

/* packet_parse() of a struct __sk_buff, as such a function (bpf/packet.bpf.c). */
int packet_parse_skb(struct __sk_buff *skb, const struct packet_scope *scope, struct packet *ret);

#endif
