// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * ICMP errors on the links of pods and on uplinks, by the packet that they speak of and went the other
 * way. They are counted as drops are: however many come of one kind, one is told at once and the rest
 * by sweeps. Whether the receiver believes them is not looked at.
 */
#include "bpf/conns.bpf.h"
#include "bpf/drop.bpf.h"
#include "bpf/icmp.bpf.h"
#include "bpf/link_conns.bpf.h"
#include "bpf/packet_find.bpf.h"

#define ICMP_UNREACHABLE 3 /* RFC 792 */
#define ICMP_FRAGMENTATION_NEEDED 4
#define ICMPV6_TOO_BIG 2 /* RFC 4443 */

#define MTU_MAX 0xffff

/* RFC 1191: in the lower half of the second word; RFC 4443: in all of it. */
static __always_inline __u16 next_hop_mtu(struct __sk_buff *skb, const struct packet *error)
{
	__be32 word;
	__u32 mtu;

	if (error->flags & PACKET_IPV6) {
		if (error->icmp_type != ICMPV6_TOO_BIG)
			return 0;
	} else if (error->icmp_type != ICMP_UNREACHABLE ||
		   error->icmp_code != ICMP_FRAGMENTATION_NEEDED) {
		return 0;
	}
	if (bpf_skb_load_bytes(skb, error->payload - sizeof(word), &word, sizeof(word)))
		return 0;
	mtu = bpf_ntohl(word);
	if (!(error->flags & PACKET_IPV6))
		return mtu;
	return mtu < MTU_MAX ? mtu : MTU_MAX;
}

/* Of the client of that SYN, which knows by which addresses and ports it sent it, whatever they were
 * translated to since. */
static __always_inline bool is_syn_of_socket(struct weir_ev_drop_key *key, __u32 seq)
{
	const struct tcp_conn *conn = tcp_conn_of_syn(seq);
	__u8 local[16] ALIGNED, remote[16] ALIGNED;
	__u16 local_port, remote_port;
	__u64 cookie;

	if (!conn)
		return false;
	cookie = conn->cookie;
	addr_copy(local, conn->local);
	addr_copy(remote, conn->remote);
	local_port = conn->local_port;
	remote_port = conn->remote_port;
	/* Another's by now, perhaps of all that was read. */
	if (!tcp_conn_is(conn, cookie) || conn->isn_local != seq)
		return false;
	addr_copy(key->source, local);
	addr_copy(key->destination, remote);
	key->source_port = local_port;
	key->destination_port = remote_port;
	return true;
}

static __always_inline bool is_syn_of_link(const struct weir_ev_drop_key *key, __u32 seq)
{
	struct weir_ev_link_key link = {
		.local_port = key->source_port,
		.remote_port = key->destination_port,
		.protocol = IPPROTO_TCP,
	};
	const struct weir_ev_link *conn;

	addr_copy(link.local, key->source);
	addr_copy(link.remote, key->destination);
	conn = bpf_map_lookup_elem(&link_conns, &link);
	return conn && !conn->established_ns && conn->isn_local == seq;
}

/* Eight bytes of TCP's header have no flags: it is a SYN that somebody is known to have sent. */
__noinline int icmp_name_syn(struct weir_ev_drop_key *key, __u32 seq)
{
	if (!key || (!is_syn_of_socket(key, seq) && !is_syn_of_link(key, seq)))
		return 0;
	key->isn = seq;
	key->tcp_flags = TCP_SYN;
	return 0;
}

/* Of a kind that connections are followed of, and with what tells them apart. */
static __always_inline bool is_followed(const struct packet *packet)
{
	if (packet->flags & (PACKET_FRAGMENT | PACKET_ROUTED))
		return false;
	switch (packet->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		return true;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return packet->source_port;
	}
	return false;
}

__noinline int icmp_error_seen(struct __sk_buff *skb, const struct packet *error, int at)
{
	struct weir_ev_drop_key key = {};
	struct packet_scope scope;
	struct packet packet = {};
	int r;

	if (!error)
		return 0;
	r = packet_find_icmp_error(skb, packet_load_skb, error, &scope);
	if (!r)
		r = packet_parse_skb(skb, &scope, &packet);
	if (r)
		stats_add(bad_packets);
	if (r || !is_followed(&packet))
		return 0;
	addr_copy(key.source, packet.source);
	addr_copy(key.destination, packet.destination);
	addr_copy(key.sender, error->source);
	key.source_port = packet.source_port;
	key.destination_port = packet.destination_port;
	key.protocol = packet.protocol;
	key.icmp_mtu = next_hop_mtu(skb, error);
	key.icmp_type = error->icmp_type;
	key.icmp_code = error->icmp_code;
	key.icmp_at = at;
	if (packet.protocol == IPPROTO_TCP)
		icmp_name_syn(&key, packet.seq);
	return drop_count(&key, 1);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
