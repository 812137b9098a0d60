/* SPDX-License-Identifier: Apache-2.0 */
/* The body of /v1/status, as the client reads it to show it. */
#include <errno.h>

#include "api/status_view.h"
#include "lib/cleanup.h"
#include "tests/fuzz/fuzz.h"

static void walk_counts(const struct weir_status_count *counts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fuzz_read(counts[i].name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_copy(data, size);
	struct weir_status_view view = { 0 };
	struct weir_error err = { 0 };
	int r = weir_status_view_parse(text, size, &view, &err);

	fuzz_check(r == 0 || r == -EINVAL);
	if (r < 0) {
		fuzz_check(*err.text && !strchr(err.text, '\n'));
		return 0;
	}
	fuzz_read(view.version);
	fuzz_read(view.node_name);
	fuzz_read(view.cgroup_root);
	walk_counts(view.lost, view.lost_count);
	walk_counts(view.store, view.store_count);
	for (size_t i = 0; i < view.degraded_count; i++)
		fuzz_read(view.degraded[i]);
	weir_status_view_done(&view);
	weir_status_view_done(&view);
	return 0;
}
