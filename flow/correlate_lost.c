/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dropped packets of TCP connections that had begun: nothing in such a packet is a key of the table,
 * so what comes in waits, and one passage through all connections looks for all of it.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "flow/correlate_internal.h"
#include "lib/time.h"

#define PERIOD_NS (500 * WEIR_NS_PER_MS)
#define PASSES_MAX 2
#define BUCKETS (4 * WEIR_LOST_MAX)

static struct weir_end end_of(const struct weir_drop_input *in, int i)
{
	return i ? (struct weir_end){ &in->destination, in->destination_port }
		 : (struct weir_end){ &in->source, in->source_port };
}

static uint16_t *bucket_of(struct weir_lost *lost, struct weir_end end)
{
	uint64_t hash = weir_key_client_hash(IPPROTO_TCP, 0, end.addr, end.port);

	return &lost->buckets[hash % BUCKETS];
}

/* Link 2i + 1 is the source of item i, link 2i + 2 its destination; 0 ends a chain. */
static void index_ends(struct weir_lost *lost)
{
	memset(lost->buckets, 0, BUCKETS * sizeof(lost->buckets[0]));
	for (size_t i = 0; i < lost->count; i++) {
		for (int side = 0; side < 2; side++) {
			uint16_t link = (uint16_t)(2 * i + 1 + (size_t)side);
			uint16_t *bucket = bucket_of(lost, end_of(&lost->items[i].in, side));

			lost->chain[link] = *bucket;
			*bucket = link;
		}
	}
}

static bool is_of(const struct weir_correlate *corr, const struct weir_connection *conn,
		  const struct weir_drop_input *in, int client)
{
	struct weir_end from = end_of(in, client), to = end_of(in, !client);
	uint32_t facts = conn->end[conn->source].facts;

	if (conn->port[conn->source] != from.port ||
	    !weir_addr_eq(&conn->addr[conn->source], from.addr))
		return false;
	/* A loopback address is another in every network namespace. */
	if (weir_addr_is_loopback(from.addr) &&
	    weir_facts_at(&corr->facts, facts)->netns != in->netns)
		return false;
	return weir_correlate_leads_to(corr, conn, to, in->time_ns);
}

static void look_up(struct weir_correlate *corr, uint32_t index, uint64_t now_ns)
{
	struct weir_connection *conn = weir_table_at(&corr->table, index);
	struct weir_end end = { &conn->addr[conn->source], conn->port[conn->source] };
	struct weir_lost *lost = &corr->lost;

	for (uint16_t link = *bucket_of(lost, end); link; link = lost->chain[link]) {
		struct weir_lost_item *item = &lost->items[(link - 1) / 2];

		if (!item->in.packets || !is_of(corr, conn, &item->in, (link - 1) % 2))
			continue;
		/* It is taken in again, as the connection's. */
		corr->stats.inputs--;
		corr->stats.pending--;
		if (weir_correlate_add_drop(corr, index, &item->in, now_ns) < 0) {
			corr->stats.inputs++;
			corr->stats.delivered++;
		}
		item->in.packets = 0;
	}
}

static void count_unmatched(struct weir_correlate *corr, const struct weir_drop_input *in)
{
	if (in->icmp.type)
		corr->stats.icmp_unmatched++;
	else
		corr->stats.unmatched++;
}

static void give_up(struct weir_correlate *corr, const struct weir_drop_input *in)
{
	corr->stats.pending--;
	corr->stats.delivered++;
	count_unmatched(corr, in);
}

/* Where the packet was seen it may have been translated: then its client knows it by another name. */
static void look_for_sent(struct weir_correlate *corr, struct weir_drop_input *in)
{
	struct weir_drop_input sent;

	if (weir_correlate_has_nat(corr) && weir_correlate_sent_drop(corr, in, &sent))
		*in = sent;
}

static void keep_unfound(struct weir_correlate *corr)
{
	struct weir_lost *lost = &corr->lost;
	size_t kept = 0;

	for (size_t i = 0; i < lost->count; i++) {
		if (!lost->items[i].in.packets)
			continue;
		if (++lost->items[i].passes < PASSES_MAX) {
			lost->items[kept] = lost->items[i];
			look_for_sent(corr, &lost->items[kept++].in);
		} else {
			give_up(corr, &lost->items[i].in);
		}
	}
	lost->count = kept;
}

static void pass(struct weir_correlate *corr, uint64_t now_ns)
{
	index_ends(&corr->lost);
	for (uint32_t index = 1; index <= corr->table.high; index++) {
		const struct weir_connection *conn = weir_table_at(&corr->table, index);

		if (conn->list != LIST_FREE && conn->protocol == IPPROTO_TCP)
			look_up(corr, index, now_ns);
	}
	keep_unfound(corr);
}

int weir_lost_init(struct weir_lost *lost)
{
	lost->items = calloc(WEIR_LOST_MAX, sizeof(*lost->items));
	lost->chain = calloc(2 * WEIR_LOST_MAX + 1, sizeof(*lost->chain));
	lost->buckets = calloc(BUCKETS, sizeof(*lost->buckets));
	return lost->items && lost->chain && lost->buckets ? 0 : -ENOMEM;
}

void weir_lost_done(struct weir_lost *lost)
{
	free(lost->items);
	free(lost->chain);
	free(lost->buckets);
}

/* Anyone can send ICMP errors: they leave half for what was dropped. */
static size_t room_for(const struct weir_drop_input *in)
{
	return in->icmp.type ? WEIR_LOST_MAX / 2 : WEIR_LOST_MAX;
}

void weir_correlate_lose(struct weir_correlate *corr, const struct weir_drop_input *in,
			 uint64_t now_ns)
{
	struct weir_lost *lost = &corr->lost;

	corr->stats.inputs++;
	corr->stats.pending++;
	if (!in->packets || lost->count >= room_for(in)) {
		corr->stats.pending--;
		corr->stats.delivered++;
		if (in->packets)
			count_unmatched(corr, in);
		return;
	}
	if (!lost->count)
		lost->due_ns = now_ns + PERIOD_NS;
	lost->items[lost->count++] = (struct weir_lost_item){ .in = *in };
}

uint64_t weir_correlate_find_lost(struct weir_correlate *corr, uint64_t now_ns)
{
	if (corr->lost.count && now_ns >= corr->lost.due_ns) {
		pass(corr, now_ns);
		corr->lost.due_ns = now_ns + PERIOD_NS;
	}
	return corr->lost.count ? corr->lost.due_ns : UINT64_MAX;
}

void weir_correlate_flush_lost(struct weir_correlate *corr, uint64_t now_ns)
{
	if (!corr->lost.count)
		return;
	pass(corr, now_ns);
	while (corr->lost.count) {
		corr->lost.count--;
		give_up(corr, &corr->lost.items[corr->lost.count].in);
	}
}
