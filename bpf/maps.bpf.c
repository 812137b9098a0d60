// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The maps and shared settings of all programs, defined once. */
#include "bpf/common.bpf.h"
#include "bpf/conns.bpf.h"
#include "bpf/dns.bpf.h"
#include "bpf/drop.bpf.h"
#include "bpf/link_conns.bpf.h"
#include "bpf/listeners.bpf.h"
#include "bpf/udp.bpf.h"

struct events events SEC(".maps");
struct stats stats SEC(".maps");
struct tcp_conns tcp_conns SEC(".maps");
struct young_conns young_conns SEC(".maps");
struct syn_places syn_places SEC(".maps");
struct listeners listeners SEC(".maps");
struct listener_keys listener_keys SEC(".maps");
struct udp_sockets udp_sockets SEC(".maps");
struct udp_flows udp_flows SEC(".maps");
struct udp_hints udp_hints SEC(".maps");
struct drops drops SEC(".maps");
struct icmp_errors icmp_errors SEC(".maps");
struct link_conns link_conns SEC(".maps");
struct link_places link_places SEC(".maps");

const volatile __u64 udp_idle_ns = 15000000000ULL;
const volatile bool thread_known = false;
const volatile __u32 young_mask = 2047;
const volatile __u16 dns_ports[WEIR_EV_DNS_PORTS_MAX] = {};
volatile bool reader_polls = false;

char LICENSE[] SEC("license") = "Dual BSD/GPL";
