// SPDX-License-Identifier: Apache-2.0
#include "cmd/weir-agent/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "lib/netns.h"
#include "lib/time.h"

#define PERIOD_NS WEIR_NS_PER_SEC
#define USERS_MAX 4

/* Something that a glob found and that is a namespace, told of or not. */
struct entry {
	LIST_ENTRY(entry) list;
	struct namespace ns;
	char *path;
	dev_t dev;
	ino_t ino;
	bool seen;     /* by the scan under way */
	bool told;     /* not the agent's own, and could be entered */
};

struct namespaces {
	struct weir_loop *loop;
	struct weir_loop_timer *timer;
	const struct weir_option_list *globs;
	struct namespaces_user users[USERS_MAX];
	size_t n_users;
	LIST_HEAD(entries, entry) entries;
	size_t count;
	bool too_many_told;
};

static void entry_free(struct entry **p)
{
	struct entry *entry = TAKE_PTR(*p);

	if (!entry)
		return;
	weir_cleanup_fd(&entry->ns.fd);
	free(entry->path);
	free(entry);
}

static struct entry *find(const struct namespaces *namespaces, const struct stat *st)
{
	struct entry *entry;

	LIST_FOREACH(entry, &namespaces->entries, list)
	{
		if (entry->dev == st->st_dev && entry->ino == st->st_ino)
			return entry;
	}
	return NULL;
}

/* Not so what `ip netns add` makes first, a file to mount the namespace on. */
static bool is_netns(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (unsigned long)fs.f_type == NSFS_MAGIC &&
	       ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET;
}

static int cookie_of(int fd, uint64_t *ret_cookie)
{
	_cleanup_(weir_netns_leave) int back_fd = -1;
	int r = weir_netns_enter(fd, &back_fd);

	return r < 0 ? r : weir_netns_cookie(ret_cookie);
}

static void tell_came(struct namespaces *namespaces, struct entry *entry)
{
	uint64_t own = 0;
	int r = cookie_of(entry->ns.fd, &entry->ns.cookie);

	if (r == 0)
		r = weir_netns_cookie(&own);
	if (r < 0) {
		weir_log(WEIR_LOG_WARN, "agent", "cannot enter a network namespace",
			 "path=\"%s\" why=\"%s\"", entry->path, strerror(-r));
		return;
	}
	if (entry->ns.cookie == own)
		return;
	entry->told = true;
	for (size_t i = 0; i < namespaces->n_users; i++)
		namespaces->users[i].came(namespaces->users[i].ctx, &entry->ns);
}

static int add(struct namespaces *namespaces, const char *path)
{
	_cleanup_(entry_free) struct entry *entry = calloc(1, sizeof(*entry));
	struct stat st;

	if (!entry)
		return -ENOMEM;
	entry->ns.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (entry->ns.fd < 0)
		return -errno;
	if (!is_netns(entry->ns.fd))
		return 0;
	if (fstat(entry->ns.fd, &st) < 0)
		return -errno;
	entry->path = strdup(path);
	if (!entry->path)
		return -ENOMEM;
	entry->ns.path = entry->path;
	entry->dev = st.st_dev;
	entry->ino = st.st_ino;
	entry->seen = true;
	LIST_INSERT_HEAD(&namespaces->entries, entry, list);
	namespaces->count++;
	tell_came(namespaces, TAKE_PTR(entry));
	return 0;
}

static void see(struct namespaces *namespaces, const char *path)
{
	struct entry *entry;
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		return;
	entry = find(namespaces, &st);
	if (entry) {
		entry->seen = true;
		return;
	}
	if (namespaces->count >= NAMESPACES_MAX) {
		if (!namespaces->too_many_told)
			weir_log(WEIR_LOG_WARN, "agent", "too many network namespaces",
				 "left_out=\"%s\" max=%d", path, NAMESPACES_MAX);
		namespaces->too_many_told = true;
		return;
	}
	r = add(namespaces, path);
	/* -ENOENT: it went in between. */
	if (r < 0 && r != -ENOENT)
		weir_log(WEIR_LOG_DEBUG, "agent", "cannot open a network namespace",
			 "path=\"%s\" err=%d", path, r);
}

static void forget_gone(struct namespaces *namespaces)
{
	struct entry *entry, *next;

	for (entry = LIST_FIRST(&namespaces->entries); entry; entry = next) {
		next = LIST_NEXT(entry, list);
		if (entry->seen)
			continue;
		for (size_t i = 0; entry->told && i < namespaces->n_users; i++)
			namespaces->users[i].went(namespaces->users[i].ctx, &entry->ns);
		LIST_REMOVE(entry, list);
		namespaces->count--;
		entry_free(&entry);
	}
}

static void scan(struct namespaces *namespaces)
{
	struct entry *entry;
	glob_t found;

	LIST_FOREACH(entry, &namespaces->entries, list)
	entry->seen = false;
	for (size_t i = 0; i < namespaces->globs->count; i++) {
		if (glob(namespaces->globs->values[i], 0, NULL, &found) == 0)
			for (size_t j = 0; j < found.gl_pathc; j++)
				see(namespaces, found.gl_pathv[j]);
		globfree(&found);
	}
	forget_gone(namespaces);
}

static void on_timer(void *ctx)
{
	struct namespaces *namespaces = ctx;

	scan(namespaces);
	weir_loop_timer_set(namespaces->timer, PERIOD_NS);
}

int namespaces_new(struct weir_loop *loop, const struct weir_option_list *globs,
		   struct namespaces **ret_namespaces)
{
	_cleanup_(namespaces_free) struct namespaces *namespaces = calloc(1, sizeof(*namespaces));
	int r;

	if (!namespaces)
		return -ENOMEM;
	namespaces->loop = loop;
	namespaces->globs = globs;
	LIST_INIT(&namespaces->entries);
	r = weir_loop_timer_new(loop, on_timer, namespaces, &namespaces->timer);
	if (r < 0)
		return r;
	*ret_namespaces = TAKE_PTR(namespaces);
	return 0;
}

int namespaces_add_user(struct namespaces *namespaces, const struct namespaces_user *user)
{
	if (namespaces->n_users == USERS_MAX)
		return -ENOSPC;
	namespaces->users[namespaces->n_users++] = *user;
	return 0;
}

void namespaces_start(struct namespaces *namespaces)
{
	if (namespaces->globs->count)
		on_timer(namespaces);
}

void namespaces_free(struct namespaces **p)
{
	struct namespaces *namespaces = TAKE_PTR(*p);
	struct entry *entry;

	if (!namespaces)
		return;
	weir_loop_timer_free(&namespaces->timer);
	while ((entry = LIST_FIRST(&namespaces->entries))) {
		LIST_REMOVE(entry, list);
		entry_free(&entry);
	}
	free(namespaces);
}
