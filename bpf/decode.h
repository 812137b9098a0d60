/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BPF_DECODE_H
#define WEIR_BPF_DECODE_H

#include <stddef.h>

#include "bpf/weir_abi.h"
#include "flow/flow.h"

/**
 * weir_decode_type() - what a ring record or row is, after checking what all have in common.
 *
 * Errors: -EBADMSG for a length that is none of the type's, another version, or an unknown type;
 *         nothing of such a record is used. Otherwise an enum weir_ev_type.
 */
int weir_decode_type(const void *data, size_t len);

/**
 * weir_decode_flow() - a flow record or sweep row to the correlator's input.
 *
 * @data: a record that weir_decode_type() called WEIR_EV_FLOW; any alignment.
 * Errors: -EBADMSG for a kind, role, protocol or end reason that does not exist.
 */
int weir_decode_flow(const void *data, struct weir_flow_input *ret_input);

/** weir_decode_drop() - as weir_decode_flow(); -EBADMSG also for a drop of no packets that goes on. */
int weir_decode_drop(const void *data, struct weir_drop_input *ret_input);

/** struct weir_cgroup_event - a cgroup of the v2 hierarchy came (or was renamed) or went. */
struct weir_cgroup_event {
	uint64_t time_ns;
	uint64_t id;
	bool made;        /* false: removed */
	const char *path; /* borrowed from the record; NUL-terminated */
};

/** weir_decode_cgroup() - as weir_decode_flow(); -EBADMSG also for a path without end. */
int weir_decode_cgroup(const void *data, struct weir_cgroup_event *ret_event);

/** struct weir_dns_event - what a client on this node sent or received: over UDP one DNS message, of
 * TCP a part of the stream. */
struct weir_dns_event {
	uint64_t time_ns;
	bool answer;               /* false: from the client; true: to it */
	uint8_t protocol;          /* IPPROTO_UDP or IPPROTO_TCP */
	uint16_t client_port;
	uint16_t server_port;
	struct weir_addr client;
	struct weir_addr server;   /* as the client sees it */
	struct weir_flow_end
		end; /* the client's; without a socket here a cookie of WEIR_COOKIE_LINK */
	uint32_t seq;              /* TCP: sequence number of the first byte */
	uint32_t isn;              /* TCP: initial one of whoever sent it; 0 unknown */
	const uint8_t *payload;    /* borrowed from the record; any alignment */
	size_t captured;           /* bytes of it */
	size_t len;                /* of the message or part on the wire */
};

/** weir_decode_dns() - as weir_decode_flow(); -EBADMSG also for more bytes than there can be. */
int weir_decode_dns(const void *data, struct weir_dns_event *ret_event);

#endif
