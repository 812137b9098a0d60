/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_BPF_WORLD_H
#define WEIR_TESTS_BPF_WORLD_H

/*
 * The BPF programs on the running kernel: real sockets on the loopback of a network namespace of
 * our own, in a cgroup of our own, and what the capture passes on of them. Needs root and BTF.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bpf/capture.h"
#include "k8s-meta/cgroup_walk.h"
#include "lib/cleanup.h"
#include "lib/time.h"

#define INPUTS_MAX 4096
#define WAIT_NS (5 * WEIR_NS_PER_SEC)
#define IDLE_NS (300 * WEIR_NS_PER_MS)

struct world {
	char mount[WEIR_CGROUP_MOUNT_MAX];
	char cgroup[WEIR_CGROUP_MOUNT_MAX + 32];
	uint64_t cgroup_id;
	struct weir_capture *capture;
	struct weir_flow_input inputs[INPUTS_MAX];
	size_t n_inputs;
	struct weir_cgroup_event cgroups[16];
	char paths[16][WEIR_EV_CGROUP_PATH_LEN];
	size_t n_cgroups;
	struct weir_drop_input drops[256]; /* the latest; the whole machine's */
	size_t n_drops;
	uint16_t dns_ports[WEIR_EV_DNS_PORTS_MAX];
	struct weir_dns_event dns[64];
	uint8_t dns_payloads[64][WEIR_EV_DNS_PAYLOAD_LEN];
	size_t n_dns;
};

static struct world world;

static inline void on_flow(void *ctx, const struct weir_flow_input *input)
{
	struct world *w = ctx;

	assert_true(w->n_inputs < INPUTS_MAX);
	w->inputs[w->n_inputs++] = *input;
}

static inline void on_drop(void *ctx, const struct weir_drop_input *input)
{
	struct world *w = ctx;

	w->drops[w->n_drops++ % 256] = *input;
}

static inline void on_cgroup(void *ctx, const struct weir_cgroup_event *event)
{
	struct world *w = ctx;

	if (w->n_cgroups == 16)
		return;
	w->cgroups[w->n_cgroups] = *event;
	(void)snprintf(w->paths[w->n_cgroups], sizeof(w->paths[0]), "%s", event->path);
	w->n_cgroups++;
}

static inline void on_dns(void *ctx, const struct weir_dns_event *event)
{
	struct world *w = ctx;

	assert_true(w->n_dns < 64);
	w->dns[w->n_dns] = *event;
	memcpy(w->dns_payloads[w->n_dns], event->payload, event->captured);
	w->dns[w->n_dns].payload = w->dns_payloads[w->n_dns];
	w->n_dns++;
}

static inline void write_text(const char *path, const char *text)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static inline void join_cgroup(const char *dir)
{
	char path[WEIR_CGROUP_MOUNT_MAX + 64];

	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	write_text(path, "0");
}

static inline void loopback_up(void)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
}

static inline int make_world(void **state)
{
	struct weir_error err = { 0 };
	struct stat st;

	assert_int_equal(weir_cgroup_find_mount("/proc/self/mountinfo", world.mount, &err), 0);
	(void)snprintf(world.cgroup, sizeof(world.cgroup), "%s/weirt-capture-%d", world.mount,
		       getpid());
	assert_int_equal(mkdir(world.cgroup, 0755), 0);
	assert_int_equal(stat(world.cgroup, &st), 0);
	world.cgroup_id = st.st_ino;
	join_cgroup(world.cgroup);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	loopback_up();
	*state = &world;
	return 0;
}

static inline int remove_world(void **state)
{
	join_cgroup(world.mount);
	return rmdir(world.cgroup);
}

static inline void capture_start(struct world *w)
{
	struct weir_error err = { 0 };
	struct weir_capture_opts opts = {
		.cgroup_dir = w->cgroup,
		.root_cgroup_id = w->cgroup_id,
		.udp_idle_ns = IDLE_NS,
		.on_flow = on_flow,
		.on_cgroup = on_cgroup,
		.on_drop = on_drop,
		.on_dns = on_dns,
		.ctx = w,
	};

	memcpy(opts.dns_ports, w->dns_ports, sizeof(opts.dns_ports));
	w->n_dns = 0;
	w->n_inputs = 0;
	w->n_cgroups = 0;
	w->n_drops = 0;
	if (weir_capture_new(&opts, &w->capture, &err) < 0)
		fail_msg("%s", err.text);
}

/* The next input of that kind and role for a local or remote port; drains until it is there. */
static inline const struct weir_flow_input *wait_input(struct world *w, enum weir_input_kind kind,
						       enum weir_role role, uint16_t port)
{
	uint64_t until = weir_time_mono_ns() + WAIT_NS;
	const struct weir_flow_input *in;
	size_t i;

	for (;;) {
		struct pollfd pfd = { .fd = weir_capture_fd(w->capture), .events = POLLIN };

		for (i = 0; i < w->n_inputs; i++) {
			in = &w->inputs[i];
			if (in->kind == kind && in->role == role &&
			    (in->local_port == port || in->remote_port == port))
				return in;
		}
		if (weir_time_mono_ns() > until)
			fail_msg("no input of kind %d, role %d, port %u", kind, role, port);
		(void)poll(&pfd, 1, 20);
		(void)weir_capture_drain(w->capture, 1000);
	}
}

static inline int make_socket(int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	return fd;
}

static inline uint16_t bind_loopback(int fd)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	return ntohs(sin.sin_port);
}

static inline int connect_loopback(int fd, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return connect(fd, (struct sockaddr *)&sin, sizeof(sin));
}

static inline void send_bytes(int fd, size_t n)
{
	static const char zeros[65536];

	assert_int_equal(send(fd, zeros, n, 0), (ssize_t)n);
}

static inline void receive_bytes(int fd, size_t n)
{
	static char sink[65536];

	assert_int_equal(recv(fd, sink, n, MSG_WAITALL), (ssize_t)n);
}

struct pair {
	int listener, client, server;
	uint16_t port;
};

static inline struct pair pair_connect(int listener, int client, int backlog)
{
	struct pair p = { .listener = listener, .client = client };

	p.port = bind_loopback(p.listener);
	assert_int_equal(listen(p.listener, backlog), 0);
	assert_int_equal(connect_loopback(p.client, p.port), 0);
	p.server = accept4(p.listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(p.server >= 0);
	return p;
}

static inline struct pair pair_open(int backlog)
{
	return pair_connect(make_socket(SOCK_STREAM), make_socket(SOCK_STREAM), backlog);
}

static inline void sweep(struct world *w, bool all)
{
	assert_int_equal(weir_capture_sweep_begin(w->capture, all), 0);
	assert_int_equal(weir_capture_sweep_begin(w->capture, all), -EBUSY);
	while (weir_capture_sweep_step(w->capture, 10) > 0)
		;
}

/* Run the tests in such a world, or say why not. */
static inline int world_run(const struct CMUnitTest *tests, size_t n)
{
	struct rlimit files = { .rlim_cur = 4096, .rlim_max = 4096 };

	(void)setrlimit(RLIMIT_NOFILE, &files);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (geteuid() != 0) {
		(void)printf("1..1\nok 1 - the BPF programs on this kernel # SKIP needs root\n");
		return 0;
	}
	return _cmocka_run_group_tests("tests", tests, n, make_world, remove_world);
}

#endif
