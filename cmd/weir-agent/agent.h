/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CMD_WEIR_AGENT_AGENT_H
#define WEIR_CMD_WEIR_AGENT_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "api/history.h"
#include "api/server.h"
#include "bpf/capture.h"
#include "bpf/drop_names.h"
#include "cmd/weir-agent/dns.h"
#include "cmd/weir-agent/links.h"
#include "cmd/weir-agent/namespaces.h"
#include "cmd/weir-agent/nat.h"
#include "cmd/weir-agent/settings.h"
#include "flow/correlate.h"
#include "k8s-meta/manifest.h"
#include "k8s-meta/store.h"
#include "lib/loop.h"
#include "lib/time.h"

/*
 * The agent's one object: every module of the process and how far each has come. Only the files
 * of this folder see it; modules get callbacks.
 */
struct agent {
	const struct settings *settings;
	const char *node_name;
	char host_name[256];
	char cgroup_mount[4096];
	const char *cgroup_dir;
	uint64_t root_cgroup_id;     /* 0: the whole hierarchy */

	struct weir_loop *loop;
	struct weir_capture *capture;
	struct weir_correlate *correlate;
	struct weir_drop_names *drop_names;
	struct weir_store *store;
	struct weir_manifest *manifest;
	struct weir_history *history;
	struct weir_server *server;
	struct namespaces *namespaces;
	struct agent_links *links;
	struct dns *dns;
	struct weir_clock clock;

	struct weir_nat *nat;
	struct nat_place *nat_places;           /* nat.c: the namespaces that are followed */
	struct weir_loop_timer *nat_timer;
	struct weir_loop_timer *nat_dump_timer;
	struct weir_loop_fd *ring_watch;
	struct weir_loop_fd *manifest_watch;
	struct weir_loop_timer *manifest_timer; /* set while changed manifests are waiting */
	struct weir_loop_timer *drain_timer;
	struct weir_loop_timer *tick_timer;
	struct weir_loop_timer *sweep_timer;
	struct weir_loop_timer *step_timer;
	struct weir_loop_timer *loss_timer;

	bool resyncing;              /* the sweep under way passes every live socket */
	bool polling;                /* the ring is drained by timer, not when it is readable */
	bool resync_wanted;          /* ends may have been missed: the next sweep is to */
	uint64_t started_ns;
	uint64_t now_ns;             /* of this turn of the loop: inputs are many, clocks are dear */
	uint64_t cgroup_events;      /* applied to the store */
	uint64_t nat_lost;           /* in namespaces that are followed no more */
	uint64_t nat_bad;
	uint64_t no_memory;          /* flow inputs the correlator had no memory for */
	uint64_t told[WEIR_LOSS_MAX_]; /* losses told to the stream so far */
	int64_t told_until_ns;       /* wall clock of the last look at the losses */
};

/** agent_start() - make and wire everything; @err says what a person has to mend. */
int agent_start(struct agent *agent, const struct settings *settings, struct weir_error *err);

/** agent_run() - serve until SIGINT or SIGTERM. */
int agent_run(struct agent *agent);

/** agent_become_ready() - all is attached: say so. */
void agent_become_ready(struct agent *agent);

/** agent_stop() - release everything; fine on a half-started agent. */
void agent_stop(struct agent *agent);

/** pipeline.c: from captured inputs to records in the history. */
void pipeline_on_flow_input(void *ctx, const struct weir_flow_input *input);
void pipeline_on_drop(void *ctx, const struct weir_drop_input *input);
void pipeline_on_cgroup(void *ctx, const struct weir_cgroup_event *event);
void pipeline_on_flow(void *ctx, const struct weir_flow *flow);
bool pipeline_translates(void *ctx, const struct weir_addr *asked, uint16_t asked_port,
			 const struct weir_addr *backend, uint16_t backend_port, uint8_t protocol,
			 uint64_t when_ns);

const struct weir_identity *pipeline_identify(struct agent *agent, const struct weir_flow_end *end,
					      const struct weir_addr *addr, uint64_t when_ns);

/** losses.c: what was lost so far by cause, and telling the stream of it. */
void losses_get(const struct agent *agent, uint64_t ret_lost[WEIR_LOSS_MAX_]);
void losses_tell(struct agent *agent);

/** status.c: the body of /v1/status. */
void status_write(void *ctx, struct weir_buf *out);

/** place.c: where this agent runs: its node's name, cgroup hierarchy, addresses, permissions. */
int place_check_permission(struct weir_error *err);
int place_find_node_name(struct agent *agent, struct weir_error *err);
int place_find_cgroups(struct agent *agent, struct weir_error *err);
int place_read_host_addrs(struct agent *agent);
int place_walk_cgroups(struct agent *agent);

#endif
