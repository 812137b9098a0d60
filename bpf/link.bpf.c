// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Packets on the links of pods, at the node's end of them, and on the node's uplinks. None of these
 * programs decides anything: -1 (TCX_NEXT, TC_ACT_UNSPEC) hands the packet to the next one. */
#include "bpf/vmlinux.h"
#include <bpf/bpf_helpers.h>

#define GO_ON (-1)

SEC("tc")
int link_from_pod(struct __sk_buff *skb)
{
	return GO_ON;
}

SEC("tc")
int link_to_pod(struct __sk_buff *skb)
{
	return GO_ON;
}

SEC("tc")
int uplink_in(struct __sk_buff *skb)
{
	return GO_ON;
}

SEC("tc")
int uplink_out(struct __sk_buff *skb)
{
	return GO_ON;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
