/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three numbers about TCP between two hosts, one at a time:
 *
 *   netbench server ADDRESS PORT
 *   netbench rr|stream|crr ADDRESS:PORT MILLISECONDS
 *
 * rr: one byte there and back on one connection, transactions per second. stream: one way, MB/s.
 * crr: connect, one byte there and back, close; connections per second. Prints the number.
 */
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>

#include "tests/tools/common.h"

#define CHUNK (128 * 1024)
#define BATCH 64

/* The first byte of a request says what to do with it. */
enum {
	ECHO = 'r',
	SINK = 's',
	ECHO_AND_CLOSE = 'c'
};

static char chunk[CHUNK];

/* Returns false when the connection is over. */
static bool serve(int fd)
{
	ssize_t n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	if (chunk[0] == SINK)
		return true;
	if (send(fd, chunk, 1, MSG_NOSIGNAL) != 1)
		return false;
	/* The server closes first: its client's port is free again at once. */
	return chunk[0] == ECHO;
}

static int server(const char *address, const char *port)
{
	struct endpoint ep = endpoint_of(address, (uint16_t)parse_number("port", port, UINT16_MAX));
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int listener = listen_tcp(&ep, 4096);
	struct epoll_event events[BATCH], ev = { .events = EPOLLIN, .data.fd = listener };

	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ev);
	say_ready();
	for (;;) {
		int n = epoll_wait(epoll, events, BATCH, -1);

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (fd != listener) {
				if (!serve(fd))
					close(fd);
				continue;
			}
			fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
			if (fd < 0)
				continue;
			set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
			ev.data.fd = fd;
			if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev))
				die("epoll_ctl: %s", strerror(errno));
		}
	}
}

static int open_connection(const struct endpoint *to)
{
	int fd = socket(to->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket: %s", strerror(errno));
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (connect(fd, (const struct sockaddr *)&to->addr, to->len))
		die("connect: %s", strerror(errno));
	return fd;
}

static void ping(int fd, char kind)
{
	if (send(fd, &kind, 1, MSG_NOSIGNAL) != 1 || recv(fd, chunk, 1, 0) != 1)
		die("request/response: %s", strerror(errno));
}

static double rr(const struct endpoint *to, uint64_t end_ns)
{
	int fd = open_connection(to);
	uint64_t begin = now_ns(), now = begin, n = 0;

	for (; now < end_ns; now = now_ns()) {
		ping(fd, ECHO);
		n++;
	}
	close(fd);
	return (double)n * 1e9 / (double)(now - begin);
}

static double stream(const struct endpoint *to, uint64_t end_ns)
{
	int fd = open_connection(to);
	uint64_t begin = now_ns(), now = begin, bytes = 0;

	memset(chunk, SINK, sizeof(chunk));
	for (; now < end_ns; now = now_ns()) {
		ssize_t n = send(fd, chunk, sizeof(chunk), MSG_NOSIGNAL);

		if (n < 0)
			die("send: %s", strerror(errno));
		bytes += (uint64_t)n;
	}
	close(fd);
	return (double)bytes * 1e3 / (double)(now - begin);
}

static double crr(const struct endpoint *to, uint64_t end_ns)
{
	uint64_t begin = now_ns(), now = begin, n = 0;

	for (; now < end_ns; now = now_ns()) {
		int fd = open_connection(to);

		ping(fd, ECHO_AND_CLOSE);
		if (recv(fd, chunk, 1, 0) != 0)
			die("no end of stream");
		close(fd);
		n++;
	}
	return (double)n * 1e9 / (double)(now - begin);
}

int main(int argc, char **argv)
{
	struct endpoint to;
	uint64_t end_ns;

	signal(SIGPIPE, SIG_IGN);
	if (argc == 4 && !strcmp(argv[1], "server"))
		return server(argv[2], argv[3]);
	if (argc != 4) {
		fprintf(stderr, "usage: netbench server ADDRESS PORT | "
				"rr|stream|crr ADDRESS:PORT MILLISECONDS\n");
		return 2;
	}
	to = endpoint_parse(argv[2]);
	end_ns = now_ns() + parse_number("MILLISECONDS", argv[3], 3600000) * 1000000u;
	if (!strcmp(argv[1], "rr"))
		printf("%.1f\n", rr(&to, end_ns));
	else if (!strcmp(argv[1], "stream"))
		printf("%.1f\n", stream(&to, end_ns));
	else if (!strcmp(argv[1], "crr"))
		printf("%.1f\n", crr(&to, end_ns));
	else
		die("unknown test '%s'", argv[1]);
	return 0;
}
