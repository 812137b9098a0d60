/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FLOW_KEY_H
#define WEIR_FLOW_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/flow.h"

/** What names the connection an input belongs to. */
enum weir_key_kind {
	/*
	 * TCP: the two initial sequence numbers, in no order, because an end that is older than
	 * the agent may not know its role. They are the same on both ends, through any address
	 * translation and across agents, and different when a port is used again.
	 */
	WEIR_KEY_ISN,
	/* UDP: the two addresses and ports, in no order; on loopback the network namespace too. */
	WEIR_KEY_TUPLE,
	/*
	 * TCP that was never established, or whose sequence numbers are not known: the socket, or
	 * the client's initial sequence number. Such an end is never joined with another.
	 */
	WEIR_KEY_SOCKET,
};

/** struct weir_key - borrowed addresses: valid as long as the input it was made from. */
struct weir_key {
	enum weir_key_kind kind;
	uint8_t protocol;
	uint8_t side;    /* WEIR_KEY_ISN: 0 when isn_local is the smaller one, else 1; else 0 */
	uint64_t hash;   /* seeded: for places in tables, and for names within this process */
	uint64_t id;     /* WEIR_KEY_ISN, _SOCKET: unseeded, one to one with the key; else 0 */
	const struct weir_addr *local;
	const struct weir_addr *peer;  /* where its packets go: the backend where it is known */
	uint16_t local_port;
	uint16_t peer_port;
	uint32_t netns;  /* WEIR_KEY_TUPLE on loopback; else 0 */
};

/** weir_key_init() - the key of @in; @backend false: as if it had named no backend. */
void weir_key_init(struct weir_key *key, const struct weir_flow_input *in, bool backend);

/** weir_key_has_backend() - whether @in names a backend that is not simply its remote. */
bool weir_key_has_backend(const struct weir_flow_input *in);

/** weir_key_mix() - a fixed one-to-one mix of 64 bits: the same in every process and node. */
uint64_t weir_key_mix(uint64_t x);

/** weir_key_id_hash() - the hash of a key of kind ISN or SOCKET. */
uint64_t weir_key_id_hash(uint64_t id);

/** weir_key_tuple_hash() - the hash of a key of kind TUPLE, from its ends in either order. */
uint64_t weir_key_tuple_hash(uint8_t protocol, uint32_t netns, const struct weir_addr addr[2],
			     const uint16_t port[2]);

/**
 * weir_key_client_hash() - the hash for an exchange whose destination the network may translate:
 * of its client's address and port alone, which both ends see.
 *
 * @netns: counts on loopback only.
 */
uint64_t weir_key_client_hash(uint8_t protocol, uint32_t netns, const struct weir_addr *addr,
			      uint16_t port);

/**
 * weir_key_attempt_id() - flow.id of a connect() that was not answered yet, or never: by the
 * client's initial sequence number, address and port, which its SYN says as well as its socket.
 */
uint64_t weir_key_attempt_id(uint32_t isn, const struct weir_addr *addr, uint16_t port);

/** weir_key_exchange_id() - flow.id of a UDP exchange: fixed mix of what tells it from others. */
uint64_t weir_key_exchange_id(const struct weir_key *key, uint64_t cookie, uint64_t opened_ns);

#endif
