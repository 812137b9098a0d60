/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef WEIR_BPF_TCP_BPF_H
#define WEIR_BPF_TCP_BPF_H

#include "bpf/common.bpf.h"

/*
 * What the kernel's own tcp_sock tells of a connection. No counter of ours exists: these are read
 * at open, close and in sweeps.
 */

enum tcp_state {  /* include/net/tcp_states.h */
	STATE_ESTABLISHED = 1,
	STATE_SYN_SENT = 2,
	STATE_SYN_RECV = 3,
	STATE_FIN_WAIT1 = 4,
	STATE_FIN_WAIT2 = 5,
	STATE_TIME_WAIT = 6,
	STATE_CLOSE = 7,
	STATE_CLOSE_WAIT = 8,
	STATE_LAST_ACK = 9,
	STATE_LISTEN = 10,
	STATE_CLOSING = 11,
};

/*
 * The initial sequence numbers, which tcp_sock does not keep, from what it does: snd_una moved by
 * bytes_acked since the start and rcv_nxt by bytes_received. An active opener's bytes_acked
 * counts its SYN (tcp_ack() of the SYN-ACK); a passive one starts behind it
 * (tcp_create_openreq_child()). They hold at any time of a connection's life, so the same
 * connection is known again after the agent was restarted.
 */
static __always_inline void isns_from_sock(struct sk_state *state, __u32 send_base,
					   __u32 receive_base)
{
	state->isn_local = state->role == WEIR_EV_ROLE_SERVER ? send_base - 1 : send_base;
	state->isn_remote = receive_base - 1;
}

/*
 * Payload bytes sent at least once. bytes_sent - bytes_retrans is near, but counts again what a
 * local drop (qdisc, netfilter OUTPUT) made the kernel send anew; the sequence space that was
 * used says the exact low 32 bits. A FIN takes one number of it. Sweeps read a socket that is not
 * locked, so that state and numbers may be a moment apart: one more than near is the FIN.
 */
static __always_inline __u64 tcp_tx_bytes(struct tcp_sock *tp, const struct sk_state *state,
					  __u8 tcp_state)
{
	__u64 near = tp->bytes_sent - tp->bytes_retrans;
	__u32 used = tp->snd_nxt - state->isn_local - 1;
	__s32 more = used - (__u32)near;

	if (!state->isn_local && !state->isn_remote)
		return near;
	if (more < 0 && tcp_state != STATE_ESTABLISHED && tcp_state != STATE_CLOSE_WAIT &&
	    tp->snd_nxt == tp->write_seq)
		more -= 1;
	else if (more == 1)
		more = 0;
	return more < 0 && near < (__u64)-more ? 0 : near + more;
}

static __always_inline bool sock_has_flag(struct tcp_sock *tp, __u64 flag)
{
	return tp->inet_conn.icsk_inet.sk.__sk_common.skc_flags & (1UL << flag);
}

/* Payload bytes received in order; the peer's FIN takes a sequence number and is not one. */
static __always_inline __u64 tcp_rx_bytes(struct tcp_sock *tp)
{
	__u64 bytes = tp->bytes_received;

	if (bytes && sock_has_flag(tp, bpf_core_enum_value(enum sock_flags, SOCK_DONE)))
		bytes -= 1;
	return bytes;
}

/* Fill a whole flow event of a TCP socket. */
static __always_inline void tcp_event_fill(struct weir_ev_flow *ev, const struct sk_state *state,
					   struct tcp_sock *tp, __u8 kind, __u8 end_reason,
					   __u8 tcp_state, __u64 now)
{
	event_header(&ev->hdr, WEIR_EV_FLOW, sizeof(*ev), now);
	ev->cookie = state->cookie;
	ev->cgroup_id = state->cgroup_id;
	ev->opened_ns = state->opened_ns;
	ev->established_ns = state->established_ns;
	ev->tx_bytes = 0;
	ev->rx_bytes = 0;
	if (state->flags & SK_ESTABLISHED) {
		ev->hdr.flags = WEIR_EV_ESTABLISHED;
		ev->tx_bytes = tcp_tx_bytes(tp, state, tcp_state);
		ev->rx_bytes = tcp_rx_bytes(tp);
	}
	ev->tx_packets = tp->segs_out;
	ev->rx_packets = tp->segs_in;
	ev->retransmits = tp->total_retrans;
	ev->rtt_us = tp->srtt_us >> 3;
	ev->rtt_min_us = tp->rtt_min.s[0].v;
	if (ev->rtt_min_us == ~0U)
		ev->rtt_min_us = 0;
	ev->netns = state->netns;
	ev->isn_local = state->isn_local;
	ev->isn_remote = state->isn_remote;
	ev->pid = state->pid;
	ev->local_port = state->local_port;
	ev->remote_port = state->remote_port;
	ev->asked_port = state->asked_port;
	ev->backend_port = 0;
	ev->kind = kind;
	ev->role = state->role;
	ev->protocol = IPPROTO_TCP;
	ev->end_reason = end_reason;
	addr_copy(ev->local, state->local);
	addr_copy(ev->remote, state->remote);
	addr_copy(ev->asked, state->asked);
	addr_clear(ev->backend);
	__builtin_memcpy(ev->comm, state->comm, sizeof(ev->comm));
}

#endif
