/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LIB_CONNTRACK_H
#define WEIR_LIB_CONNTRACK_H

#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"

/** struct weir_conntrack_tuple - what packets of one direction say; ports in host order. */
struct weir_conntrack_tuple {
	struct weir_addr source;
	struct weir_addr destination;
	uint16_t source_port;
	uint16_t destination_port;
};

/**
 * struct weir_conntrack_entry - an entry of the kernel's conntrack that translates.
 *
 * @original is what the first packet said before any translation; @reply is what its answers say
 * before they are translated back. So its packets arrive at @reply.source as from
 * @reply.destination.
 */
struct weir_conntrack_entry {
	struct weir_conntrack_tuple original;
	struct weir_conntrack_tuple reply;
	uint32_t id;       /* with the tuples: this entry, and no later one of the same tuples */
	uint32_t netns;    /* low 32 bits of the network namespace's cookie; the parser leaves 0 */
	uint16_t zone;
	uint8_t protocol;  /* IPPROTO_TCP, _UDP or _SCTP */
	uint8_t pad_;
};

enum weir_conntrack_kind {
	WEIR_CONNTRACK_NEW,    /* it is there: told when it was made, or in answer to a dump */
	WEIR_CONNTRACK_GONE,
	WEIR_CONNTRACK_OTHER,  /* nothing of these: does not translate, another protocol, … */
};

/**
 * weir_conntrack_parse() - one message of the kernel's ctnetlink, with its header.
 *
 * @len: bytes of the message that are there.
 * Source: include/uapi/linux/netfilter/nfnetlink_conntrack.h, ctnetlink_fill_info().
 * Errors: -EBADMSG when it is cut off, or says of an entry that translates too little or what
 *         cannot be; @ret_entry is set for kind NEW and GONE.
 */
int weir_conntrack_parse(const void *message, size_t len, enum weir_conntrack_kind *ret_kind,
			 struct weir_conntrack_entry *ret_entry);

#endif
