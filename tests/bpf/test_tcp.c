/* SPDX-License-Identifier: Apache-2.0 */
/* TCP: births, deaths, what is older, sweeps. */
#include "tests/bpf/world.h"

static void check_tcp_life(struct world *w)
{
	const struct weir_flow_input *client, *server;
	struct pair p = pair_open(5);

	send_bytes(p.client, 1000);
	receive_bytes(p.server, 1000);
	send_bytes(p.server, 50000);
	receive_bytes(p.client, 50000);

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
	close(p.client);
	close(p.server);
	close(p.listener);

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

/* Over before anybody would have said that it began. */
static void tcp_short_connection_told_by_its_close_alone(void **state)
{
	struct world *w = *state;
	struct pair p;
	size_t i;

	capture_start(w);
	p = pair_open(5);
	send_bytes(p.client, 10);
	receive_bytes(p.server, 10);
	close(p.client);
	close(p.server);
	assert_int_equal(wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_SERVER, p.port)->counts.rx_bytes,
			 10);
	(void)wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_CLIENT, p.port);
	(void)poll(NULL, 0, 100);
	(void)weir_capture_drain(w->capture, 1000);
	for (i = 0; i < w->n_inputs; i++)
		assert_int_equal(w->inputs[i].kind, WEIR_INPUT_CLOSE);
	assert_int_equal(w->n_inputs, 2);
	close(p.listener);
	weir_capture_free(&w->capture);
}

/* More at once than a CPU's list of the young has room for: each is told, once. */
static void tcp_many_opened_at_once_all_told(void **state)
{
	struct world *w = *state;
	static struct pair pairs[1500];
	size_t n = sizeof(pairs) / sizeof(pairs[0]), i, opened = 0;
	uint64_t until;

	capture_start(w);
	for (i = 0; i < n; i++) {
		pairs[i] = pair_open(1);
		close(pairs[i].listener);
	}
	until = weir_time_mono_ns() + WAIT_NS;
	while (w->n_inputs < 2 * n && weir_time_mono_ns() < until) {
		(void)poll(NULL, 0, 10);
		(void)weir_capture_drain(w->capture, 10000);
	}
	(void)poll(NULL, 0, 100);
	(void)weir_capture_drain(w->capture, 10000);
	for (i = 0; i < w->n_inputs; i++)
		opened += w->inputs[i].kind == WEIR_INPUT_OPEN;
	assert_int_equal(opened, 2 * n);
	for (i = 0; i < n; i++) {
		close(pairs[i].client);
		close(pairs[i].server);
	}
	weir_capture_free(&w->capture);
}

static void tcp_reset_told_as_rst(void **state)
{
	struct linger hard = { .l_onoff = 1 };
	const struct weir_flow_input *in;
	struct world *w = *state;
	struct pair p;

	capture_start(w);
	p = pair_open(5);
	assert_int_equal(setsockopt(p.client, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
	close(p.client);
	in = wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_CLIENT, p.port);
	assert_int_equal(in->end_reason, WEIR_END_RST);
	assert_true(in->reset_sent && !in->reset_received);
	in = wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_SERVER, p.port);
	assert_int_equal(in->end_reason, WEIR_END_RST);
	assert_true(in->reset_received && !in->reset_sent);
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

static void sweep_live_connection_told_when_changed(void **state)
{
	struct world *w = *state;
	struct pair p;

	capture_start(w);
	p = pair_open(5);
	send_bytes(p.client, 123);
	receive_bytes(p.server, 123);
	assert_int_equal(wait_input(w, WEIR_INPUT_OPEN, WEIR_ROLE_CLIENT, p.port)->counts.tx_bytes,
			 123);
	assert_int_equal(wait_input(w, WEIR_INPUT_OPEN, WEIR_ROLE_SERVER, p.port)->counts.rx_bytes,
			 123);
	w->n_inputs = 0;
	sweep(w, false);
	assert_int_equal(w->n_inputs, 0);
	send_bytes(p.client, 77);
	receive_bytes(p.server, 77);
	sweep(w, false);
	assert_int_equal(
		wait_input(w, WEIR_INPUT_UPDATE, WEIR_ROLE_CLIENT, p.port)->counts.tx_bytes, 200);
	assert_int_equal(
		wait_input(w, WEIR_INPUT_UPDATE, WEIR_ROLE_SERVER, p.port)->counts.rx_bytes, 200);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_connection_told_by_both_ends_exact),
		cmocka_unit_test(tcp_short_connection_told_by_its_close_alone),
		cmocka_unit_test(tcp_many_opened_at_once_all_told),
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
		cmocka_unit_test(sweep_of_closing_sockets_never_invents_bytes),
	};

	return world_run(tests, sizeof(tests) / sizeof(tests[0]));
}
