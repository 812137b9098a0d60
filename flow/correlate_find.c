/* SPDX-License-Identifier: Apache-2.0 */
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

struct weir_place weir_correlate_find_translated(const struct weir_correlate *corr,
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
