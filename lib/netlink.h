/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LIB_NETLINK_H
#define WEIR_LIB_NETLINK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Netlink sockets: what is the same whatever is asked for by them. Whoever rules the network namespace
 * can send to them, too, so only what the kernel sent is taken. Source: netlink(7).
 */

/**
 * weir_netlink_open() - a socket in the namespace this thread is in, which sends to the kernel.
 *
 * @protocol: NETLINK_ROUTE, …
 * @flags: SOCK_NONBLOCK or 0.
 * @ret_port: the number that the kernel answers to, nlmsg_pid of its messages; or NULL.
 * Errors: those of socket(2) and bind(2).
 */
int weir_netlink_open(int protocol, int flags, int *ret_fd, uint32_t *ret_port);

/** weir_netlink_join() - hear of @groups (RTNLGRP_LINK, …) from now on. Errors: of setsockopt(2). */
int weir_netlink_join(int fd, const int *groups, size_t n);

/**
 * weir_netlink_receive() - one datagram: how many bytes of @bytes it took.
 *
 * @bytes: aligned as struct nlmsghdr is.
 * Errors: those of recvmsg(2), -ENOBUFS among them: the kernel had no room and left something out.
 *         -EMSGSIZE for one of more than @size bytes, -EBADMSG for one that is not the kernel's; both
 *         are gone then.
 */
ssize_t weir_netlink_receive(int fd, void *bytes, size_t size);

#endif
