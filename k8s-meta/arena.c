/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)16 * 1024)

struct weir_arena_block {
	struct weir_arena_block *next;
	size_t used;
	size_t size;
	alignas(max_align_t) char bytes[];
};

void weir_arena_init(struct weir_arena *arena)
{
	arena->blocks = NULL;
}

void weir_arena_done(struct weir_arena *arena)
{
	while (arena->blocks) {
		struct weir_arena_block *next = arena->blocks->next;

		free(arena->blocks);
		arena->blocks = next;
	}
}

static struct weir_arena_block *add_block(struct weir_arena *arena, size_t bytes)
{
	size_t size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
	struct weir_arena_block *block = malloc(sizeof(*block) + size);

	if (!block)
		return NULL;
	block->next = arena->blocks;
	block->used = 0;
	block->size = size;
	arena->blocks = block;
	return block;
}

static void *take(struct weir_arena *arena, size_t bytes, size_t align)
{
	struct weir_arena_block *block = arena->blocks;
	size_t start = block ? (block->used + align - 1) / align * align : 0;

	if (!block || start > block->size || block->size - start < bytes) {
		block = add_block(arena, bytes);
		if (!block)
			return NULL;
		start = 0;
	}
	block->used = start + bytes;
	return block->bytes + start;
}

void *weir_arena_alloc(struct weir_arena *arena, size_t n, size_t size)
{
	void *room;

	if (size && n > SIZE_MAX / 2 / size)
		return NULL;
	room = take(arena, n * size, alignof(max_align_t));
	if (room)
		memset(room, 0, n * size);
	return room;
}

char *weir_arena_strndup(struct weir_arena *arena, const char *text, size_t len)
{
	char *copy = take(arena, len + 1, 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}
