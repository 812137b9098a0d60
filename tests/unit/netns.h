/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_UNIT_NETNS_H
#define WEIR_TESTS_UNIT_NETNS_H

/*
 * Network namespaces of a test's own, which the kernel removes with the last descriptor and process,
 * and ip(8) in them. To be included behind cmocka.h's own needs.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "lib/netns.h"

/* Why tests in namespaces cannot run, or NULL. */
static inline const char *netns_why_not(void)
{
	if (geteuid() != 0)
		return "needs root";
	return system("ip -V > /dev/null 2>&1") == 0 ? NULL : "needs ip";
}

/* A shell command in the thread's namespace, which has to succeed. */
static inline __attribute__((format(printf, 1, 2))) void sh(const char *fmt, ...)
{
	char text[1024];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	assert_true(n > 0 && (size_t)n < sizeof(text));
	if (system(text) != 0)
		fail_msg("failed: %s", text);
}

/* A new namespace, in which the thread then is; a descriptor that leads to it. */
static inline int netns_make(void)
{
	int fd;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	/* No neighbour discovery: only what a test sends is sent. */
	sh("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
	fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* The same, the thread staying where it is. */
static inline int netns_make_other(void)
{
	_cleanup_fd_ int back = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int fd = netns_make();

	assert_true(back >= 0);
	assert_int_equal(setns(back, CLONE_NEWNET), 0);
	return fd;
}

/* A shell command in another namespace. */
#define sh_in(fd, ...)                                               \
	do {                                                         \
		_cleanup_(weir_netns_leave) int back_ = -1;          \
		assert_int_equal(weir_netns_enter((fd), &back_), 0); \
		sh(__VA_ARGS__);                                     \
	} while (0)

#endif
