/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/addr.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

/* Where the IPv4 address begins in a v4-mapped one, in bytes and in bits. */
#define V4_OFFSET 12
#define V4_BITS 96

static const uint8_t v4_prefix[V4_OFFSET] = { [10] = 0xff, [11] = 0xff };

bool weir_addr_is_v4(const struct weir_addr *addr)
{
	return !memcmp(addr->bytes, v4_prefix, sizeof(v4_prefix));
}

bool weir_addr_is_none(const struct weir_addr *addr)
{
	static const struct weir_addr none;

	return weir_addr_eq(addr, &none);
}

bool weir_addr_is_loopback(const struct weir_addr *addr)
{
	static const struct weir_addr loopback = { .bytes = { [15] = 1 } };

	if (weir_addr_is_v4(addr))
		return addr->bytes[V4_OFFSET] == 127;
	return weir_addr_eq(addr, &loopback);
}

bool weir_addr_eq(const struct weir_addr *a, const struct weir_addr *b)
{
	return !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static char *put_decimal(char *to, unsigned int value)
{
	if (value >= 100)
		*to++ = (char)('0' + value / 100);
	if (value >= 10)
		*to++ = (char)('0' + value / 10 % 10);
	*to++ = (char)('0' + value % 10);
	return to;
}

static char *put_hex(char *to, unsigned int value)
{
	static const char digits[] = "0123456789abcdef";
	int shift = 12;

	while (shift && !(value >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*to++ = digits[(value >> shift) & 0xf];
	return to;
}

static char *put_v4(char *to, const uint8_t *bytes)
{
	for (int i = 0; i < 4; i++) {
		if (i)
			*to++ = '.';
		to = put_decimal(to, bytes[i]);
	}
	return to;
}

/* RFC 5952 section 4.2: the first of the longest runs of zero groups, of two groups at least.
 * inet_ntop() is not used because it writes ::1:0 as ::0.1.0.0. */
static char *put_v6(char *to, const uint8_t *bytes)
{
	unsigned int group[8];
	int best = -1, best_len = 1, run = 0;

	for (int i = 0; i < 8; i++) {
		group[i] = (unsigned int)bytes[2 * i] << 8 | bytes[2 * i + 1];
		run = group[i] ? 0 : run + 1;
		if (run > best_len) {
			best_len = run;
			best = i - run + 1;
		}
	}
	for (int i = 0; i < 8; i++) {
		if (i == best) {
			*to++ = ':';
			*to++ = ':';
			i += best_len - 1;
			continue;
		}
		if (i && i != best + best_len)
			*to++ = ':';
		to = put_hex(to, group[i]);
	}
	return to;
}

const char *weir_addr_to_str(const struct weir_addr *addr, char *text)
{
	char *end;

	if (weir_addr_is_v4(addr))
		end = put_v4(text, addr->bytes + V4_OFFSET);
	else
		end = put_v6(text, addr->bytes);
	*end = '\0';
	return text;
}

int weir_addr_parse(const char *text, struct weir_addr *ret_addr)
{
	struct weir_addr addr = { 0 };

	if (strchr(text, ':')) {
		if (inet_pton(AF_INET6, text, addr.bytes) != 1)
			return -EINVAL;
	} else {
		memcpy(addr.bytes, v4_prefix, sizeof(v4_prefix));
		if (inet_pton(AF_INET, text, addr.bytes + V4_OFFSET) != 1)
			return -EINVAL;
	}
	*ret_addr = addr;
	return 0;
}

/* Decimal digits and nothing else, no needless leading zero; -EINVAL above @max. */
static int parse_decimal(const char *text, unsigned int max, unsigned int *ret_value)
{
	unsigned int value = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		value = value * 10 + (unsigned int)(*text - '0');
		if (value > max)
			return -EINVAL;
	}
	*ret_value = value;
	return 0;
}

static void mask(struct weir_addr *addr, unsigned int bits)
{
	for (size_t i = 0; i < sizeof(addr->bytes); i++) {
		if (bits >= 8 * (i + 1))
			continue;
		if (bits <= 8 * i)
			addr->bytes[i] = 0;
		else
			addr->bytes[i] &= (uint8_t)(0xff00 >> (bits - 8 * i));
	}
}

int weir_cidr_parse(const char *text, struct weir_cidr *ret_cidr)
{
	const char *slash = strchr(text, '/');
	char addr_text[WEIR_ADDR_TEXT_MAX];
	struct weir_cidr cidr;
	unsigned int bits, skip;
	size_t len = slash ? (size_t)(slash - text) : strlen(text);

	if (len >= sizeof(addr_text))
		return -EINVAL;
	memcpy(addr_text, text, len);
	addr_text[len] = '\0';
	if (weir_addr_parse(addr_text, &cidr.addr) < 0)
		return -EINVAL;
	/* A length behind an IPv4 address in IPv6 text counts within 128. */
	skip = strchr(addr_text, ':') ? 0 : V4_BITS;
	bits = 128 - skip;
	if (slash && parse_decimal(slash + 1, bits, &bits) < 0)
		return -EINVAL;
	cidr.bits = (uint8_t)(bits + skip);
	mask(&cidr.addr, cidr.bits);
	*ret_cidr = cidr;
	return 0;
}

bool weir_cidr_contains(const struct weir_cidr *cidr, const struct weir_addr *addr)
{
	struct weir_addr network = cidr->addr, masked = *addr;

	if (cidr->bits < V4_BITS && weir_addr_is_v4(addr))
		return false;
	mask(&network, cidr->bits);
	mask(&masked, cidr->bits);
	return weir_addr_eq(&network, &masked);
}

static int parse_unix(const char *text, struct weir_endpoint *ret_endpoint, struct weir_error *err)
{
	struct weir_endpoint endpoint = { .is_unix = true };
	const char *path = text + strlen("unix:");
	size_t len = strlen(path);

	if (!len)
		return weir_error_set(err, -EINVAL, "%s: no path behind 'unix:'", text);
	if (len >= sizeof(endpoint.host))
		return weir_error_set(err, -EINVAL, "%s: the path is longer than %zu bytes", text,
				      sizeof(endpoint.host) - 1);
	memcpy(endpoint.host, path, len);
	*ret_endpoint = endpoint;
	return 0;
}

static bool is_host_name(const char *host)
{
	for (; *host; host++) {
		if (!isalnum((unsigned char)*host) && !strchr("-._", *host))
			return false;
	}
	return true;
}

static int parse_host(const char *text, const char *host, size_t len,
		      struct weir_endpoint *endpoint, struct weir_error *err)
{
	struct weir_addr addr;
	bool brackets = len >= 2 && host[0] == '[' && host[len - 1] == ']';

	if (brackets) {
		host++;
		len -= 2;
	}
	if (!len)
		return weir_error_set(err, -EINVAL, "%s: no host before the port", text);
	if (len >= sizeof(endpoint->host))
		return weir_error_set(err, -EINVAL, "%s: the host is longer than %zu bytes", text,
				      sizeof(endpoint->host) - 1);
	memcpy(endpoint->host, host, len);
	if (brackets) {
		if (!strchr(endpoint->host, ':') || weir_addr_parse(endpoint->host, &addr) < 0)
			return weir_error_set(err, -EINVAL,
					      "%s: no IPv6 address between the brackets", text);
	} else if (strchr(endpoint->host, ':')) {
		return weir_error_set(err, -EINVAL,
				      "%s: an IPv6 address needs brackets: [ADDRESS]:PORT", text);
	} else if (!is_host_name(endpoint->host)) {
		return weir_error_set(err, -EINVAL, "%s: not a host name", text);
	}
	return 0;
}

int weir_endpoint_parse(const char *text, struct weir_endpoint *ret_endpoint,
			struct weir_error *err)
{
	struct weir_endpoint endpoint = { 0 };
	const char *colon = strrchr(text, ':');
	unsigned int port;
	int r;

	if (!strncmp(text, "unix:", strlen("unix:")))
		return parse_unix(text, ret_endpoint, err);
	if (!colon || strchr(colon, ']'))
		return weir_error_set(err, -EINVAL, "%s: neither unix:PATH nor HOST:PORT", text);
	r = parse_host(text, text, (size_t)(colon - text), &endpoint, err);
	if (r < 0)
		return r;
	if (parse_decimal(colon + 1, UINT16_MAX, &port) < 0)
		return weir_error_set(err, -EINVAL, "%s: no port from 0 to 65535 behind the colon",
				      text);
	endpoint.port = (uint16_t)port;
	*ret_endpoint = endpoint;
	return 0;
}
