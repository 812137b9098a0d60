/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_UNIT_K8S_META_CLUSTER_H
#define WEIR_TESTS_UNIT_K8S_META_CLUSTER_H

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "k8s-meta/manifest_file.h"
#include "k8s-meta/store.h"
#include "k8s-meta/store_update.h"

/* Putting objects, written as YAML, into a store; asking it and comparing in one line. */

#define SEC 1000000000ULL
#define FOREVER (10000000 * SEC)

static inline int cluster_setup(void **state)
{
	struct weir_store *store = NULL;
	int r = weir_store_new(&store);

	*state = store;
	return r;
}

static inline int cluster_teardown(void **state)
{
	struct weir_store *store = *state;

	weir_store_free(&store);
	assert_null(store);
	weir_store_free(&store);
	return 0;
}

#define cluster_test(fn) cmocka_unit_test_setup_teardown(fn, cluster_setup, cluster_teardown)

/* printf() of YAML; every document of it is applied at @at_ns. */
__attribute__((format(printf, 3, 4))) static inline void apply(struct weir_store *store,
							       uint64_t at_ns, const char *fmt, ...)
{
	struct weir_error err = { 0 };
	struct weir_objects objects;
	char *text = NULL;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	assert_true(len >= 0);
	weir_objects_init(&objects);
	if (weir_manifest_parse(text, (size_t)len, "cluster.yaml", &objects, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < objects.n; i++)
		assert_int_equal(weir_store_apply(store, &objects.items[i], at_ns), 0);
	weir_objects_done(&objects);
	free(text);
}

/* A running pod with one address. */
static inline void apply_pod(struct weir_store *store, uint64_t at_ns, const char *name,
			     const char *uid, const char *ip)
{
	apply(store, at_ns,
	      "{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: %s, uid: '%s'}, "
	      "status: {phase: Running, podIP: '%s'}}",
	      name, uid, ip);
}

static inline void delete_pod(struct weir_store *store, uint64_t at_ns, const char *name)
{
	weir_store_delete(store, WEIR_OBJECT_POD, "shop", name, "", at_ns);
}

static inline struct weir_addr addr(const char *text)
{
	struct weir_addr parsed;

	if (weir_addr_parse(text, &parsed) < 0)
		fail_msg("%s is no address", text);
	return parsed;
}

/* "pod shop/web", "pod uid:U", "host unit", "host", "remote-node name", "world", "unknown". */
static inline const char *describe(const struct weir_identity *identity)
{
	static char text[1024];
	const char *kind = weir_identity_kind_to_str(identity->kind);
	int len;

	if (identity->kind == WEIR_IDENTITY_POD && !*identity->pod_name)
		len = snprintf(text, sizeof(text), "pod uid:%s", identity->pod_uid);
	else if (identity->kind == WEIR_IDENTITY_POD)
		len = snprintf(text, sizeof(text), "pod %s/%s%s%s", identity->namespace_,
			       identity->pod_name, *identity->container ? " " : "",
			       identity->container);
	else if (identity->kind == WEIR_IDENTITY_REMOTE_NODE)
		len = snprintf(text, sizeof(text), "%s %s", kind, identity->node_name);
	else
		len = snprintf(text, sizeof(text), "%s%s%s", kind, *identity->unit ? " " : "",
			       identity->unit);
	assert_true(len >= 0 && len < (int)sizeof(text));
	return text;
}

static inline const char *by_ip(struct weir_store *store, const char *ip, uint64_t at_ns)
{
	struct weir_addr a = addr(ip);

	return describe(weir_store_by_ip(store, &a, at_ns));
}

static inline const char *by_cgroup(struct weir_store *store, uint64_t id)
{
	return describe(weir_store_by_cgroup(store, id));
}

/* "namespace/name" or "-". */
static inline const char *service(struct weir_store *store, const char *ip, uint16_t port,
				  uint8_t protocol, uint64_t at_ns)
{
	static char text[1024];
	struct weir_addr a = addr(ip);
	const struct weir_service_name *name = weir_store_service(store, &a, port, protocol, at_ns);

	if (!name)
		return "-";
	assert_true(snprintf(text, sizeof(text), "%s/%s", name->namespace_, name->name) <
		    (int)sizeof(text));
	return text;
}

#endif
