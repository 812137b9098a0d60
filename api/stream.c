/* SPDX-License-Identifier: Apache-2.0 */
#include "api/stream.h"

#include <errno.h>
#include <stdlib.h>

#include "api/json.h"
#include "lib/cleanup.h"
#include "lib/time.h"

/* What one call may cost: a record that is looked at as much as so many values of a filter. */
#define WORK_PER_RECORD 16
#define WORK_PER_READ (4096 * WORK_PER_RECORD)

/* Records are in order of arrival; by this much an older one may follow a younger. */
#define DISORDER_NS (5 * (int64_t)WEIR_NS_PER_SEC)

/* A little more than one message holds, as readers of the same records keep together. */
#define ENCODED_SLOTS 256

struct encoded_slot {
	uint64_t seq;
	struct weir_buf line;
};

struct weir_encoded {
	const char *node_name;
	bool share;
	struct encoded_slot slots[ENCODED_SLOTS];
};

int weir_encoded_new(const char *node_name, struct weir_encoded **ret_encoded)
{
	struct weir_encoded *encoded = calloc(1, sizeof(*encoded));

	if (!encoded)
		return -ENOMEM;
	encoded->node_name = node_name;
	*ret_encoded = encoded;
	return 0;
}

static void drop_lines(struct weir_encoded *encoded)
{
	for (size_t i = 0; i < ENCODED_SLOTS; i++) {
		weir_buf_done(&encoded->slots[i].line);
		encoded->slots[i].seq = 0;
	}
}

void weir_encoded_free(struct weir_encoded **encoded)
{
	if (!*encoded)
		return;
	drop_lines(*encoded);
	free(*encoded);
	*encoded = NULL;
}

void weir_encoded_share(struct weir_encoded *encoded, bool share)
{
	if (encoded->share && !share)
		drop_lines(encoded);
	encoded->share = share;
}

static void put_line(struct weir_encoded *encoded, struct weir_buf *out, uint64_t seq,
		     const struct weir_record *record)
{
	struct encoded_slot *slot = &encoded->slots[seq % ENCODED_SLOTS];

	if (!encoded->share) {
		weir_json_record(out, record, encoded->node_name);
		return;
	}
	if (slot->seq != seq) {
		weir_buf_clear(&slot->line);
		weir_json_record(&slot->line, record, encoded->node_name);
		slot->seq = slot->line.failed ? 0 : seq;
	}
	if (slot->line.failed && !out->failed)
		out->failed = slot->line.failed;
	else
		weir_buf_put(out, slot->line.data, slot->line.len);
}

void weir_stream_init(struct weir_stream *stream, struct weir_request *request,
		      const struct weir_history *history, struct weir_encoded *encoded,
		      int64_t now_ns)
{
	uint64_t next = weir_history_next(history);

	*stream = (struct weir_stream){
		.request = *request,
		.history = history,
		.encoded = encoded,
		.end = request->follow ? UINT64_MAX : next,
		.read_ns = now_ns,
	};
	weir_request_init(request);
	stream->floor = weir_history_first(history);
	if (stream->request.has_since || stream->request.last) {
		stream->seeking = true;
		stream->cursor = next;
	} else {
		stream->cursor = stream->request.follow ? next : stream->floor;
	}
}

void weir_stream_done(struct weir_stream *stream)
{
	weir_request_done(&stream->request);
}

/* How many records one call may look at; each may be compared with all values. */
static uint64_t records_per_read(const struct weir_stream *stream)
{
	const struct weir_request *request = &stream->request;

	return WORK_PER_READ / (WORK_PER_RECORD + request->n_filters + request->n_values);
}

/* Even what came in late is of before @ns. */
static bool is_long_before(int64_t time_ns, int64_t ns)
{
	int64_t limit;

	return !__builtin_sub_overflow(ns, DISORDER_NS, &limit) && time_ns < limit;
}

/* Whether the walk back need not go past @record. */
static bool seek_reached(struct weir_stream *stream, const struct weir_record *record)
{
	const struct weir_request *request = &stream->request;

	if (request->has_since)
		return is_long_before(record->time_ns, request->since_ns);
	if (record->kind != WEIR_RECORD_FLOW || !weir_request_match(request, record))
		return false;
	if (request->has_until && record->time_ns > request->until_ns)
		return false;
	return ++stream->found >= request->last;
}

/* Walk back to the first record of the answer. */
static enum weir_stream_state seek(struct weir_stream *stream)
{
	uint64_t records = records_per_read(stream);

	for (; records; records--) {
		const struct weir_record *record =
			weir_history_get(stream->history, stream->cursor - 1);

		if (record) {
			stream->cursor--;
			if (!seek_reached(stream, record))
				continue;
		} else {
			/* What the ring has written over meanwhile is then told as a gap. */
			stream->cursor = stream->floor;
		}
		stream->seeking = false;
		break;
	}
	return WEIR_STREAM_MORE;
}

/* Tell a gap at the place where it is. @upto_ns: time of the first record after it. */
static int put_gap(struct weir_stream *stream, struct weir_buf *out, enum weir_loss cause,
		   uint64_t count, int64_t upto_ns)
{
	const struct weir_record gap = {
		.kind = WEIR_RECORD_LOST,
		.time_ns = upto_ns,
		.lost = {
			.cause = cause,
			.count = count,
			.first_ns = stream->read_ns < upto_ns ? stream->read_ns : upto_ns,
			.last_ns = upto_ns,
		},
	};
	size_t before = out->len;

	weir_json_record(out, &gap, stream->encoded->node_name);
	if (!out->failed)
		return 0;
	weir_buf_truncate(out, before);
	out->failed = 0;
	return -ENOBUFS;
}

/* The ring has gone past the cursor: count, tell, go on with what is there. */
static int tell_overtaken(struct weir_stream *stream, struct weir_buf *out)
{
	uint64_t first = weir_history_first(stream->history);
	uint64_t upto = first < stream->end ? first : stream->end;
	const struct weir_record *oldest = weir_history_get(stream->history, first);
	uint64_t lost = upto - stream->cursor;
	int r = put_gap(stream, out, WEIR_LOSS_CLIENT_TOO_SLOW, lost,
			oldest ? oldest->time_ns : stream->read_ns);

	if (r < 0)
		return r;
	stream->lost += lost;
	stream->cursor = upto;
	return 0;
}

static bool wanted(struct weir_stream *stream, const struct weir_record *record)
{
	const struct weir_request *request = &stream->request;

	if (request->has_until && record->time_ns > request->until_ns) {
		/* Not the end yet: one that is older may have come in later. */
		stream->ended = is_long_before(request->until_ns, record->time_ns);
		return false;
	}
	if (request->has_since && record->time_ns < request->since_ns)
		return false;
	/* Losses pass every filter, as Hubble's do. */
	return record->kind != WEIR_RECORD_FLOW || weir_request_match(request, record);
}

static int put_record(struct weir_stream *stream, struct weir_buf *out,
		      const struct weir_record *record)
{
	size_t before = out->len;

	put_line(stream->encoded, out, stream->cursor, record);
	if (!out->failed) {
		stream->sent++;
		return 0;
	}
	/* Too large for what is left of this message, or for any. */
	weir_buf_truncate(out, before);
	out->failed = 0;
	return -ENOBUFS;
}

enum weir_stream_state weir_stream_read(struct weir_stream *stream, struct weir_buf *out,
					size_t bytes)
{
	uint64_t records = records_per_read(stream);
	size_t start = out->len;

	if (stream->seeking)
		return seek(stream);
	for (; records && out->len < bytes; records--) {
		const struct weir_record *record;

		if (stream->ended || stream->cursor >= stream->end)
			return WEIR_STREAM_END;
		if (stream->cursor < weir_history_first(stream->history)) {
			if (tell_overtaken(stream, out))
				return WEIR_STREAM_MORE;
			continue;
		}
		record = weir_history_get(stream->history, stream->cursor);
		if (!record)
			return WEIR_STREAM_IDLE;
		if (wanted(stream, record) && put_record(stream, out, record)) {
			/* With an empty message it will not fit the next one either. */
			if (out->len > start)
				return WEIR_STREAM_MORE;
			if (put_gap(stream, out, WEIR_LOSS_NO_MEMORY, 1, record->time_ns))
				return WEIR_STREAM_MORE;
			stream->lost++;
		}
		stream->read_ns = record->time_ns;
		stream->cursor++;
	}
	return WEIR_STREAM_MORE;
}
