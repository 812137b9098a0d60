/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef WEIR_BPF_YOUNG_BPF_H
#define WEIR_BPF_YOUNG_BPF_H

#include "bpf/vmlinux.h"

/*
 * Connections that have just begun (bpf/young.bpf.c). Global functions: the verifier looks at each
 * once, and not again at every call.
 */

/* A connection in tcp_conns or young_conns is established: tell its opening, now or later. */
int young_opened(__u64 cookie, __u64 established_ns);

#endif
