// SPDX-License-Identifier: Apache-2.0
/*
 * The packet parser of the BPF programs (bpf/packet.bpf.h), run by the kernel on packets of test
 * runs and on real ones whose bytes are scattered over pages. Its words are compared with those of
 * the crafted packets and of another parser (tests/bpf/packet_oracle.h).
 *
 * WEIR_RANDOM_PACKETS   how many random packets (default 10000000: some ten seconds)
 * WEIR_RANDOM_SEED      to make others
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lib/cleanup.h"
#include "tests/bpf/packet_run.h"
/* after the types in it */
#include "tests/bpf/packet_cases.h"
#include "tests/bpf/packet_oracle.h"
#include "tests/bpf/packet_random.h"
#include "tests/bpf/packet_run.skel.h"

#define CASES (sizeof(packet_cases) / sizeof(packet_cases[0]))
#define FRAME_MAX 3000 /* a test run's packet has to fit in a page, with room around it */
#define RANDOM_DEFAULT 10000000
#define VARIETY_PACKETS 100000 /* so many have everything among them */
#define ETHERTYPE_NONE 0x88b5 /* for local experiments: the kernel looks no further */

struct frame {
	struct run_how how;
	uint8_t bytes[FRAME_MAX];
};

static struct packet_run *skel;
static struct random_packet crafted[CASES];

/* @bare: an Ethernet frame as it is. Else after a header of a type that the kernel does not know: as
 * IPv4 or IPv6 it takes no short packets for a test run. */
static void frame_make(struct frame *frame, const uint8_t *bytes, size_t len,
		       unsigned int ethertype, bool bare)
{
	frame->how.off = bare ? 0 : RUN_ETHERNET_BYTES;
	frame->how.len = (uint32_t)len + frame->how.off;
	frame->how.ethertype = (uint16_t)ethertype;
	assert_true(frame->how.len <= FRAME_MAX);
	memset(frame->bytes, 0, RUN_ETHERNET_BYTES);
	frame->bytes[12] = ETHERTYPE_NONE >> 8;
	frame->bytes[13] = ETHERTYPE_NONE & 0xff;
	memcpy(frame->bytes + frame->how.off, bytes, len);
}

static size_t case_bytes(const struct packet_case *c, uint8_t bytes[FRAME_MAX])
{
	const char *at = c->hex;
	unsigned int byte;
	size_t len = 0;

	for (; *at; at++) {
		if (*at == ' ')
			continue;
		assert_int_equal(sscanf(at, "%2x", &byte), 1);
		bytes[len++] = (uint8_t)byte;
		at++;
	}
	return len;
}

/* --- what was parsed, as text ---------------------------------------------------------------- */

struct text {
	char chars[512];
	size_t len;
};

static void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void text_add(struct text *t, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(t->chars + t->len, sizeof(t->chars) - t->len, fmt, args);
	va_end(args);
	assert_true(n >= 0 && (size_t)n < sizeof(t->chars) - t->len);
	t->len += (size_t)n;
}

static void text_add_end(struct text *t, const uint8_t addr[16], unsigned int port, bool v6)
{
	char text[INET6_ADDRSTRLEN];

	assert_non_null(
		inet_ntop(v6 ? AF_INET6 : AF_INET, v6 ? addr : addr + 12, text, sizeof(text)));
	text_add(t, v6 && port ? "[%s]" : "%s", text);
	if (port)
		text_add(t, ":%u", port);
}

static void text_add_packet(struct text *t, const struct parsed *p)
{
	static const char *const flags[] = { "",        " fragment",  " first-fragment", " error",
					     " routed", " no-length", " embedded" };
	bool v6 = p->flags & PARSED_IPV6;
	size_t i;

	text_add_end(t, p->source, p->source_port, v6);
	text_add(t, " > ");
	text_add_end(t, p->destination, p->destination_port, v6);
	text_add(t, " protocol %u", p->protocol);
	if (p->seq)
		text_add(t, " seq %u", p->seq);
	if (p->ack || p->tcp_flags)
		text_add(t, " ack %u flags %02x", p->ack, p->tcp_flags);
	if (p->icmp_type || p->icmp_code)
		text_add(t, " icmp %u/%u", p->icmp_type, p->icmp_code);
	if (p->fragment_id)
		text_add(t, " id %x", p->fragment_id);
	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		text_add(t, "%s", p->flags >> i & 1 ? flags[i] : "");
	if (p->payload)
		text_add(t, " payload %u", p->payload);
	if (p->end == UINT32_MAX)
		text_add(t, " end none");
	else
		text_add(t, " end %u", p->end);
}

static void text_add_outcome(struct text *t, const char *before, int r, const struct parsed *p)
{
	static const char *const errors[] = { "",          "truncated", "not IP",
					      "malformed", "too deep",  "none inside" };

	assert_in_range(-r, 0, 5);
	text_add(t, "%s", before);
	if (r)
		text_add(t, "%s", errors[-r]);
	else
		text_add_packet(t, p);
}

static void text_of(const struct run_result *result, struct text *ret)
{
	*ret = (struct text){ 0 };
	text_add_outcome(ret, "", result->r, &result->packet);
	if (result->tunnel_r != PARSED_NONE_INSIDE)
		text_add_outcome(ret, "; in it: ", result->tunnel_r, &result->tunnel);
	if (result->embedded_r != PARSED_NONE_INSIDE)
		text_add_outcome(ret, "; about: ", result->embedded_r, &result->embedded);
}

static bool same_outcome(int r, const struct parsed *p, int want_r, const struct parsed *want)
{
	return r == want_r && !memcmp(p, want, sizeof(*p));
}

static bool same_result(const struct run_result *a, const struct run_result *b)
{
	return same_outcome(a->r, &a->packet, b->r, &b->packet) &&
	       same_outcome(a->tunnel_r, &a->tunnel, b->tunnel_r, &b->tunnel) &&
	       same_outcome(a->embedded_r, &a->embedded, b->embedded_r, &b->embedded);
}

static void assert_same(const char *name, const struct frame *frame, const struct run_result *got,
			const struct run_result *want)
{
	struct text a, b;
	uint32_t i;

	if (same_result(got, want))
		return;
	text_of(got, &a);
	text_of(want, &b);
	print_message("# ");
	for (i = 0; i < frame->how.len; i++)
		print_message("%02x", frame->bytes[i]);
	print_message("\n");
	fail_msg("%s (%u bytes from %u, ethertype %04x): %s\n# wanted: %s", name, frame->how.len,
		 frame->how.off, frame->how.ethertype, a.chars, b.chars);
}

static void oracle_of(const struct frame *frame, size_t base, struct run_result *ret)
{
	oracle_run(frame->bytes + frame->how.off, frame->how.len - frame->how.off,
		   frame->how.ethertype, base, ret);
}

/* --- runs ------------------------------------------------------------------------------------ */

static void run_begin(const struct frame *frame)
{
	skel->bss->how = frame->how;
	memset(&skel->bss->result, 0, sizeof(skel->bss->result));
	memset(&skel->bss->linear_result, 0, sizeof(skel->bss->linear_result));
}

/* Results are then in result, and of the tracing program in linear_result. */
static int run_one(const struct frame *frame)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->bytes,
		    .data_size_in = frame->how.len, .repeat = 1);
	int r;

	run_begin(frame);
	r = bpf_prog_test_run_opts(bpf_program__fd(skel->progs.parse_one), &opts);
	if (r < 0)
		return r;
	assert_int_equal(skel->bss->result.runs, 1);
	assert_int_equal(skel->bss->linear_result.runs, 1);
	return 0;
}

/* Both programs say what the other parser says. */
static void run_and_compare(const char *name, const struct frame *frame)
{
	struct run_result want;

	assert_int_equal(run_one(frame), 0);
	oracle_of(frame, frame->how.off, &want);
	assert_same(name, frame, &skel->bss->result, &want);
	oracle_of(frame, 0, &want);
	assert_same(name, frame, &skel->bss->linear_result, &want);
}

static void run_many(size_t n)
{
	static uint8_t frame[RUN_SLOT_BYTES] = {
		[12] = ETHERTYPE_NONE >> 8, [13] = ETHERTYPE_NONE & 0xff
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = (int)n);

	skel->bss->next = 0;
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(skel->progs.parse_many), &opts), 0);
	assert_int_equal(skel->bss->next, n);
}

/* --- crafted packets ------------------------------------------------------------------------- */

static void crafted_packet_parsed_as_stated(void **state)
{
	uint8_t bytes[FRAME_MAX];
	struct frame frame;
	struct text text;
	size_t i, len, bad = 0;

	for (i = 0; i < CASES; i++) {
		len = case_bytes(&packet_cases[i], bytes);
		frame_make(&frame, bytes, len, packet_cases[i].ethertype, false);
		run_and_compare(packet_cases[i].name, &frame);
		text_of(&skel->bss->linear_result, &text);
		if (!strcmp(text.chars, packet_cases[i].want))
			continue;
		print_message("# %s:\n#    got: %s\n# wanted: %s\n", packet_cases[i].name,
			      text.chars, packet_cases[i].want);
		bad++;
	}
	assert_int_equal(bad, 0);
}

/* From the first byte of the skb, as a program at tc sees them. */
static void crafted_frame_parsed_as_stated(void **state)
{
	uint8_t bytes[FRAME_MAX];
	struct frame frame;
	struct text text;
	size_t i, len, n = 0;

	for (i = 0; i < CASES; i++) {
		if (packet_cases[i].ethertype != ETHERNET)
			continue;
		len = case_bytes(&packet_cases[i], bytes);
		frame_make(&frame, bytes, len, ETHERNET, true);
		run_and_compare(packet_cases[i].name, &frame);
		text_of(&skel->bss->result, &text);
		assert_string_equal(text.chars, packet_cases[i].want);
		n++;
	}
	assert_true(n > 5);
}

/* Fewer bytes say the same, or that they are too few. */
static void assert_cut(const char *name, const struct frame *frame, int r, const struct parsed *p,
		       int whole_r, const struct parsed *whole)
{
	static const struct parsed nothing;

	if (r == PARSED_TRUNCATED && !memcmp(p, &nothing, sizeof(nothing)))
		return;
	if (!same_outcome(r, p, whole_r, whole))
		fail_msg("%s, cut to %u bytes: neither truncated nor the same", name,
			 frame->how.len - frame->how.off);
}

static void crafted_packet_cut_at_every_length_never_another(void **state)
{
	struct run_result whole, *got = &skel->bss->result;
	uint8_t bytes[FRAME_MAX];
	struct frame frame;
	size_t i, len;

	for (i = 0; i < CASES; i++) {
		const struct packet_case *c = &packet_cases[i];

		len = case_bytes(c, bytes);
		frame_make(&frame, bytes, len, c->ethertype, false);
		run_and_compare(c->name, &frame);
		whole = *got;
		while (len-- > 0) {
			frame.how.len--;
			run_and_compare(c->name, &frame);
			assert_cut(c->name, &frame, got->r, &got->packet, whole.r, &whole.packet);
			if (got->r) {
				assert_int_equal(got->tunnel_r, PARSED_NONE_INSIDE);
				assert_int_equal(got->embedded_r, PARSED_NONE_INSIDE);
				continue;
			}
			assert_cut(c->name, &frame, got->tunnel_r, &got->tunnel, whole.tunnel_r,
				   &whole.tunnel);
			assert_cut(c->name, &frame, got->embedded_r, &got->embedded,
				   whole.embedded_r, &whole.embedded);
		}
	}
}

/* --- random packets -------------------------------------------------------------------------- */

/* That the packets were of all kinds. */
struct tally {
	uint64_t outcomes[6], tunnels[6], embedded[6]; /* by -r */
	uint64_t protocols[256];
	uint64_t flags[7];
};

static void tally_add(struct tally *t, const struct run_result *result)
{
	size_t i;

	t->outcomes[-result->r]++;
	t->tunnels[-result->tunnel_r]++;
	t->embedded[-result->embedded_r]++;
	if (result->r)
		return;
	t->protocols[result->packet.protocol]++;
	for (i = 0; i < 7; i++)
		t->flags[i] += (result->packet.flags | result->embedded.flags) >> i & 1;
}

static void tally_check(const struct tally *t)
{
	static const uint8_t protocols[] = { 1, 4, 6, 17, 41, 47, 50, 51, 58, 59, 60, 132, 136 };
	const uint64_t *n = t->outcomes;
	size_t i;

	print_message("# parsed %" PRIu64 ", truncated %" PRIu64 ", not IP %" PRIu64
		      ", malformed %" PRIu64 ", too deep %" PRIu64 "; in tunnels %" PRIu64
		      ", in errors %" PRIu64 "\n",
		      n[0], n[1], n[2], n[3], n[4], t->tunnels[0], t->embedded[0]);
	for (i = 0; i < 5; i++)
		assert_true(t->outcomes[i] > 10);
	for (i = 0; i < 6; i++) {
		assert_true(t->tunnels[i] > 10);
		if (i != 2) /* an error tells the ethertype itself */
			assert_true(t->embedded[i] > 10);
	}
	for (i = 0; i < 7; i++)
		assert_true(t->flags[i] > 10);
	for (i = 0; i < sizeof(protocols); i++)
		assert_true(t->protocols[protocols[i]] > 10);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static void frame_random(uint64_t *seed, struct frame *frame)
{
	struct random_packet packet;
	bool bare;

	random_make(seed, crafted, CASES, &packet);
	bare = !packet.ethertype && packet.len >= RUN_ETHERNET_BYTES && random_below(seed, 2);
	frame_make(frame, packet.bytes, packet.len, packet.ethertype, bare);
}

static void random_packets_parsed_as_by_another_parser(void **state)
{
	uint64_t packets = from_environment("WEIR_RANDOM_PACKETS", RANDOM_DEFAULT), left;
	uint64_t seed = from_environment("WEIR_RANDOM_SEED", 20);
	static struct frame frames[RUN_SLOTS];
	static struct tally tally;
	struct run_result want;
	size_t i, n;

	left = packets;
	for (; left; left -= n) {
		n = left < RUN_SLOTS ? left : RUN_SLOTS;
		for (i = 0; i < n; i++) {
			frame_random(&seed, &frames[i]);
			skel->bss->slots[i].how = frames[i].how;
			memcpy(skel->bss->slots[i].bytes, frames[i].bytes, frames[i].how.len);
		}
		run_many(n);
		for (i = 0; i < n; i++) {
			assert_int_equal(skel->bss->results[i].runs, 1);
			oracle_of(&frames[i], frames[i].how.off, &want);
			assert_same("random", &frames[i], &skel->bss->results[i], &want);
			tally_add(&tally, &want);
		}
	}
	if (packets >= VARIETY_PACKETS)
		tally_check(&tally);
}

/* One at a time, for the tracing program. */
static void random_packets_read_alike_by_tracing(void **state)
{
	uint64_t seed = from_environment("WEIR_RANDOM_SEED", 21), left;
	struct random_packet packet;
	struct frame frame;

	left = from_environment("WEIR_RANDOM_PACKETS", RANDOM_DEFAULT) / 20;
	while (left--) {
		random_make(&seed, crafted, CASES, &packet);
		frame_make(&frame, packet.bytes, packet.len, packet.ethertype, false);
		run_and_compare("random", &frame);
	}
}

/* --- real packets, scattered over pages ------------------------------------------------------ */

#define SCATTERED_BYTES 6000 /* more than a page: less, and the kernel makes it one piece */
#define SCATTERED_LINEAR_MAX 220

static int loopback_index(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	_cleanup_fd_ int fd = -1;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
	return (int)if_nametoindex("lo");
}

static void attach_egress(int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(skel->progs.parse_one));

	assert_int_equal(bpf_tc_hook_create(&hook), 0);
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
}

/* The program drops it, of which the kernel tells the sender or not. */
static void send_scattered(int fd, int ifindex, const uint8_t *bytes, uint16_t linear)
{
	struct virtio_net_hdr vnet = { .hdr_len = linear };
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETHERTYPE_NONE),
				  .sll_ifindex = ifindex };
	struct iovec parts[2] = { { &vnet, sizeof(vnet) }, { (void *)bytes, SCATTERED_BYTES } };
	struct msghdr msg = {
		.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = parts, .msg_iovlen = 2
	};

	(void)sendmsg(fd, &msg, 0);
	assert_int_equal(skel->bss->result.runs, 1);
	assert_int_equal(skel->bss->linear_result.runs, 1);
	assert_int_equal(skel->bss->linear_bytes, linear);
}

static void scattered_packet_parsed_alike(void **state)
{
	struct run_result want, cut, *linear = &skel->bss->linear_result;
	static uint8_t bytes[SCATTERED_BYTES];
	static struct frame frame;
	int ifindex = loopback_index(), one = 1;
	_cleanup_fd_ int fd = -1;
	uint16_t n;
	size_t i;

	attach_egress(ifindex);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)), 0);
	for (i = 0; i < CASES; i++) {
		if (!crafted[i].len)
			continue;
		frame_make(&frame, crafted[i].bytes, crafted[i].len, crafted[i].ethertype, false);
		memset(bytes, 0, sizeof(bytes));
		memcpy(bytes, frame.bytes, frame.how.len);
		oracle_run(bytes + RUN_ETHERNET_BYTES, SCATTERED_BYTES - RUN_ETHERNET_BYTES,
			   frame.how.ethertype, RUN_ETHERNET_BYTES, &want);
		for (n = RUN_ETHERNET_BYTES + 1; n < SCATTERED_LINEAR_MAX; n++) {
			run_begin(&frame);
			send_scattered(fd, ifindex, bytes, n);
			assert_same(packet_cases[i].name, &frame, &skel->bss->result, &want);
			oracle_run(bytes + RUN_ETHERNET_BYTES, n - RUN_ETHERNET_BYTES,
				   frame.how.ethertype, 0, &cut);
			assert_same(packet_cases[i].name, &frame, linear, &cut);
		}
	}
}

static int load(void **state)
{
	uint8_t bytes[FRAME_MAX];
	size_t i, len;

	skel = packet_run__open_and_load();
	assert_non_null(skel);
	skel->bss->pid = (uint32_t)getpid();
	assert_int_equal(packet_run__attach(skel), 0);
	for (i = 0; i < CASES; i++) {
		len = case_bytes(&packet_cases[i], bytes);
		if (len > RANDOM_BYTES_MAX)
			continue;
		crafted[i].len = len;
		crafted[i].ethertype = packet_cases[i].ethertype;
		memcpy(crafted[i].bytes, bytes, len);
	}
	return 0;
}

static int unload(void **state)
{
	packet_run__destroy(skel);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crafted_packet_parsed_as_stated),
		cmocka_unit_test(crafted_frame_parsed_as_stated),
		cmocka_unit_test(crafted_packet_cut_at_every_length_never_another),
		cmocka_unit_test(random_packets_parsed_as_by_another_parser),
		cmocka_unit_test(random_packets_read_alike_by_tracing),
		cmocka_unit_test(scattered_packet_parsed_alike),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (geteuid() != 0) {
		(void)printf("1..1\nok 1 - the packet parser on this kernel # SKIP needs root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, load, unload);
}
