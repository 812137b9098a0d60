/* SPDX-License-Identifier: Apache-2.0 */
#include "api/history.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/cleanup.h"
#include "lib/pages.h"

#define MIN_RECORDS 64
#define CACHE_LINE 64

/* How much of the memory for records what they point at may take again. */
#define BESIDE_SHARE 4
#define BESIDE_MIN ((size_t)64 << 10)

struct weir_history {
	struct weir_record *slots;
	size_t capacity;
	size_t at;      /* the slot of @next */
	uint64_t first;
	uint64_t next;
	uint64_t weighed;    /* records before this one count in @beside */
	size_t beside;       /* bytes of names and DNS messages */
	size_t beside_max;
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
	history->beside_max = bytes / BESIDE_SHARE;
	if (history->beside_max < BESIDE_MIN)
		history->beside_max = BESIDE_MIN;
	history->next = history->first = history->weighed = 1;
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

static size_t bytes_beside(const struct weir_record *record)
{
	size_t bytes = 0;

	if (record->kind != WEIR_RECORD_FLOW)
		return 0;
	if (record->names)
		bytes += record->names->bytes;
	if (record->dns)
		bytes += record->dns->bytes;
	return bytes;
}

static void drop_first(struct weir_history *history)
{
	struct weir_record *slot = slot_of(history, history->first);

	history->beside -= bytes_beside(slot);
	weir_record_done(slot);
	history->first++;
}

/* A record is composed after it was added: so its weight is known when the next one is. */
static void weigh(struct weir_history *history)
{
	while (history->weighed < history->next)
		history->beside += bytes_beside(slot_of(history, history->weighed++));
	while (history->beside > history->beside_max)
		drop_first(history);
}

struct weir_record *weir_history_add(struct weir_history *history)
{
	struct weir_record *slot = &history->slots[history->at];

	weigh(history);
	if (history->next - history->first == history->capacity)
		drop_first(history);
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
		record->names = NULL;
		record->dns = NULL;
	}
}

uint64_t weir_history_first(const struct weir_history *history)
{
	return history->first;
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
