// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Cgroups as they come and go, in the same ring as the connections made in them: a pod is known
 * before its first packet. */
#include "bpf/common.bpf.h"

static __always_inline void emit(struct cgroup *cgrp, const char *path, __u8 op)
{
	struct weir_ev_cgroup *ev;

	if (cgrp->root->hierarchy_id != 0) /* 0: the v2 hierarchy, cgrp_dfl_root */
		return;
	ev = event_reserve(sizeof(*ev));
	if (!ev)
		return;
	__builtin_memset(ev, 0, sizeof(*ev));
	event_header(&ev->hdr, WEIR_EV_CGROUP, sizeof(*ev), bpf_ktime_get_ns());
	ev->id = cgrp->kn->id;
	ev->op = op;
	bpf_probe_read_kernel_str(ev->path, sizeof(ev->path), path);
	event_submit(ev);
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(cgroup_made, struct cgroup *cgrp, const char *path)
{
	emit(cgrp, path, WEIR_EV_CGROUP_MADE);
	return 0;
}

SEC("tp_btf/cgroup_rename")
int BPF_PROG(cgroup_renamed, struct cgroup *cgrp, const char *path)
{
	emit(cgrp, path, WEIR_EV_CGROUP_MADE);
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(cgroup_removed, struct cgroup *cgrp, const char *path)
{
	emit(cgrp, path, WEIR_EV_CGROUP_REMOVED);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
