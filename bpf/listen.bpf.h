/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef WEIR_BPF_LISTEN_BPF_H
#define WEIR_BPF_LISTEN_BPF_H

#include "bpf/common.bpf.h"

/* What arrives at a socket that listens (bpf/listen.bpf.c). */

#define OFFSET_OF_V4_TCP_FLAGS 33 /* behind headers without options or extensions */
#define OFFSET_OF_V6_TCP_FLAGS 53

#define TCP_FLAGS_OF_OPENING (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK)

/* So much is looked at of every TCP packet. With other headers the byte is something else: then a
 * SYN is not seen, and listen_syn() finds out of what is none. */
static __always_inline bool may_be_syn(struct __sk_buff *skb)
{
	bool v4 = skb->protocol == bpf_htons(0x0800); /* ETH_P_IP */
	__u8 *flags =
		(__u8 *)(long)skb->data + (v4 ? OFFSET_OF_V4_TCP_FLAGS : OFFSET_OF_V6_TCP_FLAGS);

	return (void *)(flags + 1) <= (void *)(long)skb->data_end &&
	       (*flags & TCP_FLAGS_OF_OPENING) == TCP_SYN;
}

/* A SYN at a socket, from cgroup_skb/ingress: counted as dropped when the socket will refuse it. */
int listen_syn(struct __sk_buff *skb);

#endif
