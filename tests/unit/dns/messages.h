/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIRT_DNS_MESSAGES_H
#define WEIRT_DNS_MESSAGES_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dns/message.h"

/* DNS messages put together by hand: the library under test makes none of them. */
struct weirt_wire {
	uint8_t bytes[4096];
	size_t len;
};

#define WEIRT_QR 0x8000
#define WEIRT_TC 0x0200
#define WEIRT_SEC 1000000000ULL

static inline void weirt_u16(struct weirt_wire *wire, uint16_t value)
{
	wire->bytes[wire->len++] = (uint8_t)(value >> 8);
	wire->bytes[wire->len++] = (uint8_t)value;
}

static inline void weirt_header(struct weirt_wire *wire, uint16_t id, uint16_t flags,
				uint16_t questions, uint16_t answers)
{
	wire->len = 0;
	weirt_u16(wire, id);
	weirt_u16(wire, flags);
	weirt_u16(wire, questions);
	weirt_u16(wire, answers);
	weirt_u16(wire, 0);
	weirt_u16(wire, 0);
}

/* "" is the root; no compression. */
static inline void weirt_name(struct weirt_wire *wire, const char *name)
{
	while (*name) {
		size_t len = strcspn(name, ".");

		wire->bytes[wire->len++] = (uint8_t)len;
		memcpy(wire->bytes + wire->len, name, len);
		wire->len += len;
		name += len + (name[len] == '.');
	}
	wire->bytes[wire->len++] = 0;
}

static inline void weirt_question(struct weirt_wire *wire, const char *name, uint16_t type)
{
	weirt_name(wire, name);
	weirt_u16(wire, type);
	weirt_u16(wire, 1);
}

/* A record up to its data, whose length is @len. */
static inline void weirt_record(struct weirt_wire *wire, const char *owner, uint16_t type,
				uint32_t ttl, size_t len)
{
	weirt_question(wire, owner, type);
	weirt_u16(wire, (uint16_t)(ttl >> 16));
	weirt_u16(wire, (uint16_t)ttl);
	weirt_u16(wire, (uint16_t)len);
}

static inline void weirt_a(struct weirt_wire *wire, const char *owner, uint32_t ttl, uint8_t last)
{
	const uint8_t addr[] = { 192, 0, 2, last };

	weirt_record(wire, owner, 1, ttl, sizeof(addr));
	memcpy(wire->bytes + wire->len, addr, sizeof(addr));
	wire->len += sizeof(addr);
}

static inline void weirt_cname(struct weirt_wire *wire, const char *owner, uint32_t ttl,
			       const char *target)
{
	size_t before;

	weirt_record(wire, owner, 5, ttl, 0);
	before = wire->len;
	weirt_name(wire, target);
	wire->bytes[before - 1] = (uint8_t)(wire->len - before);
}

static inline struct weir_addr weirt_v4(uint8_t last)
{
	struct weir_addr addr = { { [10] = 0xff, 0xff, 192, 0, 2, last } };

	return addr;
}

/* @len bytes in memory of just that size, so that a sanitizer sees what is read beyond. */
static inline int weirt_parse_part(struct weir_dns_message *message, const struct weirt_wire *wire,
				   size_t len)
{
	uint8_t *bytes = malloc(len ? len : 1);
	int r;

	assert_non_null(bytes);
	memcpy(bytes, wire->bytes, len);
	r = weir_dns_message_parse(message, bytes, len, wire->len);
	free(bytes);
	return r;
}

static inline int weirt_parse(struct weir_dns_message *message, const struct weirt_wire *wire)
{
	return weirt_parse_part(message, wire, wire->len);
}

/* "name" has 192.0.2.@last for @ttl seconds. */
static inline void weirt_answer(struct weir_dns_message *message, const char *name, uint32_t ttl,
				uint8_t last)
{
	struct weirt_wire wire;

	weirt_header(&wire, 7, WEIRT_QR, 1, 1);
	weirt_question(&wire, name, 1);
	weirt_a(&wire, name, ttl, last);
	assert_int_equal(weirt_parse(message, &wire), 0);
}

#endif
