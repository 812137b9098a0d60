/* SPDX-License-Identifier: Apache-2.0 */
/* A cgroup's path, which whoever may make cgroups can choose. */
#include "k8s-meta/cgroup_path.h"
#include "lib/cleanup.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *path = fuzz_string(data, size);
	struct weir_cgroup_path parsed;
	size_t uid_len, id_len;

	weir_cgroup_path_parse(path, &parsed);
	fuzz_check(memchr(parsed.pod_uid, '\0', sizeof(parsed.pod_uid)));
	fuzz_check(memchr(parsed.container_id, '\0', sizeof(parsed.container_id)));
	fuzz_check(memchr(parsed.unit, '\0', sizeof(parsed.unit)));
	uid_len = strlen(parsed.pod_uid);
	id_len = strlen(parsed.container_id);
	/* A UID, or the 32 digits of a static pod's hash; and a container is a pod's. */
	fuzz_check(parsed.is_pod ? uid_len == 36 || uid_len == 32 : uid_len == 0);
	fuzz_check(id_len == 0 || (parsed.is_pod && id_len >= 12 && id_len <= 64));
	/* What names it stands in the path. */
	fuzz_check(!id_len || strstr(path, parsed.container_id));
	fuzz_check(strstr(path, parsed.unit));
	return 0;
}
