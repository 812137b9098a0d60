/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/decode.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct weir_ev_flow sample(void)
{
	struct weir_ev_flow ev = {
		.hdr = { .len = sizeof(ev),
			 .version = WEIR_ABI_VERSION,
			 .type = WEIR_EV_FLOW,
			 .flags = WEIR_EV_ESTABLISHED | WEIR_EV_RESET_RECEIVED,
			 .ts_ns = 42 },
		.cookie = 7,
		.cgroup_id = 8,
		.opened_ns = 40,
		.established_ns = 41,
		.tx_bytes = 1ULL << 40,
		.rx_bytes = 2,
		.tx_packets = 3,
		.rx_packets = 4,
		.retransmits = 5,
		.zero_windows_tx = 70000,
		.zero_windows_rx = 12,
		.rtt_us = 6,
		.rtt_min_us = 1,
		.netns = 9,
		.isn_local = 0xfffffffe,
		.isn_remote = 0x80000000,
		.pid = 11,
		.local_port = 65535,
		.remote_port = 80,
		.asked_port = 8080,
		.backend_port = 53,
		.kind = WEIR_EV_CLOSE,
		.role = WEIR_EV_ROLE_CLIENT,
		.protocol = 6,
		.end_reason = WEIR_EV_END_RST,
		.local = { [10] = 0xff, 0xff, 198, 18, 0, 1 },
		.remote = { 0xfd, [15] = 1 },
		.asked = { 0xfd, [15] = 2 },
		.backend = { 0xfd, [15] = 3 },
		.comm = "curl",
	};

	return ev;
}

static void decode_flow_every_field_arrives(void **state)
{
	struct weir_ev_flow ev = sample();
	struct weir_flow_input in;

	(void)state;
	assert_int_equal(weir_decode_type(&ev, sizeof(ev)), WEIR_EV_FLOW);
	assert_int_equal(weir_decode_flow(&ev, &in), 0);
	assert_int_equal(in.kind, WEIR_INPUT_CLOSE);
	assert_int_equal(in.role, WEIR_ROLE_CLIENT);
	assert_int_equal(in.end_reason, WEIR_END_RST);
	assert_int_equal(in.protocol, 6);
	assert_true(in.established);
	assert_true(in.reset_received);
	assert_false(in.reset_sent);
	assert_false(in.peer_here);
	assert_int_equal(in.time_ns, 42);
	assert_int_equal(in.opened_ns, 40);
	assert_int_equal(in.established_ns, 41);
	assert_int_equal(in.isn_local, 0xfffffffe);
	assert_int_equal(in.isn_remote, 0x80000000);
	assert_memory_equal(in.local.bytes, ev.local, 16);
	assert_memory_equal(in.remote.bytes, ev.remote, 16);
	assert_memory_equal(in.asked.bytes, ev.asked, 16);
	assert_memory_equal(in.backend.bytes, ev.backend, 16);
	assert_int_equal(in.local_port, 65535);
	assert_int_equal(in.remote_port, 80);
	assert_int_equal(in.asked_port, 8080);
	assert_int_equal(in.backend_port, 53);
	assert_int_equal(in.end.cookie, 7);
	assert_int_equal(in.end.cgroup_id, 8);
	assert_int_equal(in.end.netns, 9);
	assert_int_equal(in.end.pid, 11);
	assert_string_equal(in.end.comm, "curl");
	assert_true(in.counts.tx_bytes == 1ULL << 40);
	assert_int_equal(in.counts.rx_bytes, 2);
	assert_int_equal(in.counts.tx_packets, 3);
	assert_int_equal(in.counts.rx_packets, 4);
	assert_int_equal(in.counts.retransmits, 5);
	assert_int_equal(in.counts.zero_windows_tx, 70000);
	assert_int_equal(in.counts.zero_windows_rx, 12);
	assert_int_equal(in.counts.rtt_us, 6);
	assert_int_equal(in.counts.rtt_min_us, 1);
}

static void decode_flow_comm_without_end_is_cut(void **state)
{
	struct weir_ev_flow ev = sample();
	struct weir_flow_input in;

	(void)state;
	memset(ev.comm, 'x', sizeof(ev.comm));
	assert_int_equal(weir_decode_flow(&ev, &in), 0);
	assert_int_equal(strlen(in.end.comm), WEIR_COMM_MAX - 1);
}

static void decode_type_wrong_frame_is_refused(void **state)
{
	static const struct {
		const char *name;
		size_t len;
		uint16_t hdr_len;
		uint8_t version, type;
	} cases[] = {
		{ "empty", 0, 208, WEIR_ABI_VERSION, WEIR_EV_FLOW },
		{ "shorter than a header", 15, 208, WEIR_ABI_VERSION, WEIR_EV_FLOW },
		{ "header only", 16, 208, WEIR_ABI_VERSION, WEIR_EV_FLOW },
		{ "one byte short", 207, 208, WEIR_ABI_VERSION, WEIR_EV_FLOW },
		{ "one byte long", 209, 208, WEIR_ABI_VERSION, WEIR_EV_FLOW },
		{ "header says short", 208, 207, WEIR_ABI_VERSION, WEIR_EV_FLOW },
		{ "other version", 208, 208, WEIR_ABI_VERSION + 1, WEIR_EV_FLOW },
		{ "version zero", 208, 208, 0, WEIR_EV_FLOW },
		{ "type zero", 208, 208, WEIR_ABI_VERSION, 0 },
		{ "unknown type", 208, 208, WEIR_ABI_VERSION, 255 },
		{ "a flow's length for a drop", 208, 208, WEIR_ABI_VERSION, WEIR_EV_DROP },
		{ "a flow's length for a pause", 208, 208, WEIR_ABI_VERSION, WEIR_EV_PAUSE },
		{ "a flow's length for a cgroup", 208, 208, WEIR_ABI_VERSION, WEIR_EV_CGROUP },
	};
	char *bytes;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct weir_ev_hdr hdr = { .len = cases[i].hdr_len,
					   .version = cases[i].version,
					   .type = cases[i].type };

		/* Exactly as long as said, so that the sanitizer sees a read beyond. */
		bytes = calloc(1, cases[i].len ? cases[i].len : 1);
		assert_non_null(bytes);
		memcpy(bytes, &hdr, cases[i].len < sizeof(hdr) ? cases[i].len : sizeof(hdr));
		if (weir_decode_type(bytes, cases[i].len) != -EBADMSG)
			fail_msg("%s: not refused", cases[i].name);
		free(bytes);
	}
}

static void decode_flow_values_that_do_not_exist_are_refused(void **state)
{
	struct weir_flow_input in;
	struct weir_ev_flow ev;

	(void)state;
	ev = sample();
	ev.kind = WEIR_EV_FOUND + 1;
	assert_int_equal(weir_decode_flow(&ev, &in), -EBADMSG);
	ev = sample();
	ev.role = WEIR_EV_ROLE_SERVER + 1;
	assert_int_equal(weir_decode_flow(&ev, &in), -EBADMSG);
	ev = sample();
	ev.end_reason = WEIR_EV_END_IDLE + 1;
	assert_int_equal(weir_decode_flow(&ev, &in), -EBADMSG);
	ev = sample();
	ev.protocol = IPPROTO_IGMP;
	assert_int_equal(weir_decode_flow(&ev, &in), -EBADMSG);
}

static void decode_flow_handshake_is_where_it_was_seen_last(void **state)
{
	static const struct {
		__u16 flags;
		enum weir_seen want;
	} cases[] = {
		{ 0, WEIR_SEEN_NOTHING },
		{ WEIR_EV_SYN_LEFT, WEIR_SEEN_SYN_FROM_ENDPOINT },
		{ WEIR_EV_SYN_LEFT | WEIR_EV_SYN_OUT, WEIR_SEEN_SYN_TO_NETWORK },
		{ WEIR_EV_SYN_LEFT | WEIR_EV_SYN_ARRIVED, WEIR_SEEN_SYN_TO_ENDPOINT },
		{ WEIR_EV_SYN_OUT | WEIR_EV_ANSWER_CAME, WEIR_SEEN_ANSWER_FROM_NETWORK },
		{ WEIR_EV_SYN_ARRIVED | WEIR_EV_ANSWER_LEFT, WEIR_SEEN_ANSWER_FROM_ENDPOINT },
	};
	struct weir_ev_flow ev = sample();
	struct weir_flow_input in;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ev.hdr.flags = cases[i].flags;
		assert_int_equal(weir_decode_flow(&ev, &in), 0);
		assert_int_equal(in.seen, cases[i].want);
	}
}

static void decode_flow_unaligned_is_fine(void **state)
{
	char bytes[sizeof(struct weir_ev_flow) + 1];
	struct weir_ev_flow ev = sample();
	struct weir_flow_input in;

	(void)state;
	memcpy(bytes + 1, &ev, sizeof(ev));
	assert_int_equal(weir_decode_type(bytes + 1, sizeof(ev)), WEIR_EV_FLOW);
	assert_int_equal(weir_decode_flow(bytes + 1, &in), 0);
	assert_int_equal(in.end.cookie, 7);
}

static struct weir_ev_drop drop_sample(void)
{
	struct weir_ev_drop ev = {
		.hdr = { .len = sizeof(ev),
			 .version = WEIR_ABI_VERSION,
			 .type = WEIR_EV_DROP,
			 .ts_ns = 42 },
		.key = { .source = { 0xfd, [15] = 1 },
			 .destination = { 0xfd, [15] = 2 },
			 .place = 0xffffffff81000010ULL,
			 .isn = 0xfffffffe,
			 .reason = 0x20003,
			 .netns = 9,
			 .source_port = 65535,
			 .destination_port = 80,
			 .protocol = 6,
			 .tcp_flags = 0x12 },
		.client = { .cookie = 7,
			    .cgroup_id = 8,
			    .opened_ns = 41,
			    .netns = 10,
			    .pid = 11,
			    .asked = { 0xfd, [15] = 3 },
			    .comm = "curl" },
		.packets = 1ULL << 40,
		.asked_port = 8080,
		.kind = WEIR_EV_UPDATE,
	};

	return ev;
}

static void decode_drop_every_field_arrives(void **state)
{
	struct weir_ev_drop ev = drop_sample();
	struct weir_drop_input in;

	(void)state;
	assert_int_equal(weir_decode_type(&ev, sizeof(ev)), WEIR_EV_DROP);
	assert_int_equal(weir_decode_drop(&ev, &in), 0);
	assert_int_equal(in.kind, WEIR_INPUT_UPDATE);
	assert_int_equal(in.protocol, 6);
	assert_int_equal(in.tcp_flags, 0x12);
	assert_int_equal(in.time_ns, 42);
	assert_memory_equal(in.source.bytes, ev.key.source, 16);
	assert_memory_equal(in.destination.bytes, ev.key.destination, 16);
	assert_memory_equal(in.asked.bytes, ev.client.asked, 16);
	assert_int_equal(in.source_port, 65535);
	assert_int_equal(in.destination_port, 80);
	assert_int_equal(in.asked_port, 8080);
	assert_int_equal(in.isn, 0xfffffffe);
	assert_int_equal(in.netns, 9);
	assert_int_equal(in.reason, 0x20003);
	assert_true(in.place == 0xffffffff81000010ULL);
	assert_true(in.packets == 1ULL << 40);
	assert_int_equal(in.opened_ns, 41);
	assert_int_equal(in.client.cookie, 7);
	assert_int_equal(in.client.cgroup_id, 8);
	assert_int_equal(in.client.netns, 10);
	assert_int_equal(in.client.pid, 11);
	assert_string_equal(in.client.comm, "curl");
}

static void decode_drop_of_an_icmp_error_has_its_sender(void **state)
{
	struct weir_ev_drop ev = drop_sample();
	struct weir_drop_input in;

	(void)state;
	assert_int_equal(weir_decode_drop(&ev, &in), 0);
	assert_int_equal(in.icmp.type, 0);
	memset(ev.key.sender, 0xfe, sizeof(ev.key.sender));
	ev.key.protocol = 58;
	ev.key.icmp_type = 2;
	ev.key.icmp_code = 255;
	ev.key.icmp_mtu = 65535;
	ev.key.icmp_at = WEIR_EV_ICMP_UPLINK_OUT;
	assert_int_equal(weir_decode_drop(&ev, &in), 0);
	assert_int_equal(in.icmp.type, 2);
	assert_int_equal(in.icmp.code, 255);
	assert_int_equal(in.icmp.mtu, 65535);
	assert_int_equal(in.icmp_at, WEIR_ICMP_UPLINK_OUT);
	assert_memory_equal(in.icmp.sender.bytes, ev.key.sender, 16);
	ev.key.icmp_at++;
	assert_int_equal(weir_decode_drop(&ev, &in), -EBADMSG);
	ev.key.icmp_at = 0;
	ev.key.protocol = 47;
	assert_int_equal(weir_decode_drop(&ev, &in), -EBADMSG);
}

static void decode_drop_values_that_do_not_exist_are_refused(void **state)
{
	struct weir_drop_input in;
	struct weir_ev_drop ev;

	(void)state;
	ev = drop_sample();
	ev.kind = WEIR_EV_FOUND;
	assert_int_equal(weir_decode_drop(&ev, &in), -EBADMSG);
	ev = drop_sample();
	ev.packets = 0;
	assert_int_equal(weir_decode_drop(&ev, &in), -EBADMSG);
	ev.kind = WEIR_EV_CLOSE;
	assert_int_equal(weir_decode_drop(&ev, &in), 0);
	ev = drop_sample();
	ev.key.protocol = 1;
	assert_int_equal(weir_decode_drop(&ev, &in), -EBADMSG);
	ev = drop_sample();
	memset(ev.client.comm, 'x', sizeof(ev.client.comm));
	assert_int_equal(weir_decode_drop(&ev, &in), 0);
	assert_int_equal(strlen(in.client.comm), WEIR_COMM_MAX - 1);
}

/* As long as a record of @captured bytes of a message is that is @len long. */
static size_t sample_dns(struct weir_ev_dns *ev, uint32_t captured, uint32_t len)
{
	size_t size = offsetof(struct weir_ev_dns, payload) + (captured + 7) / 8 * 8;

	*ev = (struct weir_ev_dns){
		.hdr = { .len = (uint16_t)size,
			 .version = WEIR_ABI_VERSION,
			 .type = WEIR_EV_DNS,
			 .ts_ns = 42 },
		.end = { .client = { 0xfd, [15] = 1 },
			 .server = { [10] = 0xff, 0xff, 10, 96, 0, 10 },
			 .comm = "resolver",
			 .cookie = 7,
			 .cgroup_id = 8,
			 .netns = 9,
			 .pid = 10,
			 .seq = 0xfffffff0,
			 .isn = 11,
			 .client_port = 40000,
			 .server_port = 53,
			 .protocol = 17,
			 .answer = 1 },
		.len = len,
		.captured = captured,
	};
	for (size_t i = 0; i < captured; i++)
		ev->payload[i] = (uint8_t)i;
	return size;
}

static void decode_dns_every_field_arrives(void **state)
{
	struct weir_dns_event event;
	struct weir_ev_dns ev;
	size_t size = sample_dns(&ev, 100, 5000);

	(void)state;
	assert_int_equal(weir_decode_type(&ev, size), WEIR_EV_DNS);
	assert_int_equal(weir_decode_dns(&ev, &event), 0);
	assert_int_equal(event.time_ns, 42);
	assert_true(event.answer);
	assert_int_equal(event.protocol, 17);
	assert_int_equal(event.client_port, 40000);
	assert_int_equal(event.server_port, 53);
	assert_int_equal(event.seq, 0xfffffff0);
	assert_int_equal(event.isn, 11);
	assert_memory_equal(event.client.bytes, ev.end.client, 16);
	assert_memory_equal(event.server.bytes, ev.end.server, 16);
	assert_int_equal(event.end.cookie, 7);
	assert_int_equal(event.end.cgroup_id, 8);
	assert_int_equal(event.end.netns, 9);
	assert_int_equal(event.end.pid, 10);
	assert_string_equal(event.end.comm, "resolver");
	assert_ptr_equal(event.payload, ev.payload);
	assert_int_equal(event.captured, 100);
	assert_int_equal(event.len, 5000);
}

static void decode_dns_values_that_cannot_be_are_refused(void **state)
{
	struct weir_dns_event event;
	struct weir_ev_dns ev;
	size_t size;

	(void)state;
	size = sample_dns(&ev, 0, 0);
	assert_int_equal(weir_decode_type(&ev, size), WEIR_EV_DNS);
	assert_int_equal(weir_decode_type(&ev, size - 1), -EBADMSG);
	ev.hdr.len--;
	assert_int_equal(weir_decode_type(&ev, size - 1), -EBADMSG);
	size = sample_dns(&ev, WEIR_EV_DNS_PAYLOAD_LEN, WEIR_EV_DNS_PAYLOAD_LEN);
	assert_int_equal(weir_decode_type(&ev, size), WEIR_EV_DNS);
	assert_int_equal(weir_decode_dns(&ev, &event), 0);
	ev.hdr.len++;
	assert_int_equal(weir_decode_type(&ev, size + 1), -EBADMSG);
	(void)sample_dns(&ev, 64, 64);
	ev.captured = 65; /* of 64 that are there */
	ev.len = 65;
	assert_int_equal(weir_decode_dns(&ev, &event), -EBADMSG);
	ev.captured = UINT32_MAX;
	ev.len = UINT32_MAX;
	assert_int_equal(weir_decode_dns(&ev, &event), -EBADMSG);
	(void)sample_dns(&ev, 64, 63);
	assert_int_equal(weir_decode_dns(&ev, &event), -EBADMSG);
	(void)sample_dns(&ev, 64, 64);
	ev.end.answer = 2;
	assert_int_equal(weir_decode_dns(&ev, &event), -EBADMSG);
	(void)sample_dns(&ev, 64, 64);
	ev.end.protocol = 1;
	assert_int_equal(weir_decode_dns(&ev, &event), -EBADMSG);
	(void)sample_dns(&ev, 64, 64);
	memset(ev.end.comm, 'x', sizeof(ev.end.comm));
	assert_int_equal(weir_decode_dns(&ev, &event), 0);
	assert_int_equal(strlen(event.end.comm), WEIR_COMM_MAX - 1);
}

static void decode_cgroup_path_arrives(void **state)
{
	struct weir_ev_cgroup ev = {
		.hdr = { .len = sizeof(ev),
			 .version = WEIR_ABI_VERSION,
			 .type = WEIR_EV_CGROUP,
			 .ts_ns = 5 },
		.id = 77,
		.op = WEIR_EV_CGROUP_REMOVED,
		.path = "/kubepods",
	};
	struct weir_cgroup_event event;

	(void)state;
	assert_int_equal(weir_decode_type(&ev, sizeof(ev)), WEIR_EV_CGROUP);
	assert_int_equal(weir_decode_cgroup(&ev, &event), 0);
	assert_int_equal(event.id, 77);
	assert_int_equal(event.time_ns, 5);
	assert_false(event.made);
	assert_string_equal(event.path, "/kubepods");
	ev.op = 3;
	assert_int_equal(weir_decode_cgroup(&ev, &event), -EBADMSG);
	ev.op = WEIR_EV_CGROUP_MADE;
	memset(ev.path, 'x', sizeof(ev.path));
	assert_int_equal(weir_decode_cgroup(&ev, &event), -EBADMSG);
}

/* Whatever bytes come: refused or decoded, and nothing read beyond them. */
static void decode_random_bytes_never_crash(void **state)
{
	size_t lens[] = { 0, 1, 16, sizeof(struct weir_ev_flow), sizeof(struct weir_ev_cgroup) };
	struct weir_cgroup_event event;
	struct weir_flow_input in;
	size_t len, decoded = 0;
	unsigned char *bytes;
	int i;

	(void)state;
	srand(1);
	for (i = 0; i < 200000; i++) {
		len = lens[(size_t)rand() % COUNT(lens)];
		bytes = malloc(len ? len : 1);
		assert_non_null(bytes);
		for (size_t j = 0; j < len; j++)
			bytes[j] = (unsigned char)rand();
		if (len >= 16 && rand() % 4) {
			struct weir_ev_hdr hdr = { .len = (uint16_t)len,
						   .version = WEIR_ABI_VERSION,
						   .type = (uint8_t)(1 + rand() % 2) };

			memcpy(bytes, &hdr, sizeof(hdr));
			if (len > 120 && rand() % 2)
				memset(bytes + 116, 1, 2);
		}
		switch (weir_decode_type(bytes, len)) {
		case WEIR_EV_FLOW:
			decoded += weir_decode_flow(bytes, &in) == 0;
			break;
		case WEIR_EV_CGROUP:
			decoded += weir_decode_cgroup(bytes, &event) == 0;
			break;
		}
		free(bytes);
	}
	assert_true(decoded > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decode_flow_every_field_arrives),
		cmocka_unit_test(decode_flow_comm_without_end_is_cut),
		cmocka_unit_test(decode_type_wrong_frame_is_refused),
		cmocka_unit_test(decode_flow_values_that_do_not_exist_are_refused),
		cmocka_unit_test(decode_flow_handshake_is_where_it_was_seen_last),
		cmocka_unit_test(decode_flow_unaligned_is_fine),
		cmocka_unit_test(decode_drop_every_field_arrives),
		cmocka_unit_test(decode_drop_of_an_icmp_error_has_its_sender),
		cmocka_unit_test(decode_drop_values_that_do_not_exist_are_refused),
		cmocka_unit_test(decode_dns_every_field_arrives),
		cmocka_unit_test(decode_dns_values_that_cannot_be_are_refused),
		cmocka_unit_test(decode_cgroup_path_arrives),
		cmocka_unit_test(decode_random_bytes_never_crash),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
