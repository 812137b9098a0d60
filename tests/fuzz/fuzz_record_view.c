/* SPDX-License-Identifier: Apache-2.0 */
/* A line of a stream, as the client reads it to show it. */
#include <errno.h>

#include "api/record_view.h"
#include "lib/cleanup.h"
#include "tests/fuzz/fuzz.h"

static void walk(const char *const *strings, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fuzz_read(strings[i]);
}

static void walk_end(const struct weir_view_end *end)
{
	const char *const strings[] = {
		end->ip,        end->namespace_name, end->pod,      end->pod_uid,
		end->workload,  end->workload_kind,  end->unit,     end->comm,
		end->container, end->reserved,       end->dns_name,
	};

	walk(strings, sizeof(strings) / sizeof(strings[0]));
}

static void walk_view(const struct weir_view *view)
{
	const char *const flow[] = {
		view->node_name,         view->verdict,    view->protocol,
		view->direction,         view->summary,    view->service,
		view->service_namespace, view->service_ip, view->drop_reason,
	};
	const char *const lost[] = { view->lost_source, view->lost_cause };

	if (view->kind == WEIR_VIEW_FLOW) {
		walk(flow, sizeof(flow) / sizeof(flow[0]));
		walk_end(&view->source);
		walk_end(&view->destination);
	} else if (view->kind == WEIR_VIEW_LOST) {
		walk(lost, sizeof(lost) / sizeof(lost[0]));
	} else if (view->kind == WEIR_VIEW_ERROR) {
		walk(&view->message, 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct weir_view_reader *reader;
	_cleanup_free_ char *line = fuzz_copy(data, size);
	struct weir_error err = { 0 };
	struct weir_view view;
	int r;

	/* One for all lines, as in the client: what a line leaves behind must not hurt the next. */
	if (!reader)
		fuzz_check(weir_view_reader_new(&reader) == 0);
	r = weir_view_read(reader, line, size, &view, &err);
	fuzz_check(r == 0 || r == -EINVAL);
	if (r == 0)
		walk_view(&view);
	else
		fuzz_check(*err.text && !strchr(err.text, '\n'));
	return 0;
}
