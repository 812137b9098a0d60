/* SPDX-License-Identifier: Apache-2.0 */
/* Which connection an input is of. */
#include "flow/correlate_internal.h"

struct weir_place weir_correlate_find(const struct weir_correlate *corr, const struct weir_key *key,
				      const struct weir_flow_input *in)
{
	struct weir_place place = { .side = key->side };
	uint32_t index = weir_table_first(&corr->table, key->hash);
	bool faces = false;

	for (struct weir_connection *conn; index; index = conn->link.chain) {
		int side;

		conn = weir_table_at(&corr->table, index);
		/* Three cache lines, all needed soon, and most often not in the cache. */
		__builtin_prefetch(&conn->end[0]);
		__builtin_prefetch(&conn->rtt_us);
		side = weir_connection_match(conn, &corr->facts, key, in->end.cookie);
		if (side < 0)
			continue;
		place.crowded = true;
		if ((conn->known & BIT(side)) && conn->end[side].cookie == in->end.cookie) {
			place = (struct weir_place){ conn, index, side, true };
			break;
		}
		if (!weir_connection_may_join(conn, side, in) || faces)
			continue;
		faces = weir_connection_faces(conn, side, in);
		if (faces || !place.conn)
			place = (struct weir_place){ conn, index, side, true };
	}
	return place;
}

static bool may_be_backend(const struct weir_correlate *corr, const struct weir_connection *conn,
			   const struct weir_flow_input *in)
{
	uint64_t when_ns = in->opened_ns > conn->opened_ns ? in->opened_ns : conn->opened_ns;
	uint16_t port;
	const struct weir_addr *asked = weir_connection_asked(conn, &corr->facts, &port);

	return corr->translates(corr->ctx, asked, port, &in->local, in->local_port, in->protocol,
				when_ns ? when_ns : in->time_ns);
}

/* Among the exchanges whose destination the network translates; nothing when two fit equally well. */
static struct weir_place find_translated(const struct weir_correlate *corr,
					 const struct weir_key *key,
					 const struct weir_flow_input *in)
{
	bool is_server = in->role == WEIR_ROLE_SERVER;
	uint64_t hash = weir_key_client_hash(key->protocol, in->end.netns,
					     is_server ? key->peer : key->local,
					     is_server ? key->peer_port : key->local_port);
	struct weir_place none = { .side = key->side }, place = none;
	enum weir_fit best = WEIR_FIT_NONE;
	bool is_one = true;

	for (uint32_t index = weir_table_first(&corr->table, hash); index;) {
		struct weir_connection *conn = weir_table_at(&corr->table, index);
		enum weir_fit fit = weir_connection_fit(conn, &corr->facts, key, in);

		if (fit == WEIR_FIT_MAYBE && (!corr->translates || !may_be_backend(corr, conn, in)))
			fit = WEIR_FIT_NONE;
		if (fit > best)
			place = (struct weir_place){ conn, index, conn->source ^ is_server, true };
		if (fit != WEIR_FIT_NONE && fit >= best)
			is_one = fit > best;
		best = fit > best ? fit : best;
		index = conn->link.chain;
	}
	return is_one ? place : none;
}

/* @from has only its server's end and no record yet: it becomes @to's other end. */
static void merge(struct weir_correlate *corr, struct weir_place *to, struct weir_place *from)
{
	struct weir_connection *conn = to->conn, *other = from->conn;
	int server = !from->side, vacant = !to->side;
	uint64_t hash = weir_connection_hash(other, &corr->facts);

	conn->end[vacant] = other->end[server];
	conn->known |= BIT(vacant);
	if (other->seen & BIT(server))
		conn->seen |= BIT(vacant);
	if (other->closed & BIT(server)) {
		conn->closed |= BIT(vacant);
		conn->reason[vacant] = other->reason[server];
	}
	conn->arrived |= other->arrived;
	conn->pending += other->pending;
	conn->dirty = 1;
	if (other->last_ns > conn->last_ns)
		conn->last_ns = other->last_ns;
	corr->stats.joined++;
	if (other->dropped)
		weir_correlate_pass_drop(corr, other, conn);
	other->end[server].facts = 0;
	weir_correlate_forget(corr, from->index, hash);
}

/*
 * A UDP client's end whose backend was not known when it was first seen is found by the address
 * it sends to, and moved to where the backend's end will look for it.
 */
static struct weir_place follow_backend(struct weir_correlate *corr, const struct weir_key *key,
					const struct weir_flow_input *in,
					struct weir_place joinable)
{
	struct weir_key before;
	struct weir_place old;
	uint64_t hash;
	int r;

	weir_key_init(&before, in, false);
	old = weir_correlate_find(corr, &before, in);
	if (!weir_place_is_end(&old, in) && (corr->translates || corr->nat))
		old = find_translated(corr, &before, in);
	if (!weir_place_is_end(&old, in))
		return joinable;
	if (old.conn->known == BOTH || weir_connection_closing(old.conn))
		return old;
	hash = weir_connection_hash(old.conn, &corr->facts);
	r = weir_connection_set_addr(old.conn, &corr->facts, !old.side, key->peer, key->peer_port);
	if (r < 0)
		return old;
	old.conn->translated = 0;
	weir_table_move(&corr->table, hash, key->hash, old.index);
	old.conn->dirty = 1;
	if (joinable.conn && !joinable.conn->emitted && joinable.conn->known != BOTH &&
	    joinable.conn->pending < WEIR_CONNECTION_PENDING_MAX - old.conn->pending)
		merge(corr, &old, &joinable);
	return old;
}

static struct weir_place locate_exchange(struct weir_correlate *corr, const struct weir_key *key,
					 const struct weir_flow_input *in)
{
	struct weir_place place = weir_correlate_find(corr, key, in), translated;

	if (weir_place_is_end(&place, in))
		return place;
	if (weir_key_has_backend(in))
		return follow_backend(corr, key, in, place);
	if ((!corr->translates && !corr->nat) || in->role == WEIR_ROLE_UNKNOWN)
		return place;
	translated = find_translated(corr, key, in);
	if (!place.conn && !translated.conn && weir_correlate_has_nat(corr))
		return weir_correlate_find_natted(corr, key, in);
	if (!place.conn || weir_place_is_end(&translated, in))
		return translated;
	return place;
}

struct weir_place weir_correlate_locate(struct weir_correlate *corr, const struct weir_key *key,
					const struct weir_flow_input *in)
{
	if (key->kind == WEIR_KEY_TUPLE)
		return locate_exchange(corr, key, in);
	return weir_correlate_find(corr, key, in);
}
