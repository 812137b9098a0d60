/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/netns.h"

#include <net/if.h>

#include "tests/unit/netns.h"

static void netns_enter_and_leave_lead_there_and_back(void **state)
{
	_cleanup_fd_ int other = -1;
	uint64_t here, there, again;
	int back = -1;

	other = netns_make_other();
	assert_int_equal(weir_netns_cookie(&here), 0);
	assert_int_equal(weir_netns_enter(other, &back), 0);
	assert_int_equal(weir_netns_cookie(&there), 0);
	assert_int_not_equal(here, there);
	sh("ip link add seen type veth");
	assert_int_not_equal(if_nametoindex("seen"), 0);
	weir_netns_leave(&back);
	assert_int_equal(back, -1);
	assert_int_equal(weir_netns_cookie(&again), 0);
	assert_int_equal(again, here);
	assert_int_equal(if_nametoindex("seen"), 0);
	weir_netns_leave(&back);
}

static void netns_enter_nothing_of_the_kind_is_refused(void **state)
{
	_cleanup_fd_ int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	uint64_t here, again;
	int back = 77;

	assert_int_equal(weir_netns_cookie(&here), 0);
	assert_int_equal(weir_netns_enter(fd, &back), -EINVAL);
	assert_int_equal(weir_netns_enter(-1, &back), -EBADF);
	assert_int_equal(back, 77);
	assert_int_equal(weir_netns_cookie(&again), 0);
	assert_int_equal(again, here);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(netns_enter_and_leave_lead_there_and_back),
		cmocka_unit_test(netns_enter_nothing_of_the_kind_is_refused),
	};
	const char *why_not = netns_why_not();

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (why_not) {
		(void)printf("1..1\nok 1 - network namespaces # SKIP %s\n", why_not);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
