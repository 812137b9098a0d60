/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/client.h"

#define HISTORY ((size_t)64 << 20)

struct fixture {
	struct weirt_served served;
	struct weir_buf buf;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	weir_buf_init(&f->buf, 0);
	weirt_serve(&f->served, HISTORY, 0);
	*state = f;
	return 0;
}

static int setup_small(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	weir_buf_init(&f->buf, 0);
	weirt_serve(&f->served, 1, 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	weirt_unserve(&f->served);
	weir_buf_done(&f->buf);
	free(f);
	return 0;
}

#define CLOSE " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"

static void requests_get_the_status_they_should(void **state)
{
	static const struct {
		const char *request;
		const char *status;
		const char *body;
	} cases[] = {
		{ "GET /healthz" CLOSE, "200 OK", "\r\n\r\nok\n" },
		{ "GET /readyz" CLOSE, "503 Service Unavailable", "\r\n\r\nnot ready\n" },
		{ "GET /v1/status" CLOSE, "200 OK", "\r\n\r\n{\"seen\":\"5\"}\n" },
		{ "GET /v1/status?x=1" CLOSE, "200 OK", "{\"seen\":\"5\"}\n" },
		{ "GET /" CLOSE, "404 Not Found", "{\"error\":{\"code\":404,\"message\":\"" },
		{ "GET /v1/flows/" CLOSE, "404 Not Found", "\"code\":404" },
		{ "GET /v1/../etc/passwd" CLOSE, "404 Not Found", "\"code\":404" },
		{ "POST /v1/flows" CLOSE, "405 Method Not Allowed", "\"code\":405" },
		{ "POST /v1/flows HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
		  "405 Method Not Allowed", "allow: GET, HEAD\r\n" },
		{ "PUT /healthz" CLOSE, "405 Method Not Allowed", "\"code\":405" },
		{ "DELETE /v1/flows" CLOSE, "405 Method Not Allowed", "\"code\":405" },
		{ "OPTIONS /v1/flows" CLOSE, "405 Method Not Allowed", "\"code\":405" },
		{ "GET /healthz HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", "400 Bad Request",
		  "a body is not wanted" },
		{ "GET /v1/flows?last=x" CLOSE, "400 Bad Request",
		  "last: 'x' is not a number of records" },
		{ "GET /v1/flows?last=-1" CLOSE, "400 Bad Request", "last: '-1'" },
		{ "GET /v1/flows?to-port=99999" CLOSE, "400 Bad Request",
		  "to-port: '99999' is not a port" },
		{ "GET /v1/flows?nonsense=1" CLOSE, "400 Bad Request", "nonsense: no such filter" },
		{ "GET /v1/flows?&&last=x" CLOSE, "400 Bad Request", "last: 'x'" },
		{ "GET /v1/flows?since=2020-01-01T00:00:00+02:00" CLOSE, "400 Bad Request",
		  "since: '2020-01-01T00:00:00 02:00' is neither" },
		{ "GET /v1/flows?port=" CLOSE, "400 Bad Request", "port: '' is not a port" },
		{ "GET /v1/flows?follow=maybe" CLOSE, "400 Bad Request", "follow: 'maybe'" },
		{ "GET /v1/flows?ip=%22%00" CLOSE, "", "" },
		{ "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://a.example\r\n\r\n",
		  "403 Forbidden", "Origin: " },
		{ "GET /v1/status HTTP/1.1\r\nHost: rebound.example:80\r\n\r\n", "403 Forbidden",
		  "Host: " },
		{ "CONNECT a:1 HTTP/1.1\r\n\r\n", "", "" },
		{ "rubbish\r\n\r\n", "", "" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *answer;

		weirt_ask(&f->served, cases[i].request, &f->buf);
		answer = weir_buf_cstr(&f->buf);
		if (*cases[i].status &&
		    (strncmp(answer, "HTTP/1.1 ", 9) != 0 ||
		     strncmp(answer + 9, cases[i].status, strlen(cases[i].status)) != 0))
			fail_msg("%s: want %s, got %s", cases[i].request, cases[i].status, answer);
		if (!strstr(answer, cases[i].body))
			fail_msg("%s: want %s, got %s", cases[i].request, cases[i].body, answer);
	}
}

static void readyz_says_what_was_set(void **state)
{
	struct fixture *f = *state;

	weirt_tell(&f->served, 'r', 0);
	weirt_ask(&f->served, "GET /readyz" CLOSE, &f->buf);
	assert_int_equal(strncmp(weir_buf_cstr(&f->buf), "HTTP/1.1 200 OK\r\n", 17), 0);
}

static void head_gives_the_head_only(void **state)
{
	static const char *const paths[] = { "HEAD /healthz" CLOSE, "HEAD /v1/flows" CLOSE,
					     "HEAD /nothing" CLOSE };
	struct fixture *f = *state;

	weirt_tell(&f->served, 'p', 1);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		weirt_ask(&f->served, paths[i], &f->buf);
		assert_true(f->buf.len > 4);
		assert_memory_equal(f->buf.data + f->buf.len - 4, "\r\n\r\n", 4);
		assert_null(strstr(weir_buf_cstr(&f->buf), "{"));
	}
}

static void keep_alive_serves_one_request_after_another(void **state)
{
	struct fixture *f = *state;
	int fd = weirt_connect(&f->served);

	weirt_tell(&f->served, 'p', 2);
	for (int i = 0; i < 3; i++) {
		static const char health[] = "GET /healthz HTTP/1.1\r\n\r\n";
		char body[3];

		weirt_send(fd, health, strlen(health));
		weir_buf_clear(&f->buf);
		weirt_recv_head(fd, &f->buf);
		assert_non_null(strstr(weir_buf_cstr(&f->buf), "content-length: 3\r\n"));
		assert_true(weirt_recv(fd, body, sizeof(body)));
		assert_memory_equal(body, "ok\n", 3);
	}
	/* Chunked records, then again something else on the same connection. */
	weirt_send(fd, "GET /v1/flows HTTP/1.1\r\n\r\n", 26);
	weir_buf_clear(&f->buf);
	while (!strstr(weir_buf_cstr(&f->buf), "\r\n0\r\n\r\n")) {
		char c;

		assert_true(weirt_recv(fd, &c, 1));
		weir_buf_putc(&f->buf, c);
	}
	weirt_send(fd, "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", 45);
	weir_buf_clear(&f->buf);
	weirt_recv_all(fd, &f->buf);
	assert_non_null(strstr(weir_buf_cstr(&f->buf), "\r\n\r\nok\n"));
	(void)close(fd);
}

/* Take the chunks apart: what is in them, whether the last is there. */
static bool unchunk(struct weir_buf *answer, struct weir_buf *out)
{
	const char *at = strstr(weir_buf_cstr(answer), "\r\n\r\n");
	const char *end = answer->data + answer->len;

	assert_non_null(at);
	at += 4;
	while (at < end) {
		char *after;
		size_t n = strtoull(at, &after, 16);

		assert_memory_equal(after, "\r\n", 2);
		at = after + 2;
		assert_true(n + 2 <= (size_t)(end - at));
		weir_buf_put(out, at, n);
		assert_memory_equal(at + n, "\r\n", 2);
		at += n + 2;
		if (!n)
			return at == end;
	}
	return false;
}

static void flows_come_as_ndjson(void **state)
{
	static const struct {
		const char *query;
		uint64_t want;
	} cases[] = {
		{ "", 2000 },
		{ "?last=7", 7 },
		{ "?&namespace=nope", 0 },
		{ "?", 2000 },
		{ "?&&&last=5&", 5 },
		{ "?last=1&&namespace=nope", 0 },
		{ "?last=7;;last=3;", 3 },
		{ "?last=9007199254740992", 2000 },
		{ "?since=876000h", 2000 },
		{ "?since=2020-01-01T00:00:00%2B02:00", 2000 },
		{ "?last=7&to-port=80", 7 },
		{ "?to-port=81,82&to-port=80", 2000 },
		{ "?to-port=81", 0 },
		{ "?from-pod=shop%2Ffront&protocol=TCP&since=1h", 2000 },
		{ "?from-pod=shop/other", 0 },
		{ "?ip=10.244.0.0%2F16", 2000 },
		{ "?until=1h", 0 },
		{ "?namespace=backend&verdict=forwarded&last=3", 3 },
	};
	struct fixture *f = *state;
	struct weir_buf body;

	weir_buf_init(&body, 0);
	weirt_tell(&f->served, 'p', 2000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char request[256];

		(void)snprintf(request, sizeof(request), "GET /v1/flows%s" CLOSE, cases[i].query);
		weirt_ask(&f->served, request, &f->buf);
		if (!strstr(weir_buf_cstr(&f->buf), "\r\ncontent-type: application/x-ndjson\r\n"))
			fail_msg("%s: %s", cases[i].query, weir_buf_cstr(&f->buf));
		weir_buf_clear(&body);
		assert_true(unchunk(&f->buf, &body));
		if (weirt_count(&body, "\n") != cases[i].want)
			fail_msg("%s: want %lu, got %lu", cases[i].query,
				 (unsigned long)cases[i].want,
				 (unsigned long)weirt_count(&body, "\n"));
	}
	weir_buf_done(&body);
}

static void http_1_0_gets_records_until_the_close(void **state)
{
	struct fixture *f = *state;

	weirt_tell(&f->served, 'p', 3);
	weirt_ask(&f->served, "GET /v1/flows HTTP/1.0\r\n\r\n", &f->buf);
	assert_null(strstr(weir_buf_cstr(&f->buf), "chunked"));
	assert_non_null(strstr(weir_buf_cstr(&f->buf), "\r\n\r\n{\"flow\":"));
	assert_int_equal(weirt_count(&f->buf, "{\"flow\":"), 3);
	assert_int_equal(f->buf.data[f->buf.len - 1], '\n');
}

static void follow_streams_until_the_client_goes(void **state)
{
	static const char request[] = "GET /v1/flows?follow=true&last=1 HTTP/1.1\r\n\r\n";
	struct fixture *f = *state;
	int fd = weirt_connect(&f->served);

	weirt_tell(&f->served, 'p', 1);
	weirt_send(fd, request, strlen(request));
	for (uint64_t n = 1; n <= 50; n++) {
		while (weirt_count(&f->buf, "{\"flow\":") < n) {
			char c[512];
			ssize_t got = recv(fd, c, sizeof(c), 0);

			assert_true(got > 0);
			weir_buf_put(&f->buf, c, (size_t)got);
		}
		weirt_tell(&f->served, 'p', 1);
	}
	assert_int_equal(weirt_tell(&f->served, 'n', 0).stats.clients, 1);
	(void)close(fd);
	/* Noticed without anything to send. */
	while (weirt_tell(&f->served, 'n', 0).stats.clients)
		;
}

static void idle_follower_costs_no_cpu(void **state)
{
	static const char request[] = "GET /v1/flows?follow=true HTTP/1.1\r\n\r\n";
	struct fixture *f = *state;
	int fd = weirt_connect(&f->served);
	char stat[1024], path[64];
	unsigned long user = 0, sys = 0;
	FILE *file;

	weirt_send(fd, request, strlen(request));
	weirt_recv_head(fd, &f->buf);
	/* Half closed, and with half of another request sent: nothing may spin on it. */
	weirt_send(fd, "GET", 3);
	(void)shutdown(fd, SHUT_WR);
	(void)usleep(300000);
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)f->served.pid);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(stat, sizeof(stat), file));
	(void)fclose(file);
	assert_int_equal(sscanf(strrchr(stat, ')') + 2,
				"%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys),
			 2);
	/* In ticks of 10 ms; start-up alone may take a few. */
	assert_true(user + sys < 15);
	(void)close(fd);
}

static void slow_reader_of_ndjson_is_told_what_it_lost(void **state)
{
	static const char request[] = "GET /v1/flows?follow=1&last=1 HTTP/1.0\r\n\r\n";
	const uint64_t pushed = 30001;
	struct fixture *f = *state;
	int fd = weirt_connect(&f->served);
	uint64_t seen = 0;

	weirt_tell(&f->served, 'p', 1);
	weirt_send(fd, request, strlen(request));
	weirt_recv_head(fd, &f->buf);
	for (uint64_t i = 1; i < pushed; i += 40)
		weirt_tell(&f->served, 'p', 40);
	weir_buf_clear(&f->buf);
	while (seen < pushed) {
		char *line_end;
		char c[65536];
		ssize_t got = recv(fd, c, sizeof(c), 0);
		struct weir_buf lines;

		assert_true(got > 0);
		weir_buf_put(&f->buf, c, (size_t)got);
		line_end = memrchr(f->buf.data, '\n', f->buf.len);
		if (!line_end)
			continue;
		weir_buf_init(&lines, 0);
		weir_buf_put(&lines, f->buf.data, (size_t)(line_end + 1 - f->buf.data));
		weir_buf_consume(&f->buf, lines.len);
		seen += weirt_count(&lines, "{\"flow\":") +
			weirt_sum_lost(&lines, "client_too_slow");
		weir_buf_done(&lines);
	}
	assert_int_equal(seen, pushed);
	assert_true(weirt_tell(&f->served, 'n', 0).stats.records_lost > 0);
	(void)close(fd);
}

static void long_request_line_is_refused(void **state)
{
	struct fixture *f = *state;
	struct weir_buf request;

	weir_buf_init(&request, 0);
	weir_buf_puts(&request, "GET /v1/flows?pod=");
	for (int i = 0; i < 3000; i++)
		weir_buf_putc(&request, 'a');
	weir_buf_puts(&request, CLOSE);
	weirt_ask(&f->served, weir_buf_cstr(&request), &f->buf);
	assert_non_null(strstr(weir_buf_cstr(&f->buf), "longer than 2047 bytes"));
	/* More than libwebsockets holds of a head: closed, whatever it says. */
	weir_buf_clear(&request);
	weir_buf_puts(&request, "GET /v1/flows?pod=");
	for (int i = 0; i < 30000; i++)
		weir_buf_putc(&request, 'a');
	weir_buf_puts(&request, CLOSE);
	weirt_ask(&f->served, weir_buf_cstr(&request), &f->buf);
	assert_null(strstr(weir_buf_cstr(&f->buf), "200 OK"));
	weirt_ask(&f->served, "GET /healthz" CLOSE, &f->buf);
	assert_non_null(strstr(weir_buf_cstr(&f->buf), "200 OK"));
	weir_buf_done(&request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(requests_get_the_status_they_should, setup,
						teardown),
		cmocka_unit_test_setup_teardown(readyz_says_what_was_set, setup, teardown),
		cmocka_unit_test_setup_teardown(head_gives_the_head_only, setup, teardown),
		cmocka_unit_test_setup_teardown(keep_alive_serves_one_request_after_another, setup,
						teardown),
		cmocka_unit_test_setup_teardown(flows_come_as_ndjson, setup, teardown),
		cmocka_unit_test_setup_teardown(http_1_0_gets_records_until_the_close, setup,
						teardown),
		cmocka_unit_test_setup_teardown(follow_streams_until_the_client_goes, setup,
						teardown),
		cmocka_unit_test_setup_teardown(idle_follower_costs_no_cpu, setup, teardown),
		cmocka_unit_test_setup_teardown(slow_reader_of_ndjson_is_told_what_it_lost,
						setup_small, teardown),
		cmocka_unit_test_setup_teardown(long_request_line_is_refused, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
