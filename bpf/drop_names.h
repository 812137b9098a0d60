/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BPF_DROP_NAMES_H
#define WEIR_BPF_DROP_NAMES_H

#include <stdint.h>

/**
 * struct weir_drop_names - names for what the tracepoint skb:kfree_skb tells in numbers: why a
 * packet was dropped, and where in the kernel's code.
 *
 * The numbers mean something else on every kernel, so all names are the running kernel's own.
 *
 * Shape:  some 20 KiB, and at most WEIR_DROP_PLACES_MAX names of functions. Neither BTF nor
 *         kallsyms is kept: as a table of addresses alone, kallsyms of 120000 functions has 480 kB.
 *         It is read again for each function that is not yet known, up to the one after it.
 * Cost:   weir_drop_names_new() 15 to 20 ms, and 11 MB that are given back (BTF of 5.5 MB). A name
 *         of a reason 20 ns; a known place 8 to 200 ns. A function that is not yet known blocks for
 *         20 to 90 ms, one of networking for 50 to 80 ms, most of which the kernel takes to write
 *         the list (6.18, 122000 symbols).
 * Source: kernel include/net/dropreason-core.h, include/net/dropreason.h, kernel/kallsyms.c.
 */
struct weir_drop_names;

/** How many places are kept, those without a name among them. */
#define WEIR_DROP_PLACES_MAX 256

/**
 * weir_drop_names_new() - read the names of reasons from the kernel's BTF.
 *
 * Reasons of openvswitch and mac80211 have names when those are built in or loaded by now. A kernel
 * whose BTF has no reasons (before 5.17) is no error: then none has a name.
 * Errors: -ENOENT (no BTF), or what reading it gave; -E2BIG for names beyond 64 KiB; -ENOMEM.
 */
int weir_drop_names_new(struct weir_drop_names **ret_names);

/**
 * weir_drop_names_new_from() - the same from other files, for tests.
 *
 * @btf_path: raw BTF; that of a module is looked for beside it.
 * @kallsyms_path: opened only when a place is asked for.
 */
int weir_drop_names_new_from(const char *btf_path, const char *kallsyms_path,
			     struct weir_drop_names **ret_names);
void weir_drop_names_free(struct weir_drop_names **names);

/**
 * weir_drop_names_reason() - "NO_SOCKET", "NETFILTER_DROP": a reason's name.
 *
 * As BTF spells it, without SKB_DROP_REASON_; SKB_CONSUMED is "CONSUMED". What a subsystem has is
 * as it is there, "OVS_DROP_METER". Of this agent's own there is "LISTEN_OVERFLOW".
 * Owner:  borrowed, as long as @names lives.
 * Errors: NULL for a number that is no reason on this kernel.
 */
const char *weir_drop_names_reason(const struct weir_drop_names *names, uint32_t reason);

/**
 * weir_drop_names_hubble() - the nearest of Hubble's enum DropReason, for its drop_reason_desc.
 *
 * Never NULL: "DROP_REASON_UNKNOWN" where none of them says what the kernel says.
 * Source: Cilium api/v1/flow/flow.proto.
 */
const char *weir_drop_names_hubble(const struct weir_drop_names *names, uint32_t reason);

/**
 * weir_drop_names_place() - "nf_hook_slow" for an address of its code.
 *
 * Without what the compiler appends (".isra.0", ".cold"). Once WEIR_DROP_PLACES_MAX places are kept
 * no other gets a name: to forget one would be to read kallsyms again and again. A place that was
 * found is kept although its module may go, and another come there.
 * Owner:  borrowed, as long as @names lives.
 * Errors: NULL when it is not known: kallsyms hides addresses (kptr_restrict, no CAP_SYSLOG), which
 *         is looked at once, no function is there (a module that is gone), no memory.
 */
const char *weir_drop_names_place(struct weir_drop_names *names, uint64_t address);

#endif
