/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BPF_DROP_NAMES_H
#define WEIR_BPF_DROP_NAMES_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct weir_drop_names - names for what the tracepoint skb:kfree_skb tells in numbers: why a
 * packet was dropped, and where in the kernel's code.
 *
 * The numbers mean something else on every kernel, so all names are the running kernel's own.
 *
 * Shape:  some 20 KiB, and at most WEIR_DROP_PLACES_MAX names of places. BTF is not kept.
 * Cost:   weir_drop_names_new() 15 to 20 ms, and 11 MB that are given back (BTF of 5.5 MB). A name
 *         of a reason 20 ns; a known place 5 to 100 ns, and one that is new what @place_of takes.
 * Source: kernel include/net/dropreason-core.h, include/net/dropreason.h.
 */
struct weir_drop_names;

/** How many places are kept, those without a name among them. */
#define WEIR_DROP_PLACES_MAX 256

/**
 * Which function the code at @address is in, into @size bytes: its name with NUL, and what is behind a
 * dot or a blank does not count. What is no identifier is no name. 0 or -errno.
 */
typedef int (*weir_drop_place_fn)(void *ctx, uint64_t address, char *ret_name, size_t size);

/**
 * weir_drop_names_new() - read the names of reasons from the kernel's BTF.
 *
 * @place_of: weir_capture_name_place(), with its @ctx.
 * Reasons of openvswitch and mac80211 have names when those are built in or loaded by now. A kernel
 * whose BTF has no reasons (before 5.17) is no error: then none has a name.
 * Errors: -ENOENT (no BTF), or what reading it gave; -E2BIG for names beyond 64 KiB; -ENOMEM.
 */
int weir_drop_names_new(weir_drop_place_fn place_of, void *ctx, struct weir_drop_names **ret_names);

/** weir_drop_names_new_from() - the same from other raw BTF; that of a module is looked for beside it. */
int weir_drop_names_new_from(const char *btf_path, weir_drop_place_fn place_of, void *ctx,
			     struct weir_drop_names **ret_names);
void weir_drop_names_free(struct weir_drop_names **names);

/**
 * weir_drop_names_reason() - "NO_SOCKET", "NETFILTER_DROP": a reason's name.
 *
 * As BTF spells it, without SKB_DROP_REASON_; SKB_CONSUMED is "CONSUMED". What a subsystem has is
 * as it is there, "OVS_DROP_METER". This agent's own are "LISTEN_OVERFLOW" and
 * "REQQ_FULL".
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
 * Without what the compiler appends (".isra.0", ".cold"). Each address is asked for once: once
 * WEIR_DROP_PLACES_MAX are kept no other gets a name. A place that was found is kept although its
 * module may go, and another come there.
 * Owner:  borrowed, as long as @names lives.
 * Errors: NULL when it is not known: no function is there (a module that is gone), no memory.
 */
const char *weir_drop_names_place(struct weir_drop_names *names, uint64_t address);

#endif
