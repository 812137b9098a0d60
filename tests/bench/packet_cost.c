/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs on links and at sockets cost for each packet, by BPF_PROG_TEST_RUN, beside one that does nothing and
 * one that counts by addresses and ports. All take turns, round after round; told is the median of the
 * rounds. A line for each: name, nanoseconds, and what is above null as a part of what naive is.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/weir.skel.h"
#include "tests/bench/packet_cost.skel.h"

#define ROUNDS 15
#define REPEAT 200000
#define CASES_MAX 16

struct packet {
	unsigned char bytes[160];
	unsigned int len;
};

struct measured {
	const char *name;
	int fd;
	const struct packet *packet;
	double ns[ROUNDS];
};

static void ethernet(struct packet *packet, unsigned int ethertype)
{
	memset(packet, 0, sizeof(*packet));
	packet->bytes[12] = (unsigned char)(ethertype >> 8);
	packet->bytes[13] = (unsigned char)ethertype;
}

static void tcp_at(struct packet *packet, unsigned int off, unsigned char flags)
{
	unsigned char *tcp = packet->bytes + off;

	tcp[0] = 0x9c;
	tcp[1] = 0x40;
	tcp[3] = 80;
	tcp[12] = 0x50;
	tcp[13] = flags;
	tcp[14] = 0x20;
	packet->len = off + 20 + 32;
}

static void make_v4(struct packet *packet, unsigned char protocol, unsigned char tcp_flags)
{
	static const unsigned char ip[20] = { 0x45, 0, 0,   72, 0, 0, 0x40, 0,  64, 0,
					      0,    0, 198, 18, 0, 1, 198,  18, 0,  2 };

	ethernet(packet, 0x0800);
	memcpy(packet->bytes + 14, ip, sizeof(ip));
	packet->bytes[23] = protocol;
	tcp_at(packet, 34, tcp_flags);
	if (protocol == IPPROTO_UDP) {
		packet->bytes[38] = 0;
		packet->bytes[39] = 52;
	}
}

static void make_v6(struct packet *packet)
{
	ethernet(packet, 0x86dd);
	packet->bytes[14] = 0x60;
	packet->bytes[19] = 52;
	packet->bytes[20] = IPPROTO_TCP;
	packet->bytes[21] = 64;
	packet->bytes[22] = 0xfd;
	packet->bytes[37] = 1;
	packet->bytes[38] = 0xfd;
	packet->bytes[53] = 2;
	tcp_at(packet, 54, 0x10);
}

/* In VXLAN. */
static void make_tunnelled(struct packet *packet, const struct packet *inside)
{
	static const unsigned char vxlan[8] = { 0x08, 0, 0, 0, 0, 0, 7, 0 };

	make_v4(packet, IPPROTO_UDP, 0);
	packet->bytes[17] = (unsigned char)(36 + inside->len);
	packet->bytes[36] = 4789 >> 8;
	packet->bytes[37] = 4789 & 0xff;
	packet->bytes[39] = (unsigned char)(16 + inside->len);
	memcpy(packet->bytes + 42, vxlan, sizeof(vxlan));
	memcpy(packet->bytes + 50, inside->bytes, inside->len);
	packet->len = 50 + inside->len;
}

static int run(const struct measured *measured, double *ret_ns)
{
	struct packet out;
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = measured->packet->bytes,
			    .data_size_in = measured->packet->len, .data_out = out.bytes,
			    .data_size_out = sizeof(out.bytes), .repeat = REPEAT);

	if (bpf_prog_test_run_opts(measured->fd, &opts))
		return -errno;
	*ret_ns = opts.duration;
	return 0;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(const struct measured *measured)
{
	double sorted[ROUNDS];

	memcpy(sorted, measured->ns, sizeof(sorted));
	qsort(sorted, ROUNDS, sizeof(sorted[0]), by_value);
	return sorted[ROUNDS / 2];
}

static int measure(struct measured *cases, size_t n)
{
	double null, naive;
	int r;

	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < n; i++) {
			r = run(&cases[i], &cases[i].ns[round]);
			if (r < 0) {
				(void)fprintf(stderr, "packet_cost: %s: %s\n", cases[i].name,
					      strerror(-r));
				return r;
			}
		}
	}
	null = median(&cases[0]);
	naive = median(&cases[1]);
	for (size_t i = 0; i < n; i++)
		printf("%s ns=%.1f of_naive=%.2f\n", cases[i].name, median(&cases[i]),
		       (median(&cases[i]) - null) / (naive - null));
	return 0;
}

/* Only what is run is loaded: nothing here is attached. */
static int load(struct weir_bpf *weir)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, weir->obj)(void)
		bpf_program__set_autoload(program, false);
	(void)bpf_program__set_autoload(weir->progs.link_from_pod, true);
	(void)bpf_program__set_autoload(weir->progs.link_to_pod, true);
	(void)bpf_program__set_autoload(weir->progs.uplink_in, true);
	(void)bpf_program__set_autoload(weir->progs.uplink_out, true);
	(void)bpf_program__set_autoload(weir->progs.socket_ingress, true);
	(void)bpf_program__set_autoload(weir->progs.socket_egress, true);
	return weir_bpf__load(weir);
}

int main(void)
{
	struct packet tcp, tcp6, udp, syn, tunnelled;
	struct packet_cost *own = packet_cost__open_and_load();
	struct weir_bpf *weir = weir_bpf__open();
	int r = -1;

	make_v4(&tcp, IPPROTO_TCP, 0x10);
	make_v4(&syn, IPPROTO_TCP, 0x02);
	make_v4(&udp, IPPROTO_UDP, 0);
	make_v6(&tcp6);
	make_tunnelled(&tunnelled, &tcp);
	if (own && weir && !load(weir)) {
		int from = bpf_program__fd(weir->progs.link_from_pod);
		int to = bpf_program__fd(weir->progs.link_to_pod);
		int in = bpf_program__fd(weir->progs.uplink_in);
		int out = bpf_program__fd(weir->progs.uplink_out);
		int socket_in = bpf_program__fd(weir->progs.socket_ingress);
		int socket_out = bpf_program__fd(weir->progs.socket_egress);
		struct measured cases[] = {
			{ "null", bpf_program__fd(own->progs.null), &tcp, { 0 } },
			{ "naive-established", bpf_program__fd(own->progs.naive), &tcp, { 0 } },
			{ "link_from_pod-established", from, &tcp, { 0 } },
			{ "link_to_pod-established", to, &tcp, { 0 } },
			{ "uplink_in-established", in, &tcp, { 0 } },
			{ "uplink_out-established", out, &tcp, { 0 } },
			{ "uplink_out-established-vxlan", out, &tunnelled, { 0 } },
			{ "link_from_pod-established-v6", from, &tcp6, { 0 } },
			{ "link_to_pod-established-v6", to, &tcp6, { 0 } },
			{ "link_to_pod-udp", to, &udp, { 0 } },
			{ "uplink_out-syn", out, &syn, { 0 } },
			{ "socket_in-established", socket_in, &tcp, { 0 } },
			{ "socket_out-established", socket_out, &tcp, { 0 } },
			{ "socket_in-established-v6", socket_in, &tcp6, { 0 } },
			{ "socket_out-established-v6", socket_out, &tcp6, { 0 } },
		};

		r = measure(cases, sizeof(cases) / sizeof(cases[0]));
	}
	weir_bpf__destroy(weir);
	packet_cost__destroy(own);
	return r ? EXIT_FAILURE : EXIT_SUCCESS;
}
