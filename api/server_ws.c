/* SPDX-License-Identifier: Apache-2.0 */
#include "api/server_priv.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/time.h"

/* How long a client may take to say what it wants. */
#define REQUEST_TIMEOUT_US (10 * LWS_US_PER_SEC)

static void refuse(struct weir_conn *conn, int status, unsigned int code, const char *message)
{
	if (conn->close_status)
		return;
	weir_conn_stop(conn);
	weir_buf_done(&conn->received);
	weir_put_error(&conn->refusal, code, message);
	conn->close_status = status;
	conn->server->stats.bad_requests++;
	(void)lws_callback_on_writable(conn->wsi);
}

int weir_ws_established(struct weir_conn *conn)
{
	conn->is_websocket = true;
	weir_conn_set_client(conn, true);
	lws_set_timer_usecs(conn->wsi, REQUEST_TIMEOUT_US);
	return 0;
}

int weir_ws_timer(struct weir_conn *conn)
{
	if (!conn->streaming)
		refuse(conn, LWS_CLOSE_STATUS_POLICY_VIOLATION, 408,
		       "request: none came within 10 s");
	return 0;
}

static void decode_request(struct weir_conn *conn)
{
	struct weir_request request;
	struct weir_error err = { 0 };
	int r;

	weir_request_init(&request);
	r = weir_request_decode(&request, conn->received.data, conn->received.len,
				weir_time_real_ns(), &err);
	weir_buf_done(&conn->received);
	if (!r) {
		lws_set_timer_usecs(conn->wsi, LWS_SET_TIMER_USEC_CANCEL);
		weir_conn_start(conn, &request);
	} else if (r == -EBADMSG) {
		refuse(conn, LWS_CLOSE_STATUS_INVALID_PAYLOAD, 400, err.text);
	} else if (r == -ENOMEM) {
		refuse(conn, LWS_CLOSE_STATUS_UNEXPECTED_CONDITION, 503, "request: out of memory");
	} else {
		refuse(conn, LWS_CLOSE_STATUS_POLICY_VIOLATION, 400, err.text);
	}
	weir_request_done(&request);
}

int weir_ws_receive(struct weir_conn *conn, const char *bytes, size_t len)
{
	if (conn->close_status)
		return 0;
	if (lws_frame_is_binary(conn->wsi)) {
		refuse(conn, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, 400,
		       "request: is binary, want text");
		return 0;
	}
	if (conn->streaming) {
		refuse(conn, LWS_CLOSE_STATUS_PROTOCOL_ERR, 400,
		       "request: a second one on the same connection");
		return 0;
	}
	weir_buf_put(&conn->received, bytes, len);
	if (conn->received.failed)
		refuse(conn, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, 413,
		       "request: longer than 65536 bytes");
	else if (lws_is_final_fragment(conn->wsi) && !lws_remaining_packet_payload(conn->wsi))
		decode_request(conn);
	return 0;
}

static int send_text(struct weir_conn *conn, struct weir_buf *out)
{
	if (out->failed || lws_write(conn->wsi, (unsigned char *)out->data + LWS_PRE,
				     out->len - LWS_PRE, LWS_WRITE_TEXT) < 0)
		return -1;
	return 0;
}

static int close_with(struct weir_conn *conn, int status, const char *why)
{
	weir_conn_stop(conn);
	weir_conn_set_client(conn, false);
	/* libwebsockets copies the reason. */
	lws_close_reason(conn->wsi, status, (unsigned char *)why, strlen(why));
	return -1;
}

static int send_refusal(struct weir_conn *conn)
{
	struct weir_buf *out = weir_server_out(conn->server);

	weir_buf_put(out, conn->refusal.data, conn->refusal.len);
	weir_buf_done(&conn->refusal);
	(void)lws_callback_on_writable(conn->wsi);
	return send_text(conn, out);
}

static int send_records(struct weir_conn *conn)
{
	uint64_t until_ns = weir_time_mono_ns() + WEIR_TURN_NS;
	enum weir_stream_state state;

	for (size_t sent = 0; sent < WEIR_TURN_BYTES;) {
		struct weir_buf *out = weir_server_out(conn->server);

		state = weir_conn_read(conn, out);
		if (out->failed)
			return close_with(conn, LWS_CLOSE_STATUS_UNEXPECTED_CONDITION,
					  "out of memory");
		if (state == WEIR_STREAM_END && out->len == LWS_PRE)
			return close_with(conn, LWS_CLOSE_STATUS_NORMAL, "end of records");
		if (out->len > LWS_PRE && send_text(conn, out))
			return -1;
		/* More than one message a turn only while the socket takes them whole. */
		if (out->len < WEIR_MESSAGE_BYTES || lws_send_pipe_choked(conn->wsi))
			break;
		if (weir_time_mono_ns() >= until_ns)
			break;
		sent += out->len;
	}
	if (!conn->waiting)
		(void)lws_callback_on_writable(conn->wsi);
	return 0;
}

void weir_ws_say_goodbye(struct weir_conn *conn)
{
	/* RFC 6455 section 5.5.1: FIN and close, two bytes, unmasked: the status. */
	static const unsigned char frame[] = { 0x88, 2, LWS_CLOSE_STATUS_GOINGAWAY >> 8,
					       LWS_CLOSE_STATUS_GOINGAWAY & 0xff };

	/*
	 * libwebsockets closes from its loop only, which does not turn any more. When nothing is
	 * left in its hands the last frame went out whole, and this one may follow.
	 */
	if (conn->is_websocket && conn->is_client && !lws_send_pipe_choked(conn->wsi))
		(void)send(lws_get_socket_fd(conn->wsi), frame, sizeof(frame),
			   MSG_DONTWAIT | MSG_NOSIGNAL);
}

int weir_ws_writeable(struct weir_conn *conn)
{
	if (conn->refusal.len)
		return send_refusal(conn);
	if (conn->close_status)
		return close_with(conn, conn->close_status, "bad request");
	return conn->streaming ? send_records(conn) : 0;
}
