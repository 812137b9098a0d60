/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_DNS_STREAM_H
#define WEIR_DNS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/pending.h"

/**
 * struct weir_dns_streams - DNS messages out of TCP's streams (RFC 1035 section 4.2.2, RFC 7766).
 *
 * One stream is one direction of one connection. Parts of it may come more than once, overlap, and
 * overtake each other by WEIR_DNS_STREAM_AHEAD bytes. Where something is missing for good, what lies
 * within one message costs no more than the end of that; else the stream is lost, and followed again
 * from the first part that is whole messages of its direction and nothing else, by their lengths and
 * headers. So begins, too, a stream of which the beginning was not seen.
 *
 * Shape: 1,024 streams, 4 KiB of a message that is not complete yet for each, and 256 parts that came
 *        early, at most 16 of a stream; of fixed memory that counts when it is used. The stream that was
 *        fed least recently makes room. O(1) for each part and message. Instants are CLOCK_MONOTONIC.
 */
struct weir_dns_streams;

/** So much is kept of a message that comes in several parts. */
#define WEIR_DNS_STREAM_MESSAGE_MAX 4096

/** How far ahead a part may be of what is missing before it. */
#define WEIR_DNS_STREAM_AHEAD (256U << 10)

/** What is in one part; of a longer one the rest was not captured. */
#define WEIR_DNS_STREAM_PART_MAX 1232

/** For how long a part waits for what is missing before it. */
#define WEIR_DNS_STREAM_WAIT_NS (2ULL * 1000000000ULL)

/** After how long without a part a stream is forgotten. */
#define WEIR_DNS_STREAM_IDLE_NS (300ULL * 1000000000ULL)

/** struct weir_dns_part - bytes of a stream, as they were on the wire. */
struct weir_dns_part {
	struct weir_dns_client client;
	struct weir_addr server;  /* with the port it counts when the client has no cookie */
	uint16_t server_port;
	bool answer;              /* which of the two streams: false from the client, true to it */
	uint32_t seq;             /* sequence number of the first byte */
	uint32_t isn;             /* initial one of the stream, the one before its first byte; 0 unknown */
	const uint8_t *bytes;     /* foreign, any alignment */
	size_t captured;          /* how many there are, WEIR_DNS_STREAM_PART_MAX at most, */
	size_t len;               /* of so many on the wire */
};

struct weir_dns_streams_stats {
	uint64_t streams;    /* now */
	uint64_t evicted;    /* that had to make room */
	uint64_t lost;       /* times that a stream could not be followed any more */
	uint64_t cut;        /* messages of which the end was not captured, or too much to be kept */
};

/** weir_dns_message_fn - a message: the first @captured of its @len bytes; borrowed for the call. */
typedef void (*weir_dns_message_fn)(void *ctx, const uint8_t *bytes, size_t captured, size_t len);

/** weir_dns_streams_new() - 0 or -ENOMEM. */
int weir_dns_streams_new(struct weir_dns_streams **ret_streams);
void weir_dns_streams_free(struct weir_dns_streams **streams);

/**
 * weir_dns_streams_feed() - the next part of a stream.
 *
 * @on_message: called for each message that is complete by it, in their order; must not feed.
 */
void weir_dns_streams_feed(struct weir_dns_streams *streams, const struct weir_dns_part *part,
			   uint64_t now_ns, weir_dns_message_fn on_message, void *ctx);

/** weir_dns_streams_expire() - forget streams that rest; O(those). */
void weir_dns_streams_expire(struct weir_dns_streams *streams, uint64_t now_ns);

void weir_dns_streams_get_stats(const struct weir_dns_streams *streams,
				struct weir_dns_streams_stats *ret_stats);

#endif
