/* SPDX-License-Identifier: Apache-2.0 */
#include "api/frames.h"

#include <string.h>

#define FIN 0x80
#define RESERVED 0x70
#define OPCODE 0x0f
#define MASKED 0x80
#define LENGTH 0x7f

/* Section 7.4.1: "no status code was actually present". */
#define CLOSE_NO_STATUS 1005

static bool is_control(const struct weir_frame_reader *reader)
{
	return reader->header[0] & 0x8;
}

static size_t header_size(const struct weir_frame_reader *reader)
{
	if (reader->header_len < 2)
		return 2;
	switch (reader->header[1] & LENGTH) {
	case 126:
		return 4;
	case 127:
		return 10;
	default:
		return 2;
	}
}

static void fail(struct weir_frame *frame, const char *text)
{
	*frame = (struct weir_frame){ .kind = WEIR_FRAME_BAD, .data = text, .len = strlen(text) };
}

static const char *check_header(const struct weir_frame_reader *reader)
{
	uint8_t opcode = reader->header[0] & OPCODE;

	if (reader->header[0] & RESERVED)
		return "a reserved bit is set";
	if (reader->header[1] & MASKED)
		return "the server masked a frame";
	switch (opcode) {
	case WEIR_FRAME_OPCODE_CONTINUATION:
		return reader->in_message ? NULL : "a continuation of nothing";
	case WEIR_FRAME_OPCODE_TEXT:
	case WEIR_FRAME_OPCODE_BINARY:
		return reader->in_message ? "a message inside a message" : NULL;
	case WEIR_FRAME_OPCODE_CLOSE:
	case WEIR_FRAME_OPCODE_PING:
	case WEIR_FRAME_OPCODE_PONG:
		if (!(reader->header[0] & FIN))
			return "a control frame in pieces";
		return reader->left > WEIR_FRAME_CONTROL_MAX ? "a control frame too long" : NULL;
	default:
		return "an unknown opcode";
	}
}

static void decode_length(struct weir_frame_reader *reader)
{
	size_t size = header_size(reader);

	if (size == 2) {
		reader->left = reader->header[1] & LENGTH;
		return;
	}
	reader->left = 0;
	for (size_t i = 2; i < size; i++)
		reader->left = reader->left << 8 | reader->header[i];
}

static void finish_control(struct weir_frame_reader *reader, struct weir_frame *frame)
{
	const uint8_t *payload = (const uint8_t *)reader->control;

	frame->data = reader->control;
	frame->len = reader->control_len;
	switch (reader->header[0] & OPCODE) {
	case WEIR_FRAME_OPCODE_PING:
		frame->kind = WEIR_FRAME_PING;
		return;
	case WEIR_FRAME_OPCODE_PONG:
		frame->kind = WEIR_FRAME_PONG;
		return;
	}
	if (frame->len == 1) {
		fail(frame, "half a close code");
		return;
	}
	frame->kind = WEIR_FRAME_CLOSE;
	frame->code = CLOSE_NO_STATUS;
	if (frame->len >= 2) {
		frame->code = (uint16_t)(payload[0] << 8 | payload[1]);
		frame->data += 2;
		frame->len -= 2;
	}
}

/* Takes up to @len bytes of payload; the frame may end with them. */
static size_t read_payload(struct weir_frame_reader *reader, const char *bytes, size_t len,
			   struct weir_frame *frame)
{
	size_t take = reader->left < len ? (size_t)reader->left : len;
	bool fin = reader->header[0] & FIN;

	reader->left -= take;
	if (is_control(reader)) {
		memcpy(reader->control + reader->control_len, bytes, take);
		reader->control_len += take;
		if (!reader->left)
			finish_control(reader, frame);
	} else {
		*frame = (struct weir_frame){
			.kind = WEIR_FRAME_DATA, .data = bytes, .len = take,
			.last = fin && !reader->left,
		};
	}
	if (!reader->left) {
		if (!is_control(reader))
			reader->in_message = !fin;
		reader->in_payload = false;
		reader->header_len = 0;
	}
	return take;
}

size_t weir_frame_next(struct weir_frame_reader *reader, const char *bytes, size_t len,
		       struct weir_frame *ret_frame)
{
	const char *bad;
	size_t taken = 0;

	*ret_frame = (struct weir_frame){ .kind = WEIR_FRAME_NONE };
	if (!reader->in_payload) {
		while (taken < len && reader->header_len < header_size(reader))
			reader->header[reader->header_len++] = (uint8_t)bytes[taken++];
		if (reader->header_len < header_size(reader))
			return taken;
		decode_length(reader);
		bad = check_header(reader);
		if (bad) {
			fail(ret_frame, bad);
			return taken;
		}
		reader->in_payload = true;
		reader->control_len = 0;
		if (reader->left && taken == len)
			return taken;
	}
	return taken + read_payload(reader, bytes + taken, len - taken, ret_frame);
}

void weir_frame_put(struct weir_buf *out, enum weir_frame_opcode opcode, const void *payload,
		    size_t len, const uint8_t mask[4])
{
	const uint8_t *bytes = payload;

	weir_buf_putc(out, (char)(FIN | opcode));
	if (len < 126) {
		weir_buf_putc(out, (char)(MASKED | len));
	} else if (len <= UINT16_MAX) {
		weir_buf_putc(out, (char)(MASKED | 126));
		weir_buf_putc(out, (char)(len >> 8));
		weir_buf_putc(out, (char)len);
	} else {
		weir_buf_putc(out, (char)(MASKED | 127));
		for (int shift = 56; shift >= 0; shift -= 8)
			weir_buf_putc(out, (char)((uint64_t)len >> shift));
	}
	weir_buf_put(out, mask, 4);
	for (size_t i = 0; i < len; i++)
		weir_buf_putc(out, (char)(bytes[i] ^ mask[i % 4]));
}
