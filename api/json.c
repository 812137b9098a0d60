/* SPDX-License-Identifier: Apache-2.0 */
#include "api/json.h"

#include <string.h>

#include "api/json_put.h"
#include "lib/time.h"
#include "lib/utf8.h"

static const char hex_digits[] = "0123456789abcdef";

static void put_escaped(struct weir_buf *out, unsigned char c)
{
	static const char short_forms[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	char text[] = "\\u0000";

	for (size_t i = 0; i + 1 < sizeof(short_forms); i += 2) {
		if ((unsigned char)short_forms[i] == c) {
			text[1] = short_forms[i + 1];
			weir_buf_put(out, text, 2);
			return;
		}
	}
	text[4] = hex_digits[c >> 4];
	text[5] = hex_digits[c & 15];
	weir_buf_put(out, text, sizeof(text) - 1);
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Whether all of eight bytes are plain. In each test a byte's top bit says that it fails it (or
 * that one below it does, which is as good); see "Bit Twiddling Hacks", haszero and hasless. */
static bool are_plain(const char *text)
{
	const uint64_t ones = UINT64_MAX / 255, tops = ones << 7;
	uint64_t bytes, quotes, slashes;

	memcpy(&bytes, text, sizeof(bytes));
	quotes = bytes ^ ones * '"';
	slashes = bytes ^ ones * '\\';
	/* That 0x7f plus one has its top bit set is how DEL is found. */
	return !((bytes | (bytes + ones) | (bytes - ones * 0x20) | ((quotes - ones) & ~quotes) |
		  ((slashes - ones) & ~slashes)) &
		 tops);
}

static size_t plain_len(const char *text, size_t len)
{
	size_t at = 0;

	while (len - at >= sizeof(uint64_t) && are_plain(text + at))
		at += sizeof(uint64_t);
	while (at < len && is_plain((unsigned char)text[at]))
		at++;
	return at;
}

/* U+0080 to U+009F, which a terminal may take for control sequences; @text is well-formed. */
static bool is_c1(const char *text)
{
	return (unsigned char)text[0] == 0xc2 && (unsigned char)text[1] < 0xa0;
}

void weir_json_string(struct weir_buf *out, const char *text, size_t len)
{
	size_t from = 0, at = 0;

	WEIR_JSON_LIT(out, "\"");
	while (at < len) {
		size_t n = plain_len(text + at, len - at);

		at += n;
		if (at == len)
			break;
		n = weir_utf8_len(text + at, len - at);
		if (n > 1 && !is_c1(text + at)) {
			at += n;
			continue;
		}
		weir_json_raw(out, text + from, at - from);
		if (n)
			put_escaped(out, (unsigned char)text[at + n - 1]);
		else
			WEIR_JSON_LIT(out, "\xef\xbf\xbd");
		at += n ? n : 1;
		from = at;
	}
	weir_json_raw(out, text + from, at - from);
	WEIR_JSON_LIT(out, "\"");
}

void weir_json_close(struct weir_buf *out, char bracket)
{
	if (out->failed)
		return;
	if (out->data[out->len - 1] == ',')
		weir_buf_truncate(out, out->len - 1);
	weir_buf_putc(out, bracket);
	WEIR_JSON_LIT(out, ",");
}

void weir_json_close_or_drop(struct weir_buf *out, char bracket, size_t opened, size_t start)
{
	if (out->failed)
		return;
	if (out->len == opened)
		weir_buf_truncate(out, start);
	else
		weir_json_close(out, bracket);
}

void weir_json_put_str(struct weir_buf *out, const char *key, size_t key_len, const char *text)
{
	if (!*text)
		return;
	weir_json_raw(out, key, key_len);
	weir_json_string(out, text, strlen(text));
	WEIR_JSON_LIT(out, ",");
}

void weir_json_put_u32(struct weir_buf *out, const char *key, size_t key_len, uint32_t value)
{
	if (!value)
		return;
	weir_json_raw(out, key, key_len);
	weir_buf_put_u64(out, value);
	WEIR_JSON_LIT(out, ",");
}

void weir_json_put_u64(struct weir_buf *out, const char *key, size_t key_len, uint64_t value)
{
	if (!value)
		return;
	weir_json_raw(out, key, key_len);
	WEIR_JSON_LIT(out, "\"");
	weir_buf_put_u64(out, value);
	WEIR_JSON_LIT(out, "\",");
}

/* For texts that need no escaping. */
static void put_quoted(struct weir_buf *out, const char *key, size_t key_len, const char *text)
{
	weir_json_raw(out, key, key_len);
	WEIR_JSON_LIT(out, "\"");
	weir_json_raw(out, text, strlen(text));
	WEIR_JSON_LIT(out, "\",");
}

void weir_json_put_time(struct weir_buf *out, const char *key, size_t key_len, int64_t real_ns)
{
	char text[WEIR_TIME_TEXT_MAX];

	if (real_ns)
		put_quoted(out, key, key_len, weir_time_to_str(real_ns, text));
}

void weir_json_put_span(struct weir_buf *out, const char *key, size_t key_len, uint64_t ns)
{
	char text[WEIR_TIME_TEXT_MAX];

	if (ns)
		put_quoted(out, key, key_len, weir_duration_to_str(ns, text));
}

void weir_json_put_addr(struct weir_buf *out, const char *key, size_t key_len,
			const struct weir_addr *addr)
{
	char text[WEIR_ADDR_TEXT_MAX];

	if (!weir_addr_is_none(addr))
		put_quoted(out, key, key_len, weir_addr_to_str(addr, text));
}

static void put_lost(struct weir_buf *out, const struct weir_record_lost *lost)
{
	WEIR_JSON_LIT(out, "\"lost_events\":{");
	WEIR_JSON_STR(out, "\"source\":", weir_loss_source(lost->cause));
	WEIR_JSON_U64(out, "\"num_events_lost\":", lost->count);
	WEIR_JSON_STR(out, "\"cause\":", weir_loss_to_str(lost->cause));
	WEIR_JSON_TIME(out, "\"first\":", lost->first_ns);
	WEIR_JSON_TIME(out, "\"last\":", lost->last_ns);
	weir_json_close(out, '}');
}

void weir_json_record(struct weir_buf *out, const struct weir_record *record, const char *node_name)
{
	WEIR_JSON_LIT(out, "{");
	if (record->kind == WEIR_RECORD_FLOW) {
		WEIR_JSON_LIT(out, "\"flow\":");
		weir_json_flow(out, record, node_name);
	} else {
		put_lost(out, &record->lost);
	}
	WEIR_JSON_STR(out, "\"node_name\":", node_name);
	WEIR_JSON_TIME(out, "\"time\":", record->time_ns);
	weir_json_close(out, '}');
	if (!out->failed)
		out->data[out->len - 1] = '\n';
}
