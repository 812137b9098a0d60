/* SPDX-License-Identifier: Apache-2.0 */
/* Websocket frames from a server, in pieces as the network cuts them. */
#include "api/frames.h"
#include "lib/cleanup.h"
#include "tests/fuzz/fuzz.h"

/* What came out, to compare one cutting with another: a piece of data may be cut anywhere. */
struct seen {
	uint64_t data_hash;
	uint64_t messages, pings, pongs, closes, bad;
};

static void hash(struct seen *seen, const char *bytes, size_t len)
{
	/* FNV-1a */
	for (size_t i = 0; i < len; i++)
		seen->data_hash = (seen->data_hash ^ (uint8_t)bytes[i]) * 0x100000001b3u;
}

static void look(struct seen *seen, const struct weir_frame *frame)
{
	switch (frame->kind) {
	case WEIR_FRAME_NONE:
		return;
	case WEIR_FRAME_DATA:
		seen->messages += frame->last;
		break;
	case WEIR_FRAME_PING:
		seen->pings++;
		break;
	case WEIR_FRAME_PONG:
		seen->pongs++;
		break;
	case WEIR_FRAME_CLOSE:
		seen->closes++;
		break;
	case WEIR_FRAME_BAD:
		fuzz_read(frame->data);
		seen->bad++;
		return;
	}
	fuzz_check(frame->kind == WEIR_FRAME_DATA || frame->len <= WEIR_FRAME_CONTROL_MAX);
	hash(seen, frame->data, frame->len);
}

static struct seen read_in_pieces(const uint8_t *data, size_t size, size_t piece)
{
	struct weir_frame_reader reader = { 0 };
	struct seen seen = { 0 };

	for (size_t at = 0; at < size && !seen.bad;) {
		size_t n = size - at < piece ? size - at : piece, taken;
		_cleanup_free_ char *bytes = fuzz_copy(data + at, n);
		struct weir_frame frame = { 0 };

		taken = weir_frame_next(&reader, bytes, n, &frame);
		fuzz_check(taken >= 1 && taken <= n);
		at += taken;
		look(&seen, &frame);
	}
	return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole, pieces;

	if (!size)
		return 0;
	whole = read_in_pieces(data + 1, size - 1, SIZE_MAX);
	pieces = read_in_pieces(data + 1, size - 1, 1 + data[0] % 32);
	fuzz_check(memcmp(&whole, &pieces, sizeof(whole)) == 0);
	return 0;
}
