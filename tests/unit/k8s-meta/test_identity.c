/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "k8s-meta/identity_new.h"
#include "k8s-meta/labels.h"

static struct weir_identity *make(const struct weir_identity *like, struct weir_labels *labels)
{
	struct weir_identity *identity = NULL;

	assert_int_equal(weir_identity_new(like, labels, &identity), 0);
	assert_int_equal(identity->refs, 1);
	return identity;
}

static const struct weir_identity web = {
	.kind = WEIR_IDENTITY_POD, .namespace_ = "shop", .pod_name = "web-1", .pod_uid = "u",
	.container = "c", .workload_name = "web", .workload_kind = "Deployment",
	.node_name = "n1",
};

static void new_pod_copies_strings(void **state)
{
	char name[] = "web-1";
	struct weir_identity like = web, *identity;

	(void)state;
	like.pod_name = name;
	identity = make(&like, NULL);
	name[0] = 'X';
	assert_string_equal(identity->pod_name, "web-1");
	assert_string_equal(identity->namespace_, "shop");
	assert_string_equal(identity->pod_uid, "u");
	assert_string_equal(identity->container, "c");
	assert_string_equal(identity->workload_name, "web");
	assert_string_equal(identity->workload_kind, "Deployment");
	assert_string_equal(identity->node_name, "n1");
	assert_string_equal(identity->unit, "");
	assert_int_equal(identity->n_labels, 0);
	weir_identity_unref(identity);
}

static void numeric_of_pods_is_stable_and_by_workload(void **state)
{
	struct weir_identity *a = make(&web, NULL), *b, *c, *d;
	struct weir_identity like = web;

	(void)state;
	/* FNV-1a over "shop\0Deployment\0web\0": it is to be the same in every release */
	assert_int_equal(a->numeric, 3945420174U);
	like.pod_name = "web-2";
	like.container = "other";
	b = make(&like, NULL);
	assert_int_equal(a->numeric, b->numeric);
	like.namespace_ = "shop2";
	c = make(&like, NULL);
	assert_int_not_equal(a->numeric, c->numeric);
	assert_true(c->numeric >= 256);
	like = (struct weir_identity){ .kind = WEIR_IDENTITY_POD, .pod_uid = "u" };
	d = make(&like, NULL);
	assert_int_equal(d->numeric, 0);
	weir_identity_unref(a);
	weir_identity_unref(b);
	weir_identity_unref(c);
	weir_identity_unref(d);
}

static void kinds_have_hubbles_numbers_and_labels(void **state)
{
	static const struct {
		enum weir_identity_kind kind;
		unsigned int numeric;
		const char *label;
		const char *text;
	} cases[] = {
		{ WEIR_IDENTITY_UNKNOWN, 0, NULL, "unknown" },
		{ WEIR_IDENTITY_HOST, 1, "reserved:host", "host" },
		{ WEIR_IDENTITY_WORLD, 2, "reserved:world", "world" },
		{ WEIR_IDENTITY_REMOTE_NODE, 6, "reserved:remote-node", "remote-node" },
		{ WEIR_IDENTITY_POD, 0, NULL, "pod" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_identity like = { .kind = cases[i].kind };
		struct weir_identity *identity = make(&like, NULL);

		assert_string_equal(weir_identity_kind_to_str(cases[i].kind), cases[i].text);
		assert_int_equal(identity->numeric, cases[i].numeric);
		assert_int_equal(identity->n_labels, cases[i].label != NULL);
		if (cases[i].label)
			assert_string_equal(identity->labels[0], cases[i].label);
		weir_identity_unref(identity);
	}
	assert_string_equal(weir_identity_kind_to_str((enum weir_identity_kind)99), "unknown");
}

static void constants_survive_their_users(void **state)
{
	const struct weir_identity *both[] = { weir_identity_unknown(), weir_identity_world() };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		for (int j = 0; j < 3; j++)
			weir_identity_unref(weir_identity_ref(both[i]));
		assert_int_equal(both[i]->refs, 1);
		assert_string_equal(both[i]->pod_name, "");
		assert_null(weir_identity_labels(both[i]));
	}
	assert_int_equal(weir_identity_unknown()->kind, WEIR_IDENTITY_UNKNOWN);
	assert_int_equal(weir_identity_world()->kind, WEIR_IDENTITY_WORLD);
	assert_int_equal(weir_identity_world()->numeric, 2);
	assert_string_equal(weir_identity_world()->labels[0], "reserved:world");
	weir_identity_unref(NULL);
}

static const struct weir_label unsorted[] = {
	{ "b", "2" }, { "a-b", "x" }, { "a", "1" }, { "empty", "" }
};

static void labels_are_spelled_as_hubble_does_and_sorted(void **state)
{
	static const char *const want[] = { "k8s:a-b=x", "k8s:a=1", "k8s:b=2", "k8s:empty" };
	struct weir_label_pool pool;
	struct weir_labels *labels;

	(void)state;
	weir_label_pool_init(&pool);
	assert_int_equal(weir_label_pool_get(&pool, unsorted, 4, &labels), 0);
	assert_int_equal(labels->n, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(labels->items[i], want[i]);
	weir_labels_unref(labels);
	weir_label_pool_done(&pool);
}

static void label_pool_shares_equal_sets(void **state)
{
	static const struct weir_label other[] = {
		{ "a", "1" }, { "empty", "" }, { "b", "2" }, { "a-b", "x" }
	};
	struct weir_label_pool pool;
	struct weir_labels *a, *b, *c, *none;

	(void)state;
	weir_label_pool_init(&pool);
	assert_int_equal(weir_label_pool_get(&pool, unsorted, 4, &a), 0);
	assert_int_equal(weir_label_pool_get(&pool, other, 4, &b), 0);
	assert_int_equal(weir_label_pool_get(&pool, unsorted, 3, &c), 0);
	assert_int_equal(weir_label_pool_get(&pool, NULL, 0, &none), 0);
	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, c);
	assert_int_equal(none->n, 0);
	assert_int_equal(pool.sets.count, 3);
	weir_labels_unref(c);
	weir_labels_unref(none);
	weir_label_pool_trim(&pool);
	assert_int_equal(pool.sets.count, 1);
	weir_labels_unref(a);
	weir_labels_unref(b);
	weir_label_pool_done(&pool);
}

static void label_pool_outlived_by_identities_is_safe(void **state)
{
	struct weir_label_pool pool;
	struct weir_labels *labels;
	struct weir_identity *identity;

	(void)state;
	weir_label_pool_init(&pool);
	assert_int_equal(weir_label_pool_get(&pool, unsorted, 4, &labels), 0);
	identity = make(&web, labels);
	weir_labels_unref(labels);
	weir_label_pool_done(&pool);
	assert_int_equal(identity->n_labels, 4);
	assert_string_equal(identity->labels[1], "k8s:a=1");
	weir_identity_unref(identity);
}

static void service_name_is_copied_and_counted(void **state)
{
	char name[] = "frontend";
	struct weir_service_name *service, *second;

	(void)state;
	assert_int_equal(weir_service_name_new("shop", name, &service), 0);
	name[0] = 'X';
	second = weir_service_name_ref(service);
	weir_service_name_unref(service);
	assert_int_equal(second->refs, 1);
	assert_string_equal(second->namespace_, "shop");
	assert_string_equal(second->name, "frontend");
	weir_service_name_unref(second);
	weir_service_name_unref(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_pod_copies_strings),
		cmocka_unit_test(numeric_of_pods_is_stable_and_by_workload),
		cmocka_unit_test(kinds_have_hubbles_numbers_and_labels),
		cmocka_unit_test(constants_survive_their_users),
		cmocka_unit_test(labels_are_spelled_as_hubble_does_and_sorted),
		cmocka_unit_test(label_pool_shares_equal_sets),
		cmocka_unit_test(label_pool_outlived_by_identities_is_safe),
		cmocka_unit_test(service_name_is_copied_and_counted),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
