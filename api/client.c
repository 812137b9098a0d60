/* SPDX-License-Identifier: Apache-2.0 */
#include "api/client.h"

#include <ctype.h>
#include <errno.h>
#include <libwebsockets.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "api/client_probe.h"
#include "api/frames.h"
#include "api/handshake.h"
#include "api/limits.h"
#include "lib/cleanup.h"
#include "lib/error.h"
#include "lib/time.h"

#define VHOST "weir-client"
#define PROTOCOL "weir-client-raw"

/* From connect() to the end of the response's head. */
#define HANDSHAKE_NS (5 * WEIR_NS_PER_SEC)

/* No refusal worth reading is longer. */
#define REFUSAL_MAX 1024

/* Bytes read at once, and how often before the loop has its turn again. */
#define RX_BYTES (256 * 1024)
#define RX_TURNS 8

#define HTTP_OK 200

#define CLOSE_NORMAL 1000
#define CLOSE_GOING_AWAY 1001
#define CLOSE_NO_STATUS 1005

enum state {
	STATE_CONNECTING,
	STATE_HEAD,
	STATE_BODY,     /* GET: everything up to the end of the connection */
	STATE_FRAMES,
	STATE_REFUSED,  /* the body of an answer other than the one asked for */
	STATE_CLOSED,
};

struct weir_client {
	struct weir_loop *loop;
	struct weir_loop_timer *timer;
	struct lws *wsi;
	struct weir_endpoint endpoint;
	struct weir_client_opts opts;
	char *path;
	char *request;
	enum state state;
	bool in_connect;            /* inside lws_client_connect_via_info() */
	struct weir_error failure;  /* why that failed */
	int http_status;
	uint64_t body_left;  /* of Content-Length; UINT64_MAX: up to the end */
	struct weir_handshake handshake;
	struct weir_frame_reader frames;
	char *rx;            /* RX_BYTES */
	struct weir_buf in;  /* the head, then an unfinished line */
	struct weir_buf out; /* LWS_PRE bytes of room, then what is to be sent */
};

static void client_finish(struct weir_client *client, int status, const char *detail)
{
	struct weir_error err = { 0 };
	struct lws *wsi = client->wsi;

	if (client->state == STATE_CLOSED)
		return;
	client->state = STATE_CLOSED;
	client->wsi = NULL;
	weir_loop_timer_cancel(client->timer);
	if (wsi) {
		lws_set_wsi_user(wsi, NULL);
		lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
	}
	/* weir_error_set() is what makes foreign words harmless. */
	if (status < 0)
		(void)weir_error_set(&err, status, "%s", detail);
	client->opts.close(client->opts.ctx, status, err.text);
}

/* --- what is sent ---------------------------------------------------------------------------- */

static void out_reset(struct weir_client *client)
{
	weir_buf_clear(&client->out);
	if (weir_buf_room(&client->out, LWS_PRE)) {
		memset(client->out.data, 0, LWS_PRE);
		client->out.len = LWS_PRE;
	}
}

static int out_head(struct weir_client *client)
{
	int r;

	out_reset(client);
	r = weir_handshake_put(&client->handshake, &client->out);
	return r < 0 ? r : client->out.failed;
}

static int out_frame(struct weir_client *client, enum weir_frame_opcode opcode, const char *data,
		     size_t len)
{
	uint8_t mask[4];

	if (getrandom(mask, sizeof(mask), 0) != (ssize_t)sizeof(mask))
		return -EIO;
	weir_frame_put(&client->out, opcode, data, len, mask);
	lws_callback_on_writable(client->wsi);
	return client->out.failed;
}

static int client_write(struct weir_client *client)
{
	size_t len = client->out.len - LWS_PRE;

	if (client->out.failed)
		return client->out.failed;
	if (!len)
		return 0;
	/* lws keeps what the socket does not take and sends it before anything later. */
	if (lws_write(client->wsi, (unsigned char *)client->out.data + LWS_PRE, len,
		      LWS_WRITE_RAW) < (int)len)
		return -ECONNRESET;
	out_reset(client);
	return 0;
}

/* --- what is received ------------------------------------------------------------------------ */

static void line_end(struct weir_client *client)
{
	if (client->in.len)
		client->opts.line(client->opts.ctx, client->in.data, client->in.len);
	weir_buf_clear(&client->in);
}

/* 0 or -EMSGSIZE; a line that lies in @bytes as a whole is handed on from there. */
static int lines_take(struct weir_client *client, const char *bytes, size_t len)
{
	while (len) {
		const char *newline = memchr(bytes, '\n', len);
		size_t n = newline ? (size_t)(newline - bytes) : len;

		if (newline && !client->in.len) {
			if (n)
				client->opts.line(client->opts.ctx, bytes, n);
		} else {
			weir_buf_put(&client->in, bytes, n);
			if (client->in.failed || client->in.len > WEIR_MESSAGE_BYTES_MAX)
				return -EMSGSIZE;
			if (newline)
				line_end(client);
		}
		n += newline != NULL;
		bytes += n;
		len -= n;
	}
	return 0;
}

static void close_frame(struct weir_client *client, const struct weir_frame *frame)
{
	struct weir_error err = { 0 };

	if (frame->code == CLOSE_NORMAL || frame->code == CLOSE_NO_STATUS) {
		client_finish(client, 0, "");
		return;
	}
	if (frame->code == CLOSE_GOING_AWAY)
		(void)weir_error_set(&err, -ECONNRESET, "the server is shutting down");
	else if (frame->len)
		(void)weir_error_set(&err, -EPROTO, "%.*s", (int)frame->len, frame->data);
	else
		(void)weir_error_set(&err, -EPROTO, "closed by the server with code %u",
				     frame->code);
	client_finish(client, frame->code == CLOSE_GOING_AWAY ? -ECONNRESET : -EPROTO, err.text);
}

/* Negative when the connection is over; client_finish() has then been called. */
static int frame_take(struct weir_client *client, const struct weir_frame *frame)
{
	struct weir_error err = { 0 };

	switch (frame->kind) {
	case WEIR_FRAME_NONE:
	case WEIR_FRAME_PONG:
		return 0;
	case WEIR_FRAME_DATA:
		if (lines_take(client, frame->data, frame->len) < 0) {
			client_finish(client, -EMSGSIZE, "the server sent a line without an end");
			return -1;
		}
		if (frame->last)
			line_end(client);
		return 0;
	case WEIR_FRAME_PING:
		if (out_frame(client, WEIR_FRAME_OPCODE_PONG, frame->data, frame->len) == 0)
			return 0;
		client_finish(client, -ENOMEM, "out of memory");
		return -1;
	case WEIR_FRAME_CLOSE:
		close_frame(client, frame);
		return -1;
	case WEIR_FRAME_BAD:
		break;
	}
	(void)weir_error_set(&err, -EPROTO, "not a websocket server: %s", frame->data);
	client_finish(client, -EPROTO, err.text);
	return -1;
}

static int frames_take(struct weir_client *client, const char *bytes, size_t len)
{
	while (len) {
		struct weir_frame frame;
		size_t n = weir_frame_next(&client->frames, bytes, len, &frame);

		if (frame_take(client, &frame) < 0)
			return -1;
		bytes += n;
		len -= n;
	}
	return 0;
}

static int body_take(struct weir_client *client, const char *bytes, size_t len)
{
	if (len > client->body_left)
		len = (size_t)client->body_left;
	if (client->body_left != UINT64_MAX)
		client->body_left -= len;
	if (lines_take(client, bytes, len) < 0) {
		client_finish(client, -EMSGSIZE, "the server sent a line without an end");
		return -1;
	}
	if (client->body_left)
		return 0;
	line_end(client);
	client_finish(client, 0, "");
	return -1;
}

static int head_decode(struct weir_client *client)
{
	struct weir_handshake_answer answer = { 0 };
	struct weir_error err = { 0 };
	int r = weir_handshake_decode(&client->handshake, weir_buf_cstr(&client->in), &answer,
				      &err);

	if (r < 0) {
		client_finish(client, r, err.text);
		return -1;
	}
	client->http_status = answer.status;
	client->body_left = answer.body_len;
	if (!answer.upgraded) {
		client->state =
			!client->request && answer.status == HTTP_OK ? STATE_BODY : STATE_REFUSED;
		return 0;
	}
	client->state = STATE_FRAMES;
	r = out_frame(client, WEIR_FRAME_OPCODE_TEXT, client->request, strlen(client->request));
	if (r < 0) {
		client_finish(client, -ENOMEM, "out of memory");
		return -1;
	}
	return 0;
}

/* Bytes of @bytes that belong to the head, or -1 when the connection is over. */
static ssize_t head_take(struct weir_client *client, const char *bytes, size_t len)
{
	size_t before = client->in.len;
	int head;

	weir_buf_put(&client->in, bytes, len);
	if (client->in.failed) {
		client_finish(client, -ENOMEM, "out of memory");
		return -1;
	}
	head = weir_handshake_head_len(client->in.data, client->in.len);
	if (head < 0) {
		client_finish(client, -EPROTO, "not an HTTP server");
		return -1;
	}
	if (!head)
		return (ssize_t)len;
	weir_buf_truncate(&client->in, (size_t)head);
	if (head_decode(client) < 0)
		return -1;
	weir_buf_clear(&client->in);
	weir_loop_timer_cancel(client->timer);
	return (ssize_t)((size_t)head - before);
}

/* The server's own words are the best explanation there is; they are short. */
static void refused_end(struct weir_client *client)
{
	struct weir_error err = { 0 };
	size_t len = client->in.len;

	while (len && isspace((unsigned char)client->in.data[len - 1]))
		len--;
	(void)weir_error_set(&err, -EPROTO, "HTTP status %d%s%.*s", client->http_status,
			     len ? ": " : "", (int)len, len ? client->in.data : "");
	client_finish(client, -EPROTO, err.text);
}

static int refused_take(struct weir_client *client, const char *bytes, size_t len)
{
	if (len > client->body_left)
		len = (size_t)client->body_left;
	if (client->body_left != UINT64_MAX)
		client->body_left -= len;
	if (client->in.len + len <= REFUSAL_MAX)
		weir_buf_put(&client->in, bytes, len);
	if (client->body_left)
		return 0;
	refused_end(client);
	return -1;
}

static int client_receive(struct weir_client *client, const char *bytes, size_t len)
{
	int r = 0;

	if (client->state == STATE_HEAD) {
		ssize_t n = head_take(client, bytes, len);

		if (n < 0)
			return -1;
		bytes += n;
		len -= (size_t)n;
	}
	if (client->state == STATE_BODY)
		r = body_take(client, bytes, len);
	else if (client->state == STATE_FRAMES)
		r = frames_take(client, bytes, len);
	else if (client->state == STATE_REFUSED)
		r = refused_take(client, bytes, len);
	return r;
}

/*
 * libwebsockets reads 4 kB for each poll(). What else has come is taken here in larger pieces:
 * 500,000 records cost the client 0.9 s of CPU instead of 1.6 s.
 */
static int client_drain(struct weir_client *client)
{
	int fd = lws_get_socket_fd(client->wsi);

	for (int i = 0; i < RX_TURNS; i++) {
		/* An end or an error is left to libwebsockets, which finds it on its next read. */
		ssize_t n = recv(fd, client->rx, RX_BYTES, MSG_DONTWAIT);

		if (n <= 0)
			break;
		if (client_receive(client, client->rx, (size_t)n) < 0)
			return -1;
	}
	if (client->opts.batch)
		client->opts.batch(client->opts.ctx);
	return 0;
}

static void client_disconnected(struct weir_client *client)
{
	client->wsi = NULL;
	switch (client->state) {
	case STATE_BODY:
		if (client->body_left != UINT64_MAX)
			break;
		line_end(client);
		client_finish(client, 0, "");
		return;
	case STATE_REFUSED:
		refused_end(client);
		return;
	case STATE_HEAD:
		client_finish(client, -ECONNRESET, "the server closed the connection unanswered");
		return;
	default:
		break;
	}
	client_finish(client, -ECONNRESET, "connection lost");
}

/* --- connection ------------------------------------------------------------------------------ */

static void connect_failed(struct weir_client *client, const char *words)
{
	int r = weir_client_probe(&client->endpoint);

	client->wsi = NULL;
	if (r < 0)
		client_finish(client, r, strerror(-r));
	else
		client_finish(client, -ECONNREFUSED, words);
}

/* It can come while client_connect() is still using the client, which its owner may free. */
static void connection_error(struct weir_client *client, const char *words)
{
	(void)weir_error_set(&client->failure, -EIO, "%s", words ? words : "unable to connect");
	if (!client->in_connect)
		connect_failed(client, client->failure.text);
}

static int client_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
			   size_t len)
{
	struct weir_client *client = user;

	switch (reason) {
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
	case LWS_CALLBACK_RAW_CLOSE:
	case LWS_CALLBACK_WSI_DESTROY:
		/* Not every failure to connect has a callback of its own, and some have two. */
		lws_set_wsi_user(wsi, NULL);
		if (client && client->state == STATE_CONNECTING)
			connection_error(
				client, reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR ? in : NULL);
		else if (client)
			client_disconnected(client);
		return 0;
	case LWS_CALLBACK_RAW_CONNECTED:
		if (!client)
			return -1;
		client->wsi = wsi;
		client->state = STATE_HEAD;
		if (out_head(client) < 0) {
			client_finish(client, -ENOMEM, "out of memory");
			return -1;
		}
		lws_callback_on_writable(wsi);
		return 0;
	case LWS_CALLBACK_RAW_WRITEABLE:
		if (!client)
			return -1;
		if (client_write(client) < 0) {
			client_finish(client, -ECONNRESET, "connection lost");
			return -1;
		}
		return 0;
	case LWS_CALLBACK_RAW_RX:
		if (!client || client_receive(client, in, len) < 0)
			return -1;
		return client_drain(client);
	default:
		return 0;
	}
}

static const struct lws_protocols protocols[] = {
	{ .name = PROTOCOL, .callback = client_callback },
	{ 0 },
};

static struct lws_vhost *client_vhost(struct lws_context *context)
{
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN, .protocols = protocols, .vhost_name = VHOST,
	};
	struct lws_vhost *vhost = lws_get_vhost_by_name(context, VHOST);

	return vhost ? vhost : lws_create_vhost(context, &info);
}

static void client_connect(struct weir_client *client)
{
	struct lws_context *context = weir_loop_lws(client->loop);
	char address[sizeof(client->endpoint.host) + 1];
	struct lws_client_connect_info info = {
		.context = context,
		.vhost = client_vhost(context),
		.address = client->endpoint.host,
		.port = client->endpoint.port,
		.host = "localhost",
		.path = "/",
		.origin = "",
		.method = "RAW",
		.local_protocol_name = PROTOCOL,
		.userdata = client,
	};

	if (client->endpoint.is_unix) {
		(void)snprintf(address, sizeof(address), "+%s", client->endpoint.host);
		info.address = address;
	}
	weir_loop_timer_set(client->timer, HANDSHAKE_NS);
	if (!info.vhost) {
		client_finish(client, -EIO, "no libwebsockets vhost");
		return;
	}
	client->in_connect = true;
	client->wsi = lws_client_connect_via_info(&info);
	client->in_connect = false;
	if (!client->wsi)
		connect_failed(client, client->failure.text[0] ? client->failure.text
							       : "unable to connect");
}

/* First the start of the connection, then, if it is not cancelled, its time limit. */
static void on_timer(void *ctx)
{
	struct weir_client *client = ctx;

	if (client->state == STATE_CONNECTING && !client->wsi)
		client_connect(client);
	else
		client_finish(client, -ETIMEDOUT, "no answer within 5 seconds");
}

int weir_client_new(struct weir_loop *loop, const struct weir_client_opts *opts,
		    struct weir_client **ret_client)
{
	_cleanup_(weir_client_free) struct weir_client *client = calloc(1, sizeof(*client));
	int r;

	if (!client)
		return -ENOMEM;
	client->loop = loop;
	client->opts = *opts;
	client->endpoint = *opts->endpoint;
	weir_buf_init(&client->in, 0);
	weir_buf_init(&client->out, 0);
	client->path = strdup(opts->path);
	client->request = opts->request ? strdup(opts->request) : NULL;
	client->handshake = (struct weir_handshake){
		.endpoint = &client->endpoint, .path = client->path, .websocket = opts->request,
	};
	client->rx = malloc(RX_BYTES);
	if (!client->path || !client->rx || (opts->request && !client->request))
		return -ENOMEM;
	r = weir_loop_timer_new(loop, on_timer, client, &client->timer);
	if (r < 0)
		return r;
	weir_loop_timer_set(client->timer, 0);
	*ret_client = TAKE_PTR(client);
	return 0;
}

void weir_client_free(struct weir_client **client)
{
	struct weir_client *c = *client;

	if (!c)
		return;
	*client = NULL;
	if (c->wsi) {
		lws_set_wsi_user(c->wsi, NULL);
		lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
	}
	weir_loop_timer_free(&c->timer);
	weir_buf_done(&c->in);
	weir_buf_done(&c->out);
	free(c->rx);
	free(c->path);
	free(c->request);
	free(c);
}
