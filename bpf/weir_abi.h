/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef WEIR_BPF_WEIR_ABI_H
#define WEIR_BPF_WEIR_ABI_H

#include <linux/types.h>

/*
 * The one header that the BPF programs and userspace share: ring records, rows that iterators
 * write, counters and the maps' values. Host byte order except addresses; addresses are 16 bytes
 * in network order, IPv4 as ::ffff:a.b.c.d; instants are CLOCK_MONOTONIC nanoseconds. Every
 * byte of a record is written before it is submitted, padding as zero.
 */

/* Raised with any change below: the agent refuses records of another version (it counts them). */
#define WEIR_ABI_VERSION 4

enum weir_ev_type {
	WEIR_EV_FLOW = 1,   /* struct weir_ev_flow */
	WEIR_EV_CGROUP = 2, /* struct weir_ev_cgroup */
	WEIR_EV_PAUSE = 3,  /* of a sweep, a header alone: WEIR_EV_PAUSE_ENTRIES had no news */
	WEIR_EV_DROP = 4,   /* struct weir_ev_drop: packets dropped, or spoken of by an ICMP error */
	WEIR_EV_DNS = 5,    /* struct weir_ev_dns, as much of it as hdr.len says */
};

/* The values of enum weir_input_kind, weir_role and weir_end_reason in flow/flow.h, restated
 * because flow/ knows nothing of this header; bpf/decode.c asserts that they agree. */
enum weir_ev_kind {
	WEIR_EV_OPEN = 0,
	WEIR_EV_UPDATE = 1,
	WEIR_EV_CLOSE = 2,
	WEIR_EV_FOUND = 3,
};

enum weir_ev_role {
	WEIR_EV_ROLE_UNKNOWN = 0,
	WEIR_EV_ROLE_CLIENT = 1,
	WEIR_EV_ROLE_SERVER = 2,
};

enum weir_ev_end {
	WEIR_EV_END_NONE = 0,
	WEIR_EV_END_FIN = 1,
	WEIR_EV_END_RST = 2,
	WEIR_EV_END_REFUSED = 3,
	WEIR_EV_END_TIMEOUT = 4,
	WEIR_EV_END_UNREACHABLE = 5,
	WEIR_EV_END_ABORTED = 6,
	WEIR_EV_END_LOCAL_ERROR = 7,
	WEIR_EV_END_SOCKET_CLOSED = 8,
	WEIR_EV_END_IDLE = 9,
};

enum weir_ev_flag {
	WEIR_EV_ESTABLISHED = 1 << 0, /* TCP: the handshake was completed */
	WEIR_EV_PEER_HERE = 1 << 1,   /* TCP: the other end has a socket on this node */
	/* TCP that was not established: where its handshake was seen. */
	WEIR_EV_SYN_LEFT = 1 << 8,     /* the SYN, from behind its pod's link */
	WEIR_EV_SYN_OUT = 1 << 9,      /* by an uplink of the node */
	WEIR_EV_SYN_ARRIVED = 1 << 10, /* to the link of another pod */
	WEIR_EV_ANSWER_CAME = 1 << 11, /* the SYN-ACK, by an uplink */
	WEIR_EV_ANSWER_LEFT = 1 << 12, /* from behind the other pod's link */
	WEIR_EV_RESET_SENT = 1 << 2,  /* TCP: this end reset the connection */
	WEIR_EV_RESET_RECEIVED = 1 << 3,
};

#define WEIR_EV_PAUSE_ENTRIES 32

struct weir_ev_hdr {
	__u16 len;     /* of the whole record */
	__u8 version;  /* WEIR_ABI_VERSION */
	__u8 type;     /* enum weir_ev_type */
	__u16 cpu;     /* that wrote it */
	__u16 flags;   /* enum weir_ev_flag */
	__u64 ts_ns;   /* of the event */
};

#define WEIR_EV_COMM_LEN 16

/* One end of one connection, whole in itself: a lost record costs only what it said. */
struct weir_ev_flow {
	struct weir_ev_hdr hdr;
	__u64 cookie;          /* of the socket */
	__u64 cgroup_id;       /* cgroup v2; 0 unknown */
	__u64 opened_ns;       /* connect() or handshake; 0 before the agent's time */
	__u64 established_ns;  /* 0 not */
	__u64 tx_bytes;        /* payload, retransmits not counted again */
	__u64 rx_bytes;
	__u64 tx_packets;
	__u64 rx_packets;
	__u32 retransmits;
	__u32 rtt_us;
	__u32 rtt_min_us;
	__u32 netns;           /* network namespace cookie (SO_NETNS_COOKIE), low 32 bits */
	__u32 isn_local;       /* TCP initial sequence numbers; 0 unknown */
	__u32 isn_remote;
	__u32 pid;             /* tgid; 0 unknown */
	__u32 zero_windows_tx; /* TCP segments with a window of 0, neither SYN nor RST: sent */
	__u32 zero_windows_rx; /* and received */
	__u16 local_port;
	__u16 remote_port;
	__u16 asked_port;      /* with asked[]: what the process asked for; 0 none */
	__u16 backend_port;    /* with backend[]: UDP, where netfilter sent it; 0 as remote */
	__u8 kind;             /* enum weir_ev_kind */
	__u8 role;             /* enum weir_ev_role */
	__u8 protocol;         /* IPPROTO_TCP, IPPROTO_UDP */
	__u8 end_reason;       /* enum weir_ev_end */
	__u8 local[16];
	__u8 remote[16];
	__u8 asked[16];
	__u8 backend[16];
	char comm[WEIR_EV_COMM_LEN];
};

enum weir_ev_cgroup_op {
	WEIR_EV_CGROUP_MADE = 1,
	WEIR_EV_CGROUP_REMOVED = 2,
};

#define WEIR_EV_CGROUP_PATH_LEN 472

struct weir_ev_cgroup {
	struct weir_ev_hdr hdr;
	__u64 id;
	__u8 op;               /* enum weir_ev_cgroup_op */
	__u8 pad[7];
	char path[WEIR_EV_CGROUP_PATH_LEN];  /* NUL-terminated, cut if longer */
};

/*
 * Reasons of our own, which no kernel's enum has: the queue of connections for accept() is full; or
 * that of SYNs is, and there are no SYN cookies. Named after the counters of /proc/net/netstat. No
 * place goes with them.
 */
#define WEIR_EV_REASON_LISTEN_OVERFLOW 0xffff0001U
#define WEIR_EV_REASON_REQQ_FULL 0xffff0002U

/* Where an ICMP error was seen. The first two have come to the node with it. */
enum weir_ev_icmp_at {
	WEIR_EV_ICMP_FROM_POD = 0,   /* at its pod's link */
	WEIR_EV_ICMP_UPLINK_IN = 1,
	WEIR_EV_ICMP_TO_POD = 2,
	WEIR_EV_ICMP_UPLINK_OUT = 3,
};

/*
 * Key of the map drops: packets of one flow that the kernel dropped for one reason at one place.
 * And of the map icmp_errors: packets of one flow that ICMP errors of one kind spoke of.
 */
struct weir_ev_drop_key {
	__u8 source[16];       /* of the packet as it was dropped, translated or not */
	__u8 destination[16];
	__u8 sender[16];       /* of the ICMP errors; zero of what the kernel dropped */
	__u64 place;           /* address of the code that dropped it; 0 unknown */
	__u32 isn;             /* TCP with a SYN: the client's initial sequence number */
	__u32 reason;          /* of the running kernel's enum skb_drop_reason, or WEIR_EV_REASON_ */
	__u32 netns;           /* as in struct weir_ev_flow: where it was dropped */
	__u16 source_port;
	__u16 destination_port;
	__u16 icmp_mtu;        /* that the next hop has room for; 0 not told; 65535: or more */
	__u8 protocol;         /* IPPROTO_TCP, IPPROTO_UDP; of an ICMP error any that has ports, or ICMP */
	__u8 tcp_flags;        /* as in the header: SYN 2, ACK 16, …; 0 without a SYN */
	__u8 icmp_type;        /* 0: the kernel dropped it */
	__u8 icmp_code;
	__u8 icmp_at;          /* enum weir_ev_icmp_at */
	__u8 pad;
};

/* Value of the maps drops and icmp_errors. */
struct weir_ev_drop_totals {
	__u64 last_ns;
	__u64 packets;   /* segments of a GSO packet; errors */
	__u64 reported;  /* of them */
};

/* The TCP client, of whose connection the packet is; all zero when it has no socket here. */
struct weir_ev_drop_client {
	__u64 cookie;
	__u64 cgroup_id;
	__u64 opened_ns;
	__u32 netns;
	__u32 pid;
	__u8 asked[16];  /* of connect() */
	char comm[WEIR_EV_COMM_LEN];
};

/* Written at the first packets of a key, and by sweeps, which know no client. */
struct weir_ev_drop {
	struct weir_ev_hdr hdr;
	struct weir_ev_drop_key key;
	struct weir_ev_drop_client client;
	__u64 packets;      /* since the last one of this key */
	__u16 asked_port;   /* with client.asked */
	__u8 kind;          /* enum weir_ev_kind: OPEN the first one, UPDATE, CLOSE none for long */
	__u8 pad[5];
};

/* Ports that are DNS's: as many as the loader may name. */
#define WEIR_EV_DNS_PORTS_MAX 8

/* What is kept of a message. More than a resolver is answered over UDP without asking for it, and
 * what DNS Flag Day 2020 made the usual most. */
#define WEIR_EV_DNS_PAYLOAD_LEN 1232

/* Whose message it is, and between whom it went. */
struct weir_ev_dns_end {
	__u8 client[16];
	__u8 server[16];     /* as the client sees it: of a query the address asked for */
	char comm[WEIR_EV_COMM_LEN];
	/* Of the client's socket; with WEIR_EV_COOKIE_LINK it has none on this node, and below are
	 * zeros. 0: not known. */
	__u64 cookie;
	__u64 cgroup_id;
	__u32 netns;         /* as in struct weir_ev_flow */
	__u32 pid;
	__u32 seq;           /* TCP: sequence number of the first byte of @payload */
	__u32 isn;           /* TCP: initial one of whoever sent it; 0 unknown */
	__u16 client_port;
	__u16 server_port;
	__u8 protocol;       /* IPPROTO_UDP, IPPROTO_TCP */
	__u8 answer;         /* 0: from the client; 1: to it */
	__u8 pad[2];
};

/* Of one packet so many records at most are made: what TCP sends at once may be many messages. */
#define WEIR_EV_DNS_PARTS 8

/* A DNS message as a client sent or received it over UDP; of TCP a part of the stream, from anywhere
 * in it. The record ends behind some byte of @payload, at a multiple of 8, not before @captured of it. */
struct weir_ev_dns {
	struct weir_ev_hdr hdr;
	struct weir_ev_dns_end end;
	__u32 len;           /* of the message, or part, on the wire */
	__u32 captured;      /* bytes of @payload that are it; the rest is zero */
	__u8 payload[WEIR_EV_DNS_PAYLOAD_LEN];
};

/* Per-CPU counters: seen = records submitted + every loss below. */
struct weir_ev_stats {
	__u64 seen;
	__u64 lost_ringbuf_full;
	__u64 lost_storage_failed;  /* no memory to remember who owns a UDP socket */
	__u64 lost_tcp_table_full;  /* connections the table had no room for */
	__u64 lost_udp_table_full;  /* datagrams of exchanges the table had no room for */
	__u64 lost_drop_table_full; /* dropped packets and ICMP errors the tables had no room for */
	__u64 lost_link_table_full; /* packets of connections the table had no room for */
	__u64 bad_packets;          /* on links: truncated or against their RFC; not part of seen */
	__u64 lost_dns_no_room;     /* DNS messages while half of the ring was full */
};

/* Key and value of the map udp_flows: one exchange of one socket with one peer. */
struct weir_ev_udp_key {
	__u64 cookie;
	__u8 remote[16];    /* as the socket sees it: the address asked for */
	__u16 remote_port;
	__u16 local_port;
	__u32 pad;
};

struct weir_ev_udp {
	__u64 cgroup_id;
	__u64 opened_ns;
	__u64 last_ns;
	__u64 tx_bytes;
	__u64 rx_bytes;
	__u64 tx_packets;
	__u64 rx_packets;
	__u64 reported_packets;  /* as of the last sweep */
	__u32 netns;
	__u32 pid;
	__u16 backend_port;
	__u8 role;
	__u8 pad[5];
	__u8 local[16];
	__u8 backend[16];
	char comm[WEIR_EV_COMM_LEN];
};

/* Set in the cookie of an end that has no socket on this node: it is known from its pod's link. */
#define WEIR_EV_COOKIE_LINK (1ULL << 63)

/* Key and value of the map link_conns. "local" is behind the link, and "tx" comes from there. */
struct weir_ev_link_key {
	__u8 local[16];
	__u8 remote[16];
	__u16 local_port;   /* ICMP echo: the id in both */
	__u16 remote_port;
	__u8 protocol;      /* IPPROTO_* */
	__u8 pad[3];
};

enum weir_ev_link_flag {
	WEIR_EV_LINK_FIN_TX = 1 << 0,
	WEIR_EV_LINK_FIN_RX = 1 << 1,
	WEIR_EV_LINK_OPEN = 1 << 2,  /* that it is was told */
	/* Whoever sets it tells the end; for stragglers the entry stays until a sweep. */
	WEIR_EV_LINK_ENDED = 1 << 3,
};

struct weir_ev_link {
	__u64 cookie;
	__u64 opened_ns;
	__u64 established_ns;
	__u64 last_ns;
	__u64 tx_bytes;     /* payload; TCP: each byte once */
	__u64 rx_bytes;
	__u64 tx_packets;   /* segments of a GSO packet */
	__u64 rx_packets;
	__u64 reported_packets;  /* as of the last sweep */
	__u32 isn_local;
	__u32 isn_remote;
	__u32 next_tx;      /* TCP: sequence number after the last one seen; 0 none yet */
	__u32 next_rx;
	__u32 flags;        /* enum weir_ev_link_flag */
	__u8 role;
	__u8 pad[3];
};

_Static_assert(sizeof(struct weir_ev_hdr) == 16, "weir_ev_hdr layout");
_Static_assert(sizeof(struct weir_ev_flow) == 208, "weir_ev_flow layout");
_Static_assert(sizeof(struct weir_ev_cgroup) == 504, "weir_ev_cgroup layout");
_Static_assert(sizeof(struct weir_ev_drop_key) == 80, "weir_ev_drop_key layout");
_Static_assert(sizeof(struct weir_ev_drop_totals) == 24, "weir_ev_drop_totals layout");
_Static_assert(sizeof(struct weir_ev_drop_client) == 64, "weir_ev_drop_client layout");
_Static_assert(sizeof(struct weir_ev_drop) == 176, "weir_ev_drop layout");
_Static_assert(sizeof(struct weir_ev_stats) == 72, "weir_ev_stats layout");
_Static_assert(sizeof(struct weir_ev_dns_end) == 88, "weir_ev_dns_end layout");
_Static_assert(sizeof(struct weir_ev_dns) == 1344, "weir_ev_dns layout");
_Static_assert(sizeof(struct weir_ev_udp_key) == 32, "weir_ev_udp_key layout");
_Static_assert(sizeof(struct weir_ev_link_key) == 40, "weir_ev_link_key layout");
_Static_assert(sizeof(struct weir_ev_link) == 96, "weir_ev_link layout");
_Static_assert(sizeof(struct weir_ev_udp) == 128, "weir_ev_udp layout");

#endif
