/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "lib/cleanup.h"

struct answer {
	struct nlmsghdr header;
	struct nlmsgerr error;
};

/* The kernel answers to it before send() returns. */
static void ask_nothing(int fd)
{
	const struct nlmsghdr header = {
		.nlmsg_len = sizeof(header),
		.nlmsg_type = NLMSG_NOOP,
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		.nlmsg_seq = 7,
	};

	assert_int_equal(send(fd, &header, sizeof(header), 0), sizeof(header));
}

static void answer_of_the_kernel_goes_to_the_port(void **state)
{
	_cleanup_fd_ int fd = -1, other = -1;
	uint32_t port = 0, other_port = 0;
	struct answer answer;

	assert_int_equal(weir_netlink_open(NETLINK_ROUTE, SOCK_NONBLOCK, &fd, &port), 0);
	assert_int_equal(weir_netlink_open(NETLINK_ROUTE, SOCK_NONBLOCK, &other, &other_port), 0);
	assert_true(port && other_port && port != other_port);
	assert_int_equal(weir_netlink_receive(fd, &answer, sizeof(answer)), -EAGAIN);
	ask_nothing(fd);
	assert_int_equal(weir_netlink_receive(fd, &answer, sizeof(answer)), sizeof(answer));
	assert_int_equal(answer.header.nlmsg_type, NLMSG_ERROR);
	assert_int_equal(answer.header.nlmsg_seq, 7);
	assert_int_equal(answer.header.nlmsg_pid, port);
	assert_int_equal(answer.error.error, 0);
	assert_int_equal(weir_netlink_receive(fd, &answer, sizeof(answer)), -EAGAIN);
	assert_int_equal(weir_netlink_receive(other, &answer, sizeof(answer)), -EAGAIN);
}

static void datagram_longer_than_the_room_is_told_and_gone(void **state)
{
	_cleanup_fd_ int fd = -1;
	struct answer answer;

	assert_int_equal(weir_netlink_open(NETLINK_ROUTE, SOCK_NONBLOCK, &fd, NULL), 0);
	ask_nothing(fd);
	assert_int_equal(weir_netlink_receive(fd, &answer, sizeof(answer) - 1), -EMSGSIZE);
	assert_int_equal(weir_netlink_receive(fd, &answer, sizeof(answer)), -EAGAIN);
}

/* This protocol is for processes among themselves, also for those that may do nothing else. */
static void datagram_of_another_process_is_refused(void **state)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	_cleanup_fd_ int fd = -1, other = -1;
	struct answer answer = { 0 };

	assert_int_equal(weir_netlink_open(NETLINK_USERSOCK, SOCK_NONBLOCK, &fd, &to.nl_pid), 0);
	assert_int_equal(weir_netlink_open(NETLINK_USERSOCK, SOCK_NONBLOCK, &other, NULL), 0);
	assert_int_equal(
		sendto(other, &answer, sizeof(answer), 0, (struct sockaddr *)&to, sizeof(to)),
		sizeof(answer));
	assert_int_equal(weir_netlink_receive(fd, &answer, sizeof(answer)), -EBADMSG);
	assert_int_equal(weir_netlink_receive(fd, &answer, sizeof(answer)), -EAGAIN);
}

static void what_is_not_there_is_an_error(void **state)
{
	static const int groups[] = { RTNLGRP_LINK, 0xffff };
	_cleanup_fd_ int fd = -1;
	int none = 77;

	assert_int_equal(weir_netlink_open(9999, 0, &none, NULL), -EPROTONOSUPPORT);
	assert_int_equal(none, 77);
	assert_int_equal(weir_netlink_open(NETLINK_ROUTE, 0, &fd, NULL), 0);
	assert_int_equal(weir_netlink_join(fd, groups, 1), 0);
	assert_int_equal(weir_netlink_join(fd, groups, 2), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_of_the_kernel_goes_to_the_port),
		cmocka_unit_test(datagram_longer_than_the_room_is_told_and_gone),
		cmocka_unit_test(datagram_of_another_process_is_refused),
		cmocka_unit_test(what_is_not_there_is_an_error),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
