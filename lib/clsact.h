/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LIB_CLSACT_H
#define WEIR_LIB_CLSACT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * BPF filters at a link's clsact qdisc, by rtnetlink, in the namespace this thread is in. Such a
 * filter outlives who made it, until the link goes. The qdisc is made where it is missing and never
 * removed: others may have come to use it. Nobody else's filter is ever touched.
 * Source: include/uapi/linux/pkt_sched.h, pkt_cls.h; tc-bpf(8).
 */

/** struct weir_clsact_filter - where a filter is; together with its link and direction that is all. */
struct weir_clsact_filter {
	uint32_t ifindex;
	bool egress;
	uint16_t priority;  /* 1 runs first */
	uint32_t handle;    /* chosen by who made it */
};

/**
 * weir_clsact_add() - run the program @prog_fd in direct-action mode on all packets of one direction.
 *
 * It gets priority 1, or the first up to 8 that can hold a BPF filter: a priority holds filters of one
 * kind and one protocol only. @name is what `tc filter show` calls it.
 * Errors: -ENODEV, -EEXIST (a BPF filter of that handle is there), -EOPNOTSUPP (egress, and the qdisc
 *         "ingress" is where clsact would be), or the kernel's.
 */
int weir_clsact_add(uint32_t ifindex, bool egress, int prog_fd, const char *name, uint32_t handle,
		    struct weir_clsact_filter *ret_filter);

/** weir_clsact_remove() - 0, also when it was not there any more, or -errno. */
int weir_clsact_remove(const struct weir_clsact_filter *filter);

/** weir_clsact_has() - whether a filter is still there: 1, 0 or -errno. */
int weir_clsact_has(const struct weir_clsact_filter *filter);

/**
 * weir_clsact_clean() - remove what an earlier process left: BPF filters of both that handle and that name.
 *
 * Returns how many, or -errno.
 */
int weir_clsact_clean(uint32_t ifindex, bool egress, const char *name, uint32_t handle);

#endif
