/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef WEIR_BPF_TCP_BPF_H
#define WEIR_BPF_TCP_BPF_H

#include "bpf/conns.bpf.h"

/*
 * What the kernel's own tcp_sock tells of a connection. No counter of ours exists: numbers are read
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

enum kernel_errno {  /* include/uapi/asm-generic/errno.h */
	ERR_EACCES = 13,
	ERR_ENETUNREACH = 101,
	ERR_ETIMEDOUT = 110,
	ERR_ECONNREFUSED = 111,
	ERR_EHOSTDOWN = 112,
	ERR_EHOSTUNREACH = 113,
};

/* The two addresses and ports of a socket, from its own fields. */
static __always_inline void tuple_from_sock(struct tcp_conn *conn, struct sock *sk)
{
	if (sk->__sk_common.skc_family == AF_INET6) {
		addr_set_v6(conn->local, &sk->__sk_common.skc_v6_rcv_saddr);
		addr_set_v6(conn->remote, &sk->__sk_common.skc_v6_daddr);
	} else {
		addr_set_v4(conn->local, sk->__sk_common.skc_rcv_saddr);
		addr_set_v4(conn->remote, sk->__sk_common.skc_daddr);
	}
	conn->local_port = sk->__sk_common.skc_num;
	conn->remote_port = bpf_ntohs(sk->__sk_common.skc_dport);
	conn->netns = sk->__sk_common.skc_net.net->net_cookie;
}

/*
 * The initial sequence numbers, which tcp_sock does not keep, from what it does: snd_una moved by
 * bytes_acked since the start and rcv_nxt by bytes_received. An active opener's bytes_acked
 * counts its SYN (tcp_ack() of the SYN-ACK); a passive one starts behind it
 * (tcp_create_openreq_child()). They hold at any time of a connection's life, so the same
 * connection is known again after the agent was restarted.
 */
static __always_inline void isns_from_bases(struct tcp_conn *conn, __u32 send_base,
					    __u32 receive_base)
{
	conn->isn_local = conn->role == WEIR_EV_ROLE_SERVER ? send_base - 1 : send_base;
	conn->isn_remote = receive_base - 1;
}

/* What a record says of a tcp_sock, at one moment. */
struct tcp_view {
	__u64 bytes_sent;
	__u64 bytes_retrans;
	__u64 bytes_received;
	__u64 sock_flags;
	__u32 snd_una;
	__u32 snd_nxt;
	__u32 write_seq;
	__u32 segs_out;
	__u32 segs_in;
	__u32 total_retrans;
	__u32 srtt_us;
	__u32 rtt_min_us;
	int err;
	__u8 state;            /* enum tcp_state */
	bool fin_sent;
	bool held;             /* somebody has a reference to the socket */
	bool final;            /* nothing changes the socket any more */
};

static __always_inline bool state_after_fin(__u8 state)
{
	return state == STATE_FIN_WAIT1 || state == STATE_FIN_WAIT2 || state == STATE_CLOSING ||
	       state == STATE_LAST_ACK;
}

/* GET() reads a field as the kind of pointer wants it. */
#define TCP_VIEW_READ(view, tp, GET)                                                         \
	do {                                                                                 \
		(view)->bytes_sent = GET(tp, bytes_sent);                                    \
		(view)->bytes_retrans = GET(tp, bytes_retrans);                              \
		(view)->bytes_received = GET(tp, bytes_received);                            \
		(view)->sock_flags = GET(tp, inet_conn.icsk_inet.sk.__sk_common.skc_flags);  \
		(view)->snd_una = GET(tp, snd_una);                                          \
		(view)->snd_nxt = GET(tp, snd_nxt);                                          \
		(view)->write_seq = GET(tp, write_seq);                                      \
		(view)->segs_out = GET(tp, segs_out);                                        \
		(view)->segs_in = GET(tp, segs_in);                                          \
		(view)->total_retrans = GET(tp, total_retrans);                              \
		(view)->srtt_us = GET(tp, srtt_us);                                          \
		(view)->rtt_min_us = GET(tp, rtt_min.s[0].v);                                \
		(view)->err = GET(tp, inet_conn.icsk_inet.sk.sk_err);                        \
		(view)->state = GET(tp, inet_conn.icsk_inet.sk.__sk_common.skc_state);       \
		(view)->held =                                                               \
			GET(tp, inet_conn.icsk_inet.sk.__sk_common.skc_refcnt.refs.counter); \
		(view)->final = false;                                                       \
		(view)->fin_sent = state_after_fin((view)->state);                           \
	} while (0)

#define GET_DIRECT(tp, field) ((tp)->field)
#define GET_PROBED(tp, field) BPF_CORE_READ(tp, field)

static __always_inline void tcp_view_read(struct tcp_view *view, struct tcp_sock *tp)
{
	TCP_VIEW_READ(view, tp, GET_DIRECT);
}

/*
 * A socket of which only the address is known. It may be gone, and its memory another socket's:
 * the cookie, which is never used twice, says so before and after. Returns false then.
 */
static __always_inline bool tcp_view_probe(struct tcp_view *view, __u64 sock, __u64 cookie)
{
	struct tcp_sock *tp = (struct tcp_sock *)sock;
	struct sock *sk = (struct sock *)sock;

	if (BPF_CORE_READ(sk, __sk_common.skc_cookie.counter) != (__s64)cookie)
		return false;
	TCP_VIEW_READ(view, tp, GET_PROBED);
	return BPF_CORE_READ(sk, __sk_common.skc_cookie.counter) == (__s64)cookie;
}

/* Of a socket that is gone: as the latest sweep saw it. */
static __always_inline void tcp_view_last_known(struct tcp_view *view, const struct tcp_conn *conn)
{
	__builtin_memset(view, 0, sizeof(*view));
	view->bytes_sent = conn->reported_tx;
	view->bytes_received = conn->reported_rx;
	view->snd_nxt = conn->isn_local + 1 + (__u32)conn->reported_tx;
	view->state = STATE_CLOSE;
}

static __always_inline bool view_has_flag(const struct tcp_view *view, __u64 flag)
{
	return view->sock_flags & (1UL << flag);
}

/*
 * Payload bytes sent at least once. bytes_sent - bytes_retrans is near, but counts again what a
 * local drop (qdisc, netfilter OUTPUT) made the kernel send anew; the sequence space that was
 * used says the exact low 32 bits. A FIN takes one number of it. Sweeps read a socket that is not
 * locked, so that state and numbers may be a moment apart: one more than near is the FIN.
 */
static __always_inline __u64 tcp_tx_bytes(const struct tcp_conn *conn, const struct tcp_view *view)
{
	__u64 near = view->bytes_sent - view->bytes_retrans;
	__u32 used = view->snd_nxt - conn->isn_local - 1;
	__s32 more = used - (__u32)near;

	if (!conn->isn_local && !conn->isn_remote)
		return near;
	if (view->final && view->fin_sent)
		more -= 1;
	else if (more < 0 && view->fin_sent && view->snd_nxt == view->write_seq)
		more -= 1;
	else if (more == 1)
		more = 0;
	return more < 0 && near < (__u64)-more ? 0 : near + more;
}

/* Payload bytes received in order; the peer's FIN takes a sequence number and is not one. */
static __always_inline __u64 tcp_rx_bytes(const struct tcp_view *view)
{
	__u64 bytes = view->bytes_received;

	if (bytes && view_has_flag(view, bpf_core_enum_value(enum sock_flags, SOCK_DONE)))
		bytes -= 1;
	return bytes;
}

/* Fill a whole flow event of a TCP socket. */
static __always_inline void tcp_event_fill(struct weir_ev_flow *ev, __u64 cookie,
					   const struct tcp_conn *conn, const struct tcp_view *view,
					   __u8 kind, __u8 end_reason, __u64 now)
{
	event_header(&ev->hdr, WEIR_EV_FLOW, sizeof(*ev), now);
	ev->cookie = cookie;
	ev->cgroup_id = conn->cgroup_id;
	ev->opened_ns = conn->opened_ns;
	ev->established_ns = conn->established_ns;
	ev->tx_bytes = 0;
	ev->rx_bytes = 0;
	ev->hdr.flags = conn->flags & CONN_HANDSHAKE_SEEN;
	if (conn->flags & CONN_ESTABLISHED) {
		ev->hdr.flags = WEIR_EV_ESTABLISHED;
		if (conn->flags & CONN_PEER_HERE)
			ev->hdr.flags |= WEIR_EV_PEER_HERE;
		if (conn->flags & CONN_RESET_SENT)
			ev->hdr.flags |= WEIR_EV_RESET_SENT;
		if (conn->flags & CONN_RESET_RECEIVED)
			ev->hdr.flags |= WEIR_EV_RESET_RECEIVED;
		ev->tx_bytes = tcp_tx_bytes(conn, view);
		ev->rx_bytes = tcp_rx_bytes(view);
	}
	ev->tx_packets = view->segs_out;
	ev->rx_packets = view->segs_in;
	ev->retransmits = view->total_retrans;
	ev->rtt_us = view->srtt_us >> 3;
	ev->rtt_min_us = view->rtt_min_us == ~0U ? 0 : view->rtt_min_us;
	ev->netns = conn->netns;
	ev->isn_local = conn->isn_local;
	ev->isn_remote = conn->isn_remote;
	ev->pid = conn->pid;
	ev->zero_windows_tx = conn->zero_windows_tx;
	ev->zero_windows_rx = conn->zero_windows_rx;
	ev->local_port = conn->local_port;
	ev->remote_port = conn->remote_port;
	ev->asked_port = conn->asked_port;
	ev->backend_port = 0;
	ev->kind = kind;
	ev->role = conn->role;
	ev->protocol = IPPROTO_TCP;
	ev->end_reason = end_reason;
	addr_copy(ev->local, conn->local);
	addr_copy(ev->remote, conn->remote);
	addr_copy(ev->asked, conn->asked);
	addr_clear(ev->backend);
	copy16(ev->comm, conn->comm);
}

static __always_inline __u8 failed_connect_reason(const struct tcp_conn *conn, int err)
{
	if (conn->flags & CONN_RESET_RECEIVED)
		return WEIR_EV_END_REFUSED;
	switch (err ? err : (int)conn->connect_error) {
	case ERR_ECONNREFUSED:
		return WEIR_EV_END_REFUSED;
	case ERR_ETIMEDOUT:
		return WEIR_EV_END_TIMEOUT;
	case ERR_EHOSTUNREACH:
	case ERR_ENETUNREACH:
	case ERR_EHOSTDOWN:
	case ERR_EACCES: /* ICMPv6 "administratively prohibited" */
		return WEIR_EV_END_UNREACHABLE;
	default:
		return WEIR_EV_END_ABORTED;
	}
}

/* The peer's FIN came, or ours was acknowledged: it takes the one number that is no payload. */
static __always_inline bool had_fin(const struct tcp_conn *conn, const struct tcp_view *view)
{
	__u32 payload = view->bytes_sent - view->bytes_retrans;

	return view_has_flag(view, bpf_core_enum_value(enum sock_flags, SOCK_DONE)) ||
	       (view->snd_una == view->snd_nxt &&
		view->snd_nxt - conn->isn_local - 1 == payload + 1);
}

/*
 * How a connection ended. The error on the socket is no proof of the absence of one: whoever asks
 * for SO_ERROR takes it away.
 */
static __always_inline __u8 end_reason_of(const struct tcp_conn *conn, const struct tcp_view *view)
{
	int err = view->err;

	if (!conn->flags)
		return WEIR_EV_END_LOCAL_ERROR; /* before a packet was sent */
	if (!(conn->flags & CONN_ESTABLISHED))
		return failed_connect_reason(conn, err);
	if (conn->flags & CONN_RESET_RECEIVED)
		return WEIR_EV_END_RST;
	if (err == ERR_ETIMEDOUT)
		return WEIR_EV_END_TIMEOUT;
	if (err == ERR_EHOSTUNREACH || err == ERR_ENETUNREACH || err == ERR_EHOSTDOWN)
		return WEIR_EV_END_UNREACHABLE;
	if (err || (conn->flags & CONN_RESET_SENT))
		return WEIR_EV_END_RST;
	return had_fin(conn, view) ? WEIR_EV_END_FIN : WEIR_EV_END_NONE;
}

/* connect(AF_UNSPEC) on a socket that was closed already wipes it, and no hook tells. */
static __always_inline bool tcp_view_is_wiped(const struct tcp_view *view,
					      const struct tcp_conn *conn)
{
	return (conn->flags & CONN_ESTABLISHED) && !view->segs_in;
}

/* The last look at a socket whose connection is over: why it ended. */
static __always_inline __u8 end_view(struct tcp_view *view, const struct tcp_conn *conn)
{
	__u8 reason = end_reason_of(conn, view);

	view->final = true;
	view->fin_sent = reason == WEIR_EV_END_FIN;
	if (!tcp_view_is_wiped(view, conn))
		return reason;
	tcp_view_last_known(view, conn);
	return WEIR_EV_END_NONE;
}

/* Tell the end of a connection that was taken out of the table. */
static __always_inline void tell_end(__u64 cookie, struct tcp_conn *conn,
				     const struct tcp_view *view, __u8 reason)
{
	struct weir_ev_flow *ev;

	if (!conn->flags) {
		addr_copy(conn->remote, conn->asked);
		conn->remote_port = conn->asked_port;
	}
	ev = event_reserve(sizeof(*ev));
	if (!ev)
		return;
	tcp_event_fill(ev, cookie, conn, view, WEIR_EV_CLOSE, reason, bpf_ktime_get_ns());
	event_submit(ev);
}

#endif
