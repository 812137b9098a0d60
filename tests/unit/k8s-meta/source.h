/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_UNIT_K8S_META_SOURCE_H
#define WEIR_TESTS_UNIT_K8S_META_SOURCE_H

#include <poll.h>

#include "k8s-meta/manifest.h"
#include "lib/time.h"
#include "tests/unit/k8s-meta/cluster.h"
#include "tests/unit/k8s-meta/scratch.h"

/* Manifests in a directory of the test's, read into a store of its own. */

#define POD(name, ip)                                                                          \
	"{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: " name ", uid: u-" name \
	"}, status: {podIP: " ip "}}\n"
#define JSON_POD(name, ip)                                                                              \
	"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"shop\",\"name\":\"" name \
	"\"},\"status\":{\"podIP\":\"" ip "\"}}\n"

/** A source on the test's directory, its store, and what was told of errors. */
struct source {
	struct weir_store *store;
	struct weir_manifest *manifest;
	const char *dir;
	int errors;
	struct weir_error last;
};

static inline void on_error(void *ctx, const struct weir_error *err)
{
	struct source *source = ctx;

	source->errors++;
	source->last = *err;
}

static inline void start(struct source *source, const char *dir)
{
	struct weir_error err = { 0 };

	*source = (struct source){ .dir = dir };
	assert_int_equal(weir_store_new(&source->store), 0);
	if (weir_manifest_new(dir, source->store, on_error, source, &source->manifest, &err) < 0)
		fail_msg("%s", err.text);
}

static inline void stop(struct source *source)
{
	weir_manifest_free(&source->manifest);
	assert_null(source->manifest);
	weir_manifest_free(&source->manifest);
	weir_store_free(&source->store);
}

/* Do all that is waiting. */
static inline void settle(struct source *source, bool more)
{
	for (int i = 0; more; i++) {
		assert_true(i < 100000);
		more = weir_manifest_dispatch(source->manifest);
	}
}

static inline void retry(struct source *source)
{
	settle(source, weir_manifest_retry(source->manifest));
}

/* The kernel queues an event before the call that caused it returns, so none is waited for. */
static inline void dispatch(struct source *source)
{
	struct pollfd fd = { .fd = weir_manifest_fd(source->manifest), .events = POLLIN };

	assert_int_equal(poll(&fd, 1, 0), 1);
	settle(source, weir_manifest_dispatch(source->manifest));
	assert_int_equal(poll(&fd, 1, 0), 0);
}

static inline const char *now(struct source *source, const char *ip)
{
	return by_ip(source->store, ip, weir_time_mono_ns());
}

static inline size_t pods(struct source *source)
{
	struct weir_store_stats stats;

	weir_store_get_stats(source->store, &stats);
	return stats.pods;
}

#endif
