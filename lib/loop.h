/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LIB_LOOP_H
#define WEIR_LIB_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The one event loop of a process: libwebsockets' service loop, hidden here. Everything is
 * called from weir_loop_run(), one callback at a time; no callback may block.
 */
struct weir_loop;
struct weir_loop_fd;
struct weir_loop_timer;
struct lws_context;

/**
 * Called when the descriptor is readable, has hung up or has an error: reading it tells which.
 * May add, remove and pause any descriptor, its own too.
 */
typedef void (*weir_loop_fd_fn)(void *ctx);
typedef void (*weir_loop_timer_fn)(void *ctx);

/**
 * weir_loop_new() - 0 or -EIO/-ENOMEM.
 *
 * The process ignores SIGPIPE from here on, and libwebsockets' own log goes to weir_log() at debug.
 */
int weir_loop_new(struct weir_loop **ret_loop);

/**
 * weir_loop_free() - NULL-safe. Closes everything served through libwebsockets; descriptors and
 * timers have to be removed and freed before, or from the callbacks of that closing.
 */
void weir_loop_free(struct weir_loop **loop);

/**
 * weir_loop_lws() - the libwebsockets context, made with explicit vhosts, for modules that serve
 * or connect through it. Borrowed; valid until weir_loop_free().
 */
struct lws_context *weir_loop_lws(struct weir_loop *loop);

/**
 * weir_loop_add_fd() - watch @fd for reading (level-triggered).
 *
 * Shape:  as many as the process may have open; a turn serves 32 of them at most before
 *         libwebsockets has its turn, so none starves another.
 * Owner:  @fd stays the caller's: the loop watches a close-on-exec duplicate, so @fd may be closed
 *         before the handle is removed.
 * Errors: -EPERM for a file that cannot be polled (a regular file), -EMFILE, -ENOMEM.
 */
int weir_loop_add_fd(struct weir_loop *loop, int fd, weir_loop_fd_fn fn, void *ctx,
		     struct weir_loop_fd **ret_handle);

/** weir_loop_remove_fd() - stop watching; NULL-safe; nulls the handle. */
void weir_loop_remove_fd(struct weir_loop_fd **handle);

/**
 * weir_loop_pause_fd() - ignore (true) or again watch (false) a descriptor.
 *
 * Errors: if the kernel refuses to watch it again (out of memory), weir_loop_run() returns -EIO.
 */
void weir_loop_pause_fd(struct weir_loop_fd *handle, bool pause);

/** weir_loop_timer_new() - a timer that is not set. */
int weir_loop_timer_new(struct weir_loop *loop, weir_loop_timer_fn fn, void *ctx,
			struct weir_loop_timer **ret_timer);

/**
 * weir_loop_timer_set() - fire once, @after_ns from now, not before; replaces an earlier setting.
 *
 * Shape: O(timers that are set). Timers due together fire in the order they were set. A callback
 *        may set, cancel and free any timer, its own too; set to 0 it fires in the next turn.
 */
void weir_loop_timer_set(struct weir_loop_timer *timer, uint64_t after_ns);
void weir_loop_timer_cancel(struct weir_loop_timer *timer);
void weir_loop_timer_free(struct weir_loop_timer **timer);

/**
 * weir_loop_stop_on_signals() - block SIGINT and SIGTERM and have them stop the loop; 0 or -errno.
 *
 * They stay blocked after weir_loop_free(). Children inherit the blocked mask.
 */
int weir_loop_stop_on_signals(struct weir_loop *loop);

/** weir_loop_run() - serve until weir_loop_stop(); 0 or -EIO. */
int weir_loop_run(struct weir_loop *loop);

/** weir_loop_stop() - from a callback: end weir_loop_run() after it. Before: run returns at once. */
void weir_loop_stop(struct weir_loop *loop);

#endif
