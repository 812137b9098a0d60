/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "k8s-meta/manifest_file.h"
#include "k8s-meta/manifest_set.h"
#include "lib/cleanup.h"
#include "lib/time.h"

#define DEPTH_MAX 16
#define EVENT_BYTES (sizeof(struct inotify_event) + NAME_MAX + 1)
#define EVENTS_PER_READ 64
/* What is left is read in the next turn of the loop. */
#define READS_PER_DISPATCH 64

#define DIR_EVENTS                                                                               \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_DELETE_SELF | \
	 IN_MOVE_SELF | IN_ONLYDIR)

/** A directory that is watched. */
struct dir {
	int wd;
	uint64_t seen;
	char *path;
};

struct weir_manifest {
	struct weir_manifest_set set;
	struct weir_map dirs;     /* by watch descriptor */
	int inotify;
	char *path;
	weir_manifest_error_fn on_error;
	void *ctx;
	bool started;             /* the first reading is done */
	uint64_t scan;            /* number of the latest walk through the directory */
	bool rescan;
	bool incomplete;          /* a directory could not be read: absence proves nothing */
};

static void free_dir(struct dir *dir)
{
	free(dir->path);
	free(dir);
}

void weir_manifest_free(struct weir_manifest **source)
{
	struct weir_manifest *s = *source;
	size_t cursor = 0;
	void *value;

	if (!s)
		return;
	weir_manifest_set_done(&s->set);
	while (weir_map_next(&s->dirs, &cursor, &value))
		free_dir(value);
	weir_map_done(&s->dirs);
	if (s->inotify >= 0)
		(void)close(s->inotify);
	free(s->path);
	free(s);
	*source = NULL;
}

int weir_manifest_fd(const struct weir_manifest *source)
{
	return source->inotify;
}

/* During the first reading an error ends it; later it is told and the rest goes on. */
static int report(struct weir_manifest *source, int code, const struct weir_error *err)
{
	if (code >= 0 || !source->started)
		return code;
	if (source->on_error)
		source->on_error(source->ctx, err);
	return 0;
}

static char *join(const char *dir, const char *name)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

static int watch(struct weir_manifest *source, const char *path)
{
	int wd = inotify_add_watch(source->inotify, path, DIR_EVENTS);
	struct dir *dir;
	char *copy;

	if (wd < 0)
		return -errno;
	copy = strdup(path);
	dir = weir_map_lookup(&source->dirs, &wd, sizeof(wd));
	if (copy && !dir) {
		dir = calloc(1, sizeof(*dir));
		if (dir) {
			dir->wd = wd;
			if (weir_map_add(&source->dirs, &dir->wd, sizeof(dir->wd), dir) < 0) {
				free(dir);
				dir = NULL;
			}
		}
	}
	if (!copy || !dir) {
		free(copy);
		return -ENOMEM;
	}
	free(dir->path);
	dir->path = copy;
	dir->seen = source->scan;
	return 0;
}

static int load(struct weir_manifest *source, struct weir_manifest_file *file,
		struct weir_error *err)
{
	int r = weir_manifest_set_load(&source->set, file, weir_time_mono_ns(), err);

	return report(source, r, err);
}

static bool is_unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_ino && a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int scan_file(struct weir_manifest *source, const char *path, const struct stat *st,
		     struct weir_error *err)
{
	struct weir_manifest_file *file = weir_manifest_set_get(&source->set, path);

	if (!file)
		return weir_error_set(err, -ENOMEM, "%s: out of memory", path);
	file->seen = source->scan;
	return is_unchanged(&file->stat, st) ? 0 : load(source, file, err);
}

static int scan_dir(struct weir_manifest *source, const char *path, unsigned int depth,
		    struct weir_error *err);

static int scan_entry(struct weir_manifest *source, const char *dir, const char *name,
		      unsigned int depth, struct weir_error *err)
{
	_cleanup_free_ char *path = join(dir, name);
	struct stat st, target;

	if (!path)
		return weir_error_set(err, -ENOMEM, "%s: out of memory", dir);
	/* Links to files are followed, links to directories could lead round in circles. */
	if (lstat(path, &st) < 0 || stat(path, &target) < 0)
		return errno == ENOENT ? 0
				       : weir_error_set(err, -errno, "%s: cannot read: %s", path,
							strerror(errno));
	if (S_ISDIR(st.st_mode))
		return depth < DEPTH_MAX ? scan_dir(source, path, depth + 1, err) : 0;
	if (S_ISDIR(target.st_mode) || !weir_manifest_is_name(name))
		return 0;
	return scan_file(source, path, &target, err);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Watch first, read then: what changes meanwhile is told by an event. */
static int scan_dir(struct weir_manifest *source, const char *path, unsigned int depth,
		    struct weir_error *err)
{
	struct dirent **entries = NULL;
	int r_watch = watch(source, path), r = r_watch, n = -1;

	if (r >= 0)
		n = scandir(path, &entries, is_visible, by_name);
	if (r >= 0 && n < 0)
		r = -errno;
	if (r == -ENOENT && depth)
		return 0;
	if (r < 0) {
		source->incomplete = true;
		(void)weir_error_set(err, r, "%s: cannot %s the directory: %s", path,
				     r_watch < 0 ? "watch" : "read", strerror(-r));
		return report(source, r, err);
	}
	for (int i = 0; i < n; i++) {
		if (r >= 0) {
			r = scan_entry(source, path, entries[i]->d_name, depth, err);
			if (r < 0)
				source->incomplete = true;
			r = report(source, r, err);
		}
		free(entries[i]);
	}
	free(entries);
	return r;
}

/* The map must not change during its walk, so one walk collects and a loop removes. */
static void sweep_files(struct weir_manifest *source)
{
	_cleanup_free_ struct weir_manifest_file **gone = NULL;
	size_t cursor = 0, n = 0;
	void *value;

	gone = calloc(source->set.files.count + 1, sizeof(*gone));
	while (gone && weir_map_next(&source->set.files, &cursor, &value)) {
		struct weir_manifest_file *file = value;

		if (file->seen != source->scan)
			gone[n++] = file;
	}
	for (size_t i = 0; i < n; i++)
		weir_manifest_set_remove(&source->set, gone[i], weir_time_mono_ns());
}

static void sweep_dirs(struct weir_manifest *source)
{
	_cleanup_free_ struct dir **gone = NULL;
	size_t cursor = 0, n = 0;
	void *value;

	gone = calloc(source->dirs.count + 1, sizeof(*gone));
	while (gone && weir_map_next(&source->dirs, &cursor, &value)) {
		struct dir *dir = value;

		if (dir->seen != source->scan)
			gone[n++] = dir;
	}
	for (size_t i = 0; i < n; i++) {
		(void)inotify_rm_watch(source->inotify, gone[i]->wd);
		(void)weir_map_remove(&source->dirs, &gone[i]->wd, sizeof(gone[i]->wd));
		free_dir(gone[i]);
	}
}

/* Walk everything; read what is new or changed, then let go of what was not met. */
static int scan(struct weir_manifest *source, struct weir_error *err)
{
	int r;

	source->rescan = false;
	source->incomplete = false;
	source->scan++;
	r = scan_dir(source, source->path, 0, err);
	if (r < 0 || source->incomplete)
		return r;
	sweep_files(source);
	sweep_dirs(source);
	return 0;
}

int weir_manifest_new(const char *path, struct weir_store *store, weir_manifest_error_fn on_error,
		      void *ctx, struct weir_manifest **ret_source, struct weir_error *err)
{
	_cleanup_(weir_manifest_free) struct weir_manifest *source = calloc(1, sizeof(*source));
	int r;

	if (!source)
		return weir_error_set(err, -ENOMEM, "%s: out of memory", path);
	weir_manifest_set_init(&source->set, store);
	weir_map_init(&source->dirs);
	source->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (source->inotify < 0)
		return weir_error_set(err, -errno, "%s: cannot watch it: %s", path,
				      strerror(errno));
	source->path = strdup(path);
	if (!source->path)
		return weir_error_set(err, -ENOMEM, "%s: out of memory", path);
	r = scan(source, err);
	if (r < 0)
		return r;
	/* The trees of large manifests are gone: give their memory back. */
	(void)malloc_trim(0);
	source->on_error = on_error;
	source->ctx = ctx;
	source->started = true;
	*ret_source = TAKE_PTR(source);
	return 0;
}

/* A file being written tells of itself when it is closed; a link is whole at once. */
static bool is_whole(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && (!S_ISREG(st.st_mode) || st.st_nlink > 1);
}

static void note_change(struct weir_manifest *source, const struct dir *dir,
			const struct inotify_event *event)
{
	_cleanup_free_ char *path = NULL;
	struct weir_manifest_file *file;

	/* Kubernetes swaps a volume's content by renaming a link over "..data". */
	if (!strncmp(event->name, "..", 2) && !(event->mask & IN_ISDIR))
		source->rescan = true;
	if (event->name[0] == '.')
		return;
	if (event->mask & IN_ISDIR)
		source->rescan = true;
	if ((event->mask & IN_ISDIR) || !weir_manifest_is_name(event->name))
		return;
	path = join(dir->path, event->name);
	if (path && (event->mask & IN_CREATE) && !is_whole(path))
		return;
	file = path ? weir_manifest_set_get(&source->set, path) : NULL;
	if (file)
		weir_manifest_set_mark(&source->set, file);
	else
		source->rescan = true;
}

static void note_event(struct weir_manifest *source, const struct inotify_event *event)
{
	struct weir_error err = { 0 };
	struct dir *dir;

	if (event->mask & IN_Q_OVERFLOW)
		source->rescan = true;
	dir = weir_map_lookup(&source->dirs, &event->wd, sizeof(event->wd));
	if (!dir)
		return;
	if ((event->mask & (IN_DELETE_SELF | IN_MOVE_SELF)) && !strcmp(dir->path, source->path))
		(void)report(
			source,
			weir_error_set(&err, -ENOENT, "%s: the directory went away", source->path),
			&err);
	if (event->mask & IN_IGNORED) {
		(void)weir_map_remove(&source->dirs, &dir->wd, sizeof(dir->wd));
		free_dir(dir);
	} else if (event->len) {
		note_change(source, dir, event);
	}
}

static void read_events(struct weir_manifest *source)
{
	_Alignas(struct inotify_event) char events[EVENTS_PER_READ * EVENT_BYTES];

	for (int i = 0; i < READS_PER_DISPATCH; i++) {
		ssize_t n = read(source->inotify, events, sizeof(events));
		const char *at = events;

		if (n <= 0)
			return;
		while (at < events + n) {
			const struct inotify_event *event = (const struct inotify_event *)at;

			note_event(source, event);
			at += sizeof(*event) + event->len;
		}
	}
}

/* Read the stale files that are there; the others stay in the queue, as absent. */
static void load_present(struct weir_manifest *source)
{
	struct weir_manifest_file *file = TAILQ_FIRST(&source->set.stale), *next;
	struct weir_error err = { 0 };

	for (; file; file = next) {
		struct stat st;

		next = TAILQ_NEXT(file, stale);
		file->is_absent =
			stat(file->path, &st) < 0 && (errno == ENOENT || errno == ENOTDIR);
		if (file->is_absent)
			continue;
		weir_manifest_set_unmark(&source->set, file);
		file->seen = source->scan;
		(void)load(source, file, &err);
	}
}

/*
 * All readings come before all removals, so that an object whose file was renamed is never gone.
 * A removal can make another file stale, hence the loop; it ends because each turn removes what
 * is absent, and what is present can lose an object to it only once.
 */
static void load_stale(struct weir_manifest *source)
{
	while (!TAILQ_EMPTY(&source->set.stale)) {
		struct weir_manifest_file *file, *next;

		load_present(source);
		for (file = TAILQ_FIRST(&source->set.stale); file; file = next) {
			next = TAILQ_NEXT(file, stale);
			if (file->is_absent)
				weir_manifest_set_remove(&source->set, file, weir_time_mono_ns());
		}
	}
}

void weir_manifest_dispatch(struct weir_manifest *source)
{
	struct weir_error err = { 0 };

	read_events(source);
	load_stale(source);
	if (source->rescan)
		(void)scan(source, &err);
	load_stale(source);
}
