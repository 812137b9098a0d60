/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/tombstone.h"

#include "flow/ticks.h"

struct tombstone {
	struct weir_table_link link;
	uint32_t held;
	uint64_t key_hash;
	uint64_t cookie;
};
_Static_assert(sizeof(struct tombstone) == 32, "tombstone has outgrown its budget");

static uint64_t hash_of(const void *ctx, const void *item)
{
	return ((const struct tombstone *)item)->key_hash;
}

int weir_tombstones_init(struct weir_tombstones *tombs, size_t max, uint64_t hold_ns)
{
	*tombs = (struct weir_tombstones){ .hold = weir_ticks_hold(hold_ns) };
	return weir_table_init(&tombs->table, sizeof(struct tombstone), max, (max + 1) / 2, hash_of,
			       NULL);
}

void weir_tombstones_done(struct weir_tombstones *tombs)
{
	weir_table_done(&tombs->table);
}

void weir_tombstones_add(struct weir_tombstones *tombs, uint64_t key_hash, uint64_t cookie,
			 uint64_t now_ns)
{
	struct tombstone *tomb;
	uint32_t index;

	if (tombs->table.count == tombs->table.max) {
		weir_tombstones_remove(tombs, tombs->list.head);
		tombs->lost++;
	}
	if (weir_table_add(&tombs->table, key_hash, &index) < 0) {
		tombs->lost++;
		return;
	}
	tomb = weir_table_at(&tombs->table, index);
	tomb->held = weir_ticks_at(now_ns);
	tomb->key_hash = key_hash;
	tomb->cookie = cookie;
	weir_table_append(&tombs->table, &tombs->list, index);
}

uint32_t weir_tombstones_lookup(const struct weir_tombstones *tombs, uint64_t key_hash,
				uint64_t cookie)
{
	uint32_t index;

	if (!tombs->table.count)
		return 0;
	for (index = weir_table_first(&tombs->table, key_hash); index;) {
		const struct tombstone *tomb = weir_table_at(&tombs->table, index);

		if (tomb->key_hash == key_hash && tomb->cookie == cookie)
			break;
		index = tomb->link.chain;
	}
	return index;
}

void weir_tombstones_touch(struct weir_tombstones *tombs, uint32_t index, uint64_t now_ns)
{
	struct tombstone *tomb = weir_table_at(&tombs->table, index);

	tomb->held = weir_ticks_at(now_ns);
	weir_table_unlink(&tombs->table, &tombs->list, index);
	weir_table_append(&tombs->table, &tombs->list, index);
}

void weir_tombstones_remove(struct weir_tombstones *tombs, uint32_t index)
{
	struct tombstone *tomb = weir_table_at(&tombs->table, index);

	weir_table_unlink(&tombs->table, &tombs->list, index);
	weir_table_remove(&tombs->table, tomb->key_hash, index);
}

uint64_t weir_tombstones_expire(struct weir_tombstones *tombs, uint64_t now_ns)
{
	while (tombs->list.head) {
		const struct tombstone *tomb = weir_table_at(&tombs->table, tombs->list.head);

		if (!weir_ticks_due(tomb->held, tombs->hold, now_ns))
			return weir_ticks_deadline(tomb->held, tombs->hold, now_ns);
		weir_tombstones_remove(tombs, tombs->list.head);
	}
	return UINT64_MAX;
}
