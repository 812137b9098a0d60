/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/store.h"

#include <malloc.h>
#include <time.h>

#include "tests/unit/k8s-meta/cluster.h"

/*
 * What a large cluster costs: 10,000 pods with ten labels each. Figures go into the output as TAP
 * comments; the bounds are far from them, so that only a change of kind trips them.
 */
enum {
	PODS = 10000,
	LABELS = 10,
	PODS_OF_A_WORKLOAD = 20,
	LOOKUPS = 1000000
};
enum {
	TEXT = 128
};

#if defined(__SANITIZE_ADDRESS__)
enum {
	MEASURES = 0
};
#else
enum {
	MEASURES = 1
};
#endif

struct pod_text {
	char name[TEXT], uid[TEXT], workload[TEXT], id[TEXT], keys[LABELS][TEXT],
		values[LABELS][TEXT];
	struct weir_label labels[LABELS];
	struct weir_container containers[2];
	struct weir_addr ip;
};

__attribute__((format(printf, 2, 3))) static void print(char *out, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	assert_true(vsnprintf(out, TEXT, fmt, args) < TEXT);
	va_end(args);
}

/* Names as long as real ones. With @unique, no two pods share a label. */
static void make_pod(unsigned int i, bool unique, struct pod_text *t, struct weir_object *object)
{
	unsigned int workload = i / PODS_OF_A_WORKLOAD;

	print(t->workload, "checkout-service-%u", workload);
	print(t->name, "checkout-service-%u-5d59d67564-%05u", workload, i);
	print(t->uid, "0f3a6b1c-7c1d-4a43-9d5e-2f1b%08x", i);
	print(t->id, "%064x", i);
	for (unsigned int j = 0; j < LABELS; j++) {
		print(t->keys[j], "app.kubernetes.io/label-%u", j);
		print(t->values[j], "a-plausible-value-%u", unique ? i : workload);
		t->labels[j] = (struct weir_label){ t->keys[j], t->values[j] };
	}
	t->containers[0] = (struct weir_container){ "main", t->id };
	t->containers[1] = (struct weir_container){ "istio-proxy", t->id };
	t->ip = addr("10.0.0.0");
	t->ip.bytes[14] = (uint8_t)(i >> 8);
	t->ip.bytes[15] = (uint8_t)i;
	*object = (struct weir_object){
		.kind = WEIR_OBJECT_POD, .namespace_ = "production", .name = t->name,
		.uid = t->uid, .labels = t->labels, .n_labels = LABELS,
		.pod = {
			.node_name = "ip-10-0-0-1.eu-central-1.compute.internal",
			.config_hash = "", .workload_name = t->workload,
			.workload_kind = "Deployment", .ips = { &t->ip, 1 },
			.containers = t->containers, .n_containers = 2,
		},
	};
}

static double fill(struct weir_store *store, bool unique)
{
	size_t before = mallinfo2().uordblks;
	struct weir_object object;
	struct pod_text text;

	for (unsigned int i = 0; i < PODS; i++) {
		make_pod(i, unique, &text, &object);
		assert_int_equal(weir_store_apply(store, &object, 100), 0);
	}
	return (double)(mallinfo2().uordblks - before) / 1e6;
}

static void ten_thousand_pods_of_workloads_are_small(void **state)
{
	double megabytes = fill(*state, false);

	if (MEASURES)
		print_message("# %d pods in %d workloads, %d labels each: %.1f MB\n", PODS,
			      PODS / PODS_OF_A_WORKLOAD, LABELS, megabytes);
	assert_true(!MEASURES || (megabytes > 1 && megabytes < 12));
}

static void ten_thousand_pods_with_labels_of_their_own_are_small(void **state)
{
	double megabytes = fill(*state, true);

	if (MEASURES)
		print_message("# %d pods, no label shared, %d labels each: %.1f MB\n", PODS, LABELS,
			      megabytes);
	assert_true(!MEASURES || (megabytes > 1 && megabytes < 18));
}

static double seconds(void)
{
	struct timespec ts;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts), 0);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void lookups_among_ten_thousand_pods_allocate_nothing(void **state)
{
	struct weir_addr ip = addr("10.0.0.0");
	size_t before, after;
	double start;

	(void)fill(*state, false);
	for (unsigned int i = 0; i < 1000; i++) {
		char path[2 * TEXT];

		assert_true(snprintf(path, sizeof(path),
				     "/kubepods/pod0f3a6b1c-7c1d-4a43-9d5e-2f1b%08x/%064x", i,
				     i) < (int)sizeof(path));
		assert_int_equal(weir_store_add_cgroup(*state, i, path), 0);
		assert_int_equal(weir_store_by_cgroup(*state, i)->kind, WEIR_IDENTITY_POD);
	}
	before = mallinfo2().uordblks;
	start = seconds();
	for (unsigned int i = 0; i < LOOKUPS; i++) {
		ip.bytes[14] = (uint8_t)(i % PODS >> 8);
		ip.bytes[15] = (uint8_t)(i % PODS);
		assert_true(weir_store_by_ip(*state, &ip, 200)->kind == WEIR_IDENTITY_POD);
		assert_true(weir_store_by_cgroup(*state, i % 1000)->kind == WEIR_IDENTITY_POD);
		assert_true(!weir_store_service(*state, &ip, 80, IPPROTO_TCP, 200));
	}
	if (MEASURES)
		print_message("# by address, by cgroup and of a Service: %.0f ns for the three\n",
			      (seconds() - start) / LOOKUPS * 1e9);
	after = mallinfo2().uordblks;
	assert_int_equal(before, after);
}

/* A busy cluster's day in short: memory does not grow with the pods that have been. */
static void churn_of_pods_does_not_accumulate(void **state)
{
	const uint64_t step = SEC;
	struct weir_object object;
	struct pod_text text;
	size_t settled = 0;
	struct weir_store_stats stats;

	for (unsigned int i = 0; i < 20000; i++) {
		make_pod(i, true, &text, &object);
		text.ip.bytes[14] = 0;
		assert_int_equal(weir_store_apply(*state, &object, i * step), 0);
		weir_store_delete(*state, WEIR_OBJECT_POD, object.namespace_, object.name, "",
				  i * step + 1);
		weir_store_expire(*state, i * step + 2);
		if (i == 10000)
			settled = mallinfo2().uordblks;
	}
	weir_store_get_stats(*state, &stats);
	assert_int_equal(stats.pods, 0);
	assert_true(!MEASURES || mallinfo2().uordblks < settled + settled / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cluster_test(ten_thousand_pods_of_workloads_are_small),
		cluster_test(ten_thousand_pods_with_labels_of_their_own_are_small),
		cluster_test(lookups_among_ten_thousand_pods_allocate_nothing),
		cluster_test(churn_of_pods_does_not_accumulate),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
