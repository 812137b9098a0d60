/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/rtnl.h"

#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/time.h"
#include "tests/unit/netns.h"

#define LINKS_MAX 2048
#define WAIT_NS (10 * WEIR_NS_PER_SEC)

/* What was passed on, as a follower of it would have it. */
struct seen {
	struct weir_rtnl_link links[LINKS_MAX];
	size_t n;
	size_t added, changed, removed;
	struct weir_rtnl *rtnl;
};

static struct weir_rtnl_link *seen_name(struct seen *seen, const char *name)
{
	for (size_t i = 0; i < seen->n; i++) {
		if (strcmp(seen->links[i].name, name) == 0)
			return &seen->links[i];
	}
	return NULL;
}

static struct weir_rtnl_link *seen_index(struct seen *seen, uint32_t ifindex)
{
	for (size_t i = 0; i < seen->n; i++) {
		if (seen->links[i].ifindex == ifindex)
			return &seen->links[i];
	}
	return NULL;
}

/* That each is added once, and changed and removed only in between, is checked here for all tests. */
static void on_link(void *ctx, enum weir_rtnl_event event, const struct weir_rtnl_link *link,
		    void **slot)
{
	struct seen *seen = ctx;
	struct weir_rtnl_link *known = seen_index(seen, link->ifindex);

	if (event == WEIR_RTNL_ADDED) {
		assert_null(known);
		assert_null(*slot);
		assert_true(seen->n < LINKS_MAX);
		seen->links[seen->n++] = *link;
		seen->added++;
		*slot = (void *)(uintptr_t)(link->ifindex + 1);
		return;
	}
	assert_non_null(known);
	assert_ptr_equal(*slot, (void *)(uintptr_t)(link->ifindex + 1));
	if (event == WEIR_RTNL_CHANGED) {
		*known = *link;
		seen->changed++;
	} else {
		*known = seen->links[--seen->n];
		seen->removed++;
	}
}

static void dispatch_all(struct seen *seen)
{
	int r;

	do
		r = weir_rtnl_dispatch(seen->rtnl, 4);
	while (r > 0);
	assert_int_equal(r, 0);
}

static void start(struct seen *seen)
{
	const struct weir_rtnl_opts opts = { .on_link = on_link, .ctx = seen };

	memset(seen, 0, sizeof(*seen));
	assert_int_equal(weir_rtnl_new(&opts, &seen->rtnl), 0);
	assert_false(weir_rtnl_synced(seen->rtnl));
	dispatch_all(seen);
	assert_true(weir_rtnl_synced(seen->rtnl));
}

static struct seen seen;
static int home;

static int make(void **state)
{
	*state = &seen;
	home = netns_make();
	return 0;
}

static int done(void **state)
{
	weir_rtnl_free(&seen.rtnl);
	(void)close(home);
	return 0;
}

static void links_there_at_the_start_are_added_once(void **state)
{
	struct seen *s = *state;

	sh("ip link add br0 type bridge && ip link add v0 type veth peer name v1");
	start(s);
	assert_int_equal(s->added, 4); /* lo, too */
	assert_int_equal(s->changed + s->removed, 0);
	assert_string_equal(seen_name(s, "br0")->kind, "bridge");
	assert_string_equal(seen_name(s, "v0")->kind, "veth");
	assert_string_equal(seen_name(s, "lo")->kind, "");
	dispatch_all(s);
	assert_int_equal(s->added, 4);
}

static void links_come_change_and_go(void **state)
{
	struct seen *s = *state;
	uint32_t ifindex;

	start(s);
	sh("ip link add v0 type veth peer name v1");
	dispatch_all(s);
	ifindex = seen_name(s, "v0")->ifindex;
	assert_false(seen_name(s, "v0")->flags & IFF_UP);
	sh("ip link set v0 up && ip link set v1 name other");
	dispatch_all(s);
	assert_true(seen_name(s, "v0")->flags & IFF_UP);
	assert_null(seen_name(s, "v1"));
	assert_non_null(seen_name(s, "other"));
	sh("ip link del v0");
	dispatch_all(s);
	assert_null(seen_index(s, ifindex));
	assert_int_equal(s->n, 1);
	assert_int_equal(s->removed, 2);
}

/* A bridge says that its port is gone by a message that looks like the end of the link. */
static void links_that_leave_a_bridge_stay(void **state)
{
	struct seen *s = *state;

	start(s);
	sh("ip link add br0 type bridge && ip link add v0 type veth && ip link set v0 master br0");
	sh("ip link set v0 nomaster");
	dispatch_all(s);
	assert_non_null(seen_name(s, "v0"));
	assert_int_equal(s->removed, 0);
}

static void links_peer_in_another_namespace_is_not_told(void **state)
{
	_cleanup_fd_ int other = netns_make_other();
	struct seen *s = *state;

	start(s);
	sh("ip link add v0 type veth peer name v1 netns /proc/%d/fd/%d", getpid(), other);
	dispatch_all(s);
	assert_non_null(seen_name(s, "v0"));
	assert_null(seen_name(s, "v1"));
}

static void links_moved_to_another_namespace_are_removed(void **state)
{
	_cleanup_fd_ int other = netns_make_other();
	struct seen *s = *state;

	sh("ip link add v0 type veth peer name v1");
	start(s);
	sh("ip link set v0 netns /proc/%d/fd/%d", getpid(), other);
	dispatch_all(s);
	assert_null(seen_name(s, "v0"));
	sh_in(other, "ip link set v0 netns /proc/%d/fd/%d", getpid(), home);
	dispatch_all(s);
	assert_non_null(seen_name(s, "v0"));
}

static void routes_default_is_known_from_the_start(void **state)
{
	struct seen *s = *state;

	sh("ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up");
	sh("ip addr add 198.18.0.1/24 dev v0 && ip route add default via 198.18.0.2");
	sh("ip addr add 198.19.0.1/24 dev v1 && ip route add default via 198.19.0.2 table 100");
	start(s);
	assert_true(seen_name(s, "v0")->default_route);
	assert_false(seen_name(s, "v0")->default_route_elsewhere);
	assert_false(seen_name(s, "v1")->default_route);
	assert_true(seen_name(s, "v1")->default_route_elsewhere);
	assert_int_equal(s->changed, 0);
}

static bool has_default(struct seen *s, const char *name)
{
	dispatch_all(s);
	return seen_name(s, name)->default_route;
}

static void routes_default_is_followed(void **state)
{
	struct seen *s = *state;

	sh("ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up");
	sh("ip addr add 198.18.0.1/24 dev v0 && ip addr add 198.19.0.1/24 dev v1");
	start(s);
	assert_false(has_default(s, "v0"));
	sh("ip route add default via 198.18.0.2");
	assert_true(has_default(s, "v0"));
	/* A second one, then the first replaced: what is left counts. */
	sh("ip route add default via 198.18.0.3 metric 50");
	sh("ip route replace default via 198.19.0.2");
	assert_true(has_default(s, "v0"));
	assert_true(has_default(s, "v1"));
	sh("ip route del default metric 50");
	assert_false(has_default(s, "v0"));
	sh("ip route replace default nexthop via 198.18.0.2 nexthop via 198.19.0.2");
	assert_true(has_default(s, "v0"));
	assert_true(has_default(s, "v1"));
	/* A path of several stays while its link is down; one alone goes, which the kernel does not tell. */
	sh("ip link set v1 down");
	assert_true(has_default(s, "v1"));
	sh("ip link set v1 up && ip route replace default via 198.19.0.2");
	assert_false(has_default(s, "v0"));
	sh("ip link set v1 down");
	assert_false(has_default(s, "v1"));
}

static void routes_default_of_ipv6_counts(void **state)
{
	struct seen *s = *state;

	sh("ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up");
	sh("echo 0 > /proc/sys/net/ipv6/conf/v0/disable_ipv6");
	sh("ip addr add 2001:db8::1/64 dev v0 nodad");
	start(s);
	assert_false(has_default(s, "v0"));
	sh("ip route add default via 2001:db8::2");
	assert_true(has_default(s, "v0"));
	sh("ip route del default via 2001:db8::2");
	assert_false(has_default(s, "v0"));
}

/* With next to no room, most of this is not told: what was missed is found nevertheless, and nothing
 * twice (on_link() checks). */
static void overrun_nothing_is_lost_or_doubled(void **state)
{
	struct seen *s = *state;
	struct weir_rtnl_stats stats;
	int bytes = 1;

	sh("for i in $(seq 100); do echo link add a$i type veth peer name b$i; done | ip -batch -");
	start(s);
	assert_int_equal(s->n, 201);
	assert_int_equal(
		setsockopt(weir_rtnl_fd(s->rtnl), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)), 0);
	sh("for i in $(seq 50); do echo link del a$i; done | ip -batch -");
	sh("for i in $(seq 60); do echo link add c$i type veth peer name d$i; done | ip -batch -");
	sh("ip link set a100 name renamed");
	dispatch_all(s);
	weir_rtnl_get_stats(s->rtnl, &stats);
	assert_true(stats.overruns >= 1);
	assert_int_equal(stats.links, 1 + 100 + 120);
	assert_int_equal(s->n, stats.links);
	assert_null(seen_name(s, "b50"));
	assert_null(seen_name(s, "a100"));
	assert_non_null(seen_name(s, "b51"));
	assert_non_null(seen_name(s, "d60"));
	assert_non_null(seen_name(s, "renamed"));
	/* Awake again. */
	sh("ip link del renamed");
	dispatch_all(s);
	assert_null(seen_name(s, "renamed"));
}

static void resync_tells_of_nothing_that_is_known(void **state)
{
	struct weir_rtnl_stats before, after;
	struct seen *s = *state;

	sh("ip link add v0 type veth peer name v1");
	start(s);
	weir_rtnl_get_stats(s->rtnl, &before);
	weir_rtnl_resync(s->rtnl);
	dispatch_all(s);
	weir_rtnl_get_stats(s->rtnl, &after);
	assert_int_equal(after.dumps, before.dumps + 3);
	assert_int_equal(s->added, 3);
	assert_int_equal(s->removed, 0);
}

static void feed_bad_messages_are_counted_and_change_nothing(void **state)
{
	struct {
		struct nlmsghdr nlh;
		char body[64];
	} message = { .nlh = { .nlmsg_type = RTM_NEWLINK } };
	struct weir_rtnl_stats before, after;
	struct seen *s = *state;

	start(s);
	weir_rtnl_get_stats(s->rtnl, &before);
	message.nlh.nlmsg_len = sizeof(message);
	memset(message.body, 0xff, sizeof(message.body));
	message.body[0] = AF_UNSPEC;
	weir_rtnl_feed(s->rtnl, &message, sizeof(message));            /* a negative link */
	message.nlh.nlmsg_len = sizeof(message.nlh);
	weir_rtnl_feed(s->rtnl, &message, sizeof(message.nlh));        /* no body */
	message.nlh.nlmsg_type = RTM_DELLINK;
	weir_rtnl_feed(s->rtnl, &message, sizeof(message.nlh));
	message.nlh.nlmsg_type = RTM_NEWROUTE;
	weir_rtnl_feed(s->rtnl, &message, sizeof(message.nlh));
	message.nlh.nlmsg_len = 0xffffffff;
	weir_rtnl_feed(s->rtnl, &message, sizeof(message));            /* longer than it is */
	weir_rtnl_feed(s->rtnl, &message, 3);                          /* no header */
	weir_rtnl_get_stats(s->rtnl, &after);
	assert_int_equal(after.bad_messages, before.bad_messages + 6);
	assert_int_equal(after.links, before.links);
	assert_int_equal(s->n, 1);
}

/* Another process may send to the socket: it is not the kernel. */
static void socket_word_of_others_is_not_taken(void **state)
{
	_cleanup_fd_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct nlmsghdr nlh = { .nlmsg_len = sizeof(nlh), .nlmsg_type = NLMSG_NOOP };
	struct weir_rtnl_stats stats;
	struct sockaddr_nl to;
	socklen_t len = sizeof(to);
	struct seen *s = *state;

	start(s);
	assert_int_equal(getsockname(weir_rtnl_fd(s->rtnl), (struct sockaddr *)&to, &len), 0);
	assert_int_equal(sendto(fd, &nlh, sizeof(nlh), 0, (struct sockaddr *)&to, sizeof(to)),
			 (ssize_t)sizeof(nlh));
	dispatch_all(s);
	weir_rtnl_get_stats(s->rtnl, &stats);
	assert_int_equal(stats.bad_messages, 1);
}

static void fd_is_readable_when_something_is_told(void **state)
{
	struct seen *s = *state;
	struct pollfd pfd = { .events = POLLIN };

	start(s);
	pfd.fd = weir_rtnl_fd(s->rtnl);
	assert_int_equal(poll(&pfd, 1, 0), 0);
	sh("ip link add v0 type veth");
	assert_int_equal(poll(&pfd, 1, 0), 1);
	dispatch_all(s);
	assert_int_equal(poll(&pfd, 1, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(links_there_at_the_start_are_added_once, make,
						done),
		cmocka_unit_test_setup_teardown(links_come_change_and_go, make, done),
		cmocka_unit_test_setup_teardown(links_that_leave_a_bridge_stay, make, done),
		cmocka_unit_test_setup_teardown(links_peer_in_another_namespace_is_not_told, make,
						done),
		cmocka_unit_test_setup_teardown(links_moved_to_another_namespace_are_removed, make,
						done),
		cmocka_unit_test_setup_teardown(routes_default_is_known_from_the_start, make, done),
		cmocka_unit_test_setup_teardown(routes_default_is_followed, make, done),
		cmocka_unit_test_setup_teardown(routes_default_of_ipv6_counts, make, done),
		cmocka_unit_test_setup_teardown(overrun_nothing_is_lost_or_doubled, make, done),
		cmocka_unit_test_setup_teardown(resync_tells_of_nothing_that_is_known, make, done),
		cmocka_unit_test_setup_teardown(feed_bad_messages_are_counted_and_change_nothing,
						make, done),
		cmocka_unit_test_setup_teardown(socket_word_of_others_is_not_taken, make, done),
		cmocka_unit_test_setup_teardown(fd_is_readable_when_something_is_told, make, done),
	};
	const char *why_not = netns_why_not();

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (why_not) {
		(void)printf("1..1\nok 1 - rtnetlink # SKIP %s\n", why_not);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
