/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_CLIENT_H
#define WEIR_API_CLIENT_H

#include <stddef.h>

#include "lib/addr.h"
#include "lib/loop.h"

/**
 * struct weir_client - one request to a server of api/protocol.md, its answer line by line.
 *
 * With a request text it is a websocket of subprotocol weir.v1 whose first message is that text;
 * without, a plain GET.
 */
struct weir_client;

/** One line without its newline; @line is borrowed for the call and not NUL-terminated. */
typedef void (*weir_client_line_fn)(void *ctx, const char *line, size_t len);

/** Every line of what has arrived was handed over: the time to flush output. */
typedef void (*weir_client_batch_fn)(void *ctx);

/**
 * The connection is over; called once, never from inside weir_client_new().
 *
 * @status: 0 when the server ended the answer in order; -ENOENT, -ECONNREFUSED, -EACCES, … when
 *          there never was a connection; -ECONNRESET lost; -ETIMEDOUT no answer to the
 *          handshake; -EPROTO the server is not one of ours, or refused (@detail has its words);
 *          -EMSGSIZE a line beyond any record.
 * @detail: one line for a person, without control characters; "" when @status is 0.
 * weir_client_free() may be called here.
 */
typedef void (*weir_client_close_fn)(void *ctx, int status, const char *detail);

struct weir_client_opts {
	const struct weir_endpoint *endpoint;  /* copied */
	const char *path;                      /* copied */
	const char *request;                   /* copied; NULL: plain GET */
	weir_client_line_fn line;
	weir_client_batch_fn batch;            /* NULL allowed */
	weir_client_close_fn close;
	void *ctx;
};

/** weir_client_new() - connects from the loop; 0, -ENOMEM or -EIO. */
int weir_client_new(struct weir_loop *loop, const struct weir_client_opts *opts,
		    struct weir_client **ret_client);

/** weir_client_free() - drop the connection, without a call of @close. Not from @line, @batch. */
void weir_client_free(struct weir_client **client);

#endif
