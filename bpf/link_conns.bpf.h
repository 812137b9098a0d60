/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef WEIR_BPF_LINK_CONNS_BPF_H
#define WEIR_BPF_LINK_CONNS_BPF_H

#include "bpf/common.bpf.h"
#include "bpf/packet.bpf.h"

/*
 * Connections that no socket of this kernel has, as those of a virtual machine behind a pod's link:
 * known from the packets on that link alone. Its near side is "local", and what comes from there
 * is "tx". Each link sees one end: a connection between two such pods of a node is two entries, as
 * it would be two sockets.
 */

struct link_conns {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct weir_ev_link_key);
	__type(value, struct weir_ev_link);
};
extern struct link_conns link_conns SEC(".maps");

/*
 * When the first packet came from behind a link that no socket of this kernel had sent, by interface
 * index; 0 never. Interfaces of two network namespaces may share a place: then those of one are
 * looked at without need.
 */
#define LINK_PLACES 4096

struct link_places {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LINK_PLACES);
	__type(key, __u32);
	__type(value, __u64);
};
extern struct link_places link_places SEC(".maps");

static __always_inline __u64 *link_place_of(__u32 ifindex)
{
	__u32 i = ifindex & (LINK_PLACES - 1);

	return bpf_map_lookup_elem(&link_places, &i);
}

/* Of a packet that is one of a connection; @key is all zero before. */
static __always_inline void link_key_set(struct weir_ev_link_key *key, const struct packet *packet,
					 bool tx)
{
	key->protocol = packet->protocol;
	addr_copy(key->local, tx ? packet->source : packet->destination);
	addr_copy(key->remote, tx ? packet->destination : packet->source);
	key->local_port = tx ? packet->source_port : packet->destination_port;
	key->remote_port = tx ? packet->destination_port : packet->source_port;
}

static __always_inline __u32 link_payload_bytes(struct __sk_buff *skb, const struct packet *packet)
{
	__u32 end = packet->end < skb->len && skb->gso_segs < 2 ? packet->end : skb->len;

	return packet->payload && end > packet->payload ? end - packet->payload : 0;
}

/* Without a socket who asked is told by the packet alone. */
static __always_inline void link_event_fill(struct weir_ev_flow *ev,
					    const struct weir_ev_link_key *key,
					    const struct weir_ev_link *conn, __u8 kind,
					    __u8 end_reason, __u64 now)
{
	__builtin_memset(ev, 0, sizeof(*ev));
	event_header(&ev->hdr, WEIR_EV_FLOW, sizeof(*ev), now);
	if (conn->established_ns)
		ev->hdr.flags = WEIR_EV_ESTABLISHED;
	ev->cookie = conn->cookie;
	ev->opened_ns = conn->opened_ns;
	ev->established_ns = conn->established_ns;
	ev->tx_bytes = conn->tx_bytes;
	ev->rx_bytes = conn->rx_bytes;
	ev->tx_packets = conn->tx_packets;
	ev->rx_packets = conn->rx_packets;
	ev->isn_local = conn->isn_local;
	ev->isn_remote = conn->isn_remote;
	ev->local_port = key->local_port;
	ev->remote_port = key->remote_port;
	ev->kind = kind;
	ev->role = conn->role;
	ev->protocol = key->protocol;
	ev->end_reason = end_reason;
	addr_copy(ev->local, key->local);
	addr_copy(ev->remote, key->remote);
	if (conn->role == WEIR_EV_ROLE_CLIENT) {
		addr_copy(ev->asked, key->remote);
		ev->asked_port = key->remote_port;
	}
}

#endif
