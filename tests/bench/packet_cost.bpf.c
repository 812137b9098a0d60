// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What a packet costs at the least, and what it costs to count it by its addresses and ports. */
#include "bpf/common.bpf.h"

#define NEXT (-1)

struct naive_key {
	__be32 source;
	__be32 destination;
	__be16 source_port;
	__be16 destination_port;
	__u32 protocol;
};

struct naive_totals {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct naive_key);
	__type(value, struct naive_totals);
} naive_flows SEC(".maps");

SEC("tc")
int null(struct __sk_buff *skb)
{
	return NEXT;
}

SEC("tc")
int naive(struct __sk_buff *skb)
{
	__u8 *ip = (__u8 *)(long)skb->data + 14, *end = (void *)(long)skb->data_end;
	struct naive_totals *totals, first = { 1, skb->len };
	struct naive_key key = {};

	if (ip + 24 > end || ip[0] != 0x45)
		return NEXT;
	key.source = *(__be32 *)(ip + 12);
	key.destination = *(__be32 *)(ip + 16);
	key.source_port = *(__be16 *)(ip + 20);
	key.destination_port = *(__be16 *)(ip + 22);
	key.protocol = ip[9];
	totals = bpf_map_lookup_elem(&naive_flows, &key);
	if (!totals) {
		bpf_map_update_elem(&naive_flows, &key, &first, BPF_ANY);
		return NEXT;
	}
	__sync_fetch_and_add(&totals->packets, 1);
	__sync_fetch_and_add(&totals->bytes, skb->len);
	return NEXT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
