// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * SYNs that a listener does not take because nobody calls accept(), or because too many handshakes
 * wait for their last ACK: the kernel counts them (ListenOverflows, TCPReqQFullDrop) and frees them
 * as if they had been used, so that kfree_skb says nothing. The hook sees them just before, and the
 * listener's own numbers say what will become of them.
 */
#include "bpf/listen.bpf.h"

#include "bpf/drop.bpf.h"
#include "bpf/packet.bpf.h"

#define STATE_LISTEN 10 /* include/net/tcp_states.h */

/*
 * inet_csk_reqsk_queue_is_full() and sk_acceptq_is_full(), in tcp_conn_request()'s order; 0: room for
 * it. For some kernels the queue of SYNs is full with one less: that one is not told.
 */
static __always_inline __u32 why_full(const struct tcp_sock *tp)
{
	const struct sock *sk = &tp->inet_conn.icsk_inet.sk;
	__u32 max = sk->sk_max_ack_backlog;

	if (sk->__sk_common.skc_state != STATE_LISTEN)
		return 0;
	if ((__u32)tp->inet_conn.icsk_accept_queue.qlen.counter > max &&
	    !sk->__sk_common.skc_net.net->ipv4.sysctl_tcp_syncookies)
		return WEIR_EV_REASON_REQQ_FULL;
	return sk->sk_ack_backlog > max ? WEIR_EV_REASON_LISTEN_OVERFLOW : 0;
}

/* Sent again after it was taken: it is answered, whatever is full. */
__noinline int listen_knows_syn(struct __sk_buff *skb, const struct weir_ev_drop_key *key)
{
	struct bpf_sock_tuple tuple = {};
	__u32 len = sizeof(tuple.ipv4);
	struct bpf_sock *sk;
	int known;

	if (!key)
		return 0;
	if (skb->protocol == bpf_htons(0x0800)) { /* ETH_P_IP */
		__builtin_memcpy(&tuple.ipv4.saddr, key->source + 12, 4);
		__builtin_memcpy(&tuple.ipv4.daddr, key->destination + 12, 4);
		tuple.ipv4.sport = bpf_htons(key->source_port);
		tuple.ipv4.dport = bpf_htons(key->destination_port);
	} else {
		__builtin_memcpy(tuple.ipv6.saddr, key->source, 16);
		__builtin_memcpy(tuple.ipv6.daddr, key->destination, 16);
		tuple.ipv6.sport = bpf_htons(key->source_port);
		tuple.ipv6.dport = bpf_htons(key->destination_port);
		len = sizeof(tuple.ipv6);
	}
	sk = bpf_skc_lookup_tcp(skb, &tuple, len, BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return 0;
	known = sk->state != STATE_LISTEN;
	bpf_sk_release(sk);
	return known;
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
	struct weir_ev_drop_key key = {};
	struct bpf_sock *bsk = skb->sk;
	struct tcp_sock *tp = bsk ? bpf_skc_to_tcp_sock(bsk) : 0;
	struct sock *sk;

	if (!tp)
		return 0;
	sk = &tp->inet_conn.icsk_inet.sk;
	key.reason = why_full(tp);
	if (!key.reason || syn_parse(skb, &key) || listen_knows_syn(skb, &key))
		return 0;
	key.netns = sk->__sk_common.skc_net.net->net_cookie;
	return drop_count(&key, 1);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
