/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/key.h"

#include <netinet/in.h>
#include <string.h>

#include "lib/map.h"

struct tuple {
	struct weir_addr addr[2];
	uint32_t netns;
	uint16_t port[2];
	uint32_t protocol;
};
_Static_assert(sizeof(struct tuple) == 44, "tuple is hashed as bytes: no hidden padding");

/* The finaliser of MurmurHash3 (public domain): a bijection, so distinct keys keep distinct ids. */
uint64_t weir_key_mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	x ^= x >> 33;
	return x;
}

static uint64_t protocol_salt(uint8_t protocol)
{
	return protocol * 0x9e3779b97f4a7c15ULL;
}

uint64_t weir_key_id_hash(uint64_t id)
{
	return weir_hash_u64(id);
}

uint64_t weir_key_tuple_hash(uint8_t protocol, uint32_t netns, const struct weir_addr addr[2],
			     const uint16_t port[2])
{
	int order = memcmp(&addr[0], &addr[1], sizeof(addr[0]));
	int first = order > 0 || (!order && port[0] > port[1]);
	struct tuple tuple = {
		.addr = { addr[first], addr[!first] },
		.netns = netns,
		.port = { port[first], port[!first] },
		.protocol = protocol,
	};

	return weir_hash_bytes(&tuple, sizeof(tuple));
}

uint64_t weir_key_client_hash(uint8_t protocol, uint32_t netns, const struct weir_addr *addr,
			      uint16_t port)
{
	const struct weir_addr addrs[2] = { *addr };
	const uint16_t ports[2] = { port };

	return weir_key_tuple_hash(protocol, weir_addr_is_loopback(addr) ? netns : 0, addrs, ports);
}

bool weir_key_has_backend(const struct weir_flow_input *in)
{
	return in->role != WEIR_ROLE_SERVER && !weir_addr_is_none(&in->backend) &&
	       (in->backend_port != in->remote_port || !weir_addr_eq(&in->backend, &in->remote));
}

static uint64_t mix_addr(uint64_t x, const struct weir_addr *addr, uint16_t port)
{
	uint64_t half[2];

	memcpy(half, addr->bytes, sizeof(half));
	x = weir_key_mix(x ^ half[0]);
	x = weir_key_mix(x ^ half[1]);
	return weir_key_mix(x ^ port);
}

uint64_t weir_key_exchange_id(const struct weir_key *key, uint64_t cookie, uint64_t opened_ns)
{
	uint64_t x = weir_key_mix(cookie + protocol_salt(key->protocol));

	x = weir_key_mix(x ^ opened_ns);
	x = mix_addr(x, key->local, key->local_port);
	return mix_addr(x, key->peer, key->peer_port);
}

uint64_t weir_key_attempt_id(uint32_t isn, const struct weir_addr *addr, uint16_t port)
{
	return mix_addr(weir_key_mix(isn + protocol_salt(IPPROTO_TCP)), addr, port);
}

static void init_tcp(struct weir_key *key, const struct weir_flow_input *in)
{
	uint32_t low = in->isn_local, high = in->isn_remote;

	if ((!in->established && !high) || (!low && !high)) {
		key->kind = WEIR_KEY_SOCKET;
		key->id = low ? weir_key_attempt_id(low, key->local, key->local_port)
			      : weir_key_exchange_id(key, in->end.cookie, in->opened_ns);
	} else {
		key->kind = WEIR_KEY_ISN;
		key->side = low > high;
		if (key->side) {
			low = in->isn_remote;
			high = in->isn_local;
		}
		key->id =
			weir_key_mix((((uint64_t)low << 32) | high) ^ protocol_salt(key->protocol));
	}
	key->hash = weir_key_id_hash(key->id);
}

void weir_key_init(struct weir_key *key, const struct weir_flow_input *in, bool backend)
{
	bool to_backend = backend && weir_key_has_backend(in);

	*key = (struct weir_key){
		.kind = WEIR_KEY_TUPLE,
		.protocol = in->protocol,
		.local = &in->local,
		.peer = to_backend ? &in->backend : &in->remote,
		.local_port = in->local_port,
		.peer_port = to_backend ? in->backend_port : in->remote_port,
	};
	if (in->protocol == IPPROTO_TCP) {
		init_tcp(key, in);
	} else {
		const struct weir_addr addr[2] = { *key->local, *key->peer };
		const uint16_t port[2] = { key->local_port, key->peer_port };

		if (weir_addr_is_loopback(key->local) || weir_addr_is_loopback(key->peer))
			key->netns = in->end.netns;
		key->hash = weir_key_tuple_hash(key->protocol, key->netns, addr, port);
	}
}
