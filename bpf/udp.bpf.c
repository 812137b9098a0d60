// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* UDP datagrams and bytes by socket and peer, and the DNS messages in them. */
#include "bpf/udp.bpf.h"

#include "bpf/dns.bpf.h"

/* Set by the loader: when this agent started, and for how long after it a bound socket that was
 * there before may be answering what it was not seen to ask. */
const volatile __u64 start_ns = 0;

#define ETH_P_IP 0x0800  /* include/uapi/linux/if_ether.h */
#define ETH_P_IPV6 0x86DD
#define IPPROTO_HOPOPTS 0
#define IPPROTO_ROUTING 43
#define IPPROTO_DSTOPTS 60
#define MAX_EXTENSION_HEADERS 6

struct ipv4_header {
	__u8 version_ihl;
	__u8 tos;
	__be16 tot_len;
	__be16 id;
	__be16 frag_off;
	__u8 ttl;
	__u8 protocol;
	__be16 check;
	__be32 saddr;
	__be32 daddr;
};

struct ipv6_header {
	__be32 version_flow;
	__be16 payload_len;
	__u8 nexthdr;
	__u8 hop_limit;
	struct in6_addr saddr;
	struct in6_addr daddr;
};

struct datagram {
	__u8 source[16] ALIGNED;
	__u8 destination[16] ALIGNED;
	__u16 source_port;
	__u16 destination_port;
	__u32 payload;    /* its offset */
	__u32 bytes;      /* payload, all segments */
	__u32 count;      /* datagrams: segments of a GSO or GRO packet */
};

/* The offset of the UDP header behind an IPv6 header, or 0. */
static __always_inline __u32 v6_udp_offset(struct __sk_buff *skb, __u8 nexthdr)
{
	__u32 off = sizeof(struct ipv6_header);
	__u8 ext[2];
	int i;

	for (i = 0; i < MAX_EXTENSION_HEADERS; i++) {
		if (nexthdr == IPPROTO_UDP)
			return off;
		if (nexthdr != IPPROTO_HOPOPTS && nexthdr != IPPROTO_ROUTING &&
		    nexthdr != IPPROTO_DSTOPTS)
			return 0;
		if (bpf_skb_load_bytes(skb, off, ext, sizeof(ext)))
			return 0;
		nexthdr = ext[0];
		off += (ext[1] + 1) * 8;
	}
	return 0;
}

static __always_inline bool datagram_parse(struct __sk_buff *skb, struct datagram *dg)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__be16 ports[2];
	__u32 off;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct ipv4_header *ip = data;

		if ((void *)(ip + 1) > end || ip->protocol != IPPROTO_UDP)
			return false;
		addr_set_v4(dg->source, ip->saddr);
		addr_set_v4(dg->destination, ip->daddr);
		off = (ip->version_ihl & 0xf) * 4;
	} else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6_header *ip = data;

		if ((void *)(ip + 1) > end || ip->nexthdr == IPPROTO_TCP)
			return false;
		addr_set_v6(dg->source, &ip->saddr);
		addr_set_v6(dg->destination, &ip->daddr);
		off = v6_udp_offset(skb, ip->nexthdr);
		if (!off)
			return false;
	} else {
		return false;
	}
	if (bpf_skb_load_bytes(skb, off, ports, sizeof(ports)))
		return false;
	dg->source_port = bpf_ntohs(ports[0]);
	dg->destination_port = bpf_ntohs(ports[1]);
	dg->payload = off + 8;
	dg->bytes = skb->len > dg->payload ? skb->len - dg->payload : 0;
	dg->count = skb->gso_segs > 1 ? skb->gso_segs : 1;
	return true;
}

/*
 * Who sent first is the client. But a connected socket hears only who it chose to talk to, and a
 * port that bind() did not choose is known to nobody until its socket sends: these are clients
 * also when we see the answer first. A bound socket that was there before us may just be
 * answering.
 */
static __always_inline __u8 role_of(const struct udp_socket *socket, const struct bpf_sock *sk,
				    bool egress, __u64 now)
{
	if (sk->dst_port || (socket && !(socket->flags & UDP_BOUND)))
		return WEIR_EV_ROLE_CLIENT;
	if (socket && (socket->flags & UDP_FOUND) && now < start_ns + udp_idle_ns)
		return WEIR_EV_ROLE_UNKNOWN;
	return egress ? WEIR_EV_ROLE_CLIENT : WEIR_EV_ROLE_SERVER;
}

static __always_inline void remember_first_peer(struct udp_socket *socket,
						const struct weir_ev_udp_key *key)
{
	if (socket->peers && socket->remote_port == key->remote_port &&
	    addr_eq(socket->remote, key->remote))
		return; /* the same exchange again, after a rest */
	if (__sync_fetch_and_add(&socket->peers, 1))
		return;
	socket->cookie = key->cookie;
	addr_copy(socket->remote, key->remote);
	socket->remote_port = key->remote_port;
	socket->local_port = key->local_port;
}

static __always_inline void exchange_begin(struct bpf_sock *sk, const struct weir_ev_udp_key *key,
					   const struct weir_ev_udp *first)
{
	struct weir_ev_flow *ev;
	struct udp_socket *socket;

	/* Another CPU may have been first: then only the counters are missing, and added. */
	if (bpf_map_update_elem(&udp_flows, key, first, BPF_NOEXIST)) {
		struct weir_ev_udp *udp = bpf_map_lookup_elem(&udp_flows, key);

		if (!udp) {
			stats_add_lost(lost_udp_table_full);
			return;
		}
		__sync_fetch_and_add(&udp->tx_bytes, first->tx_bytes);
		__sync_fetch_and_add(&udp->rx_bytes, first->rx_bytes);
		__sync_fetch_and_add(&udp->tx_packets, first->tx_packets);
		__sync_fetch_and_add(&udp->rx_packets, first->rx_packets);
		return;
	}
	socket = bpf_sk_storage_get(&udp_sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (socket)
		remember_first_peer(socket, key);
	ev = event_reserve(sizeof(*ev));
	if (!ev)
		return;
	udp_event_fill(ev, key, first, WEIR_EV_OPEN, WEIR_EV_END_NONE, first->opened_ns);
	event_submit(ev);
}

static __always_inline void backend_note(struct weir_ev_udp *udp, const struct weir_ev_udp_key *key,
					 const struct datagram *dg)
{
	if (addr_eq(dg->destination, key->remote) && dg->destination_port == key->remote_port)
		return;
	addr_copy(udp->backend, dg->destination);
	udp->backend_port = dg->destination_port;
}

static __always_inline void connected_remote(struct weir_ev_udp_key *key, struct bpf_sock *sk)
{
	if (sk->family == AF_INET6) {
		__u32 *words = (__u32 *)key->remote;

		words[0] = sk->dst_ip6[0];
		words[1] = sk->dst_ip6[1];
		words[2] = sk->dst_ip6[2];
		words[3] = sk->dst_ip6[3];
	} else {
		addr_set_v4(key->remote, sk->dst_ip4);
	}
	key->remote_port = bpf_ntohs(sk->dst_port);
}

/* What this thread has just asked sendmsg() for on this socket, once. */
static __always_inline bool hinted_remote(struct weir_ev_udp_key *key)
{
	struct udp_hint *hint;
	__u64 thread;

	if (!thread_known)
		return false;
	thread = bpf_get_current_pid_tgid();
	hint = bpf_map_lookup_elem(&udp_hints, &thread);
	if (!hint || hint->cookie != key->cookie)
		return false;
	addr_copy(key->remote, hint->asked);
	key->remote_port = hint->asked_port;
	bpf_map_delete_elem(&udp_hints, &thread);
	return true;
}

/* The peer as the socket sees it: what sendmsg() was given, or where it is connected to, or what
 * the packet says. */
static __always_inline void egress_remote(struct weir_ev_udp_key *key, struct bpf_sock *sk,
					  const struct datagram *dg)
{
	if (sk->dst_port) {
		connected_remote(key, sk);
		if (addr_eq(dg->destination, key->remote) &&
		    dg->destination_port == key->remote_port)
			return;
	}
	if (hinted_remote(key) || sk->dst_port)
		return;
	addr_copy(key->remote, dg->destination);
	key->remote_port = dg->destination_port;
}

/* The packet's source on its way out, its destination on its way in. */
static __always_inline void own_addr(struct __sk_buff *skb, bool egress, __u8 addr[16])
{
	struct in6_addr v6 = {};
	__be32 v4 = 0;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		(void)bpf_skb_load_bytes(skb,
					 egress ? offsetof(struct ipv4_header, saddr)
						: offsetof(struct ipv4_header, daddr),
					 &v4, sizeof(v4));
		addr_set_v4(addr, v4);
	} else {
		(void)bpf_skb_load_bytes(skb,
					 egress ? offsetof(struct ipv6_header, saddr)
						: offsetof(struct ipv6_header, daddr),
					 &v6, sizeof(v6));
		addr_set_v6(addr, &v6);
	}
}

/*
 * A message to or from a server at one of DNS's ports: so only the client's side is told, and of a
 * server its own questions to others. Where both ends have such a port, the message itself says
 * which of them asked. What is not handed over is read again: it would have to lie in memory for
 * every datagram, for the sake of those few.
 */
static __noinline int dns_seen(struct __sk_buff *skb, const struct weir_ev_udp_key *key,
			       const struct udp_socket *socket, __u32 payload, bool egress)
{
	struct weir_ev_dns_end end = {};
	__u32 bytes;

	if (dns_port(key->local_port) && dns_answers(skb, payload) == egress)
		return 0;
	own_addr(skb, egress, end.client);
	addr_copy(end.server, key->remote);
	end.client_port = key->local_port;
	end.server_port = key->remote_port;
	end.cookie = key->cookie;
	end.cgroup_id = bpf_skb_cgroup_id(skb);
	end.protocol = IPPROTO_UDP;
	end.answer = !egress;
	if (socket) {
		end.pid = socket->pid;
		end.netns = socket->netns;
		copy16(end.comm, socket->comm);
	}
	bytes = skb->len > payload ? skb->len - payload : 0;
	dns_tell(skb, payload, bytes, bytes, &end);
	return 0;
}

__noinline int udp_seen(struct __sk_buff *skb, int egress)
{
	struct weir_ev_udp_key key = {};
	struct weir_ev_udp first = {}, *udp;
	struct udp_socket *socket;
	struct bpf_sock *sk;
	struct datagram dg;
	__u64 now;

	if (!datagram_parse(skb, &dg))
		return 0;
	sk = skb->sk;
	if (!sk)
		return 0;
	sk = bpf_sk_fullsock(sk);
	if (!sk || sk->protocol != IPPROTO_UDP)
		return 0;
	socket = bpf_sk_storage_get(&udp_sockets, sk, 0, 0);
	key.cookie = bpf_get_socket_cookie(skb);
	key.local_port = sk->src_port;
	if (egress) {
		egress_remote(&key, sk, &dg);
	} else {
		addr_copy(key.remote, dg.source);
		key.remote_port = dg.source_port;
	}
	if (dns_port(key.remote_port))
		dns_seen(skb, &key, socket, dg.payload, egress);
	now = bpf_ktime_get_ns();
	udp = bpf_map_lookup_elem(&udp_flows, &key);
	if (udp) {
		udp->last_ns = now;
		if (egress) {
			__sync_fetch_and_add(&udp->tx_bytes, dg.bytes);
			__sync_fetch_and_add(&udp->tx_packets, dg.count);
			if (!udp->backend_port)
				backend_note(udp, &key, &dg);
		} else {
			__sync_fetch_and_add(&udp->rx_bytes, dg.bytes);
			__sync_fetch_and_add(&udp->rx_packets, dg.count);
		}
		return 0;
	}
	first.opened_ns = now;
	first.last_ns = now;
	first.cgroup_id = bpf_skb_cgroup_id(skb);
	first.role = role_of(socket, sk, egress, now);
	if (socket) {
		first.pid = socket->pid;
		first.netns = socket->netns;
		copy16(first.comm, socket->comm);
	}
	addr_copy(first.local, egress ? dg.source : dg.destination);
	if (egress) {
		first.tx_bytes = dg.bytes;
		first.tx_packets = dg.count;
		backend_note(&first, &key, &dg);
	} else {
		first.rx_bytes = dg.bytes;
		first.rx_packets = dg.count;
	}
	exchange_begin(sk, &key, &first);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
