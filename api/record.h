/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_RECORD_H
#define WEIR_API_RECORD_H

#include <stdint.h>

#include "api/record_dns.h"
#include "flow/flow.h"
#include "k8s-meta/identity.h"

/** What an entry of the stream is: the envelope's key in JSON. */
enum weir_record_kind {
	WEIR_RECORD_FLOW,
	WEIR_RECORD_LOST,         /* lost_events */
};

/** Where records can be lost; each has its counter, its name in status and in lost_events. */
enum weir_loss {
	WEIR_LOSS_RINGBUF_FULL,      /* kernel: the ring buffer had no room */
	WEIR_LOSS_STORAGE_FAILED,    /* kernel: no memory to remember a UDP socket's owner */
	WEIR_LOSS_TCP_TABLE_FULL,    /* kernel: a connection the TCP map had no room for */
	WEIR_LOSS_UDP_TABLE_FULL,    /* kernel: a datagram of a flow the UDP map had no room for */
	WEIR_LOSS_DROP_TABLE_FULL,   /* kernel: a dropped packet or an ICMP error for which the
				      * maps of these had no room */
	WEIR_LOSS_LINK_TABLE_FULL,   /* kernel: a packet of a connection without a socket here that
				      * the map of those had no room for */
	WEIR_LOSS_DNS_NO_ROOM,       /* kernel: a DNS message while half of the ring was full */
	WEIR_LOSS_BAD_EVENT,         /* agent: a ring record of wrong length, version or content */
	WEIR_LOSS_NO_MEMORY,         /* agent: allocation failed in the correlator or history */
	WEIR_LOSS_CLIENT_TOO_SLOW,   /* a client was overtaken by the history ring (per client) */
	WEIR_LOSS_MAX_
};

/** weir_loss_to_str() - "ringbuf_full", "storage_failed", … */
const char *weir_loss_to_str(enum weir_loss loss);

/** weir_loss_source() - the value of flow.proto's enum LostEventSource that fits best. */
const char *weir_loss_source(enum weir_loss loss);

struct weir_record_lost {
	enum weir_loss cause;
	uint64_t count;
	int64_t first_ns;  /* wall clock: within which the losses were noticed */
	int64_t last_ns;
};

/**
 * struct weir_record - one entry of the stream with its names resolved.
 *
 * Owner: holds a reference on each non-NULL identity and service, and owns @names and @dns.
 */
struct weir_record {
	enum weir_record_kind kind;
	int64_t time_ns;  /* wall clock of the event */
	union {
		struct {
			struct weir_flow flow;
			const struct weir_identity *source;       /* never NULL */
			const struct weir_identity *destination;  /* never NULL */
			const struct weir_service_name *service;  /* asked for; or NULL */
			int64_t opened_ns;                        /* wall clock; 0 unknown */
			/* What @flow.drop says in numbers; borrowed for as long as there are
			 * records. NULL: not known, or nothing was dropped. */
			const char *drop_reason;
			const char *drop_reason_desc;
			const char *drop_place;
			struct weir_record_names *names;  /* or NULL */
			/* A DNS message, in the direction it went: of @flow count the ends
			 * and their addresses. NULL: a record of a connection. */
			struct weir_record_dns *dns;
		};
		struct weir_record_lost lost;
	};
};

/** weir_record_done() - drop the references. */
void weir_record_done(struct weir_record *record);

#endif
