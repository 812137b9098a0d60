/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LIB_ADDR_H
#define WEIR_LIB_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

/**
 * struct weir_addr - an IP address; 16 bytes in network order, IPv4 as ::ffff:a.b.c.d
 * (RFC 4291 section 2.5.5.2). All zero: no address.
 */
struct weir_addr {
	uint8_t bytes[16];
};

/** Room for the longest text form with its NUL (INET6_ADDRSTRLEN). */
#define WEIR_ADDR_TEXT_MAX 46

bool weir_addr_is_v4(const struct weir_addr *addr);
bool weir_addr_is_none(const struct weir_addr *addr);
bool weir_addr_is_loopback(const struct weir_addr *addr);
bool weir_addr_eq(const struct weir_addr *a, const struct weir_addr *b);

/** weir_addr_to_str() - RFC 5952 text, IPv4 dotted; @text has WEIR_ADDR_TEXT_MAX bytes. */
const char *weir_addr_to_str(const struct weir_addr *addr, char *text);

/**
 * weir_addr_parse() - IPv4 or IPv6 text (no zone, no brackets); -EINVAL otherwise. "::" is the
 * address that weir_addr_is_none() is true for; "0.0.0.0" is not.
 */
int weir_addr_parse(const char *text, struct weir_addr *ret_addr);

/**
 * struct weir_cidr - a prefix; @bits counts within 128 (an IPv4 /24 has 120).
 */
struct weir_cidr {
	struct weir_addr addr;
	uint8_t bits;
};

/** weir_cidr_parse() - "addr" or "addr/len"; -EINVAL otherwise. Host bits are ignored. */
int weir_cidr_parse(const char *text, struct weir_cidr *ret_cidr);

/**
 * weir_cidr_contains() - a prefix shorter than 96 bits, as ::/0, contains IPv6 addresses only: IPv4
 * written as ::ffff:a.b.c.d is this program's form, not the network's.
 */
bool weir_cidr_contains(const struct weir_cidr *cidr, const struct weir_addr *addr);

/**
 * struct weir_endpoint - where to listen or connect: `unix:PATH`, `HOST:PORT`, `[V6]:PORT`.
 * HOST is an address or a name; port 0 is allowed (any free port).
 */
struct weir_endpoint {
	bool is_unix;
	char host[108];  /* the path for unix (sockaddr_un's size), else the host */
	uint16_t port;
};

/** weir_endpoint_parse() - 0 or -EINVAL with @err naming the text. */
int weir_endpoint_parse(const char *text, struct weir_endpoint *ret_endpoint,
			struct weir_error *err);

#endif
