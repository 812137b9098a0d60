/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/server.h"
#include "tests/unit/api/records.h"

struct fixture {
	struct weir_loop *loop;
	struct weir_history *history;
	struct weir_server *server;
	char folder[32];
	struct weir_endpoint local;   /* unix, in the folder */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct weir_server_opts opts = { .node_name = "n" };

	assert_int_equal(weir_loop_new(&f->loop), 0);
	assert_int_equal(weir_history_new(1, &f->history), 0);
	opts.history = f->history;
	assert_int_equal(weir_server_new(f->loop, &opts, &f->server), 0);
	(void)snprintf(f->folder, sizeof(f->folder), "/tmp/weirt-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	f->local.is_unix = true;
	(void)snprintf(f->local.host, sizeof(f->local.host), "%s/sock", f->folder);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	weir_server_free(&f->server);
	weir_server_free(&f->server);
	weir_history_free(&f->history);
	weir_loop_free(&f->loop);
	(void)unlink(f->local.host);
	assert_int_equal(rmdir(f->folder), 0);
	free(f);
	return 0;
}

static int bind_unix(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void more_clients_than_a_loop_holds_are_refused(void **state)
{
	struct fixture *f = *state;
	struct weir_server_opts opts = { .node_name = "n", .history = f->history };
	struct weir_server *server = NULL;

	opts.max_clients = WEIR_SERVER_CLIENTS_MAX + 1;
	assert_int_equal(weir_server_new(f->loop, &opts, &server), -ERANGE);
	assert_null(server);
}

static void port_in_use_is_named(void **state)
{
	struct fixture *f = *state;
	struct weir_endpoint tcp = { .host = "127.0.0.1" };
	struct weir_error err = { 0 };
	char want[64];

	assert_int_equal(weir_server_listen(f->server, &tcp, &err), 0);
	tcp.port = weir_server_port(f->server);
	assert_true(tcp.port > 0);
	assert_int_equal(weir_server_listen(f->server, &tcp, &err), -EADDRINUSE);
	(void)snprintf(want, sizeof(want), "127.0.0.1:%u: is in use", tcp.port);
	assert_string_equal(err.text, want);
}

static void v6_and_names_are_listened_on(void **state)
{
	struct fixture *f = *state;
	struct weir_endpoint v6 = { .host = "::1" }, name = { .host = "localhost" };
	struct weir_error err = { 0 };
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd;

	assert_int_equal(weir_server_listen(f->server, &v6, &err), 0);
	addr.sin6_port = htons(weir_server_port(f->server));
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	(void)close(fd);
	assert_int_equal(weir_server_listen(f->server, &name, &err), 0);
}

static void address_that_is_not_here_is_named(void **state)
{
	struct fixture *f = *state;
	struct weir_endpoint v4 = { .host = "192.0.2.1", .port = 4245 };
	struct weir_endpoint v6 = { .host = "2001:db8::1", .port = 4245 };
	struct weir_error err = { 0 };

	assert_int_equal(weir_server_listen(f->server, &v4, &err), -EADDRNOTAVAIL);
	assert_int_equal(strncmp(err.text, "192.0.2.1:4245: ", 16), 0);
	assert_int_equal(weir_server_listen(f->server, &v6, &err), -EADDRNOTAVAIL);
	assert_int_equal(strncmp(err.text, "[2001:db8::1]:4245: ", 20), 0);
}

static void unix_socket_in_use_is_refused(void **state)
{
	struct fixture *f = *state;
	struct weir_error err = { 0 };
	char want[160];

	assert_int_equal(weir_server_listen(f->server, &f->local, &err), 0);
	assert_int_equal(weir_server_listen(f->server, &f->local, &err), -EADDRINUSE);
	(void)snprintf(want, sizeof(want), "unix:%s: is in use", f->local.host);
	assert_string_equal(err.text, want);
	assert_int_equal(access(f->local.host, F_OK), 0);
}

static void stale_unix_socket_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct weir_error err = { 0 };
	struct stat st;

	(void)close(bind_unix(f->local.host));
	assert_int_equal(weir_server_listen(f->server, &f->local, &err), 0);
	assert_int_equal(stat(f->local.host, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	weir_server_free(&f->server);
	assert_int_equal(access(f->local.host, F_OK), -1);
}

static void file_that_is_no_socket_stays(void **state)
{
	struct fixture *f = *state;
	struct weir_error err = { 0 };
	FILE *file = fopen(f->local.host, "w");

	(void)fclose(file);
	assert_int_equal(weir_server_listen(f->server, &f->local, &err), -EEXIST);
	assert_non_null(strstr(err.text, "exists and is not a socket"));
	assert_int_equal(access(f->local.host, F_OK), 0);
}

static void folder_that_is_missing_is_named(void **state)
{
	struct fixture *f = *state;
	struct weir_endpoint local = { .is_unix = true, .host = "/nonexistent/weir.sock" };
	struct weir_error err = { 0 };

	assert_int_equal(weir_server_listen(f->server, &local, &err), -ENOENT);
	assert_string_equal(err.text, "unix:/nonexistent/weir.sock: No such file or directory");
}

static void successors_socket_is_not_unlinked(void **state)
{
	struct fixture *f = *state;
	struct weir_error err = { 0 };
	int fd;

	assert_int_equal(weir_server_listen(f->server, &f->local, &err), 0);
	assert_int_equal(unlink(f->local.host), 0);
	fd = bind_unix(f->local.host);
	weir_server_free(&f->server);
	assert_int_equal(access(f->local.host, F_OK), 0);
	(void)close(fd);
}

static void free_server_nobody_ran_is_quiet(void **state)
{
	struct fixture *f = *state;

	weir_server_notify(f->server);
	weir_server_set_ready(f->server, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(more_clients_than_a_loop_holds_are_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(port_in_use_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(v6_and_names_are_listened_on, setup, teardown),
		cmocka_unit_test_setup_teardown(address_that_is_not_here_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(unix_socket_in_use_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(stale_unix_socket_is_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(file_that_is_no_socket_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(folder_that_is_missing_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(successors_socket_is_not_unlinked, setup, teardown),
		cmocka_unit_test_setup_teardown(free_server_nobody_ran_is_quiet, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
