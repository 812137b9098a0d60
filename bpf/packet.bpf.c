// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The packet parser for programs that have a struct __sk_buff, verified once for all of them. */
#include "bpf/packet.bpf.h"

__noinline int packet_parse_skb(struct __sk_buff *skb, const struct packet_scope *scope,
				struct packet *ret)
{
	if (!scope || !ret)
		return PACKET_NOT_IP;
	return packet_parse(skb, packet_load_skb, scope, ret);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
