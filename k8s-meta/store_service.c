/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

/* weir_service_name_new() packs "namespace NUL name": that is the key. */
static size_t name_key_len(const struct weir_service_name *service)
{
	return (size_t)(service->name - service->namespace_) + strlen(service->name);
}

static int get_name(struct weir_store *store, const char *namespace_, const char *name,
		    struct weir_service_name **ret_service)
{
	struct weir_service_name *service, *known;
	int r = weir_service_name_new(namespace_, name, &service);

	if (r < 0)
		return r;
	known = weir_map_lookup(&store->service_names, service->namespace_, name_key_len(service));
	if (known) {
		weir_service_name_unref(service);
		*ret_service = weir_service_name_ref(known);
		return 0;
	}
	r = weir_map_add(&store->service_names, service->namespace_, name_key_len(service),
			 service);
	if (r < 0) {
		weir_service_name_unref(service);
		return r;
	}
	*ret_service = weir_service_name_ref(service);
	return 0;
}

void weir_service_names_trim(struct weir_store *store)
{
	_cleanup_free_ struct weir_service_name **unused = NULL;
	size_t cursor = 0, n = 0;
	void *value;

	unused = calloc(store->service_names.count + 1, sizeof(*unused));
	if (!unused)
		return;
	while (weir_map_next(&store->service_names, &cursor, &value)) {
		struct weir_service_name *service = value;

		if (service->refs == 1)
			unused[n++] = service;
	}
	for (size_t i = 0; i < n; i++) {
		(void)weir_map_remove(&store->service_names, unused[i]->namespace_,
				      name_key_len(unused[i]));
		weir_service_name_unref(unused[i]);
	}
}

void weir_service_names_done(struct weir_store *store)
{
	size_t cursor = 0;
	void *value;

	while (weir_map_next(&store->service_names, &cursor, &value))
		weir_service_name_unref(value);
	weir_map_done(&store->service_names);
}

static int claim_port(struct weir_store *store, struct weir_service_entry *service,
		      const struct weir_addr *addr, uint16_t port, uint8_t protocol,
		      enum weir_port_claim kind, uint64_t mono_ns)
{
	struct weir_port_key key = { .addr = *addr, .port = port, .protocol = protocol };

	return weir_claim_table_claim(&store->ports, &key, (uint8_t)kind, &service->entry.ports,
				      mono_ns);
}

/* A node port is claimed once, at no address: every node has it. */
static int claim_ports(struct weir_store *store, struct weir_service_entry *service,
		       const struct weir_addrs *addrs, const struct weir_port *ports,
		       size_t n_ports, enum weir_port_claim kind, uint64_t mono_ns)
{
	static const struct weir_addr none;
	int r = 0;

	weir_claim_table_begin(&store->ports);
	for (size_t i = 0; i < addrs->n && r >= 0; i++) {
		for (size_t j = 0; j < n_ports && r >= 0; j++)
			r = claim_port(store, service, &addrs->items[i], ports[j].port,
				       ports[j].protocol, kind, mono_ns);
	}
	for (size_t j = 0; j < n_ports && r >= 0 && kind == WEIR_PORT_FRONTEND; j++) {
		if (ports[j].node_port)
			r = claim_port(store, service, &none, ports[j].node_port, ports[j].protocol,
				       kind, mono_ns);
	}
	weir_claim_table_end(&store->ports, &service->entry.ports, mono_ns);
	return r;
}

int weir_service_update(struct weir_store *store, struct weir_service_entry *service,
			const struct weir_object *object, uint64_t mono_ns)
{
	int r = 0;

	if (!service->service)
		r = get_name(store, object->namespace_, object->name, &service->service);
	if (r < 0)
		return r;
	service->entry.ports.value = service->service;
	r = weir_entry_set_addrs(store, &service->entry, &object->service.addrs, WEIR_IP_SERVICE,
				 mono_ns);
	if (r < 0)
		return r;
	return claim_ports(store, service, &object->service.addrs, object->service.ports,
			   object->service.n_ports, WEIR_PORT_FRONTEND, mono_ns);
}

int weir_slice_update(struct weir_store *store, struct weir_service_entry *slice,
		      const struct weir_object *object, uint64_t mono_ns)
{
	static const struct weir_addrs none;
	const struct weir_endpoint_slice *from = &object->slice;
	bool has_service = *from->service_name != '\0';
	struct weir_service_name *service = NULL;
	int r = 0;

	if (has_service)
		r = get_name(store, object->namespace_, from->service_name, &service);
	if (r < 0)
		return r;
	if (slice->service && service != slice->service)
		weir_claim_table_forget(&store->ports, &slice->entry.ports);
	weir_service_name_unref(slice->service);
	slice->service = service;
	slice->entry.ports.value = service;
	return claim_ports(store, slice, has_service ? &from->addrs : &none, from->ports,
			   from->n_ports, WEIR_PORT_ENDPOINT, mono_ns);
}
