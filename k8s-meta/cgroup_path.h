/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_K8S_META_CGROUP_PATH_H
#define WEIR_K8S_META_CGROUP_PATH_H

#include <stdbool.h>

/** Room for a pod UID (36 characters, or a static pod's 32-digit hash) and NUL. */
#define WEIR_POD_UID_MAX 64
/** Room for a container id (64 hex digits) and NUL. */
#define WEIR_CONTAINER_ID_MAX 80
/** Room for a systemd unit name or a cgroup path, cut if longer. */
#define WEIR_UNIT_MAX 256

/** struct weir_cgroup_path - what a cgroup's path says about who lives in it. */
struct weir_cgroup_path {
	bool is_pod;
	char pod_uid[WEIR_POD_UID_MAX];            /* with dashes, as metadata.uid */
	char container_id[WEIR_CONTAINER_ID_MAX];  /* "" for the pod's own cgroup */
	char unit[WEIR_UNIT_MAX];                  /* not a pod: the innermost systemd unit, or
						    * the path itself */
};

/**
 * weir_cgroup_path_parse() - read a path of the kubelet's or systemd's making.
 *
 * Source: kubernetes pkg/kubelet/cm/cgroup_manager_linux.go (both drivers), the runtimes' scope
 *         prefixes cri-containerd-, crio-, crio-conmon-, docker-, libpod-; a kubelet --cgroup-root
 *         and nested cgroups inside a container are seen through. Of pods within pods the
 *         outermost counts, and nothing below user.slice is a pod: users name their own cgroups.
 * Errors: none; what is not recognised is no pod.
 */
void weir_cgroup_path_parse(const char *path, struct weir_cgroup_path *ret_parsed);

#endif
