/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCX programs at links of this network namespace, and how soon they come.
 *
 *   linkprog query LINK
 *       prints how many programs are at its ingress and its egress: "1 1".
 *   linkprog churn PREFIX COUNT LIMIT-MS
 *       makes COUNT pairs, PREFIX0 to PREFIXn, one after another; waits until PREFIXn has a program in
 *       both directions, and deletes it. Prints the times from the kernel's word of the new link to
 *       that, in milliseconds: "links 1000 late 0 median 21.5 p99 40.2 max 51.0"; late are those that
 *       had none within LIMIT-MS, whose time counts as that.
 *
 * Programs are looked for every half millisecond, so a time is at most that much too long.
 */
#include <inttypes.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/syscall.h>

#include "tests/tools/common.h"

#define TCX_INGRESS 46
#define TCX_EGRESS 47
#define PAUSE_NS 500000
#define EVENT_MS 5000

/* As much of union bpf_attr as BPF_PROG_QUERY takes for TCX. */
struct query {
	uint32_t ifindex, attach_type, query_flags, attach_flags;
	uint64_t prog_ids;
	uint32_t count, unused;
	uint64_t prog_attach_flags, link_ids, link_attach_flags, revision;
};

static uint32_t count_programs(uint32_t ifindex, uint32_t type)
{
	struct query query = { .ifindex = ifindex, .attach_type = type };

	if (syscall(SYS_bpf, BPF_PROG_QUERY, &query, sizeof(query)) < 0)
		die("BPF_PROG_QUERY: %s", strerror(errno));
	return query.count;
}

static int listen_links(void)
{
	struct sockaddr_nl at = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	struct timeval patience = { .tv_sec = EVENT_MS / 1000 };
	int bytes = 4 << 20;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		die("rtnetlink: %s", strerror(errno));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	return fd;
}

static bool is_named(const struct nlmsghdr *nlh, const char *name)
{
	const struct ifinfomsg *info = NLMSG_DATA(nlh);
	size_t left = IFLA_PAYLOAD(nlh);

	for (const struct rtattr *attr = IFLA_RTA(info); RTA_OK(attr, left);
	     attr = RTA_NEXT(attr, left)) {
		if (attr->rta_type == IFLA_IFNAME)
			return strcmp(RTA_DATA(attr), name) == 0;
	}
	return false;
}

/* Until the kernel says of a link of that name that it came or went: its number. */
static uint32_t wait_link(int fd, uint16_t type, const char *name)
{
	static _Alignas(struct nlmsghdr) char bytes[65536];

	for (;;) {
		ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

		if (n < 0)
			die("no word of %s: %s", name, strerror(errno));
		for (const struct nlmsghdr *nlh = (void *)bytes; NLMSG_OK(nlh, (size_t)n);
		     nlh = NLMSG_NEXT(nlh, n)) {
			const struct ifinfomsg *info = NLMSG_DATA(nlh);

			if (nlh->nlmsg_type == type && info->ifi_family == AF_UNSPEC &&
			    is_named(nlh, name))
				return (uint32_t)info->ifi_index;
		}
	}
}

static uint64_t wait_programs(uint32_t ifindex, uint64_t limit_ns)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	uint64_t begin = now_ns(), spent;

	while (!count_programs(ifindex, TCX_INGRESS) || !count_programs(ifindex, TCX_EGRESS)) {
		spent = now_ns() - begin;
		if (spent > limit_ns)
			return limit_ns;
		(void)nanosleep(&pause, NULL);
	}
	spent = now_ns() - begin;
	return spent < limit_ns ? spent : limit_ns;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void churn(const char *prefix, uint64_t count, uint64_t limit_ns)
{
	uint64_t *times = calloc(count, sizeof(*times)), late = 0;
	/* It makes each link as soon as it has its line. */
	FILE *ip = popen("exec ip -batch -", "we");
	int fd = listen_links();

	if (!times || !ip)
		die("cannot start ip");
	for (uint64_t i = 0; i < count; i++) {
		char name[IF_NAMESIZE];

		(void)snprintf(name, sizeof(name), "%s%u", prefix, (unsigned int)i);
		(void)fprintf(ip, "link add %s type veth\n", name);
		(void)fflush(ip);
		times[i] = wait_programs(wait_link(fd, RTM_NEWLINK, name), limit_ns);
		late += times[i] == limit_ns;
		(void)fprintf(ip, "link del %s\n", name);
		(void)fflush(ip);
		(void)wait_link(fd, RTM_DELLINK, name);
	}
	if (pclose(ip))
		die("ip failed");
	qsort(times, count, sizeof(*times), compare);
	printf("links %" PRIu64 " late %" PRIu64 " median %.1f p99 %.1f max %.1f\n", count, late,
	       (double)times[count / 2] / 1e6, (double)times[count * 99 / 100] / 1e6,
	       (double)times[count - 1] / 1e6);
	free(times);
	(void)close(fd);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "query") == 0) {
		uint32_t ifindex = if_nametoindex(argv[2]);

		if (!ifindex)
			die("%s: no such link", argv[2]);
		printf("%u %u\n", count_programs(ifindex, TCX_INGRESS),
		       count_programs(ifindex, TCX_EGRESS));
	} else if (argc == 5 && strcmp(argv[1], "churn") == 0) {
		churn(argv[2], parse_number("COUNT", argv[3], 1000000),
		      parse_number("LIMIT-MS", argv[4], 60000) * 1000000);
	} else {
		die("usage: linkprog query LINK | linkprog churn PREFIX COUNT LIMIT-MS");
	}
	return 0;
}
