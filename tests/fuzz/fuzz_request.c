/* SPDX-License-Identifier: Apache-2.0 */
/* What a client asks for: a websocket message, or the parameters of a query string. */
#include <errno.h>

#include "api/request.h"
#include "lib/cleanup.h"
#include "tests/fuzz/fuzz.h"

#define NOW_NS 1785413538510175415LL

static const struct weir_identity nobody = {
	.kind = WEIR_IDENTITY_UNKNOWN,
	.namespace_ = "",
	.pod_name = "",
	.pod_uid = "",
	.container = "",
	.workload_name = "",
	.workload_kind = "",
	.node_name = "",
	.unit = "",
};

static void check_result(int r, const struct weir_error *err)
{
	fuzz_check(r == 0 || r == -EBADMSG || r == -EINVAL);
	fuzz_check((r < 0) == (*err->text != '\0'));
	fuzz_check(!strchr(err->text, '\n'));
}

/* A request that is accepted keeps the limits, and can be asked. */
static void use(const struct weir_request *request)
{
	const struct weir_record record = { .source = &nobody, .destination = &nobody };

	fuzz_check(request->n_filters <= WEIR_REQUEST_FILTERS_MAX);
	fuzz_check(request->n_values <= WEIR_REQUEST_VALUES_MAX);
	fuzz_check(request->last <= WEIR_REQUEST_LAST_MAX);
	(void)weir_request_match(request, &record);
}

static void message(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_copy(data, size);
	struct weir_request request;
	struct weir_error err = { 0 };
	int r;

	weir_request_init(&request);
	r = weir_request_decode(&request, text, size, NOW_NS, &err);
	check_result(r, &err);
	if (r == 0)
		use(&request);
	weir_request_done(&request);
}

/* name=value pairs with & between them, decoded, as the server gives them on. */
static void query(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_string(data, size);
	struct weir_request request;
	struct weir_error err = { 0 };
	char *rest = text, *param;
	int r = 0;

	weir_request_init(&request);
	while (r == 0 && (param = strsep(&rest, "&"))) {
		char *value = strchr(param, '=');

		if (value)
			*value++ = '\0';
		r = weir_request_add_param(&request, param, value ? value : "", NOW_NS, &err);
	}
	if (r == 0)
		r = weir_request_check(&request, &err);
	check_result(r, &err);
	if (r == 0)
		use(&request);
	weir_request_done(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	message(data, size);
	query(data, size);
	return 0;
}
