/* SPDX-License-Identifier: Apache-2.0 */
/* Which links get which programs, as links come, change and go in one namespace and several. */
#include "tests/bpf/tc_world.h"

#include <sys/wait.h>

#include "bpf/links.h"

#define CHURN 100

struct world {
	int home;
	struct counter programs[WEIR_LINK_MAX_][WEIR_LINK_DIRECTIONS_];
	struct weir_links *links;
	uint64_t cookie;
	int attached, detached;       /* as told */
	struct weir_link last;
	char last_name[IF_NAMESIZE];
	int errors;
	char error[256];
};

static struct world world;

static char *const interfaces[] = { "v[0-9]*", "+([0-9a-f])", "!v99*" };

static void on_link(void *ctx, const struct weir_link *link, bool attached)
{
	struct world *w = ctx;

	w->attached += attached;
	w->detached += !attached;
	w->last = *link;
	(void)snprintf(w->last_name, sizeof(w->last_name), "%s", link->name);
}

static void on_error(void *ctx, const char *name, const char *why)
{
	struct world *w = ctx;

	w->errors++;
	(void)snprintf(w->error, sizeof(w->error), "%s: %s", name, why);
}

static struct weir_links_opts options(void)
{
	struct weir_links_opts opts = {
		.interfaces = interfaces,
		.n_interfaces = sizeof(interfaces) / sizeof(interfaces[0]),
		.on_link = on_link,
		.on_error = on_error,
		.ctx = &world,
	};

	for (int kind = WEIR_LINK_POD; kind < WEIR_LINK_MAX_; kind++)
		for (int i = 0; i < WEIR_LINK_DIRECTIONS_; i++)
			opts.programs.fd[kind][i] = world.programs[kind][i].prog_fd;
	return opts;
}

/* What the kernel tells is there at once; so this ends when all is done. */
static void settle(struct weir_links *links)
{
	for (int idle = 0; idle < 2;)
		idle = weir_links_dispatch(links) ? 0 : idle + 1;
}

static void start(struct world *w, const struct weir_links_opts *opts)
{
	assert_int_equal(weir_links_new(opts, &w->links), 0);
	assert_int_equal(weir_links_add_netns(w->links, -1, &w->cookie), 0);
	settle(w->links);
}

static void start_default(struct world *w)
{
	struct weir_links_opts opts = options();

	start(w, &opts);
}

/* The kind whose programs are there in both directions; none but ours are there. */
static enum weir_link_kind kind_of(const struct world *w, const char *name)
{
	uint32_t in[16], out[16], n_in, n_out;

	n_in = tcx_programs(name, TCX_INGRESS, in);
	n_out = tcx_programs(name, TCX_EGRESS, out);
	assert_int_equal(n_in, n_out);
	if (!n_in)
		return WEIR_LINK_NONE;
	assert_int_equal(n_in, 1);
	for (int kind = WEIR_LINK_POD; kind < WEIR_LINK_MAX_; kind++) {
		if (in[0] == w->programs[kind][WEIR_LINK_IN].prog_id &&
		    out[0] == w->programs[kind][WEIR_LINK_OUT].prog_id)
			return (enum weir_link_kind)kind;
	}
	fail_msg("%s: others' programs", name);
	return WEIR_LINK_NONE;
}

static uint64_t watched(const struct world *w)
{
	struct weir_links_stats stats;

	weir_links_get_stats(w->links, &stats);
	assert_int_equal(stats.waiting, 0);
	return stats.watched;
}

static int make(void **state)
{
	struct world *w = &world;

	memset(w, 0, sizeof(*w));
	w->home = netns_make();
	for (int kind = WEIR_LINK_POD; kind < WEIR_LINK_MAX_; kind++)
		for (int i = 0; i < WEIR_LINK_DIRECTIONS_; i++)
			w->programs[kind][i] = counter_make(NEXT);
	*state = w;
	return 0;
}

static int done(void **state)
{
	struct world *w = *state;

	weir_links_free(&w->links);
	for (int kind = WEIR_LINK_POD; kind < WEIR_LINK_MAX_; kind++)
		for (int i = 0; i < WEIR_LINK_DIRECTIONS_; i++)
			counter_done(&w->programs[kind][i]);
	return close(w->home);
}

static void pods_links_get_programs_by_name_and_kind(void **state)
{
	struct world *w = *state;

	sh("ip link add v0 type veth peer name p0");
	start_default(w);
	sh("ip link add v1 type veth peer name p1 && ip link add v2 type bridge");
	sh("ip link add v990 type veth peer name 0123456789abcde");
	settle(w->links);
	assert_int_equal(kind_of(w, "v0"), WEIR_LINK_POD);
	assert_int_equal(kind_of(w, "v1"), WEIR_LINK_POD);
	assert_int_equal(kind_of(w, "0123456789abcde"), WEIR_LINK_POD);
	assert_int_equal(kind_of(w, "p0"), WEIR_LINK_NONE);
	assert_int_equal(kind_of(w, "v2"), WEIR_LINK_NONE);   /* a bridge */
	assert_int_equal(kind_of(w, "v990"), WEIR_LINK_NONE); /* left out */
	assert_int_equal(kind_of(w, "lo"), WEIR_LINK_NONE);
	assert_int_equal(watched(w), 3);
	assert_int_equal(w->attached, 3);
	assert_int_equal(w->detached + w->errors, 0);
}

static void link_is_told_with_its_namespace(void **state)
{
	_cleanup_fd_ int other = netns_make_other();
	struct world *w = *state;

	start_default(w);
	sh("ip link add v0 type veth peer name e0 netns /proc/%d/fd/%d", getpid(), other);
	settle(w->links);
	assert_int_equal(w->attached, 1);
	assert_string_equal(w->last_name, "v0");
	assert_int_equal(w->last.ifindex, if_nametoindex("v0"));
	assert_int_equal(w->last.netns_cookie, w->cookie);
	assert_int_equal(w->last.kind, WEIR_LINK_POD);
	sh("ip link del v0");
	settle(w->links);
	assert_int_equal(w->detached, 1);
	assert_string_equal(w->last_name, "v0");
	assert_int_equal(watched(w), 0);
}

static void renamed_link_is_judged_anew(void **state)
{
	struct world *w = *state;

	sh("ip link add v0 type veth peer name p0");
	start_default(w);
	sh("ip link set v0 name other && ip link set p0 name v1");
	settle(w->links);
	assert_int_equal(kind_of(w, "other"), WEIR_LINK_NONE);
	assert_int_equal(kind_of(w, "v1"), WEIR_LINK_POD);
	assert_int_equal(w->attached, 2);
	assert_int_equal(w->detached, 1);
	/* There and back before it was looked at: nothing happens. */
	sh("ip link set v1 name x1 && ip link set x1 name v1");
	settle(w->links);
	assert_int_equal(kind_of(w, "v1"), WEIR_LINK_POD);
	assert_int_equal(watched(w), 1);
}

static void link_up_and_down_keeps_its_programs(void **state)
{
	struct world *w = *state;

	sh("ip link add v0 type veth peer name p0");
	start_default(w);
	sh("ip link set p0 up");
	for (int i = 0; i < 3; i++) {
		sh("ip link set v0 up && ip link set v0 down");
		settle(w->links);
		assert_int_equal(kind_of(w, "v0"), WEIR_LINK_POD);
	}
	assert_int_equal(w->attached, 1);
	assert_int_equal(w->detached, 0);
}

static void uplink_is_where_the_default_route_is(void **state)
{
	struct world *w = *state;

	sh("ip link add up0 type veth peer name up1 && ip link add v0 type veth peer name p0");
	sh("for i in up0 up1 v0 p0; do ip link set $i up; done");
	sh("ip addr add 198.18.0.1/24 dev up0 && ip route add default via 198.18.0.2");
	sh("ip addr add 198.18.1.1/24 dev v0");
	start_default(w);
	assert_int_equal(kind_of(w, "up0"), WEIR_LINK_UPLINK);
	assert_int_equal(kind_of(w, "v0"), WEIR_LINK_POD);
	/* What is both is an uplink; and a pod's link again. */
	sh("ip route replace default via 198.18.1.2");
	settle(w->links);
	assert_int_equal(kind_of(w, "up0"), WEIR_LINK_NONE);
	assert_int_equal(kind_of(w, "v0"), WEIR_LINK_UPLINK);
	sh("ip route del default");
	settle(w->links);
	assert_int_equal(kind_of(w, "v0"), WEIR_LINK_POD);
	/* A default route of another table counts for hardware only. */
	sh("ip route add default via 198.18.0.2 table 100");
	settle(w->links);
	assert_int_equal(kind_of(w, "up0"), WEIR_LINK_NONE);
}

static void uplinks_by_pattern_are_those_alone(void **state)
{
	static char *const uplinks[] = { "br*" };
	struct weir_links_opts opts = options();
	struct world *w = *state;

	opts.uplinks = uplinks;
	opts.n_uplinks = 1;
	sh("ip link add br7 type bridge && ip link add up0 type veth peer name up1");
	sh("ip link set up0 up && ip addr add 198.18.0.1/24 dev up0");
	sh("ip link set up1 up && ip route add default via 198.18.0.2");
	start(w, &opts);
	assert_int_equal(kind_of(w, "br7"), WEIR_LINK_UPLINK);
	assert_int_equal(kind_of(w, "up0"), WEIR_LINK_NONE);
}

static void other_namespaces_are_followed(void **state)
{
	_cleanup_fd_ int other = netns_make_other();
	size_t files = open_files();
	struct world *w = *state;
	uint64_t cookie, again;

	start_default(w);
	sh_in(other, "ip link add v0 type veth peer name p0");
	assert_int_equal(weir_links_add_netns(w->links, other, &cookie), 0);
	assert_int_equal(weir_links_add_netns(w->links, other, &again), -EEXIST);
	assert_int_equal(weir_links_add_netns(w->links, w->home, &again), -EEXIST);
	sh_in(other, "ip link add v1 type veth peer name p1");
	settle(w->links);
	assert_int_equal(watched(w), 2);
	assert_int_equal(w->last.netns_cookie, cookie);
	{
		_cleanup_(weir_netns_leave) int back = -1;

		assert_int_equal(weir_netns_enter(other, &back), 0);
		assert_int_equal(kind_of(w, "v0"), WEIR_LINK_POD);
		assert_int_equal(kind_of(w, "v1"), WEIR_LINK_POD);
		assert_int_equal(weir_links_remove_netns(w->links, cookie), 0);
		assert_int_equal(kind_of(w, "v0"), WEIR_LINK_NONE);
	}
	assert_int_equal(weir_links_remove_netns(w->links, cookie), -ENOENT);
	assert_int_equal(w->detached, 2);
	assert_int_equal(watched(w), 0);
	weir_links_free(&w->links);
	assert_int_equal(open_files(), files);
}

static void moved_link_is_watched_where_it_is(void **state)
{
	_cleanup_fd_ int other = netns_make_other();
	struct world *w = *state;
	uint64_t cookie;

	sh("ip link add v0 type veth peer name p0");
	start_default(w);
	assert_int_equal(weir_links_add_netns(w->links, other, &cookie), 0);
	settle(w->links);
	sh("ip link set v0 netns /proc/%d/fd/%d", getpid(), other);
	settle(w->links);
	/* Should the new namespace have been looked at first. */
	(void)weir_links_retry(w->links);
	settle(w->links);
	assert_int_equal(watched(w), 1);
	assert_int_equal(w->last.netns_cookie, cookie);
	{
		_cleanup_(weir_netns_leave) int back = -1;

		assert_int_equal(weir_netns_enter(other, &back), 0);
		assert_int_equal(kind_of(w, "v0"), WEIR_LINK_POD);
	}
	assert_int_equal(w->errors, 0);
}

static void removed_by_others_is_attached_again(void **state)
{
	struct weir_links_opts opts = options();
	struct world *w = *state;

	opts.clsact = true;
	sh("ip link add v0 type veth peer name p0");
	start(w, &opts);
	assert_int_equal(weir_links_hook(w->links), WEIR_TC_CLSACT);
	sh("tc filter show dev v0 egress | grep -q weir-agent");
	sh("tc qdisc del dev v0 clsact && ip link set v0 up");
	settle(w->links);
	sh("tc filter show dev v0 ingress | grep -q weir-agent");
	sh("tc filter show dev v0 egress | grep -q weir-agent");
	assert_int_equal(watched(w), 1);
	weir_links_free(&w->links);
	sh("! tc filter show dev v0 ingress | grep -q .");
}

/* Killed, an agent leaves its filters, on a link that is another's business now. */
static void leftovers_are_removed_at_the_start(void **state)
{
	struct weir_links_opts opts = options();
	struct world *w = *state;
	int status;
	pid_t pid;

	sh("ip link add v0 type veth peer name p0");
	opts.clsact = true;
	pid = fork();
	if (pid == 0) {
		start(w, &opts);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	sh("tc filter show dev v0 ingress | grep -q weir-agent");
	sh("ip link set v0 name unchosen");
	start_default(w);
	assert_int_equal(watched(w), 0);
	sh("! tc filter show dev unchosen ingress | grep -q .");
	sh("! tc filter show dev unchosen egress | grep -q .");
}

static void failure_is_told_once_and_tried_again(void **state)
{
	struct weir_links_opts opts = options();
	struct weir_links_stats stats;
	struct world *w = *state;

	opts.clsact = true;
	/* A qdisc for ingress alone has no place for a filter at egress. */
	sh("ip link add v0 type veth peer name p0 && tc qdisc add dev v0 ingress");
	start(w, &opts);
	weir_links_get_stats(w->links, &stats);
	assert_int_equal(stats.failed, 1);
	assert_int_equal(stats.watched, 0);
	assert_int_equal(w->errors, 1);
	assert_memory_equal(w->error, "v0: the kernel takes no filter there", 36);
	assert_int_equal(weir_links_retry(w->links), 1);
	settle(w->links);
	weir_links_get_stats(w->links, &stats);
	assert_int_equal(stats.failures, 2);
	assert_int_equal(w->errors, 1);
	sh("tc qdisc del dev v0 ingress");
	assert_int_equal(weir_links_retry(w->links), 1);
	settle(w->links);
	weir_links_get_stats(w->links, &stats);
	assert_int_equal(stats.failed, 0);
	assert_int_equal(stats.watched, 1);
}

/* Links that are gone before their turn cost nothing, and nothing is left of those that had programs. */
static void churn_leaves_nothing(void **state)
{
	struct weir_links_stats stats;
	struct world *w = *state;
	size_t files;

	start_default(w);
	files = open_files();
	sh("for i in $(seq %d); do echo link add v$i type veth peer name p$i; done | ip -batch -",
	   CHURN / 5);
	settle(w->links);
	assert_int_equal(watched(w), CHURN / 5);
	assert_int_equal(open_files(), files + 2 * (CHURN / 5));
	sh("for i in $(seq %d); do echo link del v$i; done | ip -batch -", CHURN / 5);
	sh("for i in $(seq %d); do echo link add v$i type veth peer name p$i; echo link del v$i; "
	   "done | ip -batch -",
	   CHURN);
	settle(w->links);
	assert_int_equal(watched(w), 0);
	assert_int_equal(w->attached, w->detached);
	assert_int_equal(open_files(), files);
	weir_links_get_stats(w->links, &stats);
	assert_int_equal(stats.failed, 0);
	assert_int_equal(w->errors, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define LINKS_TEST(name) cmocka_unit_test_setup_teardown(name, make, done)
		LINKS_TEST(pods_links_get_programs_by_name_and_kind),
		LINKS_TEST(link_is_told_with_its_namespace),
		LINKS_TEST(renamed_link_is_judged_anew),
		LINKS_TEST(link_up_and_down_keeps_its_programs),
		LINKS_TEST(uplink_is_where_the_default_route_is),
		LINKS_TEST(uplinks_by_pattern_are_those_alone),
		LINKS_TEST(other_namespaces_are_followed),
		LINKS_TEST(moved_link_is_watched_where_it_is),
		LINKS_TEST(removed_by_others_is_attached_again),
		LINKS_TEST(leftovers_are_removed_at_the_start),
		LINKS_TEST(failure_is_told_once_and_tried_again),
		LINKS_TEST(churn_leaves_nothing),
	};

	return tc_world_run(tests, sizeof(tests) / sizeof(tests[0]));
}
