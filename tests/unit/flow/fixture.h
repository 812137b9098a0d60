/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_UNIT_FLOW_FIXTURE_H
#define WEIR_TESTS_UNIT_FLOW_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/correlate.h"
#include "lib/time.h"

/*
 * A correlator whose records are kept, and makers of inputs. Time starts at WEIRT_T0; a test
 * says "now" by itself.
 */
#define WEIRT_T0 (1000 * WEIR_NS_PER_SEC)
#define WEIRT_MS(n) ((uint64_t)(n)*WEIR_NS_PER_MS)
#define WEIRT_RECORDS_MAX 64

struct weirt_bench {
	struct weir_correlate *corr;
	struct weir_flow flows[WEIRT_RECORDS_MAX];
	size_t count;
	uint64_t now;
};

static inline void weirt_keep(void *ctx, const struct weir_flow *flow)
{
	struct weirt_bench *bench = ctx;

	assert_true(bench->count < WEIRT_RECORDS_MAX);
	bench->flows[bench->count++] = *flow;
}

static inline void weirt_bench_init(struct weirt_bench *bench, size_t max_connections)
{
	struct weir_correlate_opts opts = {
		.max_connections = max_connections,
		.sink = weirt_keep,
		.ctx = bench,
	};

	memset(bench, 0, sizeof(*bench));
	bench->now = WEIRT_T0;
	assert_int_equal(weir_correlate_new(&opts, &bench->corr), 0);
}

static inline struct weir_correlate_stats weirt_stats(const struct weirt_bench *bench)
{
	struct weir_correlate_stats stats;

	weir_correlate_get_stats(bench->corr, &stats);
	assert_true(stats.inputs == stats.delivered + stats.pending);
	return stats;
}

static inline void weirt_bench_done(struct weirt_bench *bench)
{
	weirt_stats(bench);
	weir_correlate_free(&bench->corr);
	assert_null(bench->corr);
}

static inline void weirt_put(struct weirt_bench *bench, const struct weir_flow_input *in)
{
	assert_int_equal(weir_correlate_input(bench->corr, in, bench->now), 0);
	weirt_stats(bench);
}

static inline void weirt_wait(struct weirt_bench *bench, uint64_t ns)
{
	bench->now += ns;
	weir_correlate_tick(bench->corr, bench->now);
}

/** weirt_settle() - past all deadlines: nothing may be pending. */
static inline void weirt_settle(struct weirt_bench *bench)
{
	weirt_wait(bench, 2 * WEIR_NS_PER_SEC);
	assert_true(weirt_stats(bench).pending == 0);
}

static inline struct weir_addr weirt_addr(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return (struct weir_addr){ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d } };
}

static inline struct weir_flow_input weirt_tcp(enum weir_role role, enum weir_input_kind kind,
					       uint64_t time_ns)
{
	bool client = role != WEIR_ROLE_SERVER;
	struct weir_flow_input in = {
		.kind = kind,
		.role = role,
		.end_reason = kind == WEIR_INPUT_CLOSE ? WEIR_END_FIN : WEIR_END_NONE,
		.protocol = IPPROTO_TCP,
		.established = true,
		.time_ns = time_ns,
		.opened_ns = WEIRT_T0 + (client ? 0 : 50000),
		.established_ns = WEIRT_T0 + 100000,
		.isn_local = client ? 1111 : 2222,
		.isn_remote = client ? 2222 : 1111,
		.local = client ? weirt_addr(10, 0, 0, 1) : weirt_addr(10, 0, 0, 2),
		.remote = client ? weirt_addr(10, 0, 0, 2) : weirt_addr(10, 0, 0, 1),
		.local_port = client ? 40000 : 80,
		.remote_port = client ? 80 : 40000,
		.end = {
			.cgroup_id = client ? 501 : 502,
			.cookie = client ? 71 : 72,
			.netns = client ? 601 : 602,
			.pid = client ? 801 : 802,
		},
	};

	memcpy(in.end.comm, client ? "curl" : "nginx", client ? 5 : 6);
	return in;
}

static inline struct weir_flow_input weirt_udp(enum weir_role role, enum weir_input_kind kind,
					       uint64_t time_ns)
{
	struct weir_flow_input in = weirt_tcp(role, kind, time_ns);

	in.protocol = IPPROTO_UDP;
	in.established = false;
	in.established_ns = 0;
	in.isn_local = in.isn_remote = 0;
	in.end_reason = kind == WEIR_INPUT_CLOSE ? WEIR_END_SOCKET_CLOSED : WEIR_END_NONE;
	return in;
}

static inline void weirt_counts(struct weir_flow_input *in, uint64_t tx, uint64_t rx)
{
	in->counts.tx_bytes = tx;
	in->counts.rx_bytes = rx;
	in->counts.tx_packets = tx ? tx / 100 + 1 : 0;
	in->counts.rx_packets = rx ? rx / 100 + 1 : 0;
}

/** weirt_states() - the states of the records so far: "OAC". */
static inline const char *weirt_states(const struct weirt_bench *bench)
{
	static char text[WEIRT_RECORDS_MAX + 1];

	for (size_t i = 0; i < bench->count; i++)
		text[i] = weir_state_to_str(bench->flows[i].state)[0];
	text[bench->count] = '\0';
	return text;
}

static inline const struct weir_flow *weirt_last(const struct weirt_bench *bench)
{
	assert_true(bench->count > 0);
	return &bench->flows[bench->count - 1];
}

#endif
