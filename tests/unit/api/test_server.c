/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/client.h"

#include <sys/resource.h>
#include <sys/stat.h>

#define BIG_HISTORY ((size_t)64 << 20)
#define SMALL_HISTORY 1

struct fixture {
	struct weirt_served served;
	struct weir_buf buf;
};

static int setup(void **state, size_t history_bytes, unsigned int max_clients)
{
	struct fixture *f = calloc(1, sizeof(*f));

	weir_buf_init(&f->buf, 0);
	weirt_serve(&f->served, history_bytes, max_clients);
	*state = f;
	return 0;
}

static int setup_big(void **state)
{
	return setup(state, BIG_HISTORY, 0);
}

static int setup_small(void **state)
{
	return setup(state, SMALL_HISTORY, 0);
}

static int setup_many_clients(void **state)
{
	struct rlimit limit;

	/* Half of the ends, and a descriptor that watches each, are in the server's process. */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_cur < 2048 && limit.rlim_max >= 2048) {
		limit.rlim_cur = 2048;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	}
	return setup(state, SMALL_HISTORY, WEIR_SERVER_CLIENTS_MAX);
}

static int setup_two_clients(void **state)
{
	return setup(state, SMALL_HISTORY, 2);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	weirt_unserve(&f->served);
	weir_buf_done(&f->buf);
	free(f);
	return 0;
}

/* Read messages until @flows lines with flows have come, into the emptied buffer. */
static void recv_flows(struct fixture *f, int fd, uint64_t flows)
{
	struct weir_buf message;
	uint64_t n = 0;

	weir_buf_init(&message, 0);
	weir_buf_clear(&f->buf);
	while (n < flows) {
		assert_int_equal(weirt_recv_message(fd, &message), WEIRT_TEXT);
		n += weirt_count(&message, "{\"flow\":");
		weir_buf_put(&f->buf, message.data, message.len);
		weir_buf_clear(&message);
	}
	assert_int_equal(n, flows);
	weir_buf_done(&message);
}

static void follow_pushed_records_arrive_in_order(void **state)
{
	struct fixture *f = *state;
	int fd = weirt_follow_tail(&f->served);
	const char *at;

	for (int i = 0; i < 10; i++)
		weirt_tell(&f->served, 'p', 20);
	weirt_tell(&f->served, 'p', 1);
	recv_flows(f, fd, 201);
	at = weir_buf_cstr(&f->buf);
	for (int i = 1; i <= 201; i++) {
		char id[48];

		(void)snprintf(id, sizeof(id), "\"connection\":{\"id\":\"%016x\"", (unsigned int)i);
		at = strstr(at, id);
		assert_non_null(at);
	}
	assert_int_equal(f->buf.data[f->buf.len - 1], '\n');
	(void)close(fd);
}

static void follow_without_last_begins_at_the_tail(void **state)
{
	struct fixture *f = *state;
	int fd;

	weirt_tell(&f->served, 'p', 5);
	fd = weirt_follow_tail(&f->served);
	weirt_tell(&f->served, 'p', 1);
	recv_flows(f, fd, 1);
	assert_non_null(strstr(weir_buf_cstr(&f->buf), "\"id\":\"0000000000000006\""));
	(void)close(fd);
}

static void last_without_follow_ends_with_1000(void **state)
{
	struct fixture *f = *state;
	int fd;

	weirt_tell(&f->served, 'p', 1000);
	fd = weirt_follow(&f->served, "{\"last\":3}");
	assert_int_equal(weirt_recv_close(fd, &f->buf), 1000);
	assert_int_equal(weirt_count(&f->buf, "\n"), 3);
	assert_non_null(strstr(weir_buf_cstr(&f->buf), "\"id\":\"00000000000003e6\""));
	(void)close(fd);
}

static void everything_without_follow_is_all_of_the_history(void **state)
{
	struct fixture *f = *state;
	int fd;

	weirt_tell(&f->served, 'p', 9999);
	weirt_tell(&f->served, 'l', 17);
	fd = weirt_follow(&f->served, "{}");
	assert_int_equal(weirt_recv_close(fd, &f->buf), 1000);
	assert_int_equal(weirt_count(&f->buf, "{\"flow\":"), 9999);
	assert_int_equal(weirt_sum_lost(&f->buf, "ringbuf_full"), 17);
	assert_int_equal(weirt_count(&f->buf, "lost_events"), 1);
	(void)close(fd);
}

static void since_begins_at_the_time(void **state)
{
	struct fixture *f = *state;
	char request[96], text[WEIR_TIME_TEXT_MAX];
	int64_t since;
	int fd;

	weirt_tell(&f->served, 'p', 10);
	since = weir_time_real_ns();
	weirt_tell(&f->served, 'p', 4);
	(void)snprintf(request, sizeof(request), "{\"since\":\"%s\",\"last\":1}",
		       weir_time_to_str(since, text));
	fd = weirt_follow(&f->served, request);
	assert_int_equal(weirt_recv_close(fd, &f->buf), 1000);
	assert_int_equal(weirt_count(&f->buf, "{\"flow\":"), 4);
	(void)close(fd);
	weir_buf_clear(&f->buf);
	fd = weirt_follow(&f->served, "{\"since\":\"1h\"}");
	assert_int_equal(weirt_recv_close(fd, &f->buf), 1000);
	assert_int_equal(weirt_count(&f->buf, "{\"flow\":"), 14);
	(void)close(fd);
}

static void filters_let_only_matches_through(void **state)
{
	struct fixture *f = *state;
	int fd;

	weirt_tell(&f->served, 'p', 2);
	fd = weirt_follow(&f->served, "{\"filters\":[{\"to-port\":[\"81\"]}]}");
	assert_int_equal(weirt_recv_close(fd, &f->buf), 1000);
	assert_int_equal(f->buf.len, 0);
	(void)close(fd);
	fd = weirt_follow(&f->served, "{\"filters\":[{\"to-port\":[\"81\"]},"
				      "{\"from-namespace\":[\"x\",\"shop\"]}]}");
	assert_int_equal(weirt_recv_close(fd, &f->buf), 1000);
	assert_int_equal(weirt_count(&f->buf, "{\"flow\":"), 2);
	(void)close(fd);
}

static void overtaken_client_is_told_exactly_what_it_lost(void **state)
{
	struct fixture *f = *state;
	int fd;
	uint64_t pushed, flows, lost = 0;
	struct weirt_answer answer;

	fd = weirt_follow(&f->served, "{\"follow\":true,\"last\":1}");
	weirt_tell(&f->served, 'p', 1);
	recv_flows(f, fd, 1);
	for (pushed = 1; pushed < 40001; pushed += 40)
		weirt_tell(&f->served, 'p', 40);
	/* Now it reads. The last record is there for it: nothing overtakes it any more. */
	flows = 1;
	while (flows + lost < pushed) {
		weir_buf_clear(&f->buf);
		assert_int_equal(weirt_recv_message(fd, &f->buf), WEIRT_TEXT);
		flows += weirt_count(&f->buf, "{\"flow\":");
		lost += weirt_sum_lost(&f->buf, "client_too_slow");
	}
	assert_int_equal(flows + lost, pushed);
	answer = weirt_tell(&f->served, 'n', 0);
	assert_int_equal(answer.stats.records_sent + answer.stats.records_lost, 40001);
	assert_true(answer.stats.records_lost > 0);
	(void)close(fd);
}

static void slow_client_does_not_hold_up_another(void **state)
{
	struct fixture *f = *state;
	int slow = weirt_follow(&f->served, "{\"follow\":true,\"last\":1}");
	int quick = weirt_follow(&f->served, "{\"follow\":true,\"last\":1}");

	weirt_tell(&f->served, 'p', 1);
	recv_flows(f, quick, 1);
	for (int i = 0; i < 1000; i++) {
		weirt_tell(&f->served, 'p', 30);
		recv_flows(f, quick, 30);
		assert_int_equal(weirt_count(&f->buf, "lost_events"), 0);
	}
	(void)close(slow);
	(void)close(quick);
}

static void both_of_two_followers_get_every_record(void **state)
{
	struct fixture *f = *state;
	int a = weirt_follow_tail(&f->served);
	int b = weirt_follow_tail(&f->served);

	for (int i = 0; i < 100; i++)
		weirt_tell(&f->served, 'p', 30);
	recv_flows(f, a, 3000);
	recv_flows(f, b, 3000);
	assert_non_null(strstr(weir_buf_cstr(&f->buf), "\"id\":\"0000000000000bb8\""));
	(void)close(a);
	(void)close(b);
}

static void fragmented_request_is_put_together(void **state)
{
	struct fixture *f = *state;
	int fd = weirt_follow(&f->served, NULL);

	weirt_tell(&f->served, 'p', 3);
	weirt_send_frame(fd, false, WEIRT_TEXT, "{\"la", 4);
	weirt_send_frame(fd, true, WEIRT_PING, "?", 1);
	weirt_send_frame(fd, false, WEIRT_CONTINUATION, "st\"", 3);
	weirt_send_frame(fd, true, WEIRT_CONTINUATION, ":2}", 3);
	assert_int_equal(weirt_recv_close(fd, &f->buf), 1000);
	assert_int_equal(weirt_count(&f->buf, "{\"flow\":"), 2);
	(void)close(fd);
}

static void unix_socket_serves_with_mode_0660(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	int fd = weirt_connect_unix(&f->served);

	assert_int_equal(stat(f->served.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	weirt_tell(&f->served, 'p', 1);
	/* A name that is not this machine's is no matter on a unix socket. */
	weirt_upgrade(fd, "/v1/flows", "", &f->buf);
	assert_int_equal(strncmp(f->buf.data, "HTTP/1.1 101", 12), 0);
	weir_buf_clear(&f->buf);
	weirt_send_text(fd, "{}");
	assert_int_equal(weirt_recv_close(fd, &f->buf), 1000);
	assert_int_equal(weirt_count(&f->buf, "{\"flow\":"), 1);
	(void)close(fd);
}

static void clients_above_the_limit_get_503(void **state)
{
	struct fixture *f = *state;
	int a = weirt_follow(&f->served, "{\"follow\":true}");
	int b = weirt_follow(&f->served, "{\"follow\":true}");
	int c = weirt_upgrade(weirt_connect(&f->served), "/v1/flows", "", &f->buf);

	assert_int_equal(strncmp(f->buf.data, "HTTP/1.1 503", 12), 0);
	assert_int_equal(weirt_tell(&f->served, 'n', 0).stats.clients, 2);
	weirt_ask(&f->served, "GET /v1/flows HTTP/1.1\r\nConnection: close\r\n\r\n", &f->buf);
	assert_int_equal(strncmp(f->buf.data, "HTTP/1.1 503", 12), 0);
	/* What asks for nothing that lasts is answered all the same. */
	weirt_ask(&f->served, "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", &f->buf);
	assert_int_equal(strncmp(f->buf.data, "HTTP/1.1 200", 12), 0);
	(void)close(c);
	(void)close(b);
	/* Until the server has noticed. */
	while (weirt_tell(&f->served, 'n', 0).stats.clients != 1)
		;
	b = weirt_follow(&f->served, "{}");
	(void)close(a);
	(void)close(b);
}

static void connections_that_ask_for_nothing_make_room(void **state)
{
	struct fixture *f = *state;
	int client = weirt_follow_tail(&f->served);
	int fds[140], asks;
	char c;

	/* Two clients and 64 more are held; of these 140 beside a client the latest 65. */
	for (int i = 0; i < 140; i++)
		fds[i] = weirt_connect(&f->served);
	weirt_ask(&f->served, "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", &f->buf);
	assert_int_equal(strncmp(f->buf.data, "HTTP/1.1 200", 12), 0);
	asks = weirt_connect_unix(&f->served);
	weirt_upgrade(asks, "/v1/flows", "", &f->buf);
	assert_int_equal(strncmp(f->buf.data, "HTTP/1.1 101", 12), 0);
	for (int i = 0; i < 140 - 66; i++)
		assert_false(weirt_recv(fds[i], &c, 1));
	/* The client is still there. */
	weirt_tell(&f->served, 'p', 1);
	recv_flows(f, client, 1);
	for (int i = 0; i < 140; i++)
		(void)close(fds[i]);
	(void)close(asks);
	(void)close(client);
}

static void as_many_clients_as_a_server_may_have_are_served(void **state)
{
	struct fixture *f = *state;
	int fds[WEIR_SERVER_CLIENTS_MAX];

	for (int i = 0; i < WEIR_SERVER_CLIENTS_MAX; i++)
		fds[i] = weirt_follow(&f->served, "{\"follow\":true}");
	assert_int_equal(weirt_tell(&f->served, 'n', 0).stats.clients, WEIR_SERVER_CLIENTS_MAX);
	weirt_ask(&f->served, "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", &f->buf);
	assert_int_equal(strncmp(f->buf.data, "HTTP/1.1 200", 12), 0);
	weirt_ask(&f->served, "GET /v1/flows HTTP/1.1\r\nConnection: close\r\n\r\n", &f->buf);
	assert_int_equal(strncmp(f->buf.data, "HTTP/1.1 503", 12), 0);
	for (int i = 0; i < WEIR_SERVER_CLIENTS_MAX; i++)
		(void)close(fds[i]);
}

/* A message of many, written by a server that is then freed: the close comes behind it. */
static void followers_are_told_that_the_server_goes(void **state)
{
	struct fixture *f = *state;
	int fd = weirt_follow_tail(&f->served);
	struct weirt_answer answer = weirt_tell(&f->served, 'p', 1);

	assert_int_equal(answer.stats.clients, 1);
	recv_flows(f, fd, 1);
	(void)weirt_tell(&f->served, 's', 0);
	weir_buf_clear(&f->buf);
	assert_int_equal(weirt_recv_close(fd, &f->buf), 1001);
	assert_int_equal(f->buf.len, 0);
	(void)close(fd);
	weirt_served_end(&f->served);
	weirt_serve(&f->served, SMALL_HISTORY, 0);
}

static void gone_clients_are_forgotten(void **state)
{
	struct fixture *f = *state;
	int fds[8];

	for (int i = 0; i < 8; i++)
		fds[i] = weirt_follow(&f->served, "{\"follow\":true}");
	for (int i = 0; i < 8; i++)
		(void)close(fds[i]);
	while (weirt_tell(&f->served, 'n', 0).stats.clients)
		;
	weirt_tell(&f->served, 'p', 100);
	assert_int_equal(weirt_tell(&f->served, 'n', 0).stats.clients_total, 8);
}

static void server_with_clients_can_be_freed(void **state)
{
	struct fixture *f = *state;

	/* Left open; teardown frees the server, and the leak checker looks at the rest. */
	(void)weirt_follow(&f->served, "{\"follow\":true,\"filters\":[{\"pod\":[\"a/b\"]}]}");
	(void)weirt_follow(&f->served, NULL);
	(void)weirt_connect(&f->served);
	weirt_tell(&f->served, 'p', 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(follow_pushed_records_arrive_in_order, setup_big,
						teardown),
		cmocka_unit_test_setup_teardown(follow_without_last_begins_at_the_tail, setup_big,
						teardown),
		cmocka_unit_test_setup_teardown(last_without_follow_ends_with_1000, setup_big,
						teardown),
		cmocka_unit_test_setup_teardown(everything_without_follow_is_all_of_the_history,
						setup_big, teardown),
		cmocka_unit_test_setup_teardown(since_begins_at_the_time, setup_big, teardown),
		cmocka_unit_test_setup_teardown(filters_let_only_matches_through, setup_big,
						teardown),
		cmocka_unit_test_setup_teardown(overtaken_client_is_told_exactly_what_it_lost,
						setup_small, teardown),
		cmocka_unit_test_setup_teardown(slow_client_does_not_hold_up_another, setup_small,
						teardown),
		cmocka_unit_test_setup_teardown(both_of_two_followers_get_every_record, setup_big,
						teardown),
		cmocka_unit_test_setup_teardown(fragmented_request_is_put_together, setup_big,
						teardown),
		cmocka_unit_test_setup_teardown(unix_socket_serves_with_mode_0660, setup_small,
						teardown),
		cmocka_unit_test_setup_teardown(clients_above_the_limit_get_503, setup_two_clients,
						teardown),
		cmocka_unit_test_setup_teardown(connections_that_ask_for_nothing_make_room,
						setup_two_clients, teardown),
		cmocka_unit_test_setup_teardown(as_many_clients_as_a_server_may_have_are_served,
						setup_many_clients, teardown),
		cmocka_unit_test_setup_teardown(followers_are_told_that_the_server_goes,
						setup_small, teardown),
		cmocka_unit_test_setup_teardown(gone_clients_are_forgotten, setup_small, teardown),
		cmocka_unit_test_setup_teardown(server_with_clients_can_be_freed, setup_small,
						teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
