// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What the kernel drops, with its own word why and where: of a TCP handshake, every datagram, and what
 * was lost of an established connection. Runs only when something is dropped.
 */
#include "bpf/conns.bpf.h"
#include "bpf/drop.bpf.h"
#include "bpf/packet_find.bpf.h"

#define PACKET_HOST 0     /* include/uapi/linux/if_packet.h */
#define PACKET_OUTGOING 4

#define REASON_IS(reason, name)                                    \
	(bpf_core_enum_value_exists(enum skb_drop_reason, name) && \
	 (reason) == bpf_core_enum_value(enum skb_drop_reason, name))

/* Freed because its work is done, or with the queue of a socket that nobody reads any more (the FIN
 * of every second connection), or because it was for another host: nothing was dropped. */
static __always_inline bool is_harmless(struct sk_buff *skb, __u32 reason)
{
	__u8 type = BPF_CORE_READ_BITFIELD(skb, pkt_type);

	if (!reason || REASON_IS(reason, SKB_CONSUMED) ||
	    REASON_IS(reason, SKB_DROP_REASON_QUEUE_PURGE))
		return true;
	return type != PACKET_HOST && type != PACKET_OUTGOING;
}

static __always_inline __u32 netns_of(struct sk_buff *skb)
{
	struct net_device *dev = skb->dev;
	struct sock *sk;

	/* On its way into a UDP socket's queue it has other things there: not a pointer. */
	if (dev && dev->nd_net.net)
		return dev->nd_net.net->net_cookie;
	sk = skb->sk;
	return sk ? sk->__sk_common.skc_net.net->net_cookie : 0;
}

static __always_inline __u64 segments_of(struct sk_buff *skb)
{
	struct skb_shared_info *shared = (struct skb_shared_info *)(skb->head + skb->end);
	__u16 segments = BPF_CORE_READ(shared, gso_segs);

	return segments > 1 ? segments : 1;
}

__noinline int drop_parse(struct packet_linear *linear, const struct packet_scope *scope,
			  struct packet *ret)
{
	if (!linear || !scope || !ret)
		return PACKET_NOT_IP;
	return packet_parse(linear, packet_load_linear, scope, ret);
}

__noinline int drop_find_tunnel(struct packet_linear *linear, const struct packet *outer,
				struct packet_scope *ret_scope)
{
	if (!linear || !outer || !ret_scope)
		return PACKET_NOT_IP;
	return packet_find_tunnel(linear, packet_load_linear, outer, ret_scope);
}

/* The packet that was dropped; of a tunnel's, the one inside: that is whose loss it is. */
static __always_inline int drop_parse_innermost(struct packet_linear *linear, __u16 ethertype,
						struct packet *packet)
{
	struct packet_scope scope = { .limit = PACKET_NO_END, .ethertype = ethertype };
	struct packet outer;

	if (drop_parse(linear, &scope, packet))
		return PACKET_NOT_IP;
	if (packet->protocol == IPPROTO_TCP)
		return 0;
	outer = *packet;
	if (drop_find_tunnel(linear, &outer, &scope) || drop_parse(linear, &scope, packet))
		*packet = outer;
	return 0;
}

/*
 * What a receiver frees of a connection as a matter of course: it has it already, has no room that
 * the sender was told of, or is gone. A FIN that comes when its socket is in TIME_WAIT is used and
 * freed without a reason, so that without a reason nothing is told of.
 */
static __always_inline bool is_routine(__u32 reason)
{
	return REASON_IS(reason, SKB_DROP_REASON_NOT_SPECIFIED) ||
	       REASON_IS(reason, SKB_DROP_REASON_NO_SOCKET) ||
	       REASON_IS(reason, SKB_DROP_REASON_TCP_ZEROWINDOW) ||
	       REASON_IS(reason, SKB_DROP_REASON_TCP_OLD_DATA) ||
	       REASON_IS(reason, SKB_DROP_REASON_TCP_OVERWINDOW) ||
	       REASON_IS(reason, SKB_DROP_REASON_TCP_OFOMERGE) ||
	       REASON_IS(reason, SKB_DROP_REASON_TCP_RFC7323_PAWS) ||
	       REASON_IS(reason, SKB_DROP_REASON_TCP_RFC7323_PAWS_ACK) ||
	       REASON_IS(reason, SKB_DROP_REASON_TCP_RFC7323_TW_PAWS) ||
	       REASON_IS(reason, SKB_DROP_REASON_TCP_RFC7323_TSECR) ||
	       REASON_IS(reason, SKB_DROP_REASON_TCP_OLD_SEQUENCE) ||
	       REASON_IS(reason, SKB_DROP_REASON_TCP_INVALID_SEQUENCE) ||
	       REASON_IS(reason, SKB_DROP_REASON_TCP_INVALID_END_SEQUENCE) ||
	       REASON_IS(reason, SKB_DROP_REASON_TCP_INVALID_ACK_SEQUENCE) ||
	       REASON_IS(reason, SKB_DROP_REASON_TCP_RESET) ||
	       REASON_IS(reason, SKB_DROP_REASON_TCP_CLOSE) ||
	       REASON_IS(reason, SKB_DROP_REASON_TCP_ABORT_ON_DATA) ||
	       REASON_IS(reason, SKB_DROP_REASON_TCP_OLD_ACK) ||
	       REASON_IS(reason, SKB_DROP_REASON_TCP_TOO_OLD_ACK) ||
	       REASON_IS(reason, SKB_DROP_REASON_TCP_ACK_UNSENT_DATA);
}

/* Is the packet one of a connection's, of which more than its reset is to be told. */
static __always_inline bool decides(const struct packet *packet, struct weir_ev_drop_key *key,
				    __u32 reason)
{
	if (packet->flags & (PACKET_FRAGMENT | PACKET_ROUTED))
		return false;
	if (packet->protocol == IPPROTO_UDP)
		return true;
	if (packet->protocol != IPPROTO_TCP)
		return false;
	if (!(packet->tcp_flags & TCP_SYN))
		return (packet->tcp_flags & (TCP_ACK | TCP_RST)) == TCP_ACK && !is_routine(reason);
	key->tcp_flags = packet->tcp_flags;
	/* A SYN-ACK acknowledges the client's SYN, which takes one number. */
	key->isn = packet->tcp_flags & TCP_ACK ? packet->ack - 1 : packet->seq;
	return true;
}

static __always_inline void name_client(struct weir_ev_drop *ev)
{
	const struct tcp_conn *conn;

	if (!(ev->key.tcp_flags & TCP_SYN))
		return;
	conn = tcp_conn_of_syn(ev->key.isn);
	if (!conn)
		return;
	ev->client.cookie = conn->cookie;
	ev->client.cgroup_id = conn->cgroup_id;
	ev->client.opened_ns = conn->opened_ns;
	ev->client.netns = conn->netns;
	ev->client.pid = conn->pid;
	addr_copy(ev->client.asked, conn->asked);
	copy16(ev->client.comm, conn->comm);
	ev->asked_port = conn->asked_port;
	/* It may have become another's meanwhile: the kernel tells of the other then, and of none here. */
	if (!tcp_conn_is(conn, ev->client.cookie) || conn->isn_local != ev->key.isn) {
		__builtin_memset(&ev->client, 0, sizeof(ev->client));
		ev->asked_port = 0;
	}
}

static __noinline int tell(const struct weir_ev_drop_key *key, __u8 kind, __u64 packets, __u64 now)
{
	struct weir_ev_drop *ev = event_reserve(sizeof(*ev));

	if (!ev)
		return 0;
	drop_event_fill(ev, key, kind, packets, now);
	name_client(ev);
	event_submit(ev);
	return 0;
}

/* A SYN is sent a few times at most, and who gives up wants to know how many were dropped. */
#define TOLD_SYNS_MAX 8

static __always_inline void count_more(const struct weir_ev_drop_key *key,
				       struct weir_ev_drop_totals *totals, __u64 packets, __u64 now)
{
	__u64 before = __sync_fetch_and_add(&totals->packets, packets);

	totals->last_ns = now;
	if (!(key->tcp_flags & TCP_SYN) || before >= TOLD_SYNS_MAX)
		return;
	__sync_fetch_and_add(&totals->reported, packets);
	tell(key, WEIR_EV_UPDATE, packets, now);
}

static __always_inline struct weir_ev_drop_totals *totals_of(const struct weir_ev_drop_key *key)
{
	if (key->icmp_type)
		return bpf_map_lookup_elem(&icmp_errors, key);
	return bpf_map_lookup_elem(&drops, key);
}

static __always_inline long totals_add(const struct weir_ev_drop_key *key,
				       const struct weir_ev_drop_totals *first)
{
	if (key->icmp_type)
		return bpf_map_update_elem(&icmp_errors, key, first, BPF_NOEXIST);
	return bpf_map_update_elem(&drops, key, first, BPF_NOEXIST);
}

__noinline int drop_count(const struct weir_ev_drop_key *key, __u64 packets)
{
	struct weir_ev_drop_totals *totals;
	__u64 now = bpf_ktime_get_ns();

	if (!key)
		return 0;
	totals = totals_of(key);
	if (!totals) {
		struct weir_ev_drop_totals first = {
			.last_ns = now,
			.packets = packets,
			.reported = packets,
		};

		if (!totals_add(key, &first)) {
			tell(key, WEIR_EV_OPEN, packets, now);
			return 0;
		}
		/* Another CPU was first, or the table is full. */
		totals = totals_of(key);
	}
	if (totals)
		count_more(key, totals, packets, now);
	else
		stats_add_lost(lost_drop_table_full);
	return 0;
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(packet_dropped, struct sk_buff *skb, void *place, __u32 reason)
{
	struct weir_ev_drop_key key = {};
	struct packet_linear linear;
	struct packet packet = {};

	if (is_harmless(skb, reason) || !packet_linear_init(&linear, skb))
		return 0;
	if (drop_parse_innermost(&linear, bpf_ntohs(skb->protocol), &packet) ||
	    !decides(&packet, &key, reason))
		return 0;
	addr_copy(key.source, packet.source);
	addr_copy(key.destination, packet.destination);
	key.place = (__u64)place;
	key.reason = reason;
	key.netns = netns_of(skb);
	key.source_port = packet.source_port;
	key.destination_port = packet.destination_port;
	key.protocol = packet.protocol;
	return drop_count(&key, segments_of(skb));
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
