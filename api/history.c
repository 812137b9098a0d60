/* SPDX-License-Identifier: Apache-2.0 */
#include "api/history.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "lib/cleanup.h"

#define MIN_RECORDS 64

struct weir_history {
	struct weir_record *slots;
	size_t capacity;
	uint64_t next;
};

static struct weir_record *slot_of(const struct weir_history *history, uint64_t seq)
{
	return &history->slots[seq % history->capacity];
}

int weir_history_new(size_t bytes, struct weir_history **ret_history)
{
	_cleanup_free_ struct weir_history *history = calloc(1, sizeof(*history));

	if (!history)
		return -ENOMEM;
	history->next = 1;
	history->capacity = bytes / sizeof(*history->slots);
	if (history->capacity < MIN_RECORDS)
		history->capacity = MIN_RECORDS;
	/* Private anonymous pages cost nothing until a record is written to them. */
	history->slots =
		mmap(NULL, history->capacity * sizeof(*history->slots), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (history->slots == MAP_FAILED)
		return -ENOMEM;
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
	(void)munmap(h->slots, h->capacity * sizeof(*h->slots));
	free(h);
	*history = NULL;
}

void weir_history_push(struct weir_history *history, struct weir_record *record)
{
	struct weir_record *slot = slot_of(history, history->next);

	if (history->next > history->capacity)
		weir_record_done(slot);
	*slot = *record;
	if (record->kind == WEIR_RECORD_FLOW) {
		record->source = NULL;
		record->destination = NULL;
		record->service = NULL;
	}
	history->next++;
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
