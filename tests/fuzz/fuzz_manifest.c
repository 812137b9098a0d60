/* SPDX-License-Identifier: Apache-2.0 */
/* A manifest, as YAML and as JSON, read and applied to a store. */
#include <errno.h>
#include <netinet/in.h>

#include "k8s-meta/manifest_file.h"
#include "k8s-meta/store.h"
#include "k8s-meta/store_update.h"
#include "lib/cleanup.h"
#include "tests/fuzz/fuzz.h"

#define LATER_NS 3600000000000ULL

/* "@input:line: what", in one line. */
static void check_error(const struct weir_error *err, const char *input)
{
	size_t len = strlen(input);

	fuzz_check(strncmp(err->text, input, len) == 0 && err->text[len] == ':');
	fuzz_check(err->text[len + 1] >= '1' && err->text[len + 1] <= '9');
	fuzz_check(!strchr(err->text, '\n'));
}

static void ask(struct weir_store *store, uint64_t now_ns)
{
	struct weir_addr addr;

	fuzz_check(weir_addr_parse("10.244.1.5", &addr) == 0);
	fuzz_check(weir_store_by_ip(store, &addr, now_ns));
	(void)weir_store_service(store, &addr, 80, IPPROTO_TCP, now_ns);
}

static void read_and_apply(const char *text, size_t len, const char *input)
{
	_cleanup_(weir_store_free) struct weir_store *store = NULL;
	struct weir_error err = { 0 };
	struct weir_objects objects;
	int r;

	weir_objects_init(&objects);
	r = weir_manifest_parse(text, len, input, &objects, &err);
	fuzz_check(r == 0 || r == -EINVAL);
	if (r < 0)
		check_error(&err, input);
	fuzz_check(weir_store_new(&store) == 0);
	for (size_t i = 0; i < objects.n; i++)
		fuzz_check(weir_store_apply(store, &objects.items[i], i) == 0);
	weir_objects_done(&objects);
	ask(store, LATER_NS);
	weir_store_expire(store, LATER_NS);
	ask(store, LATER_NS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_copy(data, size);

	read_and_apply(text, size, "fuzz.yaml");
	read_and_apply(text, size, "fuzz.json");
	return 0;
}
