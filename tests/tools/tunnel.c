/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of a tunnel between two nodes: what is routed to its TUN device goes to the other end in
 * packets of the kind that an overlay network sends, and what comes from there is unpacked.
 *
 * usage: tunnel vxlan|geneve|ipip|sit|gre DEVICE LOCAL REMOTE
 *
 * LOCAL and REMOTE are both IPv4 or both IPv6 addresses. An ipip tunnel carries IPv4, a sit tunnel IPv6, the
 * others both. The device is made, up and without addresses, when "ready" is printed. Runs until it is killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define ROOM 64 /* for what comes before the inner packet */
#define PACKET_MAX 2048
#define IPV4_BYTES 20

struct kind {
	const char *name;
	int protocol;           /* of the outer packet */
	const char *port;       /* of UDP */
	unsigned int bytes;     /* that come before the inner packet, behind the transport header */
	unsigned int ethertype; /* where in them that of the inner packet has its place */
	unsigned char head[26];
};

/* RFC 7348; RFC 8926, with an empty option; RFC 2003; RFC 4213; RFC 2784. The first two carry Ethernet. */
static const struct kind kinds[] = {
	{ "vxlan", IPPROTO_UDP, "4789", 22, 20, { [0] = 0x08, [6] = 7, [8] = 2, [14] = 2 } },
	{ "geneve", IPPROTO_UDP, "6081", 26, 24,
	  { [0] = 1, [2] = 0x65, [3] = 0x58, [6] = 7, [12] = 2, [18] = 2 } },
	{ "ipip", IPPROTO_IPIP, NULL, 0, 0, { 0 } },
	{ "sit", IPPROTO_IPV6, NULL, 0, 0, { 0 } },
	{ "gre", IPPROTO_GRE, NULL, 4, 2, { 0 } },
};

static void die(const char *what)
{
	(void)fprintf(stderr, "tunnel: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static const struct kind *kind_of(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	(void)fprintf(stderr, "tunnel: no such kind: %s\n", name);
	exit(2);
}

static struct addrinfo *address(const struct kind *kind, const char *text)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = kind->port ? SOCK_DGRAM : SOCK_RAW,
		.ai_protocol = kind->protocol,
	};
	struct addrinfo *found;
	int r = getaddrinfo(text, kind->port, &hints, &found);

	if (r) {
		(void)fprintf(stderr, "tunnel: %s: %s\n", text, gai_strerror(r));
		exit(2);
	}
	return found;
}

static int open_socket(const struct kind *kind, const char *local, const char *remote)
{
	const struct addrinfo *from = address(kind, local), *to = address(kind, remote);
	int fd = socket(from->ai_family, from->ai_socktype, from->ai_protocol);

	if (fd < 0)
		die("socket");
	if (bind(fd, from->ai_addr, from->ai_addrlen))
		die(local);
	if (connect(fd, to->ai_addr, to->ai_addrlen))
		die(remote);
	return fd;
}

static int open_device(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), any = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || any < 0)
		die("/dev/net/tun");
	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request))
		die(name);
	request.ifr_flags = IFF_UP;
	if (ioctl(any, SIOCSIFFLAGS, &request))
		die(name);
	(void)close(any);
	return fd;
}

static void pack(const struct kind *kind, int device, int out)
{
	unsigned char room[ROOM + PACKET_MAX], *packet = room + ROOM;
	ssize_t n = read(device, packet, PACKET_MAX);
	unsigned char *head = packet - kind->bytes;
	unsigned int ethertype;

	if (n < 1)
		return;
	ethertype = packet[0] >> 4 == 6 ? 0x86dd : 0x0800;
	memcpy(head, kind->head, kind->bytes);
	if (kind->bytes) {
		head[kind->ethertype] = (unsigned char)(ethertype >> 8);
		head[kind->ethertype + 1] = (unsigned char)ethertype;
	}
	/* The first may have to tell of an ICMP error: the other end was not there yet. */
	if (send(out, head, (size_t)n + kind->bytes, 0) < 0)
		(void)send(out, head, (size_t)n + kind->bytes, 0);
}

static void unpack(int in, ssize_t skip, int device)
{
	unsigned char packet[PACKET_MAX];
	ssize_t n = recv(in, packet, sizeof(packet), 0);

	if (n > skip)
		(void)write(device, packet + skip, (size_t)(n - skip));
}

int main(int argc, char *argv[])
{
	const struct kind *kind;
	struct pollfd fds[2];
	ssize_t skip;

	if (argc != 5) {
		(void)fprintf(stderr,
			      "usage: tunnel vxlan|geneve|ipip|sit|gre DEVICE LOCAL REMOTE\n");
		return 2;
	}
	kind = kind_of(argv[1]);
	/* A raw socket of IPv4 has the IP header, too. */
	skip = kind->bytes + (kind->port || strchr(argv[3], ':') ? 0 : IPV4_BYTES);
	fds[0] = (struct pollfd){ .fd = open_device(argv[2]), .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = open_socket(kind, argv[3], argv[4]), .events = POLLIN };
	puts("ready");
	if (fflush(stdout))
		die("stdout");
	while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
		if (fds[0].revents & POLLIN)
			pack(kind, fds[0].fd, fds[1].fd);
		if (fds[1].revents & POLLIN)
			unpack(fds[1].fd, skip, fds[0].fd);
	}
	die("poll");
}
