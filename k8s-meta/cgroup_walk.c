/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/cgroup_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/cleanup.h"

/* proc(5): space, tab, newline, backslash and '#' are written as \ooo. */
static void unescape(char *text)
{
	char *out = text;

	for (const char *in = text; *in; out++) {
		if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' && in[2] <= '7' &&
		    in[3] >= '0' && in[3] <= '7') {
			*out = (char)((in[1] - '0') * 64 + (in[2] - '0') * 8 + (in[3] - '0'));
			in += 4;
		} else {
			*out = *in++;
		}
	}
	*out = '\0';
}

/* "36 35 98:0 /root /mount rw,noatime master:1 - cgroup2 cgroup rw": true for a cgroup2 line. */
static bool parse_line(char *line, char **ret_root, char **ret_mount)
{
	enum {
		FIELD_ROOT = 3,
		FIELD_MOUNT = 4,
		FIELD_OPTIONAL = 6
	};
	char *save = NULL, *root = NULL, *mount = NULL;
	int field = 0;

	for (char *text = strtok_r(line, " \n", &save); text;
	     text = strtok_r(NULL, " \n", &save), field++) {
		if (field == FIELD_ROOT)
			root = text;
		else if (field == FIELD_MOUNT)
			mount = text;
		else if (field >= FIELD_OPTIONAL && !strcmp(text, "-"))
			break;
	}
	if (!save || !mount)
		return false;
	line = strtok_r(NULL, " \n", &save);
	if (!line || strcmp(line, "cgroup2") != 0)
		return false;
	unescape(root);
	unescape(mount);
	*ret_root = root;
	*ret_mount = mount;
	return strlen(mount) < WEIR_CGROUP_MOUNT_MAX;
}

int weir_cgroup_find_mount(const char *mountinfo, char ret_mount[WEIR_CGROUP_MOUNT_MAX],
			   struct weir_error *err)
{
	_cleanup_file_ FILE *file = fopen(mountinfo, "re");
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;
	bool found = false;

	if (!file)
		return weir_error_set(err, -errno, "%s: cannot open: %s", mountinfo,
				      strerror(errno));
	while (getline(&line, &cap, file) >= 0) {
		char *root, *mount;
		bool whole;

		if (!parse_line(line, &root, &mount))
			continue;
		whole = !strcmp(root, "/");
		if (whole || !found)
			memcpy(ret_mount, mount, strlen(mount) + 1);
		if (whole)
			return 0;
		found = true;
	}
	if (ferror(file))
		return weir_error_set(err, -EIO, "%s: cannot read", mountinfo);
	if (!found)
		return weir_error_set(err, -ENOENT, "%s: no cgroup v2 is mounted", mountinfo);
	return 0;
}

/** A cgroup still to be visited, by its path from the mount's root ("" or "/a/b"). */
struct visit {
	struct visit *next;
	char path[];
};

static int push(struct visit **stack, const char *parent, const char *name)
{
	size_t parent_len = strlen(parent), name_len = strlen(name);
	struct visit *visit = malloc(sizeof(*visit) + parent_len + 1 + name_len + 1);

	if (!visit)
		return -ENOMEM;
	memcpy(visit->path, parent, parent_len);
	visit->path[parent_len] = '/';
	memcpy(visit->path + parent_len + 1, name, name_len + 1);
	visit->next = *stack;
	*stack = visit;
	return 0;
}

static void free_stack(struct visit **stack)
{
	while (*stack) {
		struct visit *next = (*stack)->next;

		free(*stack);
		*stack = next;
	}
}

static bool is_vanished(int code)
{
	/* ENAMETOOLONG: a cgroup nested deeper than PATH_MAX cannot be opened by its path */
	return code == ENOENT || code == ENODEV || code == ENOTDIR || code == ENAMETOOLONG;
}

static void close_dir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

static int push_children(int fd, const char *path, struct visit **stack)
{
	_cleanup_(close_dir) DIR *dir = NULL;
	struct dirent *entry;
	int code;

	dir = fdopendir(fd);
	if (!dir) {
		code = -errno;
		(void)close(fd);
		return code;
	}
	for (errno = 0; (entry = readdir(dir)); errno = 0) {
		if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") ||
		    !strcmp(entry->d_name, ".."))
			continue;
		code = push(stack, path, entry->d_name);
		if (code < 0)
			return code;
	}
	return errno && !is_vanished(errno) ? -errno : 0;
}

static int open_cgroup(int root, const char *path, uint64_t *ret_id)
{
	const char *relative = path + strspn(path, "/");
	_cleanup_fd_ int fd = -1;
	struct stat st;

	fd = openat(root, *relative ? relative : ".",
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	*ret_id = st.st_ino;
	return TAKE_FD(fd);
}

/* Tell @fn of one cgroup and put its children on the stack. Takes over @fd. */
static int visit_one(int fd, uint64_t id, const char *path, struct visit **stack, weir_cgroup_fn fn,
		     void *ctx)
{
	_cleanup_fd_ int owned = fd;
	int code = fn(ctx, id, *path ? path : "/");

	return code < 0 ? code : push_children(TAKE_FD(owned), path, stack);
}

/* "/a//b/" becomes "/a/b" and "/" becomes "": the form that children's names are added to. */
static int normalise(const char *subtree, char **ret_path)
{
	char *path = malloc(strlen(subtree) + 2), *out = path;

	if (!path)
		return -ENOMEM;
	for (const char *p = subtree; *p;) {
		size_t skip = strspn(p, "/"), len = strcspn(p + skip, "/");

		p += skip;
		if ((len == 1 || len == 2) && !memcmp(p, "..", len)) {
			free(path);
			return -EINVAL;
		}
		if (len) {
			*out++ = '/';
			memcpy(out, p, len);
			out += len;
		}
		p += len;
	}
	*out = '\0';
	*ret_path = path;
	return 0;
}

int weir_cgroup_walk(const char *mount, const char *subtree, weir_cgroup_fn fn, void *ctx)
{
	_cleanup_(free_stack) struct visit *stack = NULL;
	_cleanup_free_ char *top = NULL;
	_cleanup_fd_ int root = -1;
	uint64_t id;
	int code, fd;

	code = normalise(subtree, &top);
	if (code < 0)
		return code;
	root = open(mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	fd = open_cgroup(root, top, &id);
	code = fd < 0 ? fd : visit_one(fd, id, top, &stack, fn, ctx);
	while (code >= 0 && stack) {
		_cleanup_free_ struct visit *visit = stack;

		stack = visit->next;
		fd = open_cgroup(root, visit->path, &id);
		if (fd >= 0)
			code = visit_one(fd, id, visit->path, &stack, fn, ctx);
		else if (!is_vanished(-fd))
			code = fd;
	}
	return code < 0 ? code : 0;
}
