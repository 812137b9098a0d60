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
#define IPPROTO_TCP 6 /* include/uapi/linux/in.h */
#define IPPROTO_UDP 17
#define TCP_FIN 0x01 /* RFC 9293, 3.1 */
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

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

/* Set by userspace while it looks at the ring by timer: a wake-up costs an interrupt or two. */
extern volatile bool reader_polls;

static __always_inline void event_submit(void *ev)
{
	bpf_ringbuf_submit(ev, reader_polls ? BPF_RB_NO_WAKEUP : 0);
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

/* For addresses on the stack that copy16() shall copy. */
#define ALIGNED __attribute__((aligned(8)))

static __always_inline void addr_set_v6(__u8 addr[16], const struct in6_addr *v6)
{
	__u32 *words = (__u32 *)addr;

	words[0] = v6->in6_u.u6_addr32[0];
	words[1] = v6->in6_u.u6_addr32[1];
	words[2] = v6->in6_u.u6_addr32[2];
	words[3] = v6->in6_u.u6_addr32[3];
}

/* Sixteen bytes, an address or a comm, at a multiple of 8: of byte arrays the compiler does not
 * know that, and would copy byte by byte. */
static __always_inline void copy16(void *dst, const void *src)
{
	__u64 *to = dst;
	const __u64 *from = src;

	to[0] = from[0];
	to[1] = from[1];
}

static __always_inline void addr_clear(__u8 addr[16])
{
	__u64 *words = (__u64 *)addr;

	words[0] = 0;
	words[1] = 0;
}

static __always_inline void addr_copy(__u8 dst[16], const __u8 src[16])
{
	copy16(dst, src);
}

static __always_inline bool addr_eq(const __u8 a[16], const __u8 b[16])
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return x[0] == y[0] && x[1] == y[1];
}

static __always_inline __u64 sock_cgroup_id(struct sock *sk)
{
	struct cgroup *cgrp = sk->sk_cgrp_data.cgroup;

	return cgrp ? cgrp->kn->id : 0;
}

#endif
