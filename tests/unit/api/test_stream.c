/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/records.h"

#include <stdlib.h>

#include "api/stream.h"

#define MESSAGE_BYTES 65536

/* What differs between the records: id counts from 1, time is id seconds, the port is given. */
static const int64_t second = (int64_t)WEIR_NS_PER_SEC;

struct fixture {
	struct weir_history *history;
	struct weir_encoded *encoded;
	struct weir_stream stream;
	struct weir_buf out;
	uint64_t pushed;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_int_equal(weir_history_new(100 * sizeof(struct weir_record), &f->history), 0);
	assert_int_equal(weir_encoded_new("node-a", &f->encoded), 0);
	weir_buf_init(&f->out, 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	weir_stream_done(&f->stream);
	weir_encoded_free(&f->encoded);
	weir_encoded_free(&f->encoded);
	weir_history_free(&f->history);
	weir_buf_done(&f->out);
	free(f);
	return 0;
}

static void push(struct fixture *f, unsigned int n, uint16_t port)
{
	while (n--) {
		struct weir_record record = weirt_closed_ref();

		record.flow.id = ++f->pushed;
		record.time_ns = (int64_t)f->pushed * second;
		record.flow.asked_port = port;
		record.flow.destination_port = port;
		weir_history_push(f->history, &record);
	}
}

static void start(struct fixture *f, const char *request)
{
	struct weir_request decoded;

	weir_request_init(&decoded);
	assert_int_equal(
		weir_request_decode(&decoded, request, strlen(request), 1000 * second, NULL), 0);
	weir_stream_done(&f->stream);
	weir_stream_init(&f->stream, &decoded, f->history, f->encoded, 1000 * second);
	assert_int_equal(decoded.n_filters, 0);
	weir_request_done(&decoded);
}

/* Read until there is nothing more for now. */
static enum weir_stream_state drain(struct fixture *f)
{
	enum weir_stream_state state;

	weir_buf_clear(&f->out);
	do {
		state = weir_stream_read(&f->stream, &f->out, f->out.len + MESSAGE_BYTES);
	} while (state == WEIR_STREAM_MORE);
	assert_int_equal(f->out.failed, 0);
	return state;
}

/* The ids of the flows in the output, L with the count for losses: "1 2 L5 8". */
static void assert_read(struct fixture *f, const char *want)
{
	struct weir_buf got;
	const char *at = weir_buf_cstr(&f->out);

	weir_buf_init(&got, 0);
	while (*at) {
		const char *end = strchr(at, '\n');
		const char *id = strstr(at, "\"connection\":{\"id\":\"");
		const char *lost = strstr(at, "\"num_events_lost\":\"");

		assert_non_null(end);
		if (got.len)
			weir_buf_putc(&got, ' ');
		if (lost && lost < end)
			weir_buf_printf(&got, "L%llu", strtoull(lost + 19, NULL, 10));
		else
			weir_buf_printf(&got, "%llu", strtoull(id + 20, NULL, 16));
		at = end + 1;
	}
	assert_string_equal(weir_buf_cstr(&got), want);
	weir_buf_done(&got);
}

static void requests_select_what_hubble_would(void **state)
{
	static const struct {
		const char *request;
		const char *want;
		enum weir_stream_state state;
	} cases[] = {
		/* 1..10 with port 80, 11..12 with 443, 13 with 80. */
		{ "{}", "1 2 3 4 5 6 7 8 9 10 11 12 13", WEIR_STREAM_END },
		{ "{\"last\":0}", "1 2 3 4 5 6 7 8 9 10 11 12 13", WEIR_STREAM_END },
		{ "{\"last\":0,\"follow\":true}", "", WEIR_STREAM_IDLE },
		{ "{\"until\":\"1970-01-01T00:00:00Z\"}", "", WEIR_STREAM_END },
		{ "{\"since\":\"1970-01-01T00:00:00Z\",\"follow\":true}",
		  "1 2 3 4 5 6 7 8 9 10 11 12 13", WEIR_STREAM_IDLE },
		{ "{\"since\":\"1677-09-21T00:12:44Z\"}", "1 2 3 4 5 6 7 8 9 10 11 12 13",
		  WEIR_STREAM_END },
		{ "{\"until\":\"1677-09-21T00:12:44Z\"}", "", WEIR_STREAM_END },
		{ "{\"until\":\"2262-04-11T23:47:16Z\"}", "1 2 3 4 5 6 7 8 9 10 11 12 13",
		  WEIR_STREAM_END },
		{ "{\"last\":2}", "12 13", WEIR_STREAM_END },
		{ "{\"last\":13}", "1 2 3 4 5 6 7 8 9 10 11 12 13", WEIR_STREAM_END },
		{ "{\"last\":5000}", "1 2 3 4 5 6 7 8 9 10 11 12 13", WEIR_STREAM_END },
		{ "{\"follow\":true}", "", WEIR_STREAM_IDLE },
		{ "{\"follow\":true,\"last\":1}", "13", WEIR_STREAM_IDLE },
		{ "{\"last\":2,\"filters\":[{\"to-port\":[\"80\"]}]}", "10 13", WEIR_STREAM_END },
		{ "{\"last\":9,\"filters\":[{\"to-port\":[\"443\"]}]}", "11 12", WEIR_STREAM_END },
		{ "{\"filters\":[{\"to-port\":[\"1\"]}]}", "", WEIR_STREAM_END },
		{ "{\"since\":\"1970-01-01T00:00:11Z\"}", "11 12 13", WEIR_STREAM_END },
		{ "{\"since\":\"1970-01-01T00:00:11.5Z\"}", "12 13", WEIR_STREAM_END },
		{ "{\"since\":\"989s\",\"last\":1}", "11 12 13", WEIR_STREAM_END },
		{ "{\"since\":\"1s\"}", "", WEIR_STREAM_END },
		{ "{\"since\":\"989s\",\"follow\":true}", "11 12 13", WEIR_STREAM_IDLE },
		{ "{\"until\":\"1970-01-01T00:00:02Z\"}", "1 2", WEIR_STREAM_END },
		{ "{\"since\":\"998s\",\"until\":\"996s\"}", "2 3 4", WEIR_STREAM_END },
		{ "{\"last\":2,\"until\":\"996s\"}", "3 4", WEIR_STREAM_END },
	};
	struct fixture *f = *state;

	push(f, 10, 80);
	push(f, 2, 443);
	push(f, 1, 80);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(f, cases[i].request);
		assert_int_equal(drain(f), cases[i].state);
		assert_read(f, cases[i].want);
	}
}

static void follow_goes_on_with_what_is_pushed(void **state)
{
	struct fixture *f = *state;

	start(f, "{\"follow\":true,\"filters\":[{\"to-port\":[\"80\"]}]}");
	assert_int_equal(drain(f), WEIR_STREAM_IDLE);
	push(f, 2, 80);
	push(f, 1, 443);
	push(f, 1, 80);
	assert_int_equal(drain(f), WEIR_STREAM_IDLE);
	assert_read(f, "1 2 4");
	assert_int_equal(f->stream.sent, 3);
	assert_int_equal(f->stream.lost, 0);
}

static void not_following_ends_where_it_began(void **state)
{
	struct fixture *f = *state;

	push(f, 2, 80);
	start(f, "{}");
	push(f, 2, 80);
	assert_int_equal(drain(f), WEIR_STREAM_END);
	assert_read(f, "1 2");
}

static void overtaken_cursor_tells_the_gap_in_its_place(void **state)
{
	struct fixture *f = *state;

	start(f, "{\"follow\":true}");
	push(f, 3, 80);
	assert_int_equal(drain(f), WEIR_STREAM_IDLE);
	push(f, 130, 80);
	assert_int_equal(drain(f), WEIR_STREAM_IDLE);
	assert_non_null(
		strstr(weir_buf_cstr(&f->out),
		       "{\"lost_events\":{\"source\":\"HUBBLE_RING_BUFFER\","
		       "\"num_events_lost\":\"30\",\"cause\":\"client_too_slow\","
		       "\"first\":\"1970-01-01T00:00:03Z\",\"last\":\"1970-01-01T00:00:34Z\"},"
		       "\"node_name\":\"node-a\",\"time\":\"1970-01-01T00:00:34Z\"}\n"));
	assert_int_equal(f->stream.sent, 103);
	assert_int_equal(f->stream.lost, 30);
	assert_int_equal(f->stream.sent + f->stream.lost, f->pushed);
}

static void overtaken_snapshot_ends_with_the_gap(void **state)
{
	struct fixture *f = *state;

	push(f, 5, 80);
	start(f, "{}");
	push(f, 500, 80);
	assert_int_equal(drain(f), WEIR_STREAM_END);
	assert_read(f, "L5");
}

static void losses_pass_the_filters(void **state)
{
	struct fixture *f = *state;
	struct weir_record lost = weirt_lost(7);

	push(f, 1, 80);
	weir_history_push(f->history, &lost);
	start(f, "{\"filters\":[{\"to-port\":[\"81\"]}]}");
	assert_int_equal(drain(f), WEIR_STREAM_END);
	assert_read(f, "L7");
	/* And do not count among the last. */
	start(f, "{\"last\":1}");
	assert_int_equal(drain(f), WEIR_STREAM_END);
	assert_read(f, "1 L7");
}

static void losses_keep_to_the_time_asked_for(void **state)
{
	struct fixture *f = *state;

	push(f, 1, 80);
	for (int at = 2; at <= 4; at++) {
		struct weir_record lost = weirt_lost((uint64_t)at);

		lost.time_ns = at * second;
		weir_history_push(f->history, &lost);
	}
	f->pushed = 4;
	push(f, 1, 80);
	start(f, "{\"since\":\"1970-01-01T00:00:03Z\"}");
	assert_int_equal(drain(f), WEIR_STREAM_END);
	assert_read(f, "L3 L4 5");
	start(f, "{\"until\":\"1970-01-01T00:00:03Z\"}");
	assert_int_equal(drain(f), WEIR_STREAM_END);
	assert_read(f, "1 L2 L3");
}

static void ring_that_overtakes_the_walk_back_is_told(void **state)
{
	struct fixture *f = *state;

	weir_history_free(&f->history);
	assert_int_equal(weir_history_new(9000 * sizeof(struct weir_record), &f->history), 0);
	push(f, 9000, 80);
	start(f, "{\"since\":\"1970-01-01T00:00:00Z\"}");
	assert_int_equal(weir_stream_read(&f->stream, &f->out, MESSAGE_BYTES), WEIR_STREAM_MORE);
	assert_true(f->stream.seeking);
	push(f, 8000, 80);
	assert_int_equal(drain(f), WEIR_STREAM_END);
	assert_non_null(strstr(weir_buf_cstr(&f->out), "\"num_events_lost\":\"8000\""));
	assert_int_equal(f->stream.lost, 8000);
	assert_int_equal(f->stream.sent, 1000);
}

/* The more values a request has, the fewer records are looked at at once. */
static void many_values_make_the_steps_short(void **state)
{
	struct fixture *f = *state;
	struct weir_buf request;
	int steps = 0;

	weir_buf_init(&request, 0);
	weir_buf_puts(&request, "{\"filters\":[{\"ip\":[\"192.0.2.1\"");
	for (int i = 1; i < WEIR_REQUEST_VALUES_MAX; i++)
		weir_buf_puts(&request, ",\"2001:db8::/33\"");
	weir_buf_puts(&request, "]}]}");
	weir_history_free(&f->history);
	assert_int_equal(weir_history_new(5000 * sizeof(struct weir_record), &f->history), 0);
	push(f, 5000, 80);
	start(f, weir_buf_cstr(&request));
	while (weir_stream_read(&f->stream, &f->out, MESSAGE_BYTES) == WEIR_STREAM_MORE)
		steps++;
	assert_true(steps >= 5000 * WEIR_REQUEST_VALUES_MAX / 65536);
	assert_int_equal(f->out.len, 0);
	weir_buf_done(&request);
}

static void younger_record_before_an_older_does_not_end_the_window(void **state)
{
	struct fixture *f = *state;

	push(f, 10, 80);
	f->pushed = 11;
	push(f, 1, 80);
	f->pushed = 10;
	push(f, 1, 80);
	/* 1..10, 12, 11 */
	start(f, "{\"since\":\"990s\",\"until\":\"989s\"}");
	assert_int_equal(drain(f), WEIR_STREAM_END);
	assert_read(f, "10 11");
}

static void read_stops_at_the_bytes_wanted(void **state)
{
	struct fixture *f = *state;
	size_t one;

	push(f, 10, 80);
	start(f, "{}");
	assert_int_equal(weir_stream_read(&f->stream, &f->out, 1), WEIR_STREAM_MORE);
	one = f->out.len;
	assert_read(f, "1");
	weir_buf_clear(&f->out);
	assert_int_equal(weir_stream_read(&f->stream, &f->out, one + 1), WEIR_STREAM_MORE);
	assert_read(f, "2 3");
}

static void record_larger_than_a_message_is_told_as_lost(void **state)
{
	struct fixture *f = *state;
	struct weir_buf small;

	push(f, 2, 80);
	start(f, "{}");
	weir_buf_init(&small, 400);
	assert_int_equal(weir_stream_read(&f->stream, &small, 1), WEIR_STREAM_MORE);
	assert_non_null(
		strstr(weir_buf_cstr(&small), "\"num_events_lost\":\"1\",\"cause\":\"no_memory\""));
	assert_int_equal(f->stream.lost, 1);
	weir_buf_done(&small);
}

static void long_walk_back_is_done_in_steps(void **state)
{
	struct fixture *f = *state;
	int steps = 0;

	weir_history_free(&f->history);
	assert_int_equal(weir_history_new(20000 * sizeof(struct weir_record), &f->history), 0);
	push(f, 1, 443);
	push(f, 19999, 80);
	start(f, "{\"last\":1,\"filters\":[{\"to-port\":[\"443\"]}]}");
	while (f->stream.seeking && ++steps < 100)
		assert_int_equal(weir_stream_read(&f->stream, &f->out, MESSAGE_BYTES),
				 WEIR_STREAM_MORE);
	assert_true(steps > 2 && steps < 10);
	assert_int_equal(drain(f), WEIR_STREAM_END);
	assert_read(f, "1");
}

static void shared_lines_are_the_same_as_fresh_ones(void **state)
{
	struct fixture *f = *state;
	struct weir_buf fresh;

	push(f, 100, 80);
	start(f, "{}");
	(void)drain(f);
	weir_buf_init(&fresh, 0);
	weir_buf_put(&fresh, f->out.data, f->out.len);
	weir_encoded_share(f->encoded, true);
	for (int i = 0; i < 2; i++) {
		start(f, "{}");
		(void)drain(f);
		assert_int_equal(f->out.len, fresh.len);
		assert_memory_equal(f->out.data, fresh.data, fresh.len);
	}
	/* A slot is taken over by a later record of the same remainder. */
	push(f, 256, 443);
	start(f, "{\"last\":1}");
	(void)drain(f);
	assert_read(f, "356");
	weir_encoded_share(f->encoded, false);
	weir_buf_done(&fresh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(requests_select_what_hubble_would, setup, teardown),
		cmocka_unit_test_setup_teardown(follow_goes_on_with_what_is_pushed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(not_following_ends_where_it_began, setup, teardown),
		cmocka_unit_test_setup_teardown(overtaken_cursor_tells_the_gap_in_its_place, setup,
						teardown),
		cmocka_unit_test_setup_teardown(overtaken_snapshot_ends_with_the_gap, setup,
						teardown),
		cmocka_unit_test_setup_teardown(losses_pass_the_filters, setup, teardown),
		cmocka_unit_test_setup_teardown(losses_keep_to_the_time_asked_for, setup, teardown),
		cmocka_unit_test_setup_teardown(ring_that_overtakes_the_walk_back_is_told, setup,
						teardown),
		cmocka_unit_test_setup_teardown(many_values_make_the_steps_short, setup, teardown),
		cmocka_unit_test_setup_teardown(
			younger_record_before_an_older_does_not_end_the_window, setup, teardown),
		cmocka_unit_test_setup_teardown(read_stops_at_the_bytes_wanted, setup, teardown),
		cmocka_unit_test_setup_teardown(record_larger_than_a_message_is_told_as_lost, setup,
						teardown),
		cmocka_unit_test_setup_teardown(long_walk_back_is_done_in_steps, setup, teardown),
		cmocka_unit_test_setup_teardown(shared_lines_are_the_same_as_fresh_ones, setup,
						teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
