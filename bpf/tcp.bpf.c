// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Birth and death of TCP connections. Births come by sockops, deaths by tracepoints, which tell
 * of every socket that is in tcp_conns, however it came there. Nothing here runs per packet.
 */
#include "bpf/listeners.bpf.h"
#include "bpf/tcp.bpf.h"
#include "bpf/young.bpf.h"

static __always_inline __u64 cookie_of(struct sock *sk)
{
	return sk->__sk_common.skc_cookie.counter;
}

static __noinline int closed(struct tcp_sock *tp)
{
	__u64 cookie = cookie_of(&tp->inet_conn.icsk_inet.sk);
	struct tcp_view view;
	struct tcp_conn conn;
	__u8 reason;

	if (!cookie || !tcp_conn_claim(cookie, &conn))
		return 0;
	tcp_view_read(&view, tp);
	reason = end_view(&view, &conn);
	tell_end(cookie, &conn, &view, reason);
	return 0;
}

static __always_inline int sock_closed(struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	return tp ? closed(tp) : 0;
}

/*
 * The common end: nothing holds the socket any more. The kernel skips a tracing program that
 * would interrupt itself, as when a softirq ends one connection while a process ends another on
 * the same CPU. Of two programs, one is always there: only one of them can have been interrupted.
 */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(tcp_destroyed, struct sock *sk)
{
	return sock_closed(sk);
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(tcp_destroyed_too, struct sock *sk)
{
	return sock_closed(sk);
}

static __always_inline void mark(struct sock *sk, __u32 flag)
{
	__u64 cookie = cookie_of(sk);
	struct tcp_conn *conn = tcp_conn_lookup(cookie);

	if (conn)
		conn->flags |= flag;
}

/* The socket is still a process's: connect() or read() will say what happened. */
SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(tcp_reset_received, struct sock *sk)
{
	mark(sk, CONN_RESET_RECEIVED);
	return 0;
}

/*
 * SO_LINGER 0, unread data at close(), connect(AF_UNSPEC): in the last case the socket lives on,
 * and loses its numbers a moment later. A reset in answer to a stray packet is not the end.
 */
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(tcp_reset_sent, struct sock *sk)
{
	__u8 state;

	if (!sk)
		return 0;
	state = sk->__sk_common.skc_state;
	if (state == STATE_SYN_SENT)
		return 0;
	mark(sk, CONN_RESET_SENT);
	return state == STATE_CLOSE ? sock_closed(sk) : 0;
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
 * Errors end a connection while a process still holds the socket. Some kernels report them before
 * they change the state, but these are final: a timeout, and any while connecting. Except that
 * while connect() itself holds the socket, an ICMP error is only noted as sk_err_soft
 * (tcp_v4_err()), and whoever asks for SO_ERROR takes it away before the socket is closed.
 */
SEC("tp_btf/inet_sk_error_report")
int BPF_PROG(tcp_error_reported, struct sock *sk)
{
	__u8 state = sk->__sk_common.skc_state;
	__u64 cookie = cookie_of(sk);
	struct tcp_conn *conn;

	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (sk->sk_err == ERR_ETIMEDOUT ||
	    (sk->sk_err && (state == STATE_CLOSE || state == STATE_SYN_SENT)))
		return sock_closed(sk);
	if (state != STATE_SYN_SENT)
		return 0;
	conn = tcp_conn_lookup(cookie);
	if (conn)
		conn->connect_error = latest_icmp_error(sk);
	return 0;
}

static __always_inline void connecting(struct tcp_conn *conn, struct tcp_sock *tp)
{
	conn->sock = (__u64)tp;
	conn->flags = CONN_SYN_SENT;
	conn->isn_local = tp->write_seq; /* before tcp_connect_init(): the SYN's */
	tuple_from_sock(conn, &tp->inet_conn.icsk_inet.sk);
	tcp_conn_note_syn(conn, conn->cookie);
}

/*
 * A socket whose connect() the cgroup hook did not see: the kernel's own, MPTCP subflows, and what
 * was connecting (@opened_ns 0) when the agent started.
 */
static __always_inline struct tcp_conn *connecting_unasked(__u64 cookie, struct tcp_sock *tp,
							   __u64 opened_ns)
{
	struct tcp_conn conn = {
		.cookie = cookie,
		.opened_ns = opened_ns,
		.cgroup_id = sock_cgroup_id(&tp->inet_conn.icsk_inet.sk),
		.role = WEIR_EV_ROLE_CLIENT,
	}, *added;

	connecting(&conn, tp);
	addr_copy(conn.asked, conn.remote);
	conn.asked_port = conn.remote_port;
	added = tcp_conn_add(&conn);
	if (!added)
		stats_add_lost(lost_tcp_table_full);
	return added;
}

static __always_inline void syn_sent(__u64 cookie, struct tcp_sock *tp)
{
	struct tcp_conn *conn = tcp_conn_lookup(cookie);

	if (conn)
		connecting(conn, tp);
	else
		connecting_unasked(cookie, tp, bpf_ktime_get_ns());
}

static __always_inline void established(struct tcp_conn *conn, struct tcp_sock *tp, __u64 now)
{
	tuple_from_sock(conn, &tp->inet_conn.icsk_inet.sk);
	isns_from_bases(conn, tp->snd_una - (__u32)tp->bytes_acked,
			tp->rcv_nxt - (__u32)tp->bytes_received);
	conn->flags = CONN_ESTABLISHED;
	/* Last: by this instant it is known that the rest is of the same connection. */
	barrier();
	conn->established_ns = now;
}

static __always_inline void connected(__u64 cookie, struct tcp_sock *tp)
{
	struct tcp_conn *conn = tcp_conn_lookup(cookie);

	if (!conn)
		conn = connecting_unasked(cookie, tp, 0);
	if (!conn)
		return;
	established(conn, tp, bpf_ktime_get_ns());
	young_opened(cookie, conn->established_ns);
}

/* An address of its own wins over the wildcard, as in the kernel's lookup. */
static __always_inline struct listener *listener_of(const struct tcp_conn *conn, struct sock *sk)
{
	struct listener_key key = { .netns = conn->netns, .port = conn->local_port };
	struct listener *listener;

	addr_copy(key.addr, conn->local);
	listener = bpf_map_lookup_elem(&listeners, &key);
	if (listener)
		return listener;
	if (sk->__sk_common.skc_family == AF_INET6)
		addr_clear(key.addr);
	else
		addr_set_v4(key.addr, 0);
	return bpf_map_lookup_elem(&listeners, &key);
}

/* Openings are told by a timer that can be late on a busy CPU. Until then each end says with its own
 * close that another is to come. */
static __always_inline void peer_found(struct tcp_conn *server)
{
	struct tcp_conn *client = tcp_conn_of_syn(server->isn_remote);

	if (!client)
		return;
	__sync_fetch_and_or(&client->flags, CONN_PEER_HERE);
	server->flags |= CONN_PEER_HERE;
}

static __always_inline void accepted(__u64 cookie, struct tcp_sock *tp)
{
	struct sock *sk = &tp->inet_conn.icsk_inet.sk;
	struct tcp_conn conn = {
		.cookie = cookie,
		.sock = (__u64)tp,
		.opened_ns = bpf_ktime_get_ns(),
		.cgroup_id = sock_cgroup_id(sk),
		.role = WEIR_EV_ROLE_SERVER,
	};
	struct listener *listener;

	established(&conn, tp, conn.opened_ns);
	listener = listener_of(&conn, sk);
	if (listener) {
		conn.pid = listener->pid;
		copy16(conn.comm, listener->comm);
	}
	peer_found(&conn);
	if (tcp_conn_add(&conn))
		young_opened(cookie, conn.established_ns);
	else
		stats_add_lost(lost_tcp_table_full);
}

static __always_inline void listening(__u64 cookie, struct tcp_sock *tp)
{
	struct listener listener = { .pid = bpf_get_current_pid_tgid() >> 32 };
	struct listener_key key;

	bpf_get_current_comm(listener.comm, sizeof(listener.comm));
	listener_key_from_sock(&key, &tp->inet_conn.icsk_inet.sk);
	listener_add(cookie, &key, &listener);
}

/* MPTCP keeps a subflow's socket when it is closed, and wipes it for another use. */
static __always_inline bool is_subflow(struct tcp_sock *tp)
{
	return bpf_core_field_exists(tp->is_mptcp) && tp->is_mptcp;
}

static __always_inline void follow_subflow(struct bpf_sock_ops *ctx, struct tcp_sock *tp)
{
	if (is_subflow(tp))
		bpf_sock_ops_cb_flags_set(ctx,
					  ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
}

static __always_inline struct tcp_sock *tcp_sock_of(struct bpf_sock_ops *ctx)
{
	struct bpf_sock *bsk = ctx->sk;

	return bsk ? bpf_skc_to_tcp_sock(bsk) : 0;
}

static __noinline int born(struct bpf_sock_ops *ctx)
{
	struct tcp_sock *tp = tcp_sock_of(ctx);
	__u64 cookie;
	bool known;

	if (!tp)
		return 1;
	known = cookie_of(&tp->inet_conn.icsk_inet.sk);
	cookie = bpf_get_socket_cookie(ctx);
	switch (ctx->op) {
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
		syn_sent(cookie, tp);
		break;
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
		connected(cookie, tp);
		break;
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		/* Both sides called connect() (RFC 9293, 3.5): the kernel calls it passive then. */
		if (known && tcp_conn_lookup(cookie))
			connected(cookie, tp);
		else
			accepted(cookie, tp);
		break;
	case BPF_SOCK_OPS_TCP_LISTEN_CB:
		listening(cookie, tp);
		return 1;
	}
	follow_subflow(ctx, tp);
	return 1;
}

static __noinline int subflow_changed(struct bpf_sock_ops *ctx)
{
	struct tcp_sock *tp = tcp_sock_of(ctx);

	/* Another program may have asked for the callback, too, for any socket. */
	if (tp && is_subflow(tp) && ctx->args[1] == STATE_CLOSE)
		closed(tp);
	return 1;
}

/* Called for a dozen things more, which leave at once. */
SEC("sockops")
int tcp_sockops(struct bpf_sock_ops *ctx)
{
	switch (ctx->op) {
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
	case BPF_SOCK_OPS_TCP_LISTEN_CB:
		return born(ctx);
	case BPF_SOCK_OPS_STATE_CB:
		return subflow_changed(ctx);
	default:
		return 1;
	}
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
