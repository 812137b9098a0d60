/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens many TCP connections and holds them.
 *
 *   hold ADDRESS PORT CONNECTIONS
 *
 * ADDRESS is this host's own; ports PORT, PORT + 1, … are used, as many as there are processes:
 * each process is server and client of its share, because one may not have descriptors for all.
 * Prints "ready" when all are established, holds until its standard input ends, then closes.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/tools/common.h"

#define SPARE_DESCRIPTORS 64
#define MAX_SHARE 20000 /* fewer than the ephemeral ports there are towards one server port */

static void connect_share(const struct endpoint *ep, uint64_t share)
{
	int listener = listen_tcp(ep, 4096);

	for (uint64_t i = 0; i < share; i++) {
		int fd = socket(ep->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0)
			die("socket: %s", strerror(errno));
		if (connect(fd, (const struct sockaddr *)&ep->addr, ep->len))
			die("connect: %s", strerror(errno));
		if (accept4(listener, NULL, NULL, SOCK_CLOEXEC) < 0)
			die("accept: %s", strerror(errno));
	}
}

static void worker(const char *address, uint16_t port, uint64_t share, int ready, int hold)
{
	struct endpoint ep = endpoint_of(address, port);
	char byte = 1;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	connect_share(&ep, share);
	if (write(ready, &byte, 1) != 1)
		die("ready: %s", strerror(errno));
	/* Ends when the parent closes its end; the kernel closes the connections. */
	(void)!read(hold, &byte, 1);
	exit(0);
}

int main(int argc, char **argv)
{
	uint64_t left, limit, per_worker, workers = 0;
	int ready[2], hold[2], failed = 0, status;
	uint16_t port;
	char byte;

	if (argc != 4) {
		fprintf(stderr, "usage: hold ADDRESS PORT CONNECTIONS\n");
		return 2;
	}
	port = (uint16_t)parse_number("PORT", argv[2], 60000);
	left = parse_number("CONNECTIONS", argv[3], 1000000);
	limit = raise_nofile(2 * MAX_SHARE + SPARE_DESCRIPTORS);
	per_worker = (limit - SPARE_DESCRIPTORS) / 2;
	if (pipe2(ready, O_CLOEXEC) || pipe2(hold, O_CLOEXEC))
		die("pipe: %s", strerror(errno));
	while (left) {
		uint64_t share = left < per_worker ? left : per_worker;
		pid_t pid = fork();

		if (pid < 0)
			die("fork: %s", strerror(errno));
		if (!pid) {
			close(hold[1]);
			worker(argv[1], (uint16_t)(port + workers), share, ready[1], hold[0]);
		}
		left -= share;
		workers++;
	}
	close(ready[1]);
	for (uint64_t i = 0; i < workers; i++)
		if (read(ready[0], &byte, 1) != 1)
			die("a worker failed");
	say_ready();
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	close(hold[1]);
	while (wait(&status) > 0)
		failed |= status;
	return failed != 0;
}
