/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef WEIR_BPF_UDP_BPF_H
#define WEIR_BPF_UDP_BPF_H

#include "bpf/common.bpf.h"

enum udp_socket_flag {
	UDP_BOUND = 1 << 0,  /* bind() named its port */
	UDP_FOUND = 1 << 1,  /* older than the agent */
};

/* Who uses a socket, and its exchange as long as it has just one. */
struct udp_socket {
	__u64 cookie;        /* with the peer and the ports: the key of the first exchange */
	__u8 remote[16];
	char comm[WEIR_EV_COMM_LEN];
	__u16 local_port;
	__u16 remote_port;
	__u32 flags;         /* enum udp_socket_flag */
	__u32 pid;
	__u32 netns;
	__u32 peers;         /* exchanges begun by this socket */
	__u32 pad;
};

struct udp_sockets {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct udp_socket);
};
extern struct udp_sockets udp_sockets SEC(".maps");

/* One entry for each socket and peer; totals stay here until the exchange ends. */
struct udp_flows {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, struct weir_ev_udp_key);
	__type(value, struct weir_ev_udp);
};
extern struct udp_flows udp_flows SEC(".maps");

/* What a thread is about to send to: left by sendmsg()'s hook, taken by the packet's. Only the
 * thread itself writes its entry; one that is pushed out costs the asked address, no more. */
struct udp_hint {
	__u64 cookie;
	__u8 asked[16];
	__u16 asked_port;
	__u16 pad[3];
};

struct udp_hints {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64); /* pid_tgid */
	__type(value, struct udp_hint);
};
extern struct udp_hints udp_hints SEC(".maps");

/* Set by the loader: the kernel lets a packet program ask for the current thread. */
extern const volatile bool thread_known;

/* How long nothing may pass before an exchange is over; set by the loader. */
extern const volatile __u64 udp_idle_ns;

/* Fill a whole flow event of a UDP exchange. @asked is set on a client's end. */
static __always_inline void udp_event_fill(struct weir_ev_flow *ev,
					   const struct weir_ev_udp_key *key,
					   const struct weir_ev_udp *udp, __u8 kind,
					   __u8 end_reason, __u64 now)
{
	event_header(&ev->hdr, WEIR_EV_FLOW, sizeof(*ev), now);
	ev->cookie = key->cookie;
	ev->cgroup_id = udp->cgroup_id;
	ev->opened_ns = udp->opened_ns;
	ev->established_ns = 0;
	ev->tx_bytes = udp->tx_bytes;
	ev->rx_bytes = udp->rx_bytes;
	ev->tx_packets = udp->tx_packets;
	ev->rx_packets = udp->rx_packets;
	ev->retransmits = 0;
	ev->zero_windows_tx = 0;
	ev->zero_windows_rx = 0;
	ev->rtt_us = 0;
	ev->rtt_min_us = 0;
	ev->netns = udp->netns;
	ev->isn_local = 0;
	ev->isn_remote = 0;
	ev->pid = udp->pid;
	ev->local_port = key->local_port;
	ev->remote_port = key->remote_port;
	ev->backend_port = udp->backend_port;
	ev->kind = kind;
	ev->role = udp->role;
	ev->protocol = IPPROTO_UDP;
	ev->end_reason = end_reason;
	addr_copy(ev->local, udp->local);
	addr_copy(ev->remote, key->remote);
	addr_copy(ev->backend, udp->backend);
	ev->asked_port = 0;
	addr_clear(ev->asked);
	if (udp->role == WEIR_EV_ROLE_CLIENT) {
		addr_copy(ev->asked, key->remote);
		ev->asked_port = key->remote_port;
	}
	copy16(ev->comm, udp->comm);
}

/* A datagram that reaches or leaves a socket, from cgroup_skb: counted as its exchange's, and told of if
 * it is DNS (bpf/udp.bpf.c). */
int udp_seen(struct __sk_buff *skb, int egress);

#endif
