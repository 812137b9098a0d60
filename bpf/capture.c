// SPDX-License-Identifier: Apache-2.0
#include "bpf/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "bpf/capture_internal.h"
#include "bpf/links.h"
#include "bpf/ring.h"
#include "lib/cleanup.h"
#include "lib/time.h"

#define RING_BYTES_DEFAULT (2U << 20)
#define TCP_CONNS_DEFAULT 262144U
#define UDP_FLOWS_DEFAULT 262144U
#define UDP_IDLE_DEFAULT_NS (15 * WEIR_NS_PER_SEC)
#define BTF_PATH "/sys/kernel/btf/vmlinux"

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
		weir_capture_pass_flow(capture, &input);
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
		weir_capture_pass_drop(capture, &drop);
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
		{ skel->progs.socket_egress, &skel->links.socket_egress },
		{ skel->progs.socket_ingress, &skel->links.socket_ingress },
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
		[SWEEP_ICMP] = { skel->progs.sweep_drops, skel->maps.icmp_errors },
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

int weir_capture_name_place(void *ctx, uint64_t address, char *ret_name, size_t size)
{
	const struct weir_capture *capture = ctx;
	struct weir_bpf *skel = capture->skel;
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts);
	size_t len;
	int r;

	skel->bss->place_address = address;
	r = bpf_prog_test_run_opts(bpf_program__fd(skel->progs.name_place), &opts);
	if (r < 0)
		return r;
	len = strnlen(skel->bss->place_name, sizeof(skel->bss->place_name));
	if (opts.retval || len >= sizeof(skel->bss->place_name) || len >= size)
		return -EBADMSG;
	memcpy(ret_name, skel->bss->place_name, len);
	ret_name[len] = '\0';
	return 0;
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
