/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP errors: of which connection they speak, and what its records say of them. */
#include "tests/unit/flow/fixture.h"

#define C WEIR_ROLE_CLIENT
#define S WEIR_ROLE_SERVER
#define OPEN WEIR_INPUT_OPEN
#define UPDATE WEIR_INPUT_UPDATE
#define CLOSE WEIR_INPUT_CLOSE

#define ISN 1111
#define SYN 0x02
#define WAITING_MAX 512

/* That a host is unreachable, about what weirt_tcp()'s client sent. */
static struct weir_drop_input error(const struct weirt_bench *bench, uint8_t protocol,
				    uint64_t packets)
{
	return (struct weir_drop_input){
		.kind = OPEN,
		.protocol = protocol,
		.source = weirt_addr(10, 0, 0, 1),
		.destination = weirt_addr(10, 0, 0, 2),
		.source_port = 40000,
		.destination_port = 80,
		.packets = packets,
		.time_ns = bench->now,
		.icmp = { .sender = weirt_addr(10, 0, 0, 254), .type = 3, .code = 1, .mtu = 7 },
		.icmp_at = WEIR_ICMP_UPLINK_IN,
	};
}

static struct weir_drop_input about_syn(const struct weirt_bench *bench)
{
	struct weir_drop_input in = error(bench, IPPROTO_TCP, 1);

	in.isn = ISN;
	in.tcp_flags = SYN;
	in.client = weirt_tcp(C, OPEN, bench->now).end;
	return in;
}

/* The kernel's own account of the packet that it answered with an error, which comes after that. */
static struct weir_drop_input dropped(const struct weirt_bench *bench)
{
	struct weir_drop_input in = about_syn(bench);

	in.icmp = (struct weir_icmp_error){ 0 };
	in.destination = weirt_addr(10, 0, 0, 3);
	in.reason = 77;
	return in;
}

static struct weir_flow_input failed(const struct weirt_bench *bench)
{
	struct weir_flow_input in = weirt_tcp(C, CLOSE, bench->now);

	in.established = false;
	in.established_ns = 0;
	in.isn_remote = 0;
	in.asked = in.remote;
	in.asked_port = in.remote_port;
	in.end_reason = WEIR_END_UNREACHABLE;
	return in;
}

static void tell(struct weirt_bench *bench, struct weir_drop_input in)
{
	assert_int_equal(weir_correlate_drop(bench->corr, &in, bench->now), 0);
	weirt_stats(bench);
}

static void put(struct weirt_bench *bench, struct weir_flow_input in)
{
	weirt_put(bench, &in);
}

static void assert_error(const struct weir_flow *flow, uint64_t packets)
{
	struct weir_addr sender = weirt_addr(10, 0, 0, 254);

	assert_int_equal(flow->icmp.packets, packets);
	if (!packets)
		return;
	assert_int_equal(flow->icmp.latest.type, 3);
	assert_int_equal(flow->icmp.latest.code, 1);
	assert_int_equal(flow->icmp.latest.mtu, 7);
	assert_true(weir_addr_eq(&flow->icmp.latest.sender, &sender));
}

static void connect_that_fails_says_it_at_its_end_without_a_verdict(void **state)
{
	struct weirt_bench bench;

	(void)state;
	weirt_bench_init(&bench, 0);
	tell(&bench, about_syn(&bench));
	weirt_wait(&bench, WEIRT_MS(100));
	tell(&bench, about_syn(&bench));
	assert_int_equal(bench.count, 0);
	put(&bench, failed(&bench));
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "C");
	assert_error(weirt_last(&bench), 2);
	assert_int_equal(weirt_last(&bench)->verdict, WEIR_VERDICT_UNKNOWN);
	assert_int_equal(weirt_last(&bench)->end_reason, WEIR_END_UNREACHABLE);
	assert_int_equal(weirt_last(&bench)->drop.packets, 0);
	assert_int_equal(weirt_stats(&bench).icmp_unmatched, 0);
	weirt_bench_done(&bench);
}

static void drop_after_its_error_is_noticed_as_it_would_be_alone(void **state)
{
	struct weir_addr backend = weirt_addr(10, 0, 0, 3);
	struct weirt_bench bench;
	uint64_t id;

	(void)state;
	weirt_bench_init(&bench, 0);
	tell(&bench, about_syn(&bench));
	tell(&bench, dropped(&bench));
	weirt_wait(&bench, WEIRT_MS(21));
	assert_int_equal(bench.count, 1);
	assert_int_equal(weirt_last(&bench)->state, WEIR_STATE_NOTICE);
	assert_int_equal(weirt_last(&bench)->verdict, WEIR_VERDICT_DROPPED);
	assert_int_equal(weirt_last(&bench)->source.cookie, 71);
	assert_true(weir_addr_eq(&weirt_last(&bench)->destination_addr, &backend));
	assert_error(weirt_last(&bench), 1);
	id = weirt_last(&bench)->id;
	put(&bench, failed(&bench));
	weirt_settle(&bench);
	assert_int_equal(bench.count, 2);
	assert_true(weirt_last(&bench)->id == id);
	assert_int_equal(weirt_last(&bench)->verdict, WEIR_VERDICT_DROPPED);
	assert_int_equal(weirt_last(&bench)->drop.packets, 1);
	assert_error(weirt_last(&bench), 1);
	weirt_bench_done(&bench);
}

static void connect_that_succeeds_after_all_says_it_too(void **state)
{
	struct weirt_bench bench;

	(void)state;
	weirt_bench_init(&bench, 0);
	tell(&bench, about_syn(&bench));
	weirt_wait(&bench, WEIR_NS_PER_SEC);
	put(&bench, weirt_tcp(C, OPEN, bench.now));
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "O");
	assert_error(weirt_last(&bench), 1);
	weirt_bench_done(&bench);
}

static void exchange_says_it_with_either_end_offended(void **state)
{
	struct weir_drop_input about_answer;
	struct weirt_bench bench;

	(void)state;
	weirt_bench_init(&bench, 0);
	put(&bench, weirt_udp(C, OPEN, bench.now));
	tell(&bench, error(&bench, IPPROTO_UDP, 1));
	weirt_wait(&bench, WEIRT_MS(21));
	assert_string_equal(weirt_states(&bench), "O");
	assert_error(weirt_last(&bench), 1);
	assert_int_equal(weirt_last(&bench)->verdict, WEIR_VERDICT_UNKNOWN);
	about_answer = error(&bench, IPPROTO_UDP, 5);
	about_answer.source = weirt_addr(10, 0, 0, 2);
	about_answer.source_port = 80;
	about_answer.destination = weirt_addr(10, 0, 0, 1);
	about_answer.destination_port = 40000;
	tell(&bench, about_answer);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OA");
	assert_error(weirt_last(&bench), 6);
	/* What sweeps are still to tell is waited for. */
	put(&bench, weirt_udp(C, CLOSE, bench.now));
	weirt_wait(&bench, WEIRT_MS(500));
	tell(&bench, error(&bench, IPPROTO_UDP, 94));
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OAC");
	assert_error(weirt_last(&bench), 100);
	weirt_bench_done(&bench);
}

static void one_error_at_two_links_is_one(void **state)
{
	struct weir_drop_input again;
	struct weirt_bench bench;

	(void)state;
	weirt_bench_init(&bench, 0);
	put(&bench, weirt_udp(C, OPEN, bench.now));
	tell(&bench, error(&bench, IPPROTO_UDP, 3));
	again = error(&bench, IPPROTO_UDP, 3);
	again.icmp_at = WEIR_ICMP_TO_POD;
	again.icmp.sender = weirt_addr(10, 96, 0, 1);
	tell(&bench, again);
	weirt_settle(&bench);
	assert_error(weirt_last(&bench), 3);
	weirt_bench_done(&bench);
}

static void established_connection_says_it_in_its_next_record(void **state)
{
	struct weirt_bench bench;

	(void)state;
	weirt_bench_init(&bench, 0);
	put(&bench, weirt_tcp(C, OPEN, bench.now));
	put(&bench, weirt_tcp(S, OPEN, bench.now));
	weirt_wait(&bench, WEIRT_MS(21));
	tell(&bench, error(&bench, IPPROTO_TCP, 2));
	weirt_wait(&bench, WEIRT_MS(600));
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OA");
	assert_error(weirt_last(&bench), 2);
	assert_int_equal(weirt_last(&bench)->verdict, WEIR_VERDICT_FORWARDED);
	put(&bench, weirt_tcp(C, CLOSE, bench.now));
	put(&bench, weirt_tcp(S, CLOSE, bench.now));
	weirt_settle(&bench);
	assert_error(weirt_last(&bench), 2);
	weirt_bench_done(&bench);
}

/* conntrack's entry of the client behind this node's address, as the error has it. */
static void established_connection_is_found_behind_a_masquerade(void **state)
{
	struct weir_correlate_opts opts = { .sink = weirt_keep };
	struct weir_conntrack_entry entry = {
		.original = { weirt_addr(10, 0, 0, 1), weirt_addr(10, 0, 0, 2), 40000, 80 },
		.reply = { weirt_addr(10, 0, 0, 2), weirt_addr(192, 0, 2, 1), 80, 50000 },
		.protocol = IPPROTO_TCP,
	};
	struct weir_nat_opts nat_opts = { 0 };
	struct weir_nat *nat = NULL;
	struct weir_drop_input in;
	struct weirt_bench bench;

	(void)state;
	weirt_bench_init(&bench, 0);
	weir_correlate_free(&bench.corr);
	assert_int_equal(weir_nat_new(&nat_opts, &nat), 0);
	weir_nat_add(nat, &entry, WEIRT_T0 - 1, WEIRT_T0);
	opts.ctx = &bench;
	opts.nat = nat;
	assert_int_equal(weir_correlate_new(&opts, &bench.corr), 0);
	put(&bench, weirt_tcp(C, OPEN, bench.now));
	in = error(&bench, IPPROTO_TCP, 2);
	in.source = weirt_addr(192, 0, 2, 1);
	in.source_port = 50000;
	tell(&bench, in);
	weirt_wait(&bench, WEIRT_MS(600));
	weirt_wait(&bench, WEIRT_MS(600));
	weirt_settle(&bench);
	assert_error(weirt_last(&bench), 2);
	assert_int_equal(weirt_stats(&bench).icmp_unmatched, 0);
	weirt_bench_done(&bench);
	weir_nat_free(&nat);
}

static void error_of_no_known_connection_is_counted_and_no_record(void **state)
{
	struct weir_drop_input in;
	struct weirt_bench bench;

	(void)state;
	weirt_bench_init(&bench, 0);
	put(&bench, weirt_udp(C, OPEN, bench.now));
	weirt_wait(&bench, WEIRT_MS(21));
	in = error(&bench, IPPROTO_UDP, 1);
	in.destination_port = 81;
	tell(&bench, in);
	in.packets = 0;
	in.kind = CLOSE;
	tell(&bench, in);
	tell(&bench, error(&bench, IPPROTO_TCP, 1));
	tell(&bench, error(&bench, IPPROTO_SCTP, 1));
	tell(&bench, error(&bench, IPPROTO_ICMP, 1));
	weirt_wait(&bench, WEIRT_MS(600));
	weirt_wait(&bench, WEIRT_MS(600));
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "O");
	assert_error(weirt_last(&bench), 0);
	assert_int_equal(weirt_stats(&bench).icmp_unmatched, 4);
	weirt_bench_done(&bench);
}

static void flood_of_unknown_ones_leaves_room_for_drops(void **state)
{
	struct weir_drop_input in, drop;
	struct weirt_bench bench;

	(void)state;
	weirt_bench_init(&bench, 0);
	put(&bench, weirt_tcp(C, OPEN, bench.now));
	for (int i = 0; i < 3 * WAITING_MAX; i++) {
		in = error(&bench, IPPROTO_TCP, 1);
		in.source = weirt_addr(10, 9, (uint8_t)(i >> 8), (uint8_t)i);
		tell(&bench, in);
	}
	assert_int_equal(weirt_stats(&bench).icmp_unmatched, 2 * WAITING_MAX);
	drop = error(&bench, IPPROTO_TCP, 1);
	drop.icmp = (struct weir_icmp_error){ 0 };
	tell(&bench, drop);
	weirt_wait(&bench, WEIRT_MS(600));
	weirt_wait(&bench, WEIRT_MS(600));
	weirt_settle(&bench);
	assert_int_equal(weirt_last(&bench)->drop.packets, 1);
	assert_error(weirt_last(&bench), 0);
	assert_int_equal(weirt_stats(&bench).icmp_unmatched, 3 * WAITING_MAX);
	weirt_bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connect_that_fails_says_it_at_its_end_without_a_verdict),
		cmocka_unit_test(drop_after_its_error_is_noticed_as_it_would_be_alone),
		cmocka_unit_test(connect_that_succeeds_after_all_says_it_too),
		cmocka_unit_test(exchange_says_it_with_either_end_offended),
		cmocka_unit_test(one_error_at_two_links_is_one),
		cmocka_unit_test(established_connection_says_it_in_its_next_record),
		cmocka_unit_test(established_connection_is_found_behind_a_masquerade),
		cmocka_unit_test(error_of_no_known_connection_is_counted_and_no_record),
		cmocka_unit_test(flood_of_unknown_ones_leaves_room_for_drops),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
