/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/store.h"

#include <errno.h>

#include "tests/unit/k8s-meta/cluster.h"

#define KEEP WEIR_STORE_KEEP_NS
#define UID "0f3a6b1c-7c1d-4a43-9d5e-2f1b7c9e0a11"
#define UID2 "0f3a6b1c-7c1d-4a43-9d5e-2f1b7c9e0a12"
#define HASH "9e107d9d372bb6826bd81d3542a419d6"
#define ID "2222222222222222222222222222222222222222222222222222222222222222"
#define ID2 "3333333333333333333333333333333333333333333333333333333333333333"

/* Pod web with the containers named, as "name: id". */
static void apply_web(struct weir_store *store, uint64_t at_ns, const char *uid, const char *name,
		      const char *id)
{
	apply(store, at_ns,
	      "{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: web, uid: %s}, status: "
	      "{podIP: 10.244.1.5, containerStatuses: [{name: %s, containerID: 'containerd://%s'}]}}",
	      uid, name, id);
}

static void cgroup_never_seen_is_unknown(void **state)
{
	assert_string_equal(by_cgroup(*state, 7), "unknown");
	assert_string_equal(by_cgroup(*state, 0), "unknown");
	weir_store_remove_cgroup(*state, 7, SEC);
}

static void cgroup_outside_pods_is_host(void **state)
{
	const struct weir_identity *host;

	assert_int_equal(weir_store_add_cgroup(*state, 1, "/"), 0);
	assert_int_equal(weir_store_add_cgroup(*state, 2, "/system.slice/ssh.service"), 0);
	assert_string_equal(by_cgroup(*state, 1), "host /");
	host = weir_store_by_cgroup(*state, 2);
	assert_string_equal(describe(host), "host ssh.service");
	assert_int_equal(host->numeric, 1);
	assert_int_equal(host->n_labels, 1);
	assert_string_equal(host->labels[0], "reserved:host");
	assert_string_equal(host->node_name, "");
	assert_int_equal(weir_store_set_node_name(*state, "n1"), 0);
	assert_string_equal(weir_store_by_cgroup(*state, 2)->node_name, "n1");
}

static void cgroup_path_must_be_absolute(void **state)
{
	assert_int_equal(weir_store_add_cgroup(*state, 1, ""), -EINVAL);
	assert_int_equal(weir_store_add_cgroup(*state, 1, "kubepods"), -EINVAL);
	assert_string_equal(by_cgroup(*state, 1), "unknown");
}

static void cgroup_before_its_pod_knows_the_uid_only(void **state)
{
	const struct weir_identity *early;

	assert_int_equal(weir_store_add_cgroup(*state, 1, "/kubepods/pod" UID), 0);
	assert_int_equal(weir_store_add_cgroup(*state, 2, "/kubepods/pod" UID "/" ID), 0);
	early = weir_store_by_cgroup(*state, 2);
	assert_string_equal(describe(early), "pod uid:" UID);
	assert_string_equal(early->container, "");
	assert_int_equal(early->numeric, 0);

	apply_web(*state, 100, UID, "main", ID);
	assert_string_equal(by_cgroup(*state, 1), "pod shop/web");
	assert_string_equal(by_cgroup(*state, 2), "pod shop/web main");
}

static void cgroup_after_its_pod_has_its_names(void **state)
{
	apply_web(*state, 100, UID, "main", ID);
	assert_int_equal(weir_store_add_cgroup(*state, 2, "/kubepods/pod" UID "/" ID), 0);
	assert_int_equal(weir_store_add_cgroup(*state, 3, "/kubepods/pod" UID "/" ID "/init.scope"),
			 0);
	assert_int_equal(weir_store_add_cgroup(*state, 4, "/kubepods/pod" UID "/" ID2), 0);
	assert_string_equal(by_cgroup(*state, 2), "pod shop/web main");
	assert_string_equal(by_cgroup(*state, 3), "pod shop/web main");
	/* the sandbox: no status names it */
	assert_string_equal(by_cgroup(*state, 4), "pod shop/web");
	assert_ptr_equal(weir_store_by_cgroup(*state, 2), weir_store_by_cgroup(*state, 3));
}

static void container_is_named_when_its_status_comes(void **state)
{
	assert_int_equal(weir_store_add_cgroup(*state, 2, "/kubepods/pod" UID "/" ID), 0);
	apply_pod(*state, 100, "web", UID, "");
	assert_string_equal(by_cgroup(*state, 2), "pod shop/web");
	apply_web(*state, 200, UID, "main", ID);
	assert_string_equal(by_cgroup(*state, 2), "pod shop/web main");
}

static void container_that_was_restarted_keeps_its_name(void **state)
{
	assert_int_equal(weir_store_add_cgroup(*state, 2, "/kubepods/pod" UID "/" ID), 0);
	apply_web(*state, 100, UID, "main", ID);
	assert_string_equal(by_cgroup(*state, 2), "pod shop/web main");
	apply_web(*state, 200, UID, "main", ID2);
	assert_string_equal(by_cgroup(*state, 2), "pod shop/web main");
}

static void containers_of_one_pod_are_told_apart(void **state)
{
	static const char *const lists[] = { "containerStatuses", "initContainerStatuses",
					     "ephemeralContainerStatuses" };

	for (size_t i = 0; i < 3; i++) {
		apply(*state, 100,
		      "{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: web, uid: %s}, "
		      "status: {%s: [{name: a, containerID: 'cri-o://%s'}, {name: b, containerID: "
		      "'docker://%s'}]}}",
		      UID, lists[i], ID, ID2);
		assert_int_equal(weir_store_add_cgroup(*state, 2, "/kubepods/pod" UID "/crio-" ID),
				 0);
		assert_int_equal(weir_store_add_cgroup(*state, 3, "/kubepods/pod" UID "/" ID2), 0);
		assert_string_equal(by_cgroup(*state, 2), "pod shop/web a");
		assert_string_equal(by_cgroup(*state, 3), "pod shop/web b");
		weir_store_remove_cgroup(*state, 2, 100);
		weir_store_remove_cgroup(*state, 3, 100);
		delete_pod(*state, 100, "web");
		weir_store_expire(*state, FOREVER);
	}
}

static void static_pod_is_found_by_its_config_hash(void **state)
{
	assert_int_equal(weir_store_add_cgroup(*state, 2, "/kubepods/burstable/pod" HASH "/" ID),
			 0);
	assert_string_equal(by_cgroup(*state, 2), "pod uid:" HASH);
	apply(*state, 100,
	      "{apiVersion: v1, kind: Pod, metadata: {namespace: kube-system, name: proxy, uid: %s, "
	      "annotations: {kubernetes.io/config.hash: '%s', kubernetes.io/config.mirror: '%s'}}, "
	      "status: {containerStatuses: [{name: kp, containerID: 'containerd://%s'}]}}",
	      UID, HASH, HASH, ID);
	assert_string_equal(by_cgroup(*state, 2), "pod kube-system/proxy kp");
	assert_string_equal(weir_store_by_cgroup(*state, 2)->pod_uid, UID);
}

/* Pod @name whose one container is c-NAME, with a mirror pod's annotations. */
static void apply_mirror(struct weir_store *store, uint64_t at_ns, const char *name,
			 const char *uid, const char *hash)
{
	apply(store, at_ns,
	      "{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: %s, uid: '%s', "
	      "annotations: {kubernetes.io/config.hash: '%s', kubernetes.io/config.mirror: x}}, "
	      "status: {containerStatuses: [{name: c-%s, containerID: 'containerd://%s'}]}}",
	      name, uid, hash, name, ID);
}

static void annotation_never_takes_the_uid_of_a_pod(void **state)
{
	/* a UID of 32 digits, so that the annotation is a possible one */
	static const char *const uids[] = { UID, HASH };

	for (size_t i = 0; i < 2; i++) {
		char path[256];

		(void)snprintf(path, sizeof(path), "/kubepods/pod%s/" ID, uids[i]);
		apply_web(*state, 100, uids[i], "main", ID);
		assert_int_equal(weir_store_add_cgroup(*state, 2, path), 0);
		apply_mirror(*state, 200, "evil", UID2, uids[i]);
		assert_string_equal(by_cgroup(*state, 2), "pod shop/web main");
		apply_mirror(*state, 300, "evil", UID2, uids[i]);
		assert_string_equal(by_cgroup(*state, 2), "pod shop/web main");
		/* nor what the pod leaves behind */
		delete_pod(*state, 400, "web");
		assert_string_equal(by_cgroup(*state, 2), "pod shop/web main");
		apply_web(*state, 500, uids[i], "main", ID);
		delete_pod(*state, 600, "evil");
		assert_string_equal(by_cgroup(*state, 2), "pod shop/web main");
		delete_pod(*state, 700, "web");
		weir_store_remove_cgroup(*state, 2, 700);
		weir_store_expire(*state, FOREVER);
	}
}

static void annotation_that_came_first_gives_way_to_the_uid(void **state)
{
	assert_int_equal(weir_store_add_cgroup(*state, 2, "/kubepods/pod" HASH "/" ID), 0);
	apply_mirror(*state, 100, "evil", UID2, HASH);
	assert_string_equal(by_cgroup(*state, 2), "pod shop/evil c-evil");
	apply_pod(*state, 200, "web", HASH, "");
	/* without the other's name of the container */
	assert_string_equal(by_cgroup(*state, 2), "pod shop/web");
	delete_pod(*state, 300, "evil");
	weir_store_expire(*state, FOREVER);
	assert_string_equal(by_cgroup(*state, 2), "pod shop/web");
}

static void static_pod_replaced_keeps_its_cgroup(void **state)
{
	assert_int_equal(weir_store_add_cgroup(*state, 2, "/kubepods/pod" HASH "/" ID), 0);
	apply_mirror(*state, 100, "proxy", UID, HASH);
	apply_mirror(*state, 200, "proxy", UID2, HASH);
	assert_string_equal(by_cgroup(*state, 2), "pod shop/proxy c-proxy");
	assert_string_equal(weir_store_by_cgroup(*state, 2)->pod_uid, UID2);
	/* a second one that claims it has to wait until the first goes */
	apply_mirror(*state, 300, "other", UID, HASH);
	assert_string_equal(by_cgroup(*state, 2), "pod shop/proxy c-proxy");
	delete_pod(*state, 400, "proxy");
	assert_string_equal(by_cgroup(*state, 2), "pod shop/other c-other");
}

static void pods_of_one_uid_are_the_first(void **state)
{
	assert_int_equal(weir_store_add_cgroup(*state, 2, "/kubepods/pod" UID "/" ID), 0);
	apply_web(*state, 100, UID, "main", ID);
	assert_string_equal(by_cgroup(*state, 2), "pod shop/web main");
	apply_pod(*state, 200, "twin", UID, "10.244.1.6");
	assert_string_equal(by_cgroup(*state, 2), "pod shop/web main");
	apply_web(*state, 300, UID, "main", ID);
	assert_string_equal(by_cgroup(*state, 2), "pod shop/web main");
	delete_pod(*state, 400, "web");
	assert_string_equal(by_cgroup(*state, 2), "pod shop/twin");
	apply_web(*state, 500, UID, "main", ID);
	assert_string_equal(by_cgroup(*state, 2), "pod shop/twin");
	weir_store_expire(*state, 600 + KEEP);
	assert_string_equal(by_cgroup(*state, 2), "pod shop/twin");
	delete_pod(*state, 700 + KEEP, "twin");
	assert_string_equal(by_cgroup(*state, 2), "pod shop/web main");
	delete_pod(*state, 800 + KEEP, "web");
	weir_store_expire(*state, FOREVER);
	/* the last one whose processes are there */
	assert_string_equal(by_cgroup(*state, 2), "pod shop/web main");
}

static void host_network_pod_is_told_apart_by_its_cgroup(void **state)
{
	apply(*state, 100,
	      "{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: web, uid: %s}, spec: "
	      "{hostNetwork: true}, status: {podIP: 198.18.0.11}}",
	      UID);
	assert_int_equal(weir_store_add_cgroup(*state, 2, "/kubepods/pod" UID "/" ID), 0);
	assert_string_equal(by_cgroup(*state, 2), "pod shop/web");
}

static void cgroup_removed_is_found_for_a_while(void **state)
{
	struct weir_store_stats stats;

	apply_web(*state, 100, UID, "main", ID);
	assert_int_equal(weir_store_add_cgroup(*state, 2, "/kubepods/pod" UID "/" ID), 0);
	weir_store_remove_cgroup(*state, 2, 200);
	weir_store_remove_cgroup(*state, 2, 300);
	delete_pod(*state, 250, "web");
	weir_store_get_stats(*state, &stats);
	assert_int_equal(stats.cgroups, 0);
	assert_int_equal(stats.pods, 0);

	weir_store_expire(*state, 200 + KEEP);
	assert_string_equal(by_cgroup(*state, 2), "pod shop/web main");
	weir_store_expire(*state, 201 + KEEP);
	assert_string_equal(by_cgroup(*state, 2), "unknown");
}

static void pod_gone_before_its_cgroup_keeps_its_name(void **state)
{
	apply_web(*state, 100, UID, "main", ID);
	assert_int_equal(weir_store_add_cgroup(*state, 2, "/kubepods/pod" UID "/" ID), 0);
	delete_pod(*state, 200, "web");
	weir_store_expire(*state, FOREVER);
	assert_string_equal(by_cgroup(*state, 2), "pod shop/web main");
	weir_store_remove_cgroup(*state, 2, FOREVER);
	weir_store_expire(*state, FOREVER + 1 + KEEP);
	assert_string_equal(by_cgroup(*state, 2), "unknown");
}

/* A cgroup that outlives the pod's time of grace without ever being asked for. */
static void pod_forgotten_leaves_the_uid_to_late_cgroups(void **state)
{
	apply_web(*state, 100, UID, "main", ID);
	delete_pod(*state, 200, "web");
	weir_store_expire(*state, FOREVER);
	assert_int_equal(weir_store_add_cgroup(*state, 2, "/kubepods/pod" UID "/" ID), 0);
	assert_string_equal(by_cgroup(*state, 2), "pod uid:" UID);
}

static void cgroup_id_used_again_is_the_new_one(void **state)
{
	struct weir_store_stats stats;

	apply_web(*state, 100, UID, "main", ID);
	assert_int_equal(weir_store_add_cgroup(*state, 2, "/kubepods/pod" UID "/" ID), 0);
	assert_string_equal(by_cgroup(*state, 2), "pod shop/web main");
	assert_int_equal(weir_store_add_cgroup(*state, 2, "/system.slice/a.service"), 0);
	assert_string_equal(by_cgroup(*state, 2), "host a.service");
	weir_store_remove_cgroup(*state, 2, 200);
	assert_int_equal(weir_store_add_cgroup(*state, 2, "/system.slice/b.service"), 0);
	assert_string_equal(by_cgroup(*state, 2), "host b.service");
	weir_store_expire(*state, FOREVER);
	assert_string_equal(by_cgroup(*state, 2), "host b.service");
	weir_store_get_stats(*state, &stats);
	assert_int_equal(stats.cgroups, 1);
}

static void cgroup_added_again_changes_nothing(void **state)
{
	const struct weir_identity *before;

	assert_int_equal(weir_store_add_cgroup(*state, 2, "/system.slice/a.service"), 0);
	before = weir_store_by_cgroup(*state, 2);
	assert_int_equal(weir_store_add_cgroup(*state, 2, "/system.slice/a.service"), 0);
	assert_ptr_equal(weir_store_by_cgroup(*state, 2), before);
}

static void pods_of_one_name_have_their_own_cgroups(void **state)
{
	assert_int_equal(weir_store_add_cgroup(*state, 1, "/kubepods/pod" UID "/" ID), 0);
	assert_int_equal(weir_store_add_cgroup(*state, 2, "/kubepods/pod" UID2 "/" ID2), 0);
	apply_web(*state, 100, UID, "main", ID);
	apply_web(*state, 200, UID2, "main", ID2);
	assert_string_equal(weir_store_by_cgroup(*state, 1)->pod_uid, UID);
	assert_string_equal(weir_store_by_cgroup(*state, 2)->pod_uid, UID2);
	assert_string_equal(by_cgroup(*state, 1), "pod shop/web main");
	weir_store_remove_cgroup(*state, 1, 200);
	weir_store_expire(*state, FOREVER);
	assert_string_equal(by_cgroup(*state, 1), "unknown");
	assert_string_equal(by_cgroup(*state, 2), "pod shop/web main");
}

static void pod_that_comes_back_is_found_again(void **state)
{
	assert_int_equal(weir_store_add_cgroup(*state, 1, "/kubepods/pod" UID "/" ID), 0);
	apply_web(*state, 100, UID, "main", ID);
	delete_pod(*state, 200, "web");
	apply_web(*state, 300, UID, "main", ID);
	assert_string_equal(by_cgroup(*state, 1), "pod shop/web main");
	weir_store_expire(*state, FOREVER);
	assert_string_equal(by_cgroup(*state, 1), "pod shop/web main");
	assert_string_equal(by_ip(*state, "10.244.1.5", FOREVER), "pod shop/web");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cluster_test(cgroup_never_seen_is_unknown),
		cluster_test(cgroup_outside_pods_is_host),
		cluster_test(cgroup_path_must_be_absolute),
		cluster_test(cgroup_before_its_pod_knows_the_uid_only),
		cluster_test(cgroup_after_its_pod_has_its_names),
		cluster_test(container_is_named_when_its_status_comes),
		cluster_test(container_that_was_restarted_keeps_its_name),
		cluster_test(containers_of_one_pod_are_told_apart),
		cluster_test(static_pod_is_found_by_its_config_hash),
		cluster_test(annotation_never_takes_the_uid_of_a_pod),
		cluster_test(annotation_that_came_first_gives_way_to_the_uid),
		cluster_test(static_pod_replaced_keeps_its_cgroup),
		cluster_test(pods_of_one_uid_are_the_first),
		cluster_test(host_network_pod_is_told_apart_by_its_cgroup),
		cluster_test(cgroup_removed_is_found_for_a_while),
		cluster_test(pod_gone_before_its_cgroup_keeps_its_name),
		cluster_test(pod_forgotten_leaves_the_uid_to_late_cgroups),
		cluster_test(cgroup_id_used_again_is_the_new_one),
		cluster_test(cgroup_added_again_changes_nothing),
		cluster_test(pods_of_one_name_have_their_own_cgroups),
		cluster_test(pod_that_comes_back_is_found_again),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
