/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_STATUS_VIEW_H
#define WEIR_API_STATUS_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

/** struct weir_status_count - one member of an object of counters; @name is foreign. */
struct weir_status_count {
	const char *name;
	uint64_t value;
};

/**
 * struct weir_status_view - the body of /v1/status (api/protocol.md), read back for display.
 *
 * Missing numbers are 0 and missing texts "". Owner: strings and arrays are its own until
 * weir_status_view_done().
 */
struct weir_status_view {
	const char *version;
	const char *node_name;
	uint64_t uptime_ns;
	uint64_t seen;
	uint64_t delivered;
	uint64_t pending;
	uint64_t connections;
	uint64_t evicted;
	uint64_t history_records;
	uint64_t history_capacity;
	uint64_t history_bytes;
	uint64_t history_total;    /* records made since the start */
	uint64_t clients;
	uint64_t clients_lost;
	const char *cgroup_root;
	bool has_links;            /* the agent says something of links */
	uint64_t links_watched;
	uint64_t links_waiting;
	uint64_t links_failed;
	struct weir_status_count *lost;   /* by cause */
	size_t lost_count;
	struct weir_status_count *store;  /* pods, services, … */
	size_t store_count;
	const char **degraded;            /* what this kernel cannot do, one sentence each */
	size_t degraded_count;
	void *json;
};

/** weir_status_view_parse() - 0, -EINVAL with @err, -ENOMEM. */
int weir_status_view_parse(const char *text, size_t len, struct weir_status_view *ret_view,
			   struct weir_error *err);
void weir_status_view_done(struct weir_status_view *view);

#endif
