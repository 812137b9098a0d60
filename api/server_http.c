/* SPDX-License-Identifier: Apache-2.0 */
#include "api/server_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/cleanup.h"
#include "lib/time.h"

/* Room for the size of a chunk of at most WEIR_MESSAGE_BYTES_MAX, and its line end. */
#define CHUNK_HEAD "00000000\r\n"
#define CHUNK_END "0\r\n\r\n"

#define HEADER_MAX 256

/* A parameter of a query string, decoded, with its name. */
#define PARAM_MAX 2048

#define TYPE_JSON "application/json"
#define TYPE_TEXT "text/plain; charset=utf-8"

static const char *status_text(unsigned int code)
{
	switch (code) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 426:
		return "Upgrade Required";
	default:
		return "Service Unavailable";
	}
}

static bool is_head(struct weir_conn *conn)
{
	return lws_hdr_total_length(conn->wsi, WSI_TOKEN_HEAD_URI) > 0;
}

static void put_head(struct weir_buf *out, unsigned int code, const char *type)
{
	weir_buf_printf(out,
			"HTTP/1.1 %u %s\r\n"
			"content-type: %s\r\n"
			"cache-control: no-store\r\n"
			"x-content-type-options: nosniff\r\n",
			code, status_text(code), type);
	if (code == 405)
		weir_buf_puts(out, "allow: GET, HEAD\r\n");
	if (code == 426)
		weir_buf_puts(out, "upgrade: websocket\r\nsec-websocket-version: 13\r\n");
}

static int send_out(struct weir_conn *conn, struct weir_buf *out)
{
	if (out->failed || lws_write(conn->wsi, (unsigned char *)out->data + LWS_PRE,
				     out->len - LWS_PRE, LWS_WRITE_HTTP) < 0)
		return -1;
	return 0;
}

static int respond(struct weir_conn *conn, unsigned int code, const char *type, const char *body,
		   size_t len, bool last)
{
	struct weir_buf *out = weir_server_out(conn->server);

	put_head(out, code, type);
	if (last)
		weir_buf_puts(out, "connection: close\r\n");
	weir_buf_printf(out, "content-length: %zu\r\n\r\n", len);
	if (!is_head(conn))
		weir_buf_put(out, body, len);
	return send_out(conn, out);
}

static int respond_error(struct weir_conn *conn, unsigned int code, const char *message, bool last)
{
	_cleanup_(weir_buf_done) struct weir_buf body;

	weir_buf_init(&body, 0);
	weir_put_error(&body, code, message);
	if (code < 500)
		conn->server->stats.bad_requests++;
	if (body.failed)
		return -1;
	return respond(conn, code, TYPE_JSON, body.data, body.len, last);
}

/* The request was answered; stay for the next one. */
static int completed(struct weir_conn *conn)
{
	return lws_http_transaction_completed(conn->wsi) ? -1 : 0;
}

static const char *header(struct weir_conn *conn, enum lws_token_indexes token, char *text)
{
	return lws_hdr_copy(conn->wsi, text, HEADER_MAX, token) > 0 ? text : NULL;
}

static bool came_in_on_loopback(struct weir_conn *conn)
{
	struct sockaddr_storage addr = { 0 };
	socklen_t len = sizeof(addr);
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&addr;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&addr;

	if (getsockname(lws_get_socket_fd(conn->wsi), (struct sockaddr *)&addr, &len))
		return false;
	if (addr.ss_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	return addr.ss_family == AF_INET6 &&
	       (IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ||
		(IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) && v6->sin6_addr.s6_addr[12] == 127));
}

static const char *foreign_page(struct weir_conn *conn)
{
	char origin[HEADER_MAX], host[HEADER_MAX];
	bool has_origin = lws_hdr_total_length(conn->wsi, WSI_TOKEN_ORIGIN) > 0;
	bool has_host = lws_hdr_total_length(conn->wsi, WSI_TOKEN_HOST) > 0;

	if ((has_origin && !header(conn, WSI_TOKEN_ORIGIN, origin)) ||
	    (has_host && !header(conn, WSI_TOKEN_HOST, host)))
		return "Origin or Host: too long";
	return weir_origin_check(has_origin ? origin : NULL, has_host ? host : NULL,
				 came_in_on_loopback(conn));
}

/* Whether the comma-separated list of a header has our subprotocol. */
static bool offers_subprotocol(struct weir_conn *conn)
{
	char list[HEADER_MAX];
	char *rest = list, *one;

	if (!lws_hdr_total_length(conn->wsi, WSI_TOKEN_PROTOCOL))
		return true;
	if (!header(conn, WSI_TOKEN_PROTOCOL, list))
		return false;
	while ((one = strsep(&rest, ", \t"))) {
		if (!strcmp(one, WEIR_SUBPROTOCOL))
			return true;
	}
	return false;
}

static const char *path_of(struct weir_conn *conn, size_t *ret_len, int *ret_method)
{
	char *path = NULL;
	int len = 0;

	*ret_method = lws_http_get_uri_and_method(conn->wsi, &path, &len);
	*ret_len = (size_t)len;
	return path;
}

static bool path_is(const char *path, size_t len, const char *want)
{
	return len == strlen(want) && !memcmp(path, want, len);
}

int weir_http_confirm_upgrade(struct weir_conn *conn, const char *to)
{
	const char *why = NULL;
	const char *path;
	size_t len;
	int method;
	char version[HEADER_MAX];

	/* libwebsockets 4.1 also asks after it has answered an unknown upgrade itself, when @to
	 * is no longer there. */
	if (conn->streaming || !lws_hdr_total_length(conn->wsi, WSI_TOKEN_UPGRADE))
		return -1;
	path = path_of(conn, &len, &method);
	if (!path)
		return -1;
	if (strcasecmp(to, "websocket") != 0)
		return respond_error(conn, 400, "Upgrade: want websocket", true) ? -1 : 1;
	if (!path_is(path, len, WEIR_FLOWS_PATH))
		return respond_error(conn, 404, "no websocket at this path", true) ? -1 : 1;
	why = foreign_page(conn);
	if (why)
		return respond_error(conn, 403, why, true) ? -1 : 1;
	if (method != LWSHUMETH_GET)
		why = "a websocket begins with GET";
	else if (!lws_hdr_total_length(conn->wsi, WSI_TOKEN_KEY))
		why = "Sec-WebSocket-Key: is missing";
	else if (!offers_subprotocol(conn))
		why = "Sec-WebSocket-Protocol: want " WEIR_SUBPROTOCOL;
	if (why)
		return respond_error(conn, 400, why, true) ? -1 : 1;
	if (!header(conn, WSI_TOKEN_VERSION, version) || strcmp(version, "13") != 0)
		return respond_error(conn, 426, "Sec-WebSocket-Version: want 13", true) ? -1 : 1;
	if (weir_conn_is_full(conn))
		return respond_error(conn, 503, "too many clients", true) ? -1 : 1;
	return 0;
}

static int add_param(struct weir_request *request, char *param, int64_t now_ns,
		     struct weir_error *err)
{
	char *value = strchr(param, '=');

	if (value)
		*value++ = '\0';
	return weir_request_add_param(request, param, value ? value : "", now_ns, err);
}

/* libwebsockets has cut the query at its ampersands and decoded it. */
static int decode_query(struct weir_conn *conn, struct weir_request *request,
			struct weir_error *err)
{
	int64_t now_ns = weir_time_real_ns();
	char param[PARAM_MAX];

	for (int i = 0;; i++) {
		int r;
		int len = lws_hdr_copy_fragment(conn->wsi, param, sizeof(param),
						WSI_TOKEN_HTTP_URI_ARGS, i);

		/* Negative at the end as well as for want of room; a fragment may be empty. */
		if (len < 0 && lws_hdr_fragment_length(conn->wsi, WSI_TOKEN_HTTP_URI_ARGS, i) <= 0)
			break;
		/* To an empty one at the end libwebsockets adds a slash, as to an empty path. */
		if (!len || (len > 0 && !strcmp(param, "/")))
			continue;
		if (len < 0)
			return weir_error_set(err, -EINVAL,
					      "query: parameter %d: longer than %d bytes", i + 1,
					      PARAM_MAX - 1);
		r = add_param(request, param, now_ns, err);
		if (r < 0)
			return r;
	}
	return weir_request_check(request, err);
}

static int begin_ndjson(struct weir_conn *conn, struct weir_request *request)
{
	struct weir_buf *out = weir_server_out(conn->server);
	char version[HEADER_MAX];

	conn->chunked = header(conn, WSI_TOKEN_HTTP, version) && !strcmp(version, "HTTP/1.1");
	put_head(out, 200, "application/x-ndjson");
	weir_buf_puts(out, conn->chunked ? "transfer-encoding: chunked\r\n\r\n"
					 : "connection: close\r\n\r\n");
	if (send_out(conn, out))
		return -1;
	if (is_head(conn))
		return completed(conn);
	lws_set_timeout(conn->wsi, NO_PENDING_TIMEOUT, 0);
	weir_conn_set_client(conn, true);
	weir_conn_start(conn, request);
	return 0;
}

static int get_flows(struct weir_conn *conn)
{
	struct weir_request request;
	struct weir_error err = { 0 };
	int r;

	if (weir_conn_is_full(conn))
		return respond_error(conn, 503, "too many clients", false) ? -1 : completed(conn);
	weir_request_init(&request);
	r = decode_query(conn, &request, &err);
	if (!r)
		r = begin_ndjson(conn, &request);
	else if (r == -ENOMEM)
		r = respond_error(conn, 503, "out of memory", true) ? -1 : completed(conn);
	else
		r = respond_error(conn, 400, err.text, false) ? -1 : completed(conn);
	weir_request_done(&request);
	return r;
}

static int get_status(struct weir_conn *conn)
{
	_cleanup_(weir_buf_done) struct weir_buf body;
	const struct weir_server_opts *opts = &conn->server->opts;

	weir_buf_init(&body, 0);
	if (opts->status)
		opts->status(opts->ctx, &body);
	else
		weir_buf_puts(&body, "{}\n");
	if (body.failed)
		return respond_error(conn, 503, "out of memory", true);
	return respond(conn, 200, TYPE_JSON, body.data, body.len, false);
}

static int get(struct weir_conn *conn, const char *path, size_t len)
{
	static const char ok[] = "ok\n", not_ready[] = "not ready\n";
	int r;

	if (path_is(path, len, WEIR_FLOWS_PATH))
		return get_flows(conn);
	if (path_is(path, len, "/v1/status"))
		r = get_status(conn);
	else if (path_is(path, len, "/healthz") ||
		 (path_is(path, len, "/readyz") && conn->server->ready))
		r = respond(conn, 200, TYPE_TEXT, ok, sizeof(ok) - 1, false);
	else if (path_is(path, len, "/readyz"))
		r = respond(conn, 503, TYPE_TEXT, not_ready, sizeof(not_ready) - 1, false);
	else
		r = respond_error(conn, 404, "no such path", false);
	return r ? -1 : completed(conn);
}

/* Nothing we serve takes a body, and what follows one on the connection is not looked for. */
static bool has_body(struct weir_conn *conn)
{
	char length[HEADER_MAX];

	if (lws_hdr_total_length(conn->wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING))
		return true;
	return lws_hdr_total_length(conn->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) &&
	       (!header(conn, WSI_TOKEN_HTTP_CONTENT_LENGTH, length) || strcmp(length, "0") != 0);
}

int weir_http_request(struct weir_conn *conn)
{
	const char *path, *why;
	size_t len;
	int method;

	/* A request behind one that is being answered: pipelining is not served. */
	if (conn->streaming)
		return -1;
	path = path_of(conn, &len, &method);
	if (!path)
		return -1;
	if (method != LWSHUMETH_GET && method != LWSHUMETH_HEAD) {
		(void)respond_error(conn, 405, "want GET or HEAD", true);
		return -1;
	}
	if (has_body(conn)) {
		(void)respond_error(conn, 400, "a body is not wanted", true);
		return -1;
	}
	why = foreign_page(conn);
	if (why) {
		(void)respond_error(conn, 403, why, true);
		return -1;
	}
	return get(conn, path, len);
}

/* Write the size over the zeros. */
static void put_chunk_head(struct weir_buf *out, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char *head = out->data + LWS_PRE;

	for (size_t i = strcspn(CHUNK_HEAD, "\r"); i-- > 0; len >>= 4)
		head[i] = digits[len & 15];
}

static int end_ndjson(struct weir_conn *conn)
{
	struct weir_buf *out;

	weir_conn_stop(conn);
	weir_conn_set_client(conn, false);
	if (!conn->chunked)
		return -1;
	out = weir_server_out(conn->server);
	weir_buf_puts(out, CHUNK_END);
	return send_out(conn, out) ? -1 : completed(conn);
}

int weir_http_writeable(struct weir_conn *conn)
{
	size_t head = conn->chunked ? strlen(CHUNK_HEAD) : 0;
	uint64_t until_ns = weir_time_mono_ns() + WEIR_TURN_NS;
	enum weir_stream_state state;

	if (!conn->streaming)
		return 0;
	for (size_t sent = 0; sent < WEIR_TURN_BYTES;) {
		struct weir_buf *out = weir_server_out(conn->server);
		bool full;
		size_t len;

		weir_buf_put(out, CHUNK_HEAD, head);
		state = weir_conn_read(conn, out);
		if (out->failed)
			return -1;
		full = out->len >= WEIR_MESSAGE_BYTES;
		len = out->len - LWS_PRE - head;
		if (state == WEIR_STREAM_END && !len)
			return end_ndjson(conn);
		if (len && conn->chunked) {
			put_chunk_head(out, len);
			weir_buf_puts(out, "\r\n");
		}
		if (len && send_out(conn, out))
			return -1;
		/* More than one chunk a turn only while the socket takes them whole. */
		if (!full || lws_send_pipe_choked(conn->wsi))
			break;
		if (weir_time_mono_ns() >= until_ns)
			break;
		sent += len;
	}
	if (!conn->waiting)
		(void)lws_callback_on_writable(conn->wsi);
	return 0;
}
