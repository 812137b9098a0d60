/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_BPF_TC_WORLD_H
#define WEIR_TESTS_BPF_TC_WORLD_H

/*
 * Links with programs on the running kernel: namespaces of our own, programs that count what they see
 * and answer what a test wants, and frames sent and received by packet sockets. Needs root.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "tests/unit/netns.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/tc_attach.h"
#include "lib/time.h"

#define TCX_INGRESS 46
#define TCX_EGRESS 47
#define NEXT (-1)
#define PASS 0
#define DROP 2
#define PROTOCOL 0x88b5 /* for experiments */

/* A program of SEC("tc") that counts its packets; of which the number names it. */
struct counter {
	int prog_fd;
	int map_fd;
	uint32_t prog_id;
};

static inline uint32_t prog_id(int fd)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	return info.id;
}

static inline struct counter counter_make(int verdict)
{
	struct counter c = { .prog_fd = -1 };

	c.map_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "count", 4, 8, 1, NULL);
	assert_true(c.map_fd >= 0);
	/* r1 = &map[0]; r2 = 1; *(u64 *)r1 += r2, atomically; return verdict */
	const struct bpf_insn insns[] = {
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_VALUE,
		  .imm = c.map_fd },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = 1 },
		{ .code = BPF_STX | BPF_ATOMIC | BPF_DW,
		  .dst_reg = 1,
		  .src_reg = 2,
		  .imm = BPF_ADD },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = verdict },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	c.prog_fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "counter", "GPL", insns,
				  sizeof(insns) / sizeof(insns[0]), NULL);
	assert_true(c.prog_fd >= 0);
	c.prog_id = prog_id(c.prog_fd);
	return c;
}

static inline void counter_done(struct counter *c)
{
	(void)close(c->prog_fd);
	(void)close(c->map_fd);
}

static inline uint64_t counter_get(const struct counter *c)
{
	uint64_t value = 0;
	uint32_t zero = 0;

	assert_int_equal(bpf_map_lookup_elem(c->map_fd, &zero, &value), 0);
	return value;
}

/* @n frames out by a link. */
static inline void send_frames(const char *name, int n)
{
	_cleanup_fd_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex(name),
		.sll_protocol = htons(PROTOCOL),
		.sll_halen = 6,
	};
	unsigned char frame[64] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,          2,
				    0,    0,    0,    0,    1,    PROTOCOL >> 8, PROTOCOL & 0xff };

	assert_true(fd >= 0);
	for (int i = 0; i < n; i++)
		assert_int_equal(
			sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to)),
			(ssize_t)sizeof(frame));
}

/* A socket that receives what comes in by a link behind tc. */
static inline int open_receiver(const char *name)
{
	struct timeval patience = { .tv_usec = 200000 };
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex(name),
		.sll_protocol = htons(PROTOCOL),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(PROTOCOL));

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	return fd;
}

/* How many frames arrive until none does. */
static inline int receive_frames(int fd)
{
	char frame[2048];
	int n = 0;

	while (recv(fd, frame, sizeof(frame), 0) > 0)
		n++;
	return n;
}

/* Soft interrupts may run a little later. */
static inline void wait_count(const struct counter *c, uint64_t want)
{
	uint64_t until = weir_time_mono_ns() + 2 * WEIR_NS_PER_SEC;

	while (counter_get(c) < want && weir_time_mono_ns() < until)
		(void)usleep(1000);
	assert_int_equal(counter_get(c), want);
}

/* BPF_PROG_QUERY of TCX: how many programs, their numbers from the head. */
static inline uint32_t tcx_programs(const char *name, int type, uint32_t ids[16])
{
	struct {
		uint32_t ifindex, attach_type, query_flags, attach_flags;
		uint64_t prog_ids;
		uint32_t count, unused;
		uint64_t prog_attach_flags, link_ids, link_attach_flags, revision;
	} query = {
		.ifindex = if_nametoindex(name),
		.attach_type = (uint32_t)type,
		.prog_ids = (uint64_t)(uintptr_t)ids,
		.count = 16,
	};

	assert_int_not_equal(query.ifindex, 0);
	assert_int_equal(syscall(SYS_bpf, BPF_PROG_QUERY, &query, sizeof(query)), 0);
	return query.count;
}

/* Somebody else's TCX program: a descriptor that holds it. */
static inline int tcx_other(const char *name, int type, int prog_fd, uint32_t flags)
{
	struct {
		uint32_t prog_fd, ifindex, attach_type, flags, relative_fd, unused;
		uint64_t expected_revision;
	} create = {
		.prog_fd = (uint32_t)prog_fd,
		.ifindex = if_nametoindex(name),
		.attach_type = (uint32_t)type,
		.flags = flags,
	};
	long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &create, sizeof(create));

	assert_true(fd >= 0);
	return (int)fd;
}

/* Somebody else's filter at clsact, by libbpf's hand, not ours. */
static inline void clsact_other(const char *name, enum bpf_tc_attach_point point, int prog_fd,
				uint32_t priority, uint32_t handle)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(name),
			    .attach_point = point);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog_fd, .priority = priority,
			    .handle = handle);
	int r = bpf_tc_hook_create(&hook);

	assert_true(r == 0 || r == -EEXIST);
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
}

static inline size_t open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

/* A pair v0 and p0, up, in a namespace of the test's own. */
static inline int tc_world_make(void **state)
{
	int fd = netns_make();

	sh("ip link add v0 type veth peer name p0 && ip link set v0 up && ip link set p0 up");
	*state = (void *)(intptr_t)fd;
	return 0;
}

static inline int tc_world_done(void **state)
{
	return close((int)(intptr_t)*state);
}

static inline int tc_world_run(const struct CMUnitTest *tests, size_t n)
{
	const char *why_not = netns_why_not();

	cmocka_set_message_output(CM_OUTPUT_TAP);
	(void)libbpf_set_print(NULL);
	if (why_not) {
		(void)printf("1..1\nok 1 - programs at links # SKIP %s\n", why_not);
		return 0;
	}
	return _cmocka_run_group_tests("tests", tests, n, NULL, NULL);
}

#endif
