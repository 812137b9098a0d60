/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many short TCP connections of known size, and the truth about each.
 *
 *   tcpload server ADDRESS PORT...
 *   tcpload client --to ADDRESS:PORT[,...] [options]
 *
 * One thread and one epoll on either side. A request is a header that says how many bytes
 * follow, how many shall come back, and who closes how.
 */
#include <signal.h>

#include "tests/tools/options.h"
#include "tests/tools/tcpload_server.h"

struct options {
	struct endpoints to;
	uint64_t connections;
	uint64_t rate; /* per second; 0: as fast as it goes */
	uint64_t concurrency;
	uint64_t seed;
	uint64_t rounds; /* requests per connection */
	uint64_t gap_ms; /* between two of them */
	const char *bind;
	uint16_t port_lo, port_hi;
	bool only_server_fin;
	uint64_t size; /* fixed size both ways, or ~0: pseudo-random */
	FILE *out;
};

enum conn_state {
	CONN_CONNECT,
	CONN_SEND,
	CONN_RECEIVE,
	CONN_BYE,
	CONN_GAP
};

struct conn {
	int fd;
	enum conn_state state;
	uint32_t events;
	uint64_t index;
	size_t target;
	uint16_t port; /* from the pool; 0: the kernel's choice */
	uint64_t round;
	uint64_t wake_ns;
	uint64_t sent, received;
	uint64_t start_ns; /* wall clock */
	uint32_t done; /* of the current header and request, or response */
	enum ending ending; /* of the last round */
	struct header header;
	struct endpoint local;
	struct conn *next; /* list of those in their gap, in order of waking */
};

/* Free client ports of one target, oldest first, so that a port rests as long as it can. */
struct pool {
	uint16_t *ports;
	size_t head, n, size;
};

struct client {
	struct options opt;
	struct pool *pools;
	int epoll;
	uint64_t random;
	uint64_t started, finished, live;
	uint64_t reused; /* connections on a 4-tuple used before */
	uint8_t *used; /* per target and port */
	struct conn *gap_first, **gap_last;
};

static uint32_t random_size(uint64_t *state)
{
	uint64_t kind = random_next(state) >> 33;
	uint64_t value = random_next(state) >> 33;

	switch (kind % 20) {
	case 0:
	case 1:
		return 0;
	case 2 ... 13:
		return (uint32_t)(1 + value % 1024);
	case 14 ... 18:
		return (uint32_t)(1 + value % 16384);
	default:
		return (uint32_t)(1 + value % MAX_BODY);
	}
}

static enum ending random_ending(struct client *cl)
{
	if (cl->opt.only_server_fin)
		return SERVER_FIN;
	switch ((random_next(&cl->random) >> 33) % 20) {
	case 0 ... 2:
		return CLIENT_FIN;
	case 3:
	case 4:
		return CLIENT_RST;
	case 5:
		return SERVER_RST;
	case 6:
		return EMPTY;
	default:
		return SERVER_FIN;
	}
}

static void conn_next_request(struct client *cl, struct conn *c)
{
	bool last = ++c->round == cl->opt.rounds;

	c->header.magic = MAGIC;
	c->header.request = random_size(&cl->random);
	c->header.response = random_size(&cl->random);
	if (cl->opt.size != UINT64_MAX)
		c->header.request = c->header.response = (uint32_t)cl->opt.size;
	c->header.ending = last ? c->ending : MORE;
	/* What a reset overtakes would be lost, and with it the truth: the response proves that
	 * the request arrived. */
	if (c->header.ending == CLIENT_RST && !c->header.response)
		c->header.response = 1;
	c->done = 0;
	c->state = CONN_SEND;
}

static uint16_t pool_take(struct client *cl, size_t target)
{
	struct pool *pool = &cl->pools[target];
	size_t range = (size_t)(cl->opt.port_hi - cl->opt.port_lo) + 1;
	uint16_t port;
	uint8_t *used;

	if (!cl->opt.port_lo)
		return 0;
	if (!pool->n)
		die("no client port left for target %zu: more --ports or targets needed", target);
	port = pool->ports[pool->head];
	pool->head = (pool->head + 1) % pool->size;
	pool->n--;
	used = &cl->used[target * range + port - cl->opt.port_lo];
	cl->reused += *used;
	*used = 1;
	return port;
}

static void pool_put(struct client *cl, const struct conn *c)
{
	struct pool *pool = &cl->pools[c->target];
	bool time_wait = c->ending == CLIENT_FIN || c->ending == EMPTY;

	/* Connecting from a port in TIME_WAIT fails in connect(): rest it for good. */
	if (!c->port || time_wait)
		return;
	pool->ports[(pool->head + pool->n) % pool->size] = c->port;
	pool->n++;
}

static void pools_init(struct client *cl)
{
	size_t range = (size_t)(cl->opt.port_hi - cl->opt.port_lo) + 1;

	cl->pools = calloc(cl->opt.to.n, sizeof(*cl->pools));
	if (!cl->pools)
		die("out of memory");
	if (!cl->opt.port_lo)
		return;
	cl->used = calloc(cl->opt.to.n, range);
	for (size_t t = 0; t < cl->opt.to.n; t++) {
		struct pool *pool = &cl->pools[t];

		pool->ports = calloc(range, sizeof(*pool->ports));
		if (!pool->ports || !cl->used)
			die("out of memory");
		pool->size = pool->n = range;
		for (size_t i = 0; i < range; i++)
			pool->ports[i] = (uint16_t)(cl->opt.port_lo + i);
	}
}

static void conn_bind(struct client *cl, struct conn *c)
{
	int family = cl->opt.to.items[c->target].addr.ss_family;
	const char *any = family == AF_INET6 ? "::" : "0.0.0.0";
	struct endpoint local;

	if (!cl->opt.bind && !c->port)
		return;
	if (c->port)
		set_option(c->fd, SOL_SOCKET, SO_REUSEADDR, 1);
	else
		set_option(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	for (;;) {
		local = endpoint_of(cl->opt.bind ? cl->opt.bind : any, c->port);
		if (!bind(c->fd, (struct sockaddr *)&local.addr, local.len))
			return;
		/* Another program's: leave it out for good. */
		if (!c->port || errno != EADDRINUSE)
			die("bind client port %u: %s", c->port, strerror(errno));
		c->port = pool_take(cl, c->target);
	}
}

static void conn_start(struct client *cl)
{
	struct conn *c = calloc(1, sizeof(*c));
	const struct endpoint *to;

	if (!c)
		die("out of memory");
	c->index = cl->started++;
	c->target = c->index % cl->opt.to.n;
	to = &cl->opt.to.items[c->target];
	c->ending = random_ending(cl);
	if (c->ending != EMPTY)
		conn_next_request(cl, c);
	c->state = CONN_CONNECT;
	c->port = pool_take(cl, c->target);
	c->start_ns = wall_ns();
	c->fd = socket(to->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket: %s", strerror(errno));
	set_option(c->fd, IPPROTO_TCP, TCP_NODELAY, 1);
	conn_bind(cl, c);
	if (connect(c->fd, (const struct sockaddr *)&to->addr, to->len) && errno != EINPROGRESS)
		die("connect from port %u: %s", c->port, strerror(errno));
	c->local.len = sizeof(c->local.addr);
	if (getsockname(c->fd, (struct sockaddr *)&c->local.addr, &c->local.len))
		die("getsockname: %s", strerror(errno));
	c->events = EPOLLOUT;
	epoll_set(cl->epoll, EPOLL_CTL_ADD, c->fd, EPOLLOUT, c);
	cl->live++;
}

static void conn_finish(struct client *cl, struct conn *c)
{
	bool rst = c->ending == CLIENT_RST || c->ending == SERVER_RST;
	char source[ENDPOINT_TEXT_MAX], destination[ENDPOINT_TEXT_MAX];
	const struct endpoint *to = &cl->opt.to.items[c->target];

	if (c->ending == CLIENT_RST)
		reset(c->fd);
	else
		close(c->fd);
	if (cl->opt.out)
		fprintf(cl->opt.out, "%s %u %s %u %llu %llu %s %llu\n",
			endpoint_host(&c->local, source), endpoint_port(&c->local),
			endpoint_host(to, destination), endpoint_port(to),
			(unsigned long long)c->sent, (unsigned long long)c->received,
			rst ? "RST" : "FIN", (unsigned long long)c->start_ns);
	pool_put(cl, c);
	free(c);
	cl->live--;
	cl->finished++;
}

/* Header and request leave in one write where they can. */
static bool conn_send(struct conn *c)
{
	uint32_t want = (uint32_t)sizeof(c->header) + c->header.request;

	while (c->done < want) {
		struct iovec iov[2] = { { 0 }, { 0 } };
		struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
		uint32_t head =
			c->done < sizeof(c->header) ? (uint32_t)sizeof(c->header) - c->done : 0;
		ssize_t n;

		iov[0].iov_base = (char *)&c->header + sizeof(c->header) - head;
		iov[0].iov_len = head;
		iov[1].iov_base = body;
		iov[1].iov_len = want - c->done - head;
		n = sendmsg(c->fd, &msg, MSG_NOSIGNAL);
		if (n < 0 && would_block())
			return false;
		if (n < 0)
			die("connection %llu: send: %s", (unsigned long long)c->index,
			    strerror(errno));
		c->done += (uint32_t)n;
		c->sent += (uint64_t)n;
	}
	c->done = 0;
	return true;
}

static bool conn_receive(struct conn *c)
{
	while (c->done < c->header.response) {
		ssize_t n = recv(c->fd, body, c->header.response - c->done, 0);

		if (n < 0 && would_block())
			return false;
		if (n <= 0)
			die("connection %llu: %u of %u bytes came back: %s",
			    (unsigned long long)c->index, c->done, c->header.response,
			    n ? strerror(errno) : "end of stream");
		c->done += (uint32_t)n;
		c->received += (uint64_t)n;
	}
	c->done = 0;
	return true;
}

static void conn_gap(struct client *cl, struct conn *c)
{
	c->state = CONN_GAP;
	c->wake_ns = now_ns() + cl->opt.gap_ms * 1000000u;
	c->next = NULL;
	*cl->gap_last = c;
	cl->gap_last = &c->next;
	c->events = 0;
	epoll_set(cl->epoll, EPOLL_CTL_MOD, c->fd, 0, c);
}

/* The whole response is here. True when there is no more to do. */
static bool conn_end_round(struct client *cl, struct conn *c)
{
	switch (c->header.ending) {
	case MORE:
		conn_gap(cl, c);
		return false;
	case SERVER_RST:
		if (send(c->fd, body, 1, MSG_NOSIGNAL) != 1)
			die("last byte: %s", strerror(errno));
		c->sent++;
		c->state = CONN_BYE;
		return false;
	case SERVER_FIN:
		c->state = CONN_BYE;
		return false;
	default:
		return true;
	}
}

static bool conn_bye(struct conn *c)
{
	ssize_t n = recv(c->fd, body, sizeof(body), 0);

	if (n > 0)
		die("connection %llu: more came back than was asked", (unsigned long long)c->index);
	if (n < 0 && would_block())
		return false;
	if ((n == 0) != (c->ending == SERVER_FIN))
		die("connection %llu: the server ended it otherwise than asked",
		    (unsigned long long)c->index);
	return true;
}

static bool conn_step(struct client *cl, struct conn *c)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (c->state == CONN_CONNECT) {
		(void)getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error)
			die("connection %llu from port %u: connect: %s",
			    (unsigned long long)c->index, c->port, strerror(error));
		if (c->ending == EMPTY)
			return true;
		c->state = CONN_SEND;
	}
	if (c->state == CONN_SEND && conn_send(c))
		c->state = CONN_RECEIVE;
	if (c->state == CONN_RECEIVE && conn_receive(c) && conn_end_round(cl, c))
		return true;
	return c->state == CONN_BYE && conn_bye(c);
}

static void conn_run(struct client *cl, struct conn *c)
{
	uint32_t events;

	if (conn_step(cl, c)) {
		conn_finish(cl, c);
		return;
	}
	events = c->state == CONN_SEND ? EPOLLOUT : EPOLLIN;
	if (c->state != CONN_GAP && events != c->events) {
		c->events = events;
		epoll_set(cl->epoll, EPOLL_CTL_MOD, c->fd, events, c);
	}
}

static void client_wake(struct client *cl)
{
	uint64_t now = now_ns();

	while (cl->gap_first && cl->gap_first->wake_ns <= now) {
		struct conn *c = cl->gap_first;

		cl->gap_first = c->next;
		if (!cl->gap_first)
			cl->gap_last = &cl->gap_first;
		conn_next_request(cl, c);
		conn_run(cl, c);
	}
}

static void client_loop(struct client *cl)
{
	struct epoll_event events[BATCH];
	uint64_t begin = now_ns(), took;

	while (cl->finished < cl->opt.connections) {
		uint64_t due = cl->opt.connections;
		bool waiting;
		int n;

		if (cl->opt.rate) {
			uint64_t quota = (now_ns() - begin) * cl->opt.rate / 1000000000u + 1;

			due = quota < due ? quota : due;
		}
		for (int i = 0; i < BATCH && cl->started < due && cl->live < cl->opt.concurrency;
		     i++)
			conn_start(cl);
		waiting = cl->live >= cl->opt.concurrency || cl->started == cl->opt.connections;
		n = epoll_wait(cl->epoll, events, BATCH, waiting && !cl->gap_first ? 1000 : 1);
		for (int i = 0; i < n; i++)
			conn_run(cl, events[i].data.ptr);
		client_wake(cl);
	}
	took = now_ns() - begin;
	printf("connections=%llu seconds=%.3f rate=%.0f tuples_reused=%llu\n",
	       (unsigned long long)cl->finished, (double)took / 1e9,
	       (double)cl->finished * 1e9 / (double)took, (unsigned long long)cl->reused);
}

static void parse_ports(struct options *opt, const char *text)
{
	char *copy = strdup(text), *dash = copy ? strchr(copy, '-') : NULL;

	if (!dash)
		die("--ports: not LO-HI: '%s'", text);
	*dash = '\0';
	opt->port_lo = (uint16_t)parse_number("--ports", copy, UINT16_MAX);
	opt->port_hi = (uint16_t)parse_number("--ports", dash + 1, UINT16_MAX);
	free(copy);
	if (!opt->port_lo || opt->port_hi < opt->port_lo)
		die("--ports: not a range: '%s'", text);
}

static void parse_options(struct options *opt, int argc, char **argv)
{
	const char *ports = NULL;
	const struct option options[] = {
		{ "--to", .endpoints = &opt->to },
		{ "--connections", .number = &opt->connections, .max = UINT32_MAX },
		{ "--rate", .number = &opt->rate, .max = 1000000 },
		{ "--concurrency", .number = &opt->concurrency, .max = 100000 },
		{ "--seed", .number = &opt->seed, .max = UINT32_MAX },
		{ "--rounds", .number = &opt->rounds, .max = UINT32_MAX },
		{ "--gap-ms", .number = &opt->gap_ms, .max = 3600000 },
		{ "--bind", .text = &opt->bind },
		{ "--ports", .text = &ports },
		{ "--size", .number = &opt->size, .max = MAX_BODY },
		{ "--server-closes", .flag = &opt->only_server_fin },
		{ "--out", .out = &opt->out },
		{ 0 },
	};

	options_parse(options, argc, argv);
	if (ports)
		parse_ports(opt, ports);
	if (!opt->to.n || !opt->rounds || !opt->concurrency)
		die("usage: tcpload client --to ADDRESS:PORT[,...] [--connections N] [--rate R] "
		    "[--concurrency C] [--seed S] [--rounds N --gap-ms MS] [--bind ADDRESS] "
		    "[--ports LO-HI] [--size BYTES] [--server-closes] [--out FILE]");
}

static int client(int argc, char **argv)
{
	struct client cl = {
		.opt = { .connections = 1, .concurrency = 64, .rounds = 1, .size = UINT64_MAX },
	};

	parse_options(&cl.opt, argc, argv);
	if (raise_nofile(cl.opt.concurrency + 64) < cl.opt.concurrency + 64)
		die("--concurrency: more than the limit on open files allows");
	random_seed(&cl.random, cl.opt.seed);
	cl.gap_last = &cl.gap_first;
	cl.epoll = epoll_create1(EPOLL_CLOEXEC);
	pools_init(&cl);
	client_loop(&cl);
	out_close(cl.opt.out);
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc >= 2 && !strcmp(argv[1], "server"))
		return server(argc - 1, argv + 1);
	if (argc >= 2 && !strcmp(argv[1], "client"))
		return client(argc - 1, argv + 1);
	fprintf(stderr, "usage: tcpload server|client ...\n");
	return 2;
}
