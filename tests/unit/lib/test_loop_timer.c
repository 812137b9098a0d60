/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/loop.h"

#include <sys/resource.h>

#include "lib/cleanup.h"
#include "tests/unit/lib/loop_fixture.h"

struct order {
	struct fixture *f;
	char fired[16];
	size_t count, stop_at;
};

struct step {
	struct order *order;
	struct weir_loop_timer *timer;
	char name;
	uint64_t set_ns, fired_ns;
};

static void on_step(void *ctx)
{
	struct step *step = ctx;
	struct order *order = step->order;

	step->fired_ns = weir_time_mono_ns();
	order->fired[order->count++] = step->name;
	if (order->count == order->stop_at)
		weir_loop_stop(order->f->loop);
}

static void make_steps(struct order *order, struct step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		steps[i] = (struct step){ .order = order, .name = (char)('a' + i) };
		assert_int_equal(
			weir_loop_timer_new(order->f->loop, on_step, &steps[i], &steps[i].timer),
			0);
	}
}

static void free_steps(struct step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++)
		weir_loop_timer_free(&steps[i].timer);
}

static void set_step(struct step *step, uint64_t after_ns)
{
	step->set_ns = weir_time_mono_ns() + after_ns;
	weir_loop_timer_set(step->timer, after_ns);
}

static void timers_fire_in_order_and_not_early(void **state)
{
	struct order order = { .f = *state, .stop_at = 4 };
	struct step steps[4];

	make_steps(&order, steps, 4);
	set_step(&steps[0], 30 * WEIR_NS_PER_MS);
	set_step(&steps[1], 10 * WEIR_NS_PER_MS + 1);
	set_step(&steps[2], 0);
	set_step(&steps[3], 700 * WEIR_NS_PER_US);
	run_in_time(*state);
	assert_string_equal(order.fired, "cdba");
	for (size_t i = 0; i < 4; i++)
		assert_true(steps[i].fired_ns >= steps[i].set_ns);
	free_steps(steps, 4);
}

static void cancelled_and_freed_timers_do_not_fire(void **state)
{
	struct order order = { .f = *state, .stop_at = 1 };
	struct step steps[4];

	make_steps(&order, steps, 4);
	set_step(&steps[0], 1 * WEIR_NS_PER_MS);
	set_step(&steps[1], 2 * WEIR_NS_PER_MS);
	set_step(&steps[2], 20 * WEIR_NS_PER_MS);
	weir_loop_timer_cancel(steps[3].timer);
	weir_loop_timer_cancel(steps[0].timer);
	weir_loop_timer_cancel(steps[0].timer);
	weir_loop_timer_free(&steps[1].timer);
	run_in_time(*state);
	assert_string_equal(order.fired, "c");
	free_steps(steps, 4);
}

static void setting_again_replaces(void **state)
{
	struct order order = { .f = *state, .stop_at = 2 };
	struct step steps[2];

	make_steps(&order, steps, 2);
	set_step(&steps[0], 1 * WEIR_NS_PER_MS);
	set_step(&steps[1], 10 * WEIR_NS_PER_MS);
	set_step(&steps[0], 20 * WEIR_NS_PER_MS);
	run_in_time(*state);
	assert_string_equal(order.fired, "ba");
	free_steps(steps, 2);
}

static void unreachable_future_does_not_overflow(void **state)
{
	struct order order = { .f = *state, .stop_at = 1 };
	struct step steps[2];

	make_steps(&order, steps, 2);
	weir_loop_timer_set(steps[0].timer, UINT64_MAX);
	set_step(&steps[1], WEIR_NS_PER_MS);
	run_in_time(*state);
	assert_string_equal(order.fired, "b");
	free_steps(steps, 2);
}

struct chain {
	struct fixture *f;
	struct weir_loop_timer *timer, *victim;
	unsigned int left;
};

static void on_chain(void *ctx)
{
	struct chain *chain = ctx;

	weir_loop_timer_free(&chain->victim);
	if (--chain->left) {
		weir_loop_timer_set(chain->timer, 0);
		return;
	}
	weir_loop_timer_free(&chain->timer);
	weir_loop_stop(chain->f->loop);
}

static void callback_may_set_and_free_timers(void **state)
{
	struct chain chain = { .f = *state, .left = 1000 };
	struct order order = { .f = *state };
	struct step victim;

	make_steps(&order, &victim, 1);
	chain.victim = TAKE_PTR(victim.timer);
	assert_int_equal(weir_loop_timer_new(chain.f->loop, on_chain, &chain, &chain.timer), 0);
	weir_loop_timer_set(chain.timer, 0);
	weir_loop_timer_set(chain.victim, 0);
	run_in_time(*state);
	assert_int_equal(order.count, 0);
	assert_int_equal(chain.left, 0);
	assert_null(chain.timer);
}

static void idle_loop_sleeps_until_the_timer(void **state)
{
	struct rusage before, after;
	long switches;

	assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
	run_for(*state, 200 * WEIR_NS_PER_MS);
	assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
	/* One sleep, and libwebsockets' own few. */
	switches = after.ru_nvcsw - before.ru_nvcsw;
	assert_in_range(switches, 1, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(timers_fire_in_order_and_not_early),
		loop_test(cancelled_and_freed_timers_do_not_fire),
		loop_test(setting_again_replaces),
		loop_test(unreachable_future_does_not_overflow),
		loop_test(callback_may_set_and_free_timers),
		loop_test(idle_loop_sleeps_until_the_timer),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
