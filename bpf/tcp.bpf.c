// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * TCP from the socket, by sockops: birth and death of every connection that begins under our eyes.
 * Those that are older have no callbacks and are followed by tracepoint. Nothing here runs per
 * packet.
 */
#include "bpf/tcp.bpf.h"

enum kernel_errno {  /* include/uapi/asm-generic/errno.h */
	ERR_ENETUNREACH = 101,
	ERR_ETIMEDOUT = 110,
	ERR_ECONNREFUSED = 111,
	ERR_EHOSTDOWN = 112,
	ERR_EHOSTUNREACH = 113,
};

static __always_inline __u8 failed_connect_reason(const struct sk_state *state, int err)
{
	switch (err) {
	case ERR_ECONNREFUSED:
		return WEIR_EV_END_REFUSED;
	case ERR_ETIMEDOUT:
		return WEIR_EV_END_TIMEOUT;
	case ERR_EHOSTUNREACH:
	case ERR_ENETUNREACH:
	case ERR_EHOSTDOWN:
		return WEIR_EV_END_UNREACHABLE;
	case 0:
		return state->flags & SK_SYN_SENT ? WEIR_EV_END_ABORTED : WEIR_EV_END_LOCAL_ERROR;
	default:
		return WEIR_EV_END_ABORTED;
	}
}

/*
 * How an established connection ended, from the state it left and the error on the socket:
 * tcp_reset() and tcp_write_err() set one before tcp_done(). No error and no FIN exchange behind
 * it means that this side reset it (close() with unread data, SO_LINGER 0, data after close()).
 */
static __always_inline __u8 end_reason_of(struct tcp_sock *tp, int err, __u8 old_state)
{
	if (err == ERR_ETIMEDOUT)
		return WEIR_EV_END_TIMEOUT;
	if (err == ERR_EHOSTUNREACH || err == ERR_ENETUNREACH || err == ERR_EHOSTDOWN)
		return WEIR_EV_END_UNREACHABLE;
	if (err)
		return WEIR_EV_END_RST;
	if (old_state == STATE_ESTABLISHED || old_state == STATE_CLOSE_WAIT ||
	    old_state == STATE_FIN_WAIT1)
		return WEIR_EV_END_RST;
	/* Half-closed by us, and then closed without the peer's FIN while a process held it. */
	if (old_state == STATE_FIN_WAIT2 &&
	    !sock_has_flag(tp, bpf_core_enum_value(enum sock_flags, SOCK_DONE)) &&
	    !sock_has_flag(tp, bpf_core_enum_value(enum sock_flags, SOCK_DEAD)))
		return WEIR_EV_END_RST;
	return WEIR_EV_END_FIN;
}

static __always_inline void closed(struct sk_state *state, struct tcp_sock *tp, __u8 old_state)
{
	int err = tp->inet_conn.icsk_inet.sk.sk_err;
	struct weir_ev_flow *ev;
	__u8 reason;

	if (state->flags & SK_ESTABLISHED) {
		reason = end_reason_of(tp, err, old_state);
	} else if (state->flags & SK_CONNECTING) {
		reason = failed_connect_reason(state, err ? err : (int)state->icmp_error);
	} else {
		return;
	}
	ev = event_reserve(sizeof(*ev));
	if (ev)
		tcp_event_fill(ev, state, tp, WEIR_EV_CLOSE, reason, old_state, bpf_ktime_get_ns());
	/* Before anybody can read the event: a sweep must not tell of the socket after it. */
	state->flags = 0;
	if (ev)
		bpf_ringbuf_submit(ev, 0);
}

/*
 * The end of connections that are older than the agent. The kernel skips a tracing program that
 * interrupts itself on one CPU, so that this one cannot be relied on for all: userspace looks at
 * the count of such misses and reads all sockets anew.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcp_set_state, struct sock *sk, int old_state, int new_state)
{
	struct sk_state *state;
	struct tcp_sock *tp;

	if (new_state != STATE_CLOSE || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	state = bpf_sk_storage_get(&sk_states, sk, 0, 0);
	if (!state || !(state->flags & SK_FOUND))
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (tp)
		closed(state, tp, old_state);
	return 0;
}

#define SO_EE_ORIGIN_ICMP 2 /* include/uapi/linux/errqueue.h */
#define SO_EE_ORIGIN_ICMP6 3

/* The errno of the latest ICMP message in the socket's error queue, where ip_icmp_error() and
 * ipv6_icmp_error() put it just before they report; 0 for anything else. */
static __always_inline __u32 latest_icmp_error(struct sock *sk)
{
	struct sk_buff *skb = BPF_CORE_READ(sk, sk_error_queue.prev);
	struct sock_exterr_skb *ext = (void *)skb + bpf_core_field_offset(struct sk_buff, cb);
	__u8 origin;

	if (!skb || (void *)skb == (void *)&sk->sk_error_queue)
		return 0;
	origin = BPF_CORE_READ(ext, ee.ee_origin);
	if (origin != SO_EE_ORIGIN_ICMP && origin != SO_EE_ORIGIN_ICMP6)
		return 0;
	return BPF_CORE_READ(ext, ee.ee_errno);
}

/*
 * While connect() itself holds the socket, an ICMP error is only noted as sk_err_soft
 * (tcp_v4_err()), and whoever asks for SO_ERROR takes it away before the socket is closed.
 */
SEC("tp_btf/inet_sk_error_report")
int BPF_PROG(tcp_error_reported, struct sock *sk)
{
	struct sk_state *state;

	if (sk->sk_protocol != IPPROTO_TCP || sk->__sk_common.skc_state != STATE_SYN_SENT)
		return 0;
	state = bpf_sk_storage_get(&sk_states, sk, 0, 0);
	if (state)
		state->icmp_error = latest_icmp_error(sk);
	return 0;
}

static __always_inline void syn_sent(struct bpf_sock_ops *ctx, struct sk_state *state,
				     struct tcp_sock *tp)
{
	struct sock *sk = &tp->inet_conn.icsk_inet.sk;

	/* A socket whose connect() the cgroup hook did not see: the kernel's own, MPTCP subflows. */
	if (!(state->flags & SK_CONNECTING)) {
		__builtin_memset(state, 0, sizeof(*state));
		state->opened_ns = bpf_ktime_get_ns();
		state->cgroup_id = sock_cgroup_id(sk);
	}
	state->cookie = bpf_get_socket_cookie(ctx);
	state->role = WEIR_EV_ROLE_CLIENT;
	state->protocol = IPPROTO_TCP;
	state->flags = SK_CONNECTING | SK_SYN_SENT;
	state->icmp_error = 0;
	tuple_from_sock(state, sk);
	if (!state->asked_port) {
		addr_copy(state->asked, state->remote);
		state->asked_port = state->remote_port;
	}
}

static __always_inline void established(struct bpf_sock_ops *ctx, struct sk_state *state,
					struct tcp_sock *tp, __u8 role)
{
	struct sock *sk = &tp->inet_conn.icsk_inet.sk;
	__u64 now = bpf_ktime_get_ns();
	struct weir_ev_flow *ev;

	/* Both sides called connect() (RFC 9293, 3.5): the kernel takes the passive path then. */
	if (state->flags & SK_CONNECTING)
		role = WEIR_EV_ROLE_CLIENT;
	state->cookie = bpf_get_socket_cookie(ctx);
	state->role = role;
	state->protocol = IPPROTO_TCP;
	state->flags = SK_ESTABLISHED;
	state->established_ns = now;
	state->reported_tx = 0;
	state->reported_rx = 0;
	if (role == WEIR_EV_ROLE_SERVER || !state->cgroup_id)
		state->cgroup_id = sock_cgroup_id(sk);
	if (role == WEIR_EV_ROLE_SERVER) {
		state->opened_ns = now;
		state->asked_port = 0;
		addr_clear(state->asked);
	}
	tuple_from_sock(state, sk);
	isns_from_sock(state, tp->snd_una - (__u32)tp->bytes_acked,
		       tp->rcv_nxt - (__u32)tp->bytes_received);
	ev = event_reserve(sizeof(*ev));
	if (!ev)
		return;
	tcp_event_fill(ev, state, tp, WEIR_EV_OPEN, WEIR_EV_END_NONE, STATE_ESTABLISHED, now);
	bpf_ringbuf_submit(ev, 0);
}

static __always_inline void listening(struct sk_state *state)
{
	state->flags = SK_LISTENING;
	state->protocol = IPPROTO_TCP;
	owner_from_current(state);
}

SEC("sockops")
int tcp_sockops(struct bpf_sock_ops *ctx)
{
	struct sk_state *state;
	struct bpf_sock *bsk = ctx->sk;
	struct tcp_sock *tp;
	__u32 op = ctx->op;
	bool birth = op == BPF_SOCK_OPS_TCP_CONNECT_CB ||
		     op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB ||
		     op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB || op == BPF_SOCK_OPS_TCP_LISTEN_CB;
	bool death = op == BPF_SOCK_OPS_STATE_CB && ctx->args[1] == STATE_CLOSE;

	if ((!birth && !death) || !bsk)
		return 1;
	tp = bpf_skc_to_tcp_sock(bsk);
	if (!tp)
		return 1;
	state = bpf_sk_storage_get(&sk_states, bsk, 0, birth ? BPF_SK_STORAGE_GET_F_CREATE : 0);
	if (!state) {
		if (birth) {
			stats_add_lost(lost_storage_failed);
		}
		return 1;
	}
	switch (op) {
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
		syn_sent(ctx, state, tp);
		break;
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
		established(ctx, state, tp, WEIR_EV_ROLE_CLIENT);
		break;
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		established(ctx, state, tp, WEIR_EV_ROLE_SERVER);
		break;
	case BPF_SOCK_OPS_TCP_LISTEN_CB:
		listening(state);
		return 1;
	default:
		closed(state, tp, ctx->args[0]);
		return 1;
	}
	bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
	return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
