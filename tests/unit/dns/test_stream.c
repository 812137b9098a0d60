/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/stream.h"
#include "tests/unit/dns/messages.h"

#define ISN 1000
#define MESSAGES_MAX 2048

/* What came out. */
static struct {
	size_t captured, len;
	uint8_t bytes[WEIR_DNS_STREAM_MESSAGE_MAX];
} got[MESSAGES_MAX];
static size_t n_got;

/* Bytes on their way, with the lengths before the messages. */
static uint8_t wire[1 << 18];
static size_t wire_len;

static int setup(void **state)
{
	n_got = 0;
	wire_len = 0;
	return weir_dns_streams_new((struct weir_dns_streams **)state);
}

static int teardown(void **state)
{
	weir_dns_streams_free((struct weir_dns_streams **)state);
	assert_null(*state);
	weir_dns_streams_free((struct weir_dns_streams **)state);
	return 0;
}

static void on_message(void *ctx, const uint8_t *bytes, size_t captured, size_t len)
{
	assert_null(ctx);
	assert_true(n_got < MESSAGES_MAX && captured <= len);
	got[n_got].captured = captured;
	got[n_got].len = len;
	if (captured)
		memcpy(got[n_got].bytes, bytes, captured);
	n_got++;
}

static struct weir_dns_streams_stats stats_of(struct weir_dns_streams *streams)
{
	struct weir_dns_streams_stats stats;

	weir_dns_streams_get_stats(streams, &stats);
	return stats;
}

/* A message of @len octets with that id at the wire's end. */
static void put(uint16_t id, size_t len, bool answer)
{
	uint8_t *at = wire + wire_len;

	assert_true(wire_len + 2 + len <= sizeof(wire));
	at[0] = (uint8_t)(len >> 8);
	at[1] = (uint8_t)len;
	for (size_t i = 0; i < len; i++)
		at[2 + i] = (uint8_t)(i * 3 + id);
	if (len >= 12) {
		memcpy(at + 2,
		       (const uint8_t[]){ (uint8_t)(id >> 8), (uint8_t)id, answer ? 0x81 : 1, 0, 0,
					  1, 0, 0, 0, 0, 0, 0 },
		       12);
	}
	wire_len += 2 + len;
}

static struct weir_dns_part part_of(uint64_t cookie, uint32_t isn)
{
	return (struct weir_dns_part){ .client = { .cookie = cookie }, .isn = isn };
}

/* Bytes [from, to) of the wire, of which @captured are there, in memory of just that size. */
static void feed_part(struct weir_dns_streams *streams, struct weir_dns_part part, size_t from,
		      size_t to, size_t captured, uint64_t now_ns)
{
	uint8_t *bytes = malloc(captured ? captured : 1);

	assert_non_null(bytes);
	memcpy(bytes, wire + from, captured);
	if (!part.seq)
		part.seq = part.isn + 1 + (uint32_t)from;
	part.bytes = bytes;
	part.captured = captured;
	part.len = to - from;
	weir_dns_streams_feed(streams, &part, now_ns, on_message, NULL);
	free(bytes);
}

static void feed(void **state, size_t from, size_t to)
{
	feed_part(*state, part_of(7, ISN), from, to, to - from, 1);
}

/* Message @i is the @nth that was put, of @len octets. */
static void check(size_t i, uint16_t id, size_t len)
{
	assert_true(i < n_got);
	assert_int_equal(got[i].len, len);
	assert_int_equal(got[i].captured, len);
	assert_int_equal(got[i].bytes[0] << 8 | got[i].bytes[1], id);
	for (size_t at = 12; at < len; at++)
		assert_int_equal(got[i].bytes[at], (uint8_t)(at * 3 + id));
}

static void check_three(void **state)
{
	assert_int_equal(n_got, 3);
	check(0, 1, 40);
	check(1, 2, 12);
	check(2, 3, 300);
	assert_int_equal(stats_of(*state).lost + stats_of(*state).cut, 0);
	n_got = 0;
}

static void put_three(void)
{
	put(1, 40, false);
	put(2, 12, false);
	put(3, 300, false);
}

static void messages_of_one_part_all_arrive(void **state)
{
	put_three();
	feed(state, 0, wire_len);
	check_three(state);
}

/* Also between the two octets of a length, and behind them. */
static void messages_cut_anywhere_arrive(void **state)
{
	put_three();
	for (size_t at = 1; at < wire_len; at++) {
		struct weir_dns_part part = part_of(100 + at, ISN);

		feed_part(*state, part, 0, at, at, 1);
		feed_part(*state, part, at, wire_len, wire_len - at, 1);
		check_three(state);
	}
	for (size_t at = 0; at < wire_len; at++)
		feed(state, at, at + 1);
	check_three(state);
}

static void parts_again_and_overlapping_count_once(void **state)
{
	put_three();
	feed(state, 0, 100);
	feed(state, 0, 100);
	feed(state, 20, 90);
	feed(state, 50, 200);
	feed(state, 0, wire_len);
	feed(state, 10, wire_len);
	check_three(state);
}

static void parts_in_another_order_arrive_in_theirs(void **state)
{
	static const size_t orders[][4] = {
		{ 3, 2, 1, 0 }, { 1, 0, 3, 2 }, { 0, 3, 1, 2 }, { 2, 3, 0, 1 }, { 1, 1, 3, 0 },
	};

	put_three();
	for (size_t i = 0; i < 5; i++) {
		struct weir_dns_part part = part_of(100 + i, ISN);

		for (size_t j = 0; j < 4; j++) {
			size_t from = orders[i][j] * 90;
			size_t to = orders[i][j] == 3 ? wire_len : from + 90;

			feed_part(*state, part, from, to, to - from, 1);
		}
		if (i == 4)
			feed_part(*state, part, 180, 270, 90, 1);
		check_three(state);
	}
}

static void sequence_numbers_may_wrap(void **state)
{
	put_three();
	for (uint32_t before = 0; before < 400; before++) {
		struct weir_dns_part part = part_of(100 + before, -before);

		if (!part.isn)
			continue;
		feed_part(*state, part, 200, wire_len, wire_len - 200, 1);
		feed_part(*state, part, 0, 90, 90, 1);
		part.seq = part.isn + 1 + 80;
		if (part.seq)
			feed_part(*state, part, 80, 200, 120, 1);
		else
			feed_part(*state, part_of(100 + before, -before), 79, 200, 121, 1);
		check_three(state);
	}
}

static void streams_do_not_mix(void **state)
{
	struct weir_dns_part part = { .client = { .addr = weirt_v4(1), .port = 5, .protocol = 6 },
				      .server = weirt_v4(9),
				      .server_port = 53,
				      .isn = ISN };
	struct weir_dns_part others[8] = { part, part, part, part, part, part, part, part };

	others[1].answer = true;
	others[2].client.addr = weirt_v4(2);
	others[3].client.port = 6;
	others[4].client.netns = 1;
	others[5].server = weirt_v4(8);
	others[6].server_port = 54;
	others[7].client.cookie = 1;
	put_three();
	for (size_t at = 0; at < wire_len; at++)
		for (size_t i = 0; i < 8; i++)
			feed_part(*state, others[i], at, at + 1, 1, 1);
	assert_int_equal(n_got, 24);
	for (size_t i = 0; i < 24; i++)
		assert_int_equal(got[i].len, i < 8 ? 40 : i < 16 ? 12 : 300);
	assert_int_equal(stats_of(*state).streams, 8);
}

/* Addresses and ports used again: another connection, whatever the one before was in the middle of. */
static void another_initial_number_is_another_stream(void **state)
{
	struct weir_dns_part part = part_of(0, ISN);

	put_three();
	feed_part(*state, part, 0, 10, 10, 1);
	feed_part(*state, part, 20, 30, 10, 1);
	part.isn = ISN + 77777777;
	feed_part(*state, part, 0, wire_len, wire_len, 2);
	check_three(state);
	assert_int_equal(stats_of(*state).streams, 1);
}

static void message_of_which_the_end_is_missing_is_cut_and_the_next_is_whole(void **state)
{
	put(1, 5000, true);
	put(2, 40, true);
	feed_part(*state, part_of(7, ISN), 0, 4000, 1232, 1);
	assert_int_equal(n_got, 0);
	feed(state, 4000, 5002);
	assert_int_equal(n_got, 1);
	assert_int_equal(got[0].len, 5000);
	assert_int_equal(got[0].captured, 1230);
	assert_memory_equal(got[0].bytes, wire + 2, 1230);
	feed(state, 5002, wire_len);
	assert_int_equal(n_got, 2);
	check(1, 2, 40);
	assert_int_equal(stats_of(*state).cut, 1);
	assert_int_equal(stats_of(*state).lost, 0);
}

static void message_larger_than_is_kept_is_cut(void **state)
{
	put(1, 65535, true);
	put(2, 40, true);
	for (size_t at = 0; at < wire_len; at += 1000) {
		size_t to = at + 1000 < wire_len ? at + 1000 : wire_len;

		feed(state, at, to);
	}
	assert_int_equal(n_got, 2);
	assert_int_equal(got[0].len, 65535);
	assert_int_equal(got[0].captured, WEIR_DNS_STREAM_MESSAGE_MAX);
	assert_memory_equal(got[0].bytes, wire + 2, WEIR_DNS_STREAM_MESSAGE_MAX);
	check(1, 2, 40);
}

/* In the middle of a message, what is missing is that message's. */
static void gap_within_a_message_costs_its_end(void **state)
{
	put(1, 2000, false);
	put(2, 40, false);
	feed(state, 0, 1000);
	feed(state, 1500, 2002);
	feed_part(*state, part_of(7, ISN), 2002, wire_len, wire_len - 2002,
		  2 + WEIR_DNS_STREAM_WAIT_NS);
	assert_int_equal(n_got, 2);
	assert_int_equal(got[0].captured, 998);
	check(1, 2, 40);
	assert_int_equal(stats_of(*state).lost, 0);
	assert_int_equal(stats_of(*state).cut, 1);
}

static void gap_with_a_length_in_it_loses_the_stream_until_whole_messages_come(void **state)
{
	for (uint16_t i = 0; i < 10; i++)
		put(i, 98, false);
	feed(state, 0, 150);
	/* In the middle of messages, and waiting: the third does not come. */
	feed(state, 250, 450);
	assert_int_equal(n_got, 1);
	feed_part(*state, part_of(7, ISN), 450, 600, 150, 2 + WEIR_DNS_STREAM_WAIT_NS);
	assert_int_equal(stats_of(*state).lost, 1);
	assert_int_equal(n_got, 1);
	feed(state, 600, 800);
	assert_int_equal(n_got, 3);
	check(1, 6, 98);
	check(2, 7, 98);
	feed(state, 800, 1000);
	assert_int_equal(n_got, 5);
	feed(state, 600, 1000);
	assert_int_equal(n_got, 5);
}

static void stream_without_its_beginning_is_followed_from_whole_messages(void **state)
{
	struct weir_dns_part part = part_of(7, 0);

	put_three();
	part.seq = 5000;
	feed_part(*state, part, 1, 30, 29, 1);
	part.seq = 5029;
	feed_part(*state, part, 30, 42, 12, 1);
	assert_int_equal(n_got, 0);
	part.seq = 5041;
	feed_part(*state, part, 42, wire_len, wire_len - 42, 1);
	assert_int_equal(n_got, 2);
	check(0, 2, 12);
	check(1, 3, 300);
	/* Known by its initial number, but far from there. */
	part = part_of(8, ISN);
	part.seq = ISN + 100000000;
	feed_part(*state, part, 42, wire_len, wire_len - 42, 1);
	assert_int_equal(n_got, 4);
	/* And not so far, as one that asked a little before we came. */
	part = part_of(9, ISN);
	feed_part(*state, part, 42, wire_len, wire_len - 42, 1);
	assert_int_equal(n_got, 6);
	assert_int_equal(stats_of(*state).lost, 0);
}

/* What looks like messages of the other direction, or like none, is no place to begin. */
static void lost_stream_does_not_begin_at_what_only_has_lengths(void **state)
{
	struct weir_dns_part part = part_of(7, 0);

	put(1, 40, true);
	part.seq = 1;
	feed_part(*state, part, 0, wire_len, wire_len, 1);
	wire[2 + 2] = 0x78; /* another opcode */
	part.seq += (uint32_t)wire_len;
	feed_part(*state, part, 0, wire_len, wire_len, 1);
	wire[2 + 2] = 1;
	wire[2 + 5] = 2; /* questions */
	part.seq += (uint32_t)wire_len;
	feed_part(*state, part, 0, wire_len, wire_len, 1);
	wire[2 + 5] = 1;
	part.seq += (uint32_t)wire_len;
	feed_part(*state, part, 0, wire_len, wire_len - 1, 1);
	assert_int_equal(n_got, 0);
	part.seq += (uint32_t)wire_len;
	feed_part(*state, part, 0, wire_len, wire_len, 1);
	assert_int_equal(n_got, 1);
}

static void lengths_that_no_message_has_lose_the_stream(void **state)
{
	memset(wire, 0, 1000);
	feed(state, 0, 1000);
	assert_int_equal(n_got, 0);
	assert_int_equal(stats_of(*state).lost, 1);
	feed(state, 1000, 1500);
	assert_int_equal(stats_of(*state).lost, 1);
	wire_len = 1500;
	put(1, 40, false);
	feed(state, 1500, wire_len);
	assert_int_equal(n_got, 1);
	check(0, 1, 40);
	wire_len = 2000;
	put(1, 11, false);
	feed_part(*state, part_of(8, ISN + 5), 2000, wire_len, 13, 1);
	assert_int_equal(n_got, 1);
}

/* A part from nowhere, as anyone can send it: the stream goes on behind it. */
static void part_far_away_costs_no_more_than_what_is_under_way(void **state)
{
	struct weir_dns_part stray = part_of(7, ISN);

	put_three();
	put_three();
	feed(state, 0, 42);
	assert_int_equal(n_got, 1);
	stray.seq = ISN + 0x40000000;
	feed_part(*state, stray, 42, 56, 14, 1);
	feed(state, 42, wire_len);
	assert_int_equal(n_got, 7);
	check(2, 2, 12);
	check(6, 3, 300);
}

static void parts_that_come_early_have_a_limit(void **state)
{
	for (uint16_t i = 0; i < 1000; i++)
		put(i, 98, false);
	feed(state, 0, 1);
	for (size_t i = 1; i <= 16; i++)
		feed(state, i * 100, i * 100 + 100);
	assert_int_equal(n_got, 0);
	/* One more: nobody waits for the first any longer. */
	feed(state, 1700, 1800);
	assert_int_equal(n_got, 17);
	check(0, 1, 98);
	check(16, 17, 98);
	/* All streams together. */
	n_got = 0;
	for (uint64_t cookie = 100; cookie < 140; cookie++) {
		feed_part(*state, part_of(cookie, ISN), 0, 1, 1, 1);
		for (size_t i = 1; i <= 10; i++)
			feed_part(*state, part_of(cookie, ISN), i * 100, i * 100 + 100, 100, 1);
	}
	/* 25 streams of ten parts each and six of the next fit; the rest goes on without the first. */
	assert_int_equal(n_got, 15 * 10);
	for (uint64_t cookie = 100; cookie < 140; cookie++)
		feed_part(*state, part_of(cookie, ISN), 1, 100, 99, 1);
	assert_int_equal(n_got, 40 * 10 + 25);
}

static void oldest_stream_makes_room_and_is_counted(void **state)
{
	put_three();
	for (uint64_t cookie = 1; cookie <= 3000; cookie++) {
		n_got = 0;
		feed_part(*state, part_of(cookie, ISN), 0, 60, 60, cookie);
		assert_int_equal(n_got, 2);
	}
	assert_int_equal(stats_of(*state).streams, 1024);
	assert_int_equal(stats_of(*state).evicted, 3000 - 1024);
	n_got = 0;
	/* The last goes on where it was. */
	feed_part(*state, part_of(3000, ISN), 60, wire_len, wire_len - 60, 3001);
	assert_int_equal(n_got, 1);
	check(0, 3, 300);
}

static void stream_that_rests_is_forgotten(void **state)
{
	put_three();
	feed(state, 0, 60);
	feed_part(*state, part_of(8, ISN), 0, 60, 60, 2);
	feed_part(*state, part_of(8, ISN), 70, 80, 10, 2);
	weir_dns_streams_expire(*state, WEIR_DNS_STREAM_IDLE_NS);
	assert_int_equal(stats_of(*state).streams, 2);
	weir_dns_streams_expire(*state, WEIR_DNS_STREAM_IDLE_NS + 1);
	assert_int_equal(stats_of(*state).streams, 1);
	assert_int_equal(stats_of(*state).lost, 0);
	weir_dns_streams_expire(*state, WEIR_DNS_STREAM_IDLE_NS + 2);
	assert_int_equal(stats_of(*state).streams, 0);
	assert_int_equal(stats_of(*state).lost, 1);
}

static void part_that_cannot_be_is_refused(void **state)
{
	struct weir_dns_part part = part_of(7, ISN);

	part.bytes = wire;
	part.captured = 2;
	part.len = 1;
	weir_dns_streams_feed(*state, &part, 1, on_message, NULL);
	part.captured = part.len = WEIR_DNS_STREAM_PART_MAX + 1;
	weir_dns_streams_feed(*state, &part, 1, on_message, NULL);
	part.len = (size_t)UINT32_MAX + 1;
	part.captured = 1;
	weir_dns_streams_feed(*state, &part, 1, on_message, NULL);
	assert_int_equal(stats_of(*state).streams, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(messages_of_one_part_all_arrive),
		TEST(messages_cut_anywhere_arrive),
		TEST(parts_again_and_overlapping_count_once),
		TEST(parts_in_another_order_arrive_in_theirs),
		TEST(sequence_numbers_may_wrap),
		TEST(streams_do_not_mix),
		TEST(another_initial_number_is_another_stream),
		TEST(message_of_which_the_end_is_missing_is_cut_and_the_next_is_whole),
		TEST(message_larger_than_is_kept_is_cut),
		TEST(gap_within_a_message_costs_its_end),
		TEST(gap_with_a_length_in_it_loses_the_stream_until_whole_messages_come),
		TEST(stream_without_its_beginning_is_followed_from_whole_messages),
		TEST(lost_stream_does_not_begin_at_what_only_has_lengths),
		TEST(lengths_that_no_message_has_lose_the_stream),
		TEST(part_far_away_costs_no_more_than_what_is_under_way),
		TEST(parts_that_come_early_have_a_limit),
		TEST(oldest_stream_makes_room_and_is_counted),
		TEST(stream_that_rests_is_forgotten),
		TEST(part_that_cannot_be_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
