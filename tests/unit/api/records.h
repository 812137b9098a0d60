/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIRT_API_RECORDS_H
#define WEIRT_API_RECORDS_H

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/record.h"
#include "lib/addr.h"
#include "lib/time.h"

/*
 * Records for the tests of api/. Identities are static: their references are counted and never
 * reach zero, so that a test can compare the count before and after.
 */

#define WEIRT_REFS 1000000

/* What an identity that is no pod has of a pod. */
#define WEIRT_NO_POD                                                                           \
	.namespace_ = "", .pod_name = "", .pod_uid = "", .container = "", .workload_name = "", \
	.workload_kind = ""

static const char *const weirt_frontend_labels[] = { "k8s:app=frontend", "k8s:tier=web" };
static const char *const weirt_cart_labels[] = { "k8s:app=cart" };
static const char *const weirt_host_labels[] = { "reserved:host" };

static __attribute__((unused)) struct weir_identity weirt_frontend = {
	.refs = WEIRT_REFS,
	.kind = WEIR_IDENTITY_POD,
	.numeric = 4711,
	.namespace_ = "shop",
	.pod_name = "frontend-5d8f7c9b6d-x2x9k",
	.pod_uid = "0a6e1f8e-4f3b-4a43-9a3f-6a4f7d5f2f11",
	.container = "web",
	.workload_name = "frontend",
	.workload_kind = "Deployment",
	.node_name = "node-a",
	.unit = "",
	.labels = weirt_frontend_labels,
	.n_labels = 2,
};

static __attribute__((unused)) struct weir_identity weirt_cart = {
	.refs = WEIRT_REFS,
	.kind = WEIR_IDENTITY_POD,
	.numeric = 815,
	.namespace_ = "backend",
	.pod_name = "cart-0",
	.pod_uid = "7c9e6679-7425-40de-944b-e07fc1f90ae7",
	.container = "cart",
	.workload_name = "cart",
	.workload_kind = "StatefulSet",
	.node_name = "node-a",
	.unit = "",
	.labels = weirt_cart_labels,
	.n_labels = 1,
};

static __attribute__((unused)) struct weir_identity weirt_host = {
	.refs = WEIRT_REFS,
	.kind = WEIR_IDENTITY_HOST,
	.numeric = 1,
	WEIRT_NO_POD,
	.node_name = "node-a",
	.unit = "ssh.service",
	.labels = weirt_host_labels,
	.n_labels = 1,
};

static __attribute__((unused)) struct weir_identity weirt_unknown = {
	.refs = WEIRT_REFS,
	.kind = WEIR_IDENTITY_UNKNOWN,
	WEIRT_NO_POD,
	.node_name = "",
	.unit = "",
};

static __attribute__((unused)) struct weir_service_name weirt_cart_service = {
	.refs = WEIRT_REFS,
	.namespace_ = "cart-ns",
	.name = "cart",
};

/* 2026-07-30T12:12:18.510175415Z */
#define WEIRT_TIME_NS 1785413538510175415LL

static inline struct weir_addr weirt_addr(const char *text)
{
	struct weir_addr addr;

	assert_int_equal(weir_addr_parse(text, &addr), 0);
	return addr;
}

/* frontend -> the Service cart -> the pod cart-0, closed: nearly every field there is. */
static inline struct weir_record weirt_closed(void)
{
	struct weir_record record = {
		.kind = WEIR_RECORD_FLOW,
		.time_ns = WEIRT_TIME_NS,
		.flow = {
			.id = 0x0123456789abcdefULL,
			.time_ns = 5000000000ULL,
			.opened_ns = 4000000000ULL,
			.last_ns = 5000000123ULL,
			.connect_latency_us = 123,
			.protocol = IPPROTO_TCP,
			.state = WEIR_STATE_CLOSED,
			.end_reason = WEIR_END_FIN,
			.verdict = WEIR_VERDICT_FORWARDED,
			.direction = WEIR_DIRECTION_EGRESS,
			.direction_known = true,
			.established = true,
			.source_addr = weirt_addr("10.244.1.60"),
			.destination_addr = weirt_addr("10.244.1.5"),
			.asked_addr = weirt_addr("10.96.0.10"),
			.source_port = 44916,
			.destination_port = 8080,
			.asked_port = 80,
			.source = { .cgroup_id = 4242, .cookie = 77, .pid = 1234, .comm = "nginx" },
			.destination = { .cgroup_id = 4343, .cookie = 78, .pid = 99, .comm = "cartd" },
			.bytes_sent = 1234,
			.bytes_received = 99,
			.packets_sent = 7,
			.packets_received = 5,
			.retransmits_sent = 1,
			.retransmits_received = 2,
			.rtt_us = 123,
			.rtt_min_us = 45,
		},
		.source = &weirt_frontend,
		.destination = &weirt_cart,
		.service = &weirt_cart_service,
		.opened_ns = WEIRT_TIME_NS - 1000000123,
	};

	return record;
}

/* As weirt_closed(), with references of its own, for a history to take over. */
static inline struct weir_record weirt_closed_ref(void)
{
	struct weir_record record = weirt_closed();

	weir_identity_ref(record.source);
	weir_identity_ref(record.destination);
	weir_service_name_ref(record.service);
	return record;
}

static __attribute__((unused)) struct weir_addr weirt_dns_ips[] = {
	{ { [10] = 0xff, 0xff, 192, 0, 2, 1 } },
	{ { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } },
};

static __attribute__((unused)) struct weir_record_dns weirt_query = {
	.has_question = true,
	.qtype = 28,
	.text = "www.example.",
};

static __attribute__((unused)) struct weir_record_dns weirt_answer = {
	.response = true,
	.has_question = true,
	.truncated = true,
	.qtype = 28,
	.n_rrtypes = 2,
	.n_ips = 2,
	.n_cnames = 2,
	.ttl = 30,
	.latency_ns = 1234567,
	.rrtypes = { 5, 65280 },
	.ips = weirt_dns_ips,
	.text = "www.example.\0a\"b\\032.example.\0c.example.",
};

/* frontend asks the Service cart as if it were a DNS server. */
static inline struct weir_record weirt_dns_query(void)
{
	struct weir_record record = weirt_closed();
	struct weir_flow *flow = &record.flow;

	record.dns = &weirt_query;
	record.destination = &weirt_unknown;
	record.opened_ns = 0;
	*flow = (struct weir_flow){
		.id = 5,
		.time_ns = 5000000000ULL,
		.protocol = IPPROTO_UDP,
		.state = WEIR_STATE_NOTICE,
		.verdict = WEIR_VERDICT_FORWARDED,
		.direction = WEIR_DIRECTION_EGRESS,
		.direction_known = true,
		.source_addr = flow->source_addr,
		.destination_addr = flow->asked_addr,
		.asked_addr = flow->asked_addr,
		.source_port = 44916,
		.destination_port = 53,
		.asked_port = 53,
		.source = flow->source,
	};
	return record;
}

/* And is answered. */
static inline struct weir_record weirt_dns_answer(void)
{
	struct weir_record query = weirt_dns_query(), record = query;

	record.dns = &weirt_answer;
	record.source = query.destination;
	record.destination = query.source;
	record.flow.source = query.flow.destination;
	record.flow.destination = query.flow.source;
	record.flow.source_addr = query.flow.destination_addr;
	record.flow.destination_addr = query.flow.source_addr;
	record.flow.source_port = query.flow.destination_port;
	record.flow.destination_port = query.flow.source_port;
	return record;
}

static inline struct weir_record weirt_lost(uint64_t count)
{
	struct weir_record record = {
		.kind = WEIR_RECORD_LOST,
		.time_ns = WEIRT_TIME_NS,
		.lost = {
			.cause = WEIR_LOSS_RINGBUF_FULL,
			.count = count,
			.first_ns = WEIRT_TIME_NS - 1000000000,
			.last_ns = WEIRT_TIME_NS,
		},
	};

	return record;
}

#endif
