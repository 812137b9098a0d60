/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/utf8.h"

#include <stdbool.h>
#include <stdint.h>

static bool is_continuation(uint8_t byte)
{
	return (byte & 0xc0) == 0x80;
}

size_t weir_utf8_len(const char *text, size_t left)
{
	const uint8_t *p = (const uint8_t *)text;
	uint8_t low = 0x80, high = 0xbf;
	size_t len;

	if (!left)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (left < len)
		return 0;
	switch (p[0]) {
	case 0xe0: /* below: overlong */
		low = 0xa0;
		break;
	case 0xed: /* above: surrogates */
		high = 0x9f;
		break;
	case 0xf0: /* below: overlong */
		low = 0x90;
		break;
	case 0xf4: /* above: beyond U+10FFFF */
		high = 0x8f;
		break;
	}
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if (!is_continuation(p[i]))
			return 0;
	}
	return len;
}

/* U+2028 and U+2029; and what has Unicode's property Bidi_Control: U+061C, U+200E, U+200F, U+202A to
 * U+202E, U+2066 to U+2069. */
static bool is_line_end_or_bidi(const uint8_t *p, size_t len)
{
	if (len == 2)
		return p[0] == 0xd8 && p[1] == 0x9c;
	if (p[0] != 0xe2)
		return false;
	if (p[1] == 0x80)
		return p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xa8 && p[2] <= 0xae);
	return p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9;
}

size_t weir_utf8_printable(const char *text, size_t left)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t len = weir_utf8_len(text, left);

	if (len == 1 && (p[0] < 0x20 || p[0] == 0x7f))
		return 0;
	if (len == 2 && p[0] == 0xc2 && p[1] < 0xa0)
		return 0;
	if ((len == 2 || len == 3) && is_line_end_or_bidi(p, len))
		return 0;
	return len;
}

void weir_utf8_sanitize(char *text, size_t len)
{
	size_t at = 0, n;

	while (at < len) {
		n = weir_utf8_printable(text + at, len - at);
		if (!n) {
			text[at] = '?';
			n = 1;
		}
		at += n;
	}
}
