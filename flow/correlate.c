/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/correlate.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "flow/correlate_internal.h"
#include "flow/ticks.h"
#include "lib/cleanup.h"
#include "lib/time.h"

#define MAX_CONNECTIONS_DEFAULT 131072
#define MAX_CONNECTIONS_LIMIT ((size_t)1 << 28)
#define JOIN_NS_DEFAULT (20 * WEIR_NS_PER_MS)
#define CLOSE_WAIT_NS_DEFAULT WEIR_NS_PER_SEC
#define DROPPED_MAX 16384
#define TOMBSTONE_NS_DEFAULT (60 * WEIR_NS_PER_SEC)

static uint64_t hash_of(const void *ctx, const void *item)
{
	return weir_connection_hash(item, ctx);
}

int weir_correlate_new(const struct weir_correlate_opts *opts, struct weir_correlate **ret_corr)
{
	_cleanup_(weir_correlate_free) struct weir_correlate *corr = NULL;
	size_t max = opts->max_connections ? opts->max_connections : MAX_CONNECTIONS_DEFAULT;
	int r;

	if (!opts->sink || max > MAX_CONNECTIONS_LIMIT)
		return -EINVAL;
	corr = calloc(1, sizeof(*corr));
	if (!corr)
		return -ENOMEM;
	/* One more than @max: a failed connect() passes through without pushing another out. */
	r = weir_table_init(&corr->table, sizeof(struct weir_connection), max + 1, max, hash_of,
			    &corr->facts);
	if (r < 0)
		return r;
	r = weir_facts_init(&corr->facts, max + 1);
	if (r < 0)
		return r;
	r = weir_tombstones_init(&corr->tombstones, max,
				 opts->tombstone_ns ? opts->tombstone_ns : TOMBSTONE_NS_DEFAULT);
	if (r >= 0 && opts->translates)
		r = weir_translations_init(&corr->translations, max);
	if (r >= 0)
		r = weir_dropped_init(&corr->dropped, DROPPED_MAX);
	if (r >= 0)
		r = weir_lost_init(&corr->lost);
	if (r < 0)
		return r;
	corr->hold[LIST_JOIN] = weir_ticks_hold(opts->join_ns ? opts->join_ns : JOIN_NS_DEFAULT);
	corr->hold[LIST_CLOSE] =
		weir_ticks_hold(opts->close_wait_ns ? opts->close_wait_ns : CLOSE_WAIT_NS_DEFAULT);
	corr->sink = opts->sink;
	corr->translates = opts->translates;
	corr->nat = opts->nat;
	corr->ctx = opts->ctx;
	*ret_corr = TAKE_PTR(corr);
	return 0;
}

void weir_correlate_free(struct weir_correlate **corr)
{
	if (!*corr)
		return;
	weir_table_done(&(*corr)->table);
	weir_facts_done(&(*corr)->facts);
	weir_tombstones_done(&(*corr)->tombstones);
	weir_translations_done(&(*corr)->translations);
	weir_dropped_done(&(*corr)->dropped);
	weir_lost_done(&(*corr)->lost);
	free(*corr);
	*corr = NULL;
}

static struct weir_connection *conn_at(const struct weir_correlate *corr, uint32_t index)
{
	return weir_table_at(&corr->table, index);
}

static void take_out(struct weir_correlate *corr, uint32_t index)
{
	struct weir_connection *conn = conn_at(corr, index);

	if (conn->list != LIST_FREE)
		weir_table_unlink(&corr->table, &corr->lists[conn->list], index);
	conn->list = LIST_FREE;
}

static void put_into(struct weir_correlate *corr, uint32_t index, enum weir_correlate_list list,
		     uint64_t now_ns)
{
	struct weir_connection *conn = conn_at(corr, index);

	take_out(corr, index);
	conn->list = list;
	conn->held = weir_ticks_at(now_ns);
	weir_table_append(&corr->table, &corr->lists[list], index);
}

void weir_correlate_forget(struct weir_correlate *corr, uint32_t index, uint64_t hash)
{
	if (conn_at(corr, index)->dropped)
		weir_correlate_disown_drop(corr, conn_at(corr, index));
	take_out(corr, index);
	weir_connection_done(conn_at(corr, index), &corr->facts);
	weir_table_remove(&corr->table, hash, index);
}

/* What the connection holds is told, or there is nothing in it to tell. */
static void settle(struct weir_correlate *corr, struct weir_connection *conn)
{
	corr->stats.delivered += conn->pending;
	corr->stats.pending -= conn->pending;
	conn->pending = 0;
}

static void emit(struct weir_correlate *corr, struct weir_connection *conn,
		 enum weir_flow_state state, uint64_t time_ns)
{
	struct weir_flow flow;

	weir_connection_record(conn, &corr->facts, state, time_ns, &flow);
	if (conn->dropped)
		weir_correlate_complete_drop(corr, conn, &flow);
	settle(corr, conn);
	conn->emitted = 1;
	conn->opening = 0;
	conn->dirty = 0;
	corr->stats.records[state]++;
	corr->sink(corr->ctx, &flow);
}

/* It was told of a moment later, so that what is over at once is told of once. */
static uint64_t established_ns(const struct weir_connection *conn)
{
	return conn->opened_ns ? conn->opened_ns + conn->latency_us * 1000ULL : conn->last_ns;
}

static void emit_live(struct weir_correlate *corr, uint32_t index, uint64_t now_ns)
{
	struct weir_connection *conn = conn_at(corr, index);
	bool opened = conn->opening && !(conn->found && !conn->opened_ns);

	if (weir_correlate_has_nat(corr))
		weir_correlate_learn_arrived(corr, conn, index);
	if (opened)
		emit(corr, conn, WEIR_STATE_OPEN, established_ns(conn));
	else
		emit(corr, conn, WEIR_STATE_ACTIVE, conn->last_ns);
	put_into(corr, index, LIST_IDLE, now_ns);
}

static void finish(struct weir_correlate *corr, uint32_t index, uint64_t time_ns, uint64_t now_ns)
{
	struct weir_connection *conn = conn_at(corr, index);
	uint32_t may_speak = conn->known & (~conn->closed | conn->given_up);
	uint64_t hash;

	if (weir_correlate_has_nat(corr))
		weir_correlate_learn_arrived(corr, conn, index);
	hash = weir_connection_hash(conn, &corr->facts);
	emit(corr, conn, WEIR_STATE_CLOSED, time_ns);
	if (weir_correlate_has_nat(corr))
		weir_correlate_finish_nat(corr, conn, now_ns);
	for (int side = 0; side < 2; side++) {
		/* An end that was given up may have been slow, not dead. */
		if (may_speak & BIT(side))
			weir_tombstones_add(&corr->tombstones,
					    weir_connection_end_hash(conn, &corr->facts, side),
					    conn->end[side].cookie, now_ns);
	}
	weir_correlate_forget(corr, index, hash);
}

static void emit_due(struct weir_correlate *corr, uint32_t index, uint64_t now_ns)
{
	struct weir_connection *conn = conn_at(corr, index);

	if (weir_connection_closing(conn))
		finish(corr, index, conn->last_ns, now_ns);
	else
		emit_live(corr, index, now_ns);
}

static bool evict(struct weir_correlate *corr, uint64_t now_ns)
{
	/* What is held was updated within the last second; what is idle, usually longer ago. */
	static const enum weir_correlate_list order[] = { LIST_IDLE, LIST_CLOSE, LIST_JOIN };
	struct weir_connection *conn;
	uint32_t index = 0;

	for (size_t i = 0; !index && i < sizeof(order) / sizeof(order[0]); i++)
		index = corr->lists[order[i]].head;
	if (!index)
		return false;
	corr->stats.evicted++;
	conn = conn_at(corr, index);
	if (weir_connection_closing(conn)) {
		finish(corr, index, conn->last_ns, now_ns);
		return true;
	}
	if (conn->pending)
		emit_live(corr, index, now_ns);
	weir_correlate_forget(corr, index, weir_connection_hash(conn, &corr->facts));
	return true;
}

static bool absorb(struct weir_correlate *corr, const struct weir_key *key,
		   const struct weir_flow_input *in, uint64_t now_ns)
{
	uint32_t index = weir_tombstones_lookup(&corr->tombstones, key->hash, in->end.cookie);
	bool again = in->kind == WEIR_INPUT_OPEN && key->kind == WEIR_KEY_TUPLE;

	if (!index)
		return false;
	if (again || in->kind == WEIR_INPUT_CLOSE)
		weir_tombstones_remove(&corr->tombstones, index);
	else
		weir_tombstones_touch(&corr->tombstones, index, now_ns);
	return !again;
}

/* Of datagrams that were dropped only the first was told at once; by the end all shall be. */
static bool counts_drops(const struct weir_connection *conn)
{
	return conn->dropped && conn->protocol != IPPROTO_TCP;
}

static void schedule_close(struct weir_correlate *corr, const struct weir_place *place,
			   enum weir_input_kind kind, bool peer_here, uint64_t now_ns)
{
	struct weir_connection *conn = place->conn;
	bool opener_ends = conn->protocol != IPPROTO_TCP && conn->sure;

	if (conn->socket_only || (conn->closed == BOTH && !counts_drops(conn))) {
		finish(corr, place->index, conn->last_ns, now_ns);
	} else if (counts_drops(conn) || peer_here || (conn->known == BOTH && !opener_ends)) {
		if (conn->list != LIST_CLOSE)
			put_into(corr, place->index, LIST_CLOSE, now_ns);
	} else if (kind == WEIR_INPUT_CLOSE || conn->list != LIST_JOIN) {
		put_into(corr, place->index, LIST_JOIN, now_ns);
	}
}

static void schedule(struct weir_correlate *corr, const struct weir_place *place,
		     enum weir_input_kind kind, bool peer_here, uint64_t now_ns)
{
	struct weir_connection *conn = place->conn;

	if (weir_connection_closing(conn)) {
		schedule_close(corr, place, kind, peer_here, now_ns);
	} else if (!conn->emitted || conn->dirty) {
		if (conn->list != LIST_JOIN)
			put_into(corr, place->index, LIST_JOIN, now_ns);
	} else {
		settle(corr, conn);
		put_into(corr, place->index, LIST_IDLE, now_ns);
	}
}

static void count_held(struct weir_correlate *corr, const struct weir_place *place)
{
	/* So many inputs in one hold: the newest tells what the ones before told. */
	if (place->conn->pending == WEIR_CONNECTION_PENDING_MAX)
		settle(corr, place->conn);
	corr->stats.inputs++;
	corr->stats.pending++;
	place->conn->pending++;
	if (corr->resyncing)
		place->conn->seen |= BIT(place->side);
}

void weir_correlate_hold(struct weir_correlate *corr, const struct weir_place *place,
			 enum weir_input_kind kind, uint64_t now_ns)
{
	count_held(corr, place);
	schedule(corr, place, kind, false, now_ns);
}

static void rename_exchange(struct weir_correlate *corr, struct weir_connection *conn, uint64_t id)
{
	uint64_t before = conn->id;

	conn->id = id;
	if (conn->dropped)
		weir_correlate_rename_drop(corr, before, id);
}

/* An input for a connection that is in the table. */
static int take(struct weir_correlate *corr, const struct weir_place *place,
		const struct weir_key *key, const struct weir_flow_input *in)
{
	struct weir_connection *conn = place->conn;
	bool joins = !(conn->known & BIT(place->side));
	bool is_backend = conn->translated && place->side != conn->source;
	int r = 0;

	if (is_backend)
		r = weir_connection_set_addr(conn, &corr->facts, place->side, &in->local,
					     in->local_port);
	if (r >= 0)
		r = weir_connection_apply(conn, &corr->facts, place->side, in);
	if (r < 0)
		return r;
	if (joins)
		corr->stats.joined++;
	if (joins && is_backend && corr->translates)
		weir_translations_put(&corr->translations,
				      weir_connection_end_hash(conn, &corr->facts, conn->source),
				      &in->local, in->local_port, conn->opened_ns);
	/* The client's end names an exchange, unless a record by the server's name is out. */
	if (joins && !conn->emitted && key->kind == WEIR_KEY_TUPLE && in->role == WEIR_ROLE_CLIENT)
		rename_exchange(corr, conn,
				weir_key_exchange_id(key, in->end.cookie, in->opened_ns));
	count_held(corr, place);
	return 0;
}

static bool is_translated(const struct weir_correlate *corr, const struct weir_key *key,
			  const struct weir_flow_input *in)
{
	return corr->translates && key->kind == WEIR_KEY_TUPLE && in->role == WEIR_ROLE_CLIENT &&
	       !weir_key_has_backend(in) && in->asked_port == in->remote_port &&
	       weir_addr_eq(&in->asked, &in->remote) &&
	       corr->translates(corr->ctx, &in->asked, in->asked_port, NULL, 0, in->protocol,
				in->opened_ns ? in->opened_ns : in->time_ns);
}

/* The same client's port asked the same a moment ago: it is sent to the same backend. */
static void recall_backend(struct weir_correlate *corr, const struct weir_place *place,
			   const struct weir_key *key, const struct weir_flow_input *in)
{
	const struct weir_translation *known =
		weir_translations_lookup(&corr->translations, key->hash, in->opened_ns);

	if (!known || !in->opened_ns ||
	    !corr->translates(corr->ctx, &in->asked, in->asked_port, &known->backend, known->port,
			      in->protocol, in->opened_ns))
		return;
	if (weir_connection_set_addr(place->conn, &corr->facts, !place->side, &known->backend,
				     known->port) >= 0)
		weir_translations_put(&corr->translations, key->hash, &known->backend, known->port,
				      in->opened_ns);
}

/* The first input of a connection. */
static int add(struct weir_correlate *corr, struct weir_place *place, const struct weir_key *key,
	       const struct weir_flow_input *in, uint64_t now_ns)
{
	bool passes = key->kind == WEIR_KEY_SOCKET && in->kind == WEIR_INPUT_CLOSE;
	bool salted = place->crowded && key->kind == WEIR_KEY_ISN;
	bool translated = is_translated(corr, key, in);
	uint64_t hash = key->hash;
	int r;

	if (corr->table.count >= corr->table.max - 1 && !passes)
		(void)evict(corr, now_ns);
	if (translated)
		hash = weir_key_client_hash(key->protocol, key->netns, key->local, key->local_port);
	do {
		r = weir_table_add(&corr->table, hash, &place->index);
	} while (r < 0 && evict(corr, now_ns));
	if (r < 0)
		return r;
	place->conn = conn_at(corr, place->index);
	weir_connection_init(place->conn, key, in, salted);
	place->conn->translated = translated;
	r = weir_connection_apply(place->conn, &corr->facts, place->side, in);
	if (r < 0) {
		weir_table_remove(&corr->table, hash, place->index);
		return r;
	}
	if (translated)
		recall_backend(corr, place, key, in);
	corr->stats.collisions += salted;
	count_held(corr, place);
	return 0;
}

static bool is_connecting(const struct weir_flow_input *in)
{
	return in->protocol == IPPROTO_TCP && !in->established && !in->isn_remote &&
	       in->kind != WEIR_INPUT_CLOSE;
}

static int count_absorbed(struct weir_correlate *corr)
{
	corr->stats.inputs++;
	corr->stats.delivered++;
	corr->stats.absorbed++;
	return 0;
}

int weir_correlate_input(struct weir_correlate *corr, const struct weir_flow_input *in,
			 uint64_t now_ns)
{
	struct weir_flow_input copy;
	struct weir_key key;
	struct weir_place place;
	int r;

	if (is_connecting(in))
		return count_absorbed(corr);
	if (weir_correlate_has_nat(corr))
		in = weir_correlate_learn_sent(corr, in, &copy);
	weir_key_init(&key, in, true);
	place = weir_correlate_locate(corr, &key, in);
	/* The same two sockets again: the exchange before is over, whatever it waited for. */
	if (key.kind == WEIR_KEY_TUPLE && in->kind == WEIR_INPUT_OPEN &&
	    weir_place_is_end(&place, in) && (place.conn->closed & BIT(place.side)) &&
	    weir_connection_closing(place.conn)) {
		finish(corr, place.index, place.conn->last_ns, now_ns);
		place = weir_correlate_locate(corr, &key, in);
	}
	if (!place.conn && absorb(corr, &key, in, now_ns))
		return count_absorbed(corr);
	r = place.conn ? take(corr, &place, &key, in) : add(corr, &place, &key, in, now_ns);
	if (r < 0)
		return r;
	if (corr->dropped.table.count)
		weir_correlate_adopt_drop(corr, &place, in, now_ns);
	schedule(corr, &place, in->kind, in->peer_here, now_ns);
	return 0;
}

static uint64_t emit_list(struct weir_correlate *corr, enum weir_correlate_list list,
			  uint64_t now_ns)
{
	uint32_t index;

	while ((index = corr->lists[list].head)) {
		uint32_t held = conn_at(corr, index)->held;

		if (!weir_ticks_due(held, corr->hold[list], now_ns))
			return weir_ticks_deadline(held, corr->hold[list], now_ns);
		emit_due(corr, index, now_ns);
	}
	return UINT64_MAX;
}

uint64_t weir_correlate_tick(struct weir_correlate *corr, uint64_t now_ns)
{
	/* First: what it finds is held, and has a deadline. */
	uint64_t lost = weir_correlate_find_lost(corr, now_ns);
	uint64_t next = emit_list(corr, LIST_JOIN, now_ns);
	uint64_t close = emit_list(corr, LIST_CLOSE, now_ns);
	uint64_t tombstone = weir_tombstones_expire(&corr->tombstones, now_ns);
	uint64_t dropped = weir_correlate_tell_dropped(corr, now_ns);

	if (lost < next)
		next = lost;
	if (dropped < next)
		next = dropped;
	if (close < next)
		next = close;
	return tombstone < next ? tombstone : next;
}

void weir_correlate_flush(struct weir_correlate *corr, uint64_t now_ns)
{
	weir_correlate_flush_lost(corr, now_ns);
	while (corr->lists[LIST_JOIN].head)
		emit_due(corr, corr->lists[LIST_JOIN].head, now_ns);
	while (corr->lists[LIST_CLOSE].head)
		emit_due(corr, corr->lists[LIST_CLOSE].head, now_ns);
	weir_correlate_flush_dropped(corr, now_ns);
}

void weir_correlate_resync_begin(struct weir_correlate *corr, uint64_t now_ns)
{
	if (corr->resyncing) {
		for (uint32_t index = 1; index <= corr->table.high; index++)
			conn_at(corr, index)->seen = 0;
	}
	corr->resyncing = true;
}

static void close_unseen(struct weir_correlate *corr, uint32_t index, uint64_t now_ns)
{
	struct weir_connection *conn = conn_at(corr, index);
	uint32_t unseen = conn->known & ~conn->closed & ~conn->seen & BOTH;

	conn->seen = 0;
	for (int side = 0; side < 2; side++) {
		if (!(unseen & BIT(side)))
			continue;
		conn->closed |= BIT(side);
		conn->given_up |= BIT(side);
		conn->reason[side] = WEIR_END_UNKNOWN;
		corr->stats.resynced++;
	}
	if (!unseen || !weir_connection_closing(conn))
		return;
	if (conn->closed == conn->known || (conn->protocol != IPPROTO_TCP && conn->sure))
		finish(corr, index, conn->last_ns > now_ns ? conn->last_ns : now_ns, now_ns);
	else if (conn->list != LIST_CLOSE)
		put_into(corr, index, LIST_CLOSE, now_ns);
}

void weir_correlate_resync_end(struct weir_correlate *corr, uint64_t now_ns)
{
	if (!corr->resyncing)
		return;
	corr->resyncing = false;
	for (uint32_t index = 1; index <= corr->table.high; index++) {
		if (conn_at(corr, index)->list != LIST_FREE)
			close_unseen(corr, index, now_ns);
	}
}

void weir_correlate_get_stats(const struct weir_correlate *corr,
			      struct weir_correlate_stats *ret_stats)
{
	*ret_stats = corr->stats;
	ret_stats->live = corr->table.count;
	ret_stats->tombstones = corr->tombstones.table.count;
	ret_stats->tombstones_lost = corr->tombstones.lost;
	ret_stats->memory_bytes = sizeof(*corr) + weir_table_memory(&corr->table) +
				  weir_table_memory(&corr->facts.table) +
				  weir_table_memory(&corr->tombstones.table) +
				  weir_table_memory(&corr->translations.table) +
				  weir_table_memory(&corr->dropped.table);
}
