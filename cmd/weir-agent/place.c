// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <ifaddrs.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cmd/weir-agent/agent.h"
#include "k8s-meta/cgroup_walk.h"
#include "lib/log.h"

/* The inode number of the root directory of any kernfs, so of the whole cgroup v2 hierarchy. A
 * mount made in a cgroup namespace has another. */
#define HIERARCHY_ROOT_ID 1

static bool has_capability(const struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3],
			   unsigned int cap)
{
	return data[cap / 32].effective & (1U << (cap % 32));
}

/* Asked beforehand, because the kernel's EPERM does not say what is missing. Before Linux 5.8
 * all of it is CAP_SYS_ADMIN. */
int place_check_permission(struct weir_error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &header, data) < 0)
		return weir_error_set(err, -errno, "capget: %s", strerror(errno));
	if (has_capability(data, CAP_SYS_ADMIN))
		return 0;
	if (has_capability(data, CAP_BPF) && has_capability(data, CAP_PERFMON) &&
	    has_capability(data, CAP_NET_ADMIN))
		return 0;
	return weir_error_set(err, -EPERM,
			      "not permitted to load BPF programs: run as root or "
			      "with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN");
}

int place_find_node_name(struct agent *agent, struct weir_error *err)
{
	const char *given = agent->settings->node_name;

	if (given && *given) {
		agent->node_name = given;
		return 0;
	}
	if (gethostname(agent->host_name, sizeof(agent->host_name) - 1) < 0)
		return weir_error_set(err, -errno, "gethostname: %s", strerror(errno));
	agent->node_name = agent->host_name;
	return 0;
}

static int cgroup_id_of(const char *dir, uint64_t *ret_id, struct weir_error *err)
{
	struct statfs fs;
	struct stat st;

	if (statfs(dir, &fs) < 0 || stat(dir, &st) < 0)
		return weir_error_set(err, -errno, "%s: %s", dir, strerror(errno));
	if ((unsigned long)fs.f_type != CGROUP2_SUPER_MAGIC)
		return weir_error_set(err, -EINVAL, "%s: not a directory of cgroup v2", dir);
	*ret_id = st.st_ino;
	return 0;
}

int place_find_cgroups(struct agent *agent, struct weir_error *err)
{
	const char *dir = agent->settings->cgroup_root;
	uint64_t id;
	int r;

	r = weir_cgroup_find_mount("/proc/self/mountinfo", agent->cgroup_mount, err);
	if (r < 0)
		return r;
	agent->cgroup_dir = dir ? dir : agent->cgroup_mount;
	r = cgroup_id_of(agent->cgroup_dir, &id, err);
	if (r < 0)
		return r;
	agent->root_cgroup_id = id == HIERARCHY_ROOT_ID ? 0 : id;
	if (agent->root_cgroup_id && !dir)
		weir_log(WEIR_LOG_WARN, "agent",
			 "only a part of the cgroup hierarchy is mounted: the rest is not seen",
			 "mount=\"%s\"", agent->cgroup_mount);
	return 0;
}

static void addr_from_sockaddr(const struct sockaddr *sa, struct weir_addr *ret_addr)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (sa->sa_family == AF_INET6) {
		memcpy(ret_addr->bytes, &((const struct sockaddr_in6 *)sa)->sin6_addr,
		       sizeof(ret_addr->bytes));
		return;
	}
	memcpy(ret_addr->bytes, mapped, sizeof(mapped));
	memcpy(ret_addr->bytes + sizeof(mapped), &((const struct sockaddr_in *)sa)->sin_addr, 4);
}

int place_read_host_addrs(struct agent *agent)
{
	struct ifaddrs *list, *ifa;
	struct weir_addr *addrs;
	size_t n = 0;
	int r;

	if (getifaddrs(&list) < 0)
		return -errno;
	for (ifa = list; ifa; ifa = ifa->ifa_next)
		n++;
	addrs = calloc(n + 1, sizeof(*addrs));
	if (!addrs) {
		freeifaddrs(list);
		return -ENOMEM;
	}
	n = 0;
	for (ifa = list; ifa; ifa = ifa->ifa_next) {
		if (ifa->ifa_addr &&
		    (ifa->ifa_addr->sa_family == AF_INET || ifa->ifa_addr->sa_family == AF_INET6))
			addr_from_sockaddr(ifa->ifa_addr, &addrs[n++]);
	}
	freeifaddrs(list);
	r = weir_store_set_host_addrs(agent->store, addrs, n, weir_time_mono_ns());
	free(addrs);
	return r;
}

static int on_cgroup(void *ctx, uint64_t id, const char *path)
{
	struct agent *agent = ctx;

	return weir_store_add_cgroup(agent->store, id, path);
}

int place_walk_cgroups(struct agent *agent)
{
	return weir_cgroup_walk(agent->cgroup_mount, "/", on_cgroup, agent);
}
