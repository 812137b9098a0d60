/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carry Ethernet frames between two interfaces through packet sockets, as a virtual machine monitor does.
 *
 * usage: l2forward INTERFACE INTERFACE
 *
 * Both are in the network namespace it runs in. Prints "ready" and runs until it is killed. Frames go with
 * their offload header, so that checksums not yet made, and segments not yet cut, stay so.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#define FRAME_MAX (70 << 10) /* a GSO frame and its headers */

static void die(const char *what)
{
	(void)fprintf(stderr, "l2forward: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static int open_on(const char *interface)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct packet_mreq all = { .mr_type = PACKET_MR_PROMISC };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		die("socket");
	at.sll_ifindex = all.mr_ifindex = (int)if_nametoindex(interface);
	if (!at.sll_ifindex)
		die(interface);
	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)))
		die("setsockopt");
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)))
		die("bind");
	return fd;
}

int main(int argc, char *argv[])
{
	static unsigned char frame[FRAME_MAX];
	struct pollfd fds[2];

	if (argc != 3) {
		(void)fprintf(stderr, "usage: l2forward INTERFACE INTERFACE\n");
		return 2;
	}
	for (int i = 0; i < 2; i++)
		fds[i] = (struct pollfd){ .fd = open_on(argv[1 + i]), .events = POLLIN };
	puts("ready");
	if (fflush(stdout))
		die("stdout");
	while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
		for (int i = 0; i < 2; i++) {
			ssize_t n = recv(fds[i].fd, frame, sizeof(frame), 0);

			if (n > 0)
				(void)send(fds[!i].fd, frame, (size_t)n, 0);
		}
	}
	die("poll");
}
