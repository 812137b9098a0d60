/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handshake.h"

#include <ctype.h>
#include <errno.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

/* RFC 6455 section 1.3. */
#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

#define HTTP_OK 200
#define HTTP_SWITCHING_PROTOCOLS 101

static int put_key(struct weir_handshake *handshake, struct weir_buf *out)
{
	unsigned char nonce[16], digest[20];
	char key[32], joined[sizeof(key) + sizeof(ACCEPT_GUID)];

	if (getrandom(nonce, sizeof(nonce), 0) != (ssize_t)sizeof(nonce))
		return -EIO;
	if (lws_b64_encode_string((const char *)nonce, sizeof(nonce), key, sizeof(key)) < 0)
		return -EIO;
	(void)snprintf(joined, sizeof(joined), "%s%s", key, ACCEPT_GUID);
	lws_SHA1((const unsigned char *)joined, strlen(joined), digest);
	if (lws_b64_encode_string((const char *)digest, sizeof(digest), handshake->accept,
				  sizeof(handshake->accept)) < 0)
		return -EIO;
	weir_buf_printf(out, "Sec-WebSocket-Key: %s\r\n", key);
	return 0;
}

static void put_host(const struct weir_endpoint *endpoint, struct weir_buf *out)
{
	bool v6 = !endpoint->is_unix && strchr(endpoint->host, ':');

	if (endpoint->is_unix)
		weir_buf_puts(out, "localhost");
	else
		weir_buf_printf(out, v6 ? "[%s]:%u" : "%s:%u", endpoint->host, endpoint->port);
}

int weir_handshake_put(struct weir_handshake *handshake, struct weir_buf *out)
{
	weir_buf_printf(out, "GET %s HTTP/1.%d\r\nHost: ", handshake->path, handshake->websocket);
	put_host(handshake->endpoint, out);
	weir_buf_puts(out, "\r\nUser-Agent: weir/" WEIR_VERSION "\r\n");
	if (handshake->websocket) {
		int r = put_key(handshake, out);

		if (r < 0)
			return r;
		weir_buf_puts(out, "Connection: Upgrade\r\nUpgrade: websocket\r\n"
				   "Sec-WebSocket-Version: 13\r\n"
				   "Sec-WebSocket-Protocol: " WEIR_SUBPROTOCOL "\r\n");
	} else {
		weir_buf_puts(out, "Connection: close\r\n");
	}
	weir_buf_puts(out, "\r\n");
	return 0;
}

int weir_handshake_head_len(const char *bytes, size_t len)
{
	const char *end = len ? memmem(bytes, len, "\r\n\r\n", 4) : NULL;
	size_t head = end ? (size_t)(end - bytes) + 4 : len;

	if (head > WEIR_HANDSHAKE_HEAD_MAX || (head && memchr(bytes, '\0', head)))
		return -EPROTO;
	return end ? (int)head : 0;
}

/* The value of header @name in @head, up to its line's end, or NULL. */
static const char *find_value(const char *head, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
		line += 2;
		if (!strncasecmp(line, name, len) && line[len] == ':')
			return line + len + 1 + strspn(line + len + 1, " \t");
	}
	return NULL;
}

static bool value_is(const char *head, const char *name, const char *want)
{
	const char *value = find_value(head, name);
	size_t len = strlen(want);

	return value && !strncmp(value, want, len) && strchr("\r \t", value[len]) && value[len];
}

/* "HTTP/1.x NNN", or -1. */
static int status_of(const char *head)
{
	static const char version[] = "HTTP/1.";
	const char *digits = head + sizeof(version) - 1 + 2;

	if (strncmp(head, version, sizeof(version) - 1) || strspn(digits - 2, "01") != 1 ||
	    digits[-1] != ' ' || strspn(digits, "0123456789") != 3)
		return -1;
	return (int)strtol(digits, NULL, 10);
}

int weir_handshake_decode(const struct weir_handshake *handshake, const char *head,
			  struct weir_handshake_answer *ret_answer, struct weir_error *err)
{
	struct weir_handshake_answer answer = { .status = status_of(head), .body_len = UINT64_MAX };
	const char *value = find_value(head, "Content-Length");

	if (answer.status < 0)
		return weir_error_set(err, -EPROTO, "not an HTTP server");
	if (value && isdigit((unsigned char)*value))
		answer.body_len = strtoull(value, NULL, 10);
	if (answer.status == HTTP_SWITCHING_PROTOCOLS) {
		if (!handshake->websocket ||
		    !value_is(head, "Sec-WebSocket-Accept", handshake->accept) ||
		    !value_is(head, "Sec-WebSocket-Protocol", WEIR_SUBPROTOCOL))
			return weir_error_set(err, -EPROTO,
					      "the server does not speak " WEIR_SUBPROTOCOL);
		answer.upgraded = true;
	}
	*ret_answer = answer;
	return 0;
}
