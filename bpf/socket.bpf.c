// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Packets that reach or leave a socket. No hook above the packet has a datagram's length on every
 * supported kernel, so these programs run for each, and leave at once for nearly all of TCP's. They
 * never drop: the answer is always 1.
 */
#include "bpf/dns.bpf.h"
#include "bpf/listen.bpf.h"
#include "bpf/udp.bpf.h"
#include "bpf/window.bpf.h"

#define OFFSET_OF_PROTOCOL 9 /* in an IPv4 header */
#define OFFSET_OF_NEXTHDR 6  /* in an IPv6 header */

/* Nearly every packet is TCP's: so much is read of those, and no more. */
static __always_inline bool may_be_udp(struct __sk_buff *skb)
{
	bool v4 = skb->protocol == bpf_htons(0x0800); /* ETH_P_IP */
	__u8 *protocol = (__u8 *)(long)skb->data + (v4 ? OFFSET_OF_PROTOCOL : OFFSET_OF_NEXTHDR);

	return (void *)(protocol + 1) <= (void *)(long)skb->data_end && *protocol != IPPROTO_TCP;
}

SEC("cgroup_skb/egress")
int socket_egress(struct __sk_buff *skb)
{
	if (may_be_udp(skb)) {
		udp_seen(skb, 1);
		return 1;
	}
	if (dns_peer(skb))
		dns_segment(skb, 1);
	if (may_be_zero_window(skb))
		window_seen(skb, 1);
	return 1;
}

SEC("cgroup_skb/ingress")
int socket_ingress(struct __sk_buff *skb)
{
	if (may_be_udp(skb)) {
		udp_seen(skb, 0);
		return 1;
	}
	if (may_be_syn(skb))
		listen_syn(skb);
	if (dns_peer(skb))
		dns_segment(skb, 0);
	if (may_be_zero_window(skb))
		window_seen(skb, 0);
	return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
