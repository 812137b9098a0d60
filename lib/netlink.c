/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "lib/cleanup.h"

int weir_netlink_open(int protocol, int flags, int *ret_fd, uint32_t *ret_port)
{
	_cleanup_fd_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, protocol);
	struct sockaddr_nl own = { .nl_family = AF_NETLINK };
	socklen_t len = sizeof(own);

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&own, sizeof(own)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&own, &len) < 0)
		return -errno;
	if (ret_port)
		*ret_port = own.nl_pid;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int weir_netlink_join(int fd, const int *groups, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			       sizeof(groups[i])) < 0)
			return -errno;
	}
	return 0;
}

ssize_t weir_netlink_receive(int fd, void *bytes, size_t size)
{
	struct iovec part = { .iov_base = bytes, .iov_len = size };
	struct sockaddr_nl from = { 0 };
	struct msghdr message = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &part,
		.msg_iovlen = 1,
	};
	ssize_t n = recvmsg(fd, &message, 0);

	if (n < 0)
		return -errno;
	if (from.nl_pid != 0)
		return -EBADMSG;
	return message.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}
