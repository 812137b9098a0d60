/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CMD_WEIR_SESSION_H
#define WEIR_CMD_WEIR_SESSION_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

/** Where the agent listens unless told otherwise; the second is for those who may not the first. */
#define WEIR_SERVER_UNIX "unix:/run/weir/weir.sock"
#define WEIR_SERVER_TCP "127.0.0.1:4246"
#define WEIR_SERVER_ENV "WEIR_SERVER"

/** What --help says of --server. */
#define WEIR_SERVER_HELP                                                                         \
	"unix:PATH or HOST:PORT; without this flag " WEIR_SERVER_TCP " is tried where the unix " \
	"socket is missing or not permitted"

struct weir_session_opts {
	const char *server;   /* unix:PATH or HOST:PORT */
	bool fallback;        /* try WEIR_SERVER_TCP when there is no way to @server */
	const char *path;
	const char *request;  /* websocket request; NULL: plain GET */

	/* One line without newline. Negative ends the session: it becomes its result. */
	int (*line)(void *ctx, const char *line, size_t len, struct weir_error *err);
	int (*batch)(void *ctx);  /* input pauses; NULL allowed; negative as above */
	void *ctx;
};

/** Set by SIGINT and SIGTERM once weir_session_catch_signals() was called. */
extern volatile sig_atomic_t weir_session_stopped;

/** weir_session_catch_signals() - SIGINT, SIGTERM end a session in order; SIGPIPE is an error. */
int weir_session_catch_signals(void);

/**
 * weir_session_run() - one request from connection to end.
 *
 * @ret_server: the server that answered; borrowed from @opts or static; NULL allowed.
 * Errors: what a callback returned (its @err), or -EHOSTUNREACH when nothing listens, -EINVAL for
 *         a @server that is no endpoint, -ECONNRESET, -EPROTO, … with @err naming the server.
 *         0 also when a signal ended it.
 */
int weir_session_run(const struct weir_session_opts *opts, const char **ret_server,
		     struct weir_error *err);

#endif
