/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/tc_attach.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "lib/cleanup.h"

/* Of Linux 6.6; the headers that this is built with may be older. */
#define ATTACH_TCX_INGRESS 46
#define ATTACH_TCX_EGRESS 47
#define LINK_TYPE_TCX 11
#define BEFORE (1U << 3) /* BPF_F_BEFORE; with no other named: before all */

/* What BPF_LINK_CREATE reads for TCX of union bpf_attr. */
struct link_create {
	uint32_t prog_fd;
	uint32_t target_ifindex;
	uint32_t attach_type;
	uint32_t flags;
	uint32_t relative_fd;
	uint32_t unused;
	uint64_t expected_revision;
};

/* The beginning of struct bpf_link_info, with what TCX puts there. */
struct link_info {
	uint32_t type;
	uint32_t id;
	uint32_t prog_id;
	uint32_t unused;
	uint32_t ifindex; /* 0 when the link has gone, or gone elsewhere */
	uint32_t attach_type;
};

static int attach_tcx(int prog_fd, uint32_t ifindex, bool egress)
{
	struct link_create create = {
		.prog_fd = (uint32_t)prog_fd,
		.target_ifindex = ifindex,
		.attach_type = egress ? ATTACH_TCX_EGRESS : ATTACH_TCX_INGRESS,
		.flags = BEFORE,
	};
	long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &create, sizeof(create));

	return fd < 0 ? -errno : (int)fd;
}

/* No link has the number 0: who knows what is asked for says -ENODEV, others -EINVAL. */
bool weir_tc_has_tcx(int prog_fd)
{
	_cleanup_fd_ int fd = attach_tcx(prog_fd, 0, false);

	return fd >= 0 || fd == -ENODEV;
}

int weir_tc_attach(enum weir_tc_hook hook, int prog_fd, uint32_t ifindex, bool egress,
		   struct weir_tc *ret_tc)
{
	struct weir_tc tc = WEIR_TC_NONE;
	int r;

	if (hook == WEIR_TC_TCX) {
		r = attach_tcx(prog_fd, ifindex, egress);
		if (r >= 0)
			tc.link_fd = r;
	} else {
		r = weir_clsact_clean(ifindex, egress, WEIR_TC_NAME, WEIR_TC_HANDLE);
		if (r >= 0)
			r = weir_clsact_add(ifindex, egress, prog_fd, WEIR_TC_NAME, WEIR_TC_HANDLE,
					    &tc.filter);
	}
	if (r < 0)
		return r;
	*ret_tc = tc;
	return 0;
}

void weir_tc_detach(struct weir_tc *tc)
{
	static const struct weir_tc none = WEIR_TC_NONE;

	if (tc->link_fd >= 0)
		(void)close(tc->link_fd);
	if (tc->filter.priority)
		(void)weir_clsact_remove(&tc->filter);
	*tc = none;
}

bool weir_tc_is_attached(const struct weir_tc *tc)
{
	struct link_info info = { 0 };
	uint32_t len = sizeof(info);

	if (tc->filter.priority)
		return weir_clsact_has(&tc->filter) > 0;
	if (tc->link_fd < 0)
		return false;
	if (bpf_obj_get_info_by_fd(tc->link_fd, &info, &len) < 0)
		return false;
	return info.type == LINK_TYPE_TCX && info.ifindex;
}

int weir_tc_clean(uint32_t ifindex)
{
	int in = weir_clsact_clean(ifindex, false, WEIR_TC_NAME, WEIR_TC_HANDLE);
	int out = weir_clsact_clean(ifindex, true, WEIR_TC_NAME, WEIR_TC_HANDLE);

	if (in < 0)
		return in;
	return out < 0 ? out : in + out;
}
