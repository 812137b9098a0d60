/* SPDX-License-Identifier: Apache-2.0 */
#include "api/server_priv.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "lib/cleanup.h"
#include "lib/time.h"

/* Connections taken in one turn of the loop, and how many may wait for it. */
#define ACCEPTS_PER_TURN 16
#define BACKLOG 64

#define SOCKET_MODE 0660

/* After running out of descriptors: how long not to look at the listeners. */
#define ACCEPT_PAUSE_NS (200 * WEIR_NS_PER_MS)

/* A peer that went away without a word is noticed after about a minute. */
#define KEEPALIVE_IDLE_S 30
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_PROBES 3

static void listener_free(struct weir_listener *listener)
{
	struct stat st;

	weir_loop_remove_fd(&listener->watch);
	if (listener->fd >= 0)
		(void)close(listener->fd);
	/* Not a successor's. */
	if (listener->path && !lstat(listener->path, &st) && st.st_dev == listener->path_dev &&
	    st.st_ino == listener->path_inode)
		(void)unlink(listener->path);
	free(listener->path);
	free(listener);
}

static void cleanup_listener(struct weir_listener **listener)
{
	if (*listener)
		listener_free(*listener);
}

void weir_listener_free_all(struct weir_server *server)
{
	weir_loop_timer_free(&server->accept_again);
	while (server->listeners) {
		struct weir_listener *listener = server->listeners;

		server->listeners = listener->next;
		listener_free(listener);
	}
}

static void pause_all(struct weir_server *server, bool pause)
{
	for (struct weir_listener *l = server->listeners; l; l = l->next)
		weir_loop_pause_fd(l->watch, pause);
}

static void on_accept_again(void *ctx)
{
	pause_all(ctx, false);
}

static void tune(int fd)
{
	int on = 1, idle = KEEPALIVE_IDLE_S, interval = KEEPALIVE_INTERVAL_S;
	int probes = KEEPALIVE_PROBES;

	/* All of them fail on a unix socket, which needs none. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static void on_acceptable(void *ctx)
{
	struct weir_listener *listener = ctx;

	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			tune(fd);
			(void)weir_conn_add(listener->server, fd);
			continue;
		}
		/* Out of descriptors or memory, the socket stays readable: do not spin on it. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			pause_all(listener->server, true);
			weir_loop_timer_set(listener->server->accept_again, ACCEPT_PAUSE_NS);
		}
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

static int bad_endpoint(struct weir_error *err, int code, const struct weir_endpoint *endpoint)
{
	const char *why = strerror(-code);

	if (code == -EADDRINUSE)
		why = "is in use";
	else if (code == -EEXIST)
		why = "exists and is not a socket";

	if (endpoint->is_unix)
		return weir_error_set(err, code, "unix:%s: %s", endpoint->host, why);
	return weir_error_set(err, code, strchr(endpoint->host, ':') ? "[%s]:%u: %s" : "%s:%u: %s",
			      endpoint->host, endpoint->port, why);
}

/* Takes over @fd, bound. */
static int start(struct weir_server *server, struct weir_listener *listener)
{
	int r;

	if (listen(listener->fd, BACKLOG))
		return -errno;
	if (!server->accept_again) {
		r = weir_loop_timer_new(server->loop, on_accept_again, server,
					&server->accept_again);
		if (r < 0)
			return r;
	}
	r = weir_loop_add_fd(server->loop, listener->fd, on_acceptable, listener, &listener->watch);
	if (r < 0)
		return r;
	listener->next = server->listeners;
	server->listeners = listener;
	return 0;
}

static int listener_new(struct weir_server *server, int family, struct weir_listener **ret_listener)
{
	struct weir_listener *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return -ENOMEM;
	listener->server = server;
	listener->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener->fd < 0) {
		int r = -errno;

		free(listener);
		return r;
	}
	*ret_listener = listener;
	return 0;
}

/* A socket on which nobody accepts goes; anything else that is there stays. */
static int remove_stale(const struct sockaddr_un *addr)
{
	_cleanup_fd_ int fd = -1;
	struct stat st;

	if (lstat(addr->sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) || errno == EAGAIN)
		return -EADDRINUSE;
	if (errno != ECONNREFUSED)
		return -errno;
	return unlink(addr->sun_path) && errno != ENOENT ? -errno : 0;
}

static int listen_unix(struct weir_server *server, const char *path)
{
	_cleanup_(cleanup_listener) struct weir_listener *listener = NULL;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;
	int r;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	r = remove_stale(&addr);
	if (r < 0)
		return r;
	r = listener_new(server, AF_UNIX, &listener);
	if (r < 0)
		return r;
	/* Before it can be connected to; the umask may take more away, so once more after. */
	if (fchmod(listener->fd, SOCKET_MODE) ||
	    bind(listener->fd, (struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
	listener->path = strdup(path);
	if (!listener->path || lstat(path, &st)) {
		(void)unlink(path);
		return -ENOMEM;
	}
	listener->path_dev = st.st_dev;
	listener->path_inode = st.st_ino;
	if (chmod(path, SOCKET_MODE))
		return -errno;
	r = start(server, listener);
	if (!r)
		listener = NULL;
	return r;
}

static uint16_t bound_port(int fd)
{
	struct sockaddr_storage addr = { 0 };
	socklen_t len = sizeof(addr);

	if (getsockname(fd, (struct sockaddr *)&addr, &len))
		return 0;
	if (addr.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&addr)->sin_port);
	return ntohs(((struct sockaddr_in6 *)&addr)->sin6_port);
}

/* @port: 0 for any, and then the one that was got, so that a name's other addresses share it. */
static int listen_addr(struct weir_server *server, const struct addrinfo *ai, bool only_v6,
		       uint16_t *port)
{
	_cleanup_(cleanup_listener) struct weir_listener *listener = NULL;
	struct sockaddr_storage addr = { 0 };
	int on = 1, v6only = only_v6;
	int r = listener_new(server, ai->ai_family, &listener);

	if (r < 0)
		return r;
	memcpy(&addr, ai->ai_addr, ai->ai_addrlen);
	if (ai->ai_family == AF_INET6) {
		((struct sockaddr_in6 *)&addr)->sin6_port = htons(*port);
		if (setsockopt(listener->fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)))
			return -errno;
	} else {
		((struct sockaddr_in *)&addr)->sin_port = htons(*port);
	}
	if (setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(listener->fd, (struct sockaddr *)&addr, ai->ai_addrlen))
		return -errno;
	listener->port = bound_port(listener->fd);
	r = start(server, listener);
	if (r < 0)
		return r;
	*port = listener->port;
	listener = NULL;
	return 0;
}

static int from_gai(int code)
{
	switch (code) {
	case EAI_MEMORY:
		return -ENOMEM;
	case EAI_SYSTEM:
		return -errno;
	default:
		return -EADDRNOTAVAIL;
	}
}

static int listen_tcp(struct weir_server *server, const struct weir_endpoint *endpoint)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
	const char *host = *endpoint->host ? endpoint->host : NULL;
	struct addrinfo *list = NULL;
	uint16_t port = endpoint->port;
	int done = 0, failed = -EADDRNOTAVAIL;
	int r = getaddrinfo(host, NULL, &hints, &list);

	if (r)
		return from_gai(r);
	for (const struct addrinfo *ai = list; ai; ai = ai->ai_next) {
		if (ai->ai_family != AF_INET && ai->ai_family != AF_INET6)
			continue;
		/* A literal `::` means both families, as it does elsewhere. */
		r = listen_addr(server, ai, !host || strcmp(host, "::") != 0, &port);
		if (!r) {
			done++;
			continue;
		}
		failed = r;
		/* `localhost` where one of the two families is switched off. */
		if (r != -EAFNOSUPPORT && r != -EADDRNOTAVAIL)
			break;
		r = 0;
	}
	freeaddrinfo(list);
	if (r < 0)
		return r;
	return done ? 0 : failed;
}

int weir_server_listen(struct weir_server *server, const struct weir_endpoint *endpoint,
		       struct weir_error *err)
{
	int r = endpoint->is_unix ? listen_unix(server, endpoint->host)
				  : listen_tcp(server, endpoint);

	return r < 0 ? bad_endpoint(err, r, endpoint) : 0;
}

uint16_t weir_server_port(const struct weir_server *server)
{
	for (const struct weir_listener *l = server->listeners; l; l = l->next) {
		if (l->port)
			return l->port;
	}
	return 0;
}
