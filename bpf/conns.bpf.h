/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef WEIR_BPF_CONNS_BPF_H
#define WEIR_BPF_CONNS_BPF_H

#include "bpf/common.bpf.h"

/*
 * TCP connections by the cookie of their socket, from connect() or the handshake until their end is
 * told. (Storage that hangs on the socket costs two allocations more for each end of a connection.)
 */

enum tcp_conn_flag {
	CONN_SYN_SENT = 1 << 0,
	CONN_ESTABLISHED = 1 << 1,
	CONN_RESET_SENT = 1 << 2,
	CONN_RESET_RECEIVED = 1 << 3,
	CONN_PEER_HERE = 1 << 4, /* the other end has a socket on this node, too */
	/* Where a handshake was seen that did not come to its end: bpf/link.bpf.c. */
	CONN_SYN_LEFT = 1 << 8,     /* from behind its pod's link */
	CONN_SYN_OUT = 1 << 9,      /* by an uplink */
	CONN_SYN_ARRIVED = 1 << 10, /* to the link of another pod */
	CONN_ANSWER_CAME = 1 << 11, /* by an uplink */
	CONN_ANSWER_LEFT = 1 << 12, /* from behind the other pod's link */
};

#define CONN_HANDSHAKE_SEEN \
	(CONN_SYN_LEFT | CONN_SYN_OUT | CONN_SYN_ARRIVED | CONN_ANSWER_CAME | CONN_ANSWER_LEFT)
_Static_assert((int)CONN_SYN_LEFT == WEIR_EV_SYN_LEFT &&
		       (int)CONN_ANSWER_LEFT == WEIR_EV_ANSWER_LEFT,
	       "they are told as they are");

struct tcp_conn {
	__u64 cookie;          /* the key, see tcp_conn_is() */
	__u64 sock;            /* its struct tcp_sock; to be read with care, see tcp_view_probe() */
	__u64 cgroup_id;
	__u64 opened_ns;
	__u64 established_ns;
	__u64 reported_tx;     /* bytes as of the last sweep row */
	__u64 reported_rx;
	__u32 flags;           /* enum tcp_conn_flag */
	__u32 pid;
	__u32 netns;
	__u32 isn_local;
	__u32 isn_remote;
	/* While connecting: latest errno that an ICMP message stood for; ETIMEDOUT, when the kernel gave up. */
	__u32 connect_error;
	__u32 zero_windows_tx; /* see bpf/window.bpf.h */
	__u32 zero_windows_rx;
	__u32 reported_zero_windows;  /* both, as of the last sweep row */
	__u32 pad;
	__u16 local_port;
	__u16 remote_port;
	__u16 asked_port;
	__u8 role;             /* enum weir_ev_role */
	__u8 moving;           /* also in the other table still: no sweep shall see it */
	__u8 local[16];
	__u8 remote[16];
	__u8 asked[16];        /* of connect() */
	char comm[WEIR_EV_COMM_LEN];
};

/*
 * Most connections are over within milliseconds. So each has a place first in an array that stays
 * in the CPU's caches: the one that its cookie says, as each CPU hands out cookies in turn. If that is
 * taken it goes to the hash table at once, else when it has grown old (bpf/young.bpf.h).
 */
#define YOUNG_RESERVED (~0ULL)

/* How many slots there are less 1, a power of two less 1; set by the loader. */
extern const volatile __u32 young_mask;

struct young_slot {
	struct tcp_conn conn;  /* cookie 0: free; YOUNG_RESERVED: being written */
	__u64 gone;            /* cookie of the connection of which the end was told last */
};

struct young_conns {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2048); /* the loader sets what suits the number of CPUs */
	__type(key, __u32);
	__type(value, struct young_slot);
};
extern struct young_conns young_conns SEC(".maps");

struct tcp_conns {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144); /* the loader sets the number that was asked for */
	__type(key, __u64);
	__type(value, struct tcp_conn);
};
extern struct tcp_conns tcp_conns SEC(".maps");

/*
 * The sockets that sent a SYN lately, by its sequence number: who is waiting for the answer to it.
 * Nobody clears it; the connection itself says whether it is the one. Each place has a cache line
 * for the latest four: at 10,000 a second two of those on their way often fall on one place.
 */
#define SYN_PLACES 2048
#define SYN_WAYS 4

struct syn_place {
	struct {
		__u64 cookie;
		__u32 isn;
		__u32 pad;
	} sent[SYN_WAYS]; /* latest first */
};

struct syn_places {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SYN_PLACES);
	__type(key, __u32);
	__type(value, struct syn_place);
};
extern struct syn_places syn_places SEC(".maps");

static __always_inline struct young_slot *young_slot_of(__u64 cookie)
{
	__u32 i = cookie & young_mask;

	return bpf_map_lookup_elem(&young_conns, &i);
}

/* A connection that is in no table yet. Returns its entry, or NULL when there is no room. */
static __always_inline struct tcp_conn *tcp_conn_add(const struct tcp_conn *conn)
{
	struct young_slot *slot = young_slot_of(conn->cookie);
	__u64 cookie = conn->cookie;

	/* The same socket again, after connect() failed. */
	if (slot && slot->gone == cookie)
		slot->gone = 0;
	if (slot && !__sync_val_compare_and_swap(&slot->conn.cookie, 0, YOUNG_RESERVED)) {
		__builtin_memcpy(&slot->conn.sock, &conn->sock,
				 sizeof(*conn) - sizeof(conn->cookie));
		barrier();
		slot->conn.cookie = cookie;
		return &slot->conn;
	}
	if (bpf_map_update_elem(&tcp_conns, &cookie, conn, BPF_NOEXIST))
		return 0;
	return bpf_map_lookup_elem(&tcp_conns, &cookie);
}

static __always_inline struct tcp_conn *tcp_conn_lookup(__u64 cookie)
{
	struct young_slot *slot = young_slot_of(cookie);

	if (!cookie)
		return 0;
	if (slot && slot->conn.cookie == cookie)
		return &slot->conn;
	return bpf_map_lookup_elem(&tcp_conns, &cookie);
}

static __always_inline struct syn_place *syn_place_of(__u32 isn)
{
	__u32 i = isn & (SYN_PLACES - 1);

	return bpf_map_lookup_elem(&syn_places, &i);
}

static __always_inline void tcp_conn_note_syn(const struct tcp_conn *conn, __u64 cookie)
{
	struct syn_place *place = syn_place_of(conn->isn_local);

	if (!place)
		return;
	for (int i = SYN_WAYS - 1; i > 0; i--)
		place->sent[i] = place->sent[i - 1];
	place->sent[0].cookie = cookie;
	place->sent[0].isn = conn->isn_local;
}

/* The connection of the client whose SYN had that number. */
static __always_inline struct tcp_conn *tcp_conn_of_syn(__u32 isn)
{
	struct syn_place *place = syn_place_of(isn);
	struct tcp_conn *conn;
	__u64 cookie = 0;

	for (int i = 0; place && i < SYN_WAYS && !cookie; i++)
		cookie = place->sent[i].isn == isn ? place->sent[i].cookie : 0;
	conn = tcp_conn_lookup(cookie);
	return conn && conn->isn_local == isn ? conn : 0;
}

/*
 * An entry that is taken out while another CPU reads it may become another connection's in the
 * middle of that. The cookie is the first that is overwritten: what was read before this is true
 * was its own.
 */
static __always_inline bool tcp_conn_is(const struct tcp_conn *conn, __u64 cookie)
{
	barrier();
	return conn->cookie == cookie;
}

/* Take a connection out, to tell its end: false when another did, or there is none. */
static __always_inline bool tcp_conn_claim(__u64 cookie, struct tcp_conn *ret_conn)
{
	struct young_slot *slot = young_slot_of(cookie);
	struct tcp_conn *conn;

	if (slot && slot->gone == cookie)
		return false; /* also when it is in both tables, on its way to the other */
	if (slot && slot->conn.cookie == cookie) {
		*ret_conn = slot->conn;
		if (__sync_val_compare_and_swap(&slot->conn.cookie, cookie, 0) == cookie) {
			slot->gone = cookie;
			return true;
		}
	}
	conn = bpf_map_lookup_elem(&tcp_conns, &cookie);
	if (!conn)
		return false;
	*ret_conn = *conn;
	return !bpf_map_delete_elem(&tcp_conns, &cookie);
}

/*
 * Take a young connection to the hash table: the one established at that instant, for the same
 * socket may have another by now. Returns its entry there, or NULL when its end was told or there
 * is no room. It is in both for a moment, so that whoever wants to tell its end finds it.
 */
static __always_inline struct tcp_conn *tcp_conn_grow_old(__u64 cookie, __u64 established_ns)
{
	struct young_slot *slot = young_slot_of(cookie);
	struct tcp_conn copy, *conn;
	bool full;

	if (!slot || slot->conn.cookie != cookie)
		return 0;
	copy = slot->conn;
	if (copy.established_ns != established_ns)
		return 0;
	copy.moving = 1;
	full = bpf_map_update_elem(&tcp_conns, &cookie, &copy, BPF_ANY);
	conn = bpf_map_lookup_elem(&tcp_conns, &cookie);
	if (__sync_val_compare_and_swap(&slot->conn.cookie, cookie, 0) != cookie) {
		bpf_map_delete_elem(&tcp_conns, &cookie);
		return 0;
	}
	if (full)
		stats_add_lost(lost_tcp_table_full);
	if (conn)
		conn->moving = 0;
	return conn;
}

#endif
