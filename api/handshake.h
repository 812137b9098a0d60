/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_HANDSHAKE_H
#define WEIR_API_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/buf.h"
#include "lib/error.h"

/* The HTTP part of a client's connection (RFC 6455 section 4.1, RFC 9112), without I/O. */

/** The one subprotocol there is (api/protocol.md). */
#define WEIR_SUBPROTOCOL "weir.v1"

/** The longest head of an answer. */
#define WEIR_HANDSHAKE_HEAD_MAX ((size_t)16 * 1024)

/** Room for the base64 of a SHA-1 digest and its NUL. */
#define WEIR_HANDSHAKE_ACCEPT_MAX 32

struct weir_handshake {
	const struct weir_endpoint *endpoint;
	const char *path;
	bool websocket;  /* false: a plain GET, answered in one piece (HTTP/1.0) */
	char accept[WEIR_HANDSHAKE_ACCEPT_MAX];  /* what the server has to say to our key */
};

/** What the head of an answer says. */
struct weir_handshake_answer {
	int status;          /* HTTP's */
	uint64_t body_len;   /* UINT64_MAX: up to the end of the connection */
	bool upgraded;       /* the websocket is open */
};

/** weir_handshake_put() - append the request's head; sets @accept. 0 or -EIO (no randomness). */
int weir_handshake_put(struct weir_handshake *handshake, struct weir_buf *out);

/**
 * weir_handshake_head_len() - the length of a complete head at @bytes with its empty line.
 *
 * Returns 0 when more bytes are needed, -EPROTO when it cannot become a head.
 */
int weir_handshake_head_len(const char *bytes, size_t len);

/**
 * weir_handshake_decode() - read a head; @head is NUL-terminated and holds no other NUL.
 *
 * Errors: -EPROTO with @err: no HTTP, or an upgrade that is not the one asked for.
 */
int weir_handshake_decode(const struct weir_handshake *handshake, const char *head,
			  struct weir_handshake_answer *ret_answer, struct weir_error *err);

#endif
