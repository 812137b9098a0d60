// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * DNS that is not a datagram of a socket here: parts of TCP's streams, and both of those who have no
 * socket on this node. A stream is told as it comes, with its sequence numbers; the agent puts
 * messages together.
 */
#include "bpf/dns.bpf.h"

#include "bpf/conns.bpf.h"
#include "bpf/link_conns.bpf.h"
#include "bpf/packet.bpf.h"

/* Bytes of a stream, which may be many packets' (GSO, GRO): as records of what fits into one. Of the
 * last the rest is not there. */
__noinline int dns_tell_stream(struct __sk_buff *skb, struct weir_ev_dns_end *end, __u32 off,
			       __u32 len)
{
	int i;

	if (!end)
		return 0;
	for (i = 0; i < WEIR_EV_DNS_PARTS && len; i++) {
		__u32 here = len;

		if (here > WEIR_EV_DNS_PAYLOAD_LEN && i < WEIR_EV_DNS_PARTS - 1)
			here = WEIR_EV_DNS_PAYLOAD_LEN;
		dns_tell(skb, off, here, here, end);
		end->seq += here;
		off += here;
		len -= here;
	}
	return 0;
}

/* Where the payload of a TCP packet is, and which of the stream it is. */
struct piece {
	__u32 off;
	__u32 len;
	__u32 seq;
};

/* In cgroup_skb, where a packet begins with IP. */
static __noinline bool piece_find(struct __sk_buff *skb, struct piece *ret)
{
	struct packet_scope scope = {
		.limit = PACKET_NO_END,
		.ethertype = bpf_ntohs(skb->protocol),
	};
	struct packet packet = {};

	if (packet_parse_skb(skb, &scope, &packet) || packet.protocol != IPPROTO_TCP ||
	    packet.flags & PACKET_FRAGMENT || packet.tcp_flags & TCP_RST)
		return false;
	ret->off = packet.payload;
	ret->len = packet.payload && skb->len > packet.payload ? skb->len - packet.payload : 0;
	ret->seq = packet.seq + !!(packet.tcp_flags & TCP_SYN);
	return ret->len;
}

static __always_inline void end_from_conn(struct weir_ev_dns_end *end, const struct tcp_conn *conn,
					  bool egress)
{
	bool asked = conn->asked_port;

	end->cgroup_id = conn->cgroup_id;
	end->netns = conn->netns;
	end->pid = conn->pid;
	end->isn = egress ? conn->isn_local : conn->isn_remote;
	end->client_port = conn->local_port;
	end->server_port = asked ? conn->asked_port : conn->remote_port;
	addr_copy(end->client, conn->local);
	addr_copy(end->server, asked ? conn->asked : conn->remote);
	copy16(end->comm, conn->comm);
}

/* Of a connection that there was no room for, or that is not found yet. */
static __always_inline void end_from_sock(struct weir_ev_dns_end *end, const struct bpf_sock *sk,
					  __u64 cgroup_id)
{
	__builtin_memset(end, 0, sizeof(*end));
	end->cgroup_id = cgroup_id;
	end->client_port = sk->src_port;
	end->server_port = bpf_ntohs(sk->dst_port);
	if (sk->family == AF_INET6) {
		__u32 *client = (__u32 *)end->client, *server = (__u32 *)end->server;

		client[0] = sk->src_ip6[0];
		client[1] = sk->src_ip6[1];
		client[2] = sk->src_ip6[2];
		client[3] = sk->src_ip6[3];
		server[0] = sk->dst_ip6[0];
		server[1] = sk->dst_ip6[1];
		server[2] = sk->dst_ip6[2];
		server[3] = sk->dst_ip6[3];
	} else {
		addr_set_v4(end->client, sk->src_ip4);
		addr_set_v4(end->server, sk->dst_ip4);
	}
}

/*
 * Whose stream it is; false: the server's. Where that is not known and both ports are DNS's, it is
 * nobody's: a part of a stream does not say who asks.
 */
static __noinline bool end_find(struct __sk_buff *skb, struct weir_ev_dns_end *end, bool egress)
{
	__u64 cookie = bpf_get_socket_cookie(skb);
	struct tcp_conn *conn = tcp_conn_lookup(cookie);
	struct bpf_sock *sk = skb->sk;
	__u8 role = WEIR_EV_ROLE_UNKNOWN;

	if (!sk)
		return false;
	sk = bpf_sk_fullsock(sk);
	if (!sk || sk->protocol != IPPROTO_TCP)
		return false;
	if (conn) {
		end_from_conn(end, conn, egress);
		role = conn->role;
		if (!tcp_conn_is(conn, cookie))
			conn = 0;
	}
	if (!conn) {
		end_from_sock(end, sk, bpf_skb_cgroup_id(skb));
		role = WEIR_EV_ROLE_UNKNOWN;
	}
	end->cookie = cookie;
	return role == WEIR_EV_ROLE_CLIENT ||
	       (role == WEIR_EV_ROLE_UNKNOWN && !dns_port(sk->src_port));
}

__noinline int dns_segment(struct __sk_buff *skb, int egress)
{
	struct weir_ev_dns_end end = {};
	struct piece piece = {};

	if (!piece_find(skb, &piece) || !end_find(skb, &end, egress))
		return 0;
	end.seq = piece.seq;
	end.protocol = IPPROTO_TCP;
	end.answer = !egress;
	return dns_tell_stream(skb, &end, piece.off, piece.len);
}

/* The length in the UDP header: of a first fragment more than is here. */
static __always_inline __u32 datagram_bytes(struct __sk_buff *skb, const struct packet *packet,
					    __u32 here)
{
	__be16 length = 0;

	if (!(packet->flags & PACKET_FIRST_FRAGMENT) ||
	    bpf_skb_load_bytes(skb, packet->payload - 4, &length, sizeof(length)))
		return here;
	return bpf_ntohs(length) - 8 > here ? bpf_ntohs(length) - 8 : here;
}

/* Who asks, where both ports are DNS's: TCP's handshake said so, and a datagram does. */
static __always_inline bool is_client_on_link(struct __sk_buff *skb, const struct packet *packet,
					      const struct weir_ev_link_key *key, __u8 role,
					      bool tx)
{
	if (packet->protocol == IPPROTO_TCP && role)
		return role == WEIR_EV_ROLE_CLIENT;
	if (!dns_port(key->local_port))
		return true;
	return packet->protocol == IPPROTO_UDP && dns_answers(skb, packet->payload) != tx;
}

/*
 * A client's message without a socket on this node. On a link that is watched there may be sockets,
 * too, and what comes for them looks the same; but of those nothing is counted that was sent
 * (link_conn_forget() in bpf/link.bpf.c).
 */
__noinline int dns_on_link(struct __sk_buff *skb, const struct packet *packet, int tx)
{
	struct weir_ev_dns_end end = {};
	struct weir_ev_link_key key = {};
	struct weir_ev_link *conn;
	__u32 here;

	if (!packet || packet->flags & (PACKET_FRAGMENT | PACKET_ROUTED) || !packet->payload ||
	    packet->tcp_flags & TCP_RST ||
	    (packet->protocol != IPPROTO_TCP && packet->protocol != IPPROTO_UDP))
		return 0;
	link_key_set(&key, packet, tx);
	conn = bpf_map_lookup_elem(&link_conns, &key);
	if (!conn || !conn->tx_packets || !is_client_on_link(skb, packet, &key, conn->role, tx))
		return 0;
	addr_copy(end.client, key.local);
	addr_copy(end.server, key.remote);
	end.client_port = key.local_port;
	end.server_port = key.remote_port;
	end.cookie = conn->cookie;
	end.protocol = packet->protocol;
	end.answer = !tx;
	here = link_payload_bytes(skb, packet);
	if (packet->protocol == IPPROTO_UDP) {
		dns_tell(skb, packet->payload, here, datagram_bytes(skb, packet, here), &end);
		return 0;
	}
	end.seq = packet->seq + !!(packet->tcp_flags & TCP_SYN);
	end.isn = tx ? conn->isn_local : conn->isn_remote;
	return dns_tell_stream(skb, &end, packet->payload, here);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
