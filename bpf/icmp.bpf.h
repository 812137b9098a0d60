/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef WEIR_BPF_ICMP_BPF_H
#define WEIR_BPF_ICMP_BPF_H

#include "bpf/packet.bpf.h"

/*
 * An ICMP error (PACKET_ICMP_ERROR) on a link: counts it for the packet that it speaks of
 * (bpf/icmp.bpf.c). @at: enum weir_ev_icmp_at. Always 0.
 */
int icmp_error_seen(struct __sk_buff *skb, const struct packet *error, int at);

#endif
