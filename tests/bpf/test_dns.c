/* SPDX-License-Identifier: Apache-2.0 */
/* DNS messages, as the packet programs pass them on: whose, and to the byte. */
#include "tests/bpf/world.h"

#define PORT_A 53
#define PORT_B 5353

static int server_at(uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = make_socket(SOCK_DGRAM);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	return fd;
}

/* Whatever there is in the ring. */
static void drain_all(struct world *w)
{
	while (weir_capture_drain(w->capture, 1000))
		;
}

static void start_with_ports(struct world *w, uint16_t a, uint16_t b)
{
	memset(w->dns_ports, 0, sizeof(w->dns_ports));
	w->dns_ports[0] = a;
	w->dns_ports[1] = b;
	capture_start(w);
	memset(w->dns_ports, 0, sizeof(w->dns_ports));
}

static uint8_t byte_at(size_t i, uint8_t seed)
{
	return (uint8_t)(i * 7 + seed);
}

static void check_message(const struct world *w, size_t i, bool answer, size_t len, uint8_t seed)
{
	const struct weir_dns_event *event = &w->dns[i];
	size_t captured = len < WEIR_EV_DNS_PAYLOAD_LEN ? len : WEIR_EV_DNS_PAYLOAD_LEN;

	assert_int_equal(event->answer, answer);
	assert_int_equal(event->len, len);
	assert_int_equal(event->captured, captured);
	for (size_t at = 0; at < captured; at++)
		assert_int_equal(event->payload[at], byte_at(at, seed));
	assert_int_equal(event->protocol, IPPROTO_UDP);
	assert_int_equal(event->server_port, PORT_A);
	assert_int_equal(event->end.pid, getpid());
	assert_int_equal(event->end.cgroup_id, w->cgroup_id);
	assert_int_not_equal(event->end.cookie, 0);
	assert_true(weir_addr_is_loopback(&event->client) && weir_addr_is_loopback(&event->server));
}

/* Around each size that room in the ring is asked for in. */
static void dns_messages_of_any_length_arrive_to_the_byte(void **state)
{
	static const size_t lens[] = { 0, 1, 63, 64, 65, 255, 256, 257, 1231, 1232, 1233, 9000 };
	struct world *w = *state;
	int server = server_at(PORT_A), client = make_socket(SOCK_DGRAM);
	struct sockaddr_in peer;
	socklen_t peer_len = sizeof(peer);
	uint8_t bytes[9000];
	size_t n = sizeof(lens) / sizeof(lens[0]);

	start_with_ports(w, PORT_B, PORT_A);
	assert_int_equal(connect_loopback(client, PORT_A), 0);
	for (size_t i = 0; i < n; i++) {
		for (size_t at = 0; at < lens[i]; at++)
			bytes[at] = byte_at(at, (uint8_t)i);
		assert_int_equal(send(client, bytes, lens[i], 0), (ssize_t)lens[i]);
		assert_int_equal(recvfrom(server, bytes, sizeof(bytes), 0, (struct sockaddr *)&peer,
					  &peer_len),
				 (ssize_t)lens[i]);
		for (size_t at = 0; at < lens[i]; at++)
			bytes[at] = byte_at(at, (uint8_t)(i + 100));
		assert_int_equal(
			sendto(server, bytes, lens[i], 0, (struct sockaddr *)&peer, peer_len),
			(ssize_t)lens[i]);
		assert_int_equal(recv(client, bytes, sizeof(bytes), 0), (ssize_t)lens[i]);
	}
	drain_all(w);
	/* The server sent and got each as well, and is not told. */
	assert_int_equal(w->n_dns, 2 * n);
	for (size_t i = 0; i < n; i++) {
		check_message(w, 2 * i, false, lens[i], (uint8_t)i);
		check_message(w, 2 * i + 1, true, lens[i], (uint8_t)(i + 100));
	}
	assert_int_equal(w->dns[0].client_port, ntohs(peer.sin_port));
	close(client);
	close(server);
	weir_capture_free(&w->capture);
}

/* Both ends at such a port: who asks is the client. */
static void dns_between_servers_is_told_of_the_one_that_asks(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT_B) };
	static const uint8_t query[12] = { 0, 1, 1 }, answer[12] = { 0, 1, 0x81, 0x80 };
	struct world *w = *state;
	int a = server_at(PORT_A), b = server_at(PORT_B);
	uint8_t bytes[64];

	start_with_ports(w, PORT_A, PORT_B);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(sendto(a, query, sizeof(query), 0, (struct sockaddr *)&to, sizeof(to)),
			 12);
	assert_int_equal(recv(b, bytes, sizeof(bytes), 0), 12);
	to.sin_port = htons(PORT_A);
	assert_int_equal(sendto(b, answer, sizeof(answer), 0, (struct sockaddr *)&to, sizeof(to)),
			 12);
	assert_int_equal(recv(a, bytes, sizeof(bytes), 0), 12);
	drain_all(w);
	assert_int_equal(w->n_dns, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(w->dns[i].answer, i);
		assert_int_equal(w->dns[i].client_port, PORT_A);
		assert_int_equal(w->dns[i].server_port, PORT_B);
	}
	close(a);
	close(b);
	weir_capture_free(&w->capture);
}

static void dns_without_ports_is_not_looked_at(void **state)
{
	struct world *w = *state;
	int server = server_at(PORT_A), client = make_socket(SOCK_DGRAM);
	struct weir_capture_stats stats;

	start_with_ports(w, 0, 0);
	assert_int_equal(connect_loopback(client, PORT_A), 0);
	send_bytes(client, 100);
	(void)wait_input(w, WEIR_INPUT_OPEN, WEIR_ROLE_CLIENT, PORT_A);
	drain_all(w);
	assert_int_equal(w->n_dns, 0);
	weir_capture_get_stats(w->capture, &stats);
	assert_int_equal(stats.bad_events, 0);
	close(client);
	close(server);
	weir_capture_free(&w->capture);
}

/* What there is no room for is counted, of the ring half is left for others, and what comes round its end is whole. */
static void dns_burst_is_told_or_counted(void **state)
{
	struct world *w = *state;
	int server = server_at(PORT_A), client = make_socket(SOCK_DGRAM);
	struct weir_capture_stats stats;
	uint8_t bytes[1000];
	size_t told = 0;

	start_with_ports(w, PORT_A, 0);
	assert_int_equal(connect_loopback(client, PORT_A), 0);
	for (size_t at = 0; at < sizeof(bytes); at++)
		bytes[at] = byte_at(at, 3);
	for (int round = 0; round < 200; round++) {
		for (int i = 0; i < 30; i++)
			assert_int_equal(send(client, bytes, sizeof(bytes), 0), sizeof(bytes));
		drain_all(w);
		for (size_t i = 0; i < w->n_dns; i++)
			check_message(w, i, false, sizeof(bytes), 3);
		told += w->n_dns;
		w->n_dns = 0;
	}
	assert_int_equal(told, 6000);
	for (int i = 0; i < 6000; i++)
		assert_int_equal(send(client, bytes, sizeof(bytes), 0), sizeof(bytes));
	weir_capture_get_stats(w->capture, &stats);
	assert_true(stats.lost_dns_no_room > 0);
	assert_int_equal(stats.lost_ringbuf_full, 0);
	while (weir_capture_drain(w->capture, 30)) {
		for (size_t i = 0; i < w->n_dns; i++)
			check_message(w, i, false, sizeof(bytes), 3);
		w->n_dns = 0;
	}
	weir_capture_get_stats(w->capture, &stats);
	assert_int_equal(stats.bad_events, 0);
	assert_int_equal(stats.seen, stats.passed + stats.lost_dns_no_room);
	close(client);
	close(server);
	weir_capture_free(&w->capture);
}

static int listen_at(uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = make_socket(SOCK_STREAM), yes = 1;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(fd, 5), 0);
	return fd;
}

/* The parts of one stream, in order: each where the one before ended, up to @total bytes. */
static void check_stream(const struct world *w, bool answer, size_t total, uint8_t seed)
{
	size_t at = 0, missing = 0;

	for (size_t i = 0; i < w->n_dns; i++) {
		const struct weir_dns_event *event = &w->dns[i];

		if (event->answer != answer)
			continue;
		assert_int_equal(event->protocol, IPPROTO_TCP);
		assert_int_equal(event->server_port, PORT_A);
		assert_int_equal(event->end.pid, getpid());
		assert_int_equal(event->end.cgroup_id, w->cgroup_id);
		assert_int_not_equal(event->end.cookie, 0);
		assert_int_not_equal(event->end.netns, 0);
		assert_int_not_equal(event->isn, 0);
		assert_int_equal(event->seq, event->isn + 1 + (uint32_t)at);
		assert_true(event->captured <= WEIR_EV_DNS_PAYLOAD_LEN);
		for (size_t j = 0; j < event->captured; j++)
			assert_int_equal(event->payload[j], byte_at(at + j, seed));
		missing += event->len - event->captured;
		at += event->len;
	}
	assert_int_equal(at, total);
	assert_true(total > WEIR_EV_DNS_PARTS * WEIR_EV_DNS_PAYLOAD_LEN ? missing > 0 : !missing);
}

/* What goes one way, in one packet as loopback makes it, and the other. */
static void dns_streams_arrive_to_the_byte(void **state)
{
	static const size_t lens[] = { 1, 64, 1232, 1233, 9855, 9856, 9857, 30000 };
	struct world *w = *state;
	int listener = listen_at(PORT_A);
	uint8_t bytes[30000];

	start_with_ports(w, PORT_B, PORT_A);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		int client = make_socket(SOCK_STREAM), server;

		w->n_dns = 0;
		assert_int_equal(connect_loopback(client, PORT_A), 0);
		server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		assert_true(server >= 0);
		for (size_t at = 0; at < lens[i]; at++)
			bytes[at] = byte_at(at, (uint8_t)i);
		assert_int_equal(send(client, bytes, lens[i], 0), (ssize_t)lens[i]);
		receive_bytes(server, lens[i]);
		for (size_t at = 0; at < lens[i]; at++)
			bytes[at] = byte_at(at, (uint8_t)(i + 100));
		assert_int_equal(send(server, bytes, lens[i], 0), (ssize_t)lens[i]);
		receive_bytes(client, lens[i]);
		drain_all(w);
		check_stream(w, false, lens[i], (uint8_t)i);
		check_stream(w, true, lens[i], (uint8_t)(i + 100));
		close(client);
		close(server);
	}
	close(listener);
	weir_capture_free(&w->capture);
}

/* Both ends at such a port: the handshake says who asks. And at none, nothing is told. */
static void dns_stream_is_told_of_the_end_that_connected(void **state)
{
	struct world *w = *state;
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = htons(PORT_B) };
	int listener = listen_at(PORT_A), client = make_socket(SOCK_STREAM), server, yes = 1;
	struct pair other;

	start_with_ports(w, PORT_A, PORT_B);
	from.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), 0);
	assert_int_equal(bind(client, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect_loopback(client, PORT_A), 0);
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(server >= 0);
	send_bytes(client, 20);
	receive_bytes(server, 20);
	send_bytes(server, 30);
	receive_bytes(client, 30);
	other = pair_open(1);
	send_bytes(other.client, 100);
	receive_bytes(other.server, 100);
	drain_all(w);
	assert_int_equal(w->n_dns, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(w->dns[i].answer, i);
		assert_int_equal(w->dns[i].len, i ? 30 : 20);
		assert_int_equal(w->dns[i].client_port, PORT_B);
		assert_int_equal(w->dns[i].server_port, PORT_A);
	}
	close(other.listener);
	close(other.client);
	close(other.server);
	close(client);
	close(server);
	close(listener);
	weir_capture_free(&w->capture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dns_messages_of_any_length_arrive_to_the_byte),
		cmocka_unit_test(dns_between_servers_is_told_of_the_one_that_asks),
		cmocka_unit_test(dns_without_ports_is_not_looked_at),
		cmocka_unit_test(dns_burst_is_told_or_counted),
		cmocka_unit_test(dns_streams_arrive_to_the_byte),
		cmocka_unit_test(dns_stream_is_told_of_the_end_that_connected),
	};

	return world_run(tests, sizeof(tests) / sizeof(tests[0]));
}
