/* SPDX-License-Identifier: Apache-2.0 */
/* A message of the kernel's ctnetlink, as lib/conntrack.h reads it. */
#include <errno.h>
#include <netinet/in.h>

#include "lib/cleanup.h"
#include "lib/conntrack.h"
#include "tests/fuzz/fuzz.h"

#define HEADER_BYTES 20  /* nlmsghdr and nfgenmsg */

static void parse(const void *data, size_t size)
{
	_cleanup_free_ char *message = fuzz_copy(data, size);
	struct weir_conntrack_entry entry = { 0 };
	enum weir_conntrack_kind kind;
	int r = weir_conntrack_parse(message, size, &kind, &entry);

	fuzz_check(r == 0 || r == -EBADMSG);
	if (r < 0)
		return;
	fuzz_check(kind <= WEIR_CONNTRACK_OTHER);
	if (kind == WEIR_CONNTRACK_OTHER)
		return;
	fuzz_check(entry.protocol == IPPROTO_TCP || entry.protocol == IPPROTO_UDP ||
		   entry.protocol == IPPROTO_SCTP);
	fuzz_check(!entry.netns && !entry.pad_);
}

/* As the attributes behind headers that are right: few inputs would come to have them. */
static void parse_body(const uint8_t *data, size_t size)
{
	uint32_t len = (uint32_t)(HEADER_BYTES + size);
	_cleanup_free_ char *message = calloc(1, len);
	const uint16_t type = 1 << 8;  /* ctnetlink, NEW */

	fuzz_check(message);
	memcpy(message, &len, sizeof(len));
	memcpy(message + sizeof(len), &type, sizeof(type));
	if (size)
		memcpy(message + HEADER_BYTES, data, size);
	parse(message, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	parse(data, size);
	parse_body(data, size);
	return 0;
}
