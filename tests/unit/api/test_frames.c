/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "api/frames.h"

#define BYTES(text_) text_, sizeof(text_) - 1

/* Everything the reader says of @bytes given in pieces of @piece: "T:text|last;" and so on. */
static void read_all(const char *bytes, size_t len, size_t piece, struct weir_buf *out)
{
	struct weir_frame_reader reader = { 0 };
	struct weir_buf data;

	weir_buf_init(out, 0);
	weir_buf_init(&data, 0);
	for (size_t at = 0; at < len;) {
		size_t n = len - at < piece ? len - at : piece, taken;
		/* A copy of its own, so that a sanitizer sees a step beyond it. */
		char *copy = malloc(n);
		struct weir_frame frame;

		assert_non_null(copy);
		memcpy(copy, bytes + at, n);
		taken = weir_frame_next(&reader, copy, n, &frame);
		assert_true(taken >= 1 && taken <= n);
		at += taken;
		switch (frame.kind) {
		case WEIR_FRAME_NONE:
			break;
		case WEIR_FRAME_DATA:
			weir_buf_put(&data, frame.data, frame.len);
			if (!frame.last)
				break;
			weir_buf_printf(out, "data %s;", weir_buf_cstr(&data));
			weir_buf_clear(&data);
			break;
		case WEIR_FRAME_PING:
		case WEIR_FRAME_PONG:
			weir_buf_printf(out, "%s %.*s;",
					frame.kind == WEIR_FRAME_PING ? "ping" : "pong",
					(int)frame.len, frame.data);
			break;
		case WEIR_FRAME_CLOSE:
			weir_buf_printf(out, "close %u %.*s;", frame.code, (int)frame.len,
					frame.data);
			break;
		case WEIR_FRAME_BAD:
			weir_buf_printf(out, "bad %s;", frame.data);
			at = len;
			break;
		}
		free(copy);
	}
	weir_buf_done(&data);
}

static void next_frames_are_read_in_pieces_of_any_size(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *want;
	} cases[] = {
		{ BYTES("\x81\x05hello"), "data hello;" },
		{ BYTES("\x81\x02" "ab\x81\x01" "c"), "data ab;data c;" },
		{ BYTES("\x01\x02" "ab\x80\x02" "cd"), "data abcd;" },
		{ BYTES("\x01\x02" "ab\x89\x01" "p\x00\x01" "c\x80\x00"), "ping p;data abc;" },
		{ BYTES("\x82\x7e\x00\x03" "bin"), "data bin;" },
		{ BYTES("\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x01" "x"), "data x;" },
		{ BYTES("\x81\x00\x8a\x00\x89\x00"), "data ;pong ;ping ;" },
		{ BYTES("\x88\x00"), "close 1005 ;" },
		{ BYTES("\x88\x02\x03\xe8"), "close 1000 ;" },
		{ BYTES("\x88\x05\x03\xf0" "bad"), "close 1008 bad;" },
		{ BYTES("\x88\x01\x03"), "bad half a close code;" },
		{ BYTES("\x81\x85\x00\x00\x00\x00hello"), "bad the server masked a frame;" },
		{ BYTES("\xc1\x05hello"), "bad a reserved bit is set;" },
		{ BYTES("\x80\x01x"), "bad a continuation of nothing;" },
		{ BYTES("\x01\x01x\x81\x01y"), "bad a message inside a message;" },
		{ BYTES("\x09\x01x"), "bad a control frame in pieces;" },
		{ BYTES("\x89\x7e\x00\x7e"), "bad a control frame too long;" },
		{ BYTES("\x89\x7f\xff\xff\xff\xff\xff\xff\xff\xff"),
		  "bad a control frame too long;" },
		{ BYTES("\x83\x01x"), "bad an unknown opcode;" },
		{ BYTES("HTTP/1.1 400"), "bad a reserved bit is set;" },
		{ BYTES("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xffxyz"), "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t piece = 1; piece <= cases[i].len; piece++) {
			struct weir_buf out;

			read_all(cases[i].bytes, cases[i].len, piece, &out);
			assert_string_equal(weir_buf_cstr(&out), cases[i].want);
			weir_buf_done(&out);
		}
	}
}

static void put_frame_has_the_shortest_length_form(void **state)
{
	static const struct {
		size_t len;
		const char *header;
		size_t header_len;
	} cases[] = {
		{ 0, BYTES("\x81\x80") }, { 125, BYTES("\x81\xfd") },
		{ 126, BYTES("\x81\xfe\x00\x7e") }, { 65535, BYTES("\x81\xfe\xff\xff") },
		{ 65536, BYTES("\x81\xff\x00\x00\x00\x00\x00\x01\x00\x00") },
	};
	static const uint8_t mask[4] = { 1, 2, 3, 4 };
	static char payload[65536];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_buf out;

		weir_buf_init(&out, 0);
		memset(payload, 'x', sizeof(payload));
		weir_frame_put(&out, WEIR_FRAME_OPCODE_TEXT, payload, cases[i].len, mask);
		assert_true(out.len == cases[i].header_len + 4 + cases[i].len);
		assert_memory_equal(out.data, cases[i].header, cases[i].header_len);
		assert_memory_equal(out.data + cases[i].header_len, mask, sizeof(mask));
		for (size_t j = 0; j < cases[i].len; j++)
			assert_int_equal(out.data[cases[i].header_len + 4 + j], 'x' ^ mask[j % 4]);
		weir_buf_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(next_frames_are_read_in_pieces_of_any_size),
		cmocka_unit_test(put_frame_has_the_shortest_length_form),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
