// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Connections that have just begun. Most are over within milliseconds and then told of once, by
 * their CLOSE. Those that are there YOUNG_NS later have grown old: they move to the table that is
 * swept, and an OPEN is told of them. Each CPU lists what begins on it, and a timer looks through
 * the list.
 */
#include "bpf/young.bpf.h"

#include "bpf/tcp.bpf.h"

/* With the timer's period, twice this; flow/correlate.h holds what is known of one end for longer. */
#define YOUNG_NS 5000000ULL
#define YOUNG_MAX 1024  /* in a list; a power of two */
#define YOUNG_SPARE 8  /* what may come in between the look at the room and its use */
#define CLOCK_MONOTONIC 1  /* include/uapi/linux/time.h */

struct young_conn {
	__u64 cookie;  /* 0: nothing, or not written yet */
	__u64 due_ns;
};

struct young {
	struct bpf_timer timer;
	__u32 head;    /* next to write, by the list's CPU */
	__u32 tail;    /* next to look at, by the timer */
	__u32 armed;
	__u32 pad;
	struct young_conn conns[YOUNG_MAX];
};

struct young_lists {
	__uint(type, BPF_MAP_TYPE_ARRAY); /* a timer cannot be in a per-CPU map */
	__uint(max_entries, 1);           /* the loader sets the number of possible CPUs */
	__type(key, __u32);
	__type(value, struct young);
};
struct young_lists young_lists SEC(".maps");

static __always_inline bool open_fill(struct weir_ev_flow *ev, __u64 cookie)
{
	struct tcp_conn *conn = tcp_conn_lookup(cookie);
	struct tcp_view view;

	if (!conn || !(conn->flags & CONN_ESTABLISHED) ||
	    !tcp_view_probe(&view, conn->sock, cookie) || view.state == STATE_CLOSE)
		return false;
	tcp_event_fill(ev, cookie, conn, &view, WEIR_EV_OPEN, WEIR_EV_END_NONE, bpf_ktime_get_ns());
	if (!tcp_conn_is(conn, cookie))
		return false;
	conn->reported_tx = ev->tx_bytes;
	conn->reported_rx = ev->rx_bytes;
	conn->reported_zero_windows = ev->zero_windows_tx + ev->zero_windows_rx;
	return true;
}

/*
 * Who ends the connection takes its entry out of the table before it reserves the record of the
 * end: if the entry is there when the record of the opening has its place in the ring, then that
 * place is before the end's.
 */
__noinline int young_tell_open(__u64 cookie)
{
	struct weir_ev_flow *ev;

	ev = bpf_ringbuf_reserve(&events, sizeof(*ev), 0);
	if (!ev) {
		stats_add_lost(lost_ringbuf_full);
		return 0;
	}
	if (!open_fill(ev, cookie)) {
		bpf_ringbuf_discard(ev, 0);
		return 0;
	}
	stats_add(seen);
	event_submit(ev);
	return 0;
}

/*
 * Nobody has the socket any more, and no hook told its end: a kernel that would not run them just then.
 * Whoever waits for this end is not to wait in vain. Returns whether there is nothing more to tell.
 */
__noinline int young_tell_gone(__u64 cookie)
{
	struct tcp_conn *known = tcp_conn_lookup(cookie), conn;
	__u8 reason = WEIR_EV_END_NONE;
	struct tcp_view view;
	bool is_same;

	if (!known)
		return 1;
	is_same = tcp_view_probe(&view, known->sock, cookie);
	if (is_same && (view.state != STATE_CLOSE || view.held))
		return 0;
	if (!tcp_conn_claim(cookie, &conn))
		return 1;
	if (is_same)
		reason = end_view(&view, &conn);
	else
		tcp_view_last_known(&view, &conn);
	tell_end(cookie, &conn, &view, reason);
	return 1;
}

__noinline int young_grow_old(__u64 cookie, __u64 established_ns)
{
	return tcp_conn_grow_old(cookie, established_ns) ? 1 : 0;
}

static int young_due(void *map, __u32 *cpu, struct young *young);

static __always_inline void young_arm(struct young *young)
{
	if (young->armed || __sync_lock_test_and_set(&young->armed, 1))
		return;
	/* -EBUSY when it was made before. */
	(void)bpf_timer_init(&young->timer, &young_lists, CLOCK_MONOTONIC);
	(void)bpf_timer_set_callback(&young->timer, young_due);
	/* Without memory for it the next to be listed tries again. */
	if (bpf_timer_start(&young->timer, YOUNG_NS, 0))
		young->armed = 0;
}

static int young_due(void *map, __u32 *cpu, struct young *young)
{
	__u64 now = bpf_ktime_get_ns();
	struct young_conn *conn;
	__u64 cookie;
	int i;

	for (i = 0; i < YOUNG_MAX; i++) {
		conn = &young->conns[young->tail & (YOUNG_MAX - 1)];
		cookie = conn->cookie;
		if (!cookie || conn->due_ns > now)
			break;
		conn->cookie = 0;
		young->tail++;
		if (young_grow_old(cookie, conn->due_ns - YOUNG_NS) && !young_tell_gone(cookie))
			young_tell_open(cookie);
	}
	/* What is listed from here on finds no timer, and starts it; what came before is seen here. */
	(void)__sync_lock_test_and_set(&young->armed, 0);
	if (young->tail != young->head && !__sync_lock_test_and_set(&young->armed, 1))
		(void)bpf_timer_start(&young->timer, YOUNG_NS, 0);
	return 0;
}

/* List a connection that begins: false when there is no room, or it is not young. */
static __always_inline bool young_add(__u64 cookie, __u64 established_ns)
{
	struct young_slot *slot = young_slot_of(cookie);
	__u32 cpu = bpf_get_smp_processor_id();
	struct young *young = bpf_map_lookup_elem(&young_lists, &cpu);
	struct young_conn *conn;

	if (!slot || slot->conn.cookie != cookie)
		return false;
	if (!young || young->head - young->tail > YOUNG_MAX - YOUNG_SPARE)
		return false;
	conn = &young->conns[__sync_fetch_and_add(&young->head, 1) & (YOUNG_MAX - 1)];
	conn->due_ns = established_ns + YOUNG_NS;
	barrier();
	conn->cookie = cookie;
	young_arm(young);
	return true;
}

__noinline int young_opened(__u64 cookie, __u64 established_ns)
{
	if (young_add(cookie, established_ns))
		return 0;
	(void)young_grow_old(cookie, established_ns);
	return young_tell_open(cookie);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
