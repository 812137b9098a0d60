/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/weir/session.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "api/client.h"
#include "lib/addr.h"
#include "lib/cleanup.h"
#include "lib/loop.h"

struct session {
	const struct weir_session_opts *opts;
	struct weir_loop *loop;
	struct weir_loop_fd *signals;
	struct weir_client *client;
	const char *server;  /* the one being asked */
	struct weir_error first_failure;
	struct weir_error *err;
	int result;
	bool over;
};

volatile sig_atomic_t weir_session_stopped;

/* What the handler writes to, so that the loop wakes. */
static int signal_fd = -1;

/* Not signalfd: a write to a pipe that is not being read must be interrupted too. */
static void on_signal(int number)
{
	int saved = errno;
	eventfd_t one = 1;

	weir_session_stopped = number;
	(void)!write(signal_fd, &one, sizeof(one));
	errno = saved;
}

int weir_session_catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	signal_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (signal_fd < 0 || sigaction(SIGINT, &action, NULL) < 0 ||
	    sigaction(SIGTERM, &action, NULL) < 0 || sigaction(SIGPIPE, &ignore, NULL) < 0)
		return -errno;
	return 0;
}

static void session_end(struct session *s, int result)
{
	if (s->over)
		return;
	s->over = true;
	s->result = result;
	weir_loop_stop(s->loop);
}

static void on_stop(void *ctx)
{
	session_end(ctx, 0);
}

static void on_line(void *ctx, const char *line, size_t len)
{
	struct session *s = ctx;
	int r;

	if (s->over)
		return;
	r = s->opts->line(s->opts->ctx, line, len, s->err);
	if (r < 0)
		session_end(s, r);
}

static void on_batch(void *ctx)
{
	struct session *s = ctx;
	int r = s->over || !s->opts->batch ? 0 : s->opts->batch(s->opts->ctx);

	if (r < 0)
		session_end(s, r);
}

static int session_connect(struct session *s, const char *server);

static bool is_unreachable(int status)
{
	return status == -ENOENT || status == -ECONNREFUSED || status == -EACCES;
}

static void on_close(void *ctx, int status, const char *detail)
{
	struct session *s = ctx;
	int r;

	if (s->over)
		return;
	if (is_unreachable(status) && s->opts->fallback && !s->first_failure.text[0]) {
		(void)weir_error_set(&s->first_failure, status, "%s", detail);
		weir_client_free(&s->client);
		r = session_connect(s, WEIR_SERVER_TCP);
		if (r < 0)
			session_end(s, r);
		return;
	}
	if (s->first_failure.text[0] && is_unreachable(status))
		status = weir_error_set(
			s->err, -EHOSTUNREACH,
			"cannot connect to %s (%s), nor to %s (%s): is weir-agent running?",
			s->opts->server, s->first_failure.text, s->server, detail);
	else if (is_unreachable(status))
		status = weir_error_set(s->err, -EHOSTUNREACH, "cannot connect to %s: %s",
					s->server, detail);
	else if (status < 0)
		(void)weir_error_set(s->err, status, "%s: %s", s->server, detail);
	session_end(s, status);
}

static int session_connect(struct session *s, const char *server)
{
	struct weir_endpoint endpoint;
	struct weir_client_opts opts = {
		.endpoint = &endpoint, .path = s->opts->path, .request = s->opts->request,
		.line = on_line, .batch = on_batch, .close = on_close, .ctx = s,
	};
	int r = weir_endpoint_parse(server, &endpoint, s->err);

	if (r < 0)
		return r;
	s->server = server;
	r = weir_client_new(s->loop, &opts, &s->client);
	return r < 0 ? weir_error_set(s->err, r, "out of memory") : 0;
}

static int session_start(struct session *s)
{
	int r = weir_loop_new(&s->loop);

	if (r < 0)
		return weir_error_set(s->err, r, "cannot make an event loop: %s", strerror(-r));
	if (signal_fd >= 0) {
		r = weir_loop_add_fd(s->loop, signal_fd, on_stop, s, &s->signals);
		if (r < 0)
			return weir_error_set(s->err, r, "cannot watch for signals: %s",
					      strerror(-r));
	}
	return session_connect(s, s->opts->server);
}

int weir_session_run(const struct weir_session_opts *opts, const char **ret_server,
		     struct weir_error *err)
{
	struct session s = { .opts = opts, .err = err };
	int r = session_start(&s);

	if (r == 0) {
		r = weir_loop_run(s.loop);
		if (r < 0 && !s.over)
			(void)weir_error_set(err, r, "event loop: %s", strerror(-r));
		if (s.over)
			r = s.result;
	}
	if (ret_server)
		*ret_server = s.server;
	weir_client_free(&s.client);
	weir_loop_remove_fd(&s.signals);
	weir_loop_free(&s.loop);
	return r;
}
