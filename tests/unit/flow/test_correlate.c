/* SPDX-License-Identifier: Apache-2.0 */
/* TCP: what becomes of the inputs of one or a few connections. */
#include <errno.h>

#include "tests/unit/flow/fixture.h"

#define C WEIR_ROLE_CLIENT
#define S WEIR_ROLE_SERVER
#define U WEIR_ROLE_UNKNOWN
#define OPEN WEIR_INPUT_OPEN
#define UPDATE WEIR_INPUT_UPDATE
#define CLOSE WEIR_INPUT_CLOSE
#define FOUND WEIR_INPUT_FOUND

/*
 * Sequences of the two ends of one connection: every order must give the same records. Waiting
 * comes before the input.
 */
struct step {
	uint32_t wait_ms;
	enum weir_role role;
	enum weir_input_kind kind;
	uint64_t tx;
	uint64_t rx;
};

struct sequence {
	const char *name;
	struct step steps[10];  /* ends at the first with role UNKNOWN */
	const char *want;
	uint64_t sent;
	uint64_t received;
	uint64_t tombstones;
};

static const struct sequence sequences[] = {
	{ "both ends, in order, short",
	  { { 0, C, OPEN, 0, 0 }, { 0, S, OPEN, 0, 0 }, { 1, C, CLOSE, 5, 9 },
	    { 0, S, CLOSE, 9, 5 } }, "C", 5, 9, 0 },
	{ "both ends, in order, long",
	  { { 0, C, OPEN, 0, 0 }, { 0, S, OPEN, 0, 0 }, { 20, C, CLOSE, 5, 9 },
	    { 0, S, CLOSE, 9, 5 } }, "OC", 5, 9, 0 },
	{ "server first, short",
	  { { 0, S, OPEN, 0, 0 }, { 1, C, OPEN, 0, 0 }, { 1, S, CLOSE, 9, 5 },
	    { 1, C, CLOSE, 5, 9 } }, "C", 5, 9, 0 },
	{ "server first, long",
	  { { 0, S, OPEN, 0, 0 }, { 1, C, OPEN, 0, 0 }, { 19, S, CLOSE, 9, 5 },
	    { 1, C, CLOSE, 5, 9 } }, "OC", 5, 9, 0 },
	{ "close before the other end's open",
	  { { 0, C, OPEN, 0, 0 }, { 1, C, CLOSE, 5, 9 }, { 1, S, OPEN, 0, 0 },
	    { 1, S, CLOSE, 9, 5 } }, "C", 5, 9, 0 },
	{ "server's close before the client's open",
	  { { 0, S, OPEN, 0, 0 }, { 1, S, CLOSE, 9, 5 }, { 1, C, OPEN, 0, 0 },
	    { 1, C, CLOSE, 5, 9 } }, "C", 5, 9, 0 },
	{ "the join time counts from the close",
	  { { 0, C, OPEN, 0, 0 }, { 15, C, CLOSE, 5, 9 }, { 15, S, OPEN, 0, 0 },
	    { 1, S, CLOSE, 9, 5 } }, "C", 5, 9, 0 },
	{ "the destination's account alone is no news",
	  { { 0, C, OPEN, 0, 0 }, { 0, S, OPEN, 0, 0 }, { 100, S, UPDATE, 9, 0 } },
	  "O", 0, 0, 0 },
	{ "both opens lost", { { 0, C, CLOSE, 5, 9 }, { 1, S, CLOSE, 9, 5 } }, "C", 5, 9, 0 },
	{ "both opens lost, server first",
	  { { 0, S, CLOSE, 9, 5 }, { 1, C, CLOSE, 5, 9 } }, "C", 5, 9, 0 },
	{ "one end only, short", { { 0, C, OPEN, 0, 0 }, { 1, C, CLOSE, 5, 9 } }, "C", 5, 9, 0 },
	{ "one end only, long",
	  { { 0, C, OPEN, 0, 0 }, { 100, C, CLOSE, 5, 9 } }, "OC", 5, 9, 0 },
	{ "server's end only: counts turned round",
	  { { 0, S, OPEN, 0, 0 }, { 100, S, CLOSE, 9, 5 } }, "OC", 5, 9, 0 },
	{ "client's close lost: the server knows",
	  { { 0, C, OPEN, 0, 0 }, { 0, S, OPEN, 0, 0 }, { 100, S, CLOSE, 9, 5 } },
	  "OC", 5, 9, 1 },
	{ "client's close lost, short: no open while the close waits",
	  { { 0, C, OPEN, 0, 0 }, { 0, S, OPEN, 0, 0 }, { 1, S, CLOSE, 9, 5 } },
	  "C", 5, 9, 1 },
	{ "client's close late: absorbed",
	  { { 0, C, OPEN, 0, 0 }, { 0, S, OPEN, 0, 0 }, { 100, S, CLOSE, 9, 5 },
	    { 1500, C, CLOSE, 5, 9 } }, "OC", 5, 9, 0 },
	{ "a tombstone absorbs everything",
	  { { 0, C, OPEN, 0, 0 }, { 0, S, OPEN, 0, 0 }, { 100, C, CLOSE, 5, 9 },
	    { 1500, S, UPDATE, 9, 5 }, { 5000, S, OPEN, 9, 5 }, { 0, S, CLOSE, 9, 5 } },
	  "OC", 5, 9, 0 },
	{ "the source's own count is kept",
	  { { 0, C, OPEN, 0, 0 }, { 0, S, OPEN, 0, 0 }, { 20, S, CLOSE, 9, 7 },
	    { 1, C, CLOSE, 5, 4 } }, "OC", 5, 4, 0 },
	{ "one record per sweep",
	  { { 0, C, OPEN, 0, 0 }, { 0, S, OPEN, 0, 0 }, { 5000, C, UPDATE, 3, 0 },
	    { 5, S, UPDATE, 0, 3 }, { 5000, S, UPDATE, 4, 4 }, { 5, C, UPDATE, 4, 4 } },
	  "OAA", 4, 4, 0 },
	{ "a sweep without change makes no record",
	  { { 0, C, OPEN, 0, 0 }, { 5000, C, UPDATE, 3, 0 }, { 5000, C, UPDATE, 3, 0 },
	    { 5000, C, UPDATE, 3, 0 } }, "OA", 3, 0, 0 },
	{ "update while the open is held is in it",
	  { { 0, C, OPEN, 0, 0 }, { 1, C, UPDATE, 3, 1 } }, "O", 3, 1, 0 },
	{ "open again just updates",
	  { { 0, C, OPEN, 0, 0 }, { 5000, C, OPEN, 0, 0 }, { 5000, C, OPEN, 2, 0 } },
	  "OA", 2, 0, 0 },
	{ "open lost", { { 0, C, UPDATE, 3, 0 }, { 100, C, CLOSE, 5, 9 } }, "AC", 5, 9, 0 },
	{ "the other end's open lost: named when it is seen",
	  { { 0, C, OPEN, 0, 0 }, { 100, S, UPDATE, 0, 0 }, { 100, S, CLOSE, 9, 5 },
	    { 0, C, CLOSE, 5, 9 } }, "OAC", 5, 9, 0 },
	{ "older than the agent",
	  { { 0, C, FOUND, 1, 0 }, { 1, S, FOUND, 0, 1 }, { 100, C, CLOSE, 5, 9 },
	    { 0, S, CLOSE, 9, 5 } }, "AC", 5, 9, 0 },
	{ "totals never decrease when the source is seen late",
	  { { 0, S, OPEN, 0, 0 }, { 100, S, UPDATE, 900, 500 }, { 100, C, OPEN, 0, 0 },
	    { 100, C, UPDATE, 300, 200 } }, "OAA", 500, 900, 0 },
	{ "an update out of order does not take back",
	  { { 0, C, OPEN, 0, 0 }, { 100, C, UPDATE, 500, 900 }, { 100, C, UPDATE, 400, 100 } },
	  "OA", 500, 900, 0 },
};

static struct weir_flow_input input_of(const struct step *step, uint64_t now)
{
	struct weir_flow_input in = weirt_tcp(step->role, step->kind, now);

	weirt_counts(&in, step->tx, step->rx);
	if (step->kind == FOUND)
		in.opened_ns = in.established_ns = 0;
	return in;
}

static void check_order(const struct weirt_bench *bench)
{
	uint64_t sent = 0, received = 0, time_ns = 0;

	for (size_t i = 0; i < bench->count; i++) {
		const struct weir_flow *flow = &bench->flows[i];

		assert_true(flow->id == bench->flows[0].id);
		assert_true(flow->time_ns >= time_ns);
		assert_true(flow->bytes_sent >= sent && flow->bytes_received >= received);
		assert_int_equal(flow->end_reason != WEIR_END_NONE,
				 flow->state == WEIR_STATE_CLOSED);
		time_ns = flow->time_ns;
		sent = flow->bytes_sent;
		received = flow->bytes_received;
	}
}

static void sequences_of_two_ends_give_the_records_wanted(void **state)
{
	for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
		const struct sequence *seq = &sequences[i];
		struct weirt_bench bench;

		print_message("# %s\n", seq->name);
		weirt_bench_init(&bench, 0);
		for (const struct step *step = seq->steps; step->role != U; step++) {
			struct weir_flow_input in;

			weirt_wait(&bench, WEIRT_MS(step->wait_ms));
			in = input_of(step, bench.now);
			weirt_put(&bench, &in);
		}
		weirt_settle(&bench);
		assert_string_equal(weirt_states(&bench), seq->want);
		assert_true(weirt_last(&bench)->bytes_sent == seq->sent);
		assert_true(weirt_last(&bench)->bytes_received == seq->received);
		assert_true(weirt_stats(&bench).tombstones == seq->tombstones);
		check_order(&bench);
		weirt_bench_done(&bench);
	}
}

static void record_of_both_ends_names_everything(void **state)
{
	struct weir_flow_input client = weirt_tcp(C, OPEN, WEIRT_T0 + 100000);
	struct weir_flow_input server = weirt_tcp(S, OPEN, WEIRT_T0 + 110000);
	const struct weir_flow *flow;
	struct weirt_bench bench;

	/* kube-proxy's way: the socket knows only the ClusterIP, netfilter chose the backend. */
	client.asked = client.remote = weirt_addr(10, 96, 0, 1);
	client.asked_port = client.remote_port = 8080;
	client.counts.rtt_us = 30;
	client.counts.rtt_min_us = 20;
	server.counts.rtt_us = 99;
	server.counts.retransmits = 4;
	weirt_bench_init(&bench, 0);
	weirt_put(&bench, &client);
	weirt_put(&bench, &server);
	weirt_wait(&bench, WEIRT_MS(20));
	assert_string_equal(weirt_states(&bench), "O");
	flow = weirt_last(&bench);
	assert_true(weir_addr_eq(&flow->source_addr, &client.local));
	assert_int_equal(flow->source_port, 40000);
	assert_true(weir_addr_eq(&flow->destination_addr, &server.local));
	assert_int_equal(flow->destination_port, 80);
	assert_true(weir_addr_eq(&flow->asked_addr, &client.asked));
	assert_int_equal(flow->asked_port, 8080);
	assert_memory_equal(&flow->source, &client.end, sizeof(client.end));
	assert_memory_equal(&flow->destination, &server.end, sizeof(server.end));
	assert_true(flow->opened_ns == client.opened_ns);
	assert_true(flow->time_ns == client.opened_ns + 100000 && flow->last_ns == server.time_ns);
	assert_int_equal(flow->connect_latency_us, 100);
	assert_int_equal(flow->rtt_us, 30);
	assert_int_equal(flow->rtt_min_us, 20);
	assert_int_equal(flow->retransmits_sent, 0);
	assert_int_equal(flow->retransmits_received, 4);
	assert_int_equal(flow->verdict, WEIR_VERDICT_FORWARDED);
	assert_int_equal(flow->direction, WEIR_DIRECTION_EGRESS);
	assert_true(flow->direction_known && flow->established && !flow->found);
	weirt_bench_done(&bench);
}

static void asked_address_survives_every_order(void **state)
{
	static const struct {
		const char *name;
		bool server_first;
		bool translated_in_connect;
	} cases[] = {
		{ "netfilter, client first", false, false },
		{ "netfilter, server first", true, false },
		{ "in connect(), client first", false, true },
		{ "in connect(), server first", true, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_flow_input client = weirt_tcp(C, OPEN, WEIRT_T0);
		struct weir_flow_input server = weirt_tcp(S, OPEN, WEIRT_T0);
		struct weirt_bench bench;

		print_message("# %s\n", cases[i].name);
		client.asked = weirt_addr(10, 96, 0, 1);
		client.asked_port = 8080;
		if (!cases[i].translated_in_connect) {
			client.remote = client.asked;
			client.remote_port = client.asked_port;
		}
		weirt_bench_init(&bench, 0);
		weirt_put(&bench, cases[i].server_first ? &server : &client);
		weirt_put(&bench, cases[i].server_first ? &client : &server);
		weirt_wait(&bench, WEIRT_MS(20));
		client.kind = UPDATE;
		weirt_counts(&client, 1, 1);
		weirt_put(&bench, &client);
		weirt_settle(&bench);
		assert_string_equal(weirt_states(&bench), "OA");
		for (size_t n = 0; n < bench.count; n++) {
			const struct weir_flow *flow = &bench.flows[n];

			assert_true(weir_addr_eq(&flow->asked_addr, &client.asked));
			assert_int_equal(flow->asked_port, 8080);
			assert_true(weir_addr_eq(&flow->destination_addr, &server.local));
			assert_int_equal(flow->destination_port, 80);
		}
		weirt_bench_done(&bench);
	}
}

static void single_end_shows_what_it_sees(void **state)
{
	struct weir_flow_input in = weirt_tcp(S, OPEN, WEIRT_T0);
	struct weirt_bench bench;

	weirt_bench_init(&bench, 0);
	weirt_put(&bench, &in);
	weirt_settle(&bench);
	assert_int_equal(weirt_last(&bench)->direction, WEIR_DIRECTION_INGRESS);
	assert_true(weir_addr_eq(&weirt_last(&bench)->source_addr, &in.remote));
	assert_int_equal(weirt_last(&bench)->source_port, 40000);
	assert_int_equal(weirt_last(&bench)->source.cookie, 0);
	assert_int_equal(weirt_last(&bench)->destination.cookie, 72);
	assert_true(weirt_last(&bench)->opened_ns == in.opened_ns);
	assert_int_equal(weirt_last(&bench)->connect_latency_us, 0);
	in = weirt_tcp(C, OPEN, WEIRT_T0);
	in.isn_local = 5;
	in.asked = in.remote;
	in.asked_port = in.remote_port;
	weirt_put(&bench, &in);
	weirt_settle(&bench);
	assert_true(weir_addr_eq(&weirt_last(&bench)->asked_addr, &in.remote));
	assert_int_equal(weirt_last(&bench)->asked_port, 80);
	weirt_bench_done(&bench);
}

static void reason_of_two_ends_is_the_more_telling_one(void **state)
{
	static const struct {
		enum weir_end_reason client, server, want;
	} cases[] = {
		{ WEIR_END_FIN, WEIR_END_FIN, WEIR_END_FIN },
		{ WEIR_END_FIN, WEIR_END_RST, WEIR_END_RST },
		{ WEIR_END_RST, WEIR_END_FIN, WEIR_END_RST },
		{ WEIR_END_TIMEOUT, WEIR_END_FIN, WEIR_END_TIMEOUT },
		{ WEIR_END_UNKNOWN, WEIR_END_FIN, WEIR_END_FIN },
		{ WEIR_END_UNKNOWN, WEIR_END_UNKNOWN, WEIR_END_UNKNOWN },
		{ WEIR_END_NONE, WEIR_END_NONE, WEIR_END_UNKNOWN },
		{ (enum weir_end_reason)77, WEIR_END_RST, WEIR_END_RST },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_flow_input client = weirt_tcp(C, CLOSE, WEIRT_T0);
		struct weir_flow_input server = weirt_tcp(S, CLOSE, WEIRT_T0);
		struct weirt_bench bench;

		client.end_reason = cases[i].client;
		server.end_reason = cases[i].server;
		weirt_bench_init(&bench, 0);
		weirt_put(&bench, &client);
		weirt_put(&bench, &server);
		assert_string_equal(weirt_states(&bench), "C");
		assert_int_equal(weirt_last(&bench)->end_reason, cases[i].want);
		weirt_bench_done(&bench);
	}
}

static void failed_connect_is_one_record_at_once(void **state)
{
	static const struct {
		enum weir_end_reason reason;
		enum weir_verdict want;
	} cases[] = {
		{ WEIR_END_REFUSED, WEIR_VERDICT_UNKNOWN },
		{ WEIR_END_TIMEOUT, WEIR_VERDICT_UNKNOWN },
		{ WEIR_END_UNREACHABLE, WEIR_VERDICT_UNKNOWN },
		{ WEIR_END_ABORTED, WEIR_VERDICT_UNKNOWN },
		{ WEIR_END_LOCAL_ERROR, WEIR_VERDICT_ERROR },
	};
	struct weirt_bench bench;

	weirt_bench_init(&bench, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_flow_input in = weirt_tcp(C, CLOSE, bench.now + i);

		in.established = false;
		in.established_ns = 0;
		in.isn_remote = 0;
		in.isn_local += (uint32_t)i;  /* one socket that tries again and again */
		in.end_reason = cases[i].reason;
		weirt_put(&bench, &in);
		assert_int_equal(bench.count, i + 1);
		assert_int_equal(weirt_last(&bench)->state, WEIR_STATE_CLOSED);
		assert_int_equal(weirt_last(&bench)->end_reason, cases[i].reason);
		assert_int_equal(weirt_last(&bench)->verdict, cases[i].want);
		assert_false(weirt_last(&bench)->established);
		assert_int_equal(weirt_last(&bench)->connect_latency_us, 0);
		for (size_t n = 0; n < i; n++)
			assert_true(bench.flows[n].id != weirt_last(&bench)->id);
	}
	assert_int_equal(weirt_stats(&bench).live, 0);
	assert_int_equal(weirt_stats(&bench).tombstones, 0);
	weirt_bench_done(&bench);
}

static void connecting_socket_makes_no_record_yet(void **state)
{
	struct weir_flow_input in = weirt_tcp(C, UPDATE, WEIRT_T0);
	struct weirt_bench bench;

	in.established = false;
	in.isn_remote = 0;
	weirt_bench_init(&bench, 0);
	weirt_put(&bench, &in);
	in.kind = FOUND;
	weirt_put(&bench, &in);
	weirt_settle(&bench);
	assert_int_equal(bench.count, 0);
	assert_int_equal(weirt_stats(&bench).absorbed, 2);
	weirt_bench_done(&bench);
}

static void found_connection_is_active_and_older(void **state)
{
	struct weir_flow_input in = weirt_tcp(C, FOUND, WEIRT_T0);
	struct weirt_bench bench;

	in.opened_ns = in.established_ns = 0;
	weirt_bench_init(&bench, 0);
	weirt_put(&bench, &in);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "A");
	assert_true(weirt_last(&bench)->found);
	assert_true(weirt_last(&bench)->opened_ns == 0);
	/* A resync finds a connection whose beginning was seen: it does not become older by it. */
	in = weirt_tcp(C, OPEN, bench.now);
	in.isn_local = 77;
	weirt_put(&bench, &in);
	in.kind = FOUND;
	weirt_put(&bench, &in);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "AO");
	assert_false(weirt_last(&bench)->found);
	weirt_bench_done(&bench);
}

static void unknown_role_joins_either_side(void **state)
{
	static const struct {
		const char *name;
		enum weir_role other;
		bool unknown_is_client;
		bool other_first;
	} cases[] = {
		{ "client unknown, then server", S, true, false },
		{ "server, then unknown client", S, true, true },
		{ "server unknown, then client", C, false, false },
		{ "client, then unknown server", C, false, true },
		{ "both unknown", U, true, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_flow_input a = weirt_tcp(cases[i].unknown_is_client ? C : S, FOUND, 1);
		struct weir_flow_input b = weirt_tcp(cases[i].unknown_is_client ? S : C, FOUND, 2);
		bool sure = cases[i].other != U;
		struct weirt_bench bench;

		print_message("# %s\n", cases[i].name);
		a.role = U;
		b.role = cases[i].other;
		a.opened_ns = b.opened_ns = 0;
		weirt_bench_init(&bench, 0);
		weirt_put(&bench, cases[i].other_first ? &b : &a);
		weirt_put(&bench, cases[i].other_first ? &a : &b);
		weirt_settle(&bench);
		assert_string_equal(weirt_states(&bench), "A");
		assert_int_equal(weirt_last(&bench)->direction_known, sure);
		assert_int_equal(weirt_last(&bench)->direction,
				 sure ? WEIR_DIRECTION_EGRESS : WEIR_DIRECTION_UNKNOWN);
		assert_int_equal(weirt_last(&bench)->source.cookie, 71);
		assert_int_equal(weirt_last(&bench)->destination.cookie, 72);
		assert_int_equal(weirt_last(&bench)->destination_port, 80);
		weirt_bench_done(&bench);
	}
}

static void reused_port_is_a_new_connection_even_interleaved(void **state)
{
	struct weir_flow_input first = weirt_tcp(C, OPEN, WEIRT_T0), second, server;
	struct weirt_bench bench;

	second = first;
	second.isn_local = 3333;
	second.isn_remote = 4444;
	second.end.cookie = 171;
	server = weirt_tcp(S, OPEN, WEIRT_T0);
	server.isn_local = 4444;
	server.isn_remote = 3333;
	server.end.cookie = 172;
	weirt_bench_init(&bench, 0);
	weirt_put(&bench, &first);
	weirt_put(&bench, &second);
	weirt_put(&bench, &server);
	weirt_wait(&bench, WEIRT_MS(20));
	first.kind = second.kind = server.kind = CLOSE;
	first.end_reason = WEIR_END_RST;
	second.end_reason = server.end_reason = WEIR_END_FIN;
	weirt_counts(&first, 11, 12);
	weirt_counts(&second, 21, 22);
	weirt_counts(&server, 22, 21);
	weirt_put(&bench, &second);
	weirt_put(&bench, &first);
	weirt_put(&bench, &server);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OOCC");
	assert_int_equal(bench.flows[0].source.cookie, 71);
	assert_int_equal(bench.flows[0].destination.cookie, 0);
	assert_int_equal(bench.flows[1].source.cookie, 171);
	assert_int_equal(bench.flows[1].destination.cookie, 172);
	assert_true(bench.flows[0].id != bench.flows[1].id);
	assert_true(bench.flows[2].id == bench.flows[1].id);
	assert_int_equal(bench.flows[2].bytes_sent, 21);
	assert_int_equal(bench.flows[2].end_reason, WEIR_END_FIN);
	assert_true(bench.flows[3].id == bench.flows[0].id);
	assert_int_equal(bench.flows[3].bytes_sent, 11);
	assert_int_equal(bench.flows[3].end_reason, WEIR_END_RST);
	weirt_bench_done(&bench);
}

static void same_role_on_the_same_isns_stays_apart(void **state)
{
	struct weir_flow_input a = weirt_tcp(C, OPEN, WEIRT_T0), b, s, t;
	struct weirt_bench bench;

	b = a;
	b.end.cookie = 171;
	b.local = weirt_addr(10, 0, 0, 9);
	s = weirt_tcp(S, OPEN, WEIRT_T0);
	t = s;
	t.remote = b.local;
	t.end.cookie = 172;
	weirt_bench_init(&bench, 0);
	weirt_put(&bench, &a);
	weirt_put(&bench, &b);
	assert_int_equal(weirt_stats(&bench).collisions, 1);
	/* Both could be s's other end; the addresses decide. */
	weirt_put(&bench, &s);
	weirt_put(&bench, &t);
	assert_int_equal(weirt_stats(&bench).joined, 2);
	weirt_wait(&bench, WEIRT_MS(20));
	assert_string_equal(weirt_states(&bench), "OO");
	assert_int_equal(bench.flows[0].source.cookie, 71);
	assert_int_equal(bench.flows[0].destination.cookie, 72);
	assert_int_equal(bench.flows[1].source.cookie, 171);
	assert_int_equal(bench.flows[1].destination.cookie, 172);
	assert_true(bench.flows[0].id != bench.flows[1].id);
	a.kind = b.kind = s.kind = t.kind = CLOSE;
	weirt_counts(&a, 1, 1);
	weirt_counts(&b, 2, 2);
	weirt_put(&bench, &a);
	weirt_put(&bench, &b);
	weirt_put(&bench, &s);
	weirt_put(&bench, &t);
	assert_string_equal(weirt_states(&bench), "OOCC");
	assert_int_equal(bench.flows[2].bytes_sent, 1);
	assert_int_equal(bench.flows[3].bytes_sent, 2);
	assert_true(bench.flows[2].id == bench.flows[0].id);
	assert_true(bench.flows[3].id == bench.flows[1].id);
	weirt_bench_done(&bench);
}

static void both_ends_claiming_one_role_stay_apart(void **state)
{
	struct weir_flow_input a = weirt_tcp(C, OPEN, WEIRT_T0);
	struct weir_flow_input b = weirt_tcp(S, OPEN, WEIRT_T0);
	struct weirt_bench bench;

	b.role = C;
	weirt_bench_init(&bench, 0);
	weirt_put(&bench, &a);
	weirt_put(&bench, &b);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OO");
	assert_true(bench.flows[0].id != bench.flows[1].id);
	assert_int_equal(weirt_stats(&bench).joined, 0);
	weirt_bench_done(&bench);
}

static void one_socket_is_never_both_ends(void **state)
{
	struct weir_flow_input a = weirt_tcp(C, OPEN, WEIRT_T0);
	struct weir_flow_input b = weirt_tcp(S, OPEN, WEIRT_T0);
	struct weirt_bench bench;

	b.end.cookie = a.end.cookie;
	weirt_bench_init(&bench, 0);
	weirt_put(&bench, &a);
	weirt_put(&bench, &b);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OO");
	assert_int_equal(weirt_stats(&bench).joined, 0);
	weirt_bench_done(&bench);
}

static void hostile_comm_is_cut_and_later_facts_fill_in(void **state)
{
	struct weir_flow_input in = weirt_tcp(C, OPEN, WEIRT_T0);
	struct weirt_bench bench;

	memset(in.end.comm, 'x', sizeof(in.end.comm));
	in.end.pid = 0;
	weirt_bench_init(&bench, 0);
	weirt_put(&bench, &in);
	weirt_settle(&bench);
	assert_int_equal(strlen(weirt_last(&bench)->source.comm), WEIR_COMM_MAX - 1);
	assert_int_equal(weirt_last(&bench)->source.pid, 0);
	in.kind = CLOSE;
	in.end.pid = 9;
	memset(in.end.comm, 0, sizeof(in.end.comm));
	weirt_put(&bench, &in);
	weirt_settle(&bench);
	assert_int_equal(strlen(weirt_last(&bench)->source.comm), WEIR_COMM_MAX - 1);
	assert_int_equal(weirt_last(&bench)->source.pid, 9);
	weirt_bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequences_of_two_ends_give_the_records_wanted),
		cmocka_unit_test(record_of_both_ends_names_everything),
		cmocka_unit_test(asked_address_survives_every_order),
		cmocka_unit_test(single_end_shows_what_it_sees),
		cmocka_unit_test(reason_of_two_ends_is_the_more_telling_one),
		cmocka_unit_test(failed_connect_is_one_record_at_once),
		cmocka_unit_test(connecting_socket_makes_no_record_yet),
		cmocka_unit_test(found_connection_is_active_and_older),
		cmocka_unit_test(unknown_role_joins_either_side),
		cmocka_unit_test(reused_port_is_a_new_connection_even_interleaved),
		cmocka_unit_test(same_role_on_the_same_isns_stays_apart),
		cmocka_unit_test(both_ends_claiming_one_role_stay_apart),
		cmocka_unit_test(one_socket_is_never_both_ends),
		cmocka_unit_test(hostile_comm_is_cut_and_later_facts_fill_in),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
