/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BPF_CAPTURE_H
#define WEIR_BPF_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/decode.h"
#include "flow/flow.h"
#include "lib/error.h"

/*
 * The BPF programs of this node: loaded, attached, drained, swept. Everything hangs on file
 * descriptors of this process, so that the kernel removes all of it when the process is gone,
 * however it went.
 */
struct weir_capture;
struct weir_link_programs;

struct weir_capture_opts {
	const char *cgroup_dir;   /* directory of the cgroup v2 to attach at */
	uint64_t root_cgroup_id;  /* its id, or 0 for the root of the hierarchy */
	size_t ring_bytes;        /* power of two, multiple of the page size; 0: 2 MiB */
	size_t tcp_conns_max;     /* ends of TCP connections on this node; 0: 262144 */
	size_t udp_flows_max;     /* 0: 262144 */
	uint64_t udp_idle_ns;     /* 0: 15 s */
	uint16_t dns_ports[WEIR_EV_DNS_PORTS_MAX];  /* up to the first 0: where DNS is spoken */
	/* Borrowed arguments, valid for the call. */
	void (*on_flow)(void *ctx, const struct weir_flow_input *input);
	void (*on_cgroup)(void *ctx, const struct weir_cgroup_event *event);
	void (*on_drop)(void *ctx, const struct weir_drop_input *input);
	void (*on_dns)(void *ctx, const struct weir_dns_event *event);  /* with @dns_ports */
	/* libbpf's own messages, for the log; NULL drops them. */
	void (*on_message)(void *ctx, bool warning, const char *text);
	void *ctx;
};

/** Counters since the start: seen = records passed to callbacks or waiting + Σ lost_*. */
struct weir_capture_stats {
	uint64_t seen;                 /* ring records and sweep rows */
	uint64_t lost_ringbuf_full;
	uint64_t lost_storage_failed;
	uint64_t lost_tcp_table_full;
	uint64_t lost_udp_table_full;
	uint64_t lost_drop_table_full;
	uint64_t lost_link_table_full;
	uint64_t bad_packets;          /* on links, truncated or malformed; in no sum */
	uint64_t lost_dns_no_room;
	uint64_t bad_events;           /* refused by bpf/decode.h */
	uint64_t passed;               /* to callbacks */
};

/**
 * weir_capture_new() - load and attach.
 *
 * What the kernel lacks of newer features is left out: weir_capture_degraded() says what is lost
 * by that.
 * Errors: -ENOENT (no BTF), -EPERM, or libbpf's, with @err.
 */
int weir_capture_new(const struct weir_capture_opts *opts, struct weir_capture **ret_capture,
		     struct weir_error *err);
void weir_capture_free(struct weir_capture **capture);

/** weir_capture_degraded() - the i-th consequence of an old kernel as text; NULL behind the last. */
const char *weir_capture_degraded(const struct weir_capture *capture, size_t i);

/** weir_capture_link_programs() - the programs for links (bpf/links.h); valid while the capture is. */
void weir_capture_link_programs(const struct weir_capture *capture,
				struct weir_link_programs *ret_programs);

/** weir_capture_fd() - readable while the ring has records. */
int weir_capture_fd(const struct weir_capture *capture);

/**
 * weir_capture_set_polled() - whether the caller drains by timer: weir_capture_fd() stays silent then.
 *
 * When that ends, a record that was just being written may still come without a word: drain once
 * more a moment later.
 */
void weir_capture_set_polled(struct weir_capture *capture, bool polled);

/** weir_capture_look() - the next drain takes no more than what is in the ring now. */
void weir_capture_look(struct weir_capture *capture);

/** weir_capture_drain() - pass at most @max ring records on; returns how many were taken. */
size_t weir_capture_drain(struct weir_capture *capture, size_t max);

/**
 * weir_capture_name_place() - which function the kernel's code at @address is in, as the kernel prints
 * it: "nft_do_chain [nf_tables]", and a number when it is none. Also where kernel.kptr_restrict hides
 * addresses.
 *
 * @ctx: the struct weir_capture.
 * Units:  5 us, and some 50 the first time.
 * Errors: of running the program; -EBADMSG when @size is not enough.
 */
int weir_capture_name_place(void *ctx, uint64_t address, char *ret_name, size_t size);

/**
 * weir_capture_find() - pass every socket that is older than the programs on as
 * WEIR_INPUT_FOUND, and remember its owner in the kernel. Once, after weir_capture_new().
 */
int weir_capture_find(struct weir_capture *capture);

/**
 * weir_capture_sweep_begin() - start reading the totals of live connections.
 *
 * @all: also of those that did not change since the last sweep.
 * Errors: -EBUSY while a sweep is under way.
 */
int weir_capture_sweep_begin(struct weir_capture *capture, bool all);

/**
 * weir_capture_sweep_drops() - the same for what the kernel dropped alone; any other sweep has it too.
 *
 * Returns 1, or 0 when none is known of that could be dropped again. -EBUSY as above.
 */
int weir_capture_sweep_drops(struct weir_capture *capture);

/** weir_capture_sweep_step() - look at about @max connections and pass those on that moved: 1 more
 * to come, 0 done, or an error (the sweep is over then, too). */
int weir_capture_sweep_step(struct weir_capture *capture, size_t max);

void weir_capture_get_stats(const struct weir_capture *capture,
			    struct weir_capture_stats *ret_stats);

#endif
