/* SPDX-License-Identifier: Apache-2.0 */
/* UDP exchanges, cgroups, and a ring that overflows. */
#include "tests/bpf/world.h"

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

#define SETTLED_NS WEIR_NS_PER_SEC /* bpf/iter.bpf.c */

/* Rows overtake the ring, which alone tells of an exchange's first second. */
static void udp_young_exchange_is_not_swept(void **state)
{
	int server = make_socket(SOCK_DGRAM), client = make_socket(SOCK_DGRAM);
	struct world *w = *state;
	uint64_t begin, seen;
	uint16_t port;

	capture_start(w);
	port = bind_loopback(server);
	assert_int_equal(connect_loopback(client, port), 0);
	begin = weir_time_mono_ns();
	send_bytes(client, 10);
	(void)wait_input(w, WEIR_INPUT_OPEN, WEIR_ROLE_SERVER, port);
	seen = weir_time_mono_ns();
	w->n_inputs = 0;
	sweep(w, false);
	if (weir_time_mono_ns() < begin + SETTLED_NS)
		assert_int_equal(w->n_inputs, 0);
	while (weir_time_mono_ns() < seen + SETTLED_NS + SETTLED_NS / 2) {
		send_bytes(client, 10);
		(void)poll(NULL, 0, 20);
	}
	sweep(w, false);
	(void)wait_input(w, WEIR_INPUT_UPDATE, WEIR_ROLE_CLIENT, port);
	(void)wait_input(w, WEIR_INPUT_UPDATE, WEIR_ROLE_SERVER, port);
	close(client);
	close(server);
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
		.on_drop = on_drop,
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
		cmocka_unit_test(udp_exchange_counts_exact),
		cmocka_unit_test(udp_sendto_past_the_connected_peer_is_another_exchange),
		cmocka_unit_test(udp_young_exchange_is_not_swept),
		cmocka_unit_test(udp_threads_on_one_socket_counted_apart),
		cmocka_unit_test(cgroup_made_and_removed_told_with_path),
		cmocka_unit_test(ring_overflow_seen_is_passed_plus_lost),
	};

	return world_run(tests, sizeof(tests) / sizeof(tests[0]));
}
