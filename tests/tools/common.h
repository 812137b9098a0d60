/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_TOOLS_COMMON_H
#define WEIR_TESTS_TOOLS_COMMON_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 * What the traffic tools share. They stand alone (no Weir code), so that a mistake in Weir cannot
 * hide in the truth it is compared with. A tool that cannot do exactly what it was asked to do
 * says so and exits 1: a test must never compare against half a truth.
 */

__attribute__((format(printf, 1, 2), noreturn)) static inline void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline uint64_t wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* xorshift64*: the same seed gives the same sizes on every machine. */
static inline uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 2685821657736338717u;
}

static inline void random_seed(uint64_t *state, uint64_t seed)
{
	*state = (seed + 1) * 0x9e3779b97f4a7c15u;
	(void)random_next(state);
	(void)random_next(state);
}

static inline uint64_t parse_number(const char *what, const char *text, uint64_t max)
{
	char *end = NULL;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' || value > max)
		die("%s: not a number from 0 to %llu: '%s'", what, (unsigned long long)max, text);
	return value;
}

/* As many descriptors as can be had up to @want: without CAP_SYS_RESOURCE the hard limit stays. */
static inline uint64_t raise_nofile(uint64_t want)
{
	struct rlimit limit, higher;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		die("getrlimit: %s", strerror(errno));
	if (limit.rlim_cur >= want)
		return want;
	higher.rlim_cur = higher.rlim_max = want > limit.rlim_max ? want : limit.rlim_max;
	if (!setrlimit(RLIMIT_NOFILE, &higher))
		return want;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		die("setrlimit RLIMIT_NOFILE: %s", strerror(errno));
	return limit.rlim_cur < want ? limit.rlim_cur : want;
}

struct endpoint {
	struct sockaddr_storage addr;
	socklen_t len;
};

static inline in_port_t *endpoint_port_be(struct endpoint *ep)
{
	if (ep->addr.ss_family == AF_INET6)
		return &((struct sockaddr_in6 *)&ep->addr)->sin6_port;
	return &((struct sockaddr_in *)&ep->addr)->sin_port;
}

/* Numeric addresses only; "::ffff:1.2.3.4" stays an IPv6 sockaddr: a v4-mapped one. */
static inline struct endpoint endpoint_of(const char *host, uint16_t port)
{
	struct endpoint ep = { 0 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ep.addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ep.addr;

	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		ep.len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		ep.len = sizeof(*v6);
	} else {
		die("not an address: '%s'", host);
	}
	*endpoint_port_be(&ep) = htons(port);
	return ep;
}

/* "1.2.3.4:80", "[2001:db8::1]:80" */
static inline struct endpoint endpoint_parse(const char *text)
{
	const char *colon = strrchr(text, ':');
	struct endpoint ep;
	size_t len;
	char *host;

	if (!colon)
		die("not ADDRESS:PORT: '%s'", text);
	len = (size_t)(colon - text);
	if (len >= 2 && text[0] == '[' && colon[-1] == ']')
		host = strndup(text + 1, len - 2);
	else
		host = strndup(text, len);
	if (!host)
		die("out of memory");
	ep = endpoint_of(host, (uint16_t)parse_number("port", colon + 1, UINT16_MAX));
	free(host);
	return ep;
}

#define ENDPOINT_TEXT_MAX INET6_ADDRSTRLEN

/* The address as a reader of records expects it: v4-mapped as plain IPv4. */
static inline const char *endpoint_host(const struct endpoint *ep, char text[ENDPOINT_TEXT_MAX])
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&ep->addr;
	const void *raw = &((const struct sockaddr_in *)&ep->addr)->sin_addr;
	int family = ep->addr.ss_family;

	if (family == AF_INET6) {
		raw = &v6->sin6_addr;
		if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
			family = AF_INET;
			raw = &v6->sin6_addr.s6_addr[12];
		}
	}
	if (!inet_ntop(family, raw, text, ENDPOINT_TEXT_MAX))
		die("inet_ntop: %s", strerror(errno));
	return text;
}

static inline unsigned int endpoint_port(const struct endpoint *ep)
{
	return ntohs(*endpoint_port_be((struct endpoint *)ep));
}

struct endpoints {
	struct endpoint *items;
	size_t n;
};

/* A comma-separated list of ADDRESS:PORT. */
static inline struct endpoints endpoints_parse(const char *list)
{
	char *copy = strdup(list), *rest = copy, *item;
	struct endpoints eps = { 0 };

	if (!copy)
		die("out of memory");
	while ((item = strsep(&rest, ","))) {
		eps.items = reallocarray(eps.items, eps.n + 1, sizeof(*eps.items));
		if (!eps.items)
			die("out of memory");
		eps.items[eps.n++] = endpoint_parse(item);
	}
	free(copy);
	return eps;
}

static inline void set_option(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		die("setsockopt %d/%d: %s", level, name, strerror(errno));
}

static inline int listen_tcp(const struct endpoint *ep, int backlog)
{
	int fd = socket(ep->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket: %s", strerror(errno));
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(fd, (const struct sockaddr *)&ep->addr, ep->len))
		die("bind port %u: %s", endpoint_port(ep), strerror(errno));
	if (listen(fd, backlog))
		die("listen: %s", strerror(errno));
	return fd;
}

static inline void say_ready(void)
{
	puts("ready");
	fflush(stdout);
}

#endif
