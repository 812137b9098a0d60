/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UDP exchanges of known size, and the truth about each.
 *
 *   udpload server ADDRESS PORT...
 *   udpload client --to ADDRESS:PORT[,...] --mode connected|unconnected|shared [options]
 *
 * Every request says how long the answer shall be. connected and unconnected use a socket per
 * exchange; shared sends all of them through one unconnected socket, target by target.
 */
#include <poll.h>

#include "tests/tools/options.h"

#define MAGIC 0x57554c31u
#define MAX_SIZE 1400
#define MAX_PORTS 64
#define MAX_ROUNDS 4
#define REPLY_TIMEOUT_S 2

struct request {
	uint32_t magic;
	uint32_t reply;
};

static void serve(int fd)
{
	static char buf[MAX_SIZE];
	struct request request;
	struct endpoint peer;

	for (;;) {
		ssize_t n;

		peer.len = sizeof(peer.addr);
		n = recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, (struct sockaddr *)&peer.addr,
			     &peer.len);
		if (n < 0)
			return;
		if ((size_t)n < sizeof(request))
			continue;
		memcpy(&request, buf, sizeof(request));
		if (request.magic != MAGIC || request.reply > MAX_SIZE)
			continue;
		(void)sendto(fd, buf, request.reply, 0, (struct sockaddr *)&peer.addr, peer.len);
	}
}

static int server(int argc, char **argv)
{
	struct pollfd fds[MAX_PORTS];
	nfds_t n = 0;

	if (argc < 3 || argc - 2 > MAX_PORTS)
		die("usage: udpload server ADDRESS PORT... (at most %d)", MAX_PORTS);
	for (int i = 2; i < argc; i++) {
		uint16_t port = (uint16_t)parse_number("port", argv[i], UINT16_MAX);
		struct endpoint ep = endpoint_of(argv[1], port);
		int fd = socket(ep.addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		if (fd < 0 || bind(fd, (struct sockaddr *)&ep.addr, ep.len))
			die("bind %s port %u: %s", argv[1], port, strerror(errno));
		fds[n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
	say_ready();
	for (;;) {
		if (poll(fds, n, -1) < 0 && errno != EINTR)
			die("poll: %s", strerror(errno));
		for (nfds_t i = 0; i < n; i++)
			if (fds[i].revents)
				serve(fds[i].fd);
	}
}

enum mode {
	CONNECTED,
	UNCONNECTED,
	SHARED
};

struct options {
	struct endpoints to;
	enum mode mode;
	uint64_t exchanges;
	uint64_t seed;
	struct endpoint from[2]; /* names this host in the truth: IPv4, IPv6 */
	FILE *out;
};

struct exchange {
	int fd;
	bool connected;
	const struct endpoint *to;
	uint64_t sent, received, datagrams_sent, datagrams_received;
	uint64_t start_ns;
};

static int open_socket(const struct endpoint *to, bool connected)
{
	struct timeval patience = { .tv_sec = REPLY_TIMEOUT_S };
	int fd = socket(to->addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket: %s", strerror(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		die("SO_RCVTIMEO: %s", strerror(errno));
	if (connected && connect(fd, (const struct sockaddr *)&to->addr, to->len))
		die("connect: %s", strerror(errno));
	return fd;
}

/* One datagram there, one back. */
static void exchange_round(struct exchange *x, uint64_t *random)
{
	static char buf[MAX_SIZE];
	uint32_t size = (uint32_t)((random_next(random) >> 33) % MAX_SIZE);
	struct request request = {
		.magic = MAGIC,
		.reply = (uint32_t)((random_next(random) >> 33) % (MAX_SIZE + 1)),
	};
	ssize_t n;

	if (size < sizeof(request))
		size = sizeof(request);
	memcpy(buf, &request, sizeof(request));
	if (x->connected)
		n = send(x->fd, buf, size, 0);
	else
		n = sendto(x->fd, buf, size, 0, (const struct sockaddr *)&x->to->addr, x->to->len);
	if (n != (ssize_t)size)
		die("send: %s", strerror(errno));
	n = x->connected ? recv(x->fd, buf, sizeof(buf), 0)
			 : recvfrom(x->fd, buf, sizeof(buf), 0, NULL, NULL);
	if (n != (ssize_t)request.reply)
		die("reply of %zd bytes instead of %u: %s", n, request.reply,
		    n < 0 ? strerror(errno) : "wrong size");
	x->sent += size;
	x->received += request.reply;
	x->datagrams_sent++;
	x->datagrams_received++;
}

static void exchange_write(const struct options *opt, const struct exchange *x)
{
	char source[ENDPOINT_TEXT_MAX], destination[ENDPOINT_TEXT_MAX];
	const char *to = endpoint_host(x->to, destination);
	const struct endpoint *from = &opt->from[strchr(to, ':') != NULL];
	struct endpoint local = { .len = sizeof(local.addr) };

	if (!opt->out)
		return;
	if (getsockname(x->fd, (struct sockaddr *)&local.addr, &local.len))
		die("getsockname: %s", strerror(errno));
	fprintf(opt->out, "%s %u %s %u %llu %llu - %llu %llu %llu\n",
		endpoint_host(x->connected ? &local : from, source), endpoint_port(&local), to,
		endpoint_port(x->to), (unsigned long long)x->sent, (unsigned long long)x->received,
		(unsigned long long)x->start_ns, (unsigned long long)x->datagrams_sent,
		(unsigned long long)x->datagrams_received);
}

static void run_exchanges(const struct options *opt)
{
	uint64_t random;

	random_seed(&random, opt->seed);
	for (uint64_t i = 0; i < opt->exchanges; i++) {
		struct exchange x = {
			.to = &opt->to.items[i % opt->to.n],
			.connected = opt->mode == CONNECTED,
			.start_ns = wall_ns(),
		};
		uint64_t rounds = 1 + (random_next(&random) >> 33) % MAX_ROUNDS;

		x.fd = open_socket(x.to, x.connected);
		while (rounds--)
			exchange_round(&x, &random);
		exchange_write(opt, &x);
		close(x.fd);
	}
}

static void run_shared(const struct options *opt)
{
	struct exchange *all = calloc(opt->to.n, sizeof(*all));
	uint64_t random;
	int fd;

	if (!all)
		die("out of memory");
	random_seed(&random, opt->seed);
	fd = open_socket(&opt->to.items[0], false);
	for (size_t t = 0; t < opt->to.n; t++)
		all[t] = (struct exchange){ .fd = fd,
					    .to = &opt->to.items[t],
					    .start_ns = wall_ns() };
	for (uint64_t i = 0; i < opt->exchanges; i++)
		exchange_round(&all[i % opt->to.n], &random);
	for (size_t t = 0; t < opt->to.n && t < opt->exchanges; t++)
		exchange_write(opt, &all[t]);
	close(fd);
	free(all);
}

static void parse_from(struct options *opt, const char *list)
{
	char *copy = strdup(list), *rest = copy, *item;

	while (copy && (item = strsep(&rest, ","))) {
		struct endpoint ep = endpoint_of(item, 0);

		opt->from[ep.addr.ss_family == AF_INET6] = ep;
	}
	free(copy);
}

static enum mode parse_mode(const char *text)
{
	if (!strcmp(text, "connected"))
		return CONNECTED;
	if (!strcmp(text, "unconnected"))
		return UNCONNECTED;
	if (!strcmp(text, "shared"))
		return SHARED;
	die("--mode: '%s'", text);
}

static void parse_options(struct options *opt, int argc, char **argv)
{
	const char *mode = "connected", *from = NULL;
	const struct option options[] = {
		{ "--to", .endpoints = &opt->to },
		{ "--mode", .text = &mode },
		{ "--exchanges", .number = &opt->exchanges, .max = UINT32_MAX },
		{ "--seed", .number = &opt->seed, .max = UINT32_MAX },
		{ "--from", .text = &from },
		{ "--out", .out = &opt->out },
		{ 0 },
	};

	options_parse(options, argc, argv);
	opt->mode = parse_mode(mode);
	if (from)
		parse_from(opt, from);
	if (!opt->to.n)
		die("usage: udpload client --to ADDRESS:PORT[,...] --mode "
		    "connected|unconnected|shared [--exchanges N] [--seed S] "
		    "[--from ADDRESS4,ADDRESS6] [--out FILE]");
	if (opt->out && opt->mode != CONNECTED && !from)
		die("--out needs --from: an unconnected socket does not know its address");
}

static int client(int argc, char **argv)
{
	struct options opt = { .exchanges = 1 };
	uint64_t begin = now_ns(), took;

	parse_options(&opt, argc, argv);
	if (opt.mode == SHARED)
		run_shared(&opt);
	else
		run_exchanges(&opt);
	took = now_ns() - begin;
	printf("exchanges=%llu seconds=%.3f rate=%.0f\n", (unsigned long long)opt.exchanges,
	       (double)took / 1e9, (double)opt.exchanges * 1e9 / (double)took);
	out_close(opt.out);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 2 && !strcmp(argv[1], "server"))
		return server(argc - 1, argv + 1);
	if (argc >= 2 && !strcmp(argv[1], "client"))
		return client(argc - 1, argv + 1);
	fprintf(stderr, "usage: udpload server|client ...\n");
	return 2;
}
