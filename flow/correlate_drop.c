/* SPDX-License-Identifier: Apache-2.0 */
/* What was dropped of which connection. */
#include <netinet/in.h>

#include "flow/correlate_internal.h"
#include "flow/ticks.h"

#define TCP_FLAG_SYN 0x02

/* Of a UDP packet from @from to @to: the exchange in which @from is the socket's own address. */
static struct weir_connection *find_exchange(const struct weir_correlate *corr,
					     const struct weir_drop_input *in, uint32_t *ret_index)
{
	struct weir_flow_input like = {
		.protocol = in->protocol,
		.local = in->source,
		.remote = in->destination,
		.local_port = in->source_port,
		.remote_port = in->destination_port,
		.end.netns = in->netns,
	};
	struct weir_key key;
	uint32_t index;

	weir_key_init(&key, &like, false);
	for (index = weir_table_first(&corr->table, key.hash); index;) {
		struct weir_connection *conn = weir_table_at(&corr->table, index);

		if (weir_connection_match(conn, &corr->facts, &key, 0) >= 0) {
			*ret_index = index;
			return conn;
		}
		index = conn->link.chain;
	}
	return NULL;
}

static bool is_at(const struct weir_connection *conn, int side, struct weir_end end)
{
	return conn->port[side] == end.port && weir_addr_eq(&conn->addr[side], end.addr);
}

bool weir_correlate_leads_to(const struct weir_correlate *corr, const struct weir_connection *conn,
			     struct weir_end server, uint64_t time_ns)
{
	uint16_t port;
	const struct weir_addr *asked = weir_connection_asked(conn, &corr->facts, &port);

	if (is_at(conn, !conn->source, server))
		return true;
	if (port == server.port && weir_addr_eq(asked, server.addr))
		return true;
	return corr->translates && corr->translates(corr->ctx, asked, port, server.addr,
						    server.port, conn->protocol, time_ns);
}

/* The same where the network translates what the client asked for; none where several fit. */
static struct weir_connection *find_translated(const struct weir_correlate *corr,
					       const struct weir_drop_input *in,
					       struct weir_end client, struct weir_end server,
					       uint32_t *ret_index)
{
	uint64_t hash = weir_key_client_hash(in->protocol, in->netns, client.addr, client.port);
	struct weir_connection *found = NULL;

	for (uint32_t index = weir_table_first(&corr->table, hash); index;) {
		struct weir_connection *conn = weir_table_at(&corr->table, index);

		if (conn->translated && conn->protocol == in->protocol &&
		    is_at(conn, conn->source, client) &&
		    weir_correlate_leads_to(corr, conn, server, in->time_ns)) {
			if (found)
				return NULL;
			found = conn;
			*ret_index = index;
		}
		index = conn->link.chain;
	}
	return found;
}

static struct weir_connection *find_as(const struct weir_correlate *corr,
				       const struct weir_drop_input *in, uint32_t *ret_index)
{
	struct weir_end source = { &in->source, in->source_port };
	struct weir_end destination = { &in->destination, in->destination_port };
	struct weir_connection *conn;

	conn = find_exchange(corr, in, ret_index);
	if (conn || (!corr->translates && !corr->nat))
		return conn;
	conn = find_translated(corr, in, source, destination, ret_index);
	return conn ? conn : find_translated(corr, in, destination, source, ret_index);
}

static struct weir_connection *find(const struct weir_correlate *corr,
				    const struct weir_drop_input *in, uint32_t *ret_index)
{
	struct weir_connection *conn;
	struct weir_drop_input sent;

	if (in->protocol == IPPROTO_TCP)
		return NULL;
	conn = find_as(corr, in, ret_index);
	if (conn || !weir_correlate_has_nat(corr) || !weir_correlate_sent_drop(corr, in, &sent))
		return conn;
	return find_as(corr, &sent, ret_index);
}

static void settle(struct weir_correlate *corr, struct weir_dropped *item)
{
	corr->stats.delivered += item->pending;
	corr->stats.pending -= item->pending;
	item->pending = 0;
}

static void tell(struct weir_correlate *corr, uint32_t index, uint64_t now_ns)
{
	struct weir_dropped *item = weir_dropped_at(&corr->dropped, index);

	settle(corr, item);
	weir_dropped_touch(&corr->dropped, index, now_ns);
	corr->stats.records[WEIR_STATE_NOTICE]++;
	corr->sink(corr->ctx, &item->flow);
}

/* Who asked for what, and where that went. */
static void describe_way(struct weir_flow *flow, const struct weir_drop_way *way)
{
	const struct weir_conntrack_tuple *sent = &way->sent, *arrives = &way->arrives;

	flow->source_addr = sent->source;
	flow->source_port = sent->source_port;
	flow->destination_addr = arrives->destination;
	flow->destination_port = arrives->destination_port;
	if (!weir_addr_eq(&sent->source, &arrives->source))
		flow->source_xlated = arrives->source;
	if (sent->destination_port != arrives->destination_port ||
	    !weir_addr_eq(&sent->destination, &arrives->destination)) {
		flow->asked_addr = sent->destination;
		flow->asked_port = sent->destination_port;
	}
}

/* All that a packet says of its connection. */
static void describe(const struct weir_correlate *corr, const struct weir_drop_input *in,
		     struct weir_flow *flow)
{
	struct weir_drop_way way = {
		.sent = { in->source, in->destination, in->source_port, in->destination_port },
	};

	flow->protocol = in->protocol;
	flow->state = WEIR_STATE_NOTICE;
	flow->verdict = WEIR_VERDICT_DROPPED;
	flow->direction_known = in->protocol == IPPROTO_TCP;
	way.arrives = way.sent;
	if (in->protocol == IPPROTO_TCP)
		weir_correlate_drop_way(corr, in, &way);
	describe_way(flow, &way);
	if (!in->client.cookie)
		return;
	flow->source = in->client;
	flow->asked_addr = in->asked;
	flow->asked_port = in->asked_port;
	flow->opened_ns = in->opened_ns;
	flow->direction = WEIR_DIRECTION_EGRESS;
}

static uint64_t id_of(const struct weir_correlate *corr, const struct weir_drop_input *in)
{
	struct weir_drop_way way;
	struct weir_key key = {
		.protocol = in->protocol,
		.local = &in->source,
		.peer = &in->destination,
		.local_port = in->source_port,
		.peer_port = in->destination_port,
	};

	if (in->protocol != IPPROTO_TCP)
		return weir_key_exchange_id(&key, 0, 0);
	weir_correlate_drop_way(corr, in, &way);
	return weir_key_attempt_id(in->isn, &way.sent.source, way.sent.source_port);
}

static void make_room(struct weir_correlate *corr, uint64_t now_ns)
{
	if (corr->dropped.table.count < corr->dropped.table.max)
		return;
	if (!corr->dropped.told.head)
		tell(corr, corr->dropped.waiting.head, now_ns);
	corr->stats.evicted++;
	weir_dropped_remove(&corr->dropped, corr->dropped.told.head);
}

/* A notice is of what was dropped: what ICMP errors say waits for a record. */
static void add_drop(struct weir_correlate *corr, uint32_t index, const struct weir_drop_input *in,
		     uint64_t now_ns)
{
	struct weir_dropped *item = weir_dropped_at(&corr->dropped, index);

	if (!item->flow.drop.packets) {
		describe(corr, in, &item->flow);
		if (!item->owned)
			weir_dropped_wait(&corr->dropped, index, now_ns);
	}
	item->flow.drop.packets += in->packets;
	/* A sweep tells of one kind what happened before the first of another, which is told at once. */
	if (in->time_ns < item->dropped_ns)
		return;
	item->dropped_ns = in->time_ns;
	item->flow.drop.reason = in->reason;
	item->flow.drop.place = in->place;
}

static void add_icmp(struct weir_correlate *corr, uint32_t index, const struct weir_drop_input *in,
		     uint64_t now_ns)
{
	struct weir_dropped *item = weir_dropped_at(&corr->dropped, index);

	if (!item->waits || !item->flow.drop.packets)
		weir_dropped_touch(&corr->dropped, index, now_ns);
	weir_icmp_count(&item->flow.icmp, &item->icmp, &in->icmp, in->icmp_at, in->packets,
			in->time_ns);
}

static int remember(struct weir_correlate *corr, uint64_t id, const struct weir_drop_input *in,
		    uint64_t now_ns, uint32_t *ret_index)
{
	struct weir_dropped *item;
	int r;

	*ret_index = weir_dropped_lookup(&corr->dropped, id);
	if (!*ret_index) {
		make_room(corr, now_ns);
		r = weir_dropped_add(&corr->dropped, id, now_ns, ret_index);
		if (r < 0)
			return r;
	}
	item = weir_dropped_at(&corr->dropped, *ret_index);
	if (in->icmp.type)
		add_icmp(corr, *ret_index, in, now_ns);
	else
		add_drop(corr, *ret_index, in, now_ns);
	if (in->time_ns < item->flow.time_ns)
		return 0;
	item->flow.time_ns = in->time_ns;
	item->flow.last_ns = in->time_ns;
	return 0;
}

/* None for long: who asks for the same again begins anew. */
static void forget(struct weir_correlate *corr, uint64_t id)
{
	uint32_t index = weir_dropped_lookup(&corr->dropped, id);
	const struct weir_dropped *item = weir_dropped_at(&corr->dropped, index);

	if (index && !item->owned && !item->waits)
		weir_dropped_remove(&corr->dropped, index);
}

static void count_delivered(struct weir_correlate *corr)
{
	corr->stats.inputs++;
	corr->stats.delivered++;
}

/* The connection's next record says it. */
static void add_to(struct weir_correlate *corr, struct weir_place *place, uint32_t index,
		   uint64_t now_ns)
{
	weir_correlate_own_drop(corr, place->conn, index, now_ns);
	place->conn->dirty = 1;
	weir_correlate_hold(corr, place, WEIR_INPUT_UPDATE, now_ns);
}

int weir_correlate_add_drop(struct weir_correlate *corr, uint32_t index,
			    const struct weir_drop_input *in, uint64_t now_ns)
{
	struct weir_place place = { .conn = weir_table_at(&corr->table, index), .index = index };
	uint32_t item;
	int r = remember(corr, place.conn->id, in, now_ns, &item);

	if (r < 0)
		return r;
	place.side = place.conn->known & BIT(0) ? 0 : 1;
	add_to(corr, &place, item, now_ns);
	return 0;
}

static void add_to_notice(struct weir_correlate *corr, uint32_t index,
			  const struct weir_drop_input *in, uint64_t now_ns)
{
	struct weir_dropped *item = weir_dropped_at(&corr->dropped, index);

	if (in->icmp.type) {
		count_delivered(corr);
		return;
	}
	/* The same connect() tries again: its CLOSED record will say how often. */
	if (!item->waits && item->flow.source.cookie) {
		weir_dropped_touch(&corr->dropped, index, now_ns);
		count_delivered(corr);
		return;
	}
	corr->stats.inputs++;
	corr->stats.pending++;
	item->pending++;
	if (!item->waits)
		tell(corr, index, now_ns);
}

/* Who sends an ICMP error can make it speak of anything: it is no word of a connection. */
static bool speaks_of_none(const struct weir_place *place, const struct weir_drop_input *in)
{
	return in->icmp.type && !place->conn && in->protocol != IPPROTO_TCP;
}

int weir_correlate_drop(struct weir_correlate *corr, const struct weir_drop_input *in,
			uint64_t now_ns)
{
	struct weir_place place = { .conn = NULL };
	uint32_t index;
	uint64_t id;
	int r;

	if (in->protocol == IPPROTO_TCP && !(in->tcp_flags & TCP_FLAG_SYN)) {
		weir_correlate_lose(corr, in, now_ns);
		return 0;
	}
	place.conn = find(corr, in, &place.index);
	id = place.conn ? place.conn->id : id_of(corr, in);
	if (speaks_of_none(&place, in)) {
		corr->stats.icmp_unmatched += in->packets > 0;
		count_delivered(corr);
	} else if (in->packets) {
		r = remember(corr, id, in, now_ns, &index);
		if (r < 0)
			return r;
		if (place.conn)
			add_to(corr, &place, index, now_ns);
		else if (weir_dropped_at(&corr->dropped, index)->owned)
			count_delivered(corr);
		else
			add_to_notice(corr, index, in, now_ns);
	} else {
		count_delivered(corr);
	}
	if (in->kind == WEIR_INPUT_CLOSE)
		forget(corr, id);
	return 0;
}

void weir_correlate_own_drop(struct weir_correlate *corr, struct weir_connection *conn,
			     uint32_t index, uint64_t now_ns)
{
	struct weir_dropped *item = weir_dropped_at(&corr->dropped, index);

	/* What a notice was to say, the connection's records do. */
	settle(corr, item);
	item->owned = true;
	conn->dropped = 1;
	if (item->flow.id != conn->id)
		weir_dropped_rename(&corr->dropped, index, conn->id);
	weir_dropped_touch(&corr->dropped, index, now_ns);
}

void weir_correlate_adopt_drop(struct weir_correlate *corr, const struct weir_place *place,
			       const struct weir_flow_input *in, uint64_t now_ns)
{
	uint32_t index;

	if (in->protocol != IPPROTO_TCP || in->role != WEIR_ROLE_CLIENT || place->conn->dropped)
		return;
	index = weir_dropped_lookup(&corr->dropped,
				    weir_key_attempt_id(in->isn_local, &in->local, in->local_port));
	if (index)
		weir_correlate_own_drop(corr, place->conn, index, now_ns);
}

void weir_correlate_complete_drop(const struct weir_correlate *corr,
				  const struct weir_connection *conn, struct weir_flow *flow)
{
	uint32_t index = weir_dropped_lookup(&corr->dropped, conn->id);
	const struct weir_dropped *item = weir_dropped_at(&corr->dropped, index);

	if (!index)
		return;
	flow->icmp = item->flow.icmp;
	if (!item->flow.drop.packets)
		return;
	flow->drop = item->flow.drop;
	if (flow->verdict == WEIR_VERDICT_UNKNOWN)
		flow->verdict = WEIR_VERDICT_DROPPED;
	/* Of a connection that never was, its packet is all that knows where it was sent. */
	if (flow->protocol == IPPROTO_TCP && !flow->established) {
		flow->destination_addr = item->flow.destination_addr;
		flow->destination_port = item->flow.destination_port;
	}
}

void weir_correlate_rename_drop(struct weir_correlate *corr, uint64_t before, uint64_t id)
{
	uint32_t index = weir_dropped_lookup(&corr->dropped, before);

	if (index)
		weir_dropped_rename(&corr->dropped, index, id);
}

void weir_correlate_pass_drop(struct weir_correlate *corr, struct weir_connection *from,
			      struct weir_connection *to)
{
	if (to->dropped)
		return;
	weir_correlate_rename_drop(corr, from->id, to->id);
	from->dropped = 0;
	to->dropped = 1;
}

void weir_correlate_disown_drop(struct weir_correlate *corr, const struct weir_connection *conn)
{
	uint32_t index = weir_dropped_lookup(&corr->dropped, conn->id);

	if (index)
		weir_dropped_remove(&corr->dropped, index);
}

uint64_t weir_correlate_tell_dropped(struct weir_correlate *corr, uint64_t now_ns)
{
	uint32_t index;

	while ((index = corr->dropped.waiting.head)) {
		uint32_t held = weir_dropped_at(&corr->dropped, index)->held;

		if (!weir_ticks_due(held, corr->hold[LIST_JOIN], now_ns))
			return weir_ticks_deadline(held, corr->hold[LIST_JOIN], now_ns);
		tell(corr, index, now_ns);
	}
	return UINT64_MAX;
}

void weir_correlate_flush_dropped(struct weir_correlate *corr, uint64_t now_ns)
{
	while (corr->dropped.waiting.head)
		tell(corr, corr->dropped.waiting.head, now_ns);
}
