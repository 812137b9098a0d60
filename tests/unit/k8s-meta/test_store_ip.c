/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/store.h"

#include "tests/unit/k8s-meta/cluster.h"

#define KEEP WEIR_STORE_KEEP_NS

static void address_of_nobody_is_world(void **state)
{
	static const char *const world[] = { "8.8.8.8", "2001:db8::1", "10.0.0.1", "224.0.0.1" };

	for (size_t i = 0; i < sizeof(world) / sizeof(world[0]); i++)
		assert_string_equal(by_ip(*state, world[i], SEC), "world");
}

static void address_without_meaning_elsewhere_is_unknown(void **state)
{
	static const char *const unknown[] = { "127.0.0.1",      "127.9.9.9", "::1",
					       "169.254.1.1",    "fe80::1",   "febf::1",
					       "0:0:0:0:0:0:0:0" };

	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		struct weir_addr a = addr(unknown[i]);

		assert_string_equal(by_ip(*state, unknown[i], SEC), "unknown");
		/* not even when an interface has it: every machine's has */
		assert_int_equal(weir_store_set_host_addrs(*state, &a, 1, 0), 0);
		assert_string_equal(by_ip(*state, unknown[i], SEC), "unknown");
	}
	assert_string_equal(by_ip(*state, "fec0::1", SEC), "world");
}

static void address_of_a_pod_is_the_pod(void **state)
{
	struct weir_addr a = addr("10.244.1.5");
	const struct weir_identity *pod;

	apply(*state, 100,
	      "{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: web, uid: u1, labels: "
	      "{b: '2', a: '1'}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.244.1.5}, {ip: "
	      "'fd00::5'}]}}");
	assert_string_equal(by_ip(*state, "fd00::5", 100), "pod shop/web");
	pod = weir_store_by_ip(*state, &a, 100);
	assert_string_equal(describe(pod), "pod shop/web");
	assert_string_equal(pod->pod_uid, "u1");
	assert_string_equal(pod->node_name, "n1");
	assert_string_equal(pod->workload_kind, "Pod");
	assert_string_equal(pod->workload_name, "web");
	assert_string_equal(pod->container, "");
	assert_int_equal(pod->n_labels, 2);
	assert_string_equal(pod->labels[0], "k8s:a=1");
	assert_string_equal(pod->labels[1], "k8s:b=2");
	assert_true(pod->numeric >= 256);
}

static void address_reused_belongs_to_its_owner_of_that_time(void **state)
{
	apply_pod(*state, 100, "a", "ua", "10.244.1.5");
	delete_pod(*state, 200, "a");
	apply_pod(*state, 300, "b", "ub", "10.244.1.5");
	delete_pod(*state, 400, "b");
	apply_pod(*state, 400, "c", "uc", "10.244.1.5");

	assert_string_equal(by_ip(*state, "10.244.1.5", 100), "pod shop/a");
	assert_string_equal(by_ip(*state, "10.244.1.5", 199), "pod shop/a");
	assert_string_equal(by_ip(*state, "10.244.1.5", 200), "unknown");
	assert_string_equal(by_ip(*state, "10.244.1.5", 299), "unknown");
	assert_string_equal(by_ip(*state, "10.244.1.5", 300), "pod shop/b");
	assert_string_equal(by_ip(*state, "10.244.1.5", 399), "pod shop/b");
	assert_string_equal(by_ip(*state, "10.244.1.5", 400), "pod shop/c");
	assert_string_equal(by_ip(*state, "10.244.1.5", FOREVER), "pod shop/c");
	/* before them all: any of three */
	assert_string_equal(by_ip(*state, "10.244.1.5", 99), "unknown");
}

static void address_before_its_only_owner_was_known_is_the_owners(void **state)
{
	apply_pod(*state, 100, "a", "ua", "10.244.1.5");
	assert_string_equal(by_ip(*state, "10.244.1.5", 99), "pod shop/a");
	assert_string_equal(by_ip(*state, "10.244.1.5", 0), "pod shop/a");
	delete_pod(*state, 200, "a");
	assert_string_equal(by_ip(*state, "10.244.1.5", 99), "pod shop/a");
}

static void address_of_a_gone_pod_is_unknown_and_never_world(void **state)
{
	apply_pod(*state, 100, "a", "ua", "10.244.1.5");
	delete_pod(*state, 200, "a");
	assert_string_equal(by_ip(*state, "10.244.1.5", 150), "pod shop/a");
	assert_string_equal(by_ip(*state, "10.244.1.5", 200), "unknown");

	weir_store_expire(*state, 200 + KEEP);
	assert_string_equal(by_ip(*state, "10.244.1.5", 150), "pod shop/a");
	weir_store_expire(*state, 201 + KEEP);
	assert_string_equal(by_ip(*state, "10.244.1.5", 150), "unknown");
	assert_string_equal(by_ip(*state, "10.244.1.5", 201 + KEEP), "unknown");

	apply_pod(*state, 202 + KEEP, "b", "ub", "10.244.1.5");
	assert_string_equal(by_ip(*state, "10.244.1.5", 202 + KEEP), "pod shop/b");
}

static void address_claimed_twice_is_the_newer_ones(void **state)
{
	apply_pod(*state, 100, "a", "ua", "10.244.1.5");
	apply_pod(*state, 200, "b", "ub", "10.244.1.5");
	assert_string_equal(by_ip(*state, "10.244.1.5", 150), "pod shop/a");
	assert_string_equal(by_ip(*state, "10.244.1.5", 250), "pod shop/b");
	delete_pod(*state, 300, "a");
	assert_string_equal(by_ip(*state, "10.244.1.5", 350), "pod shop/b");
	assert_string_equal(by_ip(*state, "10.244.1.5", 250), "pod shop/b");
	assert_string_equal(by_ip(*state, "10.244.1.5", 150), "pod shop/a");
}

static void address_of_a_finished_pod_is_not_its_own(void **state)
{
	static const char *const phases[] = { "Succeeded", "Failed" };

	for (size_t i = 0; i < 2; i++) {
		apply_pod(*state, 100 + i * 100, "a", "ua", "10.244.1.5");
		apply(*state, 150 + i * 100,
		      "{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: a, uid: ua}, "
		      "status: {phase: %s, podIP: 10.244.1.5}}",
		      phases[i]);
		assert_string_equal(by_ip(*state, "10.244.1.5", 149 + i * 100), "pod shop/a");
		assert_string_equal(by_ip(*state, "10.244.1.5", 150 + i * 100), "unknown");
	}
}

static void address_that_changes_is_told_apart_by_time(void **state)
{
	apply_pod(*state, 100, "a", "ua", "10.244.1.5");
	apply_pod(*state, 150, "a", "ua", "10.244.1.5");
	apply_pod(*state, 200, "a", "ua", "10.244.1.6");
	assert_string_equal(by_ip(*state, "10.244.1.5", 199), "pod shop/a");
	assert_string_equal(by_ip(*state, "10.244.1.5", 200), "unknown");
	assert_string_equal(by_ip(*state, "10.244.1.6", 200), "pod shop/a");
}

static void pod_replaced_under_its_name_is_another(void **state)
{
	struct weir_addr a = addr("10.244.1.5");

	apply_pod(*state, 100, "db-0", "u1", "10.244.1.5");
	apply_pod(*state, 200, "db-0", "u2", "10.244.1.5");
	assert_string_equal(weir_store_by_ip(*state, &a, 199)->pod_uid, "u1");
	assert_string_equal(weir_store_by_ip(*state, &a, 200)->pod_uid, "u2");
	/* the late news of the first one's end do not end the second */
	weir_store_delete(*state, WEIR_OBJECT_POD, "shop", "db-0", "u1", 300);
	assert_string_equal(weir_store_by_ip(*state, &a, 301)->pod_uid, "u2");
	weir_store_delete(*state, WEIR_OBJECT_POD, "shop", "db-0", "u2", 400);
	assert_string_equal(weir_store_by_ip(*state, &a, 401)->pod_uid, "");
}

static void address_of_a_host_network_pod_is_the_nodes(void **state)
{
	apply(*state, 100,
	      "{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: a, uid: ua}, spec: "
	      "{hostNetwork: true}, status: {podIP: 198.18.0.11}}\n---\n"
	      "{apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: [{type: "
	      "InternalIP, address: 198.18.0.11}]}}");
	assert_string_equal(by_ip(*state, "198.18.0.11", 100), "remote-node n1");
}

static void address_of_a_node_is_host_only_on_itself(void **state)
{
	struct weir_addr a = addr("198.18.0.11");
	static const char two[] =
		"{apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: [{type: "
		"InternalIP, address: 198.18.0.11}]}}\n---\n"
		"{apiVersion: v1, kind: Node, metadata: {name: n2}, status: {addresses: [{type: "
		"InternalIP, address: 198.18.0.12}, {type: ExternalIP, address: 203.0.113.1}]}}";

	apply(*state, 100, "%s", two);
	assert_string_equal(by_ip(*state, "198.18.0.11", 100), "remote-node n1");
	assert_int_equal(weir_store_set_node_name(*state, "n1"), 0);
	assert_string_equal(by_ip(*state, "198.18.0.11", 100), "host");
	assert_string_equal(weir_store_by_ip(*state, &a, 100)->node_name, "n1");
	assert_string_equal(by_ip(*state, "203.0.113.1", 100), "remote-node n2");
	apply(*state, 200, "%s", two);
	assert_string_equal(by_ip(*state, "198.18.0.11", 200), "host");
	assert_string_equal(by_ip(*state, "198.18.0.12", 200), "remote-node n2");
	weir_store_delete(*state, WEIR_OBJECT_NODE, "", "n2", "", 300);
	assert_string_equal(by_ip(*state, "198.18.0.12", 299), "remote-node n2");
	assert_string_equal(by_ip(*state, "198.18.0.12", 300), "unknown");
}

static void address_of_an_interface_is_host(void **state)
{
	struct weir_addr a = addr("192.0.2.1");

	assert_int_equal(weir_store_set_host_addrs(*state, &a, 1, 50), 0);
	assert_int_equal(weir_store_set_host_addrs(*state, &a, 1, 60), 0);
	assert_string_equal(by_ip(*state, "192.0.2.1", 0), "host");
	assert_string_equal(by_ip(*state, "192.0.2.1", FOREVER), "host");
	/* nobody can take it away from us */
	apply_pod(*state, 100, "a", "ua", "192.0.2.1");
	assert_string_equal(by_ip(*state, "192.0.2.1", 200), "host");
	weir_store_expire(*state, FOREVER);
	assert_string_equal(by_ip(*state, "192.0.2.1", FOREVER), "host");
}

static void address_an_interface_lost_is_host_until_then(void **state)
{
	struct weir_addr both[] = { addr("192.0.2.1"), addr("192.0.2.2") };

	assert_int_equal(weir_store_set_host_addrs(*state, both, 2, 100), 0);
	assert_int_equal(weir_store_set_host_addrs(*state, both, 1, 200), 0);
	assert_string_equal(by_ip(*state, "192.0.2.1", FOREVER), "host");
	assert_string_equal(by_ip(*state, "192.0.2.2", 0), "host");
	assert_string_equal(by_ip(*state, "192.0.2.2", 199), "host");
	assert_string_equal(by_ip(*state, "192.0.2.2", 200), "unknown");
	/* it moved, as a virtual address does */
	apply(*state, 300,
	      "{apiVersion: v1, kind: Node, metadata: {name: n2}, status: {addresses: [{type: "
	      "InternalIP, address: 192.0.2.2}]}}");
	assert_string_equal(by_ip(*state, "192.0.2.2", 199), "host");
	assert_string_equal(by_ip(*state, "192.0.2.2", 300), "remote-node n2");
	assert_int_equal(weir_store_set_host_addrs(*state, NULL, 0, 400), 0);
	assert_string_equal(by_ip(*state, "192.0.2.1", 400), "unknown");
}

static void address_an_interface_got_later_is_host_from_then_on(void **state)
{
	struct weir_addr both[] = { addr("192.0.2.1"), addr("192.0.2.2") };

	assert_int_equal(weir_store_set_host_addrs(*state, both, 1, 100), 0);
	assert_int_equal(weir_store_set_host_addrs(*state, both, 2, 200), 0);
	assert_string_equal(by_ip(*state, "192.0.2.1", 0), "host");
	assert_string_equal(by_ip(*state, "192.0.2.2", 199), "unknown");
	assert_string_equal(by_ip(*state, "192.0.2.2", 200), "host");
	/* a pod that had it before did so */
	apply_pod(*state, 50, "a", "ua", "192.0.2.2");
	assert_string_equal(by_ip(*state, "192.0.2.2", 199), "pod shop/a");
	assert_string_equal(by_ip(*state, "192.0.2.2", 20), "pod shop/a");
	assert_string_equal(by_ip(*state, "192.0.2.2", 200), "host");
	/* lost and got back */
	assert_int_equal(weir_store_set_host_addrs(*state, both, 1, 300), 0);
	assert_int_equal(weir_store_set_host_addrs(*state, both, 2, 400), 0);
	assert_string_equal(by_ip(*state, "192.0.2.2", 250), "host");
	assert_string_equal(by_ip(*state, "192.0.2.2", 350), "pod shop/a");
	assert_string_equal(by_ip(*state, "192.0.2.2", 400), "host");
}

static void address_of_a_service_is_unknown(void **state)
{
	apply(*state, 100,
	      "{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: s}, spec: "
	      "{clusterIP: 10.96.0.1, externalIPs: [203.0.113.9], ports: [{port: 80}]}}");
	assert_string_equal(by_ip(*state, "10.96.0.1", 100), "unknown");
	assert_string_equal(by_ip(*state, "203.0.113.9", 50), "unknown");
	weir_store_delete(*state, WEIR_OBJECT_SERVICE, "shop", "s", "", 200);
	weir_store_expire(*state, FOREVER);
	assert_string_equal(by_ip(*state, "10.96.0.1", FOREVER), "unknown");
}

static void identity_kept_outlives_everything(void **state)
{
	struct weir_addr a = addr("10.244.1.5");
	const struct weir_identity *kept;

	(void)state;
	struct weir_store *store = NULL;

	assert_int_equal(weir_store_new(&store), 0);
	apply(store, 100,
	      "{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: a, uid: ua, labels: {x: "
	      "y}}, status: {podIP: 10.244.1.5}}");
	kept = weir_identity_ref(weir_store_by_ip(store, &a, 100));
	apply_pod(store, 200, "a", "ua", "10.244.1.5");
	delete_pod(store, 300, "a");
	weir_store_expire(store, FOREVER);
	weir_store_free(&store);
	assert_string_equal(describe(kept), "pod shop/a");
	assert_string_equal(kept->labels[0], "k8s:x=y");
	weir_identity_unref(kept);
}

static void lookup_twice_gives_the_same_identity(void **state)
{
	struct weir_addr a = addr("10.244.1.5");

	apply_pod(*state, 100, "a", "ua", "10.244.1.5");
	assert_ptr_equal(weir_store_by_ip(*state, &a, 100), weir_store_by_ip(*state, &a, 200));
}

/* Far more addresses than are remembered come and go: what was forgotten is world again. */
static void addresses_remembered_are_bounded(void **state)
{
	char text[WEIR_ADDR_TEXT_MAX];
	struct weir_addr ip = addr("fd00::");
	struct weir_pod pod = { .ips = { .items = &ip, .n = 1 },
				.workload_name = "p",
				.workload_kind = "Pod",
				.node_name = "",
				.config_hash = "" };
	struct weir_object object = {
		.kind = WEIR_OBJECT_POD, .namespace_ = "shop", .name = "p", .uid = "", .pod = pod
	};

	for (unsigned int i = 0; i < 70000; i++) {
		ip.bytes[13] = (uint8_t)(i >> 16);
		ip.bytes[14] = (uint8_t)(i >> 8);
		ip.bytes[15] = (uint8_t)i;
		assert_int_equal(weir_store_apply(*state, &object, 100), 0);
	}
	weir_store_expire(*state, FOREVER);
	assert_string_equal(by_ip(*state, weir_addr_to_str(&ip, text), FOREVER), "pod shop/p");
	assert_string_equal(by_ip(*state, "fd00::1:0", FOREVER), "unknown");
	assert_string_equal(by_ip(*state, "fd00::1", FOREVER), "world");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cluster_test(address_of_nobody_is_world),
		cluster_test(address_without_meaning_elsewhere_is_unknown),
		cluster_test(address_of_a_pod_is_the_pod),
		cluster_test(address_reused_belongs_to_its_owner_of_that_time),
		cluster_test(address_before_its_only_owner_was_known_is_the_owners),
		cluster_test(address_of_a_gone_pod_is_unknown_and_never_world),
		cluster_test(address_claimed_twice_is_the_newer_ones),
		cluster_test(address_of_a_finished_pod_is_not_its_own),
		cluster_test(address_that_changes_is_told_apart_by_time),
		cluster_test(pod_replaced_under_its_name_is_another),
		cluster_test(address_of_a_host_network_pod_is_the_nodes),
		cluster_test(address_of_a_node_is_host_only_on_itself),
		cluster_test(address_of_an_interface_is_host),
		cluster_test(address_an_interface_lost_is_host_until_then),
		cluster_test(address_an_interface_got_later_is_host_from_then_on),
		cluster_test(address_of_a_service_is_unknown),
		cmocka_unit_test(identity_kept_outlives_everything),
		cluster_test(lookup_twice_gives_the_same_identity),
		cluster_test(addresses_remembered_are_bounded),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
