// SPDX-License-Identifier: Apache-2.0
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
};

static struct world world;

static void on_flow(void *ctx, const struct weir_flow_input *input)
{
	struct world *w = ctx;

	assert_true(w->n_inputs < INPUTS_MAX);
	w->inputs[w->n_inputs++] = *input;
}

static void on_cgroup(void *ctx, const struct weir_cgroup_event *event)
{
	struct world *w = ctx;

	if (w->n_cgroups == 16)
		return;
	w->cgroups[w->n_cgroups] = *event;
	(void)snprintf(w->paths[w->n_cgroups], sizeof(w->paths[0]), "%s", event->path);
	w->n_cgroups++;
}

static void write_text(const char *path, const char *text)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void join_cgroup(const char *dir)
{
	char path[WEIR_CGROUP_MOUNT_MAX + 64];

	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	write_text(path, "0");
}

static void loopback_up(void)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
}

static int make_world(void **state)
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

static int remove_world(void **state)
{
	join_cgroup(world.mount);
	return rmdir(world.cgroup);
}

static void capture_start(struct world *w)
{
	struct weir_error err = { 0 };
	struct weir_capture_opts opts = {
		.cgroup_dir = w->cgroup,
		.root_cgroup_id = w->cgroup_id,
		.udp_idle_ns = IDLE_NS,
		.on_flow = on_flow,
		.on_cgroup = on_cgroup,
		.ctx = w,
	};

	w->n_inputs = 0;
	w->n_cgroups = 0;
	if (weir_capture_new(&opts, &w->capture, &err) < 0)
		fail_msg("%s", err.text);
}

/* The next input of that kind and role for a local or remote port; drains until it is there. */
static const struct weir_flow_input *wait_input(struct world *w, enum weir_input_kind kind,
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

static int make_socket(int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	return fd;
}

static uint16_t bind_loopback(int fd)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	return ntohs(sin.sin_port);
}

static int connect_loopback(int fd, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return connect(fd, (struct sockaddr *)&sin, sizeof(sin));
}

static void send_bytes(int fd, size_t n)
{
	static const char zeros[65536];

	assert_int_equal(send(fd, zeros, n, 0), (ssize_t)n);
}

static void receive_bytes(int fd, size_t n)
{
	static char sink[65536];

	assert_int_equal(recv(fd, sink, n, MSG_WAITALL), (ssize_t)n);
}

struct pair {
	int listener, client, server;
	uint16_t port;
};

static struct pair pair_connect(int listener, int client, int backlog)
{
	struct pair p = { .listener = listener, .client = client };

	p.port = bind_loopback(p.listener);
	assert_int_equal(listen(p.listener, backlog), 0);
	assert_int_equal(connect_loopback(p.client, p.port), 0);
	p.server = accept4(p.listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(p.server >= 0);
	return p;
}

static struct pair pair_open(int backlog)
{
	return pair_connect(make_socket(SOCK_STREAM), make_socket(SOCK_STREAM), backlog);
}

static void check_tcp_life(struct world *w)
{
	const struct weir_flow_input *client, *server;
	struct pair p = pair_open(5);

	send_bytes(p.client, 1000);
	receive_bytes(p.server, 1000);
	send_bytes(p.server, 50000);
	receive_bytes(p.client, 50000);
	close(p.client);
	close(p.server);
	close(p.listener);

	client = wait_input(w, WEIR_INPUT_OPEN, WEIR_ROLE_CLIENT, p.port);
	assert_true(client->established);
	assert_int_equal(client->asked_port, p.port);
	assert_true(weir_addr_eq(&client->asked, &client->remote));
	assert_int_equal(client->end.pid, getpid());
	assert_int_equal(client->end.cgroup_id, w->cgroup_id);
	assert_true(client->established_ns >= client->opened_ns && client->opened_ns);
	server = wait_input(w, WEIR_INPUT_OPEN, WEIR_ROLE_SERVER, p.port);
	assert_int_equal(server->isn_local, client->isn_remote);
	assert_int_equal(server->isn_remote, client->isn_local);
	assert_int_equal(server->end.cgroup_id, w->cgroup_id);
	assert_int_equal(server->end.pid, getpid()); /* who called listen() */

	client = wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_CLIENT, p.port);
	server = wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_SERVER, p.port);
	assert_int_equal(client->end_reason, WEIR_END_FIN);
	assert_int_equal(server->end_reason, WEIR_END_FIN);
	assert_int_equal(client->counts.tx_bytes, 1000);
	assert_int_equal(client->counts.rx_bytes, 50000);
	assert_int_equal(server->counts.tx_bytes, 50000);
	assert_int_equal(server->counts.rx_bytes, 1000);
	assert_int_equal(server->isn_remote, client->isn_local);
	assert_true(client->counts.rtt_us > 0 && client->counts.rtt_min_us > 0);
}

static void tcp_connection_told_by_both_ends_exact(void **state)
{
	struct world *w = *state;

	capture_start(w);
	assert_null(weir_capture_degraded(w->capture, 0));
	check_tcp_life(w);
	weir_capture_free(&w->capture);
}

static void tcp_reset_told_as_rst(void **state)
{
	struct linger hard = { .l_onoff = 1 };
	struct world *w = *state;
	struct pair p;

	capture_start(w);
	p = pair_open(5);
	assert_int_equal(setsockopt(p.client, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
	close(p.client);
	assert_int_equal(wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_CLIENT, p.port)->end_reason,
			 WEIR_END_RST);
	assert_int_equal(wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_SERVER, p.port)->end_reason,
			 WEIR_END_RST);
	close(p.server);
	close(p.listener);
	weir_capture_free(&w->capture);
}

static void tcp_connect_nobody_listens_refused(void **state)
{
	const struct weir_flow_input *in;
	struct world *w = *state;
	int fd = make_socket(SOCK_STREAM), unused = make_socket(SOCK_STREAM);
	uint16_t port = bind_loopback(unused);

	capture_start(w);
	assert_int_equal(connect_loopback(fd, port), -1);
	assert_int_equal(errno, ECONNREFUSED);
	in = wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_CLIENT, port);
	assert_int_equal(in->end_reason, WEIR_END_REFUSED);
	assert_false(in->established);
	assert_int_equal(in->asked_port, port);
	close(fd);
	close(unused);
	weir_capture_free(&w->capture);
}

static void tcp_connect_without_route_local_error(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(4321) };
	const struct weir_flow_input *in;
	struct world *w = *state;
	int fd = make_socket(SOCK_STREAM);

	sin.sin_addr.s_addr = htonl(0xc6120001); /* 198.18.0.1: this namespace has just lo */
	capture_start(w);
	assert_int_equal(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), -1);
	assert_int_equal(errno, ENETUNREACH);
	close(fd);
	in = wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_CLIENT, 4321);
	assert_int_equal(in->end_reason, WEIR_END_LOCAL_ERROR);
	assert_int_equal(in->end.pid, getpid());
	weir_capture_free(&w->capture);
}

/* The subflow is a TCP connection; the framing of MPTCP travels in TCP options. */
static void mptcp_subflow_told_as_tcp_connection(void **state)
{
	const struct weir_flow_input *client;
	struct world *w = *state;
	struct pair p;

	capture_start(w);
	p = pair_connect(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP),
			 socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP), 5);
	send_bytes(p.client, 1000);
	receive_bytes(p.server, 1000);
	close(p.client);
	close(p.server);
	close(p.listener);
	client = wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_CLIENT, p.port);
	assert_int_equal(client->counts.tx_bytes, 1000);
	assert_int_equal(client->end.cgroup_id, w->cgroup_id);
	assert_int_equal(client->end_reason, WEIR_END_FIN);
	assert_int_equal(wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_SERVER, p.port)->counts.rx_bytes,
			 1000);
	weir_capture_free(&w->capture);
}

/* Older than the programs: found with direction, whatever became of the listener. */
static void check_found(struct world *w, int backlog)
{
	const struct weir_flow_input *client, *server;
	struct pair p = pair_open(backlog);
	uint32_t isn;

	send_bytes(p.client, 700);
	receive_bytes(p.server, 700);
	send_bytes(p.server, 9);
	receive_bytes(p.client, 9);
	close(p.listener);
	capture_start(w);
	assert_int_equal(weir_capture_find(w->capture), 0);
	client = wait_input(w, WEIR_INPUT_FOUND, WEIR_ROLE_CLIENT, p.port);
	assert_int_equal(client->remote_port, p.port);
	isn = client->isn_local;
	assert_int_equal(client->opened_ns, 0);
	assert_int_equal(client->counts.tx_bytes, 700);
	assert_int_equal(client->end.pid, getpid());
	assert_int_equal(client->end.cgroup_id, w->cgroup_id);
	server = wait_input(w, WEIR_INPUT_FOUND, WEIR_ROLE_SERVER, p.port);
	assert_int_equal(server->isn_remote, isn);
	assert_int_equal(server->counts.tx_bytes, 9);

	send_bytes(p.client, 1);
	receive_bytes(p.server, 1);
	close(p.client);
	close(p.server);
	client = wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_CLIENT, p.port);
	assert_int_equal(client->isn_local, isn);
	assert_int_equal(client->counts.tx_bytes, 701);
	assert_int_equal(client->end_reason, WEIR_END_FIN);
	weir_capture_free(&w->capture);
}

static void tcp_older_than_capture_found_with_direction(void **state)
{
	check_found(*state, 5);
}

static void tcp_older_without_backlog_found_with_direction(void **state)
{
	check_found(*state, 0);
}

/* RFC 9293, 3.5: a socket that connects to itself opens from both sides at once. */
static void tcp_self_connect_is_a_client_with_exact_bytes(void **state)
{
	const struct weir_flow_input *in;
	struct world *w = *state;
	int fd = make_socket(SOCK_STREAM);
	uint16_t port = bind_loopback(fd);

	capture_start(w);
	assert_int_equal(connect_loopback(fd, port), 0);
	send_bytes(fd, 50);
	receive_bytes(fd, 50);
	close(fd);
	in = wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_CLIENT, port);
	assert_int_equal(in->counts.tx_bytes, 50);
	assert_int_equal(in->counts.rx_bytes, 50);
	assert_int_equal(in->isn_local, in->isn_remote);
	weir_capture_free(&w->capture);
}

static void tcp_half_closed_then_closed_unread_told_as_rst(void **state)
{
	const struct weir_flow_input *in;
	struct world *w = *state;
	struct pair p;

	capture_start(w);
	p = pair_open(5);
	assert_int_equal(shutdown(p.client, SHUT_WR), 0);
	send_bytes(p.server, 30);
	while (recv(p.client, (char[1]){ 0 }, 1, MSG_PEEK) != 1)
		;
	close(p.client);
	in = wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_CLIENT, p.port);
	assert_int_equal(in->end_reason, WEIR_END_RST);
	assert_int_equal(in->counts.rx_bytes, 30);
	close(p.server);
	close(p.listener);
	weir_capture_free(&w->capture);
}

/* Of a task whose leader is gone; the file table is the other thread's then. */
static void *hold_after_leader(void *arg)
{
	char c;

	(void)read(*(int *)arg, &c, 1);
	_exit(0);
}

static void leave_thread_behind(int until_fd)
{
	static int fd;
	pthread_t thread;

	fd = until_fd;
	if (pthread_create(&thread, NULL, hold_after_leader, &fd) == 0)
		pthread_exit(NULL);
	_exit(1);
}

static void tcp_of_a_task_without_leader_found(void **state)
{
	struct world *w = *state;
	struct pair p = pair_open(5);
	char path[64], text[512];
	int until[2];
	pid_t child;

	assert_int_equal(pipe(until), 0);
	child = fork();
	if (child == 0) {
		close(until[1]);
		leave_thread_behind(until[0]);
	}
	close(p.client);
	close(p.server);
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", child);
	do {
		FILE *file = fopen(path, "re");

		assert_non_null(file);
		assert_non_null(fgets(text, sizeof(text), file));
		(void)fclose(file);
	} while (!strstr(text, ") Z "));
	capture_start(w);
	assert_int_equal(weir_capture_find(w->capture), 0);
	(void)wait_input(w, WEIR_INPUT_FOUND, WEIR_ROLE_CLIENT, p.port);
	close(until[1]);
	close(until[0]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	(void)wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_CLIENT, p.port);
	close(p.listener);
	weir_capture_free(&w->capture);
}

/* More than one buffer of the iterator holds: none may fall between two. */
static void tcp_many_older_all_found(void **state)
{
	static struct pair pairs[400];
	struct world *w = *state;
	size_t i;

	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		pairs[i] = pair_open(5);
	capture_start(w);
	assert_int_equal(weir_capture_find(w->capture), 0);
	assert_int_equal(w->n_inputs, 2 * sizeof(pairs) / sizeof(pairs[0]));
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		close(pairs[i].client);
		close(pairs[i].server);
		close(pairs[i].listener);
	}
	weir_capture_free(&w->capture);
}

static void sweep(struct world *w, bool all)
{
	assert_int_equal(weir_capture_sweep_begin(w->capture, all), 0);
	assert_int_equal(weir_capture_sweep_begin(w->capture, all), -EBUSY);
	while (weir_capture_sweep_step(w->capture, 10) > 0)
		;
}

static void sweep_live_connection_told_when_changed(void **state)
{
	struct world *w = *state;
	struct pair p;

	capture_start(w);
	p = pair_open(5);
	send_bytes(p.client, 123);
	receive_bytes(p.server, 123);
	(void)wait_input(w, WEIR_INPUT_OPEN, WEIR_ROLE_SERVER, p.port);
	sweep(w, false);
	assert_int_equal(
		wait_input(w, WEIR_INPUT_UPDATE, WEIR_ROLE_CLIENT, p.port)->counts.tx_bytes, 123);
	assert_int_equal(
		wait_input(w, WEIR_INPUT_UPDATE, WEIR_ROLE_SERVER, p.port)->counts.rx_bytes, 123);
	w->n_inputs = 0;
	sweep(w, false);
	assert_int_equal(w->n_inputs, 0);
	sweep(w, true);
	assert_int_equal(w->n_inputs, 2);
	close(p.client);
	close(p.server);
	close(p.listener);
	weir_capture_free(&w->capture);
}

static void udp_exchange_counts_exact(void **state)
{
	const struct weir_flow_input *in;
	struct world *w = *state;
	int server = make_socket(SOCK_DGRAM), client = make_socket(SOCK_DGRAM);
	struct sockaddr_in peer = { .sin_family = AF_INET };
	socklen_t len = sizeof(peer);
	char bytes[65536] = { 0 };
	uint16_t port;

	capture_start(w);
	port = bind_loopback(server);
	peer.sin_port = htons(port);
	peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(sendto(client, bytes, 10, 0, (struct sockaddr *)&peer, sizeof(peer)), 10);
	assert_int_equal(recvfrom(server, bytes, sizeof(bytes), 0, (struct sockaddr *)&peer, &len),
			 10);
	assert_int_equal(sendto(server, bytes, 60000, 0, (struct sockaddr *)&peer, len), 60000);
	assert_int_equal(recv(client, bytes, sizeof(bytes), 0), 60000);
	assert_int_equal(sendto(server, bytes, 0, 0, (struct sockaddr *)&peer, len), 0);
	assert_int_equal(recv(client, bytes, sizeof(bytes), 0), 0);

	in = wait_input(w, WEIR_INPUT_OPEN, WEIR_ROLE_CLIENT, port);
	assert_int_equal(in->asked_port, port);
	assert_int_equal(in->end.pid, getpid());
	(void)wait_input(w, WEIR_INPUT_OPEN, WEIR_ROLE_SERVER, port);
	close(client);
	in = wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_CLIENT, port);
	assert_int_equal(in->end_reason, WEIR_END_SOCKET_CLOSED);
	assert_int_equal(in->counts.tx_bytes, 10);
	assert_int_equal(in->counts.tx_packets, 1);
	assert_int_equal(in->counts.rx_bytes, 60000);
	assert_int_equal(in->counts.rx_packets, 2);
	while (weir_time_mono_ns() < in->time_ns + 2 * IDLE_NS)
		(void)poll(NULL, 0, 10);
	sweep(w, false);
	in = wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_SERVER, port);
	assert_int_equal(in->end_reason, WEIR_END_IDLE);
	assert_int_equal(in->counts.rx_bytes, 10);
	assert_int_equal(in->counts.tx_packets, 2);
	w->n_inputs = 0;
	sweep(w, true);
	assert_int_equal(w->n_inputs, 0);
	close(server);
	weir_capture_free(&w->capture);
}

/* sendto() on a connected socket goes where it says. */
static void udp_sendto_past_the_connected_peer_is_another_exchange(void **state)
{
	struct sockaddr_in other = { .sin_family = AF_INET };
	struct world *w = *state;
	int a = make_socket(SOCK_DGRAM), b = make_socket(SOCK_DGRAM), client;
	const struct weir_flow_input *in;
	uint16_t port_a, port_b;

	capture_start(w);
	port_a = bind_loopback(a);
	port_b = bind_loopback(b);
	client = make_socket(SOCK_DGRAM);
	assert_int_equal(connect_loopback(client, port_a), 0);
	other.sin_port = htons(port_b);
	other.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	send_bytes(client, 10);
	assert_int_equal(sendto(client, "12345", 5, 0, (struct sockaddr *)&other, sizeof(other)),
			 5);
	send_bytes(client, 10);
	sweep(w, true);
	in = wait_input(w, WEIR_INPUT_UPDATE, WEIR_ROLE_CLIENT, port_a);
	assert_int_equal(in->counts.tx_bytes, 20);
	in = wait_input(w, WEIR_INPUT_UPDATE, WEIR_ROLE_CLIENT, port_b);
	assert_int_equal(in->counts.tx_bytes, 5);
	close(client);
	close(a);
	close(b);
	weir_capture_free(&w->capture);
}

struct sender {
	int fd;
	uint16_t port;
};

#define SENDS 20000

static void *send_many(void *arg)
{
	const struct sender *sender = arg;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(sender->port) };

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < SENDS; i++)
		(void)sendto(sender->fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
	return NULL;
}

/* Two threads, one socket, two peers: no datagram may be booked to the other's. */
static void udp_threads_on_one_socket_counted_apart(void **state)
{
	int fd = make_socket(SOCK_DGRAM), servers[2];
	struct sender senders[2];
	struct world *w = *state;
	pthread_t threads[2];
	size_t i;

	capture_start(w);
	for (i = 0; i < 2; i++) {
		servers[i] = make_socket(SOCK_DGRAM);
		senders[i] = (struct sender){ fd, bind_loopback(servers[i]) };
	}
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, send_many, &senders[i]), 0);
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	sweep(w, true);
	for (i = 0; i < 2; i++) {
		const struct weir_flow_input *in =
			wait_input(w, WEIR_INPUT_UPDATE, WEIR_ROLE_CLIENT, senders[i].port);

		assert_int_equal(in->counts.tx_packets, SENDS);
		assert_int_equal(in->backend_port, 0);
		close(servers[i]);
	}
	close(fd);
	weir_capture_free(&w->capture);
}

/* Sweeps read sockets that are not locked, in whatever state: never a byte that was not sent. */
static void sweep_of_closing_sockets_never_invents_bytes(void **state)
{
	struct world *w = *state;
	size_t i;

	capture_start(w);
	for (int round = 0; round < 300; round++) {
		struct pair pairs[8];

		for (i = 0; i < 8; i++)
			pairs[i] = pair_open(5);
		for (i = 0; i < 8; i++)
			assert_int_equal(
				shutdown(round % 2 ? pairs[i].client : pairs[i].server, SHUT_WR),
				0);
		sweep(w, true);
		for (i = 0; i < 8; i++) {
			close(pairs[i].client);
			close(pairs[i].server);
			close(pairs[i].listener);
		}
		(void)weir_capture_drain(w->capture, 1000);
		for (i = 0; i < w->n_inputs; i++) {
			assert_int_equal(w->inputs[i].counts.tx_bytes, 0);
			if (w->inputs[i].kind != WEIR_INPUT_UPDATE)
				assert_int_equal(w->inputs[i].counts.rx_bytes, 0);
		}
		w->n_inputs = 0;
	}
	weir_capture_free(&w->capture);
}

static void cgroup_made_and_removed_told_with_path(void **state)
{
	char dir[WEIR_CGROUP_MOUNT_MAX + 64];
	struct world *w = *state;
	struct stat st;
	size_t i, told = 0;

	capture_start(w);
	(void)snprintf(dir, sizeof(dir), "%s/child", w->cgroup);
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(rmdir(dir), 0);
	(void)weir_capture_drain(w->capture, 1000);
	for (i = 0; i < w->n_cgroups; i++) {
		if (w->cgroups[i].id != st.st_ino)
			continue;
		assert_true(w->cgroups[i].made == (told == 0));
		assert_string_equal(w->paths[i], dir + strlen(w->mount));
		told++;
	}
	assert_int_equal(told, 2);
	weir_capture_free(&w->capture);
}

/* Nobody reads while more happens than the ring holds: every record is counted, one way or the
 * other. */
static void ring_overflow_seen_is_passed_plus_lost(void **state)
{
	struct weir_capture_stats stats;
	struct weir_error err = { 0 };
	struct world *w = *state;
	struct weir_capture_opts opts = {
		.cgroup_dir = w->cgroup,
		.root_cgroup_id = w->cgroup_id,
		.ring_bytes = 16384,
		.on_flow = on_flow,
		.on_cgroup = on_cgroup,
		.ctx = w,
	};
	int i;

	w->n_inputs = 0;
	assert_int_equal(weir_capture_new(&opts, &w->capture, &err), 0);
	for (i = 0; i < 100; i++) {
		struct pair p = pair_open(5);

		close(p.client);
		close(p.server);
		close(p.listener);
	}
	(void)weir_capture_drain(w->capture, 256);
	weir_capture_get_stats(w->capture, &stats);
	assert_true(stats.lost_ringbuf_full > 0);
	assert_true(stats.passed >= w->n_inputs);
	assert_int_equal(stats.seen, stats.passed + stats.lost_ringbuf_full);
	weir_capture_free(&w->capture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_connection_told_by_both_ends_exact),
		cmocka_unit_test(tcp_reset_told_as_rst),
		cmocka_unit_test(tcp_connect_nobody_listens_refused),
		cmocka_unit_test(tcp_connect_without_route_local_error),
		cmocka_unit_test(mptcp_subflow_told_as_tcp_connection),
		cmocka_unit_test(tcp_older_than_capture_found_with_direction),
		cmocka_unit_test(tcp_older_without_backlog_found_with_direction),
		cmocka_unit_test(tcp_self_connect_is_a_client_with_exact_bytes),
		cmocka_unit_test(tcp_half_closed_then_closed_unread_told_as_rst),
		cmocka_unit_test(tcp_of_a_task_without_leader_found),
		cmocka_unit_test(tcp_many_older_all_found),
		cmocka_unit_test(sweep_live_connection_told_when_changed),
		cmocka_unit_test(udp_exchange_counts_exact),
		cmocka_unit_test(udp_sendto_past_the_connected_peer_is_another_exchange),
		cmocka_unit_test(udp_threads_on_one_socket_counted_apart),
		cmocka_unit_test(sweep_of_closing_sockets_never_invents_bytes),
		cmocka_unit_test(cgroup_made_and_removed_told_with_path),
		cmocka_unit_test(ring_overflow_seen_is_passed_plus_lost),
	};

	struct rlimit files = { .rlim_cur = 4096, .rlim_max = 4096 };

	(void)setrlimit(RLIMIT_NOFILE, &files);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (geteuid() != 0) {
		(void)printf("1..1\nok 1 - the BPF programs on this kernel # SKIP needs root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, make_world, remove_world);
}
