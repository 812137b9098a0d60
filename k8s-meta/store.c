/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "k8s-meta/store_internal.h"
#include "lib/cleanup.h"

_Static_assert(sizeof(struct weir_port_key) == WEIR_CLAIM_KEY_MAX, "no padding in a port's key");

int weir_store_new(struct weir_store **ret_store)
{
	_cleanup_(weir_store_free) struct weir_store *store = calloc(1, sizeof(*store));
	int r;

	if (!store)
		return -ENOMEM;
	weir_map_init(&store->objects);
	weir_map_init(&store->uids);
	weir_map_init(&store->cgroups);
	weir_map_init(&store->service_names);
	TAILQ_INIT(&store->gone_entries);
	TAILQ_INIT(&store->gone_cgroups);
	weir_claim_table_init(&store->ips, sizeof(struct weir_addr), WEIR_CLAIM_REMEMBER_MAX);
	weir_claim_table_init(&store->ports, sizeof(struct weir_port_key), 0);
	weir_claim_list_init(&store->host_addrs, NULL);
	weir_label_pool_init(&store->labels);
	r = weir_store_set_node_name(store, "");
	if (r < 0)
		return r;
	*ret_store = TAKE_PTR(store);
	return 0;
}

void weir_store_free(struct weir_store **store)
{
	struct weir_store *s = *store;

	if (!s)
		return;
	weir_entries_done(s);
	weir_cgroups_done(s);
	weir_claim_table_done(&s->ips);
	weir_claim_table_done(&s->ports);
	weir_service_names_done(s);
	weir_label_pool_done(&s->labels);
	weir_identity_unref(s->host);
	free(s->node_name);
	free(s);
	*store = NULL;
}

static bool is_link_local(const struct weir_addr *addr)
{
	if (weir_addr_is_v4(addr))
		return addr->bytes[12] == 169 && addr->bytes[13] == 254;
	return addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80;
}

/* The claim to believe; NULL when none holds, or several that all begin later. That of an interface
 * never counts before it begins. */
static const struct weir_claim *best_owner(const struct weir_claim *claim, uint64_t mono_ns)
{
	const struct weir_claim *best = NULL;

	for (; claim; claim = weir_claim_next(claim, mono_ns)) {
		if (claim->from_ns > mono_ns && claim->kind == WEIR_IP_HOST)
			continue;
		if (best && claim->from_ns > mono_ns && claim->owner != best->owner)
			return NULL;
		if (!best || claim->kind < best->kind)
			best = claim;
	}
	return best;
}

const struct weir_identity *weir_store_by_ip(struct weir_store *store, const struct weir_addr *addr,
					     uint64_t mono_ns)
{
	const struct weir_claim *claim;
	bool known;

	if (weir_addr_is_none(addr) || weir_addr_is_loopback(addr) || is_link_local(addr))
		return weir_identity_unknown();
	claim = weir_claim_table_lookup(&store->ips, addr, mono_ns, &known);
	if (!known)
		return weir_identity_world();
	claim = best_owner(claim, mono_ns);
	if (!claim)
		return weir_identity_unknown();
	switch ((enum weir_ip_claim)claim->kind) {
	case WEIR_IP_HOST:
		return store->host;
	case WEIR_IP_NODE: {
		const struct weir_node_entry *node = claim->owner->value;

		return node->is_this ? store->host : node->identity;
	}
	case WEIR_IP_POD:
		return ((const struct weir_pod_entry *)claim->owner->value)->identity;
	case WEIR_IP_SERVICE:
		break;
	}
	return weir_identity_unknown();
}

static const struct weir_claim *first_port_claim(const struct weir_store *store,
						 const struct weir_addr *addr, uint16_t port,
						 uint8_t protocol, uint64_t mono_ns)
{
	struct weir_port_key key = { .addr = *addr, .port = port, .protocol = protocol };

	return weir_claim_table_lookup(&store->ports, &key, mono_ns, NULL);
}

static bool is_of_node(struct weir_store *store, const struct weir_addr *addr, uint64_t mono_ns)
{
	enum weir_identity_kind kind = weir_store_by_ip(store, addr, mono_ns)->kind;

	return kind == WEIR_IDENTITY_HOST || kind == WEIR_IDENTITY_REMOTE_NODE;
}

const struct weir_service_name *weir_store_service(struct weir_store *store,
						   const struct weir_addr *addr, uint16_t port,
						   uint8_t protocol, uint64_t mono_ns)
{
	static const struct weir_addr any;
	const struct weir_claim *claim = first_port_claim(store, addr, port, protocol, mono_ns);
	const struct weir_claim *best;
	bool is_one = true;

	if (!claim && is_of_node(store, addr, mono_ns))
		claim = first_port_claim(store, &any, port, protocol, mono_ns);
	best = claim;
	for (; claim; claim = weir_claim_next(claim, mono_ns)) {
		if (claim->kind < best->kind) {
			best = claim;
			is_one = true;
		} else if (claim->kind == best->kind && claim->owner->value != best->owner->value) {
			is_one = false;
		}
	}
	return best && is_one ? best->owner->value : NULL;
}

bool weir_store_translates(const struct weir_store *store, const struct weir_addr *asked,
			   uint16_t asked_port, const struct weir_addr *backend,
			   uint16_t backend_port, uint8_t protocol, uint64_t mono_ns)
{
	const struct weir_claim *front =
		first_port_claim(store, asked, asked_port, protocol, mono_ns);
	const struct weir_claim *back = NULL;

	if (front && backend)
		back = first_port_claim(store, backend, backend_port, protocol, mono_ns);
	for (; front; front = weir_claim_next(front, mono_ns)) {
		if (front->kind != WEIR_PORT_FRONTEND)
			continue;
		if (!backend)
			return true;
		for (const struct weir_claim *end = back; end;
		     end = weir_claim_next(end, mono_ns)) {
			/* Names are kept once each: see get_name() in store_service.c. */
			if (end->kind == WEIR_PORT_ENDPOINT &&
			    end->owner->value == front->owner->value)
				return true;
		}
	}
	return false;
}

int weir_store_set_host_addrs(struct weir_store *store, const struct weir_addr *addrs, size_t n,
			      uint64_t mono_ns)
{
	uint64_t from = store->host_addrs_known ? mono_ns : 0;

	weir_claim_table_begin(&store->ips);
	for (size_t i = 0; i < n; i++) {
		int r = weir_claim_table_claim(&store->ips, &addrs[i], WEIR_IP_HOST,
					       &store->host_addrs, from);

		if (r < 0)
			return r;
	}
	weir_claim_table_end(&store->ips, &store->host_addrs, mono_ns);
	store->host_addrs_known = true;
	return 0;
}

void weir_store_expire(struct weir_store *store, uint64_t mono_ns)
{
	uint64_t before = mono_ns > WEIR_STORE_KEEP_NS ? mono_ns - WEIR_STORE_KEEP_NS : 0;

	weir_claim_table_expire(&store->ips, before);
	weir_claim_table_expire(&store->ports, before);
	weir_cgroups_expire(store, before);
	weir_entries_expire(store, before);
	weir_service_names_trim(store);
	weir_label_pool_trim(&store->labels);
}

void weir_store_get_stats(const struct weir_store *store, struct weir_store_stats *ret_stats)
{
	*ret_stats = (struct weir_store_stats){
		.pods = store->n_objects[WEIR_OBJECT_POD],
		.services = store->n_objects[WEIR_OBJECT_SERVICE],
		.endpoints = store->ports.n_open[WEIR_PORT_ENDPOINT],
		.nodes = store->n_objects[WEIR_OBJECT_NODE],
		.namespaces = store->n_objects[WEIR_OBJECT_NAMESPACE],
		.cgroups = store->n_cgroups,
	};
}
