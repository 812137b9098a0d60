/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/ring.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "lib/cleanup.h"

struct weir_ring {
	size_t page;
	size_t bytes;        /* of data: a power of two */
	void *consumer;      /* one page, ours to write: how far we have read */
	void *producer;      /* one page, the kernel's: how far it has written; then the data */
	unsigned long seen;  /* with @looked: how far it had written then */
	bool looked;
	unsigned char scratch[WEIR_RING_RECORD_MAX];
};

static void *map_pages(size_t len, int protection, int fd, size_t offset)
{
	void *pages = mmap(NULL, len, protection, MAP_SHARED, fd, (off_t)offset);

	return pages == MAP_FAILED ? NULL : pages;
}

int weir_ring_new(int map_fd, size_t bytes, struct weir_ring **ret_ring)
{
	_cleanup_(weir_ring_free) struct weir_ring *ring = calloc(1, sizeof(*ring));

	if (!ring)
		return -ENOMEM;
	ring->page = (size_t)sysconf(_SC_PAGESIZE);
	ring->bytes = bytes;
	ring->consumer = map_pages(ring->page, PROT_READ | PROT_WRITE, map_fd, 0);
	if (!ring->consumer)
		return -errno;
	ring->producer = map_pages(ring->page + bytes, PROT_READ, map_fd, ring->page);
	if (!ring->producer)
		return -errno;
	*ret_ring = TAKE_PTR(ring);
	return 0;
}

void weir_ring_free(struct weir_ring **p)
{
	struct weir_ring *ring = *p;

	*p = NULL;
	if (!ring)
		return;
	if (ring->consumer)
		(void)munmap(ring->consumer, ring->page);
	if (ring->producer)
		(void)munmap(ring->producer, ring->page + ring->bytes);
	free(ring);
}

/* The record's bytes in one piece. */
static const void *record_at(struct weir_ring *ring, size_t offset, size_t *len)
{
	const unsigned char *data = (unsigned char *)ring->producer + ring->page;
	size_t first;

	if (offset == ring->bytes)
		offset = 0;
	if (*len <= ring->bytes - offset)
		return data + offset;
	if (*len > sizeof(ring->scratch)) {
		*len = 0;
		return ring->scratch;
	}
	first = ring->bytes - offset;
	memcpy(ring->scratch, data + offset, first);
	memcpy(ring->scratch + first, data, *len - first);
	return ring->scratch;
}

void weir_ring_look(struct weir_ring *ring)
{
	ring->seen = __atomic_load_n((unsigned long *)ring->producer, __ATOMIC_ACQUIRE);
	ring->looked = true;
}

static unsigned long limit(const struct weir_ring *ring)
{
	if (ring->looked)
		return ring->seen;
	return __atomic_load_n((unsigned long *)ring->producer, __ATOMIC_ACQUIRE);
}

size_t weir_ring_drain(struct weir_ring *ring, size_t max, weir_ring_fn fn, void *ctx)
{
	unsigned long *consumer = ring->consumer;
	unsigned char *data = (unsigned char *)ring->producer + ring->page;
	unsigned long at = __atomic_load_n(consumer, __ATOMIC_RELAXED);
	size_t taken = 0, len, offset;
	uint32_t header;

	while (taken < max && at < limit(ring)) {
		/* Headers and records are multiples of 8, so a header never goes round the end. */
		offset = at & (ring->bytes - 1);
		header = __atomic_load_n((uint32_t *)(void *)(data + offset), __ATOMIC_ACQUIRE);
		if (header & BPF_RINGBUF_BUSY_BIT)
			break; /* reserved, not yet written */
		len = header & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
		at += (len + BPF_RINGBUF_HDR_SZ + 7) & ~7UL;
		if (!(header & BPF_RINGBUF_DISCARD_BIT)) {
			const void *record = record_at(ring, offset + BPF_RINGBUF_HDR_SZ, &len);

			fn(ctx, record, len);
			taken++;
		}
		__atomic_store_n(consumer, at, __ATOMIC_RELEASE);
	}
	ring->looked = false;
	return taken;
}
