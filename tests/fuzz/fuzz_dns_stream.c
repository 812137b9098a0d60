/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of TCP streams from anyone: cut anywhere, again, early, or not to be captured. */
#include "dns/stream.h"
#include "lib/cleanup.h"
#include "tests/fuzz/fuzz.h"

/* Of what was fed, so much may come out: no byte belongs to two messages. */
static size_t fed, told;

static void on_message(void *ctx, const uint8_t *bytes, size_t captured, size_t len)
{
	_cleanup_free_ char *copy = fuzz_copy(bytes, captured);

	fuzz_check(!ctx && captured <= len && len >= 12 && len <= UINT16_MAX);
	told += captured + 2;
}

struct step {
	uint8_t stream;   /* which, and of what initial number */
	uint8_t how;
	uint8_t len;
	uint8_t move;
};

/* Each step is four bytes of what to do, and its part's own. */
static size_t step(struct weir_dns_streams *streams, uint32_t seqs[4], const uint8_t *data,
		   size_t size, uint64_t *now_ns)
{
	struct step s = { data[0], data[1], data[2], data[3] };
	size_t len = s.len < size - 4 ? s.len : size - 4;
	uint32_t *seq = &seqs[s.stream & 3];
	_cleanup_free_ char *bytes = fuzz_copy(data + 4, len);
	struct weir_dns_part part = {
		.client = { .cookie = s.stream & 1, .port = s.stream & 3 },
		.answer = s.stream & 4,
		.isn = s.stream & 8 ? 0 : 0xffffff00U + (s.stream & 16),
		.seq = *seq,
		.bytes = (const uint8_t *)bytes,
		.captured = len,
		.len = len,
	};

	if (s.how & 1)
		part.seq += s.move;
	if (s.how & 2)
		part.seq -= s.move;
	if (s.how & 4)
		part.len += s.move * 300U;
	if (s.how & 8)
		part.seq ^= (uint32_t)s.move << 24;
	if (!(s.how & 16))
		*seq = part.seq + (uint32_t)part.len;
	*now_ns += (uint64_t)s.how << 24;
	fed += part.len;
	weir_dns_streams_feed(streams, &part, *now_ns, on_message, NULL);
	return 4 + len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(weir_dns_streams_free) struct weir_dns_streams *streams = NULL;
	uint32_t seqs[4] = { 0xffffff01U, 0xffffff01U, 0xffffff01U, 0xffffff01U };
	struct weir_dns_streams_stats stats;
	uint64_t now_ns = 1;

	fed = told = 0;
	fuzz_check(weir_dns_streams_new(&streams) == 0);
	while (size >= 4) {
		size_t used = step(streams, seqs, data, size, &now_ns);

		data += used;
		size -= used;
		fuzz_check(told <= fed);
	}
	weir_dns_streams_expire(streams, now_ns + WEIR_DNS_STREAM_IDLE_NS);
	weir_dns_streams_get_stats(streams, &stats);
	fuzz_check(!stats.streams && !stats.evicted);
	return 0;
}
