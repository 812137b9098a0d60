/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/clsact.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "lib/cleanup.h"
#include "lib/netlink.h"

#define PRIORITY_MAX 8
/* Filters of one handle that are removed from one hook: one for each priority is what there can be. */
#define FOUND_MAX PRIORITY_MAX
#define MESSAGE_BYTES 512
#define ANSWER_BYTES 32768

struct message {
	_Alignas(struct nlmsghdr) char bytes[MESSAGE_BYTES];
};

/* Send, and have the answers looked at until the last: 0 or -errno. */
static int ask(const struct nlmsghdr *nlh, mnl_cb_t fn, void *ctx)
{
	/* The kernel answers before send() returns; this is for a day on which it does not. */
	const struct timeval patience = { .tv_sec = 1 };
	_Alignas(struct nlmsghdr) char answer[ANSWER_BYTES];
	_cleanup_fd_ int fd = -1;
	uint32_t port = 0;
	ssize_t n;
	int r = weir_netlink_open(NETLINK_ROUTE, 0, &fd, &port);

	if (r < 0)
		return r;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    send(fd, nlh, nlh->nlmsg_len, 0) < 0)
		return -errno;
	do {
		n = weir_netlink_receive(fd, answer, sizeof(answer));
		if (n < 0)
			return (int)n;
		r = mnl_cb_run(answer, (size_t)n, nlh->nlmsg_seq, port, fn, ctx);
	} while (r > MNL_CB_STOP);
	return r < 0 ? -errno : 0;
}

static struct nlmsghdr *begin(struct message *message, uint16_t type, uint16_t flags,
			      const struct tcmsg *tc)
{
	struct nlmsghdr *nlh;
	struct tcmsg *payload;

	memset(message, 0, sizeof(*message));
	nlh = mnl_nlmsg_put_header(message->bytes);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = 1;
	payload = mnl_nlmsg_put_extra_header(nlh, sizeof(*payload));
	*payload = *tc;
	return nlh;
}

static bool attr_is(const struct nlattr *attr, const char *text)
{
	size_t len = strlen(text) + 1;

	return mnl_attr_get_payload_len(attr) == len &&
	       memcmp(mnl_attr_get_payload(attr), text, len) == 0;
}

static int on_qdisc(const struct nlmsghdr *nlh, void *ctx)
{
	bool *is_clsact = ctx;
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWQDISC ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(struct tcmsg))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(struct tcmsg))
	{
		if (mnl_attr_get_type(attr) == TCA_KIND)
			*is_clsact = attr_is(attr, "clsact");
	}
	return MNL_CB_OK;
}

static struct tcmsg qdisc(uint32_t ifindex)
{
	struct tcmsg tc = {
		.tcm_ifindex = (int)ifindex,
		.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0),
		.tcm_parent = TC_H_CLSACT,
	};

	return tc;
}

/* In clsact's place may be the older qdisc "ingress": it takes filters of either direction, and runs
 * all of them at ingress. 1, 0 or -errno. */
static int has_clsact(uint32_t ifindex)
{
	const struct tcmsg tc = qdisc(ifindex);
	struct message message;
	bool is_clsact = false;
	int r;

	/* Without an echo the answer goes to those who listen to changes only. */
	r = ask(begin(&message, RTM_GETQDISC, NLM_F_ECHO | NLM_F_ACK, &tc), on_qdisc, &is_clsact);
	/* -EINVAL: there was one, and nothing took its place. */
	if (r == -ENOENT || r == -ENODEV || r == -EINVAL)
		return 0;
	return r < 0 ? r : is_clsact;
}

static int add_qdisc(uint32_t ifindex)
{
	const struct tcmsg tc = qdisc(ifindex);
	struct message message;
	struct nlmsghdr *nlh;
	int r;

	nlh = begin(&message, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &tc);
	mnl_attr_put_strz(nlh, TCA_KIND, "clsact");
	r = ask(nlh, NULL, NULL);
	return r == -EEXIST ? 0 : r;
}

static struct tcmsg hook(uint32_t ifindex, bool egress)
{
	uint32_t minor = egress ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS;
	struct tcmsg tc = {
		.tcm_ifindex = (int)ifindex,
		.tcm_parent = TC_H_MAKE(TC_H_CLSACT, minor),
	};

	return tc;
}

static struct tcmsg place(const struct weir_clsact_filter *filter)
{
	struct tcmsg tc = hook(filter->ifindex, filter->egress);

	tc.tcm_handle = filter->handle;
	tc.tcm_info = TC_H_MAKE((uint32_t)filter->priority << 16, htons(ETH_P_ALL));
	return tc;
}

static int add_filter(const struct weir_clsact_filter *filter, int prog_fd, const char *name)
{
	const struct tcmsg tc = place(filter);
	struct message message;
	struct nlmsghdr *nlh;
	struct nlattr *options;

	nlh = begin(&message, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &tc);
	mnl_attr_put_strz(nlh, TCA_KIND, "bpf");
	options = mnl_attr_nest_start(nlh, TCA_OPTIONS);
	mnl_attr_put_u32(nlh, TCA_BPF_FD, (uint32_t)prog_fd);
	mnl_attr_put_strz(nlh, TCA_BPF_NAME, name);
	mnl_attr_put_u32(nlh, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	mnl_attr_nest_end(nlh, options);
	return ask(nlh, NULL, NULL);
}

int weir_clsact_add(uint32_t ifindex, bool egress, int prog_fd, const char *name, uint32_t handle,
		    struct weir_clsact_filter *ret_filter)
{
	struct weir_clsact_filter filter = {
		.ifindex = ifindex,
		.egress = egress,
		.handle = handle,
	};
	int r;

	if (strlen(name) >= MESSAGE_BYTES / 4)
		return -EINVAL;
	r = add_qdisc(ifindex);
	if (r < 0)
		return r;
	r = egress ? has_clsact(ifindex) : 1;
	if (r <= 0)
		return r < 0 ? r : -EOPNOTSUPP;
	do {
		filter.priority++;
		r = add_filter(&filter, prog_fd, name);
	} while (r == -EINVAL && filter.priority < PRIORITY_MAX);
	if (r == 0)
		*ret_filter = filter;
	return r;
}

int weir_clsact_remove(const struct weir_clsact_filter *filter)
{
	const struct tcmsg tc = place(filter);
	struct message message;
	struct nlmsghdr *nlh = begin(&message, RTM_DELTFILTER, NLM_F_ACK, &tc);
	int r;

	mnl_attr_put_strz(nlh, TCA_KIND, "bpf");
	r = ask(nlh, NULL, NULL);
	/* -EINVAL: the qdisc is gone. */
	return r == -ENOENT || r == -ENODEV || r == -EINVAL ? 0 : r;
}

int weir_clsact_has(const struct weir_clsact_filter *filter)
{
	const struct tcmsg tc = place(filter);
	struct message message;
	struct nlmsghdr *nlh = begin(&message, RTM_GETTFILTER, NLM_F_ACK, &tc);
	int r;

	mnl_attr_put_strz(nlh, TCA_KIND, "bpf");
	r = ask(nlh, NULL, NULL);
	if (r == 0)
		return 1;
	return r == -ENOENT || r == -ENODEV || r == -EINVAL ? 0 : r;
}

struct search {
	const char *name;
	uint32_t handle;
	struct weir_clsact_filter hook;
	struct weir_clsact_filter found[FOUND_MAX];
	size_t n;
};

static bool options_have_name(const struct nlattr *options, const char *name)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, options)
	{
		if (mnl_attr_get_type(attr) == TCA_BPF_NAME)
			return attr_is(attr, name);
	}
	return false;
}

static int on_filter(const struct nlmsghdr *nlh, void *ctx)
{
	struct search *search = ctx;
	bool is_bpf = false, is_named = false;
	const struct nlattr *attr;
	struct tcmsg tc;

	if (nlh->nlmsg_type != RTM_NEWTFILTER || mnl_nlmsg_get_payload_len(nlh) < sizeof(tc))
		return MNL_CB_OK;
	memcpy(&tc, mnl_nlmsg_get_payload(nlh), sizeof(tc));
	mnl_attr_for_each(attr, nlh, sizeof(tc))
	{
		if (mnl_attr_get_type(attr) == TCA_KIND)
			is_bpf = attr_is(attr, "bpf");
		else if (mnl_attr_get_type(attr) == TCA_OPTIONS)
			is_named = options_have_name(attr, search->name);
	}
	if (!is_bpf || !is_named || tc.tcm_handle != search->handle || search->n == FOUND_MAX)
		return MNL_CB_OK;
	search->hook.handle = tc.tcm_handle;
	search->hook.priority = (uint16_t)(TC_H_MAJ(tc.tcm_info) >> 16);
	search->found[search->n++] = search->hook;
	return MNL_CB_OK;
}

int weir_clsact_clean(uint32_t ifindex, bool egress, const char *name, uint32_t handle)
{
	const struct tcmsg tc = hook(ifindex, egress);
	struct search search = {
		.name = name,
		.handle = handle,
		.hook = { .ifindex = ifindex, .egress = egress },
	};
	struct message message;
	int r = egress ? has_clsact(ifindex) : 1;

	if (r <= 0)
		return r;
	r = ask(begin(&message, RTM_GETTFILTER, NLM_F_DUMP, &tc), on_filter, &search);
	if (r < 0)
		return r;
	for (size_t i = 0; i < search.n; i++) {
		r = weir_clsact_remove(&search.found[i]);
		if (r < 0)
			return r;
	}
	return (int)search.n;
}
