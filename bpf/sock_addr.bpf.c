// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * In the process's own context: what connect() and sendmsg() were asked for, and by whom. The
 * answer is always 1 (go on): nothing is ever denied or rewritten.
 */
#include "bpf/listeners.bpf.h"
#include "bpf/tcp.bpf.h"
#include "bpf/udp.bpf.h"

static __always_inline void addr_from_user6(__u8 addr[16], struct bpf_sock_addr *ctx)
{
	__u32 *words = (__u32 *)addr;

	words[0] = ctx->user_ip6[0];
	words[1] = ctx->user_ip6[1];
	words[2] = ctx->user_ip6[2];
	words[3] = ctx->user_ip6[3];
}

/* The owner of a UDP socket is who used it last. */
static __always_inline void udp_owner(struct bpf_sock *bsk, __u64 netns, __u32 flags)
{
	struct udp_socket *socket;

	if (!bsk)
		return;
	socket = bpf_sk_storage_get(&udp_sockets, bsk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!socket) {
		stats_add_lost(lost_storage_failed);
		return;
	}
	socket->flags |= flags;
	socket->netns = netns;
	socket->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(socket->comm, sizeof(socket->comm));
}

/*
 * A socket that connects anew or is released has an entry still: its connect() failed before a
 * packet was sent, with an error that no hook reports; or its end was not seen.
 */
static __always_inline void tell_unfinished(__u64 cookie)
{
	struct tcp_view view;
	struct tcp_conn conn;

	if (!tcp_conn_claim(cookie, &conn))
		return;
	tcp_view_last_known(&view, &conn);
	tell_end(cookie, &conn, &view, conn.flags ? WEIR_EV_END_NONE : WEIR_EV_END_LOCAL_ERROR);
}

/* A socket that nobody gave a cookie yet is in no table. */
static __always_inline bool has_cookie(struct bpf_sock *bsk)
{
	struct tcp_sock *tp = bsk ? bpf_skc_to_tcp_sock(bsk) : 0;

	return tp && tp->inet_conn.icsk_inet.sk.__sk_common.skc_cookie.counter;
}

static __always_inline void tcp_connecting(struct bpf_sock_addr *ctx, const __u8 asked[16])
{
	bool known = has_cookie(ctx->sk);
	__u64 cookie = bpf_get_socket_cookie(ctx);
	struct tcp_conn conn = {
		.cookie = cookie,
		.cgroup_id = bpf_get_current_cgroup_id(),
		.opened_ns = bpf_ktime_get_ns(),
		.pid = bpf_get_current_pid_tgid() >> 32,
		.netns = bpf_get_netns_cookie(ctx),
		.role = WEIR_EV_ROLE_CLIENT,
		.asked_port = bpf_ntohs(ctx->user_port),
	};

	if (ctx->sk)
		conn.local_port = ctx->sk->src_port; /* bind() may have named it */
	addr_copy(conn.asked, asked);
	bpf_get_current_comm(conn.comm, sizeof(conn.comm));
	if (known)
		tell_unfinished(cookie);
	if (!tcp_conn_add(&conn))
		stats_add_lost(lost_tcp_table_full);
}

static __always_inline int connecting(struct bpf_sock_addr *ctx, const __u8 asked[16])
{
	if (ctx->protocol == IPPROTO_TCP)
		tcp_connecting(ctx, asked);
	else if (ctx->protocol == IPPROTO_UDP)
		udp_owner(ctx->sk, bpf_get_netns_cookie(ctx), 0);
	return 1;
}

SEC("cgroup/connect4")
int sock_connect4(struct bpf_sock_addr *ctx)
{
	__u8 asked[16] ALIGNED;

	addr_set_v4(asked, ctx->user_ip4);
	return connecting(ctx, asked);
}

SEC("cgroup/connect6")
int sock_connect6(struct bpf_sock_addr *ctx)
{
	__u8 asked[16] ALIGNED;

	addr_from_user6(asked, ctx);
	return connecting(ctx, asked);
}

/*
 * An unconnected send: which address this thread asked for. The packet program reads it a moment
 * later in the same thread, when netfilter may have translated the packet already.
 */
static __always_inline void sending(struct bpf_sock_addr *ctx, struct udp_hint *hint)
{
	__u64 thread = bpf_get_current_pid_tgid();

	hint->asked_port = bpf_ntohs(ctx->user_port);
	hint->cookie = bpf_get_socket_cookie(ctx);
	if (thread_known)
		bpf_map_update_elem(&udp_hints, &thread, hint, BPF_ANY);
	udp_owner(ctx->sk, bpf_get_netns_cookie(ctx), 0);
}

SEC("cgroup/sendmsg4")
int sock_sendmsg4(struct bpf_sock_addr *ctx)
{
	struct udp_hint hint = {};

	addr_set_v4(hint.asked, ctx->user_ip4);
	sending(ctx, &hint);
	return 1;
}

SEC("cgroup/sendmsg6")
int sock_sendmsg6(struct bpf_sock_addr *ctx)
{
	struct udp_hint hint = {};

	addr_from_user6(hint.asked, ctx);
	sending(ctx, &hint);
	return 1;
}

/* bind() of a UDP socket: its owner, for servers that have not sent yet. */
static __always_inline int bound(struct bpf_sock *ctx)
{
	if (ctx->protocol == IPPROTO_UDP)
		udp_owner(ctx, bpf_get_netns_cookie(ctx), UDP_BOUND);
	return 1;
}

SEC("cgroup/post_bind4")
int sock_post_bind4(struct bpf_sock *ctx)
{
	return bound(ctx);
}

SEC("cgroup/post_bind6")
int sock_post_bind6(struct bpf_sock *ctx)
{
	return bound(ctx);
}

/* The exchange of a UDP socket that had just one ends with the socket; those of a socket with
 * many peers end by the idle timeout. */
static __always_inline void udp_released(struct udp_socket *socket)
{
	struct weir_ev_udp_key key;
	struct weir_ev_udp *udp;
	struct weir_ev_flow *ev;

	if (socket->peers != 1)
		return;
	__builtin_memset(&key, 0, sizeof(key));
	key.cookie = socket->cookie;
	addr_copy(key.remote, socket->remote);
	key.remote_port = socket->remote_port;
	key.local_port = socket->local_port;
	udp = bpf_map_lookup_elem(&udp_flows, &key);
	if (!udp)
		return;
	ev = event_reserve(sizeof(*ev));
	if (!ev)
		return; /* the sweep ends it as idle */
	udp_event_fill(ev, &key, udp, WEIR_EV_CLOSE, WEIR_EV_END_SOCKET_CLOSED, bpf_ktime_get_ns());
	event_submit(ev);
	bpf_map_delete_elem(&udp_flows, &key);
}

/* Has sent as many SYNs as it may (tcp_write_timeout()). */
static __always_inline bool has_given_up(const struct tcp_conn *conn)
{
	struct inet_connection_sock *icsk = (struct inet_connection_sock *)conn->sock;
	__u8 retries = BPF_CORE_READ(icsk, icsk_syn_retries);

	if (!retries)
		retries = BPF_CORE_READ(icsk, icsk_inet.sk.__sk_common.skc_net.net,
					ipv4.sysctl_tcp_syn_retries);
	return BPF_CORE_READ(icsk, icsk_retransmits) >= retries;
}

/*
 * Before its process closed it, the kernel had closed it, and no other program told its end: some do
 * not run in the context of every task. That it gave up can still be seen.
 */
static __always_inline void tcp_released(struct bpf_sock *ctx)
{
	__u64 cookie = bpf_get_socket_cookie(ctx);
	struct tcp_conn *conn = tcp_conn_lookup(cookie);

	if (!conn)
		return;
	if (!conn->flags)
		tell_unfinished(cookie);
	else if (!(conn->flags & (CONN_ESTABLISHED | CONN_RESET_RECEIVED)) &&
		 !conn->connect_error && has_given_up(conn))
		conn->connect_error = ERR_ETIMEDOUT;
}

/* In any other state TCP tells the end by itself. */
SEC("cgroup/sock_release")
int sock_release(struct bpf_sock *ctx)
{
	struct udp_socket *socket;

	if (ctx->protocol == IPPROTO_TCP) {
		if (ctx->state == STATE_CLOSE)
			tcp_released(ctx);
		if (ctx->state == STATE_CLOSE || ctx->state == STATE_LISTEN)
			listener_remove(bpf_get_socket_cookie(ctx)); /* or shut down before */
	} else if (ctx->protocol == IPPROTO_UDP) {
		socket = bpf_sk_storage_get(&udp_sockets, ctx, 0, 0);
		if (socket)
			udp_released(socket);
	}
	return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
