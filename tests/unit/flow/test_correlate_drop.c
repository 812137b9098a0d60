/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel dropped, and whose it was. */
#include "tests/unit/flow/fixture.h"

#define C WEIR_ROLE_CLIENT
#define S WEIR_ROLE_SERVER
#define OPEN WEIR_INPUT_OPEN
#define UPDATE WEIR_INPUT_UPDATE
#define CLOSE WEIR_INPUT_CLOSE

#define ISN 1111
#define SYN 0x02
#define SYN_ACK 0x12
#define REASON 77
#define PLACE 0xffffffff81000010ULL
#define DROPS_MAX 16384

/* The SYN that weirt_tcp()'s client sends; 10.96.0.1:443 is a Service's address, 10.0.0.2:80 its pod. */
static struct weir_drop_input syn(const struct weirt_bench *bench, enum weir_input_kind kind,
				  uint64_t packets)
{
	return (struct weir_drop_input){
		.kind = kind,
		.protocol = IPPROTO_TCP,
		.tcp_flags = SYN,
		.source = weirt_addr(10, 0, 0, 1),
		.destination = weirt_addr(10, 0, 0, 2),
		.source_port = 40000,
		.destination_port = 80,
		.isn = ISN,
		.netns = 603,
		.reason = REASON,
		.place = PLACE,
		.packets = packets,
		.time_ns = bench->now,
	};
}

static struct weir_drop_input named_syn(const struct weirt_bench *bench)
{
	struct weir_drop_input in = syn(bench, OPEN, 1);

	in.client = weirt_tcp(C, OPEN, bench->now).end;
	in.asked = weirt_addr(10, 96, 0, 1);
	in.asked_port = 443;
	in.opened_ns = bench->now - 1000;
	return in;
}

static struct weir_drop_input datagram(const struct weirt_bench *bench, enum weir_input_kind kind,
				       uint64_t packets)
{
	struct weir_drop_input in = syn(bench, kind, packets);

	in.protocol = IPPROTO_UDP;
	in.tcp_flags = 0;
	in.isn = 0;
	return in;
}

/* The end of a connect() that was never answered. */
static struct weir_flow_input failed(const struct weirt_bench *bench, enum weir_end_reason reason)
{
	struct weir_flow_input in = weirt_tcp(C, CLOSE, bench->now);

	in.established = false;
	in.established_ns = 0;
	in.isn_remote = 0;
	in.remote = in.asked = weirt_addr(10, 96, 0, 1);
	in.remote_port = in.asked_port = 443;
	in.end_reason = reason;
	return in;
}

static void put_drop(struct weirt_bench *bench, const struct weir_drop_input in)
{
	assert_int_equal(weir_correlate_drop(bench->corr, &in, bench->now), 0);
	weirt_stats(bench);
}

static void put(struct weirt_bench *bench, const struct weir_flow_input in)
{
	weirt_put(bench, &in);
}

static void assert_dropped(const struct weir_flow *flow, uint64_t packets)
{
	assert_int_equal(flow->verdict, WEIR_VERDICT_DROPPED);
	assert_int_equal(flow->drop.reason, REASON);
	assert_true(flow->drop.place == PLACE);
	assert_int_equal(flow->drop.packets, packets);
}

static void connect_that_goes_on_gets_one_notice(void **state)
{
	struct weirt_bench bench;
	const struct weir_flow *flow;
	struct weir_addr asked = weirt_addr(10, 96, 0, 1), backend = weirt_addr(10, 0, 0, 2);
	uint64_t id;

	(void)state;
	weirt_bench_init(&bench, 0);
	put_drop(&bench, named_syn(&bench));
	assert_int_equal(bench.count, 0);
	weirt_wait(&bench, WEIRT_MS(21));
	assert_int_equal(bench.count, 1);
	flow = weirt_last(&bench);
	assert_int_equal(flow->state, WEIR_STATE_NOTICE);
	assert_dropped(flow, 1);
	assert_int_equal(flow->source.cookie, 71);
	assert_int_equal(flow->source.pid, 801);
	assert_true(flow->direction_known);
	assert_int_equal(flow->direction, WEIR_DIRECTION_EGRESS);
	assert_true(weir_addr_eq(&flow->asked_addr, &asked));
	assert_true(weir_addr_eq(&flow->destination_addr, &backend));
	id = flow->id;

	/* Its retransmits are not told one by one, */
	for (int i = 0; i < 3; i++) {
		weirt_wait(&bench, WEIR_NS_PER_SEC);
		put_drop(&bench, syn(&bench, UPDATE, 1));
	}
	weirt_settle(&bench);
	assert_int_equal(bench.count, 1);
	/* but its last record has all, and the same id. */
	put(&bench, failed(&bench, WEIR_END_TIMEOUT));
	assert_int_equal(bench.count, 2);
	flow = weirt_last(&bench);
	assert_int_equal(flow->state, WEIR_STATE_CLOSED);
	assert_int_equal(flow->end_reason, WEIR_END_TIMEOUT);
	assert_dropped(flow, 4);
	assert_true(flow->id == id);
	assert_true(weir_addr_eq(&flow->destination_addr, &backend));
	assert_int_equal(flow->destination_port, 80);
	assert_int_equal(flow->asked_port, 443);
	weirt_bench_done(&bench);
}

static void reason_is_the_latest_drops_not_the_latest_words(void **state)
{
	struct weir_drop_input late;
	struct weirt_bench bench;

	(void)state;
	weirt_bench_init(&bench, 0);
	put_drop(&bench, named_syn(&bench));
	late = syn(&bench, UPDATE, 2);
	late.time_ns -= 1;
	late.reason = REASON + 1;
	late.place = PLACE + 1;
	put_drop(&bench, late);
	weirt_wait(&bench, WEIRT_MS(21));
	assert_int_equal(bench.count, 1);
	assert_dropped(weirt_last(&bench), 3);
	weirt_bench_done(&bench);
}

static void connect_that_is_over_at_once_is_one_record(void **state)
{
	struct weirt_bench bench;

	(void)state;
	weirt_bench_init(&bench, 0);
	put_drop(&bench, named_syn(&bench));
	weirt_wait(&bench, WEIRT_MS(5));
	put(&bench, failed(&bench, WEIR_END_REFUSED));
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "C");
	assert_dropped(weirt_last(&bench), 1);
	weirt_bench_done(&bench);
}

static void failed_connect_of_which_nothing_was_dropped_stays_unknown(void **state)
{
	struct weirt_bench bench;
	struct weir_drop_input other;

	(void)state;
	weirt_bench_init(&bench, 0);
	other = named_syn(&bench);
	other.isn = ISN + 1;
	put_drop(&bench, other);
	put(&bench, failed(&bench, WEIR_END_TIMEOUT));
	assert_int_equal(weirt_last(&bench)->verdict, WEIR_VERDICT_UNKNOWN);
	assert_int_equal(weirt_last(&bench)->drop.packets, 0);
	weirt_bench_done(&bench);
}

/* The SYN-ACK goes from the server to the client, and the client is still the source. */
static void dropped_answer_is_the_clients(void **state)
{
	struct weir_addr client = weirt_addr(10, 0, 0, 1);
	struct weirt_bench bench;
	struct weir_drop_input in;
	uint64_t id;

	(void)state;
	weirt_bench_init(&bench, 0);
	in = named_syn(&bench);
	in.tcp_flags = SYN_ACK;
	in.source = weirt_addr(10, 0, 0, 2);
	in.destination = client;
	in.source_port = 80;
	in.destination_port = 40000;
	put_drop(&bench, in);
	weirt_wait(&bench, WEIRT_MS(21));
	assert_dropped(weirt_last(&bench), 1);
	assert_true(weir_addr_eq(&weirt_last(&bench)->source_addr, &client));
	assert_int_equal(weirt_last(&bench)->source_port, 40000);
	id = weirt_last(&bench)->id;
	put(&bench, failed(&bench, WEIR_END_TIMEOUT));
	assert_true(weirt_last(&bench)->id == id);
	weirt_bench_done(&bench);
}

static void connect_that_succeeds_later_says_what_was_dropped(void **state)
{
	struct weirt_bench bench;

	(void)state;
	weirt_bench_init(&bench, 0);
	put_drop(&bench, named_syn(&bench));
	put(&bench, weirt_tcp(C, OPEN, bench.now));
	put(&bench, weirt_tcp(S, OPEN, bench.now));
	weirt_wait(&bench, WEIRT_MS(21));
	assert_string_equal(weirt_states(&bench), "O");
	assert_int_equal(weirt_last(&bench)->verdict, WEIR_VERDICT_FORWARDED);
	assert_int_equal(weirt_last(&bench)->drop.packets, 1);
	weirt_wait(&bench, 120 * WEIR_NS_PER_SEC);
	put(&bench, weirt_tcp(C, CLOSE, bench.now));
	put(&bench, weirt_tcp(S, CLOSE, bench.now));
	assert_int_equal(weirt_last(&bench)->state, WEIR_STATE_CLOSED);
	assert_int_equal(weirt_last(&bench)->verdict, WEIR_VERDICT_FORWARDED);
	assert_int_equal(weirt_last(&bench)->drop.packets, 1);
	/* The next with the same number, a long time after, is another's. */
	put(&bench, failed(&bench, WEIR_END_TIMEOUT));
	assert_int_equal(weirt_last(&bench)->drop.packets, 0);
	weirt_bench_done(&bench);
}

static void client_elsewhere_gets_notices_as_long_as_more_is_dropped(void **state)
{
	struct weirt_bench bench;

	(void)state;
	weirt_bench_init(&bench, 0);
	put_drop(&bench, syn(&bench, OPEN, 1));
	weirt_wait(&bench, WEIRT_MS(21));
	assert_int_equal(bench.count, 1);
	assert_dropped(weirt_last(&bench), 1);
	assert_int_equal(weirt_last(&bench)->source.cookie, 0);
	assert_int_equal(weirt_last(&bench)->direction, WEIR_DIRECTION_UNKNOWN);
	assert_true(weirt_last(&bench)->direction_known);
	put_drop(&bench, syn(&bench, UPDATE, 5));
	assert_int_equal(bench.count, 2);
	assert_dropped(weirt_last(&bench), 6);
	assert_true(bench.flows[0].id == bench.flows[1].id);
	put_drop(&bench, syn(&bench, CLOSE, 0));
	assert_int_equal(bench.count, 2);
	/* Forgotten: it is counted from the start. */
	put_drop(&bench, syn(&bench, OPEN, 1));
	weirt_settle(&bench);
	assert_dropped(weirt_last(&bench), 1);
	weirt_bench_done(&bench);
}

static void last_packets_of_an_idle_drop_are_told(void **state)
{
	struct weirt_bench bench;

	(void)state;
	weirt_bench_init(&bench, 0);
	put_drop(&bench, datagram(&bench, OPEN, 1));
	put_drop(&bench, datagram(&bench, CLOSE, 9));
	weirt_settle(&bench);
	assert_int_equal(bench.count, 1);
	assert_dropped(weirt_last(&bench), 10);
	assert_false(weirt_last(&bench)->direction_known);
	weirt_bench_done(&bench);
}

static void exchange_is_dropped_until_something_arrives(void **state)
{
	struct weirt_bench bench;
	struct weir_flow_input in;

	(void)state;
	weirt_bench_init(&bench, 0);
	in = weirt_udp(C, OPEN, bench.now);
	weirt_counts(&in, 100, 0);
	put(&bench, in);
	put_drop(&bench, datagram(&bench, OPEN, 1));
	weirt_wait(&bench, WEIRT_MS(21));
	assert_string_equal(weirt_states(&bench), "O");
	assert_dropped(weirt_last(&bench), 1);
	assert_int_equal(weirt_last(&bench)->source.cookie, 71);
	/* More of it is a record of its own, for the sender may send nothing else. */
	put_drop(&bench, datagram(&bench, UPDATE, 64000));
	weirt_wait(&bench, WEIRT_MS(21));
	assert_string_equal(weirt_states(&bench), "OA");
	assert_dropped(weirt_last(&bench), 64001);
	in = weirt_udp(C, UPDATE, bench.now);
	weirt_counts(&in, 200, 100);
	put(&bench, in);
	weirt_wait(&bench, WEIRT_MS(21));
	assert_int_equal(weirt_last(&bench)->verdict, WEIR_VERDICT_FORWARDED);
	assert_int_equal(weirt_last(&bench)->drop.packets, 64001);
	in = weirt_udp(C, CLOSE, bench.now);
	weirt_counts(&in, 200, 100);
	put(&bench, in);
	weirt_wait(&bench, WEIRT_MS(900));
	assert_string_equal(weirt_states(&bench), "OAA");
	put_drop(&bench, datagram(&bench, UPDATE, 9));
	weirt_wait(&bench, WEIRT_MS(101));
	assert_string_equal(weirt_states(&bench), "OAAC");
	assert_int_equal(weirt_last(&bench)->drop.packets, 64010);
	assert_true(weirt_last(&bench)->id == bench.flows[0].id);
	weirt_bench_done(&bench);
}

/* The answer is dropped on its way to the client: still the same exchange. */
static void dropped_answer_of_an_exchange_is_its_own(void **state)
{
	struct weirt_bench bench;
	struct weir_flow_input in;
	struct weir_drop_input drop;

	(void)state;
	weirt_bench_init(&bench, 0);
	in = weirt_udp(C, OPEN, bench.now);
	weirt_counts(&in, 100, 0);
	put(&bench, in);
	drop = datagram(&bench, OPEN, 1);
	drop.source = weirt_addr(10, 0, 0, 2);
	drop.destination = weirt_addr(10, 0, 0, 1);
	drop.source_port = 80;
	drop.destination_port = 40000;
	put_drop(&bench, drop);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "O");
	assert_dropped(weirt_last(&bench), 1);
	weirt_bench_done(&bench);
}

static bool translates(void *ctx, const struct weir_addr *asked, uint16_t asked_port,
		       const struct weir_addr *backend, uint16_t backend_port, uint8_t protocol,
		       uint64_t when_ns)
{
	return asked->bytes[13] == 96 && (!backend || backend_port == 80);
}

static void translated_exchange_is_found_by_its_client(void **state)
{
	struct weirt_bench bench;
	struct weir_flow_input in;
	struct weir_correlate_opts opts = {
		.sink = weirt_keep,
		.translates = translates,
		.ctx = &bench,
	};

	(void)state;
	memset(&bench, 0, sizeof(bench));
	bench.now = WEIRT_T0;
	assert_int_equal(weir_correlate_new(&opts, &bench.corr), 0);
	in = weirt_udp(C, OPEN, bench.now);
	in.remote = in.asked = weirt_addr(10, 96, 0, 1);
	in.remote_port = in.asked_port = 53;
	weirt_counts(&in, 100, 0);
	put(&bench, in);
	put_drop(&bench, datagram(&bench, OPEN, 1));
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "O");
	assert_dropped(weirt_last(&bench), 1);
	weirt_bench_done(&bench);
}

static size_t notices;

static void count_notice(void *ctx, const struct weir_flow *flow)
{
	assert_int_equal(flow->state, WEIR_STATE_NOTICE);
	notices++;
}

/* One more than there is room for: the oldest is told and forgotten, and none is lost. */
static void more_than_there_is_room_for_are_all_told(void **state)
{
	struct weir_correlate_opts opts = { .sink = count_notice };
	struct weirt_bench bench = { .now = WEIRT_T0 };
	struct weir_correlate_stats stats;

	(void)state;
	notices = 0;
	assert_int_equal(weir_correlate_new(&opts, &bench.corr), 0);
	for (uint32_t i = 0; i < DROPS_MAX + 100; i++) {
		struct weir_drop_input in = syn(&bench, OPEN, 1);

		in.isn = i + 1;
		put_drop(&bench, in);
	}
	assert_int_equal(notices, 100);
	weir_correlate_flush(bench.corr, bench.now);
	assert_int_equal(notices, DROPS_MAX + 100);
	stats = weirt_stats(&bench);
	assert_int_equal(stats.pending, 0);
	assert_int_equal(stats.records[WEIR_STATE_NOTICE], DROPS_MAX + 100);
	assert_int_equal(stats.evicted, 100);
	weirt_bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connect_that_goes_on_gets_one_notice),
		cmocka_unit_test(reason_is_the_latest_drops_not_the_latest_words),
		cmocka_unit_test(connect_that_is_over_at_once_is_one_record),
		cmocka_unit_test(failed_connect_of_which_nothing_was_dropped_stays_unknown),
		cmocka_unit_test(dropped_answer_is_the_clients),
		cmocka_unit_test(connect_that_succeeds_later_says_what_was_dropped),
		cmocka_unit_test(client_elsewhere_gets_notices_as_long_as_more_is_dropped),
		cmocka_unit_test(last_packets_of_an_idle_drop_are_told),
		cmocka_unit_test(exchange_is_dropped_until_something_arrives),
		cmocka_unit_test(dropped_answer_of_an_exchange_is_its_own),
		cmocka_unit_test(translated_exchange_is_found_by_its_client),
		cmocka_unit_test(more_than_there_is_room_for_are_all_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
