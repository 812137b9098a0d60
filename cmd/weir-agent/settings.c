// SPDX-License-Identifier: Apache-2.0
#include "cmd/weir-agent/settings.h"

#include "lib/time.h"

#define FIELD(field_) .offset = offsetof(struct settings, field_)

static const struct weir_option table[] = {
	{ .type = WEIR_OPTION_GROUP, .name = "What is watched" },
	{ .name = "cgroup-root", .type = WEIR_OPTION_STRING, FIELD(cgroup_root), .metavar = "DIR",
	  .help = "Watch only the sockets of this cgroup v2 directory and below (default: all)" },
	{ .name = "dns-ports", .type = WEIR_OPTION_CSV, FIELD(dns_ports), .def = "53",
	  .metavar = "PORT", .help = "Ports whose messages are read as DNS, at most 8; or none" },
	{ .name = "flow-interval", .type = WEIR_OPTION_DURATION, FIELD(flow_interval_ns),
	  .def = "5s", .min = 100 * WEIR_NS_PER_MS, .max = 3600 * WEIR_NS_PER_SEC,
	  .help = "How often a live connection that moved data is reported" },
	{ .name = "idle-timeout",
	  .type = WEIR_OPTION_DURATION,
	  FIELD(idle_timeout_ns),
	  .def = "15s",
	  .min = WEIR_NS_PER_SEC,
	  .max = 3600 * WEIR_NS_PER_SEC,
	  .help = "After how long without a datagram a UDP exchange has ended" },
	{ .name = "interfaces", .type = WEIR_OPTION_CSV, FIELD(interfaces), .metavar = "PATTERN",
	  .def = "veth*,cali*,lxc*,eni*,vlan*,azv*,gke*,knet*,*_h,*-??????,+([0-9a-f]),!vethwe-*",
	  .help = "Links of pods, by the name of the node's end; ! leaves out; comma-separated "
		  "or repeated" },
	{ .name = "uplinks", .type = WEIR_OPTION_CSV, FIELD(uplinks), .metavar = "PATTERN",
	  .help = "Links to other nodes and the world, likewise (default: those by which a default "
		  "route leaves)" },
	{ .name = "netns", .type = WEIR_OPTION_LIST, FIELD(netns), .metavar = "GLOB",
	  .help = "Network namespaces besides this one in which links of pods end, as paths; looked "
		  "for anew all the time; may be repeated" },
	{ .name = "tc-hook", .type = WEIR_OPTION_CHOICE, FIELD(tc_hook), .def = "auto",
	  .choices = "auto|clsact",
	  .help = "How links are watched: by TCX where the kernel has it, else by clsact" },

	{ .type = WEIR_OPTION_GROUP, .name = "Names" },
	{ .name = "k8s-source",
	  .type = WEIR_OPTION_STRING,
	  FIELD(k8s_source),
	  .metavar = "dir:PATH",
	  .help = "A directory of Kubernetes manifests that name pods, Services and nodes" },
	{ .name = "node-name", .type = WEIR_OPTION_STRING, FIELD(node_name), .metavar = "NAME",
	  .env = "NODE_NAME", .help = "The name of this node (default: the host name)" },

	{ .type = WEIR_OPTION_GROUP, .name = "Serving" },
	{ .name = "listen", .type = WEIR_OPTION_LIST, FIELD(listen), .metavar = "ENDPOINT",
	  .def = "unix:/run/weir/weir.sock,127.0.0.1:4246",
	  .help = "Where to serve, unix:PATH or HOST:PORT; may be repeated" },
	{ .name = "max-clients",
	  .type = WEIR_OPTION_UINT,
	  FIELD(max_clients),
	  .def = "64",
	  .min = 1,
	  .max = 10000,
	  .help = "Clients served at once; more are turned away" },

	{ .type = WEIR_OPTION_GROUP, .name = "Memory" },
	{ .name = "conntrack-bytes", .type = WEIR_OPTION_BYTES, FIELD(conntrack_bytes),
	  .def = "4Mi", .min = 4 << 10, .max = 1 << 30,
	  .help = "What the kernel may keep of translations we have not heard of yet, for each "
		  "network namespace" },
	{ .name = "history-bytes", .type = WEIR_OPTION_BYTES, FIELD(history_bytes), .def = "4Mi",
	  .min = 64 << 10, .help = "Memory for the latest records, from which clients are served" },
	{ .name = "max-connections", .type = WEIR_OPTION_UINT, FIELD(max_connections),
	  .def = "131072", .min = 64, .max = 1 << 26,
	  .help = "Connections kept in mind at once; beyond it the least active are let go" },
	{ .name = "ring-bytes", .type = WEIR_OPTION_BYTES, FIELD(ring_bytes), .def = "2Mi",
	  .min = 64 << 10, .max = 1 << 30,
	  .help = "Size of the kernel's ring buffer, a power of two" },
	{ .name = "tcp-sockets", .type = WEIR_OPTION_UINT, FIELD(tcp_sockets), .def = "262144",
	  .min = 64, .max = 1 << 26, .help = "TCP connections' ends the kernel follows at once" },
	{ .name = "udp-flows", .type = WEIR_OPTION_UINT, FIELD(udp_flows), .def = "262144",
	  .min = 64, .max = 1 << 26, .help = "UDP exchanges the kernel keeps count of at once" },

	{ .type = WEIR_OPTION_GROUP, .name = "Other" },
	{ .name = "log-level", .type = WEIR_OPTION_CHOICE, FIELD(log_level), .def = "info",
	  .choices = "error|warn|info|debug", .help = "What is logged to standard error" },
	{ 0 },
};

const struct weir_options settings_options = {
	.command = "weir-agent",
	.about = "Watches every connection of this node's sockets and streams who talks to whom.",
	.table = table,
};
