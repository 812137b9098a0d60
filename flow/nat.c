/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/nat.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "flow/table.h"
#include "lib/cleanup.h"
#include "lib/map.h"
#include "lib/time.h"

#define MAX_DEFAULT 131072
#define MAX_LIMIT ((size_t)1 << 28)
#define KEEP_NS_DEFAULT (20 * WEIR_NS_PER_SEC)
#define KEEP_TCP_NS_DEFAULT (5 * WEIR_NS_PER_SEC)
#define EXPIRE_MAX 4096

/* Translations one behind the other. */
#define HOPS_MAX 4

/* Every entry is in one of these lists, oldest first. */
enum nat_list {
	LIST_LIVE,
	LIST_GONE,
	LIST_GONE_TCP,
	LIST_MAX_,
};

struct nat_item {
	struct weir_table_link link;  /* chain: by the original tuple */
	uint32_t reply;               /* its item of the other table */
	uint32_t dump;                /* at the latest known to be there */
	uint32_t list;                /* enum nat_list */
	uint64_t earliest_ns;         /* not made before */
	uint64_t gone_ns;             /* gone by then */
	struct weir_conntrack_entry entry;
};
_Static_assert(sizeof(struct nat_item) == 128, "an entry has outgrown its budget");

/* The other view of an item: chain by the tuple as it arrives. */
struct nat_reply {
	struct weir_table_link link;
	uint32_t item;
};

struct weir_nat {
	struct weir_table items;
	struct weir_table replies;
	struct weir_table_list lists[LIST_MAX_];
	uint64_t keep_ns[LIST_MAX_];
	uint32_t dump;
	uint32_t found;  /* live ones of which no event told */
	uint64_t evicted;
};

static uint64_t hash_tuple(const struct weir_conntrack_tuple *tuple, uint8_t protocol)
{
	struct {
		struct weir_conntrack_tuple tuple;
		uint32_t protocol;
	} key = { *tuple, protocol };
	_Static_assert(sizeof(key) == 40, "hashed as bytes: no hidden padding");

	return weir_hash_bytes(&key, sizeof(key));
}

/* What a packet says when it arrives: the reply turned round. */
static struct weir_conntrack_tuple turned(const struct weir_conntrack_tuple *tuple)
{
	return (struct weir_conntrack_tuple){
		.source = tuple->destination,
		.destination = tuple->source,
		.source_port = tuple->destination_port,
		.destination_port = tuple->source_port,
	};
}

static bool tuple_eq(const struct weir_conntrack_tuple *a, const struct weir_conntrack_tuple *b)
{
	return a->source_port == b->source_port && a->destination_port == b->destination_port &&
	       weir_addr_eq(&a->source, &b->source) &&
	       weir_addr_eq(&a->destination, &b->destination);
}

static struct nat_item *item_at(const struct weir_nat *nat, uint32_t index)
{
	return weir_table_at(&nat->items, index);
}

static uint64_t hash_of_item(const void *ctx, const void *item)
{
	const struct weir_conntrack_entry *entry = &((const struct nat_item *)item)->entry;

	return hash_tuple(&entry->original, entry->protocol);
}

static uint64_t hash_of_reply(const void *ctx, const void *item)
{
	const struct weir_nat *nat = ctx;
	const struct weir_conntrack_entry *entry =
		&item_at(nat, ((const struct nat_reply *)item)->item)->entry;

	return hash_tuple(&entry->reply, entry->protocol);
}

int weir_nat_new(const struct weir_nat_opts *opts, struct weir_nat **ret_nat)
{
	_cleanup_(weir_nat_free) struct weir_nat *nat = NULL;
	size_t max = opts->max ? opts->max : MAX_DEFAULT;
	int r;

	if (max > MAX_LIMIT)
		return -EINVAL;
	nat = calloc(1, sizeof(*nat));
	if (!nat)
		return -ENOMEM;
	nat->keep_ns[LIST_GONE] = opts->keep_ns ? opts->keep_ns : KEEP_NS_DEFAULT;
	nat->keep_ns[LIST_GONE_TCP] = opts->keep_tcp_ns ? opts->keep_tcp_ns : KEEP_TCP_NS_DEFAULT;
	r = weir_table_init(&nat->items, sizeof(struct nat_item), max, max, hash_of_item, NULL);
	if (r < 0)
		return r;
	r = weir_table_init(&nat->replies, sizeof(struct nat_reply), max, max, hash_of_reply, nat);
	if (r < 0)
		return r;
	*ret_nat = TAKE_PTR(nat);
	return 0;
}

void weir_nat_free(struct weir_nat **p)
{
	struct weir_nat *nat = *p;

	*p = NULL;
	if (!nat)
		return;
	weir_table_done(&nat->items);
	weir_table_done(&nat->replies);
	free(nat);
}

bool weir_nat_is_empty(const struct weir_nat *nat)
{
	return nat->items.count == 0;
}

static bool is_gone(const struct nat_item *item)
{
	return item->list != LIST_LIVE;
}

static void take_out(struct weir_nat *nat, const struct nat_item *item, uint32_t index)
{
	nat->found -= !is_gone(item) && !item->earliest_ns;
	weir_table_unlink(&nat->items, &nat->lists[item->list], index);
}

static void bury(struct weir_nat *nat, uint32_t index, uint64_t now_ns)
{
	struct nat_item *item = item_at(nat, index);
	bool is_tcp = item->entry.protocol == IPPROTO_TCP;

	take_out(nat, item, index);
	item->list = is_tcp ? LIST_GONE_TCP : LIST_GONE;
	item->gone_ns = now_ns;
	weir_table_append(&nat->items, &nat->lists[item->list], index);
}

static void forget(struct weir_nat *nat, uint32_t index)
{
	struct nat_item *item = item_at(nat, index);
	uint64_t hash = hash_tuple(&item->entry.original, item->entry.protocol);
	uint64_t reply_hash = hash_tuple(&item->entry.reply, item->entry.protocol);

	take_out(nat, item, index);
	weir_table_remove(&nat->replies, reply_hash, item->reply);
	weir_table_remove(&nat->items, hash, index);
}

static void make_room(struct weir_nat *nat)
{
	static const enum nat_list order[] = { LIST_GONE_TCP, LIST_GONE, LIST_LIVE };

	for (size_t i = 0; i < LIST_MAX_; i++) {
		if (!nat->lists[order[i]].head)
			continue;
		nat->evicted += order[i] == LIST_LIVE;
		forget(nat, nat->lists[order[i]].head);
		return;
	}
}

static bool is_entry(const struct nat_item *item, const struct weir_conntrack_entry *entry)
{
	return item->entry.id == entry->id && tuple_eq(&item->entry.reply, &entry->reply);
}

static bool is_of_place(const struct nat_item *item, const struct weir_conntrack_entry *entry)
{
	return item->entry.protocol == entry->protocol && item->entry.netns == entry->netns &&
	       item->entry.zone == entry->zone && tuple_eq(&item->entry.original, &entry->original);
}

/* Where there can be only one, there is @entry now, or none: the one before is gone, and those
 * before that are of no use to anybody. Returns @entry if it is there already. */
static uint32_t clear_place(struct weir_nat *nat, const struct weir_conntrack_entry *entry,
			    uint64_t hash, uint64_t now_ns)
{
	uint32_t index = weir_table_first(&nat->items, hash), next, same = 0;
	bool has_old = false;

	for (; index; index = next) {
		struct nat_item *item = item_at(nat, index);

		next = item->link.chain;
		if (!is_of_place(item, entry))
			continue;
		if (!is_gone(item) && is_entry(item, entry)) {
			same = index;
			continue;
		}
		if (has_old) {
			forget(nat, index);
			continue;
		}
		if (!is_gone(item))
			bury(nat, index, now_ns);
		has_old = true;
	}
	return same;
}

static void add(struct weir_nat *nat, const struct weir_conntrack_entry *entry, uint64_t hash,
		uint64_t earliest_ns)
{
	uint64_t reply_hash = hash_tuple(&entry->reply, entry->protocol);
	struct nat_item *item;
	uint32_t index, reply;

	if (nat->items.count == nat->items.max)
		make_room(nat);
	/* There is room for as many of the one as of the other. */
	if (weir_table_add(&nat->items, hash, &index) < 0)
		return;
	item = item_at(nat, index);
	item->entry = *entry;
	item->earliest_ns = earliest_ns;
	item->dump = nat->dump;
	if (weir_table_add(&nat->replies, reply_hash, &reply) < 0) {
		weir_table_remove(&nat->items, hash, index);
		return;
	}
	item->reply = reply;
	((struct nat_reply *)weir_table_at(&nat->replies, reply))->item = index;
	weir_table_append(&nat->items, &nat->lists[LIST_LIVE], index);
	nat->found += !earliest_ns;
}

void weir_nat_add(struct weir_nat *nat, const struct weir_conntrack_entry *entry,
		  uint64_t earliest_ns, uint64_t now_ns)
{
	uint64_t hash = hash_tuple(&entry->original, entry->protocol);
	uint32_t index = clear_place(nat, entry, hash, now_ns);

	if (index)
		item_at(nat, index)->dump = nat->dump;
	else
		add(nat, entry, hash, earliest_ns);
}

static uint32_t lookup(const struct weir_nat *nat, const struct weir_conntrack_entry *entry,
		       uint64_t hash)
{
	uint32_t index = weir_table_first(&nat->items, hash);

	while (index) {
		const struct nat_item *item = item_at(nat, index);

		if (is_of_place(item, entry) && is_entry(item, entry))
			break;
		index = item->link.chain;
	}
	return index;
}

void weir_nat_remove(struct weir_nat *nat, const struct weir_conntrack_entry *entry,
		     uint64_t now_ns)
{
	uint64_t hash = hash_tuple(&entry->original, entry->protocol);
	uint32_t index = lookup(nat, entry, hash);

	if (index && !is_gone(item_at(nat, index)))
		bury(nat, index, now_ns);
}

uint32_t weir_nat_dump_begin(struct weir_nat *nat)
{
	return ++nat->dump;
}

void weir_nat_found(struct weir_nat *nat, const struct weir_conntrack_entry *entry, uint64_t now_ns)
{
	uint64_t hash = hash_tuple(&entry->original, entry->protocol);
	uint32_t index = lookup(nat, entry, hash);

	/* The event that it went may have overtaken the dump: then it stays gone. */
	if (index)
		item_at(nat, index)->dump = nat->dump;
	else if (!clear_place(nat, entry, hash, now_ns))
		add(nat, entry, hash, 0);
}

void weir_nat_dump_end(struct weir_nat *nat, uint32_t netns, uint32_t dump, uint64_t now_ns)
{
	for (uint32_t index = 1; index <= nat->items.high; index++) {
		struct nat_item *item = item_at(nat, index);

		/* A free item has no reply. */
		if (item->reply && !is_gone(item) && item->entry.netns == netns &&
		    (int32_t)(item->dump - dump) < 0)
			bury(nat, index, now_ns);
	}
}

static bool is_on_loopback(const struct weir_conntrack_tuple *tuple)
{
	return weir_addr_is_loopback(&tuple->source) || weir_addr_is_loopback(&tuple->destination);
}

/* How an entry fits a question's time, worst first. */
enum fit {
	FIT_NONE,
	FIT_OVERLAP,  /* it was there at some time of the connection */
	FIT_LAST,     /* it may have been there at its last sign of life */
};

static enum fit fit_time(const struct nat_item *item, const struct weir_nat_question *question)
{
	if (item->earliest_ns > question->last_ns)
		return FIT_NONE;
	if (!is_gone(item) || item->gone_ns >= question->last_ns)
		return FIT_LAST;
	return item->gone_ns >= question->opened_ns ? FIT_OVERLAP : FIT_NONE;
}

struct answer {
	uint32_t index;  /* 0: none */
	enum fit fit;
	bool is_one;
};

static void consider(const struct weir_nat *nat, const struct weir_nat_question *question,
		     uint32_t index, bool arrived, struct answer *best)
{
	const struct nat_item *item = item_at(nat, index), *other;
	const struct weir_conntrack_tuple *tuple =
		arrived ? &item->entry.reply : &item->entry.original;
	enum fit fit;

	if (item->entry.protocol != question->protocol || !tuple_eq(tuple, &question->tuple) ||
	    (is_on_loopback(tuple) && item->entry.netns != question->netns))
		return;
	fit = fit_time(item, question);
	if (fit == FIT_NONE || fit < best->fit)
		return;
	if (fit > best->fit) {
		*best = (struct answer){ index, fit, true };
		return;
	}
	other = item_at(nat, best->index);
	if (!tuple_eq(&item->entry.original, &other->entry.original) ||
	    !tuple_eq(&item->entry.reply, &other->entry.reply))
		best->is_one = false;
}

/* @arrived: the question's tuple is a reply's, that is, turned round. */
static uint32_t ask(const struct weir_nat *nat, const struct weir_nat_question *question,
		    bool arrived)
{
	uint64_t hash = hash_tuple(&question->tuple, question->protocol);
	struct answer best = { 0 };
	uint32_t index;

	if (arrived) {
		for (index = weir_table_first(&nat->replies, hash); index;) {
			const struct nat_reply *reply = weir_table_at(&nat->replies, index);

			consider(nat, question, reply->item, true, &best);
			index = reply->link.chain;
		}
	} else {
		for (index = weir_table_first(&nat->items, hash); index;
		     index = item_at(nat, index)->link.chain)
			consider(nat, question, index, false, &best);
	}
	return best.is_one ? best.index : 0;
}

bool weir_nat_sent(const struct weir_nat *nat, const struct weir_nat_question *question,
		   struct weir_conntrack_tuple *ret_tuple)
{
	struct weir_nat_question hop = *question;
	bool found = false;

	for (int i = 0; i < HOPS_MAX; i++) {
		uint32_t index;

		hop.tuple = turned(&hop.tuple);
		index = ask(nat, &hop, true);
		if (!index)
			break;
		hop.tuple = item_at(nat, index)->entry.original;
		*ret_tuple = hop.tuple;
		found = true;
	}
	return found;
}

bool weir_nat_arrived(const struct weir_nat *nat, const struct weir_nat_question *question,
		      struct weir_conntrack_tuple *ret_tuple)
{
	struct weir_nat_question hop = *question;
	bool found = false;

	for (int i = 0; i < HOPS_MAX; i++) {
		uint32_t index = ask(nat, &hop, false);

		if (!index)
			break;
		hop.tuple = turned(&item_at(nat, index)->entry.reply);
		*ret_tuple = hop.tuple;
		found = true;
	}
	return found;
}

void weir_nat_finish(struct weir_nat *nat, const struct weir_nat_question *question,
		     uint64_t now_ns)
{
	uint32_t index = ask(nat, question, false);

	if (index && !is_gone(item_at(nat, index)))
		bury(nat, index, now_ns);
}

void weir_nat_expire(struct weir_nat *nat, uint64_t now_ns)
{
	int left = EXPIRE_MAX;

	for (int list = LIST_GONE; list < LIST_MAX_; list++) {
		uint32_t index;

		while ((index = nat->lists[list].head) && left-- > 0 &&
		       now_ns - item_at(nat, index)->gone_ns >= nat->keep_ns[list])
			forget(nat, index);
	}
}

void weir_nat_get_stats(const struct weir_nat *nat, struct weir_nat_stats *ret_stats)
{
	*ret_stats = (struct weir_nat_stats){
		.live = nat->lists[LIST_LIVE].count,
		.found = nat->found,
		.gone = nat->lists[LIST_GONE].count + nat->lists[LIST_GONE_TCP].count,
		.evicted = nat->evicted,
		.memory_bytes = sizeof(*nat) + weir_table_memory(&nat->items) +
				weir_table_memory(&nat->replies),
	};
}
