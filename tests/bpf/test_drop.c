/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel drops. The tracepoint is the whole machine's, so tests look for their own ports. */
#include "tests/bpf/world.h"

#include "bpf/drop_names.h"

#define SYN 0x02
#define DATAGRAMS 100

static const struct weir_drop_input *find_drop(const struct world *w, uint8_t protocol,
					       enum weir_input_kind kind, uint16_t source_port,
					       uint16_t destination_port)
{
	for (size_t i = 0; i < w->n_drops && i < 256; i++) {
		const struct weir_drop_input *in = &w->drops[i];

		if (in->protocol == protocol && in->kind == kind &&
		    (!source_port || in->source_port == source_port) &&
		    in->destination_port == destination_port)
			return in;
	}
	return NULL;
}

static const struct weir_drop_input *wait_drop(struct world *w, uint8_t protocol,
					       uint16_t destination_port)
{
	uint64_t until = weir_time_mono_ns() + WAIT_NS;
	const struct weir_drop_input *in;

	while (!(in = find_drop(w, protocol, WEIR_INPUT_OPEN, 0, destination_port))) {
		struct pollfd pfd = { .fd = weir_capture_fd(w->capture), .events = POLLIN };

		if (weir_time_mono_ns() > until)
			fail_msg("nothing dropped for port %u", destination_port);
		(void)poll(&pfd, 1, 20);
		(void)weir_capture_drain(w->capture, 1000);
	}
	return in;
}

/* A port that was ours a moment ago, so that nobody listens there. */
static uint16_t closed_port(int type)
{
	int fd = make_socket(type);
	uint16_t port = bind_loopback(fd);

	close(fd);
	return port;
}

static void assert_no_socket(struct world *w, uint32_t reason, uint64_t place, const char *function)
{
	struct weir_drop_names *names = NULL;

	assert_int_equal(weir_drop_names_new(weir_capture_name_place, w->capture, &names), 0);
	assert_string_equal(weir_drop_names_reason(names, reason), "NO_SOCKET");
	assert_string_equal(weir_drop_names_place(names, place), function);
	weir_drop_names_free(&names);
}

static void syn_to_a_closed_port_names_its_client(void **state)
{
	const struct weir_flow_input *end;
	const struct weir_drop_input *in;
	struct world *w = *state;
	uint64_t before;
	uint16_t port;
	int client;

	capture_start(w);
	port = closed_port(SOCK_STREAM);
	client = make_socket(SOCK_STREAM);
	before = weir_time_mono_ns();
	assert_int_equal(connect_loopback(client, port), -1);
	assert_int_equal(errno, ECONNREFUSED);
	in = wait_drop(w, IPPROTO_TCP, port);
	assert_int_equal(in->tcp_flags & 0x3f, SYN);
	assert_int_equal(in->packets, 1);
	assert_true(in->time_ns >= before && in->time_ns <= weir_time_mono_ns());
	assert_int_equal(in->client.pid, getpid());
	assert_int_equal(in->client.cgroup_id, w->cgroup_id);
	assert_int_equal(in->asked_port, port);
	assert_true(weir_addr_is_loopback(&in->source) && weir_addr_is_loopback(&in->destination));
	assert_no_socket(w, in->reason, in->place, "tcp_v4_rcv");
	end = wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_CLIENT, port);
	assert_int_equal(end->end_reason, WEIR_END_REFUSED);
	assert_int_equal(end->isn_local, in->isn);
	assert_int_equal(end->end.cookie, in->client.cookie);
	close(client);
	weir_capture_free(&w->capture);
}

static void datagrams_are_told_once_and_counted_all(void **state)
{
	const struct weir_drop_input *in;
	struct world *w = *state;
	uint16_t port, source;
	int client;

	capture_start(w);
	port = closed_port(SOCK_DGRAM);
	client = make_socket(SOCK_DGRAM);
	source = bind_loopback(client);
	assert_int_equal(connect_loopback(client, port), 0);
	for (int i = 0; i < DATAGRAMS; i++) {
		/* The port unreachable for the one before is this one's error. */
		while (send(client, "x", 1, 0) < 0)
			assert_int_equal(errno, ECONNREFUSED);
	}
	in = wait_drop(w, IPPROTO_UDP, port);
	assert_int_equal(in->source_port, source);
	assert_int_equal(in->packets, 1);
	assert_int_equal(in->client.cookie, 0);
	assert_no_socket(w, in->reason, in->place, "__udp4_lib_rcv");
	w->n_drops = 0;
	sweep(w, false);
	in = find_drop(w, IPPROTO_UDP, WEIR_INPUT_UPDATE, source, port);
	assert_non_null(in);
	assert_int_equal(in->packets, DATAGRAMS - 1);
	w->n_drops = 0;
	sweep(w, false);
	assert_null(find_drop(w, IPPROTO_UDP, WEIR_INPUT_UPDATE, source, port));
	close(client);
	weir_capture_free(&w->capture);
}

/* A line of /proc/kallsyms. */
struct symbol {
	unsigned long long address;
	char type;
	char name[512];
};

static bool next_symbol(FILE *file, struct symbol *symbol)
{
	char line[1024];

	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%llx %c %511s", &symbol->address, &symbol->type, symbol->name) ==
		    3)
			return true;
	return false;
}

static void check_name(const struct world *w, const struct symbol *symbol)
{
	char name[256];

	assert_int_equal(
		weir_capture_name_place(w->capture, symbol->address + 1, name, sizeof(name)), 0);
	name[strcspn(name, " ")] = '\0';
	assert_string_equal(name, symbol->name);
}

/* About every hundredth function that shares its address with no other. */
static void places_are_named_as_kallsyms_has_them(void **state)
{
	_cleanup_file_ FILE *file = fopen("/proc/kallsyms", "re");
	struct symbol before = { 0 }, at = { 0 }, next;
	struct world *w = *state;
	unsigned int named = 0;

	assert_non_null(file);
	capture_start(w);
	while (next_symbol(file, &next) && next.address >= at.address) {
		if ((at.type == 't' || at.type == 'T') && before.address < at.address &&
		    at.address + 1 < next.address && random() % 100 == 0) {
			check_name(w, &at);
			named++;
		}
		before = at;
		at = next;
	}
	if (!at.address)
		skip(); /* they are hidden */
	assert_true(named >= 100);
	weir_capture_free(&w->capture);
}

static void place_that_is_none_is_a_number(void **state)
{
	struct world *w = *state;
	char name[256];

	capture_start(w);
	assert_int_equal(weir_capture_name_place(w->capture, 0x1234, name, sizeof(name)), 0);
	assert_string_equal(name, "0x1234");
	assert_int_equal(weir_capture_name_place(w->capture, 0x1234, name, 6), -EBADMSG);
	assert_int_equal(weir_capture_name_place(w->capture, 0x1234, name, 7), 0);
	weir_capture_free(&w->capture);
}

/* Data, ACKs, FINs and their sockets come and go: nothing of that is a drop of the connection. */
static void connection_that_works_drops_nothing(void **state)
{
	struct world *w = *state;
	struct pair p;

	capture_start(w);
	w->n_drops = 0;
	p = pair_open(5);
	send_bytes(p.client, 60000);
	receive_bytes(p.server, 60000);
	send_bytes(p.server, 1);
	receive_bytes(p.client, 1);
	close(p.client);
	(void)wait_input(w, WEIR_INPUT_OPEN, WEIR_ROLE_SERVER, p.port);
	close(p.server);
	(void)wait_input(w, WEIR_INPUT_CLOSE, WEIR_ROLE_SERVER, p.port);
	close(p.listener);
	sweep(w, true);
	assert_null(find_drop(w, IPPROTO_TCP, WEIR_INPUT_OPEN, 0, p.port));
	weir_capture_free(&w->capture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(syn_to_a_closed_port_names_its_client),
		cmocka_unit_test(datagrams_are_told_once_and_counted_all),
		cmocka_unit_test(places_are_named_as_kallsyms_has_them),
		cmocka_unit_test(place_that_is_none_is_a_number),
		cmocka_unit_test(connection_that_works_drops_nothing),
	};

	return world_run(tests, sizeof(tests) / sizeof(tests[0]));
}
