/* SPDX-License-Identifier: Apache-2.0 */
/* What conntrack knows of an end's packets and the end itself does not. */
#include <netinet/in.h>

#include "flow/correlate_internal.h"

#define TCP_FLAG_ACK 0x10

/* Of packets from @local, as the socket knows them. */
static struct weir_nat_question outgoing(const struct weir_flow_input *in)
{
	return (struct weir_nat_question){
		.tuple = { in->local, in->remote, in->local_port, in->remote_port },
		.opened_ns = in->opened_ns,
		.last_ns = in->time_ns,
		.netns = in->end.netns,
		.protocol = in->protocol,
	};
}

static struct weir_nat_question incoming(const struct weir_flow_input *in)
{
	return (struct weir_nat_question){
		.tuple = { in->remote, in->local, in->remote_port, in->local_port },
		.opened_ns = in->opened_ns,
		.last_ns = in->time_ns,
		.netns = in->end.netns,
		.protocol = in->protocol,
	};
}

/* An end that is older than the agent may not know that it asked, nor for what. */
static const struct weir_flow_input *learn_found(const struct weir_correlate *corr,
						 const struct weir_flow_input *in,
						 struct weir_flow_input *copy)
{
	struct weir_nat_question question = outgoing(in);
	struct weir_conntrack_tuple arrived;

	if (!weir_nat_arrived(corr->nat, &question, &arrived))
		return in;
	*copy = *in;
	copy->role = WEIR_ROLE_CLIENT;
	if (weir_addr_is_none(&copy->asked)) {
		copy->asked = in->remote;
		copy->asked_port = in->remote_port;
	}
	return copy;
}

const struct weir_flow_input *weir_correlate_learn_sent(const struct weir_correlate *corr,
							const struct weir_flow_input *in,
							struct weir_flow_input *copy)
{
	struct weir_nat_question question = incoming(in);
	struct weir_conntrack_tuple sent;
	bool asks = in->role == WEIR_ROLE_CLIENT;

	if (asks && !weir_addr_is_none(&in->asked))
		return in;
	if (asks || !weir_nat_sent(corr->nat, &question, &sent))
		return in->role == WEIR_ROLE_SERVER ? in : learn_found(corr, in, copy);
	*copy = *in;
	copy->role = WEIR_ROLE_SERVER;
	copy->remote = sent.source;
	copy->remote_port = sent.source_port;
	if (!weir_addr_eq(&sent.source, &in->remote))
		copy->xlated = in->remote;
	if (sent.destination_port != in->local_port ||
	    !weir_addr_eq(&sent.destination, &in->local)) {
		copy->asked = sent.destination;
		copy->asked_port = sent.destination_port;
	}
	return copy;
}

/* From now on it is found by its client's address and port, and its destination may change. */
static void make_translated(struct weir_correlate *corr, struct weir_connection *conn,
			    uint32_t index)
{
	uint64_t hash = weir_connection_hash(conn, &corr->facts);

	conn->translated = 1;
	weir_table_move(&corr->table, hash, weir_connection_hash(conn, &corr->facts), index);
}

struct weir_place weir_correlate_find_natted(struct weir_correlate *corr,
					     const struct weir_key *key,
					     const struct weir_flow_input *in)
{
	struct weir_place none = { .side = key->side }, place;
	struct weir_flow_input other = *in;
	struct weir_key other_key;

	if (in->role == WEIR_ROLE_SERVER) {
		if (weir_addr_is_none(&in->asked))
			return none;
		other.local = in->asked;
		other.local_port = in->asked_port;
	} else {
		struct weir_nat_question question = outgoing(in);
		struct weir_conntrack_tuple arrived;

		if (!weir_nat_arrived(corr->nat, &question, &arrived))
			return none;
		other.remote = arrived.destination;
		other.remote_port = arrived.destination_port;
	}
	weir_key_init(&other_key, &other, false);
	place = weir_correlate_find(corr, &other_key, &other);
	if (!place.conn || !place.conn->sure)
		return none;
	make_translated(corr, place.conn, place.index);
	return place;
}

/* The question about the packets of @conn as its source sends them. */
static struct weir_nat_question sent_by(const struct weir_correlate *corr,
					const struct weir_connection *conn)
{
	int src = conn->source, end = conn->known & BIT(src) ? src : !src;
	struct weir_nat_question question = {
		.tuple = { .source = conn->addr[src], .source_port = conn->port[src] },
		.opened_ns = conn->opened_ns,
		.last_ns = conn->last_ns,
		.netns = weir_facts_at(&corr->facts, conn->end[end].facts)->netns,
		.protocol = conn->protocol,
	};
	uint16_t port;
	const struct weir_addr *asked = weir_connection_asked(conn, &corr->facts, &port);

	if (weir_addr_is_none(asked)) {
		asked = &conn->addr[!src];
		port = conn->port[!src];
	}
	question.tuple.destination = *asked;
	question.tuple.destination_port = port;
	return question;
}

void weir_correlate_learn_arrived(struct weir_correlate *corr, struct weir_connection *conn,
				  uint32_t index)
{
	struct weir_conntrack_tuple arrived;
	struct weir_nat_question question;
	int src = conn->source, dst = !src;
	bool moves;

	/* A server's end on this node was told with its first word. */
	if (conn->known != BIT(src) || !conn->sure)
		return;
	question = sent_by(corr, conn);
	if (!weir_nat_arrived(corr->nat, &question, &arrived))
		return;
	moves = arrived.destination_port != conn->port[dst] ||
		!weir_addr_eq(&arrived.destination, &conn->addr[dst]);
	if (moves && conn->protocol != IPPROTO_TCP && !conn->translated)
		make_translated(corr, conn, index);
	(void)weir_connection_set_addr(conn, &corr->facts, dst, &arrived.destination,
				       arrived.destination_port);
	if (!weir_addr_eq(&arrived.source, &conn->addr[src]))
		(void)weir_connection_set_xlated(conn, &corr->facts, src, &arrived.source);
}

void weir_correlate_finish_nat(struct weir_correlate *corr, const struct weir_connection *conn,
			       uint64_t now_ns)
{
	struct weir_nat_question question;

	if (conn->protocol != IPPROTO_TCP)
		return;
	question = sent_by(corr, conn);
	weir_nat_finish(corr->nat, &question, now_ns);
}

bool weir_correlate_sent_drop(const struct weir_correlate *corr, const struct weir_drop_input *in,
			      struct weir_drop_input *ret_sent)
{
	struct weir_nat_question question = {
		.tuple = { in->source, in->destination, in->source_port, in->destination_port },
		.opened_ns = in->time_ns,
		.last_ns = in->time_ns,
		.netns = in->netns,
		.protocol = in->protocol,
	};
	struct weir_conntrack_tuple sent;

	if (!weir_nat_sent(corr->nat, &question, &sent)) {
		question.tuple =
			(struct weir_conntrack_tuple){ in->destination, in->source,
						       in->destination_port, in->source_port };
		if (!weir_nat_sent(corr->nat, &question, &sent))
			return false;
	}
	*ret_sent = *in;
	ret_sent->source = sent.source;
	ret_sent->source_port = sent.source_port;
	ret_sent->destination = sent.destination;
	ret_sent->destination_port = sent.destination_port;
	return true;
}

/*
 * What was dropped after its translation has a tuple that arrives; before that, or an answer after
 * it was translated back, one that was sent. Of a packet that was dropped before its entry was
 * confirmed, conntrack knows nothing: then both are as it was.
 */
void weir_correlate_drop_way(const struct weir_correlate *corr, const struct weir_drop_input *in,
			     struct weir_drop_way *ret_way)
{
	bool is_answer = in->tcp_flags & TCP_FLAG_ACK;
	struct weir_nat_question question = {
		.tuple = { in->source, in->destination, in->source_port, in->destination_port },
		.opened_ns = in->time_ns,
		.last_ns = in->time_ns,
		.netns = in->netns,
		.protocol = in->protocol,
	};
	struct weir_conntrack_tuple other;

	if (is_answer)
		question.tuple =
			(struct weir_conntrack_tuple){ in->destination, in->source,
						       in->destination_port, in->source_port };
	ret_way->sent = ret_way->arrives = question.tuple;
	if (!weir_correlate_has_nat(corr))
		return;
	if (weir_nat_sent(corr->nat, &question, &other))
		ret_way->sent = other;
	else if (weir_nat_arrived(corr->nat, &question, &other))
		ret_way->arrives = other;
}
