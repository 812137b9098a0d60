// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Iterators that userspace reads: the sweeps over live connections, and the search for sockets
 * that are older than the agent. Rows are struct weir_ev_flow, as in the ring, but nothing can
 * overflow here: the reader takes them at its own pace.
 */
#include "bpf/tcp.bpf.h"
#include "bpf/udp.bpf.h"

/* Set by userspace before a sweep: report every live socket, not only those that changed. */
volatile bool sweep_all = false;
/* The cgroup at whose subtree we look; 0: everything. */
const volatile __u64 root_cgroup_id = 0;

#define MAX_CGROUP_DEPTH 64

SEC("iter/bpf_sk_storage_map")
int sweep_tcp(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sk_state *state = ctx->value;
	struct sock *sk = ctx->sk;
	struct weir_ev_flow ev;
	struct tcp_sock *tp;
	__u8 tcp_state;

	if (!sk || !state || !(state->flags & SK_ESTABLISHED))
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	tcp_state = sk->__sk_common.skc_state;
	if (!sweep_all && tcp_tx_bytes(tp, state, tcp_state) == state->reported_tx &&
	    tcp_rx_bytes(tp) == state->reported_rx)
		return 0;
	tcp_event_fill(&ev, state, tp, WEIR_EV_UPDATE, WEIR_EV_END_NONE, tcp_state,
		       bpf_ktime_get_ns());
	/* A failed write (the buffer is full) is repeated by the kernel with the same socket. */
	if (bpf_seq_write(ctx->meta->seq, &ev, sizeof(ev)))
		return 0;
	state->reported_tx = ev.tx_bytes;
	state->reported_rx = ev.rx_bytes;
	return 0;
}

SEC("iter/bpf_map_elem")
int sweep_udp(struct bpf_iter__bpf_map_elem *ctx)
{
	struct weir_ev_udp_key *key = ctx->key;
	struct weir_ev_udp *udp = ctx->value;
	__u64 now = bpf_ktime_get_ns();
	__u64 packets;
	bool idle;
	struct weir_ev_flow ev;

	if (!key || !udp)
		return 0;
	packets = udp->tx_packets + udp->rx_packets;
	idle = now > udp->last_ns + udp_idle_ns;
	if (!sweep_all && !idle && packets == udp->reported_packets)
		return 0;
	udp_event_fill(&ev, key, udp, WEIR_EV_UPDATE, idle ? WEIR_EV_END_IDLE : WEIR_EV_END_NONE,
		       udp->last_ns);
	if (bpf_seq_write(ctx->meta->seq, &ev, sizeof(ev)))
		return 0;
	udp->reported_packets = packets;
	return 0;
}

static __always_inline bool in_our_subtree(struct sock *sk)
{
	struct cgroup *cgrp;
	int i;

	if (!root_cgroup_id)
		return true;
	cgrp = sk->sk_cgrp_data.cgroup;
	for (i = 0; i < MAX_CGROUP_DEPTH && cgrp; i++) {
		if (BPF_CORE_READ(cgrp, kn, id) == root_cgroup_id)
			return true;
		/* A cgroup begins with its own css (struct cgroup, member self). */
		cgrp = (struct cgroup *)BPF_CORE_READ(cgrp, self.parent);
	}
	return false;
}

static __always_inline void owner_from_task(struct sk_state *state, struct task_struct *task,
					    struct sock *sk)
{
	state->cgroup_id = sock_cgroup_id(sk);
	state->pid = task->tgid;
	bpf_probe_read_kernel(state->comm, sizeof(state->comm), task->group_leader->comm);
}

/* The socket is not locked here: read until two reads agree. */
#define STABLE_READS_MAX 8

static __always_inline __u32 send_base(struct tcp_sock *tp)
{
	__u32 base = 0, again;
	int i;

	for (i = 0; i < STABLE_READS_MAX; i++) {
		base = tp->snd_una - (__u32)tp->bytes_acked;
		asm volatile("" ::: "memory");
		again = tp->snd_una - (__u32)tp->bytes_acked;
		if (base == again)
			break;
	}
	return base;
}

static __always_inline __u32 receive_base(struct tcp_sock *tp)
{
	__u32 base = 0, again;
	int i;

	for (i = 0; i < STABLE_READS_MAX; i++) {
		base = tp->rcv_nxt - (__u32)tp->bytes_received;
		asm volatile("" ::: "memory");
		again = tp->rcv_nxt - (__u32)tp->bytes_received;
		if (base == again)
			break;
	}
	return base;
}

/*
 * Who opened a connection that we did not see opened. listen()'s backlog is copied to every
 * socket that a listener accepts (sk_clone_lock()), and a socket that called connect() never had
 * one. For listen(fd, 0): the sequence space used since send_base() is the payload for a passive
 * opener and one more, the SYN, for an active one (see isns_from_sock()).
 */
static __always_inline __u8 found_role(struct sock *sk, struct tcp_sock *tp)
{
	__u32 payload, used;

	if (sk->sk_max_ack_backlog)
		return WEIR_EV_ROLE_SERVER;
	if (sk->__sk_common.skc_state != STATE_ESTABLISHED &&
	    sk->__sk_common.skc_state != STATE_CLOSE_WAIT)
		return WEIR_EV_ROLE_CLIENT;
	payload = tp->bytes_sent - tp->bytes_retrans;
	used = tp->snd_nxt - send_base(tp);
	return used == payload ? WEIR_EV_ROLE_SERVER : WEIR_EV_ROLE_CLIENT;
}

static __always_inline void found_tcp(struct bpf_iter__task_file *ctx, struct sock *sk,
				      struct sk_state *state, struct tcp_sock *tp)
{
	struct weir_ev_flow ev;

	state->role = found_role(sk, tp);
	state->flags = SK_ESTABLISHED | SK_FOUND;
	state->cookie = bpf_get_socket_cookie(sk);
	tuple_from_sock(state, sk);
	isns_from_sock(state, send_base(tp), receive_base(tp));
	/* Its last change of state may have come before the flags that make it be followed. */
	if (sk->__sk_common.skc_state == STATE_CLOSE) {
		state->flags = 0;
		return;
	}
	tcp_event_fill(&ev, state, tp, WEIR_EV_FOUND, WEIR_EV_END_NONE, sk->__sk_common.skc_state,
		       bpf_ktime_get_ns());
	/* The buffer is full: the kernel comes again with this file, which must look new then. */
	if (bpf_seq_write(ctx->meta->seq, &ev, sizeof(ev)))
		bpf_sk_storage_delete(&sk_states, sk);
}

/* Its outcome will be told by the hooks; what it asked for is where it sends to. */
static __always_inline void found_connecting(struct sock *sk, struct sk_state *state)
{
	state->role = WEIR_EV_ROLE_CLIENT;
	state->cookie = bpf_get_socket_cookie(sk);
	tuple_from_sock(state, sk);
	addr_copy(state->asked, state->remote);
	state->asked_port = state->remote_port;
	state->flags = SK_CONNECTING | SK_SYN_SENT | SK_FOUND;
}

#define SOCK_BINDPORT_LOCK 8  /* include/linux/socket.h: sk_userlocks */

SEC("iter/task_file")
int find_sockets(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct sk_state *state;
	struct socket *sock;
	struct tcp_sock *tp;
	struct sock *sk;
	__u8 tcp_state;
	bool udp;

	if (!task || !file)
		return 0;
	sock = bpf_sock_from_file(file);
	if (!sock)
		return 0;
	sk = sock->sk;
	if (!sk ||
	    (sk->__sk_common.skc_family != AF_INET && sk->__sk_common.skc_family != AF_INET6))
		return 0;
	udp = sk->sk_protocol == IPPROTO_UDP;
	if ((!udp && sk->sk_protocol != IPPROTO_TCP) || !in_our_subtree(sk))
		return 0;
	tcp_state = sk->__sk_common.skc_state;
	if (!udp && tcp_state == STATE_CLOSE)
		return 0;
	/* Seen by the hooks already, or through another descriptor. */
	if (bpf_sk_storage_get(&sk_states, sk, 0, 0))
		return 0;
	state = bpf_sk_storage_get(&sk_states, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state) {
		stats_add_lost(lost_storage_failed);
		return 0;
	}
	owner_from_task(state, task, sk);
	state->protocol = udp ? IPPROTO_UDP : IPPROTO_TCP;
	if (udp) {
		state->flags = SK_FOUND;
		if (BPF_CORE_READ_BITFIELD(sk, sk_userlocks) & SOCK_BINDPORT_LOCK)
			state->flags |= SK_BOUND;
		state->netns = sk->__sk_common.skc_net.net->net_cookie;
		return 0;
	}
	if (tcp_state == STATE_LISTEN) {
		state->flags = SK_LISTENING;
		return 0;
	}
	if (tcp_state == STATE_SYN_SENT) {
		found_connecting(sk, state);
		return 0;
	}
	tp = bpf_skc_to_tcp_sock(sk);
	if (tp)
		found_tcp(ctx, sk, state, tp);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
