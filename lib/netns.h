/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LIB_NETNS_H
#define WEIR_LIB_NETNS_H

#include <stdint.h>

/*
 * Network namespaces of this thread. What is opened in one (a netlink socket) stays there when the
 * thread has left it; so a namespace is entered for the moment of a call and left at once.
 */

/**
 * weir_netns_enter() - have this thread enter the namespace of @netns_fd.
 *
 * Owner:  @netns_fd stays the caller's. @ret_back_fd leads back, by weir_netns_leave().
 * Errors: of open("/proc/thread-self/ns/net") or setns(2) (-EPERM without CAP_SYS_ADMIN); the thread
 *         is where it was then.
 */
int weir_netns_enter(int netns_fd, int *ret_back_fd);

/**
 * weir_netns_leave() - back again; closes @back_fd and sets it to -1, and ignores one that is -1. A
 * cleanup attribute. A thread that cannot go back would do everything else in the wrong place: that
 * is abort().
 */
void weir_netns_leave(int *back_fd);

/** weir_netns_cookie() - the number of the namespace this thread is in (SO_NETNS_COOKIE, Linux 5.14):
 * unique until the next boot. Errors: those of socket(2) and getsockopt(2). */
int weir_netns_cookie(uint64_t *ret_cookie);

#endif
