/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_SERVER_H
#define WEIR_API_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "api/history.h"
#include "lib/addr.h"
#include "lib/buf.h"
#include "lib/error.h"
#include "lib/loop.h"

/** The most clients: with what else a process serves, as many sockets as a loop can hold. */
#define WEIR_SERVER_CLIENTS_MAX 900

/*
 * The HTTP and websocket server: /v1/flows (websocket and NDJSON), /v1/status, /healthz,
 * /readyz. api/protocol.md is the contract with clients.
 */
struct weir_server;

/** Appends the body of /v1/status (one JSON object) to @out. */
typedef void (*weir_server_status_fn)(void *ctx, struct weir_buf *out);

struct weir_server_opts {
	const char *node_name;           /* the envelope's; borrowed for the server's life */
	struct weir_history *history;    /* borrowed */
	weir_server_status_fn status;
	void *ctx;
	unsigned int max_clients;        /* at most 900, 0: 64; more are answered 503 */
};

/** Totals over all clients so far. */
struct weir_server_stats {
	uint64_t clients;                /* connected now */
	uint64_t clients_total;
	uint64_t records_sent;
	uint64_t records_lost;           /* WEIR_LOSS_CLIENT_TOO_SLOW, over all clients */
	uint64_t bad_requests;           /* HTTP 4xx and websocket closes for cause */
};

/**
 * weir_server_new() - a server without listeners.
 *
 * Errors: -ERANGE when @opts->max_clients is above WEIR_SERVER_CLIENTS_MAX; -ENOMEM, -EIO.
 */
int weir_server_new(struct weir_loop *loop, const struct weir_server_opts *opts,
		    struct weir_server **ret_server);

/**
 * weir_server_listen() - add a listener; may be called several times.
 *
 * Errors: -EADDRINUSE, -EACCES, … with @err naming the endpoint. A unix socket is made with mode
 *         0660; a stale one (nobody accepts on it) is replaced.
 */
int weir_server_listen(struct weir_server *server, const struct weir_endpoint *endpoint,
		       struct weir_error *err);

/** weir_server_port() - of the last TCP listener, for endpoints with port 0; 0 without any. */
uint16_t weir_server_port(const struct weir_server *server);

/**
 * weir_server_free() - closes all clients, those of a websocket with 1001 where that can be written
 * at once; unlinks unix sockets it made.
 */
void weir_server_free(struct weir_server **server);

/** weir_server_notify() - records were pushed: wake the followers. Cheap; call once per batch. */
void weir_server_notify(struct weir_server *server);

/** weir_server_set_ready() - what /readyz says. */
void weir_server_set_ready(struct weir_server *server, bool ready);

void weir_server_get_stats(const struct weir_server *server, struct weir_server_stats *ret_stats);

#endif
