/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_UNIT_LIB_LOOP_FIXTURE_H
#define WEIR_TESTS_UNIT_LIB_LOOP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/loop.h"
#include "lib/time.h"

/* A loop per test, with a guard; *state is a struct fixture. */

#define loop_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

/* No test may hang: the loop of each is stopped by this, and "late" says that it was. */
#define GUARD_NS (20 * WEIR_NS_PER_SEC)

struct fixture {
	struct weir_loop *loop;
	struct weir_loop_timer *guard;
	bool late;
};

static inline void on_guard(void *ctx)
{
	struct fixture *f = ctx;

	f->late = true;
	weir_loop_stop(f->loop);
}

static inline int setup(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){ 0 };
	assert_int_equal(weir_loop_new(&fixture.loop), 0);
	assert_int_equal(weir_loop_timer_new(fixture.loop, on_guard, &fixture, &fixture.guard), 0);
	weir_loop_timer_set(fixture.guard, GUARD_NS);
	*state = &fixture;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	weir_loop_timer_free(&f->guard);
	weir_loop_free(&f->loop);
	assert_null(f->loop);
	return 0;
}

static inline void run_in_time(struct fixture *f)
{
	assert_int_equal(weir_loop_run(f->loop), 0);
	assert_false(f->late);
}

static inline void stop_loop(void *ctx)
{
	weir_loop_stop(ctx);
}

static inline void run_for(struct fixture *f, uint64_t ns)
{
	struct weir_loop_timer *timer = NULL;

	assert_int_equal(weir_loop_timer_new(f->loop, stop_loop, f->loop, &timer), 0);
	weir_loop_timer_set(timer, ns);
	run_in_time(f);
	weir_loop_timer_free(&timer);
	assert_null(timer);
}

#endif
