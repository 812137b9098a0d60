/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/connection.h"

#include <netinet/in.h>
#include <string.h>

#include "lib/time.h"

#define BIT(side) (1U << (side))
#define BOTH 3U

void weir_connection_init(struct weir_connection *conn, const struct weir_key *key,
			  const struct weir_flow_input *in, bool salted)
{
	int side = key->side;

	conn->protocol = key->protocol;
	conn->addr[side] = *key->local;
	conn->addr[!side] = *key->peer;
	conn->port[side] = key->local_port;
	conn->port[!side] = key->peer_port;
	conn->source = in->role == WEIR_ROLE_SERVER ? !side : side;
	conn->sure = in->role != WEIR_ROLE_UNKNOWN;
	conn->socket_only = key->kind == WEIR_KEY_SOCKET;
	if (key->kind == WEIR_KEY_TUPLE) {
		conn->id = weir_key_exchange_id(key, in->end.cookie, in->opened_ns);
		return;
	}
	conn->id = key->id;
	if (salted) {
		/* By XOR, so that the key can be had back: see key_id(). */
		conn->salted = 1;
		conn->salt_side = side;
		conn->id ^= weir_key_mix(in->end.cookie);
	}
}

void weir_connection_done(struct weir_connection *conn, struct weir_facts_table *facts)
{
	weir_facts_put(facts, conn->end[0].facts);
	weir_facts_put(facts, conn->end[1].facts);
}

static uint64_t key_id(const struct weir_connection *conn)
{
	if (!conn->salted)
		return conn->id;
	return conn->id ^ weir_key_mix(conn->end[conn->salt_side].cookie);
}

static uint32_t netns_of(const struct weir_connection *conn, const struct weir_facts_table *facts,
			 int side)
{
	return weir_facts_at(facts, conn->end[side].facts)->netns;
}

static uint32_t loopback_netns(const struct weir_connection *conn,
			       const struct weir_facts_table *facts)
{
	int side = conn->known & BIT(0) ? 0 : 1;

	if (!weir_addr_is_loopback(&conn->addr[0]) && !weir_addr_is_loopback(&conn->addr[1]))
		return 0;
	return netns_of(conn, facts, side);
}

const struct weir_addr *weir_connection_asked(const struct weir_connection *conn,
					      const struct weir_facts_table *facts,
					      uint16_t *ret_port)
{
	const struct weir_facts *known = weir_facts_at(facts, conn->end[conn->source].facts);

	if (conn->asked_is_destination && weir_addr_is_none(&known->asked)) {
		*ret_port = conn->port[!conn->source];
		return &conn->addr[!conn->source];
	}
	if (weir_addr_is_none(&known->asked))
		known = weir_facts_at(facts, conn->end[!conn->source].facts);
	*ret_port = known->asked_port;
	return &known->asked;
}

uint64_t weir_connection_hash(const struct weir_connection *conn,
			      const struct weir_facts_table *facts)
{
	if (conn->protocol == IPPROTO_TCP)
		return weir_key_id_hash(key_id(conn));
	if (conn->translated)
		return weir_key_client_hash(conn->protocol, netns_of(conn, facts, conn->source),
					    &conn->addr[conn->source], conn->port[conn->source]);
	return weir_key_tuple_hash(conn->protocol, loopback_netns(conn, facts), conn->addr,
				   conn->port);
}

uint64_t weir_connection_end_hash(const struct weir_connection *conn,
				  const struct weir_facts_table *facts, int side)
{
	struct weir_addr addr[2] = { conn->addr[0], conn->addr[1] };
	uint16_t port[2] = { conn->port[0], conn->port[1] };

	if (!conn->translated)
		return weir_connection_hash(conn, facts);
	if (side == conn->source)
		addr[!side] = *weir_connection_asked(conn, facts, &port[!side]);
	return weir_key_tuple_hash(conn->protocol, loopback_netns(conn, facts), addr, port);
}

int weir_connection_match(const struct weir_connection *conn, const struct weir_facts_table *facts,
			  const struct weir_key *key, uint64_t cookie)
{
	int side;

	if (conn->protocol != key->protocol || conn->translated)
		return -1;
	if (key->kind != WEIR_KEY_TUPLE) {
		if (conn->socket_only != (key->kind == WEIR_KEY_SOCKET) || key_id(conn) != key->id)
			return -1;
		return key->side;
	}
	for (side = 0; side < 2; side++) {
		if (conn->port[side] == key->local_port && conn->port[!side] == key->peer_port &&
		    weir_addr_eq(&conn->addr[side], key->local) &&
		    weir_addr_eq(&conn->addr[!side], key->peer))
			break;
	}
	if (side == 2 || loopback_netns(conn, facts) != key->netns)
		return -1;
	/* From an address to itself both sides match: the socket decides. */
	if (key->local_port == key->peer_port && weir_addr_eq(key->local, key->peer) &&
	    (conn->known & BIT(0)) && conn->end[0].cookie != cookie)
		return 1;
	return side;
}

bool weir_connection_may_join(const struct weir_connection *conn, int side,
			      const struct weir_flow_input *in)
{
	bool vacant = !(conn->known & BIT(side));

	/* UDP: the client's exchange goes on when the server's socket is replaced. */
	if (!vacant && conn->protocol != IPPROTO_TCP)
		vacant = (conn->closed & BIT(side)) && !weir_connection_closing(conn);
	if (!vacant || conn->socket_only)
		return false;
	if ((conn->known & BIT(!side)) && conn->end[!side].cookie == in->end.cookie)
		return false;
	if (in->role == WEIR_ROLE_UNKNOWN || !conn->sure)
		return true;
	return (in->role == WEIR_ROLE_CLIENT) == (conn->source == (unsigned)side);
}

bool weir_connection_faces(const struct weir_connection *conn, int side,
			   const struct weir_flow_input *in)
{
	return conn->port[side] == in->local_port && conn->port[!side] == in->remote_port &&
	       weir_addr_eq(&conn->addr[side], &in->local) &&
	       weir_addr_eq(&conn->addr[!side], &in->remote);
}

static bool is_at(const struct weir_connection *conn, int side, const struct weir_addr *addr,
		  uint16_t port)
{
	return conn->port[side] == port && weir_addr_eq(&conn->addr[side], addr);
}

static enum weir_fit fit_client(const struct weir_connection *conn,
				const struct weir_facts_table *facts, const struct weir_key *key,
				const struct weir_flow_input *in)
{
	uint16_t port;
	const struct weir_addr *asked = weir_connection_asked(conn, facts, &port);

	if (conn->end[conn->source].cookie != in->end.cookie || port != key->peer_port ||
	    !weir_addr_eq(asked, key->peer))
		return WEIR_FIT_NONE;
	return WEIR_FIT_END;
}

/* Conntrack says what the client of @in asked for: then nothing else counts. */
static bool asked_otherwise(const struct weir_connection *conn,
			    const struct weir_facts_table *facts, const struct weir_flow_input *in)
{
	uint16_t port;
	const struct weir_addr *asked = weir_connection_asked(conn, facts, &port);

	return !weir_addr_is_none(&in->asked) &&
	       (port != in->asked_port || !weir_addr_eq(asked, &in->asked));
}

static enum weir_fit fit_server(const struct weir_connection *conn,
				const struct weir_facts_table *facts, const struct weir_key *key,
				const struct weir_flow_input *in)
{
	int side = !conn->source;
	bool is_known = conn->known & BIT(side);
	bool is_here = is_at(conn, side, key->local, key->local_port);
	uint64_t heard_ns = in->kind == WEIR_INPUT_CLOSE ? in->opened_ns : in->time_ns;

	if (asked_otherwise(conn, facts, in))
		return WEIR_FIT_NONE;
	if (is_known && is_here && conn->end[side].cookie == in->end.cookie)
		return WEIR_FIT_END;
	if (!weir_connection_may_join(conn, side, in))
		return WEIR_FIT_NONE;
	if (is_here || (!is_known && !weir_addr_is_none(&in->asked)))
		return WEIR_FIT_PEER;
	return is_known || heard_ns < conn->opened_ns ? WEIR_FIT_NONE : WEIR_FIT_MAYBE;
}

enum weir_fit weir_connection_fit(const struct weir_connection *conn,
				  const struct weir_facts_table *facts, const struct weir_key *key,
				  const struct weir_flow_input *in)
{
	bool is_server = in->role == WEIR_ROLE_SERVER;
	const struct weir_addr *client = is_server ? key->peer : key->local;
	uint16_t port = is_server ? key->peer_port : key->local_port;

	if (!conn->translated || conn->protocol != key->protocol ||
	    !is_at(conn, conn->source, client, port))
		return WEIR_FIT_NONE;
	if (weir_addr_is_loopback(client) && netns_of(conn, facts, conn->source) != in->end.netns)
		return WEIR_FIT_NONE;
	return is_server ? fit_server(conn, facts, key, in) : fit_client(conn, facts, key, in);
}

static int replace_facts(struct weir_connection *conn, struct weir_facts_table *facts, int side,
			 const struct weir_facts *want)
{
	struct weir_connection_end *end = &conn->end[side];
	uint32_t index;
	int r;

	if (end->facts && !memcmp(weir_facts_at(facts, end->facts), want, sizeof(*want)))
		return 0;
	r = weir_facts_get(facts, want, &index);
	if (r < 0)
		return r;
	weir_facts_put(facts, end->facts);
	end->facts = index;
	return 0;
}

int weir_connection_set_addr(struct weir_connection *conn, struct weir_facts_table *facts, int side,
			     const struct weir_addr *addr, uint16_t port)
{
	if (conn->port[side] == port && weir_addr_eq(&conn->addr[side], addr))
		return 0;
	if (conn->asked_is_destination && side != conn->source) {
		struct weir_facts want = *weir_facts_at(facts, conn->end[!side].facts);
		int r;

		want.asked = conn->addr[side];
		want.asked_port = conn->port[side];
		r = replace_facts(conn, facts, !side, &want);
		if (r < 0)
			return r;
		conn->asked_is_destination = 0;
	}
	conn->addr[side] = *addr;
	conn->port[side] = port;
	return 0;
}

int weir_connection_set_xlated(struct weir_connection *conn, struct weir_facts_table *facts,
			       int side, const struct weir_addr *xlated)
{
	struct weir_facts want = *weir_facts_at(facts, conn->end[side].facts);

	want.xlated = *xlated;
	return replace_facts(conn, facts, side, &want);
}

static bool is_unspecified(const struct weir_addr *addr)
{
	static const uint8_t nothing[4];

	return weir_addr_is_none(addr) ||
	       (weir_addr_is_v4(addr) && !memcmp(addr->bytes + 12, nothing, sizeof(nothing)));
}

/* The peer's address is better known than its socket knows it: by conntrack's account. */
static bool knows_peer(const struct weir_connection *conn, const struct weir_facts_table *facts,
		       int side, const struct weir_flow_input *in)
{
	const struct weir_facts *known = weir_facts_at(facts, conn->end[side].facts);

	if (!conn->sure)
		return false;
	if (side == conn->source)
		return known->asked_port == in->remote_port &&
		       weir_addr_eq(&known->asked, &in->remote);
	return !weir_addr_is_none(&known->asked) || !weir_addr_is_none(&known->xlated);
}

/* TCP only: a UDP exchange is its addresses, so they cannot change unnoticed. */
static int learn_addresses(struct weir_connection *conn, struct weir_facts_table *facts, int side,
			   const struct weir_flow_input *in)
{
	int r = 0;

	if (!is_at(conn, side, &in->local, in->local_port) && !is_unspecified(&in->local))
		r = weir_connection_set_addr(conn, facts, side, &in->local, in->local_port);
	if (r < 0 || (conn->known & BIT(!side)) || knows_peer(conn, facts, side, in))
		return r;
	if (weir_key_has_backend(in))
		return weir_connection_set_addr(conn, facts, !side, &in->backend, in->backend_port);
	return weir_connection_set_addr(conn, facts, !side, &in->remote, in->remote_port);
}

static void learn_role(struct weir_connection *conn, int side, enum weir_role role)
{
	if (conn->sure || role == WEIR_ROLE_UNKNOWN)
		return;
	conn->source = role == WEIR_ROLE_CLIENT ? side : !side;
	conn->sure = 1;
	conn->dirty = 1;
}

/* Most inputs of an end say of its process what the first one did. */
static bool is_process(const struct weir_facts *known, const struct weir_flow_end *end)
{
	return known->cgroup_id == end->cgroup_id && known->pid == end->pid &&
	       known->netns == end->netns && !memcmp(known->comm, end->comm, sizeof(known->comm));
}

static void learn_process(struct weir_facts *facts, const struct weir_flow_end *end)
{
	if (end->cgroup_id)
		facts->cgroup_id = end->cgroup_id;
	if (end->pid)
		facts->pid = end->pid;
	/* A socket never changes its namespace, and the key of a loopback exchange has it. */
	if (!facts->netns)
		facts->netns = end->netns;
	if (end->comm[0]) {
		memset(facts->comm, 0, sizeof(facts->comm));
		memcpy(facts->comm, end->comm, strnlen(end->comm, sizeof(facts->comm) - 1));
	}
}

/* Counted so far by the same end: totals never fall. */
static uint16_t raised_to(uint16_t known, uint32_t counted)
{
	uint16_t capped = counted < UINT16_MAX ? (uint16_t)counted : UINT16_MAX;

	return capped > known ? capped : known;
}

static int learn_zero_windows(struct weir_connection *conn, struct weir_facts_table *facts,
			      int side, const struct weir_flow_counts *counts)
{
	const struct weir_facts *known = weir_facts_at(facts, conn->end[side].facts);
	uint16_t tx = raised_to(known->zero_windows_tx, counts->zero_windows_tx);
	uint16_t rx = raised_to(known->zero_windows_rx, counts->zero_windows_rx);
	struct weir_facts want;
	int r;

	if (tx == known->zero_windows_tx && rx == known->zero_windows_rx)
		return 0;
	want = *known;
	want.zero_windows_tx = tx;
	want.zero_windows_rx = rx;
	r = replace_facts(conn, facts, side, &want);
	if (r >= 0)
		conn->dirty = 1;
	return r;
}

static int learn_facts(struct weir_connection *conn, struct weir_facts_table *facts, int side,
		       const struct weir_flow_input *in, bool is_new)
{
	static const struct weir_addr none;
	const struct weir_facts *known = weir_facts_at(facts, is_new ? 0 : conn->end[side].facts);
	const struct weir_addr *asked = &known->asked;
	uint16_t port = known->asked_port;
	bool is_source = conn->source == (unsigned)side;
	bool same = false, tells;

	if (!weir_addr_is_none(&in->asked)) {
		same = is_source && is_at(conn, !side, &in->asked, in->asked_port);
		asked = same ? &none : &in->asked;
		port = same ? 0 : in->asked_port;
	}
	tells = !weir_addr_is_none(asked);
	if (is_new || !is_process(known, &in->end) || port != known->asked_port ||
	    !weir_addr_eq(asked, &known->asked) ||
	    (!weir_addr_is_none(&in->xlated) && !weir_addr_eq(&in->xlated, &known->xlated))) {
		struct weir_facts want = *known;
		int r;

		learn_process(&want, &in->end);
		want.asked = *asked;
		want.asked_port = port;
		if (!weir_addr_is_none(&in->xlated))
			want.xlated = in->xlated;
		r = replace_facts(conn, facts, side, &want);
		if (r < 0)
			return r;
	}
	if (same)
		conn->asked_is_destination = 1;
	else if (is_source && tells)
		conn->asked_is_destination = 0;
	return 0;
}

static void learn_times(struct weir_connection *conn, int side, const struct weir_flow_input *in)
{
	bool is_source = conn->source == (unsigned)side;

	if (in->time_ns > conn->last_ns)
		conn->last_ns = in->time_ns;
	if (conn->protocol != IPPROTO_TCP && in->opened_ns && conn->opened_ns &&
	    (conn->known & BIT(!side))) {
		/* One clock on one node: no server hears of an exchange before it was opened. */
		if (is_source && in->opened_ns > conn->opened_ns && !(conn->known & BIT(side)))
			conn->stale = 1;
		if (!is_source && in->opened_ns < conn->opened_ns)
			conn->stale = 1;
	}
	if (in->opened_ns && (is_source || !conn->opened_ns))
		conn->opened_ns = in->opened_ns;
	if (is_source && in->opened_ns && in->established_ns > in->opened_ns) {
		uint64_t us = (in->established_ns - in->opened_ns) / WEIR_NS_PER_US;

		conn->latency_us = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
	}
}

static bool raise_to(uint64_t *total, uint64_t value)
{
	if (value <= *total)
		return false;
	*total = value;
	return true;
}

static void learn_counts(struct weir_connection *conn, int side, const struct weir_flow_input *in)
{
	struct weir_connection_end *end = &conn->end[side];
	const struct weir_flow_counts *counts = &in->counts;
	bool tells = conn->source == (unsigned)side || !(conn->known & BIT(conn->source));
	/* What went to a pod by its link may not have come to anybody. */
	bool heard = counts->rx_packets &&
		     (!(end->cookie & WEIR_COOKIE_LINK) || conn->source == (unsigned)side);
	bool changed = false;

	/* A sweep reads a live socket, a FIN of which may just be counted as a byte; at its close
	 * the socket is locked. */
	if (conn->protocol == IPPROTO_TCP && in->kind == WEIR_INPUT_CLOSE) {
		end->tx_bytes = 0;
		end->rx_bytes = 0;
	}
	changed |= raise_to(&end->tx_bytes, counts->tx_bytes);
	changed |= raise_to(&end->rx_bytes, counts->rx_bytes);
	changed |= raise_to(&end->tx_packets, counts->tx_packets);
	changed |= raise_to(&end->rx_packets, counts->rx_packets);
	if (changed && tells)
		conn->dirty = 1;
	if (counts->retransmits > end->retransmits) {
		end->retransmits = counts->retransmits;
		conn->dirty = 1;
	}
	if (conn->protocol != IPPROTO_TCP && heard && !conn->arrived && (tells || !conn->stale)) {
		conn->arrived = 1;
		conn->dirty = 1;
	}
	if (tells && counts->rtt_us)
		conn->rtt_us = counts->rtt_us;
	if (tells && counts->rtt_min_us)
		conn->rtt_min_us = counts->rtt_min_us;
}

/* What records said by the destination's account stays said when the source's is lower. */
static void keep_floor(struct weir_connection *conn, int side)
{
	const struct weir_connection_end *other = &conn->end[!side];

	if (!conn->emitted || conn->source != (unsigned)side || !(conn->known & BIT(!side)))
		return;
	conn->end[side].tx_bytes = other->rx_bytes;
	conn->end[side].rx_bytes = other->tx_bytes;
	conn->end[side].tx_packets = other->rx_packets;
	conn->end[side].rx_packets = other->tx_packets;
}

uint8_t weir_connection_better_reason(uint8_t a, uint8_t b)
{
	/* How much each says about a connection of which the two ends tell different things. */
	static const uint8_t weight[WEIR_END_MAX_] = {
		[WEIR_END_NONE] = 0,        [WEIR_END_UNKNOWN] = 1,
		[WEIR_END_IDLE] = 2,        [WEIR_END_SOCKET_CLOSED] = 3,
		[WEIR_END_FIN] = 4,         [WEIR_END_ABORTED] = 5,
		[WEIR_END_LOCAL_ERROR] = 6, [WEIR_END_UNREACHABLE] = 7,
		[WEIR_END_REFUSED] = 8,     [WEIR_END_TIMEOUT] = 9,
		[WEIR_END_RST] = 10,
	};

	return weight[b] > weight[a] ? b : a;
}

static void learn_end(struct weir_connection *conn, int side, const struct weir_flow_input *in)
{
	uint8_t reason = WEIR_END_UNKNOWN;

	if (in->end_reason > WEIR_END_NONE && in->end_reason < WEIR_END_MAX_)
		reason = (uint8_t)in->end_reason;
	conn->reason[side] = weir_connection_better_reason(conn->reason[side], reason);
	if (in->reset_sent)
		conn->reset_by |= BIT(side);
	if (in->reset_received)
		conn->reset_by |= BIT(!side);
	conn->closed |= BIT(side);
	conn->given_up &= ~BIT(side) & BOTH;
	/* Nobody saw it end: its totals are those of the latest sweep. */
	if (reason == WEIR_END_UNKNOWN && conn->protocol == IPPROTO_TCP)
		conn->given_up |= BIT(side);
}

int weir_connection_apply(struct weir_connection *conn, struct weir_facts_table *facts, int side,
			  const struct weir_flow_input *in)
{
	bool replaced = (conn->known & BIT(side)) && conn->end[side].cookie != in->end.cookie;
	bool is_new = replaced || !(conn->known & BIT(side));
	int r = 0;

	learn_role(conn, side, in->role);
	if (conn->protocol == IPPROTO_TCP)
		r = learn_addresses(conn, facts, side, in);
	if (r >= 0)
		r = learn_facts(conn, facts, side, in, is_new);
	if (r >= 0)
		r = learn_zero_windows(conn, facts, side, &in->counts);
	if (r < 0)
		return r;
	if (replaced)
		conn->end[side] = (struct weir_connection_end){ .facts = conn->end[side].facts };
	if (is_new) {
		conn->end[side].cookie = in->end.cookie;
		conn->dirty = 1;
		keep_floor(conn, side);
	}
	/* A UDP server's account of a living exchange: it rested, and there is more. */
	if (in->kind != WEIR_INPUT_CLOSE && (conn->closed & BIT(side)) &&
	    !weir_connection_closing(conn)) {
		conn->closed &= ~BIT(side) & BOTH;
		conn->reason[side] = WEIR_END_NONE;
	}
	learn_times(conn, side, in);
	conn->known |= BIT(side);
	learn_counts(conn, side, in);
	conn->established |= in->established;
	if (in->seen > conn->handshake)
		conn->handshake = in->seen;
	if (in->kind == WEIR_INPUT_FOUND)
		conn->found = 1;
	if (in->kind == WEIR_INPUT_OPEN && !conn->emitted)
		conn->opening = 1;
	if (in->kind == WEIR_INPUT_CLOSE)
		learn_end(conn, side, in);
	return 0;
}

bool weir_connection_closing(const struct weir_connection *conn)
{
	if (!conn->closed)
		return false;
	if (conn->protocol == IPPROTO_TCP || !conn->sure || conn->closed == conn->known)
		return true;
	return conn->closed & BIT(conn->source);
}
