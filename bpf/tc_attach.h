/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BPF_TC_ATTACH_H
#define WEIR_BPF_TC_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/clsact.h"

/*
 * One program at one direction of one link, in the namespace this thread is in.
 *
 * TCX (Linux 6.6) where the kernel has it: the program is at the head of the link's programs, in both
 * directions, and goes with the descriptor, so also with the process. At the head, because the first
 * program that answers anything but TCX_NEXT ends the run, and most answer TCX_PASS or TCX_REDIRECT: at
 * the tail one would see only what no other program of the link cares for, in either direction. What is
 * seen at the head of egress and dropped behind it is a packet the kernel dropped, and told as such.
 *
 * clsact otherwise: a filter of priority 1 and handle WEIR_TC_HANDLE, named WEIR_TC_NAME. It stays when
 * the process is killed; weir_tc_clean() removes it by handle and name. Two agents at one link take
 * each other's filter for a left-over: there is to be one.
 */
enum weir_tc_hook {
	WEIR_TC_TCX,
	WEIR_TC_CLSACT,
};

#define WEIR_TC_NAME "weir-agent"
#define WEIR_TC_HANDLE 0x77656972U /* "weir" */

struct weir_tc {
	int link_fd;                       /* TCX: the BPF link; -1 */
	struct weir_clsact_filter filter;  /* clsact: where it is; priority 0: nowhere */
};

#define WEIR_TC_NONE          \
	{                     \
		.link_fd = -1 \
	}

/** weir_tc_has_tcx() - whether this kernel has TCX; asked with @prog_fd, a program of SEC("tc"). */
bool weir_tc_has_tcx(int prog_fd);

/**
 * weir_tc_attach() - attach @prog_fd.
 *
 * Shape:  TCX waits for an RCU grace period in the kernel, some 10 ms, in which packets flow on; so does
 *         weir_tc_detach(), unless the link is gone. clsact takes a tenth of a millisecond.
 * Owner:  @prog_fd stays the caller's; @ret_tc is to be detached.
 * Errors: -ENODEV when there is no such link (any more), -EEXIST (TCX) when that program is attached
 *         there, and the kernel's.
 */
int weir_tc_attach(enum weir_tc_hook hook, int prog_fd, uint32_t ifindex, bool egress,
		   struct weir_tc *ret_tc);

/** weir_tc_detach() - and become WEIR_TC_NONE, also when it was that. For clsact the thread has to be
 * in the link's namespace. */
void weir_tc_detach(struct weir_tc *tc);

/** weir_tc_is_attached() - whether the kernel still has it there: it takes programs off a link that goes
 * to another namespace, and others can remove them. Same namespace. */
bool weir_tc_is_attached(const struct weir_tc *tc);

/** weir_tc_clean() - remove what an earlier agent left at a link's clsact qdisc; how many, or -errno. */
int weir_tc_clean(uint32_t ifindex);

#endif
