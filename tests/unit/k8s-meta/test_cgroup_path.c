/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/cgroup_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define UID "0f3a6b1c-7c1d-4a43-9d5e-2f1b7c9e0a11"
#define UID_ "0f3a6b1c_7c1d_4a43_9d5e_2f1b7c9e0a11"
#define HASH "9e107d9d372bb6826bd81d3542a419d6"
#define ID "2222222222222222222222222222222222222222222222222222222222abcdef"
#define ID2 "3333333333333333333333333333333333333333333333333333333333333333"
#define BURSTABLE "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice"
#define KIND                                                                       \
	"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/" \
	"kubelet-kubepods-besteffort-pod" UID_ ".slice/cri-containerd-" ID2 ".scope"

struct pod_case {
	const char *name;
	const char *path;
	const char *uid;
	const char *container;
};

static const struct pod_case pods[] = {
	{ "systemd burstable containerd", BURSTABLE "/cri-containerd-" ID ".scope", UID, ID },
	{ "systemd besteffort crio",
	  "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_ ".slice/crio-" ID
	  ".scope",
	  UID, ID },
	{ "systemd guaranteed docker",
	  "/kubepods.slice/kubepods-pod" UID_ ".slice/docker-" ID ".scope", UID, ID },
	{ "systemd libpod", BURSTABLE "/libpod-" ID ".scope", UID, ID },
	{ "systemd pod itself", BURSTABLE, UID, "" },
	{ "systemd static pod",
	  "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" HASH
	  ".slice/cri-containerd-" ID ".scope",
	  HASH, ID },
	{ "conmon is no container", BURSTABLE "/crio-conmon-" ID ".scope", UID, "" },
	{ "libpod conmon is no container", BURSTABLE "/libpod-conmon-" ID ".scope", UID, "" },
	{ "unknown child of a pod", BURSTABLE "/something.scope", UID, "" },
	{ "short container id", BURSTABLE "/docker-0123456789ab.scope", UID, "0123456789ab" },
	{ "too short container id", BURSTABLE "/docker-0123456789a.scope", UID, "" },
	{ "too long container id", BURSTABLE "/docker-" ID "0.scope", UID, "" },
	{ "cgroupfs guaranteed", "/kubepods/pod" UID "/" ID, UID, ID },
	{ "cgroupfs burstable", "/kubepods/burstable/pod" UID "/" ID, UID, ID },
	{ "cgroupfs besteffort crio", "/kubepods/besteffort/pod" UID "/crio-" ID, UID, ID },
	{ "cgroupfs crio conmon", "/kubepods/besteffort/pod" UID "/crio-conmon-" ID, UID, "" },
	{ "cgroupfs static pod", "/kubepods/burstable/pod" HASH "/" ID, HASH, ID },
	{ "cgroupfs pod itself", "/kubepods/burstable/pod" UID, UID, "" },
	{ "cgroup root, cgroupfs", "/node1/kubepods/burstable/pod" UID "/" ID, UID, ID },
	{ "cgroup root, systemd",
	  "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" UID_
	  ".slice/cri-containerd-" ID ".scope",
	  UID, ID },
	{ "kind, cgroupfs driver of docker", "/docker/" ID KIND, UID, ID2 },
	{ "kind, systemd driver of docker", "/system.slice/docker-" ID ".scope" KIND, UID, ID2 },
	{ "kind, podman", "/machine.slice/libpod-" ID ".scope/container" KIND, UID, ID2 },
	{ "minikube", "/system.slice/docker-" ID ".scope" BURSTABLE "/docker-" ID2 ".scope", UID,
	  ID2 },
	{ "k3d", "/docker/" ID "/kubepods/burstable/pod" UID "/" ID2, UID, ID2 },
	{ "nested: init.scope", BURSTABLE "/cri-containerd-" ID ".scope/init.scope", UID, ID },
	{ "nested: systemd inside",
	  BURSTABLE "/cri-containerd-" ID ".scope/system.slice/nginx.service", UID, ID },
	{ "nested: cgroupfs", "/kubepods/burstable/pod" UID "/" ID "/system.slice/a.service", UID,
	  ID },
	{ "nested: crio's container", BURSTABLE "/crio-" ID ".scope/container", UID, ID },
	{ "nested: a pod within a pod is the outer one",
	  BURSTABLE "/cri-containerd-" ID ".scope/kubepods.slice/kubepods-pod" HASH
		    ".slice/docker-" ID2 ".scope",
	  UID, ID },
	{ "containerd with the other driver",
	  "/system.slice/containerd.service/kubepods-burstable-pod" UID_
	  ".slice:cri-containerd:" ID,
	  UID, ID },
	{ "repeated slashes", "//kubepods//burstable/pod" UID "//" ID "/", UID, ID },
};

static void parse_kubelet_path_finds_pod_and_container(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pods) / sizeof(pods[0]); i++) {
		struct weir_cgroup_path parsed;

		weir_cgroup_path_parse(pods[i].path, &parsed);
		if (!parsed.is_pod || strcmp(parsed.pod_uid, pods[i].uid) != 0 ||
		    strcmp(parsed.container_id, pods[i].container) != 0 || *parsed.unit)
			fail_msg("%s: is_pod %d uid '%s' container '%s' unit '%s'", pods[i].name,
				 parsed.is_pod, parsed.pod_uid, parsed.container_id, parsed.unit);
	}
}

struct unit_case {
	const char *name;
	const char *path;
	const char *unit;
};

static const struct unit_case units[] = {
	{ "service", "/system.slice/ssh.service", "ssh.service" },
	{ "init", "/init.scope", "init.scope" },
	{ "session", "/user.slice/user-1000.slice/session-3.scope", "session-3.scope" },
	{ "user's unit", "/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service",
	  "user@1000.service" },
	{ "user's unit named like a system's",
	  "/user.slice/user-1000.slice/user@1000.service/app.slice/sshd.service",
	  "user@1000.service" },
	{ "user's scope in a session", "/user.slice/user-1000.slice/session-3.scope/sshd.service",
	  "session-3.scope" },
	{ "delegated service's unit", "/system.slice/foo.service/system.slice/sshd.service",
	  "foo.service" },
	{ "slices within slices", "/system.slice/system-getty.slice/getty@tty1.service",
	  "getty@tty1.service" },
	{ "container's unit, cgroupfs driver", "/docker/" ID "/system.slice/sshd.service",
	  "/docker/" ID "/system.slice/sshd.service" },
	{ "below a service", "/system.slice/foo.service/workers/1", "foo.service" },
	{ "service inside a scope",
	  "/system.slice/docker-" ID ".scope/kubelet.slice/kubelet.service",
	  "docker-" ID ".scope" },
	{ "escaped", "/system.slice/dev-disk\\x2dby.service", "dev-disk\\x2dby.service" },
	{ "template", "/system.slice/getty@tty1.service", "getty@tty1.service" },
	{ "docker container", "/docker/" ID, "/docker/" ID },
	{ "root", "/", "/" },
	{ "slice only", "/system.slice", "/system.slice" },
	{ "plain cgroup", "/a/b c", "/a/b c" },
	{ "no unit for its bytes", "/x/a b.service", "/x/a b.service" },
	{ "no unit for want of a name", "/x/.service", "/x/.service" },
	{ "empty", "", "" },
	{ "relative", "kubepods/pod" UID "/" ID, "kubepods/pod" UID "/" ID },
	{ "kubepods itself", "/kubepods.slice", "/kubepods.slice" },
	{ "quality of service only", "/kubepods/burstable", "/kubepods/burstable" },
	{ "pod without uid", "/kubepods/burstable/pod", "/kubepods/burstable/pod" },
	{ "pod of a short uid", "/kubepods/pod0f3a6b1c", "/kubepods/pod0f3a6b1c" },
	{ "pod of a long uid", "/kubepods/pod" UID "0", "/kubepods/pod" UID "0" },
	{ "uid that is no uid", "/kubepods/podzf3a6b1c-7c1d-4a43-9d5e-2f1b7c9e0a11",
	  "/kubepods/podzf3a6b1c-7c1d-4a43-9d5e-2f1b7c9e0a11" },
	{ "dashes in wrong places", "/kubepods/pod0f3a6b1-c7c1d-4a43-9d5e-2f1b7c9e0a11",
	  "/kubepods/pod0f3a6b1-c7c1d-4a43-9d5e-2f1b7c9e0a11" },
	{ "dashes of two kinds", "/kubepods/pod0f3a6b1c-7c1d_4a43-9d5e-2f1b7c9e0a11",
	  "/kubepods/pod0f3a6b1c-7c1d_4a43-9d5e-2f1b7c9e0a11" },
	{ "user's lookalike without uid", "/user.slice/kubepods-pod-x.slice",
	  "/user.slice/kubepods-pod-x.slice" },
	{ "user's lookalike with uid",
	  "/user.slice/user-1000.slice/user@1000.service/kubepods.slice/kubepods-pod" UID_
	  ".slice/docker-" ID ".scope",
	  "user@1000.service" },
	{ "delegated service's pods", "/system.slice/foo.service" BURSTABLE "/docker-" ID ".scope",
	  "foo.service" },
	{ "delegated service's pods, cgroupfs",
	  "/system.slice/foo.service/kubepods/burstable/pod" UID "/" ID, "foo.service" },
	{ "delegated service's colon form",
	  "/system.slice/foo.service/kubepods-burstable-pod" UID_ ".slice:cri-containerd:" ID,
	  "foo.service" },
	{ "delegated service's runtime",
	  "/system.slice/foo.service/containerd.service/kubepods-pod" UID_
	  ".slice:cri-containerd:" ID,
	  "foo.service" },
	{ "runtime's tree of pods", "/system.slice/containerd.service" BURSTABLE,
	  "containerd.service" },
	{ "delegated service's container", "/system.slice/foo.service/docker-" ID ".scope" KIND,
	  "foo.service" },
	{ "scope's pods", "/system.slice/run-r1.scope" BURSTABLE, "run-r1.scope" },
	{ "scope like a container's", "/system.slice/docker-0123456789ab.scope" BURSTABLE,
	  "docker-0123456789ab.scope" },
	{ "conmon's pods", "/machine.slice/libpod-conmon-" ID ".scope" BURSTABLE,
	  "libpod-conmon-" ID ".scope" },
	{ "init's pods", "/init.scope" BURSTABLE, "init.scope" },
	{ "service's pods in a container",
	  "/system.slice/docker-" ID ".scope/system.slice/foo.service" BURSTABLE,
	  "docker-" ID ".scope" },
	{ "user's pods in a container", "/docker/" ID "/user.slice/user-0.slice/x/kubepods/pod" UID,
	  "/docker/" ID "/user.slice/user-0.slice/x/kubepods/pod" UID },
	{ "lookalike by its first word", "/x/notkubepods-pod" UID_ ".slice",
	  "/x/notkubepods-pod" UID_ ".slice" },
	{ "cgroupfs pod outside kubepods", "/x/pod" UID "/" ID, "/x/pod" UID "/" ID },
	{ "cgroupfs pod too far below kubepods", "/kubepods/x/pod" UID, "/kubepods/x/pod" UID },
	{ "two levels of quality", "/kubepods/burstable/besteffort/pod" UID,
	  "/kubepods/burstable/besteffort/pod" UID },
	{ "dots", "/kubepods/burstable/../pod" UID, "/kubepods/burstable/../pod" UID },
	{ "dots hide units", "/../system.slice/ssh.service", "/../system.slice/ssh.service" },
	{ "odd bytes", "/\x01\xff\x80/kubepods\n", "/\x01\xff\x80/kubepods\n" },
};

static void parse_other_path_finds_unit_or_path(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		struct weir_cgroup_path parsed;

		weir_cgroup_path_parse(units[i].path, &parsed);
		if (parsed.is_pod || *parsed.pod_uid || *parsed.container_id ||
		    strcmp(parsed.unit, units[i].unit) != 0)
			fail_msg("%s: is_pod %d uid '%s' container '%s' unit '%s'", units[i].name,
				 parsed.is_pod, parsed.pod_uid, parsed.container_id, parsed.unit);
	}
}

static void parse_long_path_cuts_it_between_characters(void **state)
{
	struct weir_cgroup_path parsed;
	char path[4096];

	(void)state;
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	weir_cgroup_path_parse(path, &parsed);
	assert_false(parsed.is_pod);
	assert_int_equal(strlen(parsed.unit), WEIR_UNIT_MAX - 1);

	/* U+00E9 as bytes 254 and 255 */
	memcpy(path + WEIR_UNIT_MAX - 2, "\xc3\xa9", 2);
	weir_cgroup_path_parse(path, &parsed);
	assert_int_equal(strlen(parsed.unit), WEIR_UNIT_MAX - 2);
}

static void parse_long_unit_is_cut(void **state)
{
	static const char suffix[] = ".service";
	struct weir_cgroup_path parsed;
	char path[1024];

	(void)state;
	memset(path, 'u', sizeof(path));
	path[0] = '/';
	memcpy(path + sizeof(path) - sizeof(suffix), suffix, sizeof(suffix));
	weir_cgroup_path_parse(path, &parsed);
	assert_int_equal(strlen(parsed.unit), WEIR_UNIT_MAX - 1);
	assert_int_equal(parsed.unit[0], 'u');
}

/* Every way to spoil one byte of a good path gives either the same pod or none, never another
 * UID than 36 or 32 characters, and touches no memory it should not (ASan). */
static void parse_mutated_path_stays_valid(void **state)
{
	static const char good[] = BURSTABLE "/cri-containerd-" ID ".scope";
	static const char bytes[] = "/.-_:\0\xffpz0";

	(void)state;
	for (size_t i = 0; i < sizeof(good) - 1; i++) {
		for (size_t j = 0; j < sizeof(bytes); j++) {
			struct weir_cgroup_path parsed;
			char path[sizeof(good)];
			size_t uid_len;

			memcpy(path, good, sizeof(good));
			path[i] = bytes[j];
			weir_cgroup_path_parse(path, &parsed);
			uid_len = strlen(parsed.pod_uid);
			assert_true(parsed.is_pod ? uid_len == 36 || uid_len == 32 : uid_len == 0);
			assert_true(strlen(parsed.container_id) <= 64);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_kubelet_path_finds_pod_and_container),
		cmocka_unit_test(parse_other_path_finds_unit_or_path),
		cmocka_unit_test(parse_long_path_cuts_it_between_characters),
		cmocka_unit_test(parse_long_unit_is_cut),
		cmocka_unit_test(parse_mutated_path_stays_valid),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
