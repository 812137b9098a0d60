/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_K8S_META_CGROUP_WALK_H
#define WEIR_K8S_META_CGROUP_WALK_H

#include <stdint.h>

#include "lib/error.h"

/** Room for the path of a cgroup v2 mount point. */
#define WEIR_CGROUP_MOUNT_MAX 4096

/**
 * weir_cgroup_find_mount() - where cgroup v2 is mounted, from @mountinfo.
 *
 * @mountinfo: normally "/proc/self/mountinfo". The first cgroup2 mount whose root is the
 *             hierarchy's ("/") wins; else the first one.
 * Errors: -ENOENT with @err when there is none.
 */
int weir_cgroup_find_mount(const char *mountinfo, char ret_mount[WEIR_CGROUP_MOUNT_MAX],
			   struct weir_error *err);

typedef int (*weir_cgroup_fn)(void *ctx, uint64_t id, const char *path);

/**
 * weir_cgroup_walk() - call @fn for every cgroup at and below @mount/@subtree.
 *
 * Ids are inode numbers of the cgroup directories (64-bit kernels since Linux 5.5, commit
 * 40430452fd5d). Paths start at the hierarchy's root. Cgroups that vanish during the walk are
 * skipped. A negative return of @fn ends the walk and is returned.
 */
int weir_cgroup_walk(const char *mount, const char *subtree, weir_cgroup_fn fn, void *ctx);

#endif
