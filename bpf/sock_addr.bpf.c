// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * In the process's own context: what connect() and sendmsg() were asked for, and by whom. The
 * answer is always 1 (go on): nothing is ever denied or rewritten.
 */
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

static __always_inline struct sk_state *state_make(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *bsk = ctx->sk;
	struct sk_state *state;

	if (!bsk)
		return 0;
	state = bpf_sk_storage_get(&sk_states, bsk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state) {
		stats_add_lost(lost_storage_failed);
	}
	return state;
}

/* connect() that failed before a packet was sent, with an error that no hook reports: noticed
 * when the socket is closed or tries again. */
static __always_inline void emit_local_error(struct sk_state *state)
{
	struct weir_ev_flow *ev;

	if (state->protocol != IPPROTO_TCP || !(state->flags & SK_CONNECTING) ||
	    (state->flags & (SK_SYN_SENT | SK_ESTABLISHED)))
		return;
	ev = event_reserve(sizeof(*ev));
	if (!ev)
		return;
	__builtin_memset(ev, 0, sizeof(*ev));
	event_header(&ev->hdr, WEIR_EV_FLOW, sizeof(*ev), bpf_ktime_get_ns());
	ev->cookie = state->cookie;
	ev->cgroup_id = state->cgroup_id;
	ev->opened_ns = state->opened_ns;
	ev->netns = state->netns;
	ev->pid = state->pid;
	ev->local_port = state->local_port;
	ev->remote_port = state->asked_port;
	ev->asked_port = state->asked_port;
	ev->kind = WEIR_EV_CLOSE;
	ev->role = WEIR_EV_ROLE_CLIENT;
	ev->protocol = IPPROTO_TCP;
	ev->end_reason = WEIR_EV_END_LOCAL_ERROR;
	addr_copy(ev->remote, state->asked);
	addr_copy(ev->asked, state->asked);
	__builtin_memcpy(ev->comm, state->comm, sizeof(ev->comm));
	bpf_ringbuf_submit(ev, 0);
}

static __always_inline struct sk_state *connecting(struct bpf_sock_addr *ctx)
{
	struct sk_state *state;
	bool udp = ctx->type == SOCK_DGRAM;

	if (!udp && ctx->type != SOCK_STREAM)
		return 0;
	state = state_make(ctx);
	if (!state)
		return 0;
	if (udp) {
		state->protocol = IPPROTO_UDP;
	} else {
		/* A second connect() to ask how the first one goes is not a new connection. */
		if (state->flags & (SK_SYN_SENT | SK_ESTABLISHED))
			return 0;
		emit_local_error(state);
		state->protocol = IPPROTO_TCP;
		state->flags = SK_CONNECTING;
		state->opened_ns = bpf_ktime_get_ns();
		state->established_ns = 0;
		state->local_port = ctx->sk->src_port; /* bind() may have named it */
	}
	state->cookie = bpf_get_socket_cookie(ctx);
	state->netns = bpf_get_netns_cookie(ctx);
	owner_from_current(state);
	return state;
}

SEC("cgroup/connect4")
int sock_connect4(struct bpf_sock_addr *ctx)
{
	struct sk_state *state = connecting(ctx);

	if (state) {
		addr_set_v4(state->asked, ctx->user_ip4);
		state->asked_port = bpf_ntohs(ctx->user_port);
	}
	return 1;
}

SEC("cgroup/connect6")
int sock_connect6(struct bpf_sock_addr *ctx)
{
	struct sk_state *state = connecting(ctx);

	if (state) {
		addr_from_user6(state->asked, ctx);
		state->asked_port = bpf_ntohs(ctx->user_port);
	}
	return 1;
}

/*
 * An unconnected send: which address this thread asked for. The packet program reads it a moment
 * later in the same thread, when netfilter may have translated the packet already.
 */
static __always_inline void sending(struct bpf_sock_addr *ctx, struct udp_hint *hint)
{
	struct sk_state *state = state_make(ctx);
	__u64 thread = bpf_get_current_pid_tgid();

	hint->asked_port = bpf_ntohs(ctx->user_port);
	hint->cookie = bpf_get_socket_cookie(ctx);
	if (thread_known)
		bpf_map_update_elem(&udp_hints, &thread, hint, BPF_ANY);
	if (!state)
		return;
	state->protocol = IPPROTO_UDP;
	state->netns = bpf_get_netns_cookie(ctx);
	owner_from_current(state);
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
	struct sk_state *state;

	if (ctx->protocol != IPPROTO_UDP)
		return 1;
	state = bpf_sk_storage_get(&sk_states, ctx, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state) {
		stats_add_lost(lost_storage_failed);
		return 1;
	}
	state->protocol = IPPROTO_UDP;
	state->flags |= SK_BOUND;
	state->netns = bpf_get_netns_cookie(ctx);
	owner_from_current(state);
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
static __always_inline void udp_released(struct sk_state *state)
{
	struct weir_ev_udp_key key;
	struct weir_ev_udp *udp;
	struct weir_ev_flow *ev;

	if (state->udp_peers != 1)
		return;
	__builtin_memset(&key, 0, sizeof(key));
	key.cookie = state->cookie;
	addr_copy(key.remote, state->remote);
	key.remote_port = state->remote_port;
	key.local_port = state->local_port;
	udp = bpf_map_lookup_elem(&udp_flows, &key);
	if (!udp)
		return;
	ev = event_reserve(sizeof(*ev));
	if (!ev)
		return; /* the sweep ends it as idle */
	udp_event_fill(ev, &key, udp, WEIR_EV_CLOSE, WEIR_EV_END_SOCKET_CLOSED, bpf_ktime_get_ns());
	bpf_ringbuf_submit(ev, 0);
	bpf_map_delete_elem(&udp_flows, &key);
}

SEC("cgroup/sock_release")
int sock_release(struct bpf_sock *ctx)
{
	struct sk_state *state = bpf_sk_storage_get(&sk_states, ctx, 0, 0);

	if (!state)
		return 1;
	if (state->protocol == IPPROTO_UDP)
		udp_released(state);
	else
		emit_local_error(state);
	return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
