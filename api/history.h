/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_HISTORY_H
#define WEIR_API_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "api/record.h"

/**
 * struct weir_history - the latest records, in a ring of fixed memory.
 *
 * Every record has a sequence number, from 1, never reused. Readers are cursors (a sequence
 * number each): the ring is every client's queue, so a slow one costs no memory and delays
 * nobody; it is overtaken and told by how much.
 */
struct weir_history;

/**
 * weir_history_new() - as many records as fit @bytes (at least 64); memory is touched as used.
 *
 * What records point at and own (names, DNS messages) may take a quarter of @bytes more, at least
 * 64 KiB; beyond it the oldest go before their time.
 */
int weir_history_new(size_t bytes, struct weir_history **ret_history);
void weir_history_free(struct weir_history **history);

/** weir_history_push() - append; takes over the record's references; the oldest may go. */
void weir_history_push(struct weir_history *history, struct weir_record *record);

/**
 * weir_history_add() - append a record that is composed where it will lie; the oldest may go.
 *
 * Returns what the caller has to set in full, and at once: it counts already, and is any old bytes.
 */
struct weir_record *weir_history_add(struct weir_history *history);

/** The oldest sequence number still held, and the one the next push will get. Equal: empty. */
uint64_t weir_history_first(const struct weir_history *history);
uint64_t weir_history_next(const struct weir_history *history);
size_t weir_history_capacity(const struct weir_history *history);

/** weir_history_get() - borrowed until the next push; NULL outside [first, next). */
const struct weir_record *weir_history_get(const struct weir_history *history, uint64_t seq);

#endif
