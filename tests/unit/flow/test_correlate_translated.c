/* SPDX-License-Identifier: Apache-2.0 */
/* UDP exchanges with a Service, whose packets are translated after they have left the socket. */
#include "tests/unit/flow/fixture.h"

#define C WEIR_ROLE_CLIENT
#define S WEIR_ROLE_SERVER
#define OPEN WEIR_INPUT_OPEN
#define UPDATE WEIR_INPUT_UPDATE
#define CLOSE WEIR_INPUT_CLOSE

#define DNS_PORT 53
#define BACKENDS 2

/*
 * 10.96.0.N, N in 10..12, are Services, all port 53. 10.0.0.2 and 10.0.0.3 port 5353 serve the
 * first two; the third has none.
 */
static bool translates(void *ctx, const struct weir_addr *asked, uint16_t asked_port,
		       const struct weir_addr *backend, uint16_t backend_port, uint8_t protocol,
		       uint64_t when_ns)
{
	assert_int_equal(protocol, IPPROTO_UDP);
	assert_true(when_ns >= WEIRT_T0);
	assert_non_null(ctx);
	if (asked->bytes[13] != 96 || asked_port != DNS_PORT)
		return false;
	if (!backend)
		return true;
	return asked->bytes[15] < 12 && backend_port == 5353 && backend->bytes[13] == 0 &&
	       (backend->bytes[15] == 2 || backend->bytes[15] == 3);
}

static void init(struct weirt_bench *bench, size_t max_connections)
{
	struct weir_correlate_opts opts = {
		.max_connections = max_connections,
		.sink = weirt_keep,
		.translates = translates,
		.ctx = bench,
	};

	memset(bench, 0, sizeof(*bench));
	bench->now = WEIRT_T0;
	assert_int_equal(weir_correlate_new(&opts, &bench->corr), 0);
}

/* The end of 10.0.0.1:40000 that asks Service 10.96.0.@service. */
static struct weir_flow_input client(const struct weirt_bench *bench, uint8_t service,
				     enum weir_input_kind kind, uint64_t tx, uint64_t rx)
{
	struct weir_flow_input in = weirt_udp(C, kind, bench->now);

	in.remote = in.asked = weirt_addr(10, 96, 0, service);
	in.remote_port = in.asked_port = DNS_PORT;
	if (kind == OPEN)
		in.opened_ns = bench->now;
	weirt_counts(&in, tx, rx);
	return in;
}

/* The end of 10.0.0.@backend:5353 that hears of it. */
static struct weir_flow_input server(const struct weirt_bench *bench, uint8_t backend,
				     enum weir_input_kind kind, uint64_t tx, uint64_t rx)
{
	struct weir_flow_input in = weirt_udp(S, kind, bench->now);

	in.local = weirt_addr(10, 0, 0, backend);
	in.local_port = 5353;
	in.end.cookie = 70 + (uint64_t)backend;
	if (kind == OPEN)
		in.opened_ns = bench->now;
	weirt_counts(&in, tx, rx);
	return in;
}

static void put_client(struct weirt_bench *bench, enum weir_input_kind kind, uint64_t tx,
		       uint64_t rx)
{
	struct weir_flow_input in = client(bench, 10, kind, tx, rx);

	weirt_put(bench, &in);
}

static void put_server(struct weirt_bench *bench, uint8_t backend, enum weir_input_kind kind,
		       uint64_t tx, uint64_t rx)
{
	struct weir_flow_input in = server(bench, backend, kind, tx, rx);

	weirt_put(bench, &in);
}

static void check_flow(const struct weir_flow *flow, uint8_t service, uint8_t backend,
		       uint64_t server_cookie)
{
	struct weir_addr asked = weirt_addr(10, 96, 0, service);
	struct weir_addr destination = weirt_addr(10, 0, 0, backend);

	assert_true(weir_addr_eq(&flow->asked_addr, &asked));
	assert_int_equal(flow->asked_port, DNS_PORT);
	if (!backend)
		destination = asked;
	assert_true(weir_addr_eq(&flow->destination_addr, &destination));
	assert_int_equal(flow->destination_port, backend ? 5353 : DNS_PORT);
	assert_int_equal(flow->destination.cookie, server_cookie);
	assert_int_equal(flow->direction, WEIR_DIRECTION_EGRESS);
}

static void ends_join_through_the_translation(void **state)
{
	struct weirt_bench bench;

	init(&bench, 0);
	put_client(&bench, OPEN, 30, 0);
	put_server(&bench, 2, OPEN, 0, 30);
	weirt_wait(&bench, WEIRT_MS(20));
	assert_string_equal(weirt_states(&bench), "O");
	check_flow(weirt_last(&bench), 10, 2, 72);
	assert_int_equal(weirt_last(&bench)->verdict, WEIR_VERDICT_FORWARDED);
	/* What either says later is found under the same name. */
	put_client(&bench, UPDATE, 60, 90);
	put_server(&bench, 2, UPDATE, 90, 60);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OA");
	assert_int_equal(weirt_stats(&bench).live, 1);
	put_client(&bench, CLOSE, 60, 120);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OAC");
	check_flow(weirt_last(&bench), 10, 2, 72);
	assert_int_equal(weirt_last(&bench)->bytes_sent, 60);
	assert_int_equal(weirt_last(&bench)->bytes_received, 120);
	assert_int_equal(weirt_last(&bench)->end_reason, WEIR_END_SOCKET_CLOSED);
	assert_true(weirt_last(&bench)->id == bench.flows[0].id);
	assert_int_equal(weirt_stats(&bench).tombstones, 1);
	/* The server's end is absorbed. */
	put_server(&bench, 2, UPDATE, 120, 60);
	put_server(&bench, 2, CLOSE, 120, 60);
	weirt_settle(&bench);
	assert_int_equal(bench.count, 3);
	assert_int_equal(weirt_stats(&bench).joined, 1);
	assert_int_equal(weirt_stats(&bench).absorbed, 2);
	assert_int_equal(weirt_stats(&bench).tombstones, 0);
	assert_int_equal(weirt_stats(&bench).live, 0);
	weirt_bench_done(&bench);
}

static void server_first_heard_after_the_first_record_is_named(void **state)
{
	struct weirt_bench bench;

	init(&bench, 0);
	put_client(&bench, OPEN, 30, 0);
	weirt_settle(&bench);
	check_flow(weirt_last(&bench), 10, 0, 0);
	put_server(&bench, 3, UPDATE, 0, 30);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OA");
	check_flow(weirt_last(&bench), 10, 3, 73);
	put_client(&bench, CLOSE, 30, 0);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OAC");
	weirt_bench_done(&bench);
}

static void server_heard_within_the_hold_of_a_closed_client_joins(void **state)
{
	struct weirt_bench bench;

	init(&bench, 0);
	put_client(&bench, OPEN, 30, 0);
	put_client(&bench, CLOSE, 30, 40);
	weirt_wait(&bench, WEIRT_MS(10));
	put_server(&bench, 2, OPEN, 0, 30);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "C");
	check_flow(weirt_last(&bench), 10, 2, 72);
	assert_int_equal(weirt_last(&bench)->bytes_received, 40);
	put_server(&bench, 2, CLOSE, 40, 30);
	weirt_settle(&bench);
	assert_int_equal(bench.count, 1);
	weirt_bench_done(&bench);
}

static void two_clients_with_one_port_join_each_its_own(void **state)
{
	struct weirt_bench bench;

	init(&bench, 0);
	for (uint8_t i = 0; i < 4; i++) {
		struct weir_flow_input in;
		struct weir_addr pod = weirt_addr(10, 0, 1, 1 + i % 2);

		in = i < 2 ? client(&bench, 10, OPEN, 10 + i, 0)
			   : server(&bench, i, OPEN, 0, 8 + i);
		*(i < 2 ? &in.local : &in.remote) = pod;
		if (i < 2)
			in.end.cookie = 171 + i;
		weirt_put(&bench, &in);
	}
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OO");
	for (uint8_t i = 0; i < 2; i++) {
		check_flow(&bench.flows[i], 10, 2 + i, 72 + i);
		assert_int_equal(bench.flows[i].source.cookie, 171 + i);
		assert_int_equal(bench.flows[i].bytes_sent, 10 + i);
	}
	weirt_bench_done(&bench);
}

static void one_socket_that_asks_two_services_has_two_exchanges(void **state)
{
	struct weirt_bench bench;
	struct weir_flow_input in;

	init(&bench, 0);
	for (uint8_t i = 0; i < 2; i++) {
		in = client(&bench, 10 + i, OPEN, 10 + i, 0);
		weirt_put(&bench, &in);
		put_server(&bench, 2 + i, OPEN, 0, 10 + i);
	}
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OO");
	for (uint8_t i = 0; i < 2; i++) {
		in = client(&bench, 10 + i, CLOSE, 20 + i, 0);
		weirt_put(&bench, &in);
	}
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OOCC");
	for (uint8_t i = 0; i < 4; i++) {
		check_flow(&bench.flows[i], 10 + i % 2, 2 + i % 2, 72 + i % 2);
		assert_int_equal(bench.flows[i].bytes_sent, (i < 2 ? 10 : 20) + i % 2);
	}
	weirt_bench_done(&bench);
}

static void end_that_fits_two_joins_neither(void **state)
{
	struct weirt_bench bench;
	struct weir_flow_input in;

	init(&bench, 0);
	for (uint8_t i = 0; i < 2; i++) {
		in = client(&bench, 10 + i, OPEN, 10 + i, 0);
		weirt_put(&bench, &in);
	}
	put_server(&bench, 2, OPEN, 0, 10);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OOO");
	check_flow(&bench.flows[0], 10, 0, 0);
	check_flow(&bench.flows[1], 11, 0, 0);
	assert_int_equal(bench.flows[2].source.cookie, 0);
	assert_int_equal(weirt_stats(&bench).joined, 0);
	/* It stays so when one of the two is gone: nothing says that it was the other. */
	in = client(&bench, 11, CLOSE, 11, 0);
	weirt_put(&bench, &in);
	weirt_settle(&bench);
	put_server(&bench, 2, UPDATE, 0, 20);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OOOCA");
	assert_int_equal(weirt_stats(&bench).joined, 0);
	weirt_bench_done(&bench);
}

static void end_that_is_no_backend_stays_apart(void **state)
{
	static const struct {
		const char *name;
		uint8_t service, backend;
		uint16_t client_port, server_port;
		int64_t heard_ns;  /* after the client's OPEN */
	} cases[] = {
		{ "no endpoint of that Service", 12, 2, 40000, 5353, 1 },
		{ "not its address", 10, 4, 40000, 5353, 1 },
		{ "not its port", 10, 2, 40000, 5354, 1 },
		{ "another client's port", 10, 2, 40001, 5353, 1 },
		{ "heard last before the client asked", 10, 2, 40000, 5353, -1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weirt_bench bench;
		struct weir_flow_input in;

		print_message("# %s\n", cases[i].name);
		init(&bench, 0);
		bench.now += WEIR_NS_PER_SEC;
		in = client(&bench, cases[i].service, OPEN, 30, 0);
		weirt_put(&bench, &in);
		in = server(&bench, cases[i].backend, UPDATE, 0, 30);
		in.local_port = cases[i].server_port;
		in.remote_port = cases[i].client_port;
		in.time_ns = bench.now + (uint64_t)cases[i].heard_ns;
		weirt_put(&bench, &in);
		weirt_settle(&bench);
		assert_string_equal(weirt_states(&bench), "OA");
		check_flow(&bench.flows[0], cases[i].service, 0, 0);
		assert_int_equal(weirt_stats(&bench).joined, 0);
		assert_int_equal(weirt_stats(&bench).live, 2);
		weirt_bench_done(&bench);
	}
}

static void server_first_makes_two_records_of_each_state(void **state)
{
	struct weirt_bench bench;

	init(&bench, 0);
	put_server(&bench, 2, OPEN, 0, 30);
	put_client(&bench, OPEN, 30, 0);
	weirt_settle(&bench);
	put_server(&bench, 2, UPDATE, 40, 30);
	put_client(&bench, UPDATE, 30, 40);
	weirt_settle(&bench);
	put_client(&bench, CLOSE, 30, 40);
	put_server(&bench, 2, CLOSE, 40, 30);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OOAACC");
	assert_int_equal(weirt_stats(&bench).joined, 0);
	assert_int_equal(weirt_stats(&bench).live, 0);
	assert_int_equal(weirt_stats(&bench).tombstones, 0);
	weirt_bench_done(&bench);
}

/* The server's end of the first exchange lives on, so it does not begin anew. */
static void port_used_again_is_known_to_go_to_the_same_backend(void **state)
{
	static const struct {
		const char *name;
		uint64_t after_ms;
		uint8_t want;
	} cases[] = {
		{ "while the first is held", 10, 2 },
		{ "after it", 5000, 2 },
		{ "just within the time", 29990, 2 },
		{ "too late", 30010, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weirt_bench bench;
		struct weir_flow_input in;

		print_message("# %s\n", cases[i].name);
		init(&bench, 0);
		put_client(&bench, OPEN, 30, 0);
		put_server(&bench, 2, OPEN, 0, 30);
		put_client(&bench, CLOSE, 30, 40);
		weirt_wait(&bench, WEIRT_MS(cases[i].after_ms));
		for (int kind = OPEN; kind <= CLOSE; kind += CLOSE - OPEN) {
			in = client(&bench, 10, kind, 7, 8);
			in.opened_ns = bench.now;
			in.end.cookie = 171;
			weirt_put(&bench, &in);
		}
		weirt_settle(&bench);
		put_server(&bench, 2, UPDATE, 48, 37);
		put_server(&bench, 2, CLOSE, 48, 37);
		weirt_settle(&bench);
		assert_string_equal(weirt_states(&bench), "CC");
		check_flow(&bench.flows[0], 10, 2, 72);
		check_flow(&bench.flows[1], 10, cases[i].want, 0);
		assert_int_equal(bench.flows[1].source.cookie, 171);
		assert_int_equal(bench.flows[1].bytes_sent, 7);
		assert_int_equal(bench.flows[1].bytes_received, 8);
		assert_int_equal(bench.flows[1].verdict, WEIR_VERDICT_FORWARDED);
		assert_true(bench.flows[0].id != bench.flows[1].id);
		assert_int_equal(weirt_stats(&bench).live, 0);
		weirt_bench_done(&bench);
	}
}

static void port_used_again_believes_the_backend_that_answers(void **state)
{
	struct weirt_bench bench;
	struct weir_flow_input in;

	init(&bench, 0);
	put_client(&bench, OPEN, 30, 0);
	put_server(&bench, 2, OPEN, 0, 30);
	put_client(&bench, CLOSE, 30, 40);
	weirt_wait(&bench, WEIRT_MS(100));
	in = client(&bench, 10, OPEN, 7, 0);
	in.end.cookie = 171;
	weirt_put(&bench, &in);
	put_server(&bench, 3, OPEN, 0, 7);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "CO");
	check_flow(weirt_last(&bench), 10, 3, 73);
	weirt_bench_done(&bench);
}

static void servers_end_that_lives_on_takes_part_in_the_new_exchange(void **state)
{
	struct weirt_bench bench;
	struct weir_flow_input in;

	init(&bench, 0);
	put_client(&bench, OPEN, 30, 0);
	put_server(&bench, 2, OPEN, 0, 30);
	put_client(&bench, CLOSE, 30, 40);
	weirt_wait(&bench, WEIRT_MS(100));
	in = client(&bench, 10, OPEN, 7, 0);
	in.end.cookie = 171;
	weirt_put(&bench, &in);
	put_server(&bench, 2, UPDATE, 40, 37);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "CO");
	check_flow(weirt_last(&bench), 10, 2, 72);
	/* Its totals are of both exchanges. */
	assert_int_equal(weirt_last(&bench)->bytes_sent, 7);
	assert_int_equal(weirt_last(&bench)->verdict, WEIR_VERDICT_UNKNOWN);
	weirt_bench_done(&bench);
}

static void same_socket_after_idle_is_a_new_exchange(void **state)
{
	struct weirt_bench bench;

	init(&bench, 0);
	put_client(&bench, OPEN, 30, 0);
	put_server(&bench, 2, OPEN, 0, 30);
	put_client(&bench, CLOSE, 30, 0);
	bench.now += WEIRT_MS(5);
	put_client(&bench, OPEN, 7, 0);
	assert_string_equal(weirt_states(&bench), "C");
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "CO");
	check_flow(weirt_last(&bench), 10, 2, 0);
	assert_true(bench.flows[0].id != bench.flows[1].id);
	weirt_bench_done(&bench);
}

/* A node's DNS cache has the Service's own address. */
static void server_at_the_services_own_address_joins(void **state)
{
	struct weirt_bench bench;
	struct weir_flow_input in;

	init(&bench, 0);
	in = client(&bench, 12, OPEN, 30, 0);
	weirt_put(&bench, &in);
	in = server(&bench, 2, OPEN, 0, 30);
	in.local = weirt_addr(10, 96, 0, 12);
	in.local_port = DNS_PORT;
	weirt_put(&bench, &in);
	in = client(&bench, 12, CLOSE, 30, 5);
	weirt_put(&bench, &in);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "C");
	check_flow(weirt_last(&bench), 12, 0, 72);
	weirt_bench_done(&bench);
}

static void client_that_asks_no_service_joins_by_its_addresses(void **state)
{
	struct weirt_bench bench;
	struct weir_flow_input in;

	init(&bench, 0);
	/* The same socket asks the backend itself, too. */
	put_client(&bench, OPEN, 30, 0);
	in = client(&bench, 10, OPEN, 8, 0);
	in.remote = in.asked = weirt_addr(10, 0, 0, 2);
	in.remote_port = in.asked_port = 5353;
	weirt_put(&bench, &in);
	put_server(&bench, 2, OPEN, 0, 8);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OO");
	check_flow(&bench.flows[0], 10, 0, 0);
	assert_int_equal(bench.flows[1].destination.cookie, 72);
	assert_int_equal(bench.flows[1].bytes_sent, 8);
	weirt_bench_done(&bench);
}

static void backend_told_by_the_client_goes_before(void **state)
{
	struct weirt_bench bench;
	struct weir_flow_input in;

	for (int told = 0; told < 2; told++) {
		init(&bench, 0);
		put_client(&bench, OPEN, 30, 0);
		if (told)
			put_server(&bench, 2, OPEN, 0, 30);
		in = client(&bench, 10, UPDATE, 60, 0);
		in.backend = weirt_addr(10, 0, 0, 2);
		in.backend_port = 5353;
		weirt_put(&bench, &in);
		if (!told)
			put_server(&bench, 2, OPEN, 0, 30);
		in.counts.tx_bytes = 90;
		weirt_put(&bench, &in);
		weirt_settle(&bench);
		assert_string_equal(weirt_states(&bench), "O");
		check_flow(weirt_last(&bench), 10, 2, 72);
		assert_int_equal(weirt_last(&bench)->bytes_sent, 90);
		assert_int_equal(weirt_stats(&bench).live, 1);
		in.kind = CLOSE;
		weirt_put(&bench, &in);
		put_server(&bench, 2, CLOSE, 0, 30);
		weirt_settle(&bench);
		assert_string_equal(weirt_states(&bench), "OC");
		assert_int_equal(weirt_stats(&bench).live, 0);
		weirt_bench_done(&bench);
	}
}

static void evicted_exchange_is_made_and_joined_anew(void **state)
{
	struct weirt_bench bench;
	struct weir_flow_input in;

	init(&bench, 1);
	put_client(&bench, OPEN, 30, 0);
	put_server(&bench, 2, OPEN, 0, 30);
	in = client(&bench, 10, OPEN, 1, 0);
	in.local_port = 40001;
	in.end.cookie = 171;
	weirt_put(&bench, &in);
	assert_string_equal(weirt_states(&bench), "O");
	check_flow(weirt_last(&bench), 10, 2, 72);
	assert_int_equal(weirt_stats(&bench).evicted, 1);
	assert_int_equal(weirt_stats(&bench).live, 1);
	in = client(&bench, 10, UPDATE, 60, 0);
	in.opened_ns = WEIRT_T0;
	weirt_put(&bench, &in);
	put_server(&bench, 2, UPDATE, 0, 60);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OOA");
	check_flow(weirt_last(&bench), 10, 2, 72);
	assert_true(weirt_last(&bench)->id == bench.flows[0].id);
	weirt_bench_done(&bench);
}

static void resync_closes_a_joined_exchange_once(void **state)
{
	struct weirt_bench bench;

	init(&bench, 0);
	put_client(&bench, OPEN, 30, 0);
	put_server(&bench, 2, OPEN, 0, 30);
	weirt_settle(&bench);
	weir_correlate_resync_begin(bench.corr, bench.now);
	put_server(&bench, 2, UPDATE, 0, 30);
	weir_correlate_resync_end(bench.corr, bench.now);
	weirt_settle(&bench);
	assert_string_equal(weirt_states(&bench), "OC");
	assert_int_equal(weirt_stats(&bench).tombstones, 2);
	/* Both were only slow: neither makes a second record. */
	put_client(&bench, CLOSE, 30, 0);
	put_server(&bench, 2, CLOSE, 0, 30);
	weirt_settle(&bench);
	assert_int_equal(bench.count, 2);
	assert_int_equal(weirt_stats(&bench).tombstones, 0);
	weirt_bench_done(&bench);
}

/* One after another over few ports, with backends that live on. */
static void many_exchanges_over_few_ports_are_closed_once_each(void **state)
{
	uint64_t closed = 0, random = 7;
	struct weirt_bench bench;

	init(&bench, 64);
	for (uint32_t n = 0; n < 20000; n++) {
		struct weir_flow_input in = client(&bench, 10, OPEN, 1 + n, 0);
		uint16_t port = (uint16_t)(50000 + n % 50);
		uint8_t backend = 2 + n % 50 % BACKENDS;

		in.end.cookie = 1000 + n;
		in.local_port = port;
		weirt_put(&bench, &in);
		if (n < 50) {
			struct weir_flow_input other = server(&bench, backend, OPEN, 0, 1 + n);

			other.remote_port = port;
			weirt_put(&bench, &other);
		}
		in.kind = CLOSE;
		weirt_put(&bench, &in);
		random = random * 6364136223846793005ULL + 1442695040888963407ULL;
		weirt_wait(&bench, (random >> 33) % WEIRT_MS(5));
		for (size_t i = 0; i < bench.count; i++, closed++) {
			const struct weir_flow *flow = &bench.flows[i];
			uint8_t want = 2 + (flow->source_port - 50000) % BACKENDS;

			assert_int_equal(flow->state, WEIR_STATE_CLOSED);
			assert_int_equal(flow->destination_addr.bytes[15], want);
			assert_int_equal(flow->destination_port, 5353);
		}
		bench.count = 0;
	}
	weirt_settle(&bench);
	assert_true(closed + bench.count == 20000);
	assert_int_equal(weirt_stats(&bench).live, 0);
	weirt_bench_done(&bench);
}

static void translations_remembered_are_bounded(void **state)
{
	struct weirt_bench bench;
	uint64_t bound = 0;

	init(&bench, 4);
	for (uint16_t n = 0; n < 1000; n++) {
		struct weir_flow_input in = client(&bench, 10, OPEN, 1, 0);

		in.local_port = 50000 + n;
		in.end.cookie = 1000 + n;
		weirt_put(&bench, &in);
		in = server(&bench, 2, OPEN, 0, 1);
		in.remote_port = 50000 + n;
		weirt_put(&bench, &in);
		bench.count = 0;
		if (n == 10)
			bound = weirt_stats(&bench).memory_bytes;
	}
	assert_true(weirt_stats(&bench).memory_bytes == bound);
	assert_int_equal(weirt_stats(&bench).joined, 1000);
	weirt_bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_join_through_the_translation),
		cmocka_unit_test(server_first_heard_after_the_first_record_is_named),
		cmocka_unit_test(server_heard_within_the_hold_of_a_closed_client_joins),
		cmocka_unit_test(two_clients_with_one_port_join_each_its_own),
		cmocka_unit_test(one_socket_that_asks_two_services_has_two_exchanges),
		cmocka_unit_test(end_that_fits_two_joins_neither),
		cmocka_unit_test(end_that_is_no_backend_stays_apart),
		cmocka_unit_test(server_first_makes_two_records_of_each_state),
		cmocka_unit_test(port_used_again_is_known_to_go_to_the_same_backend),
		cmocka_unit_test(port_used_again_believes_the_backend_that_answers),
		cmocka_unit_test(servers_end_that_lives_on_takes_part_in_the_new_exchange),
		cmocka_unit_test(same_socket_after_idle_is_a_new_exchange),
		cmocka_unit_test(server_at_the_services_own_address_joins),
		cmocka_unit_test(client_that_asks_no_service_joins_by_its_addresses),
		cmocka_unit_test(backend_told_by_the_client_goes_before),
		cmocka_unit_test(evicted_exchange_is_made_and_joined_anew),
		cmocka_unit_test(resync_closes_a_joined_exchange_once),
		cmocka_unit_test(many_exchanges_over_few_ports_are_closed_once_each),
		cmocka_unit_test(translations_remembered_are_bounded),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
