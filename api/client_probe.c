/* SPDX-License-Identifier: Apache-2.0 */
#include "api/client_probe.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/cleanup.h"

/* A refusal on this machine comes at once, one from elsewhere in a round trip. */
#define PROBE_MS 100

static int probe_unix(const struct weir_endpoint *endpoint)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", endpoint->host);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	return 0;
}

/* The error of a connect() under way, if it comes soon. */
static int pending_error(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int error = 0;

	if (poll(&pollfd, 1, PROBE_MS) > 0)
		(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return -error;
}

static int probe_tcp(const struct weir_endpoint *endpoint)
{
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	};
	_cleanup_fd_ int fd = -1;
	struct addrinfo *list = NULL;
	char port[sizeof("65535")];
	int r = 0;

	(void)snprintf(port, sizeof(port), "%u", endpoint->port);
	if (getaddrinfo(endpoint->host, port, &hints, &list))
		return 0;
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, list->ai_addr, list->ai_addrlen) < 0)
		r = errno == EINPROGRESS ? pending_error(fd) : -errno;
	freeaddrinfo(list);
	return r;
}

int weir_client_probe(const struct weir_endpoint *endpoint)
{
	return endpoint->is_unix ? probe_unix(endpoint) : probe_tcp(endpoint);
}
