// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Windows of 0 by connection. No counter of a socket's has them: the kernel's are the whole network
 * namespace's (TCPToZeroWindowAdv), and of the times that a window became 0.
 */
#include "bpf/window.bpf.h"

#include "bpf/conns.bpf.h"

#define OFFSET_OF_PROTOCOL 9 /* in an IPv4 header */
#define OFFSET_OF_FRAGMENT 6
#define OFFSET_OF_NEXTHDR 6 /* in an IPv6 header */
#define FRAGMENT_MASK 0x3fff /* more follow, or not the first */

/* The look was at the TCP header's bytes: there is nothing between the two headers. */
static __always_inline bool is_plain_tcp(struct __sk_buff *skb)
{
	__u8 *ip = (__u8 *)(long)skb->data;

	if ((void *)(ip + OFFSET_OF_PROTOCOL + 1) > (void *)(long)skb->data_end)
		return false;
	if (skb->protocol != bpf_htons(0x0800)) /* ETH_P_IP */
		return ip[OFFSET_OF_NEXTHDR] == IPPROTO_TCP;
	return ip[0] == 0x45 && ip[OFFSET_OF_PROTOCOL] == IPPROTO_TCP &&
	       !(*(__be16 *)(ip + OFFSET_OF_FRAGMENT) & bpf_htons(FRAGMENT_MASK));
}

/* What is counted while the connection goes to the other table can be missing there. */
__noinline int window_seen(struct __sk_buff *skb, int is_sent)
{
	__u32 segments = skb->gso_segs > 1 ? skb->gso_segs : 1;
	struct tcp_conn *conn;

	if (!is_plain_tcp(skb))
		return 0;
	conn = tcp_conn_lookup(bpf_get_socket_cookie(skb));
	if (!conn || !(conn->flags & CONN_ESTABLISHED))
		return 0;
	if (is_sent)
		__sync_fetch_and_add(&conn->zero_windows_tx, segments);
	else
		__sync_fetch_and_add(&conn->zero_windows_rx, segments);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
