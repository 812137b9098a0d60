/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/records.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/json.h"
#include "lib/cleanup.h"

/* What a golden file says in place of the version. */
#define VERSION_MARK "@VERSION@"

static const char *const world_labels[] = { "reserved:world" };

static struct weir_identity world = {
	.refs = WEIRT_REFS,
	.kind = WEIR_IDENTITY_WORLD,
	.numeric = 2,
	WEIRT_NO_POD,
	.node_name = "",
	.unit = "",
	.labels = world_labels,
	.n_labels = 1,
};

static const char *const hostile_labels[] = { "k8s:a=\"]}\n", "k8s:b=\\\x01\x7f" };

/* Every foreign string is made to break out of its quotes. */
static struct weir_identity hostile = {
	.refs = WEIRT_REFS,
	.kind = WEIR_IDENTITY_POD,
	.numeric = 256,
	.namespace_ = "\",\"x\":\"",
	.pod_name = "tab\there",
	.pod_uid = "\xff",
	.container = "\xed\xa0\x80",
	.workload_name = "caf\xc3\xa9 \xf0\x9f\x90\x9f",
	.workload_kind = "\xc3",
	.node_name = "line\r\nbreak",
	.unit = "</script>",
	.labels = hostile_labels,
	.n_labels = 2,
};

static struct weir_record closed(void)
{
	return weirt_closed();
}

static struct weir_record udp_unknown(void)
{
	struct weir_record record = {
		.kind = WEIR_RECORD_FLOW,
		.time_ns = WEIRT_TIME_NS - 510175415,
		.flow = {
			.id = 1,
			.protocol = IPPROTO_UDP,
			.state = WEIR_STATE_OPEN,
			.source_addr = weirt_addr("2001:db8::1"),
			.destination_addr = weirt_addr("fe80::5"),
			.source_port = 5353,
			.destination_port = 53,
		},
		.source = &weirt_unknown,
		.destination = &weirt_unknown,
	};

	return record;
}

static struct weir_record found_host(void)
{
	struct weir_record record = weirt_closed();

	record.source = &weirt_host;
	record.destination = &world;
	record.service = NULL;
	record.opened_ns = 0;
	record.flow.opened_ns = 0;
	record.flow.connect_latency_us = 0;
	record.flow.state = WEIR_STATE_ACTIVE;
	record.flow.end_reason = WEIR_END_NONE;
	record.flow.found = true;
	record.flow.asked_addr = (struct weir_addr){ 0 };
	record.flow.asked_port = 0;
	record.flow.destination = (struct weir_flow_end){ 0 };
	record.flow.retransmits_received = 0;
	record.flow.direction = WEIR_DIRECTION_INGRESS;
	return record;
}

static struct weir_record reset(void)
{
	struct weir_record record = weirt_closed();

	record.flow.end_reason = WEIR_END_RST;
	record.flow.reset_by = WEIR_ROLE_SERVER;
	record.flow.zero_windows_received = 3;
	return record;
}

static struct weir_record refused(void)
{
	struct weir_record record = weirt_closed();

	record.flow.end_reason = WEIR_END_REFUSED;
	record.flow.verdict = WEIR_VERDICT_UNKNOWN;
	record.flow.established = false;
	record.flow.connect_latency_us = 0;
	record.flow.bytes_sent = record.flow.bytes_received = 0;
	record.flow.rtt_us = record.flow.rtt_min_us = 0;
	record.flow.retransmits_sent = record.flow.retransmits_received = 0;
	return record;
}

static struct weir_record largest(void)
{
	struct weir_record record = weirt_closed();
	struct weir_flow *flow = &record.flow;

	record.time_ns = INT64_MAX;
	record.opened_ns = INT64_MIN;
	flow->id = flow->bytes_sent = flow->bytes_received = UINT64_MAX;
	flow->packets_sent = flow->packets_received = UINT64_MAX;
	flow->retransmits_sent = flow->retransmits_received = UINT32_MAX;
	flow->zero_windows_sent = flow->zero_windows_received = UINT16_MAX;
	flow->rtt_us = flow->rtt_min_us = flow->connect_latency_us = UINT32_MAX;
	flow->source.cgroup_id = flow->source.cookie = UINT64_MAX;
	flow->source.pid = UINT32_MAX;
	flow->source_xlated = weirt_addr("192.168.200.100");
	flow->opened_ns = 1;
	flow->last_ns = INT64_MAX;
	flow->protocol = IPPROTO_SCTP;
	flow->source_port = flow->destination_port = flow->asked_port = UINT16_MAX;
	memset(flow->source.comm, 'x', sizeof(flow->source.comm) - 1);
	return record;
}

static struct weir_record hostile_strings(void)
{
	struct weir_record record = weirt_closed();

	record.source = record.destination = &hostile;
	memcpy(record.flow.source.comm, "\"\\\b\f\x1b[31m", 9);
	return record;
}

static struct weir_record lost(void)
{
	return weirt_lost(18446744073709551615ULL);
}

static struct weir_record icmp(void)
{
	struct weir_record record = udp_unknown();

	record.flow.protocol = IPPROTO_ICMPV6;
	record.flow.source_addr = record.flow.destination_addr = (struct weir_addr){ 0 };
	return record;
}

/* A connect() that goes on although its SYN was dropped. */
static struct weir_record dropped(void)
{
	struct weir_record record = weirt_closed();

	record.flow.state = WEIR_STATE_NOTICE;
	record.flow.end_reason = WEIR_END_NONE;
	record.flow.verdict = WEIR_VERDICT_DROPPED;
	record.flow.established = false;
	record.flow.connect_latency_us = 0;
	record.flow.destination = (struct weir_flow_end){ 0 };
	record.flow.bytes_sent = record.flow.bytes_received = 0;
	record.flow.packets_sent = record.flow.packets_received = 0;
	record.flow.retransmits_sent = record.flow.retransmits_received = 0;
	record.flow.rtt_us = record.flow.rtt_min_us = 0;
	record.flow.drop = (struct weir_flow_drop){ .packets = 3, .place = 1, .reason = 77 };
	record.drop_reason = "NETFILTER_DROP";
	record.drop_reason_desc = "POLICY_DENIED";
	record.drop_place = "nft_do_chain";
	return record;
}

/* The kernel had no name for the reason, and hides its symbols. */
static struct weir_record unanswered(void)
{
	struct weir_record record = dropped();

	record.flow.drop = (struct weir_flow_drop){ 0 };
	record.drop_reason = record.drop_reason_desc = record.drop_place = NULL;
	record.flow.verdict = WEIR_VERDICT_UNKNOWN;
	record.flow.state = WEIR_STATE_CLOSED;
	record.flow.end_reason = WEIR_END_TIMEOUT;
	record.flow.seen = WEIR_SEEN_SYN_TO_NETWORK;
	return record;
}

static struct weir_record unreachable(void)
{
	struct weir_record record = unanswered();

	record.flow.end_reason = WEIR_END_UNREACHABLE;
	record.flow.icmp = (struct weir_flow_icmp){
		.latest = { .sender = weirt_addr("192.0.2.254"), .type = 3 },
		.packets = 2,
	};
	return record;
}

/* A code that no RFC names; and the largest. */
static struct weir_record too_big(void)
{
	struct weir_record record = weirt_closed();

	record.flow.icmp = (struct weir_flow_icmp){
		.latest = { .sender = weirt_addr("2001:db8::fe"),
			    .type = 2,
			    .code = 255,
			    .mtu = 65535 },
		.packets = UINT64_MAX,
	};
	return record;
}

static struct weir_record dropped_for_no_known_reason(void)
{
	struct weir_record record = dropped();

	record.drop_reason = NULL;
	record.drop_reason_desc = "DROP_REASON_UNKNOWN";
	record.drop_place = NULL;
	return record;
}

static struct weir_record_names names = {
	.n_source = 1,
	.n_destination = 2,
	.text = "client.example\0www.example\0\\034odd\"",
};

static struct weir_record named(void)
{
	struct weir_record record = weirt_closed();

	record.names = &names;
	return record;
}

static struct weir_record dns_query(void)
{
	return weirt_dns_query();
}

static struct weir_record dns_answer(void)
{
	return weirt_dns_answer();
}

/* An answer may be of nothing but its code. */
static struct weir_record dns_refused(void)
{
	static struct weir_record_dns refusal = { .response = true, .rcode = 5, .text = "" };
	struct weir_record record = weirt_dns_answer();

	record.dns = &refusal;
	return record;
}

static const struct {
	const char *name;
	struct weir_record (*make)(void);
} samples[] = {
	{ "closed", closed },	  { "udp_unknown", udp_unknown }, { "found_host", found_host },
	{ "refused", refused },	  { "largest", largest },	  { "hostile", hostile_strings },
	{ "lost", lost },	  { "icmp", icmp },		  { "reset", reset },
	{ "dropped", dropped },	  { "dropped_unknown", dropped_for_no_known_reason },
	{ "unanswered", unanswered },
	{ "unreachable", unreachable },
	{ "too_big", too_big },
	{ "named", named },	  { "dns_query", dns_query },
	{ "dns_answer", dns_answer }, { "dns_refused", dns_refused },
};

#define N_SAMPLES (sizeof(samples) / sizeof(samples[0]))

static char *read_file(const char *path)
{
	_cleanup_file_ FILE *file = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	if (!file)
		fail_msg("%s: cannot be opened", path);
	if (getdelim(&text, &size, '\0', file) < 0)
		fail_msg("%s: cannot be read", path);
	return text;
}

static void mark_version(struct weir_buf *line)
{
	static const char version[] = "\"version\":\"" WEIR_VERSION "\"";
	char *at = memmem(line->data, line->len, version, strlen(version));
	struct weir_buf marked;

	if (!at)
		return;
	weir_buf_init(&marked, 0);
	weir_buf_put(&marked, line->data, (size_t)(at - line->data));
	weir_buf_puts(&marked, "\"version\":\"" VERSION_MARK "\"");
	at += strlen(version);
	weir_buf_put(&marked, at, (size_t)(line->data + line->len - at));
	weir_buf_done(line);
	*line = marked;
}

static void samples_encode_as_their_golden_files(void **state)
{
	for (size_t i = 0; i < N_SAMPLES; i++) {
		struct weir_record record = samples[i].make();
		_cleanup_free_ char *want = NULL;
		struct weir_buf line;
		char path[128];

		weir_buf_init(&line, 0);
		weir_json_record(&line, &record, "kind/worker");
		assert_int_equal(line.failed, 0);
		mark_version(&line);
		(void)snprintf(path, sizeof(path), "tests/golden/json/%s.ok", samples[i].name);
		want = read_file(path);
		assert_string_equal(weir_buf_cstr(&line), want);
		weir_buf_done(&line);
	}
}

static struct json_object *parse(const struct weir_buf *line)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object;

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, line->data, (int)line->len);
	assert_int_equal(json_tokener_get_error(tokener), json_tokener_success);
	assert_int_equal(json_tokener_get_parse_end(tokener), line->len);
	json_tokener_free(tokener);
	return object;
}

static void samples_are_one_line_of_strict_json(void **state)
{
	for (size_t i = 0; i < N_SAMPLES; i++) {
		struct weir_record record = samples[i].make();
		struct weir_buf line;

		weir_buf_init(&line, 0);
		weir_json_record(&line, &record, "n");
		assert_ptr_equal(memchr(line.data, '\n', line.len), line.data + line.len - 1);
		json_object_put(parse(&line));
		weir_buf_done(&line);
	}
}

/* The dotted path of each member, arrays as "[]", each once, in `paths`. */
static void collect(struct json_object *value, const char *path, struct json_object *paths)
{
	if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach(value, name, member)
		{
			_cleanup_free_ char *below = NULL;

			assert_true(asprintf(&below, "%s%s%s", path, *path ? "." : "", name) > 0);
			collect(member, below, paths);
		}
	} else if (json_object_is_type(value, json_type_array)) {
		_cleanup_free_ char *below = NULL;

		assert_true(asprintf(&below, "%s[]", path) > 0);
		for (size_t i = 0; i < json_object_array_length(value); i++)
			collect(json_object_array_get_idx(value, i), below, paths);
	} else {
		json_object_object_add(paths, path, json_object_new_boolean(1));
	}
}

/* The first cell of each row of a table whose cells are in backticks. */
static void collect_documented(char *text, struct json_object *paths)
{
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char *end = strncmp(line, "| `", 3) ? NULL : strstr(line + 1, " | ");

		if (!end)
			continue;
		*end = '\0';
		for (char *at = line; (at = strchr(at, '`'));) {
			char *close = strchr(at + 1, '`');

			assert_non_null(close);
			*close = '\0';
			json_object_object_add(paths, at + 1, json_object_new_boolean(1));
			at = close + 1;
		}
	}
}

static void assert_all_in(struct json_object *paths, struct json_object *in, const char *problem)
{
	json_object_object_foreach(paths, path, unused)
	{
		(void)unused;
		if (!json_object_object_get_ex(in, path, NULL))
			fail_msg("%s: %s", path, problem);
	}
}

static void every_field_is_documented_and_no_other(void **state)
{
	struct json_object *emitted = json_object_new_object();
	struct json_object *documented = json_object_new_object();
	_cleanup_free_ char *text = read_file("docs/record.md");

	for (size_t i = 0; i < N_SAMPLES; i++) {
		struct weir_record record = samples[i].make();
		struct json_object *object;
		struct weir_buf line;

		weir_buf_init(&line, 0);
		weir_json_record(&line, &record, "n");
		object = parse(&line);
		collect(object, "", emitted);
		json_object_put(object);
		weir_buf_done(&line);
	}
	collect_documented(text, documented);
	assert_true(json_object_object_length(emitted) > 60);
	assert_all_in(emitted, documented, "is not in docs/record.md");
	assert_all_in(documented, emitted, "is in docs/record.md and never encoded");
	json_object_put(emitted);
	json_object_put(documented);
}

static void strings_are_escaped(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *want;
	} cases[] = {
		{ "", 0, "\"\"" },
		{ "plain", 5, "\"plain\"" },
		{ "sixteen bytes or", 16, "\"sixteen bytes or\"" },
		{ "\"", 1, "\"\\\"\"" },
		{ "\\", 1, "\"\\\\\"" },
		{ "a\0b", 3, "\"a\\u0000b\"" },
		{ "\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"" },
		{ "\x1f\x7f", 2, "\"\\u001f\\u007f\"" },
		{ "1234\x7f" "78", 7, "\"1234\\u007f78\"" },
		/* U+0080, U+009B (CSI) and U+009F; U+00A0 is no control. */
		{ "\xc2\x80" "a\xc2\x9b\xc2\x9f", 7, "\"\\u0080a\\u009b\\u009f\"" },
		{ "\xc2\xa0", 2, "\"\xc2\xa0\"" },
		{ "1234567\"", 8, "\"1234567\\\"\"" },
		{ "12345678\\", 9, "\"12345678\\\\\"" },
		{ "1234567\x1f" "9", 9, "\"1234567\\u001f9\"" },
		{ "\xc3\xa9", 2, "\"\xc3\xa9\"" },
		{ "\xe2\x82\xac", 3, "\"\xe2\x82\xac\"" },
		{ "\xf0\x9f\x90\x9f", 4, "\"\xf0\x9f\x90\x9f\"" },
		{ "\xff", 1, "\"\xef\xbf\xbd\"" },
		{ "a\x80z", 3, "\"a\xef\xbf\xbdz\"" },
		/* Cut off, overlong, a surrogate, above U+10FFFF. */
		{ "\xc3", 1, "\"\xef\xbf\xbd\"" },
		{ "\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xf4\x90\x80\x80", 4, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_buf out;

		weir_buf_init(&out, 0);
		weir_json_string(&out, cases[i].text, cases[i].len);
		assert_string_equal(weir_buf_cstr(&out), cases[i].want);
		weir_buf_done(&out);
	}
}

/* Each byte at each place of a word of eight and one more, against the rule written plainly. */
static void every_byte_at_every_place_is_right(void **state)
{
	for (int c = 0; c < 256; c++) {
		for (size_t at = 0; at < 17; at++) {
			char text[17];
			struct weir_buf out;
			bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';

			memset(text, 'x', sizeof(text));
			text[at] = (char)c;
			weir_buf_init(&out, 0);
			weir_json_string(&out, text, sizeof(text));
			assert_int_equal(out.len == sizeof(text) + 2, plain);
			if (plain)
				assert_memory_equal(out.data + 1, text, sizeof(text));
			weir_buf_done(&out);
		}
	}
}

/* Only what is known to have come to a socket here was seen there. */
static void observation_point_is_where_it_was_seen(void **state)
{
	static const struct {
		const char *name;
		uint8_t protocol;
		uint64_t cookie;
		bool established;
		uint64_t packets;
		bool arrived;
	} cases[] = {
		{ "TCP, both here", IPPROTO_TCP, 78, true, 7, true },
		{ "TCP, destination elsewhere", IPPROTO_TCP, 0, true, 7, false },
		{ "TCP, not established", IPPROTO_TCP, 78, false, 7, false },
		{ "UDP, received", IPPROTO_UDP, 78, false, 1, true },
		{ "UDP, nothing received", IPPROTO_UDP, 78, false, 0, false },
		{ "UDP, destination elsewhere", IPPROTO_UDP, 0, false, 1, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_record record = weirt_closed();
		struct weir_buf out;
		const char *want = "\"event_type\":{\"type\":4,\"sub_type\":5},"
				   "\"traffic_direction\":\"EGRESS\","
				   "\"trace_observation_point\":\"FROM_ENDPOINT\",";

		if (cases[i].arrived)
			want = "\"event_type\":{\"type\":4},\"traffic_direction\":\"EGRESS\","
			       "\"trace_observation_point\":\"TO_ENDPOINT\",";
		record.flow.protocol = cases[i].protocol;
		record.flow.destination.cookie = cases[i].cookie;
		record.flow.established = cases[i].established;
		record.flow.packets_sent = cases[i].packets;
		weir_buf_init(&out, 0);
		weir_json_record(&out, &record, "n");
		if (!strstr(weir_buf_cstr(&out), want))
			fail_msg("%s: %s", cases[i].name, weir_buf_cstr(&out));
		weir_buf_done(&out);
	}
}

static void buffer_at_its_limit_fails_and_stays_within(void **state)
{
	struct weir_record record = weirt_closed();
	struct weir_buf full;

	weir_buf_init(&full, 0);
	weir_json_record(&full, &record, "n");
	for (size_t max = 1; max < full.len; max += 13) {
		struct weir_buf out;

		weir_buf_init(&out, max);
		weir_json_record(&out, &record, "n");
		assert_int_equal(out.failed, -E2BIG);
		assert_true(out.len <= max);
		weir_buf_done(&out);
	}
	weir_buf_done(&full);
}

static void uuid_of(const struct weir_record *record, char uuid[37])
{
	static const char key[] = "\"uuid\":\"";
	struct weir_buf line;
	const char *at;

	weir_buf_init(&line, 0);
	weir_json_record(&line, record, "n");
	at = strstr(weir_buf_cstr(&line), key);
	assert_non_null(at);
	memcpy(uuid, at + strlen(key), 36);
	uuid[36] = '\0';
	weir_buf_done(&line);
}

static void uuid_is_stable_and_of_one_record(void **state)
{
	struct weir_record record = weirt_closed(), other = weirt_closed();
	char uuid[37], again[37];

	uuid_of(&record, uuid);
	uuid_of(&record, again);
	assert_string_equal(uuid, again);
	assert_int_equal(strspn(uuid, "0123456789abcdef-"), 36);
	assert_int_equal(uuid[14], '8');
	assert_true(strchr("89ab", uuid[19]));
	other.flow.state = WEIR_STATE_OPEN;
	uuid_of(&other, again);
	assert_string_not_equal(uuid, again);
	other = record;
	other.time_ns++;
	uuid_of(&other, again);
	assert_string_not_equal(uuid, again);
	other = record;
	other.flow.id++;
	uuid_of(&other, again);
	assert_string_not_equal(uuid, again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_encode_as_their_golden_files),
		cmocka_unit_test(samples_are_one_line_of_strict_json),
		cmocka_unit_test(every_field_is_documented_and_no_other),
		cmocka_unit_test(strings_are_escaped),
		cmocka_unit_test(every_byte_at_every_place_is_right),
		cmocka_unit_test(observation_point_is_where_it_was_seen),
		cmocka_unit_test(buffer_at_its_limit_fails_and_stays_within),
		cmocka_unit_test(uuid_is_stable_and_of_one_record),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
