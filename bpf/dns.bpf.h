/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef WEIR_BPF_DNS_BPF_H
#define WEIR_BPF_DNS_BPF_H

#include "bpf/common.bpf.h"

struct packet;

/*
 * DNS messages from packets into the ring, for whatever program has one before it. Nothing is read
 * here but what makes it one: the agent takes the message apart.
 */

/* Set by the loader; the rest is zero. The verifier knows them, so what looks for a port that is
 * not there is gone from the program, and with no port at all nothing is left. */
extern const volatile __u16 dns_ports[WEIR_EV_DNS_PORTS_MAX];

static __always_inline bool dns_port(__u16 port)
{
	int i;

#pragma unroll
	for (i = 0; i < WEIR_EV_DNS_PORTS_MAX; i++) {
		__u16 known = dns_ports[i];

		if (!known)
			return false;
		if (known == port)
			return true;
	}
	return false;
}

/* Whether the socket's other end is at such a port: so much is looked at of every TCP packet. */
static __always_inline bool dns_peer(const struct __sk_buff *skb)
{
	return dns_ports[0] && dns_port(bpf_ntohl(skb->remote_port));
}

#define DNS_OFFSET_OF_FLAGS 2 /* RFC 1035 section 4.1.1; the first bit is QR */
#define DNS_QR 0x80

/* Whether the message at @off is an answer; what is too short for either is a question. */
static __always_inline bool dns_answers(struct __sk_buff *skb, __u32 off)
{
	__u8 flags = 0;

	(void)bpf_skb_load_bytes(skb, off + DNS_OFFSET_OF_FLAGS, &flags, sizeof(flags));
	return flags & DNS_QR;
}

/* Room in the ring is asked for in a few sizes, because the verifier wants to know them. Most
 * questions fit the first one, most answers the second. */
#define DNS_ROOM_SMALL 64
#define DNS_ROOM_MIDDLE 256
#define DNS_ROOM_LARGE WEIR_EV_DNS_PAYLOAD_LEN

/* @len is above @over, so that up to there the bytes are the message's; or zero, if the kernel
 * cannot read it. */
static __always_inline void dns_tell_in(struct __sk_buff *skb, __u32 off, __u32 len, __u32 wire_len,
					const struct weir_ev_dns_end *end, __u32 over, __u32 room)
{
	struct weir_ev_dns *ev = event_reserve(offsetof(struct weir_ev_dns, payload) + room);

	if (!ev)
		return;
	event_header(&ev->hdr, WEIR_EV_DNS, offsetof(struct weir_ev_dns, payload) + room,
		     bpf_ktime_get_ns());
	ev->end = *end;
	ev->len = wire_len;
	if (len > room)
		len = room;
	__builtin_memset(__builtin_assume_aligned(&ev->payload[over], 8), 0, room - over);
	/* That it is not 0 is said to the verifier, behind the compiler's back, which knows. */
	barrier_var(len);
	ev->captured = 0;
	if (len && len <= room && !bpf_skb_load_bytes(skb, off, ev->payload, len))
		ev->captured = len;
	event_submit(ev);
}

/* Other events are few where little begins, and these as many as anyone sends: half of the ring is
 * not for them. */
static __always_inline bool dns_has_room(void)
{
	return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) <
	       bpf_ringbuf_query(&events, BPF_RB_RING_SIZE) / 2;
}

/* Tell of the message of @wire_len bytes, of which @len are here at @off. */
static __always_inline void dns_tell(struct __sk_buff *skb, __u32 off, __u32 len, __u32 wire_len,
				     const struct weir_ev_dns_end *end)
{
	if (!dns_has_room())
		stats_add_lost(lost_dns_no_room);
	else if (len <= DNS_ROOM_SMALL)
		dns_tell_in(skb, off, len, wire_len, end, 0, DNS_ROOM_SMALL);
	else if (len <= DNS_ROOM_MIDDLE)
		dns_tell_in(skb, off, len, wire_len, end, DNS_ROOM_SMALL, DNS_ROOM_MIDDLE);
	else
		dns_tell_in(skb, off, len, wire_len, end, DNS_ROOM_MIDDLE, DNS_ROOM_LARGE);
}

/* A TCP packet of a socket with dns_peer(), and what an end without a socket sent or got
 * (@tx: bool): bpf/dns.bpf.c. */
int dns_segment(struct __sk_buff *skb, int egress);
int dns_on_link(struct __sk_buff *skb, const struct packet *packet, int tx);

#endif
