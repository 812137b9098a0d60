/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BPF_CAPTURE_INTERNAL_H
#define WEIR_BPF_CAPTURE_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include <bpf/libbpf.h>

#include "bpf/capture.h"
#include "bpf/weir.skel.h"
#include "bpf/weir_abi.h"

/* What the loader and the sweeps share, for the files named capture*.c only. */

enum weir_sweep_stage {
	SWEEP_NONE,
	SWEEP_TCP,
	SWEEP_UDP,
	SWEEP_LINKS,
	SWEEP_DROPS,
	SWEEP_ICMP,
	SWEEP_MAX_,
};

struct weir_capture {
	struct weir_capture_opts opts;
	struct weir_bpf *skel;
	struct weir_ring *ring;
	struct bpf_link *sweeps[SWEEP_MAX_];
	struct weir_ev_stats *per_cpu;  /* scratch: one for each possible CPU */
	int n_cpus;
	enum weir_sweep_stage stage;
	int sweep_fd;
	size_t row_fill;                /* bytes of rows[] that are not a whole row yet */
	char rows[64 * sizeof(struct weir_ev_flow)];
	uint64_t drops_told;            /* entries of both maps of drops, but for those lost */
	uint64_t rows_seen;
	uint64_t entries_swept;         /* rows and entries without news */
	uint64_t bad_events;
	uint64_t passed;
	const char *degraded[8];
	size_t n_degraded;
};

static inline void weir_capture_pass_flow(struct weir_capture *capture,
					  const struct weir_flow_input *input)
{
	capture->passed++;
	capture->opts.on_flow(capture->opts.ctx, input);
}

static inline void weir_capture_pass_drop(struct weir_capture *capture,
					  const struct weir_drop_input *input)
{
	capture->passed++;
	capture->opts.on_drop(capture->opts.ctx, input);
}

#endif
