/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a server's answer, as the client reads it. */
#include <errno.h>

#include "api/handshake.h"
#include "lib/cleanup.h"
#include "tests/fuzz/fuzz.h"

static void decode(const char *head, bool websocket)
{
	const struct weir_handshake handshake = { .websocket = websocket, .accept = "abc" };
	struct weir_handshake_answer answer = { 0 };
	struct weir_error err = { 0 };
	int r = weir_handshake_decode(&handshake, head, &answer, &err);

	fuzz_check(r == 0 || r == -EPROTO);
	fuzz_check((r < 0) == (*err.text != '\0'));
	fuzz_check(!strchr(err.text, '\n'));
	if (r < 0)
		return;
	fuzz_check(answer.status >= 0 && answer.status <= 999);
	fuzz_check(!answer.upgraded || (websocket && answer.status == 101));
	fuzz_check(!answer.upgraded || strstr(head, "abc"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *bytes = fuzz_copy(data, size);
	_cleanup_free_ char *head = NULL;
	int len = weir_handshake_head_len(bytes, size);

	fuzz_check(len == -EPROTO || (len >= 0 && (size_t)len <= size));
	if (len <= 0)
		return 0;
	head = fuzz_string(bytes, (size_t)len);
	fuzz_check(strlen(head) == (size_t)len);
	decode(head, false);
	decode(head, true);
	return 0;
}
