/* SPDX-License-Identifier: Apache-2.0 */
/* TCP: who listens, and ends that come in unusual ways. */
#include <netinet/tcp.h>
#include <sys/wait.h>

#include "bpf/capture_internal.h"
#include "tests/bpf/world.h"

static void drain(struct world *w)
{
	while (weir_capture_drain(w->capture, 1000))
		;
}

static size_t count_closes(struct world *w, enum weir_role role, uint16_t port)
{
	size_t n = 0;

	drain(w);
	for (size_t i = 0; i < w->n_inputs; i++) {
		const struct weir_flow_input *in = &w->inputs[i];

		n += in->kind == WEIR_INPUT_CLOSE && in->role == role &&
		     (in->local_port == port || in->remote_port == port);
	}
	return n;
}

static void tcp_disconnected_socket_told_as_rst_exact(void **state)
{
	struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
	const struct weir_flow_input *in;
	struct world *w = *state;
	struct pair p;

	capture_start(w);
	p = pair_open(5);
	send_bytes(p.client, 77);
	receive_bytes(p.server, 77);
	send_bytes(p.server, 5);
	receive_bytes(p.client, 5);
	assert_int_equal(connect(p.client, &nowhere, sizeof(nowhere)), 0);
	in = wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_CLIENT, p.port);
	assert_int_equal(in->end_reason, WEIR_END_RST);
	assert_int_equal(in->counts.tx_bytes, 77);
	assert_int_equal(in->counts.rx_bytes, 5);
	/* The same socket, and another connection. */
	assert_int_equal(connect_loopback(p.client, p.port), 0);
	w->n_inputs = 0;
	close(p.client);
	in = wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_CLIENT, p.port);
	assert_int_equal(in->counts.tx_bytes, 0);
	close(p.server);
	close(p.listener);
	weir_capture_free(&w->capture);
}

/* Who asks for SO_ERROR takes it away from those who look at the socket later. */
static void tcp_reset_whose_error_was_taken_told_as_rst(void **state)
{
	struct linger hard = { .l_onoff = 1 };
	struct world *w = *state;
	socklen_t len = sizeof(int);
	struct pair p;
	int err = 0;

	capture_start(w);
	p = pair_open(5);
	assert_int_equal(setsockopt(p.server, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
	close(p.server);
	assert_int_equal(getsockopt(p.client, SOL_SOCKET, SO_ERROR, &err, &len), 0);
	assert_int_equal(err, ECONNRESET);
	assert_int_equal(wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_CLIENT, p.port)->end_reason,
			 WEIR_END_RST);
	close(p.client);
	assert_int_equal(count_closes(w, WEIR_ROLE_CLIENT, p.port), 1);
	close(p.listener);
	weir_capture_free(&w->capture);
}

/* As if the kernel had not run it, which it does not in the context of every task. */
static void take_away(struct bpf_link **link)
{
	(void)bpf_link__destroy(*link);
	*link = NULL;
}

static void tcp_timeout_that_was_not_reported_told_as_timeout(void **state)
{
	int once = 1, err = 0, filler = make_socket(SOCK_STREAM);
	struct pollfd pfd = { .events = POLLOUT };
	struct world *w = *state;
	socklen_t len = sizeof(err);
	struct pair p;

	capture_start(w);
	take_away(&w->capture->skel->links.tcp_error_reported);
	p = pair_open(0);
	/* With that one nobody accepts, the queue is full: SYNs stay without an answer. */
	assert_int_equal(connect_loopback(filler, p.port), 0);
	close(p.client);
	(void)wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_CLIENT, p.port);
	w->n_inputs = 0;
	pfd.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(pfd.fd, IPPROTO_TCP, TCP_SYNCNT, &once, sizeof(once)), 0);
	assert_int_equal(connect_loopback(pfd.fd, p.port), -1);
	assert_int_equal(poll(&pfd, 1, 20000), 1);
	assert_int_equal(getsockopt(pfd.fd, SOL_SOCKET, SO_ERROR, &err, &len), 0);
	assert_int_equal(err, ETIMEDOUT);
	close(pfd.fd);
	assert_int_equal(wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_CLIENT, p.port)->end_reason,
			 WEIR_END_TIMEOUT);
	close(filler);
	close(p.server);
	close(p.listener);
	weir_capture_free(&w->capture);
}

/* Both have said FIN, and a process still holds its socket: no hook tells, a sweep does, once. */
static void tcp_finished_but_held_told_once_by_sweep(void **state)
{
	const struct weir_flow_input *in;
	struct world *w = *state;
	struct pair p;

	capture_start(w);
	p = pair_open(5);
	send_bytes(p.client, 11);
	assert_int_equal(shutdown(p.client, SHUT_WR), 0);
	receive_bytes(p.server, 11);
	send_bytes(p.server, 22);
	close(p.server);
	receive_bytes(p.client, 22);
	assert_int_equal(recv(p.client, (char[1]){ 0 }, 1, 0), 0);
	(void)wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_SERVER, p.port);
	sweep(w, false);
	(void)poll(NULL, 0, 1100); /* not before its opening is sure to have been read */
	assert_int_equal(count_closes(w, WEIR_ROLE_CLIENT, p.port), 0);
	sweep(w, false);
	in = wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_CLIENT, p.port);
	assert_int_equal(in->end_reason, WEIR_END_FIN);
	assert_int_equal(in->counts.tx_bytes, 11);
	assert_int_equal(in->counts.rx_bytes, 22);
	close(p.client);
	assert_int_equal(count_closes(w, WEIR_ROLE_CLIENT, p.port), 1);
	close(p.listener);
	weir_capture_free(&w->capture);
}

/* A finished socket is wiped by connect(AF_UNSPEC): its numbers are those of the sweep before. */
static void tcp_wiped_socket_never_invents_bytes(void **state)
{
	struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
	const struct weir_flow_input *in;
	struct world *w = *state;
	struct pair p;

	capture_start(w);
	p = pair_open(5);
	send_bytes(p.client, 77);
	receive_bytes(p.server, 77);
	assert_int_equal(shutdown(p.client, SHUT_WR), 0);
	close(p.server);
	assert_int_equal(recv(p.client, (char[1]){ 0 }, 1, 0), 0);
	(void)poll(NULL, 0, 100);
	sweep(w, true);
	assert_int_equal(connect(p.client, &nowhere, sizeof(nowhere)), 0);
	sweep(w, true);
	close(p.client);
	in = wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_CLIENT, p.port);
	assert_int_equal(in->end_reason, WEIR_END_NONE); /* nothing says why */
	for (size_t i = 0; i < w->n_inputs; i++) {
		if (w->inputs[i].role == WEIR_ROLE_CLIENT)
			assert_int_equal(w->inputs[i].counts.tx_bytes, 77);
	}
	close(p.listener);
	weir_capture_free(&w->capture);
}

/* Closed at last, without a sweep between: once, too. */
static void tcp_finished_then_closed_told_once(void **state)
{
	struct world *w = *state;
	struct pair p;

	capture_start(w);
	p = pair_open(5);
	assert_int_equal(shutdown(p.client, SHUT_WR), 0);
	close(p.server);
	assert_int_equal(recv(p.client, (char[1]){ 0 }, 1, 0), 0);
	close(p.client);
	assert_int_equal(wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_CLIENT, p.port)->end_reason,
			 WEIR_END_FIN);
	sweep(w, true);
	assert_int_equal(count_closes(w, WEIR_ROLE_CLIENT, p.port), 1);
	close(p.listener);
	weir_capture_free(&w->capture);
}

static int listen_on(in_addr_t addr, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = make_socket(SOCK_STREAM), on = 1;

	sin.sin_addr.s_addr = htonl(addr);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&sin, sizeof(sin)) || listen(fd, 5)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A process that listens until the pipe's other end is closed, which is returned. */
static int listen_elsewhere(in_addr_t addr, uint16_t port, pid_t *ret_pid)
{
	int until[2], ready[2];
	char byte;

	assert_int_equal(pipe(until), 0);
	assert_int_equal(pipe(ready), 0);
	*ret_pid = fork();
	assert_true(*ret_pid >= 0);
	if (!*ret_pid) {
		int fd = listen_on(addr, port);

		close(until[1]);
		(void)!write(ready[1], fd < 0 ? "n" : "y", 1);
		(void)!read(until[0], &byte, 1);
		_exit(0);
	}
	close(until[0]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(byte, 'y');
	close(ready[0]);
	return until[1];
}

static uint32_t pid_of_server(struct world *w, uint16_t port)
{
	int fd = make_socket(SOCK_STREAM);
	uint32_t pid;

	w->n_inputs = 0;
	assert_int_equal(connect_loopback(fd, port), 0);
	pid = wait_input(w, WEIR_INPUT_OPEN, WEIR_ROLE_SERVER, port)->end.pid;
	close(fd);
	return pid;
}

static uint16_t free_port(void)
{
	int fd = make_socket(SOCK_STREAM);
	uint16_t port = bind_loopback(fd);

	close(fd);
	return port;
}

static void server_of_an_own_address_wins_over_wildcard(void **state)
{
	struct world *w = *state;
	uint16_t port = free_port();
	int other, own;
	pid_t pid;

	capture_start(w);
	other = listen_elsewhere(INADDR_ANY, port, &pid);
	assert_int_equal(pid_of_server(w, port), pid);
	own = listen_on(INADDR_LOOPBACK, port);
	assert_true(own >= 0);
	assert_int_equal(pid_of_server(w, port), getpid());
	close(own);
	assert_int_equal(pid_of_server(w, port), pid);
	close(other);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	own = listen_on(INADDR_ANY, port);
	assert_int_equal(pid_of_server(w, port), getpid());
	close(own);
	weir_capture_free(&w->capture);
}

/* The kernel spreads connections over them, and an accepted socket does not know its listener. */
static void server_of_several_processes_unknown(void **state)
{
	struct world *w = *state;
	uint16_t port = free_port();
	int other, own, again;
	pid_t pid;

	capture_start(w);
	own = listen_on(INADDR_LOOPBACK, port);
	again = listen_on(INADDR_LOOPBACK, port);
	assert_int_equal(pid_of_server(w, port), getpid());
	other = listen_elsewhere(INADDR_LOOPBACK, port, &pid);
	assert_int_equal(pid_of_server(w, port), 0);
	close(own);
	close(again);
	close(other);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	own = listen_on(INADDR_LOOPBACK, port);
	assert_int_equal(pid_of_server(w, port), getpid());
	close(own);
	weir_capture_free(&w->capture);
}

static void server_shut_down_is_forgotten(void **state)
{
	struct world *w = *state;
	uint16_t port = free_port();
	int own, other;
	pid_t pid;

	capture_start(w);
	own = listen_on(INADDR_LOOPBACK, port);
	assert_int_equal(shutdown(own, SHUT_RDWR), 0);
	close(own);
	other = listen_elsewhere(INADDR_LOOPBACK, port, &pid);
	assert_int_equal(pid_of_server(w, port), pid);
	close(other);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	weir_capture_free(&w->capture);
}

static void server_older_than_capture_found(void **state)
{
	struct world *w = *state;
	uint16_t port = free_port();
	int fd = listen_on(INADDR_ANY, port);

	capture_start(w);
	assert_int_equal(pid_of_server(w, port), 0);
	assert_int_equal(weir_capture_find(w->capture), 0);
	assert_int_equal(pid_of_server(w, port), getpid());
	close(fd);
	weir_capture_free(&w->capture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_disconnected_socket_told_as_rst_exact),
		cmocka_unit_test(tcp_reset_whose_error_was_taken_told_as_rst),
		cmocka_unit_test(tcp_timeout_that_was_not_reported_told_as_timeout),
		cmocka_unit_test(tcp_finished_but_held_told_once_by_sweep),
		cmocka_unit_test(tcp_wiped_socket_never_invents_bytes),
		cmocka_unit_test(tcp_finished_then_closed_told_once),
		cmocka_unit_test(server_of_an_own_address_wins_over_wildcard),
		cmocka_unit_test(server_of_several_processes_unknown),
		cmocka_unit_test(server_shut_down_is_forgotten),
		cmocka_unit_test(server_older_than_capture_found),
	};

	return world_run(tests, sizeof(tests) / sizeof(tests[0]));
}
