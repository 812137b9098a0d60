/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FLOW_FLOW_H
#define WEIR_FLOW_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/icmp.h"
#include "lib/addr.h"

/*
 * What goes into the correlator (struct weir_flow_input, weir_drop_input) and what comes out of it (struct
 * weir_flow). Everything is by value and in host byte order except addresses. Instants are
 * CLOCK_MONOTONIC nanoseconds unless a name says otherwise. Zero means "not known" wherever a
 * comment does not give zero a meaning of its own.
 */

/** Which side of the connection an end is: the client opened it. */
enum weir_role {
	WEIR_ROLE_UNKNOWN,
	WEIR_ROLE_CLIENT,
	WEIR_ROLE_SERVER,
};

enum weir_input_kind {
	WEIR_INPUT_OPEN,    /* established (TCP), first datagram (UDP) */
	WEIR_INPUT_UPDATE,  /* totals so far of a live connection */
	WEIR_INPUT_CLOSE,   /* the end is gone, or never came to be: end_reason says how */
	WEIR_INPUT_FOUND,   /* older than the agent; found at its start */
};

/**
 * Why a connection ended. FIN to IDLE are facts about the connection, the rest about what the
 * agent could see. In JSON without the prefix.
 */
enum weir_end_reason {
	WEIR_END_NONE,           /* still open */
	WEIR_END_FIN,            /* closed in order by both sides */
	WEIR_END_RST,            /* reset by either side after it was established */
	WEIR_END_REFUSED,        /* the first SYN was answered by RST, or ICMP port unreachable */
	WEIR_END_TIMEOUT,        /* no answer: SYN or data was given up (ETIMEDOUT) */
	WEIR_END_UNREACHABLE,    /* ICMP said so */
	WEIR_END_ABORTED,        /* closed by its own process before it was established */
	WEIR_END_LOCAL_ERROR,    /* connect() failed before a packet was sent: no route, … */
	WEIR_END_SOCKET_CLOSED,  /* UDP: the socket that opened the exchange was closed */
	WEIR_END_IDLE,           /* UDP: nothing for the idle timeout */
	WEIR_END_UNKNOWN,        /* gone, and nothing said why, or that was lost */
	WEIR_END_MAX_
};

/** Hubble's verdicts, with the numbers of flow.proto's enum Verdict. */
enum weir_verdict {
	WEIR_VERDICT_UNKNOWN = 0,
	WEIR_VERDICT_FORWARDED = 1,
	WEIR_VERDICT_DROPPED = 2,
	WEIR_VERDICT_ERROR = 3,
};

/** Where a connection stands when its record is made. */
enum weir_flow_state {
	WEIR_STATE_OPEN,    /* the first record of a connection that goes on */
	WEIR_STATE_ACTIVE,  /* an interval's record of a live connection: totals so far */
	WEIR_STATE_CLOSED,  /* the last record: totals and the end reason */
	/* Not a step of a connection's life but a word about it: the kernel dropped packets of it. */
	WEIR_STATE_NOTICE,
	WEIR_STATE_MAX_
};

/** How far the handshake of a TCP connection that was never established was seen to come. */
enum weir_seen {
	WEIR_SEEN_NOTHING,              /* or the links it passed are not watched */
	WEIR_SEEN_SYN_FROM_ENDPOINT,    /* the SYN left its pod's link */
	WEIR_SEEN_SYN_TO_NETWORK,       /* and the node, by an uplink */
	WEIR_SEEN_SYN_TO_ENDPOINT,      /* or went to the link of another pod */
	WEIR_SEEN_ANSWER_FROM_NETWORK,  /* the SYN-ACK came by an uplink */
	WEIR_SEEN_ANSWER_FROM_ENDPOINT, /* or left the other pod's link */
	WEIR_SEEN_MAX_
};

/** The node's view of the direction, with flow.proto's numbers. */
enum weir_direction {
	WEIR_DIRECTION_UNKNOWN = 0,
	WEIR_DIRECTION_INGRESS = 1,
	WEIR_DIRECTION_EGRESS = 2,
};

/** Room for the kernel's TASK_COMM_LEN, NUL included. */
#define WEIR_COMM_MAX 16

/**
 * In the cookie of an input: this end has no socket on this node, but is known from the packets on
 * its pod's link. It names that end among others; no record has it.
 */
#define WEIR_COOKIE_LINK 0x8000000000000000ULL

/** struct weir_flow_end - what a socket on this node told of itself. */
struct weir_flow_end {
	uint64_t cgroup_id;  /* cgroup v2 id; 0: this end has no socket on this node */
	uint64_t cookie;     /* socket cookie; 0 likewise */
	uint32_t netns;      /* network namespace cookie (SO_NETNS_COOKIE), low 32 bits */
	uint32_t pid;        /* tgid in the initial pid namespace; 0 unknown */
	char comm[WEIR_COMM_MAX];  /* NUL-terminated; "" unknown; bytes are foreign */
};

/** struct weir_flow_counts - totals since the connection began, as one socket counted them. */
struct weir_flow_counts {
	uint64_t tx_bytes;    /* payload sent at least once (retransmits not counted again) */
	uint64_t rx_bytes;    /* payload received in order */
	uint64_t tx_packets;  /* TCP: tcp_sock.segs_out; UDP: datagrams */
	uint64_t rx_packets;  /* TCP: tcp_sock.segs_in; UDP: datagrams */
	uint32_t retransmits; /* TCP segments sent again */
	uint32_t zero_windows_tx; /* TCP segments with a window of 0, neither SYN nor RST */
	uint32_t zero_windows_rx; /* of the other end, as far as they arrived here */
	uint32_t rtt_us;      /* smoothed; 0 unknown */
	uint32_t rtt_min_us;  /* 0 unknown */
};

/** struct weir_flow_input - one decoded ring record or sweep row: one end of a connection. */
struct weir_flow_input {
	enum weir_input_kind kind;
	enum weir_role role;
	enum weir_end_reason end_reason;  /* of WEIR_INPUT_CLOSE */
	uint8_t protocol;                 /* IPPROTO_TCP, _UDP; from links _SCTP, _ICMP, _ICMPV6 */
	enum weir_seen seen;
	bool established;                 /* TCP: the handshake was completed */
	bool peer_here;                   /* TCP: the other end has a socket on this node; false:
					   * not, or not known */
	bool reset_sent;                  /* TCP: this end reset the established connection */
	bool reset_received;              /* TCP: the other end did */
	uint64_t time_ns;                 /* of the event, taken in the kernel */
	uint64_t opened_ns;               /* connect() or SYN; 0 when older than the agent */
	uint64_t established_ns;          /* 0 never or unknown */
	uint32_t isn_local;               /* TCP: the two initial sequence numbers; they name the */
	uint32_t isn_remote;              /* connection on both ends and through any NAT */
	struct weir_addr local;
	struct weir_addr remote;          /* as the socket sees it, after address translation in
					   * connect() itself, before netfilter's */
	struct weir_addr asked;           /* what the process asked connect() or sendmsg() for;
					   * on a server's end, what conntrack says was asked */
	struct weir_addr backend;         /* UDP: where netfilter sent it, when not @remote */
	struct weir_addr xlated;          /* a server's end: the source's address as it saw it, when
					   * @remote is the real one; set by the correlator */
	uint16_t local_port;
	uint16_t remote_port;
	uint16_t asked_port;
	uint16_t backend_port;
	struct weir_flow_end end;
	struct weir_flow_counts counts;
};

/**
 * struct weir_drop_input - packets of one flow that the kernel dropped, for one reason at one place;
 * or, with @icmp, packets of one flow that ICMP errors of one kind spoke of.
 *
 * Told are TCP's with a SYN, every datagram, and with neither SYN nor @isn what was lost of an
 * established TCP connection.
 */
struct weir_drop_input {
	enum weir_input_kind kind;  /* OPEN the first, UPDATE, CLOSE: none for long */
	uint8_t protocol;           /* IPPROTO_TCP or IPPROTO_UDP; of ICMP errors any */
	uint8_t tcp_flags;          /* of the header: SYN 2, ACK 16 */
	uint16_t source_port;
	uint16_t destination_port;
	uint32_t isn;               /* TCP: the client's initial sequence number */
	uint32_t netns;             /* where it was dropped; as in struct weir_flow_end */
	uint32_t reason;            /* the kernel's enum skb_drop_reason */
	uint64_t place;             /* address in the kernel */
	uint64_t packets;           /* since the last input of this kind of drop; 0 with CLOSE only */
	struct weir_icmp_error icmp;  /* type 0: it was dropped */
	enum weir_icmp_at icmp_at;
	uint64_t time_ns;           /* of the latest */
	struct weir_addr source;    /* of the packet, translated or not */
	struct weir_addr destination;
	/* TCP, and OPEN only: the client's socket, when it is on this node. */
	struct weir_flow_end client;
	struct weir_addr asked;     /* of connect() */
	uint16_t asked_port;
	uint64_t opened_ns;
};

/** struct weir_flow_drop - what the kernel dropped of a connection; all zero: nothing known. */
struct weir_flow_drop {
	uint64_t packets;  /* so far, whatever the reason */
	uint64_t place;    /* of the latest: address in the kernel */
	uint32_t reason;   /* of the latest: the running kernel's enum skb_drop_reason */
};

/**
 * struct weir_flow - one record of one connection, both ends joined where both are known.
 *
 * The source is the side that opened the connection. When @direction_known is false the sides
 * are in no order (is_reply is then absent in JSON).
 */
struct weir_flow {
	uint64_t id;               /* one per connection, the same on both ends and nodes (TCP) */
	uint64_t time_ns;          /* of the event that made this record */
	uint64_t opened_ns;        /* 0 when older than the agent */
	uint64_t last_ns;          /* end, or latest sign of life */
	uint32_t connect_latency_us;  /* connect() to established; 0 unknown */
	uint8_t protocol;
	uint8_t state;             /* enum weir_flow_state */
	uint8_t end_reason;        /* enum weir_end_reason */
	uint8_t reset_by;          /* enum weir_role: who sent the RST that @end_reason tells of;
				    * CLIENT is the source, UNKNOWN also when both did */
	uint8_t verdict;           /* enum weir_verdict */
	uint8_t direction;         /* enum weir_direction */
	bool direction_known;
	bool established;
	bool found;                /* older than the agent: AGENT_START */
	uint8_t seen;              /* enum weir_seen */
	struct weir_addr source_addr;
	struct weir_addr destination_addr;  /* the backend where it is known */
	struct weir_addr asked_addr;        /* none, or what the client asked for */
	struct weir_addr source_xlated;     /* none, or what became of @source_addr on its way */
	uint16_t source_port;
	uint16_t destination_port;
	uint16_t asked_port;
	uint16_t zero_windows_sent;      /* by the source; UINT16_MAX: so many or more */
	uint16_t zero_windows_received;  /* by the destination */
	struct weir_flow_end source;
	struct weir_flow_end destination;
	uint64_t bytes_sent;       /* by the source; totals, never deltas */
	uint64_t bytes_received;
	uint64_t packets_sent;
	uint64_t packets_received;
	uint32_t retransmits_sent;
	uint32_t retransmits_received;  /* by the destination; 0 where it is elsewhere */
	uint32_t rtt_us;
	uint32_t rtt_min_us;
	struct weir_flow_drop drop;
	struct weir_flow_icmp icmp;
};

/** weir_end_reason_to_str() - "FIN", "RST", …; "" for WEIR_END_NONE. */
const char *weir_end_reason_to_str(enum weir_end_reason reason);

/** weir_verdict_to_str() - flow.proto's spelling: "FORWARDED", "VERDICT_UNKNOWN", … */
const char *weir_verdict_to_str(enum weir_verdict verdict);

/** weir_state_to_str() - "OPEN", "ACTIVE", "CLOSED"; "" for WEIR_STATE_NOTICE. */
const char *weir_state_to_str(enum weir_flow_state state);

/** weir_seen_packet(), weir_seen_at() - "SYN", "SYN-ACK"; flow.proto's name of the point; or "". */
const char *weir_seen_packet(enum weir_seen seen);
const char *weir_seen_at(enum weir_seen seen);

/** weir_protocol_to_str() - "TCP", "UDP", "SCTP", "ICMPv4", "ICMPv6", or "UNKNOWN". */
const char *weir_protocol_to_str(uint8_t protocol);

#endif
