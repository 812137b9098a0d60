/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "api/handshake.h"

static const struct weir_endpoint unix_endpoint = { .is_unix = true, .host = "/run/x" };
static const struct weir_endpoint v6_endpoint = { .host = "::1", .port = 4246 };

static void put_get_asks_for_an_answer_in_one_piece(void **state)
{
	struct weir_handshake handshake = { .endpoint = &unix_endpoint, .path = "/v1/status" };
	struct weir_buf out;

	weir_buf_init(&out, 0);
	assert_int_equal(weir_handshake_put(&handshake, &out), 0);
	assert_string_equal(
		weir_buf_cstr(&out),
		"GET /v1/status HTTP/1.0\r\nHost: localhost\r\nUser-Agent: weir/" WEIR_VERSION
		"\r\nConnection: close\r\n\r\n");
	weir_buf_done(&out);
}

static void put_websocket_has_a_fresh_key_each_time(void **state)
{
	struct weir_handshake first = { .endpoint = &v6_endpoint,
					.path = "/v1/flows",
					.websocket = true };
	struct weir_handshake second = first;
	struct weir_buf out;

	weir_buf_init(&out, 0);
	assert_int_equal(weir_handshake_put(&first, &out), 0);
	assert_int_equal(weir_handshake_put(&second, &out), 0);
	assert_non_null(
		strstr(weir_buf_cstr(&out), "GET /v1/flows HTTP/1.1\r\nHost: [::1]:4246\r\n"));
	assert_non_null(strstr(weir_buf_cstr(&out), "\r\nSec-WebSocket-Protocol: weir.v1\r\n"));
	assert_int_equal(strlen(first.accept), 28);
	assert_string_not_equal(first.accept, second.accept);
	weir_buf_done(&out);
}

static void head_len_ends_behind_the_empty_line(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int want;
	} cases[] = {
		{ "", 0, 0 },
		{ "HTTP/1.1 200 OK\r\n", 17, 0 },
		{ "HTTP/1.1 200 OK\r\n\r\nbody", 23, 19 },
		{ "HTTP/1.1 200 OK\r\n\r\nbo\0y", 23, 19 },
		{ "HT\0P", 4, -EPROTO },
	};
	static char endless[WEIR_HANDSHAKE_HEAD_MAX + 1];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(weir_handshake_head_len(cases[i].bytes, cases[i].len),
				 cases[i].want);
	memset(endless, 'x', sizeof(endless));
	assert_int_equal(weir_handshake_head_len(endless, WEIR_HANDSHAKE_HEAD_MAX), 0);
	assert_int_equal(weir_handshake_head_len(endless, sizeof(endless)), -EPROTO);
}

#define OPEN "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"

static void decode_only_the_upgrade_asked_for_opens(void **state)
{
	static const struct {
		bool websocket;
		const char *head;
		int want;
		struct weir_handshake_answer answer;
	} cases[] = {
		{ true,
		  OPEN "Sec-WebSocket-Accept: abc\r\nsec-websocket-protocol:weir.v1\r\n\r\n",
		  0,
		  { 101, UINT64_MAX, true } },
		{ true,
		  OPEN "Sec-WebSocket-Accept: abcd\r\nSec-WebSocket-Protocol: weir.v1\r\n\r\n",
		  -EPROTO,
		  { 0 } },
		{ true, OPEN "Sec-WebSocket-Accept: abc\r\n\r\n", -EPROTO, { 0 } },
		{ true,
		  OPEN "Sec-WebSocket-Accept: abc\r\nSec-WebSocket-Protocol: weir.v10\r\n\r\n",
		  -EPROTO,
		  { 0 } },
		{ true,
		  OPEN "X-Sec-WebSocket-Accept: abc\r\nSec-WebSocket-Protocol: weir.v1\r\n\r\n",
		  -EPROTO,
		  { 0 } },
		{ false,
		  OPEN "Sec-WebSocket-Accept: abc\r\nSec-WebSocket-Protocol: weir.v1\r\n\r\n",
		  -EPROTO,
		  { 0 } },
		{ false, "HTTP/1.0 200 OK\r\ncontent-length: 12\r\n\r\n", 0, { 200, 12, false } },
		{ false, "HTTP/1.1 200\r\n\r\n", 0, { 200, UINT64_MAX, false } },
		{ true, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 0, { 503, 0, false } },
		{ false, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", 0,
		  { 200, UINT64_MAX, false } },
		{ false, "HTTP/2 200\r\n\r\n", -EPROTO, { 0 } },
		{ false, "HTTP/1.\r\n\r\n", -EPROTO, { 0 } },
		{ false, "HTTP/1.1 20\r\n\r\n", -EPROTO, { 0 } },
		{ false, "HTTP/1.1 2000\r\n\r\n", -EPROTO, { 0 } },
		{ false, "SSH-2.0-OpenSSH\r\n\r\n", -EPROTO, { 0 } },
		{ false, "\r\n\r\n", -EPROTO, { 0 } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_handshake handshake = { .websocket = cases[i].websocket,
						    .accept = "abc" };
		struct weir_handshake_answer answer = { 0 };
		struct weir_error err = { 0 };

		assert_int_equal(weir_handshake_decode(&handshake, cases[i].head, &answer, &err),
				 cases[i].want);
		assert_int_equal(answer.status, cases[i].answer.status);
		assert_true(answer.body_len == cases[i].answer.body_len);
		assert_int_equal(answer.upgraded, cases[i].answer.upgraded);
		assert_int_equal(err.text[0] != '\0', cases[i].want < 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(put_get_asks_for_an_answer_in_one_piece),
		cmocka_unit_test(put_websocket_has_a_fresh_key_each_time),
		cmocka_unit_test(head_len_ends_behind_the_empty_line),
		cmocka_unit_test(decode_only_the_upgrade_asked_for_opens),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
