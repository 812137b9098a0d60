/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef WEIR_BPF_COMMON_BPF_H
#define WEIR_BPF_COMMON_BPF_H

#include "bpf/vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/weir_abi.h"

/*
 * What all programs share: the maps, the counters, and small readers. Numbers of the socket API
 * that the UAPI headers for BPF do not carry are restated with their source.
 */

#define AF_INET 2   /* include/linux/socket.h */
#define AF_INET6 10
#define SOCK_STREAM 1 /* include/linux/net.h */
#define SOCK_DGRAM 2
#define IPPROTO_TCP 6 /* include/uapi/linux/in.h */
#define IPPROTO_UDP 17

/* What a socket's storage remembers. Cloned from a listener to the sockets it accepts, which so
 * know the process that listens. */
enum sk_flag {
	SK_CONNECTING = 1 << 0,   /* connect() was called; its outcome is not known yet */
	SK_SYN_SENT = 1 << 1,
	SK_ESTABLISHED = 1 << 2,
	SK_LISTENING = 1 << 3,
	SK_FOUND = 1 << 4,        /* older than the agent */
	SK_BOUND = 1 << 5,        /* UDP: bind() named its port */
};

struct sk_state {
	__u64 cookie;
	__u64 cgroup_id;
	__u64 opened_ns;
	__u64 established_ns;
	__u64 reported_tx;   /* bytes as of the last sweep row */
	__u64 reported_rx;
	__u32 flags;         /* enum sk_flag */
	__u32 pid;
	__u32 netns;
	__u32 isn_local;
	__u32 isn_remote;
	__u32 udp_peers;     /* exchanges begun by this socket, and the first one's key below */
	__u32 icmp_error;    /* TCP: latest errno that an ICMP message stood for while connecting */
	__u16 local_port;
	__u16 remote_port;
	__u16 asked_port;
	__u8 role;           /* enum weir_ev_role */
	__u8 protocol;
	__u8 local[16];      /* UDP: unused */
	__u8 remote[16];     /* UDP: the first exchange's peer */
	__u8 asked[16];      /* TCP: of connect() */
	char comm[WEIR_EV_COMM_LEN];
};

struct sk_states {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct sk_state);
};
extern struct sk_states sk_states SEC(".maps");

struct events {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20); /* the loader sets the size that was asked for */
};
extern struct events events SEC(".maps");

struct stats {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct weir_ev_stats);
};
extern struct stats stats SEC(".maps");

static __always_inline struct weir_ev_stats *stats_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&stats, &zero);
}

/* A per-CPU counter may still be interrupted by a softirq on the same CPU, hence atomic. */
#define stats_add(field)                                         \
	do {                                                     \
		struct weir_ev_stats *stats_ = stats_here();     \
		if (stats_)                                      \
			__sync_fetch_and_add(&stats_->field, 1); \
	} while (0)

/* What was lost was seen. */
#define stats_add_lost(field)     \
	do {                      \
		stats_add(seen);  \
		stats_add(field); \
	} while (0)

static __always_inline void *event_reserve(__u64 size)
{
	void *ev = bpf_ringbuf_reserve(&events, size, 0);

	stats_add(seen);
	if (!ev)
		stats_add(lost_ringbuf_full);
	return ev;
}

static __always_inline void event_header(struct weir_ev_hdr *hdr, __u8 type, __u16 len, __u64 ts_ns)
{
	hdr->len = len;
	hdr->version = WEIR_ABI_VERSION;
	hdr->type = type;
	hdr->cpu = bpf_get_smp_processor_id();
	hdr->flags = 0;
	hdr->ts_ns = ts_ns;
}

static __always_inline void addr_set_v4(__u8 addr[16], __be32 v4)
{
	__u32 *words = (__u32 *)addr;

	words[0] = 0;
	words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	words[3] = v4;
}

static __always_inline void addr_clear(__u8 addr[16])
{
	__u64 *words = (__u64 *)addr;

	words[0] = 0;
	words[1] = 0;
}

static __always_inline void addr_copy(__u8 dst[16], const __u8 src[16])
{
	__builtin_memcpy(dst, src, 16);
}

static __always_inline bool addr_eq(const __u8 a[16], const __u8 b[16])
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return x[0] == y[0] && x[1] == y[1];
}

static __always_inline void owner_from_current(struct sk_state *state)
{
	state->cgroup_id = bpf_get_current_cgroup_id();
	state->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(state->comm, sizeof(state->comm));
}

static __always_inline __u64 sock_cgroup_id(struct sock *sk)
{
	struct cgroup *cgrp = sk->sk_cgrp_data.cgroup;

	return cgrp ? cgrp->kn->id : 0;
}

/* The two addresses and ports of a socket, from its own fields. */
static __always_inline void tuple_from_sock(struct sk_state *state, struct sock *sk)
{
	if (sk->__sk_common.skc_family == AF_INET6) {
		__builtin_memcpy(state->local, sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8, 16);
		__builtin_memcpy(state->remote, sk->__sk_common.skc_v6_daddr.in6_u.u6_addr8, 16);
	} else {
		addr_set_v4(state->local, sk->__sk_common.skc_rcv_saddr);
		addr_set_v4(state->remote, sk->__sk_common.skc_daddr);
	}
	state->local_port = sk->__sk_common.skc_num;
	state->remote_port = bpf_ntohs(sk->__sk_common.skc_dport);
	state->netns = sk->__sk_common.skc_net.net->net_cookie;
}

#endif
