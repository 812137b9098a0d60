/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/client.h"

/* What bad clients do, and that only they are closed. */

#define HISTORY ((size_t)4 << 20)

struct fixture {
	struct weirt_served served;
	struct weir_buf buf;
	int good;        /* a well-behaved follower beside the bad one */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	weir_buf_init(&f->buf, 0);
	weirt_serve(&f->served, HISTORY, 0);
	f->good = weirt_follow_tail(&f->served);
	*state = f;
	return 0;
}

/* The good client has lost nothing and goes on. */
static int teardown(void **state)
{
	struct fixture *f = *state;

	weirt_tell(&f->served, 'p', 3);
	weir_buf_clear(&f->buf);
	while (weirt_count(&f->buf, "{\"flow\":") < 3)
		assert_int_equal(weirt_recv_message(f->good, &f->buf), WEIRT_TEXT);
	(void)close(f->good);
	weirt_unserve(&f->served);
	weir_buf_done(&f->buf);
	free(f);
	return 0;
}

static void bad_request_is_answered_and_closed(void **state)
{
	static const struct {
		const char *request;
		const char *message;
		int status;
	} cases[] = {
		{ "", "request: byte 0: ends too early", 1007 },
		{ "{", "request: byte 1: ends too early", 1007 },
		{ "{\"last\":}", "request: byte 9: ", 1007 },
		{ "[]", "request: want an object", 1008 },
		{ "null", "request: want an object", 1008 },
		{ "{\"first\":1}", "first: no such member", 1008 },
		{ "{\"last\":\"5\"}", "last: want a number of records", 1008 },
		{ "{\"since\":\"yesterday\"}", "since: 'yesterday' is neither", 1008 },
		{ "{\"filters\":[{\"to-port\":[\"0\"]}]}", "filters[0].to-port: '0' is not a port",
		  1008 },
		{ "{\"follow\":true,\"until\":\"1m\"}", "until: cannot be given with follow",
		  1008 },
	};
	struct fixture *f = *state;
	size_t n = sizeof(cases) / sizeof(cases[0]);

	for (size_t i = 0; i < n; i++) {
		int fd = weirt_follow(&f->served, cases[i].request);

		weir_buf_clear(&f->buf);
		assert_int_equal(weirt_recv_close(fd, &f->buf), cases[i].status);
		assert_int_equal(strncmp(weir_buf_cstr(&f->buf), "{\"error\":{\"code\":400,", 21),
				 0);
		assert_non_null(strstr(weir_buf_cstr(&f->buf), cases[i].message));
		(void)close(fd);
	}
	assert_int_equal(weirt_tell(&f->served, 'n', 0).stats.bad_requests, n);
}

static void binary_request_is_closed_with_1003(void **state)
{
	struct fixture *f = *state;
	int fd = weirt_follow(&f->served, NULL);

	weirt_send_frame(fd, true, WEIRT_BINARY, "{}", 2);
	assert_int_equal(weirt_recv_close(fd, &f->buf), 1003);
	(void)close(fd);
}

static void second_request_is_closed_with_1002(void **state)
{
	struct fixture *f = *state;
	int fd = weirt_follow_tail(&f->served);

	weirt_send_text(fd, "{\"follow\":true}");
	assert_int_equal(weirt_recv_close(fd, &f->buf), 1002);
	assert_non_null(strstr(weir_buf_cstr(&f->buf), "a second one"));
	(void)close(fd);
}

static void oversized_message_is_closed_with_1009(void **state)
{
	struct fixture *f = *state;
	char *spaces = malloc(65536);
	int fd = weirt_follow(&f->served, NULL);

	memset(spaces, ' ', 65536);
	weirt_send_frame(fd, false, WEIRT_TEXT, spaces, 65536);
	weirt_send_frame(fd, true, WEIRT_CONTINUATION, "{}", 2);
	assert_int_equal(weirt_recv_close(fd, &f->buf), 1009);
	(void)close(fd);
	weir_buf_clear(&f->buf);
	/* One that says it will be 2^40 bytes long: closed when it has sent too many. */
	fd = weirt_follow(&f->served, NULL);
	weirt_send_frame_head(fd, true, WEIRT_TEXT, 1ULL << 40);
	weirt_send(fd, spaces, 65536);
	weirt_send(fd, spaces, 1024);
	assert_int_equal(weirt_recv_close(fd, &f->buf), 1009);
	(void)close(fd);
	free(spaces);
}

static void largest_message_is_taken(void **state)
{
	struct fixture *f = *state;
	char *text = malloc(65536);
	int fd = weirt_follow(&f->served, NULL);

	memset(text, ' ', 65536);
	memcpy(text, "{\"last\":1}", strlen("{\"last\":1}"));
	weirt_send_frame(fd, true, WEIRT_TEXT, text, 65536);
	assert_int_equal(weirt_recv_close(fd, &f->buf), 1000);
	(void)close(fd);
	free(text);
}

static void invalid_utf8_is_closed_with_1007(void **state)
{
	struct fixture *f = *state;
	int fd = weirt_follow(&f->served, NULL);

	weirt_send_text(fd, "{\"since\":\"\xc3\x28\"}");
	assert_int_equal(weirt_recv_close(fd, &f->buf), 1007);
	(void)close(fd);
}

static void deep_request_is_closed_with_1007(void **state)
{
	struct fixture *f = *state;
	int fd =
		weirt_follow(&f->served, "{\"filters\":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}");

	assert_int_equal(weirt_recv_close(fd, &f->buf), 1007);
	(void)close(fd);
}

static void malformed_frames_close_the_connection(void **state)
{
	static const struct {
		const char *name;
		const char *bytes;
		size_t len;
	} cases[] = {
		{ "reserved bit", "\xf1\x80\0\0\0\0", 6 },
		{ "reserved opcode", "\x83\x80\0\0\0\0", 6 },
		{ "continuation of nothing", "\x80\x80\0\0\0\0", 6 },
		{ "fragmented ping", "\x09\x80\0\0\0\0", 6 },
		{ "ping too long", "\x89\xfe\x00\x7e\0\0\0\0", 8 },
		{ "length with the top bit", "\x81\xff\x80\0\0\0\0\0\0\1\0\0\0\0", 14 },
		{ "text in the middle of text", "\x01\x81\0\0\0\0{\x81\x81\0\0\0\0}", 14 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = weirt_follow(&f->served, NULL);
		int status;

		weirt_send(fd, cases[i].bytes, cases[i].len);
		/* More, so that one that waits for the rest of a payload goes on. */
		(void)send(fd, "\0\0\0\0\0\0\0\0", 8, MSG_NOSIGNAL);
		status = weirt_recv_close(fd, &f->buf);
		if (status != 1002 && status != 1006)
			print_error("# %s: closed with %d\n", cases[i].name, status);
		assert_true(status == 1002 || status == 1006);
		(void)close(fd);
	}
}

static void every_byte_as_first_byte_harms_nobody(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 256; i++) {
		unsigned char bytes[16] = { (unsigned char)i, (unsigned char)(i * 7) };
		int fd = weirt_follow(&f->served, NULL);

		(void)send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
		(void)close(fd);
	}
	while (weirt_tell(&f->served, 'n', 0).stats.clients != 1)
		;
}

static void handshake_that_is_none_is_refused(void **state)
{
	static const struct {
		const char *request;
		const char *status;
	} cases[] = {
		{ "GET /v1/flow HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		  "404" },
		{ "GET /v1/flows HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		  "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		  "426" },
		{ "GET /v1/flows HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		  "Sec-WebSocket-Version: 13\r\n\r\n", "400" },
		{ "GET /v1/flows HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		  "Sec-WebSocket-Protocol: weir.v2, chat\r\n\r\n", "400" },
		{ "GET /v1/flows HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
		  "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", "400" },
		{ "GET /v1/flows HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n"
		  "Connection: Upgrade\r\nUpgrade: websocket\r\n"
		  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		  "403" },
		{ "GET /v1/flows HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n"
		  "Connection: Upgrade\r\nUpgrade: websocket\r\n"
		  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		  "403" },
		{ "GET /v1/flows HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: gopher\r\n\r\n",
		  "403" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = weirt_connect(&f->served);

		weir_buf_clear(&f->buf);
		weirt_send(fd, cases[i].request, strlen(cases[i].request));
		weirt_recv_head(fd, &f->buf);
		assert_true(f->buf.len > 12);
		if (strncmp(f->buf.data + 9, cases[i].status, 3) != 0)
			print_error("# case %zu: %s\n", i, weir_buf_cstr(&f->buf));
		assert_int_equal(strncmp(f->buf.data + 9, cases[i].status, 3), 0);
		(void)close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bad_request_is_answered_and_closed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(binary_request_is_closed_with_1003, setup,
						teardown),
		cmocka_unit_test_setup_teardown(second_request_is_closed_with_1002, setup,
						teardown),
		cmocka_unit_test_setup_teardown(oversized_message_is_closed_with_1009, setup,
						teardown),
		cmocka_unit_test_setup_teardown(largest_message_is_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(invalid_utf8_is_closed_with_1007, setup, teardown),
		cmocka_unit_test_setup_teardown(deep_request_is_closed_with_1007, setup, teardown),
		cmocka_unit_test_setup_teardown(malformed_frames_close_the_connection, setup,
						teardown),
		cmocka_unit_test_setup_teardown(every_byte_as_first_byte_harms_nobody, setup,
						teardown),
		cmocka_unit_test_setup_teardown(handshake_that_is_none_is_refused, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
