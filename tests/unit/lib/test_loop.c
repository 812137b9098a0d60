/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tests/unit/lib/loop_fixture.h"

/* What one descriptor's callback saw. */
struct watcher {
	struct fixture *f;
	struct weir_loop_fd *handle;
	int fd;
	size_t chunk;    /* bytes to read per call; 0: do not read */
	unsigned int calls;
	size_t bytes;
	bool ended;      /* read() gave 0 */
	unsigned int stop_at;  /* stop the loop at this call; 0: at the end of the input */
};

static void on_readable(void *ctx)
{
	struct watcher *w = ctx;
	char bytes[4096];
	ssize_t n;

	w->calls++;
	if (w->chunk) {
		n = read(w->fd, bytes, w->chunk);
		if (n > 0)
			w->bytes += (size_t)n;
		w->ended = n == 0;
	}
	if (w->calls == w->stop_at || (!w->stop_at && w->ended))
		weir_loop_stop(w->f->loop);
}

static void add(struct fixture *f, struct watcher *w, int fd)
{
	w->f = f;
	w->fd = fd;
	assert_int_equal(weir_loop_add_fd(f->loop, fd, on_readable, w, &w->handle), 0);
}

/* --- descriptors --- */

static void pipe_is_level_triggered(void **state)
{
	struct watcher w = { .chunk = 1, .stop_at = 5 };
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	add(*state, &w, fds[0]);
	assert_int_equal(write(fds[1], "hello", 5), 5);
	run_in_time(*state);
	assert_int_equal(w.bytes, 5);
	weir_loop_remove_fd(&w.handle);
	assert_null(w.handle);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void closed_pipe_is_read_to_its_end(void **state)
{
	struct watcher w = { .chunk = 1000 };
	char bytes[30000] = { 0 };
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], bytes, sizeof(bytes)), sizeof(bytes));
	(void)close(fds[1]);
	add(*state, &w, fds[0]);
	run_in_time(*state);
	assert_int_equal(w.bytes, sizeof(bytes));
	assert_true(w.ended);
	weir_loop_remove_fd(&w.handle);
	(void)close(fds[0]);
}

static void epoll_descriptor_wakes_the_loop(void **state)
{
	/* The shape of libbpf's ring buffer: an epoll descriptor around another one. */
	struct watcher w = { .stop_at = 3 };
	struct epoll_event event = { .events = EPOLLIN };
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_int_equal(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event_fd, &event), 0);
	add(*state, &w, epoll_fd);
	run_for(*state, 5 * WEIR_NS_PER_MS);
	assert_int_equal(w.calls, 0);
	assert_int_equal(eventfd_write(event_fd, 1), 0);
	run_in_time(*state);
	assert_int_equal(w.calls, 3);
	weir_loop_remove_fd(&w.handle);
	(void)close(epoll_fd);
	(void)close(event_fd);
}

static void removed_descriptor_is_silent_and_still_open(void **state)
{
	struct watcher w = { .stop_at = 1 };
	int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);

	add(*state, &w, fd);
	run_in_time(*state);
	weir_loop_remove_fd(&w.handle);
	weir_loop_remove_fd(&w.handle);
	run_for(*state, 5 * WEIR_NS_PER_MS);
	assert_int_equal(w.calls, 1);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	(void)close(fd);
}

static void descriptor_closed_by_its_owner_can_be_removed(void **state)
{
	struct watcher first = { .stop_at = 1 }, second = { .stop_at = 1 };
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	add(*state, &first, fd);
	(void)close(fd);
	fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_int_equal(fd, first.fd);
	add(*state, &second, fd);
	weir_loop_remove_fd(&first.handle);
	run_in_time(*state);
	assert_int_equal(first.calls, 0);
	assert_int_equal(second.calls, 1);
	weir_loop_remove_fd(&second.handle);
	(void)close(fd);
}

static void paused_descriptor_costs_nothing(void **state)
{
	struct watcher w = { .chunk = 1, .stop_at = 1 };
	struct rusage before, after;
	uint64_t spent_us;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	add(*state, &w, fds[0]);
	assert_int_equal(write(fds[1], "abc", 3), 3);
	(void)close(fds[1]);
	weir_loop_pause_fd(w.handle, true);
	weir_loop_pause_fd(w.handle, true);
	assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
	run_for(*state, 300 * WEIR_NS_PER_MS);
	assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
	assert_int_equal(w.calls, 0);
	/* A loop that spun on the readable, hung up pipe would have used the 300 ms. */
	spent_us = (uint64_t)(after.ru_utime.tv_sec - before.ru_utime.tv_sec +
			      after.ru_stime.tv_sec - before.ru_stime.tv_sec) *
			   1000000 +
		   (uint64_t)(after.ru_utime.tv_usec - before.ru_utime.tv_usec +
			      after.ru_stime.tv_usec - before.ru_stime.tv_usec);
	assert_true(spent_us < 100000);
	weir_loop_pause_fd(w.handle, false);
	weir_loop_pause_fd(w.handle, false);
	run_in_time(*state);
	assert_int_equal(w.calls, 1);
	weir_loop_pause_fd(w.handle, true);
	weir_loop_remove_fd(&w.handle);
	(void)close(fds[0]);
}

struct pair {
	struct fixture *f;
	struct pair *other;
	struct weir_loop_fd *handle;
	bool remove_both, pause_both;
	unsigned int *calls;
};

static void on_pair(void *ctx)
{
	struct pair *p = ctx;

	(*p->calls)++;
	if (p->pause_both) {
		weir_loop_pause_fd(p->handle, true);
		weir_loop_pause_fd(p->other->handle, true);
	}
	if (p->remove_both) {
		struct pair *other = p->other;

		weir_loop_remove_fd(&other->handle);
		weir_loop_remove_fd(&p->handle);
	}
}

/* Both are ready in the same turn; whichever is served first silences both. */
static void callback_may_silence_any_descriptor(void **state)
{
	for (int remove = 0; remove < 2; remove++) {
		unsigned int calls = 0;
		struct pair pair[2] = { { 0 } };
		int fds[2];

		for (int i = 0; i < 2; i++) {
			fds[i] = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
			pair[i] = (struct pair){
				.f = *state,
				.other = &pair[1 - i],
				.remove_both = remove,
				.pause_both = !remove,
				.calls = &calls,
			};
			assert_int_equal(weir_loop_add_fd(pair[i].f->loop, fds[i], on_pair,
							  &pair[i], &pair[i].handle),
					 0);
		}
		run_for(*state, 20 * WEIR_NS_PER_MS);
		assert_int_equal(calls, 1);
		for (int i = 0; i < 2; i++) {
			weir_loop_remove_fd(&pair[i].handle);
			(void)close(fds[i]);
		}
	}
}

static void regular_file_is_refused(void **state)
{
	struct fixture *f = *state;
	struct weir_loop_fd *handle = NULL;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(weir_loop_add_fd(f->loop, fd, on_readable, NULL, &handle), -EPERM);
	(void)close(fd);
	assert_int_equal(weir_loop_add_fd(f->loop, fd, on_readable, NULL, &handle), -EBADF);
	assert_null(handle);
}

static void many_descriptors_are_all_served(void **state)
{
	/* More than libwebsockets' own limit, as many as the process may have. */
	enum {
		MANY = 3000
	};
	_cleanup_free_ struct watcher *watchers = calloc(MANY, sizeof(*watchers));
	struct rlimit limit;
	size_t count = MANY;

	assert_non_null(watchers);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_cur < 2 * MANY + 100)
		count = (limit.rlim_cur - 100) / 2;
	for (size_t i = 0; i < count; i++) {
		watchers[i].chunk = sizeof(uint64_t);
		watchers[i].stop_at = 1000;
		add(*state, &watchers[i], eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
	}
	run_for(*state, 300 * WEIR_NS_PER_MS);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(watchers[i].calls, 1);
		weir_loop_remove_fd(&watchers[i].handle);
		(void)close(watchers[i].fd);
	}
}

static void busy_descriptor_does_not_starve_timers(void **state)
{
	struct watcher w = { .stop_at = UINT32_MAX };
	int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);

	add(*state, &w, fd);
	run_for(*state, 10 * WEIR_NS_PER_MS);
	assert_true(w.calls > 1);
	weir_loop_remove_fd(&w.handle);
	(void)close(fd);
}

/* --- stopping --- */

static void stop_before_run_ends_it_once(void **state)
{
	struct fixture *f = *state;
	struct watcher w = { .stop_at = 1 };
	int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);

	add(f, &w, fd);
	weir_loop_stop(f->loop);
	assert_int_equal(weir_loop_run(f->loop), 0);
	assert_int_equal(w.calls, 0);
	assert_int_equal(weir_loop_run(f->loop), 0);
	assert_int_equal(w.calls, 1);
	weir_loop_remove_fd(&w.handle);
	(void)close(fd);
}

static void signal_stops_the_loop(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT };
	struct fixture *f = *state;

	assert_int_equal(weir_loop_stop_on_signals(f->loop), 0);
	assert_int_equal(weir_loop_stop_on_signals(f->loop), 0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(kill(getpid(), signals[i]), 0);
		run_in_time(f);
	}
}

static void broken_pipe_does_not_kill(void **state)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	(void)close(fds[0]);
	assert_int_equal(write(fds[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	(void)close(fds[1]);
}

static size_t open_descriptors(void)
{
	size_t count = 0;

	for (int fd = 0; fd < 4096; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void free_closes_every_descriptor(void **state)
{
	size_t before = open_descriptors();

	for (int i = 0; i < 20; i++) {
		struct weir_loop *loop = NULL;

		assert_int_equal(weir_loop_new(&loop), 0);
		assert_non_null(weir_loop_lws(loop));
		assert_int_equal(weir_loop_stop_on_signals(loop), 0);
		weir_loop_free(&loop);
		weir_loop_free(&loop);
		assert_null(loop);
	}
	assert_int_equal(open_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(pipe_is_level_triggered),
		loop_test(closed_pipe_is_read_to_its_end),
		loop_test(epoll_descriptor_wakes_the_loop),
		loop_test(removed_descriptor_is_silent_and_still_open),
		loop_test(descriptor_closed_by_its_owner_can_be_removed),
		loop_test(paused_descriptor_costs_nothing),
		loop_test(callback_may_silence_any_descriptor),
		loop_test(regular_file_is_refused),
		loop_test(many_descriptors_are_all_served),
		loop_test(busy_descriptor_does_not_starve_timers),
		loop_test(stop_before_run_ends_it_once),
		loop_test(signal_stops_the_loop),
		loop_test(broken_pipe_does_not_kill),
		loop_test(free_closes_every_descriptor),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
