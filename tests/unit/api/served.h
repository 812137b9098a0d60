/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIRT_API_SERVED_H
#define WEIRT_API_SERVED_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/server.h"
#include "lib/loop.h"
#include "tests/unit/api/records.h"

/*
 * A server in a process of its own, so that the test can be a client with blocking sockets. It
 * does what it is told through a pipe, one command at a time, each answered by its totals.
 */

struct weirt_command {
	char op;         /* p: push arg records, l: push a loss of arg, r: ready, s: stop, else none */
	uint64_t arg;
};

struct weirt_answer {
	struct weir_server_stats stats;
	uint64_t capacity;
	uint64_t refs;   /* references the history holds on one identity */
	int64_t result;
};

struct weirt_served {
	pid_t pid;
	int to;
	int from;
	uint16_t port;
	char path[64];   /* of the unix socket */
};

/* What is in the child only. */
struct weirt_child {
	struct weir_loop *loop;
	struct weir_history *history;
	struct weir_server *server;
	int in;
	int out;
	uint64_t pushed;
};

static inline void weirt_push(struct weirt_child *child, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		struct weir_record record = weirt_closed_ref();

		record.flow.id = ++child->pushed;
		record.time_ns = weir_time_real_ns();
		weir_history_push(child->history, &record);
	}
	weir_server_notify(child->server);
}

static inline void weirt_on_command(void *ctx)
{
	struct weirt_child *child = ctx;
	struct weirt_command command;
	struct weirt_answer answer = { 0 };
	struct weir_record lost;

	if (read(child->in, &command, sizeof(command)) != (ssize_t)sizeof(command)) {
		weir_loop_stop(child->loop);
		return;
	}
	switch (command.op) {
	case 'p':
		weirt_push(child, command.arg);
		break;
	case 'l':
		lost = weirt_lost(command.arg);
		weir_history_push(child->history, &lost);
		weir_server_notify(child->server);
		break;
	case 'r':
		weir_server_set_ready(child->server, true);
		break;
	case 's':
		weir_loop_stop(child->loop);
		break;
	}
	weir_server_get_stats(child->server, &answer.stats);
	answer.capacity = weir_history_capacity(child->history);
	answer.refs = weirt_frontend.refs - WEIRT_REFS;
	if (write(child->out, &answer, sizeof(answer)) != (ssize_t)sizeof(answer))
		weir_loop_stop(child->loop);
}

static inline void weirt_status(void *ctx, struct weir_buf *out)
{
	weir_buf_puts(out, "{\"seen\":\"5\"}\n");
}

static inline int weirt_child_run(int in, int out, const char *path, size_t history_bytes,
				  unsigned int max_clients)
{
	struct weirt_child child = { .in = in, .out = out };
	struct weir_endpoint tcp = { .host = "127.0.0.1" };
	struct weir_endpoint local = { .is_unix = true };
	struct weir_server_opts opts = { .node_name = "node-a",
					 .status = weirt_status,
					 .max_clients = max_clients };
	struct weir_error err = { 0 };
	struct weir_loop_fd *watch = NULL;
	uint16_t port;

	(void)snprintf(local.host, sizeof(local.host), "%s", path);
	if (weir_loop_new(&child.loop) || weir_history_new(history_bytes, &child.history))
		return 10;
	opts.history = child.history;
	if (weir_server_new(child.loop, &opts, &child.server))
		return 11;
	if (weir_server_listen(child.server, &local, &err) ||
	    weir_server_listen(child.server, &tcp, &err)) {
		(void)fprintf(stderr, "# %s\n", err.text);
		return 12;
	}
	port = weir_server_port(child.server);
	if (write(out, &port, sizeof(port)) != (ssize_t)sizeof(port))
		return 13;
	if (weir_loop_add_fd(child.loop, in, weirt_on_command, &child, &watch))
		return 14;
	if (weir_loop_run(child.loop))
		return 15;
	weir_loop_remove_fd(&watch);
	weir_server_free(&child.server);
	weir_history_free(&child.history);
	weir_loop_free(&child.loop);
	/* Every reference that was handed over has been dropped. */
	return weirt_frontend.refs == WEIRT_REFS ? 0 : 16;
}

static inline void weirt_serve(struct weirt_served *served, size_t history_bytes,
			       unsigned int max_clients)
{
	int to[2], from[2];

	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	(void)snprintf(served->path, sizeof(served->path), "/tmp/weirt-%ld.sock", (long)getpid());
	(void)fflush(NULL);
	served->pid = fork();
	assert_true(served->pid >= 0);
	if (!served->pid) {
		(void)close(to[1]);
		(void)close(from[0]);
		/* Not _exit(): the leak checker reports at exit. */
		exit(weirt_child_run(to[0], from[1], served->path, history_bytes, max_clients));
	}
	(void)close(to[0]);
	(void)close(from[1]);
	served->to = to[1];
	served->from = from[0];
	assert_int_equal(read(served->from, &served->port, sizeof(served->port)),
			 sizeof(served->port));
}

static inline struct weirt_answer weirt_tell(struct weirt_served *served, char op, uint64_t arg)
{
	struct weirt_command command = { .op = op, .arg = arg };
	struct weirt_answer answer;

	assert_int_equal(write(served->to, &command, sizeof(command)), sizeof(command));
	assert_int_equal(read(served->from, &answer, sizeof(answer)), sizeof(answer));
	return answer;
}

/* The server was stopped; it must have ended well, and left no socket behind. */
static inline void weirt_served_end(struct weirt_served *served)
{
	int status;

	assert_int_equal(waitpid(served->pid, &status, 0), served->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	(void)close(served->to);
	(void)close(served->from);
	assert_int_equal(access(served->path, F_OK), -1);
}

static inline void weirt_unserve(struct weirt_served *served)
{
	(void)weirt_tell(served, 's', 0);
	weirt_served_end(served);
}

#endif
