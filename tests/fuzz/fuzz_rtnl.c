/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel tells of links and routes, whose names and numbers others chose. */
#include <errno.h>
#include <linux/rtnetlink.h>

#include "lib/rtnl_decode.h"
#include "tests/fuzz/fuzz.h"

static void on_hop(void *ctx, uint32_t ifindex, bool table_main)
{
	size_t *hops = ctx;

	fuzz_check(ifindex);
	(*hops)++;
}

static void decode_link(const struct nlmsghdr *nlh)
{
	struct weir_rtnl_link link;
	int r = weir_rtnl_decode_link(nlh, &link);

	fuzz_check(r == 0 || r == 1 || r == -EBADMSG);
	if (r)
		return;
	fuzz_check(link.ifindex && link.ifindex <= INT32_MAX);
	fuzz_check(*link.name && memchr(link.name, '\0', sizeof(link.name)));
	fuzz_check(memchr(link.kind, '\0', sizeof(link.kind)));
}

static void decode_route(const struct nlmsghdr *nlh, size_t size)
{
	size_t hops = 0;
	int r = weir_rtnl_decode_default(nlh, on_hop, &hops);

	fuzz_check(r == 0 || r == 1 || r == -EBADMSG);
	/* Four bytes for the least of them. */
	fuzz_check(hops <= size / 4);
}

/* The body of a message; its header, of which the length is checked before, is ours. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nlmsghdr *nlh = malloc(sizeof(*nlh) + size);

	fuzz_check(nlh);
	*nlh = (struct nlmsghdr){ .nlmsg_len = (uint32_t)(sizeof(*nlh) + size) };
	if (size)
		memcpy(nlh + 1, data, size);
	nlh->nlmsg_type = RTM_NEWLINK;
	decode_link(nlh);
	nlh->nlmsg_type = RTM_NEWROUTE;
	decode_route(nlh, size);
	free(nlh);
	return 0;
}
