/* SPDX-License-Identifier: Apache-2.0 */
/* From a connection to its record. */
#include <netinet/in.h>
#include <string.h>

#include "flow/connection.h"

#define BIT(side) (1U << (side))
#define BOTH 3U

static void raise_to(uint64_t *total, uint64_t value)
{
	if (value > *total)
		*total = value;
}

/*
 * The destination counts for the source when that is elsewhere, and makes up for it when the
 * source's last word is missing.
 */
static bool destination_counts(const struct weir_connection *conn, enum weir_flow_state state)
{
	int src = conn->source, dst = !src;

	return !(conn->known & BIT(src)) ||
	       (state == WEIR_STATE_CLOSED && !conn->stale && (conn->closed & BIT(dst)) &&
		(!(conn->closed & BIT(src)) || (conn->given_up & BIT(src))));
}

static void record_end(const struct weir_connection *conn, const struct weir_facts_table *facts,
		       int side, struct weir_flow_end *end)
{
	const struct weir_facts *known = weir_facts_at(facts, conn->end[side].facts);

	if (!(conn->known & BIT(side)) || conn->end[side].cookie & WEIR_COOKIE_LINK) {
		*end = (struct weir_flow_end){ 0 };
		return;
	}
	end->cookie = conn->end[side].cookie;
	end->cgroup_id = known->cgroup_id;
	end->netns = known->netns;
	end->pid = known->pid;
	memcpy(end->comm, known->comm, sizeof(end->comm));
}

static enum weir_verdict verdict(const struct weir_connection *conn, const struct weir_flow *flow)
{
	if (flow->end_reason == WEIR_END_LOCAL_ERROR && !conn->established)
		return WEIR_VERDICT_ERROR;
	if (conn->protocol == IPPROTO_TCP)
		return conn->established ? WEIR_VERDICT_FORWARDED : WEIR_VERDICT_UNKNOWN;
	if (conn->arrived || flow->packets_received)
		return WEIR_VERDICT_FORWARDED;
	return WEIR_VERDICT_UNKNOWN;
}

/* When both say that they did, one of them was late. */
static enum weir_role reset_by(const struct weir_connection *conn, const struct weir_flow *flow)
{
	if (flow->end_reason != WEIR_END_RST || !conn->reset_by || conn->reset_by == BOTH)
		return WEIR_ROLE_UNKNOWN;
	return conn->reset_by == BIT(conn->source) ? WEIR_ROLE_CLIENT : WEIR_ROLE_SERVER;
}

static enum weir_direction direction(const struct weir_connection *conn)
{
	if (!conn->sure)
		return WEIR_DIRECTION_UNKNOWN;
	return conn->known & BIT(conn->source) ? WEIR_DIRECTION_EGRESS : WEIR_DIRECTION_INGRESS;
}

/* Either end may know it: the source's by where its packets went, the other by whence they came. */
static const struct weir_addr *xlated_of(const struct weir_connection *conn,
					 const struct weir_facts_table *facts)
{
	const struct weir_facts *known = weir_facts_at(facts, conn->end[!conn->source].facts);

	if (weir_addr_is_none(&known->xlated))
		known = weir_facts_at(facts, conn->end[conn->source].facts);
	return &known->xlated;
}

/*
 * Of segments that one end sent both may know: it itself, and the other of those that arrived. Who
 * knows of more has seen more of the same.
 */
static void record_zero_windows(const struct weir_connection *conn,
				const struct weir_facts_table *facts, struct weir_flow *flow)
{
	const struct weir_facts *src = weir_facts_at(facts, conn->end[conn->source].facts);
	const struct weir_facts *dst = weir_facts_at(facts, conn->end[!conn->source].facts);
	uint16_t sent = src->zero_windows_tx, received = src->zero_windows_rx;

	flow->zero_windows_sent = dst->zero_windows_rx > sent ? dst->zero_windows_rx : sent;
	flow->zero_windows_received =
		dst->zero_windows_tx > received ? dst->zero_windows_tx : received;
}

void weir_connection_record(const struct weir_connection *conn,
			    const struct weir_facts_table *facts, enum weir_flow_state state,
			    uint64_t time_ns, struct weir_flow *ret_flow)
{
	const struct weir_connection_end *source = &conn->end[conn->source];
	const struct weir_connection_end *destination = &conn->end[!conn->source];
	int src = conn->source, dst = !src;

	/* Field by field: to zero it first takes as long as the rest. */
	ret_flow->id = conn->id;
	ret_flow->time_ns = time_ns;
	ret_flow->opened_ns = conn->opened_ns;
	ret_flow->last_ns = conn->last_ns;
	ret_flow->connect_latency_us = conn->latency_us;
	ret_flow->protocol = conn->protocol;
	ret_flow->state = (uint8_t)state;
	ret_flow->end_reason = WEIR_END_NONE;
	if (state == WEIR_STATE_CLOSED)
		ret_flow->end_reason =
			weir_connection_better_reason(conn->reason[0], conn->reason[1]);
	ret_flow->reset_by = (uint8_t)reset_by(conn, ret_flow);
	ret_flow->direction = (uint8_t)direction(conn);
	ret_flow->direction_known = conn->sure;
	ret_flow->established = conn->established;
	ret_flow->found = conn->found && !conn->opened_ns;
	ret_flow->seen = conn->established ? WEIR_SEEN_NOTHING : conn->handshake;
	ret_flow->source_addr = conn->addr[src];
	ret_flow->destination_addr = conn->addr[dst];
	ret_flow->asked_addr = *weir_connection_asked(conn, facts, &ret_flow->asked_port);
	ret_flow->source_xlated = *xlated_of(conn, facts);
	ret_flow->source_port = conn->port[src];
	ret_flow->destination_port = conn->port[dst];
	record_end(conn, facts, src, &ret_flow->source);
	record_end(conn, facts, dst, &ret_flow->destination);
	ret_flow->bytes_sent = source->tx_bytes;
	ret_flow->bytes_received = source->rx_bytes;
	ret_flow->packets_sent = source->tx_packets;
	ret_flow->packets_received = source->rx_packets;
	if (destination_counts(conn, state)) {
		raise_to(&ret_flow->bytes_sent, destination->rx_bytes);
		raise_to(&ret_flow->bytes_received, destination->tx_bytes);
		raise_to(&ret_flow->packets_sent, destination->rx_packets);
		raise_to(&ret_flow->packets_received, destination->tx_packets);
	}
	ret_flow->retransmits_sent = source->retransmits;
	ret_flow->retransmits_received = destination->retransmits;
	record_zero_windows(conn, facts, ret_flow);
	ret_flow->rtt_us = conn->rtt_us;
	ret_flow->rtt_min_us = conn->rtt_min_us;
	ret_flow->drop = (struct weir_flow_drop){ 0 };
	ret_flow->icmp = (struct weir_flow_icmp){ 0 };
	ret_flow->verdict = (uint8_t)verdict(conn, ret_flow);
}
