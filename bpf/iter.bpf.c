// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Iterators that userspace reads: the sweeps over live connections, and the search for sockets
 * that are older than the agent. Rows are records as in the ring, but nothing can overflow here: the
 * reader takes them at its own pace.
 */
#include "bpf/drop.bpf.h"
#include "bpf/link_conns.bpf.h"
#include "bpf/listeners.bpf.h"
#include "bpf/tcp.bpf.h"
#include "bpf/udp.bpf.h"

/* Set by userspace before a sweep: report every live socket, not only those that changed. */
volatile bool sweep_all = false;
/* The cgroup at whose subtree we look; 0: everything. */
const volatile __u64 root_cgroup_id = 0;

#define MAX_CGROUP_DEPTH 64

/* Rows overtake what is in the ring: nothing is told by a row that could arrive before its
 * opening has been read there. */
#define SETTLED_NS 1000000000ULL

static volatile __u32 entries_skipped = 0;

/* A read() ends when its buffer is full: without this, it would last as long as there is no news,
 * and its reader would have no turn for anything else. */
static __always_inline int skip_entry(struct bpf_iter_meta *meta)
{
	struct weir_ev_hdr row;

	if (++entries_skipped < WEIR_EV_PAUSE_ENTRIES)
		return 0;
	event_header(&row, WEIR_EV_PAUSE, sizeof(row), 0);
	if (!bpf_seq_write(meta->seq, &row, sizeof(row)))
		entries_skipped = 0;
	return 0;
}

/*
 * The socket is known by its address only, and not locked. One that was closed while a process
 * still holds it, or that is gone unseen, makes a row of its end, which userspace takes out of the
 * table: whoever does that tells the end, and it may be done by then.
 */
static __always_inline __u8 conn_view(struct tcp_view *view, const struct tcp_conn *conn,
				      __u64 cookie, __u8 *ret_kind)
{
	bool settled = bpf_ktime_get_ns() - conn->established_ns > SETTLED_NS;

	*ret_kind = WEIR_EV_UPDATE;
	if (!tcp_view_probe(view, conn->sock, cookie)) {
		tcp_view_last_known(view, conn);
		*ret_kind = WEIR_EV_CLOSE;
	} else if (view->state == STATE_CLOSE && (settled || !view->held)) {
		*ret_kind = WEIR_EV_CLOSE;
		return end_view(view, conn);
	} else if (tcp_view_is_wiped(view, conn)) {
		tcp_view_last_known(view, conn);
	}
	return WEIR_EV_END_NONE;
}

/* Nothing moved since the last row, by the least that says so: most connections are idle, and one
 * read() of the sweep goes on until there are rows. The cookie comes last: see tcp_view_probe(). */
static __always_inline bool at_rest(const struct tcp_conn *conn, __u64 cookie)
{
	struct tcp_sock *tp = (struct tcp_sock *)conn->sock;
	struct sock *sk = (struct sock *)conn->sock;

	return BPF_CORE_READ(sk, __sk_common.skc_state) == STATE_ESTABLISHED &&
	       BPF_CORE_READ(tp, snd_nxt) == conn->isn_local + 1 + (__u32)conn->reported_tx &&
	       BPF_CORE_READ(tp, rcv_nxt) == conn->isn_remote + 1 + (__u32)conn->reported_rx &&
	       BPF_CORE_READ(sk, __sk_common.skc_cookie.counter) == (__s64)cookie;
}

/* A connection that a window holds up moves nothing: that is its news. */
static __always_inline bool was_held_up(const struct tcp_conn *conn)
{
	return conn->zero_windows_tx + conn->zero_windows_rx != conn->reported_zero_windows;
}

SEC("iter/bpf_map_elem")
int sweep_tcp(struct bpf_iter__bpf_map_elem *ctx)
{
	struct tcp_conn *conn = ctx->value;
	struct weir_ev_flow ev;
	struct tcp_view view;
	__u64 *key = ctx->key, cookie;
	__u8 kind, reason;
	bool stays;

	/* Without flags it is not on its way yet: connect() has it in hand. */
	if (!key || !conn || !conn->flags || conn->moving)
		return skip_entry(ctx->meta);
	cookie = *key;
	stays = !sweep_all && !was_held_up(conn);
	if (stays && at_rest(conn, cookie))
		return skip_entry(ctx->meta);
	reason = conn_view(&view, conn, cookie, &kind);
	if (kind == WEIR_EV_UPDATE) {
		if (!(conn->flags & CONN_ESTABLISHED))
			return skip_entry(ctx->meta);
		if (stays && tcp_tx_bytes(conn, &view) == conn->reported_tx &&
		    tcp_rx_bytes(&view) == conn->reported_rx)
			return skip_entry(ctx->meta);
	}
	tcp_event_fill(&ev, cookie, conn, &view, kind, reason, bpf_ktime_get_ns());
	/* A failed write (the buffer is full) is repeated by the kernel with the same entry. */
	if (!tcp_conn_is(conn, cookie) || bpf_seq_write(ctx->meta->seq, &ev, sizeof(ev)))
		return 0;
	conn->reported_tx = ev.tx_bytes;
	conn->reported_rx = ev.rx_bytes;
	conn->reported_zero_windows = ev.zero_windows_tx + ev.zero_windows_rx;
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
	if (!sweep_all && !idle &&
	    (packets == udp->reported_packets || now - udp->opened_ns < SETTLED_NS))
		return skip_entry(ctx->meta);
	udp_event_fill(&ev, key, udp, WEIR_EV_UPDATE, idle ? WEIR_EV_END_IDLE : WEIR_EV_END_NONE,
		       udp->last_ns);
	if (bpf_seq_write(ctx->meta->seq, &ev, sizeof(ev)))
		return 0;
	udp->reported_packets = packets;
	return 0;
}

/* Packets stop without a word: a handshake is given up within 63 s (RFC 6298 with 6 retries), the
 * answer to a FIN may be lost, and what has rested for an hour is not waited for. */
#define LINK_SYN_NS 70000000000ULL
#define LINK_FIN_NS 70000000000ULL
#define LINK_TCP_IDLE_NS 3600000000000ULL
#define LINK_STRAGGLERS_NS 2000000000ULL /* how long packets may come after the end */

static __always_inline __u8 link_rest_end(const struct weir_ev_link_key *key,
					  const struct weir_ev_link *conn, __u64 now)
{
	__u64 idle = now > conn->last_ns ? now - conn->last_ns : 0;

	if (key->protocol != IPPROTO_TCP)
		return idle > udp_idle_ns ? WEIR_EV_END_IDLE : WEIR_EV_END_NONE;
	if (!conn->established_ns)
		return idle > LINK_SYN_NS ? WEIR_EV_END_TIMEOUT : WEIR_EV_END_NONE;
	if ((conn->flags & (WEIR_EV_LINK_FIN_TX | WEIR_EV_LINK_FIN_RX)) ==
	    (WEIR_EV_LINK_FIN_TX | WEIR_EV_LINK_FIN_RX))
		return idle > LINK_FIN_NS ? WEIR_EV_END_FIN : WEIR_EV_END_NONE;
	return idle > LINK_TCP_IDLE_NS ? WEIR_EV_END_IDLE : WEIR_EV_END_NONE;
}

SEC("iter/bpf_map_elem")
int sweep_links(struct bpf_iter__bpf_map_elem *ctx)
{
	struct weir_ev_link_key *key = ctx->key;
	struct weir_ev_link *conn = ctx->value;
	__u64 now = bpf_ktime_get_ns(), packets;
	struct weir_ev_flow ev;
	bool ended;
	__u8 end;

	if (!key || !conn)
		return 0;
	packets = conn->tx_packets + conn->rx_packets;
	ended = conn->flags & WEIR_EV_LINK_ENDED;
	end = link_rest_end(key, conn, now);
	if (ended ? now < conn->last_ns + LINK_STRAGGLERS_NS
		  : !end && (!(conn->flags & WEIR_EV_LINK_OPEN) ||
			     (!sweep_all && packets == conn->reported_packets)))
		return skip_entry(ctx->meta);
	link_event_fill(&ev, key, conn, ended || end ? WEIR_EV_CLOSE : WEIR_EV_UPDATE, end,
			conn->last_ns);
	if (bpf_seq_write(ctx->meta->seq, &ev, sizeof(ev)))
		return 0;
	conn->reported_packets = packets;
	return 0;
}

SEC("iter/bpf_map_elem")
int sweep_drops(struct bpf_iter__bpf_map_elem *ctx)
{
	struct weir_ev_drop_totals *totals = ctx->value;
	struct weir_ev_drop_key *key = ctx->key;
	__u64 packets, fresh;
	struct weir_ev_drop ev;
	bool idle;

	if (!key || !totals)
		return 0;
	packets = totals->packets;
	fresh = packets - totals->reported;
	idle = bpf_ktime_get_ns() > totals->last_ns + DROP_IDLE_NS;
	if (!fresh && !idle)
		return skip_entry(ctx->meta);
	drop_event_fill(&ev, key, idle ? WEIR_EV_CLOSE : WEIR_EV_UPDATE, fresh, totals->last_ns);
	if (bpf_seq_write(ctx->meta->seq, &ev, sizeof(ev)))
		return 0;
	totals->reported = packets;
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

static __always_inline void comm_from_task(char comm[WEIR_EV_COMM_LEN], struct task_struct *task)
{
	bpf_probe_read_kernel(comm, WEIR_EV_COMM_LEN, task->group_leader->comm);
}

static __noinline int found_listener(struct task_struct *task, struct sock *sk)
{
	struct listener listener = { .pid = task->tgid };
	struct listener_key key;

	comm_from_task(listener.comm, task);
	listener_key_from_sock(&key, sk);
	listener_add(bpf_get_socket_cookie(sk), &key, &listener);
	return 0;
}

/* Of a socket that is still connecting the hooks will tell the outcome; what it asked for is where
 * it sends to. */
static __always_inline void found_conn(struct tcp_conn *conn, struct tcp_sock *tp, struct sock *sk,
				       __u8 tcp_state)
{
	conn->sock = (__u64)tp;
	conn->cgroup_id = sock_cgroup_id(sk);
	tuple_from_sock(conn, sk);
	if (tcp_state == STATE_SYN_SENT) {
		conn->flags = CONN_SYN_SENT;
		conn->role = WEIR_EV_ROLE_CLIENT;
		conn->isn_local = tp->snd_una;
		addr_copy(conn->asked, conn->remote);
		conn->asked_port = conn->remote_port;
	} else {
		conn->flags = CONN_ESTABLISHED;
		conn->role = found_role(sk, tp);
		isns_from_bases(conn, send_base(tp), receive_base(tp));
	}
}

static __noinline int found_tcp(struct bpf_iter__task_file *ctx, struct sock *sk)
{
	__u8 tcp_state = sk->__sk_common.skc_state;
	__u64 cookie = bpf_get_socket_cookie(sk);
	struct young_slot *young = young_slot_of(cookie);
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct task_struct *task = ctx->task;
	struct tcp_conn conn = { .cookie = cookie };
	struct weir_ev_flow ev;
	struct tcp_view view;

	if (!tp || !task || tcp_state == STATE_CLOSE)
		return 0;
	conn.pid = task->tgid;
	comm_from_task(conn.comm, task);
	found_conn(&conn, tp, sk, tcp_state);
	/* Seen by the hooks already, or through another descriptor. */
	if (young && young->conn.cookie == cookie)
		return 0;
	if (bpf_map_update_elem(&tcp_conns, &cookie, &conn, BPF_NOEXIST)) {
		if (!bpf_map_lookup_elem(&tcp_conns, &cookie))
			stats_add_lost(lost_tcp_table_full);
		return 0;
	}
	tcp_view_read(&view, tp);
	/* It may have been closed before it was in the table, where its end is looked for; or the
	 * hooks have just seen it, too. */
	if (view.state == STATE_CLOSE || (young && young->conn.cookie == cookie)) {
		bpf_map_delete_elem(&tcp_conns, &cookie);
		return 0;
	}
	if (!(conn.flags & CONN_ESTABLISHED))
		return 0;
	tcp_event_fill(&ev, cookie, &conn, &view, WEIR_EV_FOUND, WEIR_EV_END_NONE,
		       bpf_ktime_get_ns());
	/* The buffer is full: the kernel comes again with this file, which must look new then. */
	if (bpf_seq_write(ctx->meta->seq, &ev, sizeof(ev)))
		bpf_map_delete_elem(&tcp_conns, &cookie);
	return 0;
}

#define SOCK_BINDPORT_LOCK 8  /* include/linux/socket.h: sk_userlocks */

static __always_inline void found_udp(struct task_struct *task, struct sock *sk)
{
	struct udp_socket *socket;

	if (bpf_sk_storage_get(&udp_sockets, sk, 0, 0))
		return;
	socket = bpf_sk_storage_get(&udp_sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!socket) {
		stats_add_lost(lost_storage_failed);
		return;
	}
	socket->flags = UDP_FOUND;
	if (BPF_CORE_READ_BITFIELD(sk, sk_userlocks) & SOCK_BINDPORT_LOCK)
		socket->flags |= UDP_BOUND;
	socket->netns = sk->__sk_common.skc_net.net->net_cookie;
	socket->pid = task->tgid;
	comm_from_task(socket->comm, task);
}

SEC("iter/task_file")
int find_sockets(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket *sock;
	struct sock *sk;

	if (!task || !file)
		return 0;
	sock = bpf_sock_from_file(file);
	if (!sock)
		return 0;
	sk = sock->sk;
	if (!sk ||
	    (sk->__sk_common.skc_family != AF_INET && sk->__sk_common.skc_family != AF_INET6))
		return 0;
	if ((sk->sk_protocol != IPPROTO_UDP && sk->sk_protocol != IPPROTO_TCP) ||
	    !in_our_subtree(sk))
		return 0;
	if (sk->sk_protocol == IPPROTO_UDP)
		found_udp(task, sk);
	else if (sk->__sk_common.skc_state == STATE_LISTEN)
		found_listener(task, sk);
	else
		found_tcp(ctx, sk);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
