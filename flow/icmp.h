/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FLOW_ICMP_H
#define WEIR_FLOW_ICMP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/addr.h"

/** Where an ICMP error was seen. The first two have come to the node with it. */
enum weir_icmp_at {
	WEIR_ICMP_FROM_POD,    /* at its pod's link */
	WEIR_ICMP_UPLINK_IN,
	WEIR_ICMP_TO_POD,
	WEIR_ICMP_UPLINK_OUT,
	WEIR_ICMP_AT_MAX_
};

/** struct weir_icmp_error - what an ICMP error says; @type 0: there is none. */
struct weir_icmp_error {
	struct weir_addr sender;
	uint16_t mtu;   /* that the next hop has room for; 0 not told; 65535: or more */
	uint8_t type;   /* RFC 792, or RFC 4443 when @sender is an IPv6 address */
	uint8_t code;
};

/** struct weir_flow_icmp - the ICMP errors that spoke of a connection; all zero: none known. */
struct weir_flow_icmp {
	struct weir_icmp_error latest;
	uint64_t packets;  /* errors so far, whatever their kind */
};

/** struct weir_icmp_tally - how they were seen where; zeroed: not at all. */
struct weir_icmp_tally {
	uint64_t packets[WEIR_ICMP_AT_MAX_];
	uint64_t time_ns;  /* of the latest */
	bool entered;      /* which was seen as it came to the node */
};

/**
 * weir_icmp_count() - @packets more like @error, the latest at @time_ns, were seen @at that place.
 *
 * One error is seen at up to two places: as it comes to the node, and as it leaves it or goes to a
 * pod. The two cannot be told from two errors, so there have been as many as at the place that saw
 * most: those that the node sends are seen at one, those for the node itself at another. The sender is
 * the one it had as it came; when it leaves, that may have been translated with the packet in it.
 */
void weir_icmp_count(struct weir_flow_icmp *flow, struct weir_icmp_tally *tally,
		     const struct weir_icmp_error *error, enum weir_icmp_at at, uint64_t packets,
		     uint64_t time_ns);

/** weir_icmp_to_str() - "PORT_UNREACHABLE", …; "" for a type or code that no RFC names. */
const char *weir_icmp_to_str(const struct weir_icmp_error *error);

#endif
