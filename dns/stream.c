/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/map.h"
#include "lib/pages.h"

#define STREAMS 1024 /* a power of two */
#define EARLY 256
#define EARLY_OF_ONE 16
#define NONE 0       /* as an index; those of streams and early parts begin at 1 */
#define HEADER 12    /* of a message: RFC 1035 section 4.1.1 */
#define PREFIX 2     /* the length before it */

/* Bytes that name a stream, none of them padding. */
struct key {
	uint64_t connection;
	uint64_t answer;
};

/* A part that came before what is before it. */
struct early {
	uint32_t seq;
	uint32_t captured;
	uint32_t len;
	uint32_t next;        /* of its stream, by sequence number; or of the free ones */
	uint64_t since_ns;
	uint8_t bytes[WEIR_DNS_STREAM_PART_MAX];
};

struct stream {
	struct key key;
	uint64_t fed_ns;
	uint32_t isn;
	uint32_t next_seq;    /* of the first byte that is still to come */
	uint32_t at;          /* bytes of the message under way that went by, with its length's */
	uint32_t kept;        /* of them in buffers[] */
	uint32_t early;       /* the first of those */
	uint32_t n_early;
	uint32_t next;        /* in its bucket; or of the free ones */
	uint32_t older, newer;
	uint8_t prefix[PREFIX];
	bool lost;            /* where the next message begins is not known */
};

struct weir_dns_streams {
	struct stream *streams;  /* [0] is not used */
	struct early *early;     /* likewise */
	uint8_t *buffers;        /* one for each stream, of pages that most do not touch */
	uint32_t buckets[STREAMS];
	uint32_t used, free;
	uint32_t early_used, early_free;
	uint32_t oldest, newest;
	struct weir_dns_streams_stats stats;
	weir_dns_message_fn on_message;  /* during a feed */
	void *ctx;
};

#define STREAM_BYTES ((size_t)(STREAMS + 1) * sizeof(struct stream))
#define EARLY_BYTES ((size_t)(EARLY + 1) * sizeof(struct early))
#define BUFFER_BYTES ((size_t)(STREAMS + 1) * WEIR_DNS_STREAM_MESSAGE_MAX)

int weir_dns_streams_new(struct weir_dns_streams **ret_streams)
{
	_cleanup_(weir_dns_streams_free) struct weir_dns_streams *streams =
		calloc(1, sizeof(*streams));
	void *pages;
	int r;

	if (!streams)
		return -ENOMEM;
	r = weir_pages_new(STREAM_BYTES, &pages);
	if (r < 0)
		return r;
	streams->streams = pages;
	r = weir_pages_new(EARLY_BYTES, &pages);
	if (r < 0)
		return r;
	streams->early = pages;
	r = weir_pages_new(BUFFER_BYTES, &pages);
	if (r < 0)
		return r;
	streams->buffers = pages;
	*ret_streams = TAKE_PTR(streams);
	return 0;
}

void weir_dns_streams_free(struct weir_dns_streams **p)
{
	struct weir_dns_streams *streams = *p;

	*p = NULL;
	if (!streams)
		return;
	weir_pages_free(streams->streams, STREAM_BYTES);
	weir_pages_free(streams->early, EARLY_BYTES);
	weir_pages_free(streams->buffers, BUFFER_BYTES);
	free(streams);
}

static uint8_t *buffer_of(struct weir_dns_streams *streams, const struct stream *stream)
{
	return streams->buffers + (size_t)(stream - streams->streams) * WEIR_DNS_STREAM_MESSAGE_MAX;
}

/* --- the table ---------------------------------------------------------------------------- */

static struct key key_of(const struct weir_dns_part *part)
{
	struct {
		struct weir_addr client, server;
		uint32_t netns;
		uint16_t client_port, server_port;
	} place = { part->client.addr, part->server, part->client.netns, part->client.port,
		    part->server_port };
	struct key key = { .connection = part->client.cookie, .answer = part->answer };

	if (!key.connection)
		key.connection = weir_hash_bytes(&place, sizeof(place));
	return key;
}

/* Where the index of the stream is, or NONE. */
static uint32_t *find(struct weir_dns_streams *streams, const struct key *key)
{
	uint32_t *at = &streams->buckets[weir_hash_bytes(key, sizeof(*key)) & (STREAMS - 1)];

	while (*at != NONE && memcmp(&streams->streams[*at].key, key, sizeof(*key)) != 0)
		at = &streams->streams[*at].next;
	return at;
}

static void leave_order(struct weir_dns_streams *streams, struct stream *stream)
{
	*(stream->older ? &streams->streams[stream->older].newer : &streams->oldest) =
		stream->newer;
	*(stream->newer ? &streams->streams[stream->newer].older : &streams->newest) =
		stream->older;
}

static void become_newest(struct weir_dns_streams *streams, struct stream *stream)
{
	uint32_t index = (uint32_t)(stream - streams->streams);

	stream->older = streams->newest;
	stream->newer = NONE;
	*(streams->newest ? &streams->streams[streams->newest].newer : &streams->oldest) = index;
	streams->newest = index;
}

static void drop_first_early(struct weir_dns_streams *streams, struct stream *stream)
{
	uint32_t index = stream->early;
	struct early *early = &streams->early[index];

	stream->early = early->next;
	stream->n_early--;
	early->next = streams->early_free;
	streams->early_free = index;
}

static void drop_early(struct weir_dns_streams *streams, struct stream *stream)
{
	while (stream->early != NONE)
		drop_first_early(streams, stream);
}

static void drop_oldest(struct weir_dns_streams *streams)
{
	uint32_t index = streams->oldest;
	struct stream *stream = &streams->streams[index];

	/* What they waited for never came. */
	if (stream->early != NONE)
		streams->stats.lost++;
	drop_early(streams, stream);
	leave_order(streams, stream);
	*find(streams, &stream->key) = stream->next;
	stream->next = streams->free;
	streams->free = index;
	streams->stats.streams--;
}

static uint32_t stream_slot(struct weir_dns_streams *streams)
{
	uint32_t index;

	if (streams->free == NONE && streams->used < STREAMS)
		return ++streams->used;
	if (streams->free == NONE) {
		drop_oldest(streams);
		streams->stats.evicted++;
	}
	index = streams->free;
	streams->free = streams->streams[index].next;
	return index;
}

/* --- where messages begin ----------------------------------------------------------------- */

static size_t length_at(const uint8_t *bytes)
{
	return (size_t)bytes[0] << 8 | bytes[1];
}

/* A message's header as one of this direction has it: QR, opcode 0, at most one question. */
static bool is_header(const uint8_t *header, bool answer)
{
	return (header[2] & 0xf8) == (answer ? 0x80 : 0) && length_at(header + 4) <= 1;
}

static bool is_whole_messages(const struct weir_dns_part *part)
{
	size_t at = 0;

	if (part->captured != part->len || !part->len)
		return false;
	while (part->len - at >= PREFIX + HEADER) {
		size_t len = length_at(part->bytes + at);

		at += PREFIX;
		if (len < HEADER || len > part->len - at ||
		    !is_header(part->bytes + at, part->answer))
			return false;
		at += len;
	}
	return at == part->len;
}

/* Further from what is expected than a part can come early, or again. */
static bool is_far(uint32_t next_seq, uint32_t seq)
{
	return seq - next_seq + WEIR_DNS_STREAM_AHEAD > 2 * WEIR_DNS_STREAM_AHEAD;
}

/* The first byte of a stream has the number behind the initial one. */
static void begin(struct stream *stream, const struct weir_dns_part *part)
{
	stream->isn = part->isn;
	stream->at = 0;
	stream->kept = 0;
	stream->next_seq = part->isn ? part->isn + 1 : part->seq;
	stream->lost = !part->isn;
	/* It has gone on for a while: nobody will bring its beginning. */
	if (is_far(stream->next_seq, part->seq) ||
	    (part->seq != stream->next_seq && is_whole_messages(part))) {
		stream->next_seq = part->seq;
		stream->lost = true;
	}
}

static struct stream *stream_of(struct weir_dns_streams *streams, const struct weir_dns_part *part)
{
	struct key key = key_of(part);
	uint32_t index = *find(streams, &key), *at;
	struct stream *stream;

	if (index != NONE) {
		stream = &streams->streams[index];
		leave_order(streams, stream);
		become_newest(streams, stream);
		if (stream->isn != part->isn) {
			drop_early(streams, stream);
			begin(stream, part);
		}
		return stream;
	}
	index = stream_slot(streams);
	at = find(streams, &key);
	stream = &streams->streams[index];
	*stream = (struct stream){ .key = key };
	*at = index;
	begin(stream, part);
	become_newest(streams, stream);
	streams->stats.streams++;
	return stream;
}

/* --- messages in a stream ----------------------------------------------------------------- */

static void lose(struct weir_dns_streams *streams, struct stream *stream)
{
	stream->lost = true;
	stream->at = 0;
	stream->kept = 0;
	streams->stats.lost++;
}

static void pass_on(struct weir_dns_streams *streams, const uint8_t *bytes, size_t captured,
		    size_t len)
{
	if (captured < len)
		streams->stats.cut++;
	streams->on_message(streams->ctx, bytes, captured, len);
}

/* What is behind a part's first @n bytes. */
static void skip(struct weir_dns_part *part, size_t n)
{
	size_t captured = n < part->captured ? n : part->captured;

	part->seq += (uint32_t)n;
	part->bytes += captured;
	part->captured -= captured;
	part->len -= n;
}

/* Take the part's first bytes as the next of the message under way; one that is whole in the part is
 * passed on from there. */
static void take_message_bytes(struct weir_dns_streams *streams, struct stream *stream,
			       struct weir_dns_part *part)
{
	size_t len = length_at(stream->prefix), at = stream->at - PREFIX;
	size_t n = len - at < part->len ? len - at : part->len;
	size_t have = n < part->captured ? n : part->captured;
	uint8_t *buffer = buffer_of(streams, stream);

	if (!at && n == len) {
		pass_on(streams, part->bytes, have, len);
	} else if (stream->kept == at) {
		size_t room = WEIR_DNS_STREAM_MESSAGE_MAX - stream->kept;

		if (have > room)
			have = room;
		if (have)
			memcpy(buffer + stream->kept, part->bytes, have);
		stream->kept += (uint32_t)have;
	}
	stream->at += (uint32_t)n;
	if (at + n == len) {
		if (at)
			pass_on(streams, buffer, stream->kept, len);
		stream->at = 0;
		stream->kept = 0;
	}
	skip(part, n);
}

/* The part begins with the byte that is expected next, in a message or before one. */
static void take(struct weir_dns_streams *streams, struct stream *stream,
		 struct weir_dns_part *part)
{
	stream->next_seq += (uint32_t)part->len;
	while (part->len && !stream->lost) {
		if (stream->at >= PREFIX) {
			take_message_bytes(streams, stream, part);
			continue;
		}
		if (!part->captured) {
			lose(streams, stream);
			return;
		}
		stream->prefix[stream->at++] = part->bytes[0];
		skip(part, 1);
		/* No message is as short: this is no DNS, or not where one begins. */
		if (stream->at == PREFIX && length_at(stream->prefix) < HEADER)
			lose(streams, stream);
	}
}

/* Where a stream is lost it is found again where nothing else fits. */
static void take_lost(struct weir_dns_streams *streams, struct stream *stream,
		      struct weir_dns_part *part)
{
	stream->next_seq = part->seq;
	if (is_whole_messages(part)) {
		stream->lost = false;
		take(streams, stream, part);
	} else {
		stream->next_seq += (uint32_t)part->len;
	}
}

/* --- parts of a stream -------------------------------------------------------------------- */

/* What is new of a part; false: nothing. */
static bool trim(const struct stream *stream, struct weir_dns_part *part)
{
	uint32_t behind = stream->next_seq - part->seq;

	if ((int32_t)behind > 0) {
		if (behind >= part->len)
			return false;
		skip(part, behind);
	}
	return part->len > 0;
}

/* Keep it until what is before it is there; -ENOSPC. */
static int keep(struct weir_dns_streams *streams, struct stream *stream,
		const struct weir_dns_part *part, uint64_t now_ns)
{
	uint32_t *at = &stream->early, index;
	struct early *early;

	if (stream->n_early == EARLY_OF_ONE)
		return -ENOSPC;
	index = streams->early_free;
	if (index != NONE)
		streams->early_free = streams->early[index].next;
	else if (streams->early_used < EARLY)
		index = ++streams->early_used;
	else
		return -ENOSPC;
	while (*at != NONE && (int32_t)(streams->early[*at].seq - part->seq) <= 0)
		at = &streams->early[*at].next;
	early = &streams->early[index];
	early->seq = part->seq;
	early->captured = (uint32_t)part->captured;
	early->len = (uint32_t)part->len;
	early->since_ns = now_ns;
	early->next = *at;
	if (part->captured)
		memcpy(early->bytes, part->bytes, part->captured);
	*at = index;
	stream->n_early++;
	return 0;
}

/* Go on at @seq without what is before it: that is the message's under way, or nobody knows. */
static void give_up_before(struct weir_dns_streams *streams, struct stream *stream, uint32_t seq)
{
	uint32_t gap = seq - stream->next_seq;

	if (stream->lost || !gap)
		return;
	stream->next_seq = seq;
	if (stream->at < PREFIX || gap > PREFIX + length_at(stream->prefix) - stream->at) {
		lose(streams, stream);
		return;
	}
	stream->at += gap;
	if (stream->at < PREFIX + length_at(stream->prefix))
		return;
	pass_on(streams, buffer_of(streams, stream), stream->kept, length_at(stream->prefix));
	stream->at = 0;
	stream->kept = 0;
}

static void take_any(struct weir_dns_streams *streams, struct stream *stream,
		     struct weir_dns_part *part)
{
	if (!trim(stream, part))
		return;
	if (stream->lost)
		take_lost(streams, stream, part);
	else
		take(streams, stream, part);
}

/* Those early parts whose time has come; @all: without waiting for what is missing. */
static void take_early(struct weir_dns_streams *streams, struct stream *stream, bool answer,
		       bool all)
{
	while (stream->early != NONE) {
		struct early *early = &streams->early[stream->early];
		struct weir_dns_part part = {
			.answer = answer,
			.seq = early->seq,
			.bytes = early->bytes,
			.captured = early->captured,
			.len = early->len,
		};

		if (!stream->lost && (int32_t)(early->seq - stream->next_seq) > 0) {
			if (!all)
				return;
			give_up_before(streams, stream, early->seq);
		}
		take_any(streams, stream, &part);
		drop_first_early(streams, stream);
	}
}

static bool has_waited(const struct weir_dns_streams *streams, const struct stream *stream,
		       uint64_t now_ns)
{
	for (uint32_t i = stream->early; i != NONE; i = streams->early[i].next)
		if (streams->early[i].since_ns + WEIR_DNS_STREAM_WAIT_NS <= now_ns)
			return true;
	return false;
}

void weir_dns_streams_feed(struct weir_dns_streams *streams, const struct weir_dns_part *given,
			   uint64_t now_ns, weir_dns_message_fn on_message, void *ctx)
{
	struct weir_dns_part part = *given;
	struct stream *stream;

	if (part.captured > part.len || part.captured > WEIR_DNS_STREAM_PART_MAX ||
	    part.len > INT32_MAX)
		return;
	streams->on_message = on_message;
	streams->ctx = ctx;
	stream = stream_of(streams, &part);
	stream->fed_ns = now_ns;
	if (is_far(stream->next_seq, part.seq)) {
		drop_early(streams, stream);
		if (!stream->lost)
			lose(streams, stream);
		take_lost(streams, stream, &part);
		return;
	}
	if (!trim(stream, &part))
		return;
	if (!stream->lost && part.seq != stream->next_seq) {
		if (!has_waited(streams, stream, now_ns) &&
		    keep(streams, stream, &part, now_ns) == 0)
			return;
		take_early(streams, stream, part.answer, true);
		if (!trim(stream, &part))
			return;
		give_up_before(streams, stream, part.seq);
	}
	take_any(streams, stream, &part);
	take_early(streams, stream, part.answer, false);
}

void weir_dns_streams_expire(struct weir_dns_streams *streams, uint64_t now_ns)
{
	while (streams->oldest != NONE &&
	       streams->streams[streams->oldest].fed_ns + WEIR_DNS_STREAM_IDLE_NS <= now_ns)
		drop_oldest(streams);
}

void weir_dns_streams_get_stats(const struct weir_dns_streams *streams,
				struct weir_dns_streams_stats *ret_stats)
{
	*ret_stats = streams->stats;
}
