/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_TOOLS_TCPLOAD_SERVER_H
#define WEIR_TESTS_TOOLS_TCPLOAD_SERVER_H

/* tcpload's server side, and what it has in common with the client. */

#include <netinet/tcp.h>
#include <sys/epoll.h>

#include "tests/tools/common.h"

#define MAGIC 0x57544c31u
#define MAX_BODY 65536
#define BATCH 256

enum ending {
	CLIENT_FIN, /* the client closes first and keeps TIME_WAIT */
	SERVER_FIN, /* the server closes first and keeps TIME_WAIT: the port is free at once */
	CLIENT_RST, /* the client resets once it has the whole response */
	SERVER_RST, /* the client sends one byte more to say it has it, then the server resets */
	EMPTY, /* the client closes at once: not a byte, not even a header */
	MORE, /* not the end: another request follows on this connection */
};

struct header {
	uint32_t magic;
	uint32_t request;
	uint32_t response;
	uint32_t ending;
};

static char body[MAX_BODY];

static bool would_block(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static void reset(int fd)
{
	struct linger now = { .l_onoff = 1 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static void epoll_set(int epoll, int op, int fd, uint32_t events, void *ptr)
{
	struct epoll_event ev = { .events = events, .data.ptr = ptr };

	if (epoll_ctl(epoll, op, fd, &ev))
		die("epoll_ctl: %s", strerror(errno));
}

enum serve_state {
	SERVE_HEADER,
	SERVE_REQUEST,
	SERVE_RESPONSE,
	SERVE_BYE
};

struct serve {
	int fd; /* a listening socket's is ~fd */
	enum serve_state state;
	uint32_t events;
	uint32_t done;
	struct header header;
};

static void serve_close(struct serve *s, bool abortive)
{
	if (abortive)
		reset(s->fd);
	else
		close(s->fd);
	free(s);
}

/* Reads up to @want - @done bytes; true when @want is reached, false with *@gone when over. */
static bool serve_read(struct serve *s, void *buf, uint32_t want, bool *gone)
{
	while (s->done < want) {
		size_t offset = buf == body ? 0 : s->done;
		ssize_t n = recv(s->fd, (char *)buf + offset, want - s->done, 0);

		if (n < 0 && would_block())
			return false;
		if (n <= 0) {
			*gone = true;
			return false;
		}
		s->done += (uint32_t)n;
	}
	s->done = 0;
	return true;
}

static bool serve_write(struct serve *s, bool *gone)
{
	while (s->done < s->header.response) {
		ssize_t n = send(s->fd, body, s->header.response - s->done, MSG_NOSIGNAL);

		if (n < 0 && would_block())
			return false;
		if (n < 0) {
			*gone = true;
			return false;
		}
		s->done += (uint32_t)n;
	}
	s->done = 0;
	return true;
}

/* One step; false when it must wait, *@gone when the connection is to be closed. */
static bool serve_step(struct serve *s, bool *gone, bool *abortive)
{
	switch (s->state) {
	case SERVE_HEADER:
		if (!serve_read(s, &s->header, sizeof(s->header), gone))
			return false;
		if (s->header.magic != MAGIC || s->header.request > MAX_BODY ||
		    s->header.response > MAX_BODY) {
			*gone = *abortive = true;
			return false;
		}
		s->state = SERVE_REQUEST;
		return true;
	case SERVE_REQUEST:
		if (!serve_read(s, body, s->header.request, gone))
			return false;
		s->state = SERVE_RESPONSE;
		return true;
	case SERVE_RESPONSE:
		if (!serve_write(s, gone))
			return false;
		if (s->header.ending == SERVER_FIN) {
			*gone = true;
			return false;
		}
		s->state = s->header.ending == MORE ? SERVE_HEADER : SERVE_BYE;
		return true;
	case SERVE_BYE:
		if (serve_read(s, body, 1, gone))
			*gone = *abortive = s->header.ending == SERVER_RST;
		return false;
	}
	return false;
}

static void serve_run(int epoll, struct serve *s)
{
	bool gone = false, abortive = false;
	uint32_t events;

	while (serve_step(s, &gone, &abortive))
		;
	if (gone) {
		serve_close(s, abortive);
		return;
	}
	events = s->state == SERVE_RESPONSE ? EPOLLOUT : EPOLLIN;
	if (events != s->events) {
		s->events = events;
		epoll_set(epoll, EPOLL_CTL_MOD, s->fd, events, s);
	}
}

static void serve_accept(int epoll, int listener)
{
	for (int i = 0; i < BATCH; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct serve *s;

		if (fd < 0) {
			if (would_block() || errno == ECONNABORTED)
				return;
			die("accept: %s", strerror(errno));
		}
		s = calloc(1, sizeof(*s));
		if (!s)
			die("out of memory");
		s->fd = fd;
		s->events = EPOLLIN;
		epoll_set(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, s);
	}
}

static int server(int argc, char **argv)
{
	struct epoll_event events[BATCH];
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (argc < 3)
		die("usage: tcpload server ADDRESS PORT...");
	(void)raise_nofile(200000);
	for (int i = 2; i < argc; i++) {
		uint16_t port = (uint16_t)parse_number("port", argv[i], UINT16_MAX);
		struct endpoint ep = endpoint_of(argv[1], port);
		struct serve *s = calloc(1, sizeof(*s));
		int fd = listen_tcp(&ep, 65535);

		if (!s)
			die("out of memory");
		s->fd = ~fd;
		epoll_set(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, s);
	}
	say_ready();
	for (;;) {
		int n = epoll_wait(epoll, events, BATCH, -1);

		for (int i = 0; i < n; i++) {
			struct serve *s = events[i].data.ptr;

			if (s->fd < 0)
				serve_accept(epoll, ~s->fd);
			else
				serve_run(epoll, s);
		}
	}
}

#endif
