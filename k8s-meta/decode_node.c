/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/decode_kind.h"

#include <string.h>

static int decode_address(const struct weir_field *entry, struct weir_node *node,
			  struct weir_addr_list *list)
{
	struct weir_field address;
	const char *type;
	int r;

	r = weir_field_str(entry, "type", &type);
	if (r < 0)
		return r;
	if (!strcmp(type, "Hostname"))
		return weir_field_str(entry, "address", &node->hostname);
	if (strcmp(type, "InternalIP") != 0 && strcmp(type, "ExternalIP") != 0)
		return 0;
	r = weir_field_get(entry, "address", json_type_string, &address);
	if (r <= 0)
		return r < 0 ? r : weir_field_fail(entry, "address is missing");
	return weir_addr_list_read(list, &address);
}

int weir_decode_node(const struct weir_field *root, struct weir_object *object)
{
	struct weir_node *node = &object->node;
	struct weir_addr_list list = { 0 };
	struct weir_field status, array, entry;
	int n = 0, r;

	node->hostname = "";
	r = weir_field_get(root, "status", json_type_object, &status);
	if (r > 0)
		r = n = weir_field_items(&status, "addresses", &array);
	for (int i = 0; i < n && r >= 0; i++) {
		r = weir_field_item(&array, (size_t)i, json_type_object, &entry);
		if (r >= 0)
			r = decode_address(&entry, node, &list);
	}
	node->addrs = (struct weir_addrs){ .items = list.items, .n = list.n };
	return r < 0 ? r : 0;
}
