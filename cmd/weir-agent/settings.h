/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CMD_WEIR_AGENT_SETTINGS_H
#define WEIR_CMD_WEIR_AGENT_SETTINGS_H

#include <stdint.h>

#include "cmd/options.h"

/** struct settings - the agent's command line; units as in the table of settings.c. */
struct settings {
	struct weir_option_list listen;
	struct weir_option_list interfaces;
	struct weir_option_list uplinks;
	struct weir_option_list netns;
	const char *tc_hook;
	const char *k8s_source;
	const char *node_name;
	const char *cgroup_root;
	struct weir_option_list dns_ports;
	uint64_t flow_interval_ns;
	uint64_t idle_timeout_ns;
	uint64_t history_bytes;
	uint64_t max_connections;
	uint64_t max_clients;
	uint64_t ring_bytes;
	uint64_t tcp_sockets;
	uint64_t udp_flows;
	uint64_t conntrack_bytes;
	const char *log_level;
};

extern const struct weir_options settings_options;

#endif
