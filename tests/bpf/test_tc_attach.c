/* SPDX-License-Identifier: Apache-2.0 */
/* One program at one direction of one link: by TCX and by clsact, alone and with others. */
#include "tests/bpf/tc_world.h"

#define FRAMES 10

static struct weir_tc attach(enum weir_tc_hook hook, const struct counter *c, const char *name,
			     bool egress)
{
	struct weir_tc tc = WEIR_TC_NONE;

	assert_int_equal(weir_tc_attach(hook, c->prog_fd, if_nametoindex(name), egress, &tc), 0);
	assert_true(weir_tc_is_attached(&tc));
	return tc;
}

static void sees_both_directions(enum weir_tc_hook hook)
{
	struct counter in = counter_make(NEXT), out = counter_make(NEXT);
	struct weir_tc tc_in = attach(hook, &in, "v0", false);
	struct weir_tc tc_out = attach(hook, &out, "v0", true);
	_cleanup_fd_ int received = open_receiver("v0");
	_cleanup_fd_ int sent = open_receiver("p0");

	send_frames("p0", FRAMES);
	send_frames("v0", FRAMES + 1);
	wait_count(&in, FRAMES);
	wait_count(&out, FRAMES + 1);
	/* And takes nothing. */
	assert_int_equal(receive_frames(received), FRAMES);
	assert_int_equal(receive_frames(sent), FRAMES + 1);
	weir_tc_detach(&tc_in);
	weir_tc_detach(&tc_out);
	assert_false(weir_tc_is_attached(&tc_in));
	send_frames("p0", FRAMES);
	assert_int_equal(receive_frames(received), FRAMES);
	assert_int_equal(counter_get(&in), FRAMES);
	weir_tc_detach(&tc_in);
	counter_done(&in);
	counter_done(&out);
}

static void tcx_sees_both_directions_and_takes_nothing(void **state)
{
	struct counter c = counter_make(NEXT);

	assert_true(weir_tc_has_tcx(c.prog_fd));
	counter_done(&c);
	sees_both_directions(WEIR_TC_TCX);
}

static void clsact_sees_both_directions_and_takes_nothing(void **state)
{
	sees_both_directions(WEIR_TC_CLSACT);
}

static void no_link_is_no_device(void **state)
{
	struct counter c = counter_make(NEXT);
	struct weir_tc tc = WEIR_TC_NONE;

	assert_int_equal(weir_tc_attach(WEIR_TC_TCX, c.prog_fd, 999999, false, &tc), -ENODEV);
	assert_int_equal(weir_tc_attach(WEIR_TC_CLSACT, c.prog_fd, 999999, false, &tc), -ENODEV);
	assert_int_equal(weir_tc_attach(WEIR_TC_TCX, -1, if_nametoindex("v0"), false, &tc), -EBADF);
	assert_int_equal(tc.link_fd, -1);
	assert_int_equal(tc.filter.priority, 0);
	counter_done(&c);
}

/* One that was there, one that came later and put itself before us, one behind: all see all, whatever
 * the last of them decides. */
static void tcx_is_before_who_was_there(void **state)
{
	struct counter first = counter_make(PASS), us = counter_make(NEXT);
	struct counter later = counter_make(NEXT);
	_cleanup_fd_ int other = tcx_other("v0", TCX_INGRESS, first.prog_fd, 0);
	struct weir_tc tc = attach(WEIR_TC_TCX, &us, "v0", false);
	_cleanup_fd_ int another = tcx_other("v0", TCX_INGRESS, later.prog_fd, 1U << 3);
	_cleanup_fd_ int received = open_receiver("v0");
	uint32_t ids[16];

	assert_int_equal(tcx_programs("v0", TCX_INGRESS, ids), 3);
	assert_int_equal(ids[0], later.prog_id);
	assert_int_equal(ids[1], us.prog_id);
	assert_int_equal(ids[2], first.prog_id);
	send_frames("p0", FRAMES);
	assert_int_equal(receive_frames(received), FRAMES);
	assert_int_equal(counter_get(&later), FRAMES);
	assert_int_equal(counter_get(&us), FRAMES);
	assert_int_equal(counter_get(&first), FRAMES);
	weir_tc_detach(&tc);
	assert_int_equal(tcx_programs("v0", TCX_INGRESS, ids), 2);
	counter_done(&first);
	counter_done(&us);
	counter_done(&later);
}

/* As Cilium's programs end: PASS is the last word, and who comes behind sees nothing. */
static void tcx_sees_egress_although_another_ends_the_run(void **state)
{
	struct counter ends = counter_make(PASS), us = counter_make(NEXT);
	_cleanup_fd_ int other = tcx_other("v0", TCX_EGRESS, ends.prog_fd, 0);
	struct weir_tc tc = attach(WEIR_TC_TCX, &us, "v0", true);

	send_frames("v0", FRAMES);
	wait_count(&us, FRAMES);
	wait_count(&ends, FRAMES);
	weir_tc_detach(&tc);
	counter_done(&ends);
	counter_done(&us);
}

static void tcx_leaves_verdicts_to_a_users_filter(void **state)
{
	struct counter user = counter_make(DROP), us = counter_make(NEXT);
	struct weir_tc tc = attach(WEIR_TC_TCX, &us, "v0", false);
	_cleanup_fd_ int received = open_receiver("v0");

	clsact_other("v0", BPF_TC_INGRESS, user.prog_fd, 1, 1);
	send_frames("p0", FRAMES);
	wait_count(&us, FRAMES);
	wait_count(&user, FRAMES);
	assert_int_equal(receive_frames(received), 0);
	weir_tc_detach(&tc);
	send_frames("p0", FRAMES);
	wait_count(&user, 2 * FRAMES);
	counter_done(&user);
	counter_done(&us);
}

/* The same priority as ours and a later one, before and after us. */
static void clsact_goes_with_others_filters(void **state)
{
	struct counter early = counter_make(NEXT), us = counter_make(NEXT);
	struct counter late = counter_make(NEXT);
	struct weir_tc tc;

	clsact_other("v0", BPF_TC_EGRESS, early.prog_fd, 1, 1);
	tc = attach(WEIR_TC_CLSACT, &us, "v0", true);
	assert_int_equal(tc.filter.priority, 1);
	clsact_other("v0", BPF_TC_EGRESS, late.prog_fd, 2, 1);
	send_frames("v0", FRAMES);
	wait_count(&us, FRAMES);
	wait_count(&early, FRAMES);
	wait_count(&late, FRAMES);
	weir_tc_detach(&tc);
	send_frames("v0", FRAMES);
	wait_count(&early, 2 * FRAMES);
	wait_count(&late, 2 * FRAMES);
	assert_int_equal(counter_get(&us), FRAMES);
	counter_done(&early);
	counter_done(&us);
	counter_done(&late);
}

/* Priority 1 holds filters of another protocol: they stay, and we come next. */
static void clsact_takes_the_next_priority_that_can_hold_it(void **state)
{
	struct counter us = counter_make(NEXT);
	struct weir_tc tc;

	sh("tc qdisc add dev v0 clsact && tc filter add dev v0 ingress pref 1 protocol ip bpf da "
	   "bytecode '1,6 0 0 4294967295,'");
	tc = attach(WEIR_TC_CLSACT, &us, "v0", false);
	assert_int_equal(tc.filter.priority, 2);
	weir_tc_detach(&tc);
	sh("tc filter show dev v0 ingress | grep -q 'protocol ip pref 1 bpf'");
	counter_done(&us);
}

/* What an agent that was killed left is removed, and nothing that only resembles it. */
static void clsact_leftovers_are_removed_and_nothing_else(void **state)
{
	struct counter us = counter_make(NEXT), user = counter_make(NEXT);
	struct weir_clsact_filter same_handle, same_name;
	struct weir_tc in = attach(WEIR_TC_CLSACT, &us, "v0", false);
	struct weir_tc out = attach(WEIR_TC_CLSACT, &us, "v0", true);
	uint32_t ifindex = if_nametoindex("v0");

	assert_int_equal(weir_clsact_add(ifindex, false, user.prog_fd, WEIR_TC_NAME, 5, &same_name),
			 0);
	assert_int_equal(weir_tc_clean(ifindex), 2);
	assert_false(weir_tc_is_attached(&in));
	assert_false(weir_tc_is_attached(&out));
	assert_int_equal(
		weir_clsact_add(ifindex, false, user.prog_fd, "user", WEIR_TC_HANDLE, &same_handle),
		0);
	assert_int_equal(weir_tc_clean(ifindex), 0);
	assert_int_equal(weir_clsact_has(&same_handle), 1);
	assert_int_equal(weir_clsact_has(&same_name), 1);
	assert_int_equal(weir_tc_clean(999999), 0);
	counter_done(&us);
	counter_done(&user);
}

static void attached_is_seen_to_end(void **state)
{
	_cleanup_fd_ int other = netns_make_other();
	struct counter c = counter_make(NEXT);
	struct weir_tc filter = attach(WEIR_TC_CLSACT, &c, "v0", false);
	struct weir_tc tcx = attach(WEIR_TC_TCX, &c, "v0", false);

	sh("tc filter del dev v0 ingress");
	assert_false(weir_tc_is_attached(&filter));
	assert_true(weir_tc_is_attached(&tcx));
	/* The kernel lets TCX go along to another namespace. */
	sh("ip link set v0 netns /proc/%d/fd/%d", getpid(), other);
	assert_true(weir_tc_is_attached(&tcx));
	sh("ip link del p0");
	assert_false(weir_tc_is_attached(&tcx));
	weir_tc_detach(&filter);
	weir_tc_detach(&tcx);
	counter_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, tc_world_make, tc_world_done)
		TEST(tcx_sees_both_directions_and_takes_nothing),
		TEST(clsact_sees_both_directions_and_takes_nothing),
		TEST(no_link_is_no_device),
		TEST(tcx_is_before_who_was_there),
		TEST(tcx_sees_egress_although_another_ends_the_run),
		TEST(tcx_leaves_verdicts_to_a_users_filter),
		TEST(clsact_goes_with_others_filters),
		TEST(clsact_takes_the_next_priority_that_can_hold_it),
		TEST(clsact_leftovers_are_removed_and_nothing_else),
		TEST(attached_is_seen_to_end),
	};

	return tc_world_run(tests, sizeof(tests) / sizeof(tests[0]));
}
