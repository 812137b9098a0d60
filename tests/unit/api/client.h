/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIRT_API_CLIENT_H
#define WEIRT_API_CLIENT_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "lib/buf.h"
#include "tests/unit/api/served.h"

/*
 * A client made of plain sockets, that writes handshakes and frames by hand (RFC 6455), so that
 * it can also write wrong ones.
 */

#define WEIRT_TIMEOUT_S 20

enum weirt_opcode {
	WEIRT_CONTINUATION = 0,
	WEIRT_TEXT = 1,
	WEIRT_BINARY = 2,
	WEIRT_CLOSE = 8,
	WEIRT_PING = 9,
	WEIRT_PONG = 10,
	WEIRT_EOF = -1,       /* the connection ended */
};

static inline int weirt_socket(int family)
{
	struct timeval timeout = { .tv_sec = WEIRT_TIMEOUT_S };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)), 0);
	return fd;
}

static inline int weirt_connect(const struct weirt_served *served)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(served->port) };
	int fd = weirt_socket(AF_INET);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static inline int weirt_connect_unix(const struct weirt_served *served)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = weirt_socket(AF_UNIX);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", served->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static inline void weirt_send(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		assert_true(n > 0);
		at += n;
		len -= (size_t)n;
	}
}

/* Exactly @len bytes; false at the end of the connection. Running into the timeout fails. */
static inline bool weirt_recv(int fd, void *bytes, size_t len)
{
	char *at = bytes;

	while (len) {
		ssize_t n = recv(fd, at, len, 0);

		if (n < 0)
			assert_int_equal(errno, ECONNRESET);
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

/* All there is until the connection ends. */
static inline void weirt_recv_all(int fd, struct weir_buf *out)
{
	char c[4096];
	ssize_t n;

	while ((n = recv(fd, c, sizeof(c), 0)) > 0)
		weir_buf_put(out, c, (size_t)n);
	assert_true(n == 0 || errno == ECONNRESET);
}

/* Up to and with the empty line. */
static inline void weirt_recv_head(int fd, struct weir_buf *out)
{
	char c;

	while (out->len < 4 || memcmp(out->data + out->len - 4, "\r\n\r\n", 4)) {
		if (!weirt_recv(fd, &c, 1))
			return;
		weir_buf_putc(out, c);
	}
}

/* One request on a connection of its own; the whole answer in @out. */
static inline void weirt_ask(const struct weirt_served *served, const char *request,
			     struct weir_buf *out)
{
	int fd = weirt_connect(served);

	weir_buf_clear(out);
	weirt_send(fd, request, strlen(request));
	weirt_recv_all(fd, out);
	(void)close(fd);
}

static inline void weirt_send_frame_head(int fd, bool fin, int opcode, uint64_t len)
{
	unsigned char head[14] = { (unsigned char)((fin ? 0x80 : 0) | opcode) };
	size_t n = 2;

	/* Masked with zeros: what is sent stays readable. */
	if (len < 126) {
		head[1] = (unsigned char)(0x80 | len);
	} else if (len <= UINT16_MAX) {
		head[1] = 0x80 | 126;
		head[n++] = (unsigned char)(len >> 8);
		head[n++] = (unsigned char)len;
	} else {
		head[1] = 0x80 | 127;
		for (int shift = 56; shift >= 0; shift -= 8)
			head[n++] = (unsigned char)(len >> shift);
	}
	weirt_send(fd, head, n + 4);
}

static inline void weirt_send_frame(int fd, bool fin, int opcode, const char *bytes, size_t len)
{
	weirt_send_frame_head(fd, fin, opcode, len);
	weirt_send(fd, bytes, len);
}

static inline void weirt_send_text(int fd, const char *text)
{
	weirt_send_frame(fd, true, WEIRT_TEXT, text, strlen(text));
}

/* The next message, fragments put together, appended to @out. */
static inline int weirt_recv_message(int fd, struct weir_buf *out)
{
	int opcode = WEIRT_EOF;
	bool fin = false;

	while (!fin) {
		unsigned char head[2], ext[8];
		uint64_t len = 0;
		size_t n;
		char *to;

		if (!weirt_recv(fd, head, sizeof(head)))
			return WEIRT_EOF;
		fin = head[0] & 0x80;
		if (head[0] & 0x0f)
			opcode = head[0] & 0x0f;
		assert_int_equal(head[1] & 0x80, 0);
		n = head[1] == 127 ? 8 : head[1] == 126 ? 2 : 0;
		if (n && !weirt_recv(fd, ext, n))
			return WEIRT_EOF;
		for (size_t i = 0; i < n; i++)
			len = len << 8 | ext[i];
		if (!n)
			len = head[1];
		if (!len)
			continue;
		to = weir_buf_room(out, len);
		assert_non_null(to);
		if (!weirt_recv(fd, to, len))
			return WEIRT_EOF;
		out->len += len;
	}
	return opcode;
}

/* A GET that asks for a websocket; the answer's head in @out. Returns the connection. */
static inline int weirt_upgrade(int fd, const char *path, const char *more, struct weir_buf *out)
{
	char request[1024];

	(void)snprintf(request, sizeof(request),
		       "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
		       "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
		       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
		       path, more);
	weir_buf_clear(out);
	weirt_send(fd, request, strlen(request));
	weirt_recv_head(fd, out);
	return fd;
}

/* An open websocket with the request sent. */
static inline int weirt_follow(const struct weirt_served *served, const char *request)
{
	struct weir_buf head;
	int fd;

	weir_buf_init(&head, 0);
	fd = weirt_upgrade(weirt_connect(served), "/v1/flows",
			   "Sec-WebSocket-Protocol: weir.v1\r\n", &head);
	/* The answer that RFC 6455 section 1.3 works out for this key. */
	assert_non_null(strstr(weir_buf_cstr(&head), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
	assert_int_equal(strncmp(head.data, "HTTP/1.1 101", strlen("HTTP/1.1 101")), 0);
	weir_buf_done(&head);
	if (request)
		weirt_send_text(fd, request);
	return fd;
}

/* As weirt_follow(), from the tail; what is pushed after it returns will come. */
static inline int weirt_follow_tail(const struct weirt_served *served)
{
	int fd = weirt_follow(served, "{\"follow\":true}");
	struct weir_buf pong;

	weir_buf_init(&pong, 0);
	/* The answer to a ping says that what was sent before it was read. */
	weirt_send_frame(fd, true, WEIRT_PING, "x", 1);
	assert_int_equal(weirt_recv_message(fd, &pong), WEIRT_PONG);
	weir_buf_done(&pong);
	return fd;
}

/* The status of a close frame, whatever comes before it; 1006 when there is none. */
static inline int weirt_recv_close(int fd, struct weir_buf *text)
{
	struct weir_buf message;
	int opcode, status = 1006;

	weir_buf_init(&message, 0);
	while ((opcode = weirt_recv_message(fd, &message)) != WEIRT_EOF) {
		if (opcode == WEIRT_CLOSE && message.len >= 2) {
			status = (unsigned char)message.data[0] << 8 |
				 (unsigned char)message.data[1];
			break;
		}
		if (opcode == WEIRT_TEXT && text)
			weir_buf_put(text, message.data, message.len);
		weir_buf_clear(&message);
	}
	weir_buf_done(&message);
	return status;
}

/* Not with strstr(), of which the address sanitizer's form looks at all of the text each time. */
static inline const char *weirt_find(const char *at, const char *end, const char *what)
{
	size_t len = strlen(what);

	for (; (size_t)(end - at) >= len; at++) {
		if (*at == *what && !memcmp(at, what, len))
			return at;
	}
	return NULL;
}

static inline uint64_t weirt_count(const struct weir_buf *text, const char *what)
{
	const char *at = text->data, *end = at + text->len;
	uint64_t n = 0;

	while (at && (at = weirt_find(at, end, what))) {
		at += strlen(what);
		n++;
	}
	return n;
}

/* The sum of the numbers of all lost_events with this cause. */
static inline uint64_t weirt_sum_lost(struct weir_buf *text, const char *cause)
{
	static const char key[] = "\"num_events_lost\":\"";
	uint64_t sum = 0;

	const char *at = weir_buf_cstr(text);
	const char *text_end = at + text->len;

	while ((at = weirt_find(at, text_end, key))) {
		char *end;
		uint64_t n;

		at += strlen(key);
		n = strtoull(at, &end, 10);
		if (!strncmp(end + strlen("\",\"cause\":\""), cause, strlen(cause)))
			sum += n;
	}
	return sum;
}

#endif
