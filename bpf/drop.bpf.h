/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef WEIR_BPF_DROP_BPF_H
#define WEIR_BPF_DROP_BPF_H

#include "bpf/common.bpf.h"

/* However many packets are dropped, an entry is told once and then swept. */
struct drops {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct weir_ev_drop_key);
	__type(value, struct weir_ev_drop_totals);
};
extern struct drops drops SEC(".maps");

/* The same of ICMP errors. Anyone can send them, of whatever flow: that takes no room from drops. */
struct icmp_errors {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct weir_ev_drop_key);
	__type(value, struct weir_ev_drop_totals);
};
extern struct icmp_errors icmp_errors SEC(".maps");

/* Packets of a key were dropped, or spoken of: counts them, and tells the first (bpf/drop.bpf.c). */
int drop_count(const struct weir_ev_drop_key *key, __u64 packets);

/* Longer than the pause before a SYN's fifth retransmit (RFC 6298: 1, 2, 4, 8, 16 s, …). */
#define DROP_IDLE_NS 40000000000ULL

static __always_inline void drop_event_fill(struct weir_ev_drop *ev,
					    const struct weir_ev_drop_key *key, __u8 kind,
					    __u64 packets, __u64 time_ns)
{
	event_header(&ev->hdr, WEIR_EV_DROP, sizeof(*ev), time_ns);
	ev->key = *key;
	__builtin_memset(&ev->client, 0, sizeof(ev->client));
	ev->packets = packets;
	ev->asked_port = 0;
	ev->kind = kind;
	__builtin_memset(ev->pad, 0, sizeof(ev->pad));
}

#endif
