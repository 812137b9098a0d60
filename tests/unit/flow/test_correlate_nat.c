/* SPDX-License-Identifier: Apache-2.0 */
/* What conntrack says of connections whose packets are translated on the way. */
#include "tests/unit/flow/fixture.h"

#define C WEIR_ROLE_CLIENT
#define S WEIR_ROLE_SERVER
#define OPEN WEIR_INPUT_OPEN
#define UPDATE WEIR_INPUT_UPDATE
#define CLOSE WEIR_INPUT_CLOSE

#define NODE weirt_addr(192, 0, 2, 1)
#define SERVICE weirt_addr(10, 96, 0, 10)
#define SEEN_PORT 1024  /* of the client, as the server sees it */

static struct weir_nat *init(struct weirt_bench *bench)
{
	const struct weir_nat_opts nat_opts = { .max = 64 };
	struct weir_correlate_opts opts = { .sink = weirt_keep, .ctx = bench };
	struct weir_nat *nat;

	assert_int_equal(weir_nat_new(&nat_opts, &nat), 0);
	memset(bench, 0, sizeof(*bench));
	bench->now = WEIRT_T0;
	opts.nat = nat;
	assert_int_equal(weir_correlate_new(&opts, &bench->corr), 0);
	return nat;
}

static void done(struct weirt_bench *bench, struct weir_nat **nat)
{
	weirt_bench_done(bench);
	weir_nat_free(nat);
}

/* 10.0.0.1:40000 asks 10.96.0.10:53; 10.0.0.2:80 hears of it as from 192.0.2.1:1024. */
static struct weir_conntrack_entry entry(uint8_t protocol)
{
	return (struct weir_conntrack_entry){
		.original = { weirt_addr(10, 0, 0, 1), SERVICE, 40000, 53 },
		.reply = { weirt_addr(10, 0, 0, 2), NODE, 80, SEEN_PORT },
		.id = 1,
		.protocol = protocol,
	};
}

static struct weir_flow_input end(const struct weirt_bench *bench, uint8_t protocol,
				  enum weir_role role, enum weir_input_kind kind)
{
	struct weir_flow_input in = protocol == IPPROTO_TCP ? weirt_tcp(role, kind, bench->now)
							    : weirt_udp(role, kind, bench->now);

	if (role == C) {
		in.remote = in.asked = SERVICE;
		in.remote_port = in.asked_port = 53;
	} else {
		in.remote = NODE;
		in.remote_port = SEEN_PORT;
	}
	weirt_counts(&in, 30, 40);
	return in;
}

static void put(struct weirt_bench *bench, uint8_t protocol, enum weir_role role,
		enum weir_input_kind kind)
{
	struct weir_flow_input in = end(bench, protocol, role, kind);

	weirt_put(bench, &in);
}

static void check_whole(const struct weir_flow *flow)
{
	const struct weir_addr client = weirt_addr(10, 0, 0, 1), server = weirt_addr(10, 0, 0, 2);
	const struct weir_addr asked = SERVICE, node = NODE;

	assert_true(weir_addr_eq(&flow->source_addr, &client));
	assert_int_equal(flow->source_port, 40000);
	assert_true(weir_addr_eq(&flow->destination_addr, &server));
	assert_int_equal(flow->destination_port, 80);
	assert_true(weir_addr_eq(&flow->asked_addr, &asked));
	assert_int_equal(flow->asked_port, 53);
	assert_true(weir_addr_eq(&flow->source_xlated, &node));
}

/* Which ends are here, and when conntrack is heard of: the records are the same. */
static void each_view_makes_the_whole_record(void **state)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };

	for (int i = 0; i < 2 * 3; i++) {
		uint8_t protocol = protocols[i % 2];
		bool client = i / 2 != 1, server = i / 2 != 0;
		struct weir_conntrack_entry one = entry(protocol);
		struct weirt_bench bench;
		struct weir_nat *nat = init(&bench);

		if (client)
			put(&bench, protocol, C, OPEN);
		weir_nat_add(nat, &one, bench.now, bench.now);
		if (server)
			put(&bench, protocol, S, OPEN);
		weirt_wait(&bench, WEIRT_MS(30));
		assert_string_equal(weirt_states(&bench), "O");
		check_whole(&bench.flows[0]);
		weir_nat_remove(nat, &one, bench.now);
		if (server)
			put(&bench, protocol, S, CLOSE);
		if (client)
			put(&bench, protocol, C, CLOSE);
		weirt_settle(&bench);
		assert_string_equal(weirt_states(&bench), "OC");
		check_whole(&bench.flows[1]);
		assert_int_equal(bench.flows[1].source.cookie, client ? 71 : 0);
		assert_int_equal(bench.flows[1].destination.cookie, server ? 72 : 0);
		assert_int_equal(weirt_stats(&bench).live, 0);
		assert_int_equal(weirt_stats(&bench).joined, client && server);
		done(&bench, &nat);
	}
}

static void server_found_first_joins_its_client(void **state)
{
	struct weir_conntrack_entry one = entry(IPPROTO_UDP);
	struct weirt_bench bench;
	struct weir_nat *nat = init(&bench);
	struct weir_flow_input in = end(&bench, IPPROTO_UDP, S, WEIR_INPUT_FOUND);

	weir_nat_found(nat, &one, bench.now);
	in.role = WEIR_ROLE_UNKNOWN;
	weirt_put(&bench, &in);
	put(&bench, IPPROTO_UDP, C, WEIR_INPUT_FOUND);
	put(&bench, IPPROTO_UDP, S, UPDATE);
	put(&bench, IPPROTO_UDP, C, UPDATE);
	weirt_settle(&bench);
	put(&bench, IPPROTO_UDP, C, CLOSE);
	put(&bench, IPPROTO_UDP, S, CLOSE);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench) + bench.count - 1, "C");
	for (size_t i = 0; i < bench.count; i++)
		check_whole(&bench.flows[i]);
	assert_int_equal(weirt_stats(&bench).joined, 1);
	assert_int_equal(weirt_stats(&bench).live, 0);
	done(&bench, &nat);
}

/* The table has let go of it: what was learned stays. */
static void facts_outlive_the_entry(void **state)
{
	static const enum weir_role roles[] = { C, S };

	for (int i = 0; i < 2; i++) {
		struct weir_conntrack_entry one = entry(IPPROTO_TCP);
		struct weirt_bench bench;
		struct weir_nat *nat = init(&bench);

		weir_nat_add(nat, &one, bench.now, bench.now);
		put(&bench, IPPROTO_TCP, roles[i], OPEN);
		weirt_wait(&bench, WEIRT_MS(30));
		weir_nat_remove(nat, &one, bench.now);
		weir_nat_expire(nat, bench.now + 60 * WEIR_NS_PER_SEC);
		assert_true(weir_nat_is_empty(nat));
		put(&bench, IPPROTO_TCP, roles[i], CLOSE);
		weirt_settle(&bench);
		assert_string_equal(weirt_states(&bench), "OC");
		check_whole(&bench.flows[0]);
		check_whole(&bench.flows[1]);
		done(&bench, &nat);
	}
}

static void another_services_answer_does_not_join(void **state)
{
	struct weir_conntrack_entry one = entry(IPPROTO_UDP);
	struct weirt_bench bench;
	struct weir_nat *nat = init(&bench);

	put(&bench, IPPROTO_UDP, C, OPEN);
	one.original.destination_port = 54;
	weir_nat_add(nat, &one, bench.now, bench.now);
	put(&bench, IPPROTO_UDP, S, OPEN);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OO");
	assert_int_equal(weirt_stats(&bench).joined, 0);
	done(&bench, &nat);
}

static void dropped_datagram_of_either_view_is_its_exchanges(void **state)
{
	for (int view = 0; view < 4; view++) {
		struct weir_conntrack_entry one = entry(IPPROTO_UDP);
		struct weirt_bench bench;
		struct weir_nat *nat = init(&bench);
		struct weir_drop_input drop = {
			.kind = OPEN, .protocol = IPPROTO_UDP, .packets = 1, .time_ns = WEIRT_T0,
			.source = view & 1 ? one.reply.source : one.reply.destination,
			.destination = view & 1 ? one.reply.destination : one.reply.source,
			.source_port = view & 1 ? 80 : SEEN_PORT,
			.destination_port = view & 1 ? SEEN_PORT : 80,
		};

		put(&bench, IPPROTO_UDP, C, OPEN);
		weir_nat_add(nat, &one, bench.now, bench.now);
		if (view & 2)
			put(&bench, IPPROTO_UDP, S, OPEN);
		assert_int_equal(weir_correlate_drop(bench.corr, &drop, bench.now), 0);
		weirt_settle(&bench);
		assert_string_equal(weirt_states(&bench), "O");
		check_whole(&bench.flows[0]);
		assert_int_equal(bench.flows[0].drop.packets, 1);
		done(&bench, &nat);
	}
}

/* A SYN or the answer to it, before its translation or after it. */
static struct weir_drop_input dropped_syn(const struct weirt_bench *bench, bool arrives,
					  bool answer)
{
	struct weir_conntrack_entry one = entry(IPPROTO_TCP);
	struct weir_conntrack_tuple *way = arrives ? &one.reply : &one.original;

	/* The reply's own direction is that of answers. */
	return (struct weir_drop_input){
		.kind = OPEN,
		.protocol = IPPROTO_TCP,
		.tcp_flags = answer ? 0x12 : 0x02,
		.isn = 1111,
		.packets = 1,
		.time_ns = bench->now,
		.source = arrives == answer ? way->source : way->destination,
		.destination = arrives == answer ? way->destination : way->source,
		.source_port = arrives == answer ? way->source_port : way->destination_port,
		.destination_port = arrives == answer ? way->destination_port : way->source_port,
	};
}

static void check_asked(const struct weir_flow *flow)
{
	struct weir_addr service = SERVICE, node = NODE, client = weirt_addr(10, 0, 0, 1);
	struct weir_addr server = weirt_addr(10, 0, 0, 2);

	assert_int_equal(flow->verdict, WEIR_VERDICT_DROPPED);
	assert_true(weir_addr_eq(&flow->source_addr, &client));
	assert_int_equal(flow->source_port, 40000);
	assert_true(weir_addr_eq(&flow->source_xlated, &node));
	assert_true(weir_addr_eq(&flow->asked_addr, &service));
	assert_int_equal(flow->asked_port, 53);
	assert_true(weir_addr_eq(&flow->destination_addr, &server));
	assert_int_equal(flow->destination_port, 80);
}

static void notice_of_a_translated_syn_is_its_connections(void **state)
{
	for (int view = 0; view < 4; view++) {
		struct weir_conntrack_entry one = entry(IPPROTO_TCP);
		struct weirt_bench bench;
		struct weir_nat *nat = init(&bench);
		struct weir_drop_input drop = dropped_syn(&bench, view & 1, view & 2);
		struct weir_flow_input failed = end(&bench, IPPROTO_TCP, C, CLOSE);

		weir_nat_add(nat, &one, bench.now, bench.now);
		assert_int_equal(weir_correlate_drop(bench.corr, &drop, bench.now), 0);
		weirt_wait(&bench, WEIRT_MS(21));
		assert_int_equal(bench.count, 1);
		assert_int_equal(bench.flows[0].state, WEIR_STATE_NOTICE);
		check_asked(&bench.flows[0]);
		failed.established = false;
		failed.established_ns = 0;
		failed.isn_remote = 0;
		failed.end_reason = WEIR_END_TIMEOUT;
		weirt_put(&bench, &failed);
		weirt_settle(&bench);
		assert_int_equal(bench.count, 2);
		assert_int_equal(bench.flows[1].state, WEIR_STATE_CLOSED);
		check_asked(&bench.flows[1]);
		assert_true(bench.flows[1].id == bench.flows[0].id);
		done(&bench, &nat);
	}
}

/* It was dropped before conntrack had it: the packet alone tells. */
static void notice_of_what_conntrack_does_not_know_is_the_packet(void **state)
{
	struct weirt_bench bench;
	struct weir_nat *nat = init(&bench);
	struct weir_drop_input drop = dropped_syn(&bench, true, false);
	struct weir_conntrack_entry other = entry(IPPROTO_TCP);

	other.reply.destination_port = SEEN_PORT + 1;
	weir_nat_add(nat, &other, bench.now, bench.now);
	assert_int_equal(weir_correlate_drop(bench.corr, &drop, bench.now), 0);
	weirt_wait(&bench, WEIRT_MS(21));
	assert_int_equal(bench.count, 1);
	assert_true(weir_addr_eq(&bench.flows[0].source_addr, &drop.source));
	assert_true(weir_addr_eq(&bench.flows[0].destination_addr, &drop.destination));
	assert_true(weir_addr_is_none(&bench.flows[0].asked_addr));
	assert_true(weir_addr_is_none(&bench.flows[0].source_xlated));
	done(&bench, &nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_view_makes_the_whole_record),
		cmocka_unit_test(server_found_first_joins_its_client),
		cmocka_unit_test(facts_outlive_the_entry),
		cmocka_unit_test(another_services_answer_does_not_join),
		cmocka_unit_test(dropped_datagram_of_either_view_is_its_exchanges),
		cmocka_unit_test(notice_of_a_translated_syn_is_its_connections),
		cmocka_unit_test(notice_of_what_conntrack_does_not_know_is_the_packet),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
