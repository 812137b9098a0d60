/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICMP errors at links: frames made here and given to the programs by BPF_PROG_TEST_RUN, and what the
 * capture passes on of the packets that they speak of.
 */
#include "tests/bpf/world.h"

#include <bpf/bpf.h>

#include "bpf/links.h"

#define ETHERNET 14
#define SYN 0x02
#define ROUTER "198.51.100.1"
#define CLIENT "198.18.0.7"
#define SERVER "203.0.113.9"
#define ROUTER6 "2001:db8:51::1"
#define CLIENT6 "2001:db8:18::7"
#define SERVER6 "2001:db8:113::9"
#define KINDS_MAX 4096 /* that the kernel side counts */

struct frame {
	uint8_t bytes[256];
	size_t len;
};

static void put(struct frame *frame, const void *bytes, size_t n)
{
	assert_true(frame->len + n <= sizeof(frame->bytes));
	memcpy(frame->bytes + frame->len, bytes, n);
	frame->len += n;
}

static void put16(struct frame *frame, uint16_t value)
{
	uint16_t be = htons(value);

	put(frame, &be, sizeof(be));
}

static void put32(struct frame *frame, uint32_t value)
{
	uint32_t be = htonl(value);

	put(frame, &be, sizeof(be));
}

static void put_addr(struct frame *frame, const char *text)
{
	bool v6 = strchr(text, ':');
	uint8_t addr[16];

	assert_int_equal(inet_pton(v6 ? AF_INET6 : AF_INET, text, addr), 1);
	put(frame, addr, v6 ? 16 : 4);
}

static void put_ip(struct frame *frame, const char *from, const char *to, uint8_t protocol,
		   uint16_t payload)
{
	if (strchr(from, ':')) {
		put32(frame, 6U << 28);
		put16(frame, payload);
		put16(frame, (uint16_t)(protocol << 8 | 64));
	} else {
		put16(frame, 0x4500);
		put16(frame, (uint16_t)(20 + payload));
		put32(frame, 0);
		put32(frame, 64U << 24 | (uint32_t)protocol << 16);
	}
	put_addr(frame, from);
	put_addr(frame, to);
}

/* An ICMP error of @sender about a packet from @from to @to of @protocol with these first bytes. */
struct error {
	uint8_t type, code;
	uint32_t rest;
	const char *sender, *from, *to;
	uint8_t protocol;
	uint16_t from_port, to_port;
	uint32_t seq; /* or what UDP has there */
};

static struct frame frame_of(const struct error *e)
{
	bool v6 = strchr(e->sender, ':');
	uint16_t header = v6 ? 40 : 20;
	struct frame frame = { 0 };

	put(&frame, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
	put16(&frame, v6 ? 0x86dd : 0x0800);
	put_ip(&frame, e->sender, e->from, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
	       (uint16_t)(8 + header + 8));
	put16(&frame, (uint16_t)(e->type << 8 | e->code));
	put16(&frame, 0);
	put32(&frame, e->rest);
	put_ip(&frame, e->from, e->to, e->protocol, 100);
	put16(&frame, e->from_port);
	put16(&frame, e->to_port);
	put32(&frame, e->seq);
	return frame;
}

static struct error udp_error(void)
{
	return (struct error){
		.type = 3,
		.code = 3,
		.sender = ROUTER,
		.from = CLIENT,
		.to = SERVER,
		.protocol = IPPROTO_UDP,
		.from_port = 40000,
		.to_port = 53,
		.seq = 100U << 16, /* its length */
	};
}

static int program_of(const struct world *w, enum weir_icmp_at at)
{
	struct weir_link_programs programs;

	weir_capture_link_programs(w->capture, &programs);
	switch (at) {
	case WEIR_ICMP_FROM_POD:
		return programs.fd[WEIR_LINK_POD][WEIR_LINK_IN];
	case WEIR_ICMP_TO_POD:
		return programs.fd[WEIR_LINK_POD][WEIR_LINK_OUT];
	case WEIR_ICMP_UPLINK_IN:
		return programs.fd[WEIR_LINK_UPLINK][WEIR_LINK_IN];
	default:
		return programs.fd[WEIR_LINK_UPLINK][WEIR_LINK_OUT];
	}
}

static void pass(const struct world *w, enum weir_icmp_at at, const struct frame *frame, int times)
{
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->bytes,
			    .data_size_in = (uint32_t)frame->len, .repeat = times);

	assert_int_equal(bpf_prog_test_run_opts(program_of(w, at), &opts), 0);
	assert_int_equal((int)opts.retval, -1);
}

static size_t drain_errors(struct world *w)
{
	size_t n = 0;

	w->n_drops = 0;
	while (weir_capture_drain(w->capture, 200)) {
		for (size_t i = 0; i < w->n_drops && i < 256; i++)
			if (w->drops[i].icmp.type)
				w->drops[n++] = w->drops[i];
		assert_true(w->n_drops < 256);
		w->n_drops = n;
	}
	return n;
}

static const struct weir_drop_input *only_error(struct world *w)
{
	assert_int_equal(drain_errors(w), 1);
	return &w->drops[0];
}

static void assert_addr(const struct weir_addr *addr, const char *want)
{
	char text[WEIR_ADDR_TEXT_MAX];

	assert_string_equal(weir_addr_to_str(addr, text), want);
}

static uint64_t bad_packets(const struct world *w)
{
	struct weir_capture_stats stats;

	weir_capture_get_stats(w->capture, &stats);
	return stats.bad_packets;
}

static void error_is_told_with_the_packet_it_speaks_of(void **state)
{
	struct error e = udp_error();
	struct frame frame = frame_of(&e);
	struct world *w = *state;

	capture_start(w);
	for (int at = 0; at < WEIR_ICMP_AT_MAX_; at++) {
		uint64_t before = weir_time_mono_ns();
		const struct weir_drop_input *in;

		pass(w, (enum weir_icmp_at)at, &frame, 1);
		in = only_error(w);
		assert_int_equal(in->kind, WEIR_INPUT_OPEN);
		assert_int_equal(in->icmp_at, at);
		assert_int_equal(in->icmp.type, 3);
		assert_int_equal(in->icmp.code, 3);
		assert_int_equal(in->icmp.mtu, 0);
		assert_int_equal(in->protocol, IPPROTO_UDP);
		assert_int_equal(in->packets, 1);
		assert_true(in->time_ns >= before && in->time_ns <= weir_time_mono_ns());
		assert_addr(&in->icmp.sender, ROUTER);
		assert_addr(&in->source, CLIENT);
		assert_addr(&in->destination, SERVER);
		assert_int_equal(in->source_port, 40000);
		assert_int_equal(in->destination_port, 53);
	}
	weir_capture_free(&w->capture);
}

static void mtu_is_told_of_what_was_too_big(void **state)
{
	struct {
		uint8_t type, code;
		uint32_t rest;
		bool v6;
		uint16_t want;
	} cases[] = {
		{ 3, 4, 1400, false, 1400 },   { 3, 4, 0, false, 0 }, /* of before RFC 1191 */
		{ 3, 3, 1400, false, 0 },      { 2, 0, 1280, true, 1280 },
		{ 2, 0, 100000, true, 65535 }, { 1, 4, 1280, true, 0 },
	};
	struct world *w = *state;

	capture_start(w);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error e = udp_error();
		struct frame frame;

		e.type = cases[i].type;
		e.code = cases[i].code;
		e.rest = cases[i].rest;
		e.from_port = (uint16_t)(41000 + i);
		if (cases[i].v6) {
			e.sender = ROUTER6;
			e.from = CLIENT6;
			e.to = SERVER6;
		}
		frame = frame_of(&e);
		pass(w, WEIR_ICMP_UPLINK_IN, &frame, 1);
		assert_int_equal(only_error(w)->icmp.mtu, cases[i].want);
	}
	weir_capture_free(&w->capture);
}

static void flood_is_told_once_and_counted_all(void **state)
{
	struct error e = udp_error();
	struct frame frame = frame_of(&e);
	struct world *w = *state;

	capture_start(w);
	pass(w, WEIR_ICMP_TO_POD, &frame, 100000);
	assert_int_equal(only_error(w)->packets, 1);
	w->n_drops = 0;
	sweep(w, false);
	assert_int_equal(w->n_drops, 1);
	assert_int_equal(w->drops[0].kind, WEIR_INPUT_UPDATE);
	assert_int_equal(w->drops[0].packets, 99999);
	w->n_drops = 0;
	sweep(w, false);
	assert_int_equal(w->n_drops, 0);
	weir_capture_free(&w->capture);
}

/* Of as many flows as anyone likes. */
static void flood_of_kinds_is_bounded_and_counted(void **state)
{
	struct weir_capture_stats before, after;
	struct error e = udp_error();
	struct world *w = *state;

	capture_start(w);
	weir_capture_get_stats(w->capture, &before);
	for (int i = 0; i < KINDS_MAX + 100; i++) {
		struct frame frame;

		e.from_port = (uint16_t)(i + 1);
		frame = frame_of(&e);
		pass(w, WEIR_ICMP_UPLINK_IN, &frame, 1);
		if (i % 100 == 0)
			(void)weir_capture_drain(w->capture, 1000);
	}
	(void)weir_capture_drain(w->capture, 1000);
	weir_capture_get_stats(w->capture, &after);
	assert_int_equal(after.lost_drop_table_full - before.lost_drop_table_full, 100);
	assert_int_equal(after.lost_ringbuf_full, before.lost_ringbuf_full);
	weir_capture_free(&w->capture);
}

static void garbage_is_counted_and_attributed_to_nobody(void **state)
{
	struct error e = udp_error();
	struct frame whole = frame_of(&e), frame;
	struct world *w = *state;
	uint64_t before;

	capture_start(w);
	/* Cut anywhere in the packet that it speaks of. */
	for (size_t cut = 1; cut <= 28; cut += 9) {
		before = bad_packets(w);
		frame = whole;
		frame.len -= cut;
		frame.bytes[ETHERNET + 3] = (uint8_t)(frame.bytes[ETHERNET + 3] - cut);
		pass(w, WEIR_ICMP_FROM_POD, &frame, 1);
		assert_int_equal(bad_packets(w), before + 1);
	}
	/* No IPv4 packet. */
	before = bad_packets(w);
	frame = whole;
	frame.bytes[ETHERNET + 28] = 0x65;
	pass(w, WEIR_ICMP_UPLINK_IN, &frame, 1);
	assert_int_equal(bad_packets(w), before + 1);
	/* Nothing wrong, but of no flow: a later fragment, a protocol without ports. */
	frame = whole;
	frame.bytes[ETHERNET + 28 + 7] = 9;
	pass(w, WEIR_ICMP_UPLINK_IN, &frame, 1);
	frame = whole;
	frame.bytes[ETHERNET + 28 + 9] = 50;
	pass(w, WEIR_ICMP_UPLINK_IN, &frame, 1);
	assert_int_equal(bad_packets(w), before + 1);
	assert_int_equal(drain_errors(w), 0);
	weir_capture_free(&w->capture);
}

/* An echo is no error, at an uplink not even looked at. */
static void echo_is_no_error(void **state)
{
	struct error e = udp_error();
	struct world *w = *state;
	struct frame frame;

	capture_start(w);
	for (int at = 0; at < WEIR_ICMP_AT_MAX_; at++) {
		e.type = at % 2 ? 8 : 0;
		e.code = 0;
		frame = frame_of(&e);
		pass(w, (enum weir_icmp_at)at, &frame, 1);
	}
	assert_int_equal(drain_errors(w), 0);
	weir_capture_free(&w->capture);
}

/* It is over: nobody's SYN. */
static void error_about_a_syn_that_failed_is_of_its_addresses(void **state)
{
	const struct weir_flow_input *end;
	const struct weir_drop_input *in;
	struct error e = udp_error();
	struct world *w = *state;
	struct frame frame;
	uint16_t port;
	int client;

	capture_start(w);
	client = make_socket(SOCK_STREAM);
	port = bind_loopback(client);
	assert_int_equal(connect_loopback(client, 9), -1);
	end = wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_CLIENT, port);
	assert_int_not_equal(end->isn_local, 0);
	e.protocol = IPPROTO_TCP;
	e.seq = end->isn_local;
	frame = frame_of(&e);
	pass(w, WEIR_ICMP_UPLINK_IN, &frame, 1);
	in = only_error(w);
	assert_int_equal(in->tcp_flags, 0);
	assert_int_equal(in->isn, 0);
	assert_addr(&in->source, CLIENT);
	close(client);
	weir_capture_free(&w->capture);
}

/* By its number, whatever addresses the packet had when the error was made. */
static void error_about_a_syn_names_its_client(void **state)
{
	const struct weir_flow_input *open;
	const struct weir_drop_input *in;
	struct error e = udp_error();
	struct world *w = *state;
	struct frame frame;
	struct pair p;

	capture_start(w);
	p = pair_open(5);
	open = wait_input(w, WEIR_INPUT_OPEN, WEIR_ROLE_CLIENT, p.port);
	e.protocol = IPPROTO_TCP;
	e.seq = open->isn_local;
	frame = frame_of(&e);
	pass(w, WEIR_ICMP_UPLINK_IN, &frame, 1);
	in = only_error(w);
	assert_int_equal(in->tcp_flags, SYN);
	assert_int_equal(in->isn, open->isn_local);
	assert_true(weir_addr_eq(&in->source, &open->local));
	assert_int_equal(in->source_port, open->local_port);
	assert_int_equal(in->destination_port, p.port);
	assert_int_equal(in->client.cookie, open->end.cookie);
	assert_int_equal(in->client.pid, getpid());
	assert_addr(&in->icmp.sender, ROUTER);
	close(p.client);
	close(p.server);
	close(p.listener);
	weir_capture_free(&w->capture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(error_is_told_with_the_packet_it_speaks_of),
		cmocka_unit_test(mtu_is_told_of_what_was_too_big),
		cmocka_unit_test(flood_is_told_once_and_counted_all),
		cmocka_unit_test(flood_of_kinds_is_bounded_and_counted),
		cmocka_unit_test(garbage_is_counted_and_attributed_to_nobody),
		cmocka_unit_test(echo_is_no_error),
		cmocka_unit_test(error_about_a_syn_that_failed_is_of_its_addresses),
		cmocka_unit_test(error_about_a_syn_names_its_client),
	};

	return world_run(tests, sizeof(tests) / sizeof(tests[0]));
}
