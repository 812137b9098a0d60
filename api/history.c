/* SPDX-License-Identifier: Apache-2.0 */
#include "api/history.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/cleanup.h"
#include "lib/pages.h"

#define MIN_RECORDS 64
#define CACHE_LINE 64

struct weir_history {
	struct weir_record *slots;
	size_t capacity;
	size_t at;      /* the slot of @next */
	uint64_t next;
};

static struct weir_record *slot_of(const struct weir_history *history, uint64_t seq)
{
	return &history->slots[seq % history->capacity];
}

int weir_history_new(size_t bytes, struct weir_history **ret_history)
{
	_cleanup_free_ struct weir_history *history = calloc(1, sizeof(*history));
	void *slots;
	int r;

	if (!history)
		return -ENOMEM;
	history->capacity = bytes / sizeof(*history->slots);
	if (history->capacity < MIN_RECORDS)
		history->capacity = MIN_RECORDS;
	history->next = 1;
	history->at = 1;
	r = weir_pages_new(history->capacity * sizeof(*history->slots), &slots);
	if (r < 0)
		return r;
	history->slots = slots;
	*ret_history = TAKE_PTR(history);
	return 0;
}

void weir_history_free(struct weir_history **history)
{
	struct weir_history *h = *history;

	if (!h)
		return;
	for (uint64_t seq = weir_history_first(h); seq < h->next; seq++)
		weir_record_done(slot_of(h, seq));
	weir_pages_free(h->slots, h->capacity * sizeof(*h->slots));
	free(h);
	*history = NULL;
}

/* Nobody has looked at the oldest record for as long as the ring is, so it is in no cache. */
static void fetch(const struct weir_record *slot)
{
	for (size_t line = 0; line < sizeof(*slot); line += CACHE_LINE)
		__builtin_prefetch((const uint8_t *)slot + line, 1);
}

struct weir_record *weir_history_add(struct weir_history *history)
{
	struct weir_record *slot = &history->slots[history->at];

	if (history->next > history->capacity)
		weir_record_done(slot);
	history->next++;
	if (++history->at == history->capacity)
		history->at = 0;
	fetch(&history->slots[history->at]);
	return slot;
}

void weir_history_push(struct weir_history *history, struct weir_record *record)
{
	*weir_history_add(history) = *record;
	if (record->kind == WEIR_RECORD_FLOW) {
		record->source = NULL;
		record->destination = NULL;
		record->service = NULL;
	}
}

uint64_t weir_history_first(const struct weir_history *history)
{
	return history->next > history->capacity ? history->next - history->capacity : 1;
}

uint64_t weir_history_next(const struct weir_history *history)
{
	return history->next;
}

size_t weir_history_capacity(const struct weir_history *history)
{
	return history->capacity;
}

const struct weir_record *weir_history_get(const struct weir_history *history, uint64_t seq)
{
	if (seq >= history->next || seq < weir_history_first(history))
		return NULL;
	return slot_of(history, seq);
}
