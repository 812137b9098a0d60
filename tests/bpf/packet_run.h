/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef WEIR_TESTS_BPF_PACKET_RUN_H
#define WEIR_TESTS_BPF_PACKET_RUN_H

#include <linux/types.h>

/*
 * What the program tests/bpf/packet_run.bpf.c and its test hand each other. The outcome of a parse
 * is restated here from bpf/packet.bpf.h, of which the test knows nothing else.
 */

#define RUN_SLOTS 2048
#define RUN_SLOT_BYTES 512
#define RUN_ETHERNET_BYTES 14 /* that a test run wants, also before a packet that has none */

/* How to parse a packet. */
struct run_how {
	__u32 len;        /* of the frame */
	__u16 off;        /* in it: 0, or RUN_ETHERNET_BYTES */
	__u16 ethertype;  /* host byte order; 0: an Ethernet header */
};

enum parsed_error {
	PARSED_TRUNCATED = -1,
	PARSED_NOT_IP = -2,
	PARSED_MALFORMED = -3,
	PARSED_TOO_DEEP = -4,
	PARSED_NONE_INSIDE = -5,
};

enum parsed_flag {
	PARSED_IPV6 = 1,
	PARSED_FRAGMENT = 2,
	PARSED_FIRST_FRAGMENT = 4,
	PARSED_ICMP_ERROR = 8,
	PARSED_ROUTED = 16,
	PARSED_NO_LENGTH = 32,
	PARSED_EMBEDDED = 64,
};

/* struct packet */
struct parsed {
	__u8 source[16];
	__u8 destination[16];
	__u16 source_port;
	__u16 destination_port;
	__u32 seq;
	__u32 ack;
	__u32 payload;
	__u32 end;
	__u32 fragment_id;
	__u8 protocol;
	__u8 tcp_flags;
	__u8 icmp_type;
	__u8 icmp_code;
	__u16 flags;
	__u16 pad;
};

/* Of the packet itself, of the one tunnelled in it, of the one that it reports as an ICMP error. */
struct run_result {
	__s32 r, tunnel_r, embedded_r;
	__u32 runs;
	struct parsed packet, tunnel, embedded;
};

struct run_slot {
	struct run_how how;
	__u8 bytes[RUN_SLOT_BYTES];
};

#endif
