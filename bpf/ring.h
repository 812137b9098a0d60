/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BPF_RING_H
#define WEIR_BPF_RING_H

#include <stddef.h>

/**
 * struct weir_ring - the consumer's side of a BPF ring buffer.
 *
 * Unlike libbpf's it takes a bounded number of records at a time, and maps the data once, not
 * twice: mapped pages count as resident memory, and records that go round the end are few.
 * Source: kernel kernel/bpf/ringbuf.c, include/uapi/linux/bpf.h (BPF_RINGBUF_*).
 */
struct weir_ring;

/** The longest record that may go round the end; longer ones reach the callback as length 0. */
#define WEIR_RING_RECORD_MAX 1536

/** @data is borrowed for the call. */
typedef void (*weir_ring_fn)(void *ctx, const void *data, size_t len);

/**
 * weir_ring_new() - map the ring of @map_fd, of @bytes (its max_entries).
 *
 * Owner:  @map_fd stays the caller's and must outlive the ring; it is readable (poll) while
 *         records wait.
 * Errors: -errno of mmap(), or -ENOMEM.
 */
int weir_ring_new(int map_fd, size_t bytes, struct weir_ring **ret_ring);
void weir_ring_free(struct weir_ring **ring);

/**
 * weir_ring_look() - note what is there: the next drain takes no more than that. What was to be
 * known before any of it can be learned in between.
 */
void weir_ring_look(struct weir_ring *ring);

/** weir_ring_drain() - pass at most @max records on, in order; returns how many. */
size_t weir_ring_drain(struct weir_ring *ring, size_t max, weir_ring_fn fn, void *ctx);

#endif
