/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_SERVER_PRIV_H
#define WEIR_API_SERVER_PRIV_H

#include <libwebsockets.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/limits.h"
#include "api/server.h"
#include "api/stream.h"

/* What the files api/server*.c share. */

/** The websocket subprotocol, which also names the one protocol of the lws vhost. */
#define WEIR_SUBPROTOCOL "weir.v1"
#define WEIR_FLOWS_PATH "/v1/flows"

/** A message, or a chunk of NDJSON, is sent when it has this many bytes, or when all was read. */
#define WEIR_MESSAGE_BYTES ((size_t)64 * 1024)

/** A client that takes them gets as many bytes in one turn of the loop, which others then have. */
#define WEIR_TURN_BYTES ((size_t)4 * 1024 * 1024)

/** But not longer than this, should filters make few records cost much. */
#define WEIR_TURN_NS (10 * WEIR_NS_PER_MS)

/** struct weir_conn - one connection: a websocket, or HTTP requests one after another. */
struct weir_conn {
	struct weir_server *server;
	struct lws *wsi;
	struct weir_conn *prev;
	struct weir_conn *next;
	struct weir_stream stream;     /* while @streaming */
	struct weir_buf received;      /* websocket: the request so far */
	struct weir_buf refusal;       /* websocket: the error message to send before closing */
	int close_status;              /* websocket: then close with this; 0: go on */
	bool is_client;                /* counts against max_clients */
	bool is_websocket;             /* established as one */
	bool streaming;
	bool waiting;                  /* streaming, and has read all there is */
	bool chunked;                  /* HTTP/1.1 NDJSON */
};

struct weir_listener {
	struct weir_server *server;
	struct weir_listener *next;
	struct weir_loop_fd *watch;
	int fd;
	char *path;                    /* unix: to be unlinked, if it still is ours */
	uint64_t path_dev;
	uint64_t path_inode;
	uint16_t port;
};

struct weir_server {
	struct weir_server_opts opts;
	struct weir_loop *loop;
	struct lws_vhost *vhost;
	struct weir_listener *listeners;
	struct weir_loop_timer *accept_again;
	struct weir_conn *conns;
	struct weir_encoded *encoded;
	struct weir_buf out;           /* the message being made; one at a time for all clients */
	struct weir_server_stats stats;
	unsigned int n_conns;
	unsigned int max_conns;
	bool ready;
};

/** weir_conn_add() - serve an accepted socket, which is closed on failure; -ENOMEM or -EIO. */
int weir_conn_add(struct weir_server *server, int fd);

/** weir_conn_is_full() - whether there are max_clients already. */
bool weir_conn_is_full(const struct weir_conn *conn);

/** weir_conn_set_client() - count the connection as a client, or no longer. */
void weir_conn_set_client(struct weir_conn *conn, bool is_client);

/** weir_conn_start() - begin to stream; takes over @request. */
void weir_conn_start(struct weir_conn *conn, struct weir_request *request);
void weir_conn_stop(struct weir_conn *conn);

/** weir_conn_read() - weir_stream_read() into @out, with the server's totals kept. */
enum weir_stream_state weir_conn_read(struct weir_conn *conn, struct weir_buf *out);

/** weir_server_out() - the scratch buffer, emptied, with LWS_PRE bytes of room at its head. */
struct weir_buf *weir_server_out(struct weir_server *server);

/** weir_listener_free_all() - stop listening (api/server_listen.c). */
void weir_listener_free_all(struct weir_server *server);

/** weir_put_error() - append {"error":{"code":…,"message":…}}. */
void weir_put_error(struct weir_buf *out, unsigned int code, const char *message);

/**
 * weir_origin_check() - refuse what a browser was made to send by a foreign page.
 *
 * @origin, @host: the headers, or NULL. @loopback: the connection came in on a loopback address.
 * Returns:        NULL, or why it is refused.
 */
const char *weir_origin_check(const char *origin, const char *host, bool loopback);

/* One callback of libwebsockets each; 0, or -1 to close the connection. */
int weir_http_confirm_upgrade(struct weir_conn *conn, const char *to);
int weir_http_request(struct weir_conn *conn);
int weir_http_writeable(struct weir_conn *conn);
int weir_ws_established(struct weir_conn *conn);
int weir_ws_receive(struct weir_conn *conn, const char *bytes, size_t len);
int weir_ws_writeable(struct weir_conn *conn);
int weir_ws_timer(struct weir_conn *conn);

/** weir_ws_say_goodbye() - a close frame with 1001, if it can be written without waiting. */
void weir_ws_say_goodbye(struct weir_conn *conn);

#endif
