/* SPDX-License-Identifier: Apache-2.0 */
#include "api/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/json.h"
#include "api/server_priv.h"
#include "lib/cleanup.h"
#include "lib/time.h"

#define DEFAULT_MAX_CLIENTS 64

/* Connections that are no clients yet or only ask for /healthz or /v1/status. */
#define SPARE_CONNS 64

#define KEEPALIVE_SECS 15

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		  size_t len);

static const struct lws_protocols protocols[] = {
	{
		.name = WEIR_SUBPROTOCOL,
		.callback = on_lws,
		.rx_buffer_size = 4096,
		/* Else libwebsockets sends rx_buffer_size at a time and copies the rest. */
		.tx_packet_size = WEIR_MESSAGE_BYTES_MAX,
	},
	{ 0 },
};

/*
 * A mount rather than the default: libwebsockets 4.1 then stays in the state in which it reads
 * from the socket, and so notices that a client of NDJSON has gone.
 */
static const struct lws_http_mount mount = {
	.mountpoint = "/",
	.mountpoint_len = 1,
	.origin = WEIR_SUBPROTOCOL,
	.origin_protocol = LWSMPRO_CALLBACK,
};

static void conn_unlink(struct weir_conn *conn)
{
	struct weir_server *server = conn->server;

	if (conn->prev)
		conn->prev->next = conn->next;
	else
		server->conns = conn->next;
	if (conn->next)
		conn->next->prev = conn->prev;
	server->n_conns--;
}

static void conn_free(struct weir_conn *conn)
{
	weir_conn_stop(conn);
	weir_conn_set_client(conn, false);
	conn_unlink(conn);
	weir_buf_done(&conn->received);
	weir_buf_done(&conn->refusal);
	free(conn);
}

/* libwebsockets may keep it until what it has buffered is sent: without us. */
static void conn_kill(struct weir_conn *conn)
{
	struct lws *wsi = conn->wsi;

	lws_set_opaque_user_data(wsi, NULL);
	conn_free(conn);
	lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
}

/*
 * Make room: of the connections that are no clients the oldest goes, which has had the most time
 * to ask. There always is one, as there are more connections than clients.
 */
static void evict(struct weir_server *server)
{
	struct weir_conn *oldest = NULL;

	for (struct weir_conn *conn = server->conns; conn; conn = conn->next) {
		if (!conn->is_client)
			oldest = conn;
	}
	if (oldest)
		conn_kill(oldest);
}

int weir_conn_add(struct weir_server *server, int fd)
{
	struct weir_conn *conn;
	struct lws *wsi;

	if (server->n_conns >= server->max_conns)
		evict(server);
	conn = calloc(1, sizeof(*conn));
	if (!conn) {
		(void)close(fd);
		return -ENOMEM;
	}
	wsi = lws_adopt_socket_vhost(server->vhost, fd);
	if (!wsi) {
		free(conn);
		return -EIO;
	}
	conn->server = server;
	conn->wsi = wsi;
	weir_buf_init(&conn->received, WEIR_REQUEST_BYTES_MAX);
	weir_buf_init(&conn->refusal, 0);
	conn->next = server->conns;
	if (conn->next)
		conn->next->prev = conn;
	server->conns = conn;
	server->n_conns++;
	lws_set_opaque_user_data(wsi, conn);
	return 0;
}

bool weir_conn_is_full(const struct weir_conn *conn)
{
	const struct weir_server *server = conn->server;

	return !conn->is_client && server->stats.clients >= server->opts.max_clients;
}

void weir_conn_set_client(struct weir_conn *conn, bool is_client)
{
	struct weir_server *server = conn->server;

	if (conn->is_client == is_client)
		return;
	conn->is_client = is_client;
	if (is_client) {
		server->stats.clients++;
		server->stats.clients_total++;
	} else {
		server->stats.clients--;
	}
	weir_encoded_share(server->encoded, server->stats.clients > 1);
}

void weir_conn_start(struct weir_conn *conn, struct weir_request *request)
{
	weir_stream_init(&conn->stream, request, conn->server->opts.history, conn->server->encoded,
			 weir_time_real_ns());
	conn->streaming = true;
	conn->waiting = false;
	(void)lws_callback_on_writable(conn->wsi);
}

void weir_conn_stop(struct weir_conn *conn)
{
	if (!conn->streaming)
		return;
	weir_stream_done(&conn->stream);
	conn->streaming = false;
	conn->waiting = false;
}

enum weir_stream_state weir_conn_read(struct weir_conn *conn, struct weir_buf *out)
{
	struct weir_server_stats *stats = &conn->server->stats;
	uint64_t sent = conn->stream.sent, lost = conn->stream.lost;
	enum weir_stream_state state;

	state = weir_stream_read(&conn->stream, out, WEIR_MESSAGE_BYTES);
	stats->records_sent += conn->stream.sent - sent;
	stats->records_lost += conn->stream.lost - lost;
	conn->waiting = state == WEIR_STREAM_IDLE;
	return state;
}

struct weir_buf *weir_server_out(struct weir_server *server)
{
	static const char room[LWS_PRE];

	weir_buf_clear(&server->out);
	weir_buf_put(&server->out, room, sizeof(room));
	return &server->out;
}

void weir_put_error(struct weir_buf *out, unsigned int code, const char *message)
{
	weir_buf_puts(out, "{\"error\":{\"code\":");
	weir_buf_put_u64(out, code);
	weir_buf_puts(out, ",\"message\":");
	weir_json_string(out, message, strlen(message));
	weir_buf_puts(out, "}}\n");
}

static int on_conn(struct weir_conn *conn, enum lws_callback_reasons reason, void *in, size_t len)
{
	switch (reason) {
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		return weir_http_confirm_upgrade(conn, in);
	case LWS_CALLBACK_HTTP:
		return weir_http_request(conn);
	case LWS_CALLBACK_HTTP_WRITEABLE:
		return weir_http_writeable(conn);
	case LWS_CALLBACK_ESTABLISHED:
		return weir_ws_established(conn);
	case LWS_CALLBACK_RECEIVE:
		return weir_ws_receive(conn, in, len);
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return weir_ws_writeable(conn);
	case LWS_CALLBACK_TIMER:
		return weir_ws_timer(conn);
	case LWS_CALLBACK_CLOSED:
	case LWS_CALLBACK_CLOSED_HTTP:
		weir_conn_stop(conn);
		weir_conn_set_client(conn, false);
		return 0;
	default:
		return 0;
	}
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		  size_t len)
{
	struct weir_conn *conn;

	switch (reason) {
	case LWS_CALLBACK_PROTOCOL_INIT:
	case LWS_CALLBACK_PROTOCOL_DESTROY:
	case LWS_CALLBACK_WSI_CREATE:
		return 0;
	case LWS_CALLBACK_RAW_ADOPT:
	case LWS_CALLBACK_RAW_RX:
		/* libwebsockets turns CONNECT into a raw connection; we have no use for one. */
		return -1;
	case LWS_CALLBACK_WSI_DESTROY:
		conn = lws_get_opaque_user_data(wsi);
		lws_set_opaque_user_data(wsi, NULL);
		if (conn)
			conn_free(conn);
		return 0;
	default:
		/* None while it is being adopted, nor after weir_server_free(). */
		conn = lws_get_opaque_user_data(wsi);
		return conn ? on_conn(conn, reason, in, len) : 0;
	}
}

int weir_server_new(struct weir_loop *loop, const struct weir_server_opts *opts,
		    struct weir_server **ret_server)
{
	_cleanup_(weir_server_free) struct weir_server *server = calloc(1, sizeof(*server));
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.vhost_name = "weir-api",
		.protocols = protocols,
		.mounts = &mount,
		.options = LWS_SERVER_OPTION_VALIDATE_UTF8,
		.keepalive_timeout = KEEPALIVE_SECS,
		.gid = (gid_t)-1,
		.uid = (uid_t)-1,
	};
	int r;

	if (!server)
		return -ENOMEM;
	if (opts->max_clients > WEIR_SERVER_CLIENTS_MAX)
		return -ERANGE;
	server->opts = *opts;
	server->loop = loop;
	if (!server->opts.max_clients)
		server->opts.max_clients = DEFAULT_MAX_CLIENTS;
	server->max_conns = server->opts.max_clients + SPARE_CONNS;
	weir_buf_init(&server->out, LWS_PRE + WEIR_MESSAGE_BYTES_MAX);
	r = weir_encoded_new(server->opts.node_name, &server->encoded);
	if (r < 0)
		return r;
	server->vhost = lws_create_vhost(weir_loop_lws(loop), &info);
	if (!server->vhost)
		return -EIO;
	*ret_server = TAKE_PTR(server);
	return 0;
}

void weir_server_free(struct weir_server **server)
{
	struct weir_server *s = *server;

	if (!s)
		return;
	weir_listener_free_all(s);
	while (s->conns) {
		weir_ws_say_goodbye(s->conns);
		conn_kill(s->conns);
	}
	if (s->vhost)
		lws_vhost_destroy(s->vhost);
	weir_encoded_free(&s->encoded);
	weir_buf_done(&s->out);
	free(s);
	*server = NULL;
}

void weir_server_notify(struct weir_server *server)
{
	for (struct weir_conn *conn = server->conns; conn; conn = conn->next) {
		if (!conn->waiting)
			continue;
		conn->waiting = false;
		(void)lws_callback_on_writable(conn->wsi);
	}
}

void weir_server_set_ready(struct weir_server *server, bool ready)
{
	server->ready = ready;
}

void weir_server_get_stats(const struct weir_server *server, struct weir_server_stats *ret_stats)
{
	*ret_stats = server->stats;
}
