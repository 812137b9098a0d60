/* SPDX-License-Identifier: Apache-2.0 */
#include "api/community_id.h"

#include <arpa/inet.h>
#include <libwebsockets.h>
#include <string.h>

#define SHA1_BYTES 20
#define V4_OFFSET 12

/* What is hashed, in network byte order: seed, addresses, protocol, a zero byte, ports. */
struct hashed {
	uint8_t bytes[2 + 2 * sizeof(struct weir_addr) + 2 + 2 * sizeof(uint16_t)];
	size_t len;
};

static void put(struct hashed *in, const void *bytes, size_t n)
{
	memcpy(in->bytes + in->len, bytes, n);
	in->len += n;
}

const char *weir_community_id(uint8_t protocol, const struct weir_addr *source,
			      uint16_t source_port, const struct weir_addr *destination,
			      uint16_t destination_port, char *text)
{
	bool v4 = weir_addr_is_v4(source);
	size_t skip = v4 ? V4_OFFSET : 0;
	size_t len = sizeof(source->bytes) - skip;
	uint16_t ports_be[2] = { htons(source_port), htons(destination_port) };
	uint8_t seed_be[2] = { 0, 0 };
	uint8_t protocol_pad[2] = { protocol, 0 };
	struct hashed in = { .len = 0 };
	uint8_t digest[SHA1_BYTES];
	int order;

	text[0] = '\0';
	if (v4 != weir_addr_is_v4(destination))
		return text;
	/* The lower end comes first: addresses, then ports, compared as bytes on the wire. */
	order = memcmp(source->bytes, destination->bytes, sizeof(source->bytes));
	if (!order)
		order = source_port < destination_port ? -1 : 1;
	put(&in, seed_be, sizeof(seed_be));
	put(&in, (order < 0 ? source : destination)->bytes + skip, len);
	put(&in, (order < 0 ? destination : source)->bytes + skip, len);
	put(&in, protocol_pad, sizeof(protocol_pad));
	put(&in, &ports_be[order < 0 ? 0 : 1], sizeof(ports_be[0]));
	put(&in, &ports_be[order < 0 ? 1 : 0], sizeof(ports_be[0]));
	lws_SHA1(in.bytes, in.len, digest);
	memcpy(text, "1:", sizeof("1:"));
	/* It wants more room than it uses, and ends the text only when it has it. */
	if (lws_b64_encode_string((const char *)digest, sizeof(digest), text + strlen("1:"),
				  WEIR_COMMUNITY_ID_MAX - (int)strlen("1:")) < 0)
		text[0] = '\0';
	return text;
}
