/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_K8S_META_CGROUP_PATH_H
#define WEIR_K8S_META_CGROUP_PATH_H

#include <stdbool.h>

/** Room for a pod UID (36 characters, or a static pod's 32-digit hash) and NUL. */
#define WEIR_POD_UID_MAX 64
/** Room for a container id (12 to 64 hex digits) and NUL. */
#define WEIR_CONTAINER_ID_MAX 80
/** Room for a systemd unit name or a cgroup path, cut if longer. */
#define WEIR_UNIT_MAX 256

/** struct weir_cgroup_path - what a cgroup's path says about who lives in it. */
struct weir_cgroup_path {
	bool is_pod;
	char pod_uid[WEIR_POD_UID_MAX];            /* with dashes, as metadata.uid */
	char container_id[WEIR_CONTAINER_ID_MAX];  /* "" for the pod's own cgroup */
	char unit[WEIR_UNIT_MAX];                  /* not a pod: the outermost systemd unit, or
						    * the path itself */
};

/**
 * weir_cgroup_path_parse() - read a path of the kubelet's or systemd's making.
 *
 * A name counts only where the kubelet or systemd gave it, not where a user or a service could have:
 *
 * - A tree of pods is "kubepods" or "[ROOT-]kubepods.slice" at the hierarchy's root or below a
 *   --cgroup-root, that is below names of which none ends in ".service" or ".scope" and none is
 *   user.slice; the scope of a container ("docker-", "libpod-", "cri-containerd-", "nerdctl-" or
 *   "crio-" and 64 hex digits) may be among them, for kind and its like run a kubelet in a
 *   container. So a service, a session or a user that makes itself a kubepods.slice has no pods.
 * - Of pods within pods the outermost counts; cgroups inside a container are the container's.
 * - containerd.service and crio.service make "kubepods-podUID.slice:RUNTIME:ID" directly below
 *   themselves when the kubelet uses the systemd driver and they do not.
 * - A unit is what comes first after the slices, if it is a service or scope: ssh.service,
 *   session-3.scope, user@1000.service for all that a user runs in units of its own,
 *   docker-ID.scope for all of a container. Otherwise the path stands for itself.
 *
 * Source: kubernetes pkg/kubelet/cm/cgroup_manager_linux.go (both drivers), the runtimes' scope
 *         prefixes cri-containerd-, crio-, crio-conmon-, docker-, libpod-; systemd
 *         src/basic/cgroup-util.c, cg_path_get_unit().
 * Errors: none; what is not recognised is no pod.
 */
void weir_cgroup_path_parse(const char *path, struct weir_cgroup_path *ret_parsed);

#endif
