// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Packets on the links of pods, seen from the node, and on the node's uplinks. A packet keeps the socket
 * that sent it as far as the node's end of its pod's link: what has one is accounted for there. What has
 * none is another's, a virtual machine's, say; from the first that begins something on a link without
 * a socket, that link is watched: link_places. On others, what goes on leaves at once. No program here
 * ever takes a packet: the answer is always "next".
 */
#include "bpf/conns.bpf.h"
#include "bpf/dns.bpf.h"
#include "bpf/icmp.bpf.h"
#include "bpf/link_conns.bpf.h"
#include "bpf/packet_find.bpf.h"
#include "bpf/udp.bpf.h"

#define NEXT (-1) /* TCX_NEXT and TC_ACT_UNSPEC, include/uapi/linux/bpf.h, pkt_cls.h */

#define ICMP_ECHO 8 /* RFC 792, and the answer 0; RFC 4443 */
#define ICMPV6_ECHO 128

enum look {
	LOOK_QUIET, /* TCP: neither begins nor ends a connection */
	LOOK_TCP,
	LOOK_UDP,
	LOOK_ICMP_ERROR,
	LOOK_TUNNEL, /* one with a packet inside that is not told by a look */
	LOOK_OTHER,  /* or not to be told by a look */
};

static __always_inline enum look look_at_flags(__u8 flags)
{
	return flags & (TCP_FIN | TCP_SYN | TCP_RST) ? LOOK_TCP : LOOK_QUIET;
}

/* Of an IP packet with plain headers, by the bytes at hand: what comes after the IP header, where there
 * are as many bytes as TCP's has; 0: it is no such packet. */
static __always_inline const __u8 *look_behind_ip(const __u8 *ip, const __u8 *end, __be16 ethertype,
						  __u8 *ret_protocol)
{
	bool v4 = ethertype == bpf_htons(ETH_P_IP);
	const __u8 *upper = ip + (v4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES);

	if ((!v4 && ethertype != bpf_htons(ETH_P_IPV6)) || upper + TCP_HEADER_BYTES > end)
		return 0;
	if (v4 && (ip[0] != 0x45 || *(__be16 *)(ip + 6) & bpf_htons(0x3fff)))
		return 0;
	*ret_protocol = v4 ? ip[9] : ip[6];
	return upper;
}

static __always_inline enum look look_at_rest(__u8 protocol, __u8 type)
{
	if (protocol == IPPROTO_UDP)
		return LOOK_UDP;
	if (protocol == IPPROTO_ICMP && packet_is_icmp_error(false, type))
		return LOOK_ICMP_ERROR;
	if (protocol == IPPROTO_ICMPV6 && packet_is_icmp_error(true, type))
		return LOOK_ICMP_ERROR;
	return LOOK_OTHER;
}

static __always_inline enum look look_at_ip(const __u8 *ip, const __u8 *end, __be16 ethertype)
{
	__u8 protocol;
	const __u8 *upper = look_behind_ip(ip, end, ethertype, &protocol);

	if (!upper)
		return LOOK_OTHER;
	if (protocol == IPPROTO_TCP)
		return look_at_flags(upper[13]);
	return look_at_rest(protocol, upper[0]);
}

#define ETHERNET_BYTES 14

static __always_inline enum look look_at(struct __sk_buff *skb)
{
	__u8 *eth = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (eth + ETHERNET_BYTES > end || *(__be16 *)(eth + 12) != skb->protocol)
		return LOOK_OTHER;
	return look_at_ip(eth + ETHERNET_BYTES, end, skb->protocol);
}

__noinline int link_parse(struct __sk_buff *skb, struct packet *ret)
{
	struct packet_scope scope;
	int r;

	if (!ret)
		return PACKET_NOT_IP;
	r = packet_find_ethernet(skb, packet_load_skb, 0, &scope);
	if (!r)
		r = packet_parse_skb(skb, &scope, ret);
	if (r && r != PACKET_NOT_IP)
		stats_add(bad_packets);
	return r;
}

/* How far on its way the SYN of a client here, or the answer to it, was seen; false: of none here. */
static __always_inline bool note_handshake(__u32 isn, __u32 flag)
{
	struct tcp_conn *conn = tcp_conn_of_syn(isn);

	if (!conn)
		return false;
	if (flag && !(conn->flags & (CONN_ESTABLISHED | flag)))
		__sync_fetch_and_or(&conn->flags, flag);
	return true;
}

static __always_inline bool is_syn(const struct packet *packet)
{
	return (packet->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
}

static __always_inline bool is_syn_ack(const struct packet *packet)
{
	return (packet->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == (TCP_SYN | TCP_ACK);
}

/* A packet that begins, answers or ends: returns whether a client's socket here accounts for it. */
static __always_inline bool handshake(const struct packet *packet, __u32 syn_flag,
				      __u32 answer_flag)
{
	if (packet->protocol != IPPROTO_TCP)
		return false;
	if (is_syn(packet))
		return note_handshake(packet->seq, syn_flag);
	return is_syn_ack(packet) && note_handshake(packet->ack - 1, answer_flag);
}

static __always_inline bool link_key_fill(struct weir_ev_link_key *key, const struct packet *packet,
					  bool tx)
{
	__builtin_memset(key, 0, sizeof(*key));
	if (packet->flags & (PACKET_FRAGMENT | PACKET_ROUTED))
		return false;
	switch (packet->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		break;
	case IPPROTO_ICMP:
		if (packet->icmp_type != ICMP_ECHO && packet->icmp_type != 0)
			return false;
		break;
	case IPPROTO_ICMPV6:
		if (packet->icmp_type != ICMPV6_ECHO && packet->icmp_type != ICMPV6_ECHO + 1)
			return false;
		break;
	default:
		return false;
	}
	link_key_set(key, packet, tx);
	return true;
}

static __always_inline bool is_reply(const struct packet *packet)
{
	return (packet->protocol == IPPROTO_ICMP && !packet->icmp_type) ||
	       (packet->protocol == IPPROTO_ICMPV6 && packet->icmp_type == ICMPV6_ECHO + 1);
}

/* TCP says who opened. Of the rest that is whoever sent first, if we have looked for long enough
 * to know; an echo says it, too. */
static __always_inline __u8 link_role(const struct packet *packet, bool tx, __u64 since, __u64 now)
{
	__u8 sender = tx ? WEIR_EV_ROLE_CLIENT : WEIR_EV_ROLE_SERVER;
	__u8 other = tx ? WEIR_EV_ROLE_SERVER : WEIR_EV_ROLE_CLIENT;

	if (packet->protocol == IPPROTO_TCP)
		return is_syn(packet) ? sender : is_syn_ack(packet) ? other : WEIR_EV_ROLE_UNKNOWN;
	if (packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6)
		return is_reply(packet) ? other : sender;
	return since && now - since > udp_idle_ns ? sender : WEIR_EV_ROLE_UNKNOWN;
}

static __always_inline void link_tell(const struct weir_ev_link_key *key,
				      const struct weir_ev_link *conn, __u8 kind, __u8 reason,
				      __u64 now)
{
	struct weir_ev_flow *ev = event_reserve(sizeof(*ev));

	if (!ev)
		return;
	link_event_fill(ev, key, conn, kind, reason, now);
	event_submit(ev);
}

/* Payload that was not seen before, by sequence number. */
static __always_inline __u32 tcp_fresh(__u32 *next, const struct packet *packet, __u32 bytes)
{
	__u32 end = packet->seq + bytes + !!(packet->tcp_flags & TCP_SYN);
	__u32 fresh = end - *next;

	if (!*next) {
		*next = end;
		return bytes;
	}
	if ((__s32)fresh <= 0)
		return 0;
	*next = end;
	return fresh < bytes ? fresh : bytes;
}

static __always_inline void link_count(struct weir_ev_link *conn, const struct packet *packet,
				       bool tx, __u32 bytes, __u32 segments, __u64 now)
{
	if (packet->protocol == IPPROTO_TCP)
		bytes = tcp_fresh(tx ? &conn->next_tx : &conn->next_rx, packet, bytes);
	conn->last_ns = now;
	if (tx) {
		__sync_fetch_and_add(&conn->tx_bytes, bytes);
		__sync_fetch_and_add(&conn->tx_packets, segments);
	} else {
		__sync_fetch_and_add(&conn->rx_bytes, bytes);
		__sync_fetch_and_add(&conn->rx_packets, segments);
	}
}

/* The end's two sequence numbers come with its SYN and the other's. */
static __always_inline void learn_isns(struct weir_ev_link *conn, const struct packet *packet,
				       bool tx)
{
	if (!(packet->tcp_flags & TCP_SYN))
		return;
	*(tx ? &conn->isn_local : &conn->isn_remote) = packet->seq;
	if (packet->tcp_flags & TCP_ACK)
		*(tx ? &conn->isn_remote : &conn->isn_local) = packet->ack - 1;
}

/* The end that the packet makes of the connection; WEIR_EV_END_NONE: it goes on. */
static __always_inline __u8 tcp_end_of(struct weir_ev_link *conn, const struct packet *packet,
				       bool tx)
{
	bool is_over = (conn->flags & (WEIR_EV_LINK_FIN_TX | WEIR_EV_LINK_FIN_RX)) ==
		       (WEIR_EV_LINK_FIN_TX | WEIR_EV_LINK_FIN_RX);

	if (packet->tcp_flags & TCP_RST)
		return conn->established_ns ? WEIR_EV_END_RST : WEIR_EV_END_REFUSED;
	if (packet->tcp_flags & TCP_FIN)
		conn->flags |= tx ? WEIR_EV_LINK_FIN_TX : WEIR_EV_LINK_FIN_RX;
	else if (is_over)
		return WEIR_EV_END_FIN;
	return WEIR_EV_END_NONE;
}

static __always_inline void link_end(const struct weir_ev_link_key *key, struct weir_ev_link *conn,
				     __u8 reason, __u64 now)
{
	if (!(__sync_fetch_and_or(&conn->flags, WEIR_EV_LINK_ENDED) & WEIR_EV_LINK_ENDED))
		link_tell(key, conn, WEIR_EV_CLOSE, reason, now);
}

static __always_inline void tcp_advance(const struct weir_ev_link_key *key,
					struct weir_ev_link *conn, const struct packet *packet,
					bool tx, __u64 now)
{
	__u8 reason;

	learn_isns(conn, packet, tx);
	if (!conn->established_ns && conn->isn_local && conn->isn_remote &&
	    !(packet->tcp_flags & (TCP_SYN | TCP_RST)))
		conn->established_ns = now;
	reason = tcp_end_of(conn, packet, tx);
	if (reason) {
		link_end(key, conn, reason, now);
	} else if (conn->established_ns && !(conn->flags & WEIR_EV_LINK_OPEN)) {
		conn->flags |= WEIR_EV_LINK_OPEN;
		link_tell(key, conn, WEIR_EV_OPEN, WEIR_EV_END_NONE, now);
	}
}

/* A SYN for addresses and ports of which a connection is known: is it another's? */
static __always_inline bool begins_anew(const struct weir_ev_link *conn,
					const struct packet *packet, bool tx)
{
	__u32 isn = tx ? conn->isn_local : conn->isn_remote;

	if (packet->protocol != IPPROTO_TCP || !is_syn(packet))
		return false;
	return conn->flags & WEIR_EV_LINK_ENDED || (isn && isn != packet->seq);
}

static __u64 link_serial;

static __always_inline struct weir_ev_link *link_add(const struct weir_ev_link_key *key,
						     const struct packet *packet, bool tx,
						     __u64 since, __u64 now)
{
	struct weir_ev_link first = {
		.cookie = WEIR_EV_COOKIE_LINK | __sync_fetch_and_add(&link_serial, 1),
		.opened_ns = now,
		.role = link_role(packet, tx, since, now),
	}, *conn;

	/* What ends is not what begins. */
	if (packet->tcp_flags & TCP_RST)
		return 0;
	/* In the middle of it: when it was opened is not known. */
	if (packet->protocol == IPPROTO_TCP && !(packet->tcp_flags & TCP_SYN)) {
		first.opened_ns = 0;
		first.established_ns = now;
	}
	(void)bpf_map_update_elem(&link_conns, key, &first, BPF_NOEXIST);
	conn = bpf_map_lookup_elem(&link_conns, key);
	if (!conn)
		stats_add_lost(lost_link_table_full);
	return conn;
}

/* A packet of a connection that no socket here has. */
__noinline int link_conn_seen(struct __sk_buff *skb, const struct packet *packet, int tx,
			      __u64 since)
{
	__u64 now = bpf_ktime_get_ns();
	struct weir_ev_link_key key;
	struct weir_ev_link *conn;
	bool is_new = false;

	if (!packet || !link_key_fill(&key, packet, tx))
		return 0;
	conn = bpf_map_lookup_elem(&link_conns, &key);
	if (conn && begins_anew(conn, packet, tx)) {
		link_end(&key, conn, WEIR_EV_END_NONE, now);
		bpf_map_delete_elem(&link_conns, &key);
		conn = 0;
	}
	if (!conn) {
		conn = link_add(&key, packet, tx, since, now);
		is_new = true;
	}
	if (!conn || conn->flags & WEIR_EV_LINK_ENDED)
		return 0;
	link_count(conn, packet, tx, link_payload_bytes(skb, packet),
		   skb->gso_segs > 1 ? skb->gso_segs : 1, now);
	if (key.protocol == IPPROTO_TCP) {
		tcp_advance(&key, conn, packet, tx, now);
	} else if (is_new) {
		conn->flags |= WEIR_EV_LINK_OPEN;
		link_tell(&key, conn, WEIR_EV_OPEN, WEIR_EV_END_NONE, now);
	}
	return 0;
}

/* A socket has it after all. */
static __always_inline void link_conn_forget(const struct packet *packet)
{
	struct weir_ev_link_key key;

	if (link_key_fill(&key, packet, true))
		bpf_map_delete_elem(&link_conns, &key);
}

static __always_inline bool has_socket(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	/* A tap's or packet socket's is not the sender's. */
	return sk && (sk->family == AF_INET || sk->family == AF_INET6);
}

/* SCTP and ICMP have no programs at their sockets. */
static __always_inline bool is_sockets_own(const struct packet *packet)
{
	return packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP;
}

static __noinline int from_pod(struct __sk_buff *skb, bool has_socket)
{
	__u64 *since = link_place_of(skb->ifindex);
	struct packet packet;

	if (link_parse(skb, &packet) || !since)
		return NEXT;
	if (packet.flags & PACKET_ICMP_ERROR) {
		icmp_error_seen(skb, &packet, WEIR_EV_ICMP_FROM_POD);
		return NEXT;
	}
	if (handshake(&packet, CONN_SYN_LEFT, CONN_ANSWER_LEFT))
		return NEXT;
	if (has_socket && is_sockets_own(&packet)) {
		if (*since)
			link_conn_forget(&packet);
		return NEXT;
	}
	if (!has_socket && is_sockets_own(&packet) && !(packet.tcp_flags & TCP_RST) && !*since)
		*since = bpf_ktime_get_ns();
	link_conn_seen(skb, &packet, true, *since);
	if (dns_port(packet.destination_port))
		dns_on_link(skb, &packet, true);
	return NEXT;
}

static __noinline int to_pod(struct __sk_buff *skb, bool is_watched)
{
	__u64 *since = link_place_of(skb->ifindex);
	struct packet packet;

	if (link_parse(skb, &packet) || !since)
		return NEXT;
	if (packet.flags & PACKET_ICMP_ERROR) {
		icmp_error_seen(skb, &packet, WEIR_EV_ICMP_TO_POD);
		return NEXT;
	}
	if (handshake(&packet, CONN_SYN_ARRIVED, 0))
		return NEXT;
	if (is_watched || !is_sockets_own(&packet))
		link_conn_seen(skb, &packet, false, *since);
	if (is_watched && dns_port(packet.source_port))
		dns_on_link(skb, &packet, false);
	return NEXT;
}

SEC("tc")
int link_from_pod(struct __sk_buff *skb)
{
	__u64 *since = link_place_of(skb->ifindex);
	enum look look = look_at(skb);
	bool is_watched = since && *since, is_owned;

	if (look == LOOK_QUIET && !is_watched)
		return NEXT;
	is_owned = has_socket(skb);
	if (is_owned && (look == LOOK_QUIET || (look == LOOK_UDP && !is_watched)))
		return NEXT;
	return from_pod(skb, is_owned);
}

SEC("tc")
int link_to_pod(struct __sk_buff *skb)
{
	__u64 *since = link_place_of(skb->ifindex);
	enum look look = look_at(skb);

	if (since && !*since && (look == LOOK_QUIET || look == LOOK_UDP))
		return NEXT;
	return to_pod(skb, since && *since);
}

#define UDP_BYTES 8
#define TUNNEL_BYTES 8 /* of VXLAN, and of Geneve without its options */

/* Into VXLAN and Geneve, which carry Ethernet. There are as many bytes as TCP's header has. */
static __always_inline enum look look_into_udp(const __u8 *udp, const __u8 *end)
{
	const __u8 *tunnel = udp + UDP_BYTES, *eth = tunnel + TUNNEL_BYTES;
	__u16 port = packet_be16(udp + 2);

	if (!packet_is_tunnel_port(port))
		return LOOK_UDP;
	if (port == PACKET_GENEVE) {
		if (packet_be16(tunnel + 2) != ETH_P_TEB)
			return LOOK_OTHER;
		eth += (tunnel[0] & GENEVE_OPTIONS) * 4;
	}
	if (eth + ETHERNET_BYTES > end)
		return LOOK_OTHER;
	return look_at_ip(eth + ETHERNET_BYTES, end, *(__be16 *)(eth + 12));
}

/* A packet between nodes; of a tunnel's, the one inside. */
static __always_inline enum look look_into(struct __sk_buff *skb)
{
	__u8 *eth = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	enum look inside = LOOK_OTHER;
	const __u8 *upper;
	__u8 protocol;

	if (eth + ETHERNET_BYTES > end || *(__be16 *)(eth + 12) != skb->protocol)
		return LOOK_OTHER;
	upper = look_behind_ip(eth + ETHERNET_BYTES, end, skb->protocol, &protocol);
	if (!upper)
		return LOOK_OTHER;
	if (protocol == IPPROTO_TCP)
		return look_at_flags(upper[13]);
	if (protocol == IPPROTO_UDP)
		inside = look_into_udp(upper, end);
	else if (protocol == IPPROTO_IPIP)
		inside = look_at_ip(upper, end, bpf_htons(ETH_P_IP));
	else if (protocol == IPPROTO_IPV6)
		inside = look_at_ip(upper, end, bpf_htons(ETH_P_IPV6));
	else if (protocol != IPPROTO_GRE)
		return look_at_rest(protocol, upper[0]);
	return inside == LOOK_OTHER ? LOOK_TUNNEL : inside;
}

/* The packet in @outer, which is a tunnel's; what only looks like one is not bad. */
__noinline int link_parse_inside(struct __sk_buff *skb, const struct packet *outer,
				 struct packet *ret)
{
	struct packet_scope scope;
	int r;

	if (!outer || !ret)
		return PACKET_NOT_IP;
	r = packet_find_tunnel(skb, packet_load_skb, outer, &scope);
	return r ? r : packet_parse_skb(skb, &scope, ret);
}

static __always_inline void uplink_seen(struct __sk_buff *skb, const struct packet *packet,
					bool out)
{
	if (packet->flags & PACKET_ICMP_ERROR)
		icmp_error_seen(skb, packet,
				out ? WEIR_EV_ICMP_UPLINK_OUT : WEIR_EV_ICMP_UPLINK_IN);
	else if (out)
		handshake(packet, CONN_SYN_OUT, 0);
	else
		handshake(packet, 0, CONN_ANSWER_CAME);
}

/* On the way between nodes, also in a tunnel. */
static __noinline int uplink(struct __sk_buff *skb, bool out)
{
	struct packet packet, inside;

	if (link_parse(skb, &packet))
		return NEXT;
	if (link_parse_inside(skb, &packet, &inside))
		uplink_seen(skb, &packet, out);
	else
		uplink_seen(skb, &inside, out);
	return NEXT;
}

static __always_inline bool matters_at_uplink(enum look look)
{
	return look == LOOK_TCP || look == LOOK_ICMP_ERROR || look == LOOK_TUNNEL;
}

SEC("tc")
int uplink_in(struct __sk_buff *skb)
{
	return matters_at_uplink(look_into(skb)) ? uplink(skb, false) : NEXT;
}

SEC("tc")
int uplink_out(struct __sk_buff *skb)
{
	return matters_at_uplink(look_into(skb)) ? uplink(skb, true) : NEXT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
