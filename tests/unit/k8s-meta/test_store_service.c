/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/store.h"

#include "tests/unit/k8s-meta/cluster.h"

#define KEEP WEIR_STORE_KEEP_NS
#define TCP IPPROTO_TCP
#define UDP IPPROTO_UDP

static void apply_service(struct weir_store *store, uint64_t at_ns, const char *name,
			  const char *ip, int port)
{
	apply(store, at_ns,
	      "{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: %s}, spec: "
	      "{clusterIP: %s, ports: [{port: %d}]}}",
	      name, ip, port);
}

static void apply_slice(struct weir_store *store, uint64_t at_ns, const char *name, const char *of,
			const char *ip, int port)
{
	apply(store, at_ns,
	      "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: shop, "
	      "name: %s, labels: {kubernetes.io/service-name: %s}}, addressType: IPv4, endpoints: "
	      "[{addresses: [%s]}], ports: [{port: %d}]}",
	      name, of, ip, port);
}

static void service_is_found_by_every_frontend(void **state)
{
	static const struct {
		const char *ip;
		uint16_t port;
		uint8_t protocol;
		const char *want;
	} cases[] = {
		{ "10.96.0.20", 80, TCP, "shop/web" },	{ "10.96.0.20", 443, UDP, "shop/web" },
		{ "fd00:96::20", 80, TCP, "shop/web" }, { "203.0.113.20", 80, TCP, "shop/web" },
		{ "203.0.113.21", 443, UDP, "shop/web" }, { "10.96.0.20", 80, UDP, "-" },
		{ "10.96.0.20", 443, TCP, "-" },	{ "10.96.0.20", 81, TCP, "-" },
		{ "10.96.0.21", 80, TCP, "-" },		{ "10.96.0.20", 0, TCP, "-" },
	};

	apply(*state, 100,
	      "{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: web}, spec: "
	      "{clusterIPs: [10.96.0.20, 'fd00:96::20'], externalIPs: [203.0.113.20], ports: [{port: "
	      "80}, {port: 443, protocol: UDP}]}, status: {loadBalancer: {ingress: [{ip: "
	      "203.0.113.21}]}}}");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(
			service(*state, cases[i].ip, cases[i].port, cases[i].protocol, 100),
			cases[i].want);
}

static void service_is_found_by_its_endpoint(void **state)
{
	apply_slice(*state, 100, "web-1", "web", "10.244.1.5", 8080);
	/* also before the Service object itself is known */
	assert_string_equal(service(*state, "10.244.1.5", 8080, TCP, 100), "shop/web");
	assert_string_equal(service(*state, "10.244.1.5", 80, TCP, 100), "-");
	apply_service(*state, 100, "web", "10.96.0.20", 80);
	assert_string_equal(service(*state, "10.244.1.5", 8080, TCP, 100), "shop/web");
}

static void endpoint_of_several_services_is_unknown(void **state)
{
	apply_slice(*state, 100, "web-1", "web", "10.244.1.5", 8080);
	apply_slice(*state, 200, "web-headless-1", "web-headless", "10.244.1.5", 8080);
	assert_string_equal(service(*state, "10.244.1.5", 8080, TCP, 150), "shop/web");
	assert_string_equal(service(*state, "10.244.1.5", 8080, TCP, 250), "-");
	assert_string_equal(service(*state, "10.244.1.5", 8080, TCP, 50), "-");
	weir_store_delete(*state, WEIR_OBJECT_ENDPOINT_SLICE, "shop", "web-1", "", 300);
	assert_string_equal(service(*state, "10.244.1.5", 8080, TCP, 250), "-");
	assert_string_equal(service(*state, "10.244.1.5", 8080, TCP, 300), "shop/web-headless");
}

static void endpoint_in_two_slices_of_one_service_is_the_services(void **state)
{
	apply_slice(*state, 100, "web-1", "web", "10.244.1.5", 8080);
	apply_slice(*state, 100, "web-2", "web", "10.244.1.5", 8080);
	assert_string_equal(service(*state, "10.244.1.5", 8080, TCP, 100), "shop/web");
	weir_store_delete(*state, WEIR_OBJECT_ENDPOINT_SLICE, "shop", "web-1", "", 200);
	assert_string_equal(service(*state, "10.244.1.5", 8080, TCP, 300), "shop/web");
	weir_store_delete(*state, WEIR_OBJECT_ENDPOINT_SLICE, "shop", "web-2", "", 400);
	assert_string_equal(service(*state, "10.244.1.5", 8080, TCP, 400), "-");
}

static void frontend_goes_before_endpoint(void **state)
{
	/* a node's address is an endpoint of the API server and another's external address */
	apply_slice(*state, 100, "kubernetes", "kubernetes", "198.18.0.1", 6443);
	apply_slice(*state, 100, "other", "other", "198.18.0.1", 6443);
	apply(*state, 100,
	      "{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: ext}, spec: "
	      "{externalIPs: [198.18.0.1], ports: [{port: 6443}]}}");
	assert_string_equal(service(*state, "198.18.0.1", 6443, TCP, 100), "shop/ext");
}

static void frontend_of_two_services_is_unknown(void **state)
{
	apply_service(*state, 100, "a", "10.96.0.20", 80);
	apply_service(*state, 100, "b", "10.96.0.20", 80);
	assert_string_equal(service(*state, "10.96.0.20", 80, TCP, 100), "-");
}

static bool may_go(struct weir_store *store, const char *asked, uint16_t port, const char *backend,
		   uint16_t backend_port, uint8_t protocol, uint64_t at_ns)
{
	struct weir_addr from = addr(asked), to = addr(backend ? backend : "::");

	return weir_store_translates(store, &from, port, backend ? &to : NULL, backend_port,
				     protocol, at_ns);
}

static void service_translates_to_its_own_endpoints(void **state)
{
	static const struct {
		const char *asked;
		uint16_t port;
		const char *backend;
		uint16_t backend_port;
		uint8_t protocol;
		uint64_t at_ns;
		bool want;
	} cases[] = {
		{ "10.96.0.20", 80, NULL, 0, TCP, 100, true },
		{ "203.0.113.20", 80, NULL, 0, TCP, 100, true },
		{ "10.96.0.20", 80, NULL, 0, UDP, 100, false },
		{ "10.96.0.20", 81, NULL, 0, TCP, 100, false },
		{ "10.244.1.5", 8080, NULL, 0, TCP, 100, false },
		{ "10.96.0.20", 80, NULL, 0, TCP, 400, false },
		{ "10.96.0.20", 80, "10.244.1.5", 8080, TCP, 100, true },
		{ "203.0.113.20", 80, "10.244.1.5", 8080, TCP, 100, true },
		{ "10.96.0.21", 80, "10.244.1.5", 8080, TCP, 100, true },
		{ "10.96.0.20", 80, "10.244.1.6", 8080, TCP, 100, false },
		{ "10.96.0.21", 80, "10.244.1.6", 8080, TCP, 100, true },
		{ "10.96.0.20", 80, "10.244.1.5", 8081, TCP, 100, false },
		{ "10.96.0.20", 80, "10.244.1.5", 8080, UDP, 100, false },
		{ "10.96.0.20", 80, "10.244.1.7", 8080, TCP, 100, false },
		{ "10.96.0.20", 80, "10.96.0.20", 80, TCP, 100, false },
		{ "10.244.1.5", 8080, "10.244.1.5", 8080, TCP, 100, false },
		{ "10.96.0.20", 80, "10.244.1.5", 8080, TCP, 250, false },
		{ "10.96.0.20", 80, "10.244.1.5", 8080, TCP, 50, true },
	};

	apply(*state, 100,
	      "{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: a}, spec: "
	      "{clusterIP: 10.96.0.20, externalIPs: [203.0.113.20], ports: [{port: 80}]}}");
	apply_service(*state, 100, "b", "10.96.0.21", 80);
	apply_slice(*state, 100, "a-1", "a", "10.244.1.5", 8080);
	apply_slice(*state, 100, "b-1", "b", "10.244.1.5", 8080);
	apply_slice(*state, 100, "b-2", "b", "10.244.1.6", 8080);
	weir_store_delete(*state, WEIR_OBJECT_ENDPOINT_SLICE, "shop", "a-1", "", 200);
	weir_store_delete(*state, WEIR_OBJECT_SERVICE, "shop", "a", "", 300);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("# %zu: %s\n", i, cases[i].asked);
		assert_int_equal(may_go(*state, cases[i].asked, cases[i].port, cases[i].backend,
					cases[i].backend_port, cases[i].protocol, cases[i].at_ns),
				 cases[i].want);
	}
}

static void service_changes_are_told_apart_by_time(void **state)
{
	apply_service(*state, 100, "a", "10.96.0.20", 80);
	apply_service(*state, 200, "a", "10.96.0.20", 81);
	assert_string_equal(service(*state, "10.96.0.20", 80, TCP, 199), "shop/a");
	assert_string_equal(service(*state, "10.96.0.20", 80, TCP, 200), "-");
	assert_string_equal(service(*state, "10.96.0.20", 81, TCP, 200), "shop/a");
	/* an address given on: it was a's, then b's */
	weir_store_delete(*state, WEIR_OBJECT_SERVICE, "shop", "a", "", 300);
	apply_service(*state, 400, "b", "10.96.0.20", 81);
	assert_string_equal(service(*state, "10.96.0.20", 81, TCP, 250), "shop/a");
	assert_string_equal(service(*state, "10.96.0.20", 81, TCP, 350), "-");
	assert_string_equal(service(*state, "10.96.0.20", 81, TCP, 450), "shop/b");
}

static void service_gone_is_found_for_a_while(void **state)
{
	apply_service(*state, 100, "a", "10.96.0.20", 80);
	weir_store_delete(*state, WEIR_OBJECT_SERVICE, "shop", "a", "", 200);
	weir_store_expire(*state, 200 + KEEP);
	assert_string_equal(service(*state, "10.96.0.20", 80, TCP, 150), "shop/a");
	weir_store_expire(*state, 201 + KEEP);
	assert_string_equal(service(*state, "10.96.0.20", 80, TCP, 150), "-");
}

static void slice_given_to_another_service_is_that_services(void **state)
{
	apply_slice(*state, 100, "s", "a", "10.244.1.5", 8080);
	apply_slice(*state, 200, "s", "b", "10.244.1.5", 8080);
	assert_string_equal(service(*state, "10.244.1.5", 8080, TCP, 200), "shop/b");
	apply(*state, 300,
	      "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: shop, "
	      "name: s}, addressType: IPv4, endpoints: [{addresses: [10.244.1.5]}], ports: [{port: "
	      "8080}]}");
	assert_string_equal(service(*state, "10.244.1.5", 8080, TCP, 300), "-");
}

static void service_name_kept_outlives_the_store(void **state)
{
	struct weir_store *store = NULL;
	const struct weir_service_name *kept;
	struct weir_addr a = addr("10.96.0.20");

	(void)state;
	assert_int_equal(weir_store_new(&store), 0);
	apply_service(store, 100, "a", "10.96.0.20", 80);
	kept = weir_service_name_ref(weir_store_service(store, &a, 80, TCP, 100));
	weir_store_delete(store, WEIR_OBJECT_SERVICE, "shop", "a", "", 200);
	weir_store_expire(store, FOREVER);
	weir_store_free(&store);
	assert_string_equal(kept->name, "a");
	weir_service_name_unref(kept);
}

static void stats_count_what_is_there(void **state)
{
	struct weir_store_stats stats;

	apply(*state, 100, "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}");
	apply(*state, 100, "{apiVersion: v1, kind: Node, metadata: {name: n}}");
	apply_pod(*state, 100, "p", "u", "10.244.1.5");
	apply_pod(*state, 100, "p", "u", "10.244.1.5");
	apply_service(*state, 100, "a", "10.96.0.20", 80);
	apply(*state, 100,
	      "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: shop, "
	      "name: s, labels: {kubernetes.io/service-name: a}}, addressType: IPv4, endpoints: "
	      "[{addresses: [10.244.1.5]}, {addresses: [10.244.1.6]}], ports: [{port: 1}, {port: "
	      "2}]}");
	weir_store_get_stats(*state, &stats);
	assert_int_equal(stats.pods, 1);
	assert_int_equal(stats.services, 1);
	assert_int_equal(stats.endpoints, 4);
	assert_int_equal(stats.nodes, 1);
	assert_int_equal(stats.namespaces, 1);
	assert_int_equal(stats.cgroups, 0);

	weir_store_delete(*state, WEIR_OBJECT_NAMESPACE, "", "shop", "", 200);
	weir_store_delete(*state, WEIR_OBJECT_NODE, "", "n", "another uid", 200);
	weir_store_delete(*state, WEIR_OBJECT_POD, "shop", "nobody", "", 200);
	weir_store_delete(*state, WEIR_OBJECT_ENDPOINT_SLICE, "shop", "s", "", 200);
	weir_store_get_stats(*state, &stats);
	assert_int_equal(stats.namespaces, 0);
	assert_int_equal(stats.nodes, 1);
	assert_int_equal(stats.pods, 1);
	assert_int_equal(stats.endpoints, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cluster_test(service_is_found_by_every_frontend),
		cluster_test(service_is_found_by_its_endpoint),
		cluster_test(endpoint_of_several_services_is_unknown),
		cluster_test(endpoint_in_two_slices_of_one_service_is_the_services),
		cluster_test(frontend_goes_before_endpoint),
		cluster_test(frontend_of_two_services_is_unknown),
		cluster_test(service_translates_to_its_own_endpoints),
		cluster_test(service_changes_are_told_apart_by_time),
		cluster_test(service_gone_is_found_for_a_while),
		cluster_test(slice_given_to_another_service_is_that_services),
		cmocka_unit_test(service_name_kept_outlives_the_store),
		cluster_test(stats_count_what_is_there),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
