/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef WEIR_BPF_LISTENERS_BPF_H
#define WEIR_BPF_LISTENERS_BPF_H

#include "bpf/common.bpf.h"

struct listener_key {
	__u8 addr[16] ALIGNED; /* all zero, or ::ffff:0.0.0.0: any */
	__u32 netns;
	__u16 port;
	__u16 pad;
};

/* Who called listen() there. An accepted socket does not know the one it came from. */
struct listener {
	__u32 sockets;         /* that listen there: several with SO_REUSEPORT */
	__u32 pid;             /* 0: several processes do, and which one accepts is not known */
	char comm[WEIR_EV_COMM_LEN];
};

struct listeners {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct listener_key);
	__type(value, struct listener);
};
extern struct listeners listeners SEC(".maps");

static __always_inline void listener_key_from_sock(struct listener_key *key, struct sock *sk)
{
	__builtin_memset(key, 0, sizeof(*key));
	if (sk->__sk_common.skc_family == AF_INET6)
		addr_set_v6(key->addr, &sk->__sk_common.skc_v6_rcv_saddr);
	else
		addr_set_v4(key->addr, sk->__sk_common.skc_rcv_saddr);
	key->netns = sk->__sk_common.skc_net.net->net_cookie;
	key->port = sk->__sk_common.skc_num;
}

/* Where a socket listens, by its cookie: what there is to take out of listeners when it is closed. */
struct listener_keys {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct listener_key);
};
extern struct listener_keys listener_keys SEC(".maps");

static __always_inline void listener_remove(__u64 cookie)
{
	struct listener_key *key = bpf_map_lookup_elem(&listener_keys, &cookie);
	struct listener *known;

	if (!key)
		return;
	known = bpf_map_lookup_elem(&listeners, key);
	if (known && __sync_fetch_and_add(&known->sockets, -1) == 1)
		bpf_map_delete_elem(&listeners, key);
	bpf_map_delete_elem(&listener_keys, &cookie);
}

/* Without room the owner of what it accepts is not known, no more. */
static __always_inline void listener_add(__u64 cookie, const struct listener_key *key,
					 struct listener *listener)
{
	struct listener *known;

	/* listen() again, perhaps elsewhere. */
	listener_remove(cookie);
	listener->sockets = 1;
	if (bpf_map_update_elem(&listener_keys, &cookie, key, BPF_NOEXIST) ||
	    !bpf_map_update_elem(&listeners, key, listener, BPF_NOEXIST))
		return;
	known = bpf_map_lookup_elem(&listeners, key);
	if (!known)
		return;
	__sync_fetch_and_add(&known->sockets, 1);
	if (known->pid == listener->pid)
		return;
	known->pid = 0;
	__builtin_memset(known->comm, 0, sizeof(known->comm));
}

#endif
