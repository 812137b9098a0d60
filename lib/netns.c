/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/cleanup.h"

int weir_netns_enter(int netns_fd, int *ret_back_fd)
{
	_cleanup_fd_ int back = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (back < 0)
		return -errno;
	if (setns(netns_fd, CLONE_NEWNET) < 0)
		return -errno;
	*ret_back_fd = TAKE_FD(back);
	return 0;
}

void weir_netns_leave(int *back_fd)
{
	if (*back_fd < 0)
		return;
	if (setns(*back_fd, CLONE_NEWNET) < 0)
		abort();
	(void)close(*back_fd);
	*back_fd = -1;
}

int weir_netns_cookie(uint64_t *ret_cookie)
{
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	if (fd < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) < 0)
		return -errno;
	*ret_cookie = cookie;
	return 0;
}
