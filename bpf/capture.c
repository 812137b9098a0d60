// SPDX-License-Identifier: Apache-2.0
#include "bpf/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "bpf/links.h"
#include "bpf/ring.h"
#include "bpf/weir.skel.h"
#include "bpf/weir_abi.h"
#include "lib/cleanup.h"
#include "lib/time.h"

#define RING_BYTES_DEFAULT (2U << 20)
#define TCP_CONNS_DEFAULT 262144U
#define UDP_FLOWS_DEFAULT 262144U
#define UDP_IDLE_DEFAULT_NS (15 * WEIR_NS_PER_SEC)
#define BTF_PATH "/sys/kernel/btf/vmlinux"

enum sweep_stage {
	SWEEP_NONE,
	SWEEP_TCP,
	SWEEP_UDP,
	SWEEP_LINKS,
	SWEEP_DROPS,
	SWEEP_MAX_,
};

struct weir_capture {
	struct weir_capture_opts opts;
	struct weir_bpf *skel;
	struct weir_ring *ring;
	struct bpf_link *sweeps[SWEEP_MAX_];
	struct weir_ev_stats *per_cpu;  /* scratch: one for each possible CPU */
	int n_cpus;
	enum sweep_stage stage;
	int sweep_fd;
	size_t row_fill;                /* bytes of rows[] that are not a whole row yet */
	char rows[64 * sizeof(struct weir_ev_flow)];
	uint64_t drops_told;            /* entries of the map of drops, but for those lost */
	uint64_t rows_seen;
	uint64_t entries_swept;         /* rows and entries without news */
	uint64_t bad_events;
	uint64_t passed;
	const char *degraded[8];
	size_t n_degraded;
};

/* libbpf has one print function for the process. */
static struct weir_capture *printing;

static int libbpf_print(enum libbpf_print_level level, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));

static int libbpf_print(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char text[1024];
	size_t len;

	if (level == LIBBPF_DEBUG || !printing || !printing->opts.on_message)
		return 0;
	(void)vsnprintf(text, sizeof(text), fmt, args);
	len = strlen(text);
	if (len && text[len - 1] == '\n')
		text[len - 1] = '\0';
	printing->opts.on_message(printing->opts.ctx, level == LIBBPF_WARN, text);
	return 0;
}

static void degrade(struct weir_capture *capture, const char *what)
{
	if (capture->n_degraded < sizeof(capture->degraded) / sizeof(capture->degraded[0]))
		capture->degraded[capture->n_degraded++] = what;
}

static void pass_flow(struct weir_capture *capture, const struct weir_flow_input *input)
{
	capture->passed++;
	capture->opts.on_flow(capture->opts.ctx, input);
}

static void pass_drop(struct weir_capture *capture, const struct weir_drop_input *input)
{
	capture->passed++;
	capture->opts.on_drop(capture->opts.ctx, input);
}

static void on_ring_record(void *ctx, const void *data, size_t len)
{
	struct weir_capture *capture = ctx;
	struct weir_cgroup_event cgroup;
	struct weir_flow_input input;
	struct weir_drop_input drop;
	struct weir_dns_event dns;

	switch (weir_decode_type(data, len)) {
	case WEIR_EV_FLOW:
		if (weir_decode_flow(data, &input))
			break;
		pass_flow(capture, &input);
		return;
	case WEIR_EV_CGROUP:
		if (weir_decode_cgroup(data, &cgroup))
			break;
		capture->passed++;
		capture->opts.on_cgroup(capture->opts.ctx, &cgroup);
		return;
	case WEIR_EV_DROP:
		if (weir_decode_drop(data, &drop))
			break;
		capture->drops_told += drop.kind == WEIR_INPUT_OPEN;
		pass_drop(capture, &drop);
		return;
	case WEIR_EV_DNS:
		if (!capture->opts.on_dns || weir_decode_dns(data, &dns))
			break;
		capture->passed++;
		capture->opts.on_dns(capture->opts.ctx, &dns);
		return;
	}
	capture->bad_events++;
}

/* A CPU begins some ten thousand connections a second, and a connection is young for 10 ms. */
static __u32 young_slots(int n_cpus)
{
	__u32 slots = 2048;

	while (slots < 16384 && slots < 1024 * (__u32)n_cpus)
		slots <<= 1;
	return slots;
}

/* Linux before 5.17 does not say why it drops a packet: its tracepoint has an argument less. */
static bool drops_have_reasons(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	const struct btf_type *type = NULL;
	bool have = false;
	int id;

	id = btf ? btf__find_by_name_kind(btf, "btf_trace_kfree_skb", BTF_KIND_TYPEDEF) : -ENOENT;
	if (id > 0)
		type = btf__type_by_id(btf, btf__type_by_id(btf, (__u32)id)->type);
	if (type && btf_is_ptr(type))
		type = btf__type_by_id(btf, type->type);
	/* Before what the tracepoint passes comes a pointer to the program's own data. */
	if (type && btf_is_func_proto(type))
		have = btf_vlen(type) >= 4;
	btf__free(btf);
	return have;
}

static int load(struct weir_capture *capture, struct weir_error *err)
{
	const struct weir_capture_opts *opts = &capture->opts;
	struct weir_bpf *skel = weir_bpf__open();
	__u32 slots;
	int r;

	if (!skel)
		return weir_error_set(err, -errno, "bpf: cannot open the programs: %s",
				      strerror(errno));
	capture->skel = skel;
	skel->rodata->udp_idle_ns = opts->udp_idle_ns;
	memcpy((void *)skel->rodata->dns_ports, opts->dns_ports, sizeof(opts->dns_ports));
	skel->rodata->root_cgroup_id = opts->root_cgroup_id;
	skel->rodata->start_ns = weir_time_mono_ns();
	skel->rodata->thread_known =
		libbpf_probe_bpf_helper(BPF_PROG_TYPE_CGROUP_SKB, BPF_FUNC_get_current_pid_tgid,
					NULL) == 1;
	if (!drops_have_reasons()) {
		(void)bpf_program__set_autoload(skel->progs.packet_dropped, false);
		degrade(capture, "what the kernel drops is not known");
	}
	(void)bpf_map__set_max_entries(skel->maps.events, (__u32)opts->ring_bytes);
	slots = young_slots(capture->n_cpus);
	skel->rodata->young_mask = slots - 1;
	(void)bpf_map__set_max_entries(skel->maps.young_conns, slots);
	(void)bpf_map__set_max_entries(skel->maps.young_lists, (__u32)capture->n_cpus);
	(void)bpf_map__set_max_entries(skel->maps.tcp_conns, (__u32)opts->tcp_conns_max);
	(void)bpf_map__set_max_entries(skel->maps.udp_flows, (__u32)opts->udp_flows_max);
	r = weir_bpf__load(skel);
	if (r < 0)
		return weir_error_set(err, r, "bpf: the kernel refuses the programs: %s",
				      strerror(-r));
	if (!skel->rodata->thread_known)
		degrade(capture,
			"the Service that an unconnected UDP socket asked for is not known");
	return 0;
}

static int attach_cgroup(struct weir_capture *capture, int cgroup_fd, struct weir_error *err)
{
	struct weir_bpf *skel = capture->skel;
	struct {
		struct bpf_program *program;
		struct bpf_link **link;
	} hooks[] = {
		{ skel->progs.tcp_sockops, &skel->links.tcp_sockops },
		{ skel->progs.sock_connect4, &skel->links.sock_connect4 },
		{ skel->progs.sock_connect6, &skel->links.sock_connect6 },
		{ skel->progs.sock_sendmsg4, &skel->links.sock_sendmsg4 },
		{ skel->progs.sock_sendmsg6, &skel->links.sock_sendmsg6 },
		{ skel->progs.sock_post_bind4, &skel->links.sock_post_bind4 },
		{ skel->progs.sock_post_bind6, &skel->links.sock_post_bind6 },
		{ skel->progs.sock_release, &skel->links.sock_release },
		{ skel->progs.udp_egress, &skel->links.udp_egress },
		{ skel->progs.udp_ingress, &skel->links.udp_ingress },
	};
	size_t i;

	for (i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		*hooks[i].link = bpf_program__attach_cgroup(hooks[i].program, cgroup_fd);
		if (!*hooks[i].link)
			return weir_error_set(err, -errno, "bpf: cannot attach %s to %s: %s",
					      bpf_program__name(hooks[i].program),
					      capture->opts.cgroup_dir, strerror(errno));
	}
	return 0;
}

static int attach_tracing(struct weir_capture *capture, struct weir_error *err)
{
	struct weir_bpf *skel = capture->skel;
	struct {
		struct bpf_program *program;
		struct bpf_link **link;
	} hooks[] = {
		{ skel->progs.cgroup_made, &skel->links.cgroup_made },
		{ skel->progs.cgroup_renamed, &skel->links.cgroup_renamed },
		{ skel->progs.cgroup_removed, &skel->links.cgroup_removed },
		{ skel->progs.tcp_destroyed, &skel->links.tcp_destroyed },
		{ skel->progs.tcp_destroyed_too, &skel->links.tcp_destroyed_too },
		{ skel->progs.tcp_reset_received, &skel->links.tcp_reset_received },
		{ skel->progs.tcp_reset_sent, &skel->links.tcp_reset_sent },
		{ skel->progs.tcp_error_reported, &skel->links.tcp_error_reported },
		{ skel->progs.packet_dropped, &skel->links.packet_dropped },
	};
	size_t i;

	for (i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		if (!bpf_program__autoload(hooks[i].program))
			continue;
		*hooks[i].link = bpf_program__attach_trace(hooks[i].program);
		if (!*hooks[i].link)
			return weir_error_set(err, -errno, "bpf: cannot attach %s: %s",
					      bpf_program__name(hooks[i].program), strerror(errno));
	}
	return 0;
}

static struct bpf_link *attach_map_iter(struct bpf_program *program, struct bpf_map *map)
{
	union bpf_iter_link_info info = { 0 };
	DECLARE_LIBBPF_OPTS(bpf_iter_attach_opts, iter_opts);

	info.map.map_fd = (__u32)bpf_map__fd(map);
	iter_opts.link_info = &info;
	iter_opts.link_info_len = sizeof(info);
	return bpf_program__attach_iter(program, &iter_opts);
}

static int attach_iters(struct weir_capture *capture, struct weir_error *err)
{
	struct weir_bpf *skel = capture->skel;
	struct {
		struct bpf_program *program;
		struct bpf_map *map;
	} sweeps[SWEEP_MAX_] = {
		[SWEEP_TCP] = { skel->progs.sweep_tcp, skel->maps.tcp_conns },
		[SWEEP_UDP] = { skel->progs.sweep_udp, skel->maps.udp_flows },
		[SWEEP_LINKS] = { skel->progs.sweep_links, skel->maps.link_conns },
		[SWEEP_DROPS] = { skel->progs.sweep_drops, skel->maps.drops },
	};

	for (int i = SWEEP_NONE + 1; i < SWEEP_MAX_; i++) {
		capture->sweeps[i] = attach_map_iter(sweeps[i].program, sweeps[i].map);
		if (!capture->sweeps[i])
			return weir_error_set(err, -errno, "bpf: cannot make the sweeps: %s",
					      strerror(errno));
	}
	return 0;
}

static int attach(struct weir_capture *capture, struct weir_error *err)
{
	_cleanup_fd_ int cgroup_fd = -1;
	int r;

	cgroup_fd = open(capture->opts.cgroup_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup_fd < 0)
		return weir_error_set(err, -errno, "%s: %s", capture->opts.cgroup_dir,
				      strerror(errno));
	/* Tracing first: when the first connection is seen, its end will be, too. */
	r = attach_tracing(capture, err);
	if (r < 0)
		return r;
	r = attach_cgroup(capture, cgroup_fd, err);
	if (r < 0)
		return r;
	return attach_iters(capture, err);
}

static int start(struct weir_capture *capture, struct weir_error *err)
{
	int r;

	if (access(BTF_PATH, R_OK) < 0)
		return weir_error_set(err, -errno,
				      "%s: %s: the kernel has to be built with "
				      "CONFIG_DEBUG_INFO_BTF",
				      BTF_PATH, strerror(errno));
	capture->n_cpus = libbpf_num_possible_cpus();
	if (capture->n_cpus < 0)
		return weir_error_set(err, capture->n_cpus, "bpf: cannot count the CPUs");
	capture->per_cpu = calloc((size_t)capture->n_cpus, sizeof(*capture->per_cpu));
	if (!capture->per_cpu)
		return -ENOMEM;
	r = load(capture, err);
	if (r < 0)
		return r;
	r = weir_ring_new(bpf_map__fd(capture->skel->maps.events), capture->opts.ring_bytes,
			  &capture->ring);
	if (r < 0)
		return weir_error_set(err, r, "bpf: cannot map the ring buffer: %s", strerror(-r));
	return attach(capture, err);
}

int weir_capture_new(const struct weir_capture_opts *opts, struct weir_capture **ret_capture,
		     struct weir_error *err)
{
	struct weir_capture *capture = calloc(1, sizeof(*capture));
	int r;

	if (!capture)
		return -ENOMEM;
	capture->opts = *opts;
	capture->sweep_fd = -1;
	if (!capture->opts.ring_bytes)
		capture->opts.ring_bytes = RING_BYTES_DEFAULT;
	if (!capture->opts.tcp_conns_max)
		capture->opts.tcp_conns_max = TCP_CONNS_DEFAULT;
	if (!capture->opts.udp_flows_max)
		capture->opts.udp_flows_max = UDP_FLOWS_DEFAULT;
	if (!capture->opts.udp_idle_ns)
		capture->opts.udp_idle_ns = UDP_IDLE_DEFAULT_NS;
	printing = capture;
	libbpf_set_print(libbpf_print);
	r = start(capture, err);
	if (r < 0) {
		weir_capture_free(&capture);
		return r;
	}
	*ret_capture = capture;
	return 0;
}

void weir_capture_free(struct weir_capture **p)
{
	struct weir_capture *capture = *p;

	*p = NULL;
	if (!capture)
		return;
	if (capture->sweep_fd >= 0)
		(void)close(capture->sweep_fd);
	weir_ring_free(&capture->ring);
	for (int i = 0; i < SWEEP_MAX_; i++)
		(void)bpf_link__destroy(capture->sweeps[i]);
	weir_bpf__destroy(capture->skel);
	free(capture->per_cpu);
	if (printing == capture)
		printing = NULL;
	free(capture);
}

const char *weir_capture_degraded(const struct weir_capture *capture, size_t i)
{
	return i < capture->n_degraded ? capture->degraded[i] : NULL;
}

void weir_capture_link_programs(const struct weir_capture *capture,
				struct weir_link_programs *ret_programs)
{
	const struct weir_bpf *skel = capture->skel;
	struct weir_link_programs programs = { 0 };

	programs.fd[WEIR_LINK_POD][WEIR_LINK_IN] = bpf_program__fd(skel->progs.link_from_pod);
	programs.fd[WEIR_LINK_POD][WEIR_LINK_OUT] = bpf_program__fd(skel->progs.link_to_pod);
	programs.fd[WEIR_LINK_UPLINK][WEIR_LINK_IN] = bpf_program__fd(skel->progs.uplink_in);
	programs.fd[WEIR_LINK_UPLINK][WEIR_LINK_OUT] = bpf_program__fd(skel->progs.uplink_out);
	*ret_programs = programs;
}

int weir_capture_fd(const struct weir_capture *capture)
{
	return bpf_map__fd(capture->skel->maps.events);
}

void weir_capture_set_polled(struct weir_capture *capture, bool polled)
{
	capture->skel->bss->reader_polls = polled;
}

void weir_capture_look(struct weir_capture *capture)
{
	weir_ring_look(capture->ring);
}

size_t weir_capture_drain(struct weir_capture *capture, size_t max)
{
	return weir_ring_drain(capture->ring, max, on_ring_record, capture);
}

/*
 * An exchange that the sweep found idle: taken out of the kernel's table together with its final
 * totals. A packet that came in between makes it live again: then it goes on as a new exchange.
 */
static void end_idle_udp(struct weir_capture *capture, struct weir_flow_input *input)
{
	struct weir_ev_udp_key key = { 0 };
	struct weir_ev_udp udp;
	int fd = bpf_map__fd(capture->skel->maps.udp_flows);

	key.cookie = input->end.cookie;
	memcpy(key.remote, input->remote.bytes, sizeof(key.remote));
	key.remote_port = input->remote_port;
	key.local_port = input->local_port;
	if (bpf_map_lookup_and_delete_elem(fd, &key, &udp) == 0) {
		input->counts.tx_bytes = udp.tx_bytes;
		input->counts.rx_bytes = udp.rx_bytes;
		input->counts.tx_packets = udp.tx_packets;
		input->counts.rx_packets = udp.rx_packets;
		input->time_ns = udp.last_ns;
	}
	input->kind = WEIR_INPUT_CLOSE;
}

/* A TCP connection that the sweep found closed: false when a hook was first to tell its end. */
static bool end_tcp(struct weir_capture *capture, const struct weir_flow_input *input)
{
	return bpf_map_delete_elem(bpf_map__fd(capture->skel->maps.tcp_conns),
				   &input->end.cookie) == 0;
}

/* A connection on a link that the sweep found over: false when a packet was first to tell its end. */
static bool end_link(struct weir_capture *capture, const struct weir_flow_input *input)
{
	int fd = bpf_map__fd(capture->skel->maps.link_conns);
	struct weir_ev_link conn;
	struct weir_ev_link_key key = {
		.local_port = input->local_port,
		.remote_port = input->remote_port,
		.protocol = input->protocol,
	};

	memcpy(key.local, input->local.bytes, sizeof(key.local));
	memcpy(key.remote, input->remote.bytes, sizeof(key.remote));
	return bpf_map_lookup_and_delete_elem(fd, &key, &conn) == 0 &&
	       !(conn.flags & WEIR_EV_LINK_ENDED);
}

static bool end_swept(struct weir_capture *capture, const struct weir_flow_input *input)
{
	if (input->end.cookie & WEIR_COOKIE_LINK)
		return end_link(capture, input);
	return end_tcp(capture, input);
}

static void pass_flow_row(struct weir_capture *capture, const void *row)
{
	struct weir_flow_input input;

	if (weir_decode_flow(row, &input)) {
		capture->rows_seen++;
		capture->bad_events++;
		return;
	}
	if (input.kind == WEIR_INPUT_CLOSE && !end_swept(capture, &input))
		return;
	if (input.kind == WEIR_INPUT_UPDATE && input.end_reason == WEIR_END_IDLE)
		end_idle_udp(capture, &input);
	capture->rows_seen++;
	pass_flow(capture, &input);
}

/* What was dropped again in between begins a new entry, and is told by it. */
static void pass_drop_row(struct weir_capture *capture, const void *row)
{
	int fd = bpf_map__fd(capture->skel->maps.drops);
	struct weir_ev_drop_totals totals;
	struct weir_drop_input input;
	struct weir_ev_drop ev;

	capture->rows_seen++;
	if (weir_decode_drop(row, &input)) {
		capture->bad_events++;
		return;
	}
	memcpy(&ev, row, sizeof(ev));
	if (input.kind == WEIR_INPUT_CLOSE &&
	    bpf_map_lookup_and_delete_elem(fd, &ev.key, &totals) == 0) {
		input.packets += totals.packets - totals.reported;
		capture->drops_told -= capture->drops_told > 0;
	}
	pass_drop(capture, &input);
}

static void pass_row(struct weir_capture *capture, const void *row, size_t len)
{
	switch (weir_decode_type(row, len)) {
	case WEIR_EV_PAUSE:
		capture->entries_swept += WEIR_EV_PAUSE_ENTRIES;
		return;
	case WEIR_EV_FLOW:
		pass_flow_row(capture, row);
		break;
	case WEIR_EV_DROP:
		pass_drop_row(capture, row);
		break;
	default:
		capture->rows_seen++;
		capture->bad_events++;
	}
	capture->entries_swept++;
}

/* How long the row is that begins with @fill bytes; 0 when they do not say it yet. */
static size_t row_len(const char *row, size_t fill)
{
	struct weir_ev_hdr hdr;

	if (fill < sizeof(hdr))
		return 0;
	memcpy(&hdr, row, sizeof(hdr));
	/* Of a wrong length nothing that follows can be told apart. */
	if (hdr.len < sizeof(hdr) || hdr.len > sizeof(struct weir_ev_flow))
		return fill;
	return hdr.len <= fill ? hdr.len : 0;
}

/* Read one buffer of rows from an iterator: the bytes read, 0 at its end, or -errno. */
static ssize_t read_rows(struct weir_capture *capture, int fd)
{
	size_t off = 0, len;
	ssize_t n;

	do
		n = read(fd, capture->rows + capture->row_fill,
			 sizeof(capture->rows) - capture->row_fill);
	while (n < 0 && (errno == EINTR || errno == EAGAIN));
	if (n < 0)
		return -errno;
	capture->row_fill += (size_t)n;
	while ((len = row_len(capture->rows + off, capture->row_fill - off))) {
		pass_row(capture, capture->rows + off, len);
		off += len;
	}
	capture->row_fill -= off;
	memmove(capture->rows, capture->rows + off, capture->row_fill);
	return n;
}

int weir_capture_find(struct weir_capture *capture)
{
	struct bpf_program *program = capture->skel->progs.find_sockets;
	_cleanup_fd_ int fd = -1;
	struct bpf_link *link;
	ssize_t n;

	link = bpf_program__attach_iter(program, NULL);
	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	n = fd < 0 ? -errno : 0;
	(void)bpf_link__destroy(link);
	if (n < 0)
		return (int)n;
	capture->row_fill = 0;
	do
		n = read_rows(capture, fd);
	while (n > 0);
	return (int)n;
}

static int sweep_open(struct weir_capture *capture, enum sweep_stage stage)
{
	int fd = bpf_iter_create(bpf_link__fd(capture->sweeps[stage]));

	if (fd < 0)
		return -errno;
	capture->sweep_fd = fd;
	capture->stage = stage;
	capture->row_fill = 0;
	return 0;
}

static void sweep_close(struct weir_capture *capture)
{
	(void)close(capture->sweep_fd);
	capture->sweep_fd = -1;
	capture->stage = SWEEP_NONE;
}

int weir_capture_sweep_begin(struct weir_capture *capture, bool all)
{
	if (capture->stage != SWEEP_NONE)
		return -EBUSY;
	capture->skel->bss->sweep_all = all;
	return sweep_open(capture, SWEEP_TCP);
}

int weir_capture_sweep_drops(struct weir_capture *capture)
{
	int r;

	if (capture->stage != SWEEP_NONE)
		return -EBUSY;
	if (!capture->drops_told)
		return 0;
	r = sweep_open(capture, SWEEP_DROPS);
	return r < 0 ? r : 1;
}

int weir_capture_sweep_step(struct weir_capture *capture, size_t max)
{
	uint64_t until = capture->entries_swept + max;
	enum sweep_stage next;
	ssize_t n;

	while (capture->stage != SWEEP_NONE && capture->entries_swept < until) {
		n = read_rows(capture, capture->sweep_fd);
		if (n > 0)
			continue;
		next = capture->stage + 1;
		sweep_close(capture);
		if (n == 0 && next < SWEEP_MAX_)
			n = sweep_open(capture, next);
		if (n < 0)
			return (int)n;
	}
	return capture->stage != SWEEP_NONE;
}

void weir_capture_get_stats(const struct weir_capture *capture,
			    struct weir_capture_stats *ret_stats)
{
	struct weir_capture_stats stats = { 0 };
	__u32 zero = 0;
	int i;

	stats.seen = capture->rows_seen;
	stats.bad_events = capture->bad_events;
	stats.passed = capture->passed;
	if (bpf_map_lookup_elem(bpf_map__fd(capture->skel->maps.stats), &zero, capture->per_cpu) ==
	    0) {
		for (i = 0; i < capture->n_cpus; i++) {
			stats.seen += capture->per_cpu[i].seen;
			stats.lost_ringbuf_full += capture->per_cpu[i].lost_ringbuf_full;
			stats.lost_storage_failed += capture->per_cpu[i].lost_storage_failed;
			stats.lost_tcp_table_full += capture->per_cpu[i].lost_tcp_table_full;
			stats.lost_udp_table_full += capture->per_cpu[i].lost_udp_table_full;
			stats.lost_drop_table_full += capture->per_cpu[i].lost_drop_table_full;
			stats.lost_link_table_full += capture->per_cpu[i].lost_link_table_full;
			stats.bad_packets += capture->per_cpu[i].bad_packets;
			stats.lost_dns_no_room += capture->per_cpu[i].lost_dns_no_room;
		}
	}
	*ret_stats = stats;
}
