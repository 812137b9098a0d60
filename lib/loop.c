/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <libwebsockets.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "lib/time.h"

/*
 * libwebsockets polls one epoll descriptor of ours beside its own sockets, and everything else
 * hangs on that: libwebsockets closes what it adopts as soon as it sees POLLHUP, whatever is left
 * to read, looks through all its descriptors on every turn, and its timers are as coarse as
 * poll()'s milliseconds. An epoll descriptor never hangs up.
 */

/* Descriptors libwebsockets may have: WEIR_SERVER_CLIENTS_MAX of api/server.h, its connections that
 * are no clients, and some for watches and us. Without a limit it allocates and writes tables for
 * RLIMIT_NOFILE of them, 16 MB for a limit of a million. */
#define LWS_FD_MAX 1024

/* Ready descriptors served before libwebsockets has its turn again. */
#define BATCH_MAX 32

struct weir_loop_fd {
	struct weir_loop *loop;
	int fd; /* the duplicate */
	bool paused;
	weir_loop_fd_fn fn;
	void *ctx;
};

struct weir_loop_timer {
	struct weir_loop *loop;
	LIST_ENTRY(weir_loop_timer) entry; /* in loop->timers while set */
	bool set;
	uint64_t due_ns;
	weir_loop_timer_fn fn;
	void *ctx;
};

struct weir_loop {
	struct lws_context *lws;
	struct lws_protocols protocols[2]; /* ours and the end mark */
	int epoll_fd;
	int timer_fd;
	int signal_fd;
	struct weir_loop_fd *timer_handle;
	struct weir_loop_fd *signal_handle;
	LIST_HEAD(, weir_loop_timer) timers; /* the soonest first */
	struct epoll_event batch[BATCH_MAX]; /* being dispatched; NULL where removed meanwhile */
	int batch_len;
	int failed;
	bool stopped;
};

/* --- descriptors --- */

static void forget_in_batch(struct weir_loop_fd *handle)
{
	struct weir_loop *loop = handle->loop;

	for (int i = 0; i < loop->batch_len; i++) {
		if (loop->batch[i].data.ptr == handle)
			loop->batch[i].data.ptr = NULL;
	}
}

static void dispatch_fds(struct weir_loop *loop)
{
	int n = epoll_wait(loop->epoll_fd, loop->batch, BATCH_MAX, 0);

	if (n < 0) {
		if (errno != EINTR)
			loop->failed = -EIO;
		return;
	}
	loop->batch_len = n;
	for (int i = 0; i < n && !loop->stopped; i++) {
		struct weir_loop_fd *handle = loop->batch[i].data.ptr;

		if (handle)
			handle->fn(handle->ctx);
	}
	loop->batch_len = 0;
}

static int watch(struct weir_loop_fd *handle)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = handle };

	if (epoll_ctl(handle->loop->epoll_fd, EPOLL_CTL_ADD, handle->fd, &event) < 0)
		return -errno;
	return 0;
}

int weir_loop_add_fd(struct weir_loop *loop, int fd, weir_loop_fd_fn fn, void *ctx,
		     struct weir_loop_fd **ret_handle)
{
	_cleanup_free_ struct weir_loop_fd *handle = calloc(1, sizeof(*handle));
	_cleanup_fd_ int duplicate = -1;
	int r;

	if (!handle)
		return -ENOMEM;
	duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (duplicate < 0)
		return -errno;
	*handle = (struct weir_loop_fd){ .loop = loop, .fd = duplicate, .fn = fn, .ctx = ctx };
	r = watch(handle);
	if (r < 0)
		return r;
	(void)TAKE_FD(duplicate);
	*ret_handle = TAKE_PTR(handle);
	return 0;
}

void weir_loop_remove_fd(struct weir_loop_fd **handle)
{
	struct weir_loop_fd *gone = TAKE_PTR(*handle);

	if (!gone)
		return;
	forget_in_batch(gone);
	/* Closing is not enough: the caller's descriptor keeps the open file, and so the watch. */
	if (!gone->paused)
		(void)epoll_ctl(gone->loop->epoll_fd, EPOLL_CTL_DEL, gone->fd, NULL);
	(void)close(gone->fd);
	free(gone);
}

void weir_loop_pause_fd(struct weir_loop_fd *handle, bool pause)
{
	int r;

	if (pause == handle->paused)
		return;
	handle->paused = pause;
	if (pause) {
		/* Not EPOLL_CTL_MOD with no events: EPOLLHUP and EPOLLERR cannot be masked. */
		(void)epoll_ctl(handle->loop->epoll_fd, EPOLL_CTL_DEL, handle->fd, NULL);
		forget_in_batch(handle);
		return;
	}
	r = watch(handle);
	if (r < 0) {
		/* Going on without it would be a silent loss: weir_loop_run() returns instead. */
		weir_log(WEIR_LOG_DEBUG, "loop", "cannot watch a descriptor again", "err=%d", r);
		handle->paused = true;
		handle->loop->failed = -EIO;
	}
}

/* --- timers --- */

/* Let the timer descriptor fire when the first timer is due, or never. */
static void arm(struct weir_loop *loop)
{
	const struct weir_loop_timer *first = LIST_FIRST(&loop->timers);
	struct itimerspec spec = { 0 };

	if (first) {
		/* All zero would disarm; 1 ns after boot has passed as well. */
		uint64_t due_ns = first->due_ns ? first->due_ns : 1;

		spec.it_value.tv_sec = (time_t)(due_ns / WEIR_NS_PER_SEC);
		spec.it_value.tv_nsec = (long)(due_ns % WEIR_NS_PER_SEC);
	}
	if (timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL) < 0)
		loop->failed = -EIO;
}

static void unset(struct weir_loop_timer *timer)
{
	if (!timer->set)
		return;
	LIST_REMOVE(timer, entry);
	timer->set = false;
}

static void dispatch_timers(void *ctx)
{
	struct weir_loop *loop = ctx;
	struct weir_loop_timer *timer;
	uint64_t now_ns, expirations;

	/* Not read, it would stay readable; fails only when it was re-armed meanwhile. */
	if (read(loop->timer_fd, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN)
		loop->failed = -EIO;
	now_ns = weir_time_mono_ns();
	/* A callback may set, cancel and free any timer, itself too: look at the list afresh. One
	 * that sets itself for "now" is due after now_ns and so cannot starve the loop. */
	while (!loop->stopped && (timer = LIST_FIRST(&loop->timers)) && timer->due_ns <= now_ns) {
		unset(timer);
		timer->fn(timer->ctx);
	}
	arm(loop);
}

int weir_loop_timer_new(struct weir_loop *loop, weir_loop_timer_fn fn, void *ctx,
			struct weir_loop_timer **ret_timer)
{
	struct weir_loop_timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		return -ENOMEM;
	*timer = (struct weir_loop_timer){ .loop = loop, .fn = fn, .ctx = ctx };
	*ret_timer = timer;
	return 0;
}

void weir_loop_timer_set(struct weir_loop_timer *timer, uint64_t after_ns)
{
	struct weir_loop *loop = timer->loop;
	struct weir_loop_timer *at, *before = NULL;

	unset(timer);
	/* The kernel's timers count within int64_t; 146 years are never. */
	if (after_ns > INT64_MAX / 2)
		after_ns = INT64_MAX / 2;
	timer->due_ns = weir_time_mono_ns() + after_ns;
	/* Behind those due at the same instant: first set, first served. */
	for (at = LIST_FIRST(&loop->timers); at && at->due_ns <= timer->due_ns;
	     at = LIST_NEXT(at, entry))
		before = at;
	if (before)
		LIST_INSERT_AFTER(before, timer, entry);
	else
		LIST_INSERT_HEAD(&loop->timers, timer, entry);
	timer->set = true;
	if (!before)
		arm(loop);
}

void weir_loop_timer_cancel(struct weir_loop_timer *timer)
{
	bool first = timer->set && LIST_FIRST(&timer->loop->timers) == timer;

	unset(timer);
	if (first)
		arm(timer->loop);
}

void weir_loop_timer_free(struct weir_loop_timer **timer)
{
	struct weir_loop_timer *gone = TAKE_PTR(*timer);

	if (!gone)
		return;
	weir_loop_timer_cancel(gone);
	free(gone);
}

/* --- signals --- */

static void on_signal(void *ctx)
{
	struct weir_loop *loop = ctx;
	struct signalfd_siginfo info;

	if (read(loop->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	weir_log(WEIR_LOG_DEBUG, "loop", "stopping on a signal", "signal=%u pid=%u", info.ssi_signo,
		 info.ssi_pid);
	weir_loop_stop(loop);
}

int weir_loop_stop_on_signals(struct weir_loop *loop)
{
	_cleanup_fd_ int fd = -1;
	sigset_t set;
	int r;

	if (loop->signal_fd >= 0)
		return 0;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	r = weir_loop_add_fd(loop, fd, on_signal, loop, &loop->signal_handle);
	if (r < 0)
		return r;
	loop->signal_fd = TAKE_FD(fd);
	return 0;
}

/* --- the loop --- */

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		  size_t len)
{
	if (reason == LWS_CALLBACK_RAW_RX_FILE)
		dispatch_fds(lws_get_protocol(wsi)->user);
	return 0;
}

static void on_lws_log(int level, const char *line)
{
	int len = (int)strcspn(line, "\n");

	if (!weir_log_enabled(WEIR_LOG_DEBUG))
		return;
	weir_log(WEIR_LOG_DEBUG, "lws", level <= LLL_WARN ? "warning" : "note", "text=\"%.*s\"",
		 len, line);
}

static int start_lws(struct weir_loop *loop)
{
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
		.fd_limit_per_thread = LWS_FD_MAX,
		.gid = (gid_t)-1,
		.uid = (uid_t)-1,
	};
	lws_sock_file_fd_type fd;
	struct lws_vhost *vhost;

	lws_set_log_level(LLL_ERR | LLL_WARN | LLL_NOTICE, on_lws_log);
	loop->lws = lws_create_context(&info);
	if (!loop->lws)
		return -EIO;
	loop->protocols[0].name = "weir-loop";
	loop->protocols[0].callback = on_lws;
	loop->protocols[0].user = loop;
	info.vhost_name = "weir-loop";
	info.protocols = loop->protocols;
	vhost = lws_create_vhost(loop->lws, &info);
	if (!vhost)
		return -EIO;
	/* A duplicate: libwebsockets closes what it adopts, also when adopting fails. */
	fd.filefd = fcntl(loop->epoll_fd, F_DUPFD_CLOEXEC, 0);
	if (fd.filefd < 0)
		return -EIO;
	if (!lws_adopt_descriptor_vhost(vhost, LWS_ADOPT_RAW_FILE_DESC, fd, loop->protocols[0].name,
					NULL))
		return -EIO;
	return 0;
}

int weir_loop_new(struct weir_loop **ret_loop)
{
	_cleanup_(weir_loop_free) struct weir_loop *loop = calloc(1, sizeof(*loop));
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	int r;

	if (!loop)
		return -ENOMEM;
	LIST_INIT(&loop->timers);
	loop->signal_fd = -1;
	loop->timer_fd = -1;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return -EIO;
	loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (loop->timer_fd < 0)
		return -EIO;
	/* A peer that hangs up is an error of one write, not the end of the process. */
	if (sigaction(SIGPIPE, &ignore, NULL) < 0)
		return -EIO;
	r = start_lws(loop);
	if (r < 0)
		return r;
	r = weir_loop_add_fd(loop, loop->timer_fd, dispatch_timers, loop, &loop->timer_handle);
	if (r < 0)
		return r == -ENOMEM ? r : -EIO;
	*ret_loop = TAKE_PTR(loop);
	return 0;
}

void weir_loop_free(struct weir_loop **loop)
{
	struct weir_loop *gone = TAKE_PTR(*loop);

	if (!gone)
		return;
	/* First: what is served through libwebsockets is closed here and may still remove its
	 * descriptors and timers. */
	if (gone->lws)
		lws_context_destroy(gone->lws);
	weir_loop_remove_fd(&gone->signal_handle);
	weir_loop_remove_fd(&gone->timer_handle);
	weir_cleanup_fd(&gone->signal_fd);
	weir_cleanup_fd(&gone->timer_fd);
	weir_cleanup_fd(&gone->epoll_fd);
	free(gone);
}

struct lws_context *weir_loop_lws(struct weir_loop *loop)
{
	return loop->lws;
}

int weir_loop_run(struct weir_loop *loop)
{
	while (!loop->stopped && !loop->failed) {
		if (lws_service(loop->lws, 0) < 0)
			loop->failed = -EIO;
	}
	loop->stopped = false;
	return loop->failed;
}

void weir_loop_stop(struct weir_loop *loop)
{
	loop->stopped = true;
}
