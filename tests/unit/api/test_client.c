/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "api/client.h"
#include "api/limits.h"
#include "lib/time.h"
#include "tests/unit/api/served.h"

#define HISTORY_BYTES ((size_t)1 << 20)
#define TIMEOUT_NS (20 * WEIR_NS_PER_SEC)

struct asked {
	struct weir_loop *loop;
	struct weir_client *client;
	struct weir_loop_timer *timer;
	size_t lines;
	size_t batches;
	size_t stop_after;  /* drop the connection after so many lines; 0: never */
	char first[64];
	int status;
	char detail[256];
	bool closed;
};

static void on_line(void *ctx, const char *line, size_t len)
{
	struct asked *asked = ctx;

	if (!asked->lines++)
		(void)snprintf(asked->first, sizeof(asked->first), "%.*s",
			       (int)(len < sizeof(asked->first) ? len : sizeof(asked->first) - 1),
			       line);
}

static void on_batch(void *ctx)
{
	struct asked *asked = ctx;

	asked->batches++;
	if (asked->stop_after && asked->lines >= asked->stop_after)
		weir_loop_stop(asked->loop);
}

static void on_close(void *ctx, int status, const char *detail)
{
	struct asked *asked = ctx;

	assert_false(asked->closed);
	asked->closed = true;
	asked->status = status;
	(void)snprintf(asked->detail, sizeof(asked->detail), "%s", detail);
	weir_client_free(&asked->client);
	weir_loop_stop(asked->loop);
}

static void on_timeout(void *ctx)
{
	struct asked *asked = ctx;

	weir_loop_stop(asked->loop);
}

/* Ask @endpoint and stay until the end, or until @asked->stop_after. */
static void ask(struct asked *asked, const char *endpoint, const char *path, const char *request)
{
	struct weir_endpoint parsed;
	struct weir_error err = { 0 };
	const struct weir_client_opts opts = {
		.endpoint = &parsed, .path = path, .request = request,
		.line = on_line, .batch = on_batch, .close = on_close, .ctx = asked,
	};

	assert_int_equal(weir_endpoint_parse(endpoint, &parsed, &err), 0);
	assert_int_equal(weir_loop_new(&asked->loop), 0);
	assert_int_equal(weir_loop_timer_new(asked->loop, on_timeout, asked, &asked->timer), 0);
	weir_loop_timer_set(asked->timer, TIMEOUT_NS);
	assert_int_equal(weir_client_new(asked->loop, &opts, &asked->client), 0);
	assert_false(asked->closed);
	assert_int_equal(weir_loop_run(asked->loop), 0);
	assert_int_equal(!asked->stop_after, asked->closed);
	weir_client_free(&asked->client);
	assert_null(asked->client);
	weir_loop_timer_free(&asked->timer);
	weir_loop_free(&asked->loop);
}

static void websocket_history_comes_whole_and_ends_well(void **state)
{
	struct weirt_served served = { 0 };
	struct asked asked = { 0 };
	char endpoint[96];

	weirt_serve(&served, HISTORY_BYTES, 8);
	(void)weirt_tell(&served, 'p', 500);
	(void)snprintf(endpoint, sizeof(endpoint), "unix:%s", served.path);
	ask(&asked, endpoint, "/v1/flows", "{}");
	assert_string_equal(asked.detail, "");
	assert_int_equal(asked.status, 0);
	assert_true(asked.lines == 500);
	assert_memory_equal(asked.first, "{\"flow\":", 8);

	asked = (struct asked){ 0 };
	(void)snprintf(endpoint, sizeof(endpoint), "127.0.0.1:%u", served.port);
	ask(&asked, endpoint, "/v1/flows", "{\"last\":7}");
	assert_int_equal(asked.status, 0);
	assert_true(asked.lines == 7);
	weirt_unserve(&served);
}

static void websocket_follower_may_leave(void **state)
{
	struct weirt_served served = { 0 };
	struct asked asked = { .stop_after = 100 };
	char endpoint[96];

	weirt_serve(&served, HISTORY_BYTES, 8);
	(void)weirt_tell(&served, 'p', 100);
	(void)snprintf(endpoint, sizeof(endpoint), "unix:%s", served.path);
	ask(&asked, endpoint, "/v1/flows", "{\"last\":1000,\"follow\":true}");
	assert_true(asked.lines == 100);
	assert_true(asked.batches >= 1);
	weirt_unserve(&served);
}

static void websocket_bad_request_brings_the_servers_words(void **state)
{
	struct weirt_served served = { 0 };
	struct asked asked = { 0 };
	char endpoint[96];

	weirt_serve(&served, HISTORY_BYTES, 8);
	(void)snprintf(endpoint, sizeof(endpoint), "unix:%s", served.path);
	ask(&asked, endpoint, "/v1/flows", "{\"filters\":[{\"port\":[\"x\"]}]}");
	assert_true(asked.lines == 1);
	assert_memory_equal(asked.first, "{\"error\":", 9);
	assert_true(asked.status < 0);
	weirt_unserve(&served);
}

static void get_status_is_one_line(void **state)
{
	struct weirt_served served = { 0 };
	struct asked asked = { 0 };
	char endpoint[96];

	weirt_serve(&served, HISTORY_BYTES, 8);
	(void)snprintf(endpoint, sizeof(endpoint), "127.0.0.1:%u", served.port);
	ask(&asked, endpoint, "/v1/status", NULL);
	assert_int_equal(asked.status, 0);
	assert_true(asked.lines == 1);
	assert_string_equal(asked.first, "{\"seen\":\"5\"}");

	asked = (struct asked){ 0 };
	ask(&asked, endpoint, "/nowhere", NULL);
	assert_int_equal(asked.status, -EPROTO);
	assert_memory_equal(asked.detail, "HTTP status 404", 15);
	assert_true(asked.lines == 0);
	weirt_unserve(&served);
}

static void connect_to_nobody_says_why(void **state)
{
	static const struct {
		const char *endpoint;
		int want;
		const char *detail;
	} cases[] = {
		{ "unix:/nonexistent/weir.sock", -ENOENT, "No such file or directory" },
		{ "unix:/dev/null", -ECONNREFUSED, "Connection refused" },
		{ "127.0.0.1:1", -ECONNREFUSED, "Connection refused" },
		{ "[::1]:1", 0, NULL },
		{ "weir.invalid:80", -ECONNREFUSED, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asked asked = { 0 };

		ask(&asked, cases[i].endpoint, "/v1/flows", "{}");
		assert_true(asked.status < 0);
		if (cases[i].want)
			assert_int_equal(asked.status, cases[i].want);
		if (cases[i].detail)
			assert_string_equal(asked.detail, cases[i].detail);
		assert_true(asked.detail[0] != '\0');
	}
}

/* A server that answers anything with the same bytes, then hangs up; in a process of its own. */
static pid_t canned_server(const char *path, const char *bytes, size_t len)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), peer;
	char request[4096];
	pid_t pid;

	(void)unlink(path);
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	(void)fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid) {
		(void)close(fd);
		return pid;
	}
	peer = accept(fd, NULL, NULL);
	if (read(peer, request, sizeof(request)) <= 0 ||
	    (len && write(peer, bytes, len) != (ssize_t)len))
		_exit(1);
	_exit(0);
}

static void answer_of_a_strange_server_is_refused(void **state)
{
	static const struct {
		const char *request;
		const char *bytes;
		int want;
		const char *detail;
		size_t lines;
	} cases[] = {
		{ "{}", "", -ECONNRESET, "the server closed the connection unanswered", 0 },
		{ "{}", "HTTP/1.1 10", -ECONNRESET, "the server closed the connection unanswered",
		  0 },
		{ "{}", "SSH-2.0-OpenSSH_9\r\n\r\n", -EPROTO, "not an HTTP server", 0 },
		{ "{}", "HTTP/1.1 101 Go\r\nUpgrade: websocket\r\n\r\n", -EPROTO,
		  "the server does not speak weir.v1", 0 },
		{ "{}", "HTTP/1.1 503 Busy\r\n\r\ntoo \033[2J many\n", -EPROTO,
		  "HTTP status 503: too ?[2J many", 0 },
		{ "{}", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", -EPROTO, "HTTP status 200",
		  0 },
		{ NULL, "HTTP/1.0 200 OK\r\n\r\na\n\nb", 0, "", 2 },
		{ NULL, "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\na\nbcd", 0, "", 2 },
		{ NULL, "HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\na\n", -ECONNRESET,
		  "connection lost", 1 },
		{ NULL, "HTTP/1.0 500 Oh\r\nContent-Length: 2\r\n\r\nno", -EPROTO,
		  "HTTP status 500: no", 0 },
	};
	char path[64], endpoint[96];

	(void)snprintf(path, sizeof(path), "/tmp/weirt-canned-%ld.sock", (long)getpid());
	(void)snprintf(endpoint, sizeof(endpoint), "unix:%s", path);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pid_t pid = canned_server(path, cases[i].bytes, strlen(cases[i].bytes));
		struct asked asked = { 0 };
		int status;

		ask(&asked, endpoint, "/v1/flows", cases[i].request);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_string_equal(asked.detail, cases[i].detail);
		assert_int_equal(asked.status, cases[i].want);
		assert_true(asked.lines == cases[i].lines);
	}
	(void)unlink(path);
}

/* The longest line that the server may send is taken; one byte more is not. */
static void longest_line_is_taken(void **state)
{
	static const char head[] = "HTTP/1.0 200 OK\r\n\r\n";
	const size_t head_len = sizeof(head) - 1;
	char path[64], endpoint[96];
	char *bytes = malloc(head_len + WEIR_MESSAGE_BYTES_MAX + 1);

	assert_non_null(bytes);
	memcpy(bytes, head, head_len);
	memset(bytes + head_len, 'x', WEIR_MESSAGE_BYTES_MAX + 1);
	(void)snprintf(path, sizeof(path), "/tmp/weirt-canned-%ld.sock", (long)getpid());
	(void)snprintf(endpoint, sizeof(endpoint), "unix:%s", path);
	for (size_t more = 0; more <= 1; more++) {
		pid_t pid = canned_server(path, bytes, head_len + WEIR_MESSAGE_BYTES_MAX + more);
		struct asked asked = { 0 };
		int status;

		ask(&asked, endpoint, "/v1/flows", NULL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(asked.status, more ? -EMSGSIZE : 0);
		assert_true(asked.lines == 1 - more);
	}
	(void)unlink(path);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(websocket_history_comes_whole_and_ends_well),
		cmocka_unit_test(websocket_follower_may_leave),
		cmocka_unit_test(websocket_bad_request_brings_the_servers_words),
		cmocka_unit_test(get_status_is_one_line),
		cmocka_unit_test(connect_to_nobody_says_why),
		cmocka_unit_test(answer_of_a_strange_server_is_refused),
		cmocka_unit_test(longest_line_is_taken),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
