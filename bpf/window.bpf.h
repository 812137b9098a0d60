/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef WEIR_BPF_WINDOW_BPF_H
#define WEIR_BPF_WINDOW_BPF_H

#include "bpf/listen.bpf.h"

/*
 * TCP segments that allow the other end to send nothing more: each with a window of 0, whether or
 * not it is the first one, counted at the socket that sent it and at the one it reached. A SYN's
 * window is not that, and an RST's says nothing (bpf/window.bpf.c).
 */

/* So much is looked at of every TCP packet; window_seen() finds out whether it was the window. */
static __always_inline bool may_be_zero_window(struct __sk_buff *skb)
{
	bool v4 = skb->protocol == bpf_htons(0x0800); /* ETH_P_IP */
	__u8 *flags =
		(__u8 *)(long)skb->data + (v4 ? OFFSET_OF_V4_TCP_FLAGS : OFFSET_OF_V6_TCP_FLAGS);
	__be16 *window = (__be16 *)(flags + 1);

	return (void *)(window + 1) <= (void *)(long)skb->data_end && !*window &&
	       !(*flags & (TCP_SYN | TCP_RST));
}

/* Such a packet at a socket, from cgroup_skb: counted as its connection's. */
int window_seen(struct __sk_buff *skb, int is_sent);

#endif
