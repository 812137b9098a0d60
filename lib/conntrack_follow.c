/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conntrack_follow.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_compat.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/netlink.h"

/* Of every kernel that has conntrack, in every network namespace. */
#define CONNTRACK_IS_HERE "/proc/sys/net/netfilter/nf_conntrack_max"

/* An event is some 300 bytes; the longest one, with labels and a security context, below 1 KiB. */
#define EVENT_BYTES 1024
#define EVENTS_AT_ONCE 16

/* The kernel fills as much of it as it can. */
#define DUMP_BYTES 16384

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

struct weir_conntrack_follow {
	struct weir_conntrack_follow_opts opts;
	int events_fd;
	int dump_fd;
	bool dump_wanted;
	bool dumping;
	uint32_t sequence;
	uint32_t drops;  /* of the events' socket, as last told */
	struct weir_conntrack_follow_stats stats;
};

/*
 * Status says what an entry does, and the kernel looks for it by itself. The offset is that of the
 * first attribute; A becomes that of CTA_STATUS, or 0.
 */
static int filter_events(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LDX | BPF_IMM, CTA_STATUS),
		BPF_STMT(BPF_LD | BPF_IMM, NLMSG_LENGTH(sizeof(struct nfgenmsg))),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_NLATTR)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 0),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_IND, sizeof(struct nlattr)),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, IPS_NAT_MASK, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

static int open_events(size_t buffer_bytes, int *ret_fd)
{
	static const int groups[] = { NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_DESTROY };
	_cleanup_fd_ int fd = -1;
	/* The kernel doubles it. */
	int bytes = buffer_bytes / 2 < INT32_MAX ? (int)(buffer_bytes / 2) : INT32_MAX;
	int r = weir_netlink_open(NETLINK_NETFILTER, SOCK_NONBLOCK, &fd, NULL);

	if (r < 0)
		return r;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		return -errno;
	r = filter_events(fd);
	if (r >= 0)
		r = weir_netlink_join(fd, groups, sizeof(groups) / sizeof(groups[0]));
	if (r < 0)
		return r;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int weir_conntrack_follow_new(const struct weir_conntrack_follow_opts *opts,
			      struct weir_conntrack_follow **ret_follow)
{
	_cleanup_(weir_conntrack_follow_free) struct weir_conntrack_follow *follow = NULL;
	int r;

	if (access(CONNTRACK_IS_HERE, F_OK) < 0)
		return -errno;
	follow = calloc(1, sizeof(*follow));
	if (!follow)
		return -ENOMEM;
	follow->opts = *opts;
	follow->events_fd = follow->dump_fd = -1;
	/* Events first: what is made while the dump goes on is in either. */
	r = open_events(opts->buffer_bytes, &follow->events_fd);
	if (r >= 0)
		r = weir_netlink_open(NETLINK_NETFILTER, SOCK_NONBLOCK, &follow->dump_fd, NULL);
	if (r < 0)
		return r;
	follow->dump_wanted = true;
	*ret_follow = TAKE_PTR(follow);
	return 0;
}

void weir_conntrack_follow_free(struct weir_conntrack_follow **p)
{
	struct weir_conntrack_follow *follow = *p;

	*p = NULL;
	if (!follow)
		return;
	weir_cleanup_fd(&follow->events_fd);
	weir_cleanup_fd(&follow->dump_fd);
	free(follow);
}

int weir_conntrack_follow_fd(const struct weir_conntrack_follow *follow)
{
	return follow->events_fd;
}

static void take_message(struct weir_conntrack_follow *follow, bool dumped,
			 const struct nlmsghdr *header, size_t len)
{
	struct weir_conntrack_entry entry;
	enum weir_conntrack_kind kind;

	if (weir_conntrack_parse(header, len, &kind, &entry) < 0)
		follow->stats.bad++;
	else if (kind != WEIR_CONNTRACK_OTHER)
		follow->opts.on_entry(follow->opts.ctx, kind, dumped, &entry);
}

static void count_lost(struct weir_conntrack_follow *follow)
{
	uint32_t memory[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(memory);

	follow->dump_wanted = true;
	if (getsockopt(follow->events_fd, SOL_SOCKET, SO_MEMINFO, memory, &len) < 0 ||
	    memory[SK_MEMINFO_DROPS] == follow->drops) {
		follow->stats.lost++;
		return;
	}
	follow->stats.lost += memory[SK_MEMINFO_DROPS] - follow->drops;
	follow->drops = memory[SK_MEMINFO_DROPS];
}

/* Returns how many were taken, or -1 when there is none. */
static int take_events(struct weir_conntrack_follow *follow)
{
	_Alignas(struct nlmsghdr) char bytes[EVENTS_AT_ONCE][EVENT_BYTES];
	struct sockaddr_nl from[EVENTS_AT_ONCE];
	struct iovec parts[EVENTS_AT_ONCE];
	struct mmsghdr messages[EVENTS_AT_ONCE];
	int n;

	for (size_t i = 0; i < EVENTS_AT_ONCE; i++) {
		parts[i] = (struct iovec){ bytes[i], EVENT_BYTES };
		messages[i] = (struct mmsghdr){ .msg_hdr = { .msg_name = &from[i],
							     .msg_namelen = sizeof(from[i]),
							     .msg_iov = &parts[i],
							     .msg_iovlen = 1 } };
	}
	n = recvmmsg(follow->events_fd, messages, EVENTS_AT_ONCE, MSG_DONTWAIT, NULL);
	if (n < 0 && errno == ENOBUFS) {
		count_lost(follow);
		return 0;
	}
	for (int i = 0; i < n; i++) {
		if ((messages[i].msg_hdr.msg_flags & MSG_TRUNC) || from[i].nl_pid)
			follow->stats.bad++;
		else
			take_message(follow, false, (const struct nlmsghdr *)(void *)bytes[i],
				     messages[i].msg_len);
	}
	return n;
}

size_t weir_conntrack_follow_events(struct weir_conntrack_follow *follow, size_t max)
{
	size_t taken = 0;
	int n;

	do {
		n = take_events(follow);
		/* What was lost counts as well, or a flood would keep us here. */
		taken += n > 0 ? (size_t)n : 1;
	} while ((n == 0 || n == EVENTS_AT_ONCE) && taken < max);
	return n < 0 ? taken - 1 : taken;
}

void weir_conntrack_follow_dump(struct weir_conntrack_follow *follow)
{
	follow->dump_wanted = true;
}

static bool begin_dump(struct weir_conntrack_follow *follow)
{
	const struct {
		struct nlmsghdr header;
		struct nfgenmsg family;
	} request = {
		.header = {
			.nlmsg_len = sizeof(request),
			.nlmsg_type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			.nlmsg_seq = ++follow->sequence,
		},
		.family = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 },
	};

	follow->dump_wanted = false;
	if (send(follow->dump_fd, &request, sizeof(request), 0) < 0)
		return false;
	follow->dumping = true;
	follow->opts.on_dump_begin(follow->opts.ctx);
	return true;
}

/* An error, or a dump's end that says one. */
static bool has_failed(const struct nlmsghdr *header)
{
	int error = 0;

	if (mnl_nlmsg_get_payload_len(header) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(header), sizeof(error));
	return header->nlmsg_type == NLMSG_ERROR || error < 0;
}

/* What the dump's end, a part of it, or an error told. */
static void take_dump(struct weir_conntrack_follow *follow, const void *bytes, int len)
{
	const struct nlmsghdr *header = bytes;

	for (; mnl_nlmsg_ok(header, len); header = mnl_nlmsg_next(header, &len)) {
		if (header->nlmsg_seq != follow->sequence)
			continue;
		if (header->nlmsg_type != NLMSG_DONE && header->nlmsg_type != NLMSG_ERROR) {
			take_message(follow, true, header, header->nlmsg_len);
			continue;
		}
		follow->dumping = false;
		if (has_failed(header)) {
			follow->stats.bad++;
			return;
		}
		follow->stats.dumps++;
		follow->opts.on_dump_end(follow->opts.ctx);
		return;
	}
}

bool weir_conntrack_follow_step(struct weir_conntrack_follow *follow)
{
	_Alignas(struct nlmsghdr) char bytes[DUMP_BYTES];
	ssize_t n;

	if (!follow->dumping && (!follow->dump_wanted || !begin_dump(follow)))
		return false;
	n = weir_netlink_receive(follow->dump_fd, bytes, sizeof(bytes));
	if (n == -EINTR || n == -EBADMSG)
		return true;
	/* The answers are made while they are fetched: none means that there will be none. */
	if (n < 0) {
		follow->dumping = false;
		follow->stats.bad++;
		return false;
	}
	take_dump(follow, bytes, (int)n);
	return follow->dumping;
}

void weir_conntrack_follow_get_stats(const struct weir_conntrack_follow *follow,
				     struct weir_conntrack_follow_stats *ret_stats)
{
	*ret_stats = follow->stats;
}
