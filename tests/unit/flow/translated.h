/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_UNIT_FLOW_TRANSLATED_H
#define WEIR_TESTS_UNIT_FLOW_TRANSLATED_H

#include "tests/unit/flow/fixture.h"

/* A client that asks Services by UDP, and their backends. */

#define C WEIR_ROLE_CLIENT
#define S WEIR_ROLE_SERVER
#define OPEN WEIR_INPUT_OPEN
#define UPDATE WEIR_INPUT_UPDATE
#define CLOSE WEIR_INPUT_CLOSE

#define DNS_PORT 53

/*
 * 10.96.0.N, N in 10..12, are Services, all port 53. 10.0.0.2 and 10.0.0.3 port 5353 serve the
 * first two; the third has none.
 */
static inline bool translates(void *ctx, const struct weir_addr *asked, uint16_t asked_port,
			      const struct weir_addr *backend, uint16_t backend_port,
			      uint8_t protocol, uint64_t when_ns)
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

static inline void init(struct weirt_bench *bench, size_t max_connections)
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
static inline struct weir_flow_input client(const struct weirt_bench *bench, uint8_t service,
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
static inline struct weir_flow_input server(const struct weirt_bench *bench, uint8_t backend,
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

static inline void put_client(struct weirt_bench *bench, enum weir_input_kind kind, uint64_t tx,
			      uint64_t rx)
{
	struct weir_flow_input in = client(bench, 10, kind, tx, rx);

	weirt_put(bench, &in);
}

static inline void put_server(struct weirt_bench *bench, uint8_t backend, enum weir_input_kind kind,
			      uint64_t tx, uint64_t rx)
{
	struct weir_flow_input in = server(bench, backend, kind, tx, rx);

	weirt_put(bench, &in);
}

static inline void check_flow(const struct weir_flow *flow, uint8_t service, uint8_t backend,
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

#endif
