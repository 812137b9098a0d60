/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_FRAMES_H
#define WEIR_API_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

/*
 * Websocket framing as a client sees it (RFC 6455 section 5), without I/O.
 *
 * libwebsockets 4.1 takes a frame's payload through a state machine byte by byte; a client that
 * has to follow 200,000 records a second cannot. Here the payload is handed on as it lies in the
 * receive buffer.
 */

/** A control frame's payload is at most this long (section 5.5). */
#define WEIR_FRAME_CONTROL_MAX 125

enum weir_frame_kind {
	WEIR_FRAME_NONE,   /* more bytes are needed */
	WEIR_FRAME_DATA,   /* a piece of a message's payload, possibly empty */
	WEIR_FRAME_PING,
	WEIR_FRAME_PONG,
	WEIR_FRAME_CLOSE,
	WEIR_FRAME_BAD,    /* a protocol error: @data says which; the connection is useless */
};

/** struct weir_frame - what weir_frame_next() found; @data is borrowed until its next call. */
struct weir_frame {
	enum weir_frame_kind kind;
	const char *data;  /* DATA, PING: payload; CLOSE: the reason; BAD: text with a NUL */
	size_t len;
	bool last;         /* DATA: the message ends with this piece */
	uint16_t code;     /* CLOSE: status, 1005 when there was none */
};

/** struct weir_frame_reader - zeroed at the start of a connection. */
struct weir_frame_reader {
	uint8_t header[14];
	size_t header_len;
	uint64_t left;         /* payload bytes of the present frame still to come */
	bool in_payload;
	bool in_message;       /* a data message has begun and not ended */
	char control[WEIR_FRAME_CONTROL_MAX];
	size_t control_len;
};

/**
 * weir_frame_next() - read from @bytes up to the end of one piece.
 *
 * Returns the number of bytes taken: at least 1 when @len is.
 */
size_t weir_frame_next(struct weir_frame_reader *reader, const char *bytes, size_t len,
		       struct weir_frame *ret_frame);

enum weir_frame_opcode {
	WEIR_FRAME_OPCODE_CONTINUATION = 0x0,
	WEIR_FRAME_OPCODE_TEXT = 0x1,
	WEIR_FRAME_OPCODE_BINARY = 0x2,
	WEIR_FRAME_OPCODE_CLOSE = 0x8,
	WEIR_FRAME_OPCODE_PING = 0x9,
	WEIR_FRAME_OPCODE_PONG = 0xa,
};

/** weir_frame_put() - append one whole frame, masked with @mask as a client has to. */
void weir_frame_put(struct weir_buf *out, enum weir_frame_opcode opcode, const void *payload,
		    size_t len, const uint8_t mask[4]);

#endif
