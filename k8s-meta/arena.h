/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_K8S_META_ARENA_H
#define WEIR_K8S_META_ARENA_H

#include <stddef.h>

/**
 * struct weir_arena - memory for many small things that die together.
 *
 * Owner:  embedded; weir_arena_done() releases all of it.
 * Errors: allocations return NULL when out of memory.
 */
struct weir_arena_block;
struct weir_arena {
	struct weir_arena_block *blocks;
};

void weir_arena_init(struct weir_arena *arena);
void weir_arena_done(struct weir_arena *arena);

/** weir_arena_alloc() - zeroed room for @n items of @size bytes, aligned for any of them. */
void *weir_arena_alloc(struct weir_arena *arena, size_t n, size_t size);

/** weir_arena_strndup() - a NUL-terminated copy of @len bytes. */
char *weir_arena_strndup(struct weir_arena *arena, const char *text, size_t len);

#endif
