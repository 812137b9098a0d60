// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * SYNs that a listener does not take because nobody calls accept(): the kernel counts them
 * (ListenOverflows) and frees them as if they had been used, so that kfree_skb says nothing. The
 * hook sees them just before, and the listener's own numbers say what will become of them.
 */
#include "bpf/listen.bpf.h"

#include "bpf/drop.bpf.h"
#include "bpf/packet.bpf.h"

#define STATE_LISTEN 10 /* include/net/tcp_states.h */

/* sk_acceptq_is_full(), as tcp_conn_request() asks it. */
static __always_inline bool is_full(const struct sock *sk)
{
	return sk->__sk_common.skc_state == STATE_LISTEN &&
	       sk->sk_ack_backlog > sk->sk_max_ack_backlog;
}

static __always_inline int syn_parse(struct __sk_buff *skb, struct weir_ev_drop_key *key)
{
	struct packet_scope scope = {
		.limit = PACKET_NO_END,
		.ethertype = bpf_ntohs(skb->protocol),
	};
	struct packet packet = {};

	if (packet_parse_skb(skb, &scope, &packet) || packet.protocol != IPPROTO_TCP ||
	    (packet.flags & PACKET_FRAGMENT) ||
	    (packet.tcp_flags & TCP_FLAGS_OF_OPENING) != TCP_SYN)
		return PACKET_NOT_IP;
	addr_copy(key->source, packet.source);
	addr_copy(key->destination, packet.destination);
	key->isn = packet.seq;
	key->source_port = packet.source_port;
	key->destination_port = packet.destination_port;
	key->protocol = IPPROTO_TCP;
	key->tcp_flags = packet.tcp_flags;
	return 0;
}

__noinline int listen_syn(struct __sk_buff *skb)
{
	struct weir_ev_drop_key key = { .reason = WEIR_EV_REASON_LISTEN_OVERFLOW };
	struct bpf_sock *bsk = skb->sk;
	struct tcp_sock *tp = bsk ? bpf_skc_to_tcp_sock(bsk) : 0;
	struct sock *sk;

	if (!tp)
		return 0;
	sk = &tp->inet_conn.icsk_inet.sk;
	if (!is_full(sk) || syn_parse(skb, &key))
		return 0;
	key.netns = sk->__sk_common.skc_net.net->net_cookie;
	return drop_count(&key, 1);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
