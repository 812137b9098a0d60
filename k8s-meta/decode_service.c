/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/decode_kind.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define PORT_MAX 65535

static int decode_protocol(const struct weir_field *port, uint8_t *ret_protocol)
{
	static const struct {
		const char *name;
		uint8_t protocol;
	} protocols[] = {
		{ "TCP", IPPROTO_TCP },
		{ "UDP", IPPROTO_UDP },
		{ "SCTP", IPPROTO_SCTP },
	};
	const char *name;
	int r = weir_field_str(port, "protocol", &name);

	if (r < 0)
		return r;
	if (!*name)
		name = "TCP";
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (!strcmp(name, protocols[i].name)) {
			*ret_protocol = protocols[i].protocol;
			return 0;
		}
	}
	return weir_field_fail(port, "protocol \"%s\" is none of TCP, UDP, SCTP", name);
}

/* A slice's port without a number stands for all ports, of which no one can be looked up. */
static int decode_ports(const struct weir_field *object, const struct weir_port **ret_ports,
			size_t *ret_n)
{
	struct weir_field array, item;
	struct weir_port *ports;
	int n = weir_field_items(object, "ports", &array);
	int r = 0;

	if (n <= 0)
		return n;
	ports = weir_arena_alloc(object->decoder->arena, (size_t)n, sizeof(*ports));
	if (!ports)
		return -ENOMEM;
	*ret_ports = ports;
	for (int i = 0; i < n; i++) {
		struct weir_port port;
		long number = 0, node_port = 0;

		r = weir_field_item(&array, (size_t)i, json_type_object, &item);
		if (r >= 0)
			r = decode_protocol(&item, &port.protocol);
		if (r >= 0)
			r = weir_field_int(&item, "nodePort", 0, PORT_MAX, &node_port);
		if (r >= 0)
			r = weir_field_int(&item, "port", 1, PORT_MAX, &number);
		if (r < 0)
			return r;
		if (!r)
			continue;
		port.port = (uint16_t)number;
		port.node_port = (uint16_t)node_port;
		ports[(*ret_n)++] = port;
	}
	return 0;
}

/* clusterIP is the first of clusterIPs; objects older than dual-stack have only the former. */
static int decode_cluster_ips(const struct weir_field *spec, struct weir_addr_list *list)
{
	struct weir_field ip;
	int r = weir_addr_list_read_all(list, spec, "clusterIPs");

	if (r < 0 || list->n)
		return r;
	r = weir_field_get(spec, "clusterIP", json_type_string, &ip);
	if (r <= 0 || !json_object_get_string_len(ip.value) ||
	    !strcmp(json_object_get_string(ip.value), "None"))
		return r < 0 ? r : 0;
	return weir_addr_list_read(list, &ip);
}

static int decode_ingress(const struct weir_field *root, struct weir_addr_list *list)
{
	struct weir_field status, balancer, array, entry, ip;
	int n = 0, r;

	r = weir_field_get(root, "status", json_type_object, &status);
	if (r > 0)
		r = weir_field_get(&status, "loadBalancer", json_type_object, &balancer);
	if (r > 0)
		r = n = weir_field_items(&balancer, "ingress", &array);
	for (int i = 0; i < n && r >= 0; i++) {
		r = weir_field_item(&array, (size_t)i, json_type_object, &entry);
		if (r >= 0)
			r = weir_field_get(&entry, "ip", json_type_string, &ip);
		if (r > 0 && json_object_get_string_len(ip.value) > 0)
			r = weir_addr_list_read(list, &ip);
	}
	return r < 0 ? r : 0;
}

int weir_decode_service(const struct weir_field *root, struct weir_object *object)
{
	struct weir_service *service = &object->service;
	struct weir_addr_list list = { 0 };
	struct weir_field spec;
	int r;

	r = weir_field_get(root, "spec", json_type_object, &spec);
	if (r > 0) {
		r = decode_cluster_ips(&spec, &list);
		if (r >= 0)
			r = weir_addr_list_read_all(&list, &spec, "externalIPs");
		if (r >= 0)
			r = decode_ports(&spec, &service->ports, &service->n_ports);
	}
	if (r >= 0)
		r = decode_ingress(root, &list);
	service->addrs = (struct weir_addrs){ .items = list.items, .n = list.n };
	return r;
}

int weir_decode_endpoint_slice(const struct weir_field *root, struct weir_object *object)
{
	struct weir_endpoint_slice *slice = &object->slice;
	struct weir_addr_list list = { 0 };
	struct weir_field array, endpoint;
	const char *type;
	int n, r;

	slice->service_name = weir_decode_label(object, "kubernetes.io/service-name");
	r = weir_field_str(root, "addressType", &type);
	if (r < 0)
		return r;
	if (strcmp(type, "IPv4") != 0 && strcmp(type, "IPv6") != 0 && strcmp(type, "FQDN") != 0)
		return weir_field_fail(root, "addressType \"%s\" is none of IPv4, IPv6, FQDN",
				       type);
	r = decode_ports(root, &slice->ports, &slice->n_ports);
	if (r < 0 || !strcmp(type, "FQDN"))
		return r;
	n = weir_field_items(root, "endpoints", &array);
	r = n < 0 ? n : 0;
	for (int i = 0; i < n && r >= 0; i++) {
		r = weir_field_item(&array, (size_t)i, json_type_object, &endpoint);
		if (r >= 0)
			r = weir_addr_list_read_all(&list, &endpoint, "addresses");
	}
	slice->addrs = (struct weir_addrs){ .items = list.items, .n = list.n };
	return r;
}
