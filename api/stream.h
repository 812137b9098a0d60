/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_STREAM_H
#define WEIR_API_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/history.h"
#include "api/request.h"
#include "lib/buf.h"

enum weir_stream_state {
	WEIR_STREAM_MORE,  /* call again: bounded work was done, more may be there */
	WEIR_STREAM_IDLE,  /* all there is was read; call again when records were pushed */
	WEIR_STREAM_END,   /* nothing will come any more */
};

/**
 * struct weir_encoded - records already in JSON, kept while several streams read the same ones.
 *
 * One slot per sequence number modulo the table's size; struct weir_buf keeps its memory.
 */
struct weir_encoded;

int weir_encoded_new(const char *node_name, struct weir_encoded **ret_encoded);
void weir_encoded_free(struct weir_encoded **encoded);

/** weir_encoded_share() - whether to keep lines (several readers) or not (one or none). */
void weir_encoded_share(struct weir_encoded *encoded, bool share);

/**
 * struct weir_stream - one client's way through the history: a cursor and what it asked for.
 *
 * Owner: embedded in its user; owns the request. No buffer: the history is the queue.
 */
struct weir_stream {
	struct weir_request request;
	const struct weir_history *history;
	struct weir_encoded *encoded;
	uint64_t cursor;        /* seeking: the record looked at last; then the next to read */
	uint64_t end;           /* not following: where it stops; else UINT64_MAX */
	uint64_t floor;         /* the oldest record there was at the request */
	uint64_t found;         /* matches seen while seeking the last N */
	int64_t read_ns;        /* time of the record read last, or of the request */
	bool seeking;
	bool ended;             /* a record after `until` was met */
	uint64_t sent;          /* records, not counting gaps told */
	uint64_t lost;          /* records overtaken by the ring */
};

/** weir_stream_init() - takes over @request (left empty). @now_ns: wall clock. */
void weir_stream_init(struct weir_stream *stream, struct weir_request *request,
		      const struct weir_history *history, struct weir_encoded *encoded,
		      int64_t now_ns);
void weir_stream_done(struct weir_stream *stream);

/**
 * weir_stream_read() - append the next records to @out, a line each.
 *
 * Shape:  looks at a bounded number of records, the fewer the more values the filters have; stops when @out has @bytes or more. When the ring
 *         has overtaken the cursor, a lost_events line with the number of records comes first.
 * Errors: a record that cannot be encoded (no memory, or @out's limit) is counted as lost, cause
 *         no_memory, and told likewise.
 */
enum weir_stream_state weir_stream_read(struct weir_stream *stream, struct weir_buf *out,
					size_t bytes);

#endif
