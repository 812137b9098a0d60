// SPDX-License-Identifier: Apache-2.0
/* Rows that the programs' iterators write: sweeps over live connections, and the search for sockets. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/capture_internal.h"
#include "lib/cleanup.h"

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
	weir_capture_pass_flow(capture, &input);
}

/* What was dropped again in between begins a new entry, and is told by it. */
static void pass_drop_row(struct weir_capture *capture, const void *row)
{
	struct bpf_map *map = capture->skel->maps.drops;
	struct weir_ev_drop_totals totals;
	struct weir_drop_input input;
	struct weir_ev_drop ev;

	capture->rows_seen++;
	if (weir_decode_drop(row, &input)) {
		capture->bad_events++;
		return;
	}
	memcpy(&ev, row, sizeof(ev));
	if (ev.key.icmp_type)
		map = capture->skel->maps.icmp_errors;
	if (input.kind == WEIR_INPUT_CLOSE &&
	    bpf_map_lookup_and_delete_elem(bpf_map__fd(map), &ev.key, &totals) == 0) {
		input.packets += totals.packets - totals.reported;
		capture->drops_told -= capture->drops_told > 0;
	}
	weir_capture_pass_drop(capture, &input);
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

static int sweep_open(struct weir_capture *capture, enum weir_sweep_stage stage)
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
	enum weir_sweep_stage next;
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
