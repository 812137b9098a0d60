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
/* What is left is done in the next turn of the loop. */
#define READS_PER_DISPATCH 64
#define LOOKS_PER_DISPATCH 256

#define DIR_EVENTS                                                                               \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_DELETE_SELF | \
	 IN_MOVE_SELF | IN_ONLYDIR)

/** A directory that is watched. */
struct dir {
	int wd;
	uint64_t seen;
	char *path;
};

/** Errors that were told, by hash: those of directories, which no file remembers. */
struct told {
	uint64_t *hashes;
	size_t n;
	size_t cap;
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
	struct told told;         /* by the latest walk */
	struct told told_before;  /* by the one before */
	struct stat root;         /* the directory that is watched */
	bool is_lost;             /* path does not lead to it any more */
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
	free(s->told.hashes);
	free(s->told_before.hashes);
	free(s->path);
	free(s);
	*source = NULL;
}

int weir_manifest_fd(const struct weir_manifest *source)
{
	return source->inotify;
}

static void tell(struct weir_manifest *source, const struct weir_error *err)
{
	if (source->on_error)
		source->on_error(source->ctx, err);
}

static uint64_t hash_error(const struct weir_error *err)
{
	return weir_hash_bytes(err->text, strlen(err->text));
}

static bool was_told(const struct told *told, uint64_t hash)
{
	for (size_t i = 0; i < told->n; i++) {
		if (told->hashes[i] == hash)
			return true;
	}
	return false;
}

/* Without memory for it the error is told once more, which does no harm. */
static void note_told(struct told *told, uint64_t hash)
{
	if (told->n == told->cap) {
		size_t cap = told->cap ? told->cap * 2 : 8;
		uint64_t *hashes = reallocarray(told->hashes, cap, sizeof(*hashes));

		if (!hashes)
			return;
		told->hashes = hashes;
		told->cap = cap;
	}
	told->hashes[told->n++] = hash;
}

/* During the first reading an error ends it; later it is told and the rest goes on. */
static int report(struct weir_manifest *source, int code, const struct weir_error *err)
{
	uint64_t hash;

	if (code >= 0 || !source->started)
		return code;
	hash = hash_error(err);
	if (!was_told(&source->told_before, hash) && !was_told(&source->told, hash))
		tell(source, err);
	note_told(&source->told, hash);
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
	uint64_t hash = r < 0 ? hash_error(err) : 0;

	if (r < 0 && !source->started)
		return r;
	if (r < 0 && hash != file->told)
		tell(source, err);
	file->told = hash;
	return 0;
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
	file->is_unmet = false;
	if (!source->started)
		return load(source, file, err);
	if (!is_unchanged(&file->stat, st))
		weir_manifest_set_mark(&source->set, file);
	else if (file->is_absent)
		weir_manifest_set_unmark(&source->set, file);
	return 0;
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
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0
				       : weir_error_set(err, -errno, "%s: cannot read: %s", path,
							strerror(errno));
	if (S_ISDIR(st.st_mode))
		return depth < DEPTH_MAX ? scan_dir(source, path, depth + 1, err) : 0;
	if (!weir_manifest_is_name(name))
		return 0;
	/* Links to files are followed, links to directories could lead round in circles. */
	if (stat(path, &target) < 0) {
		if (errno == ENOENT)
			return 0;
		target = (struct stat){ 0 }; /* why is told by reading it */
	}
	if (S_ISDIR(target.st_mode))
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

/* Nothing is watched any more; all files stay as they are. */
static void lose(struct weir_manifest *source)
{
	size_t cursor = 0;
	void *value;

	while (weir_map_next(&source->dirs, &cursor, &value)) {
		struct dir *dir = value;

		(void)inotify_rm_watch(source->inotify, dir->wd);
		free_dir(dir);
	}
	weir_map_done(&source->dirs);
	weir_map_init(&source->dirs);
	source->is_lost = true;
	source->rescan = false;
}

static int fail_dir(struct weir_manifest *source, const char *path, const char *what, int code,
		    unsigned int depth, struct weir_error *err)
{
	source->incomplete = true;
	if (!depth && source->started) {
		lose(source);
		(void)weir_error_set(err, code, "%s: the directory went away: %s", path,
				     strerror(-code));
	} else {
		(void)weir_error_set(err, code, "%s: cannot %s the directory: %s", path, what,
				     strerror(-code));
	}
	return report(source, code, err);
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
	if (r < 0)
		return fail_dir(source, path, r_watch < 0 ? "watch" : "read", r, depth, err);
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

static void sweep_files(struct weir_manifest *source)
{
	size_t cursor = 0;
	void *value;

	while (weir_map_next(&source->set.files, &cursor, &value)) {
		struct weir_manifest_file *file = value;

		if (file->seen == source->scan)
			continue;
		file->is_unmet = true;
		weir_manifest_set_mark_absent(&source->set, file);
	}
}

/* The map must not change during its walk, so one walk collects and a loop removes. */
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

/* Walk everything; what is new or changed is to be read (at the start it is, here), and what was
 * not met is to be let go. */
static int scan(struct weir_manifest *source, struct weir_error *err)
{
	struct told oldest = source->told_before;
	int r;

	oldest.n = 0;
	source->told_before = source->told;
	source->told = oldest;
	source->is_lost = false;
	source->rescan = false;
	source->incomplete = false;
	source->scan++;
	/* Looked at before it is watched: if it is another by then, weir_manifest_retry() sees. */
	if (stat(source->path, &source->root) < 0)
		source->root = (struct stat){ 0 };
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
	if (!file) {
		source->rescan = true;
		return;
	}
	file->is_unmet = false;
	weir_manifest_set_mark(&source->set, file);
}

static void note_event(struct weir_manifest *source, const struct inotify_event *event)
{
	struct dir *dir;

	if (event->mask & IN_Q_OVERFLOW)
		source->rescan = true;
	dir = weir_map_lookup(&source->dirs, &event->wd, sizeof(event->wd));
	if (!dir)
		return;
	if ((event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) &&
	    !strcmp(dir->path, source->path)) {
		lose(source);
	} else if (event->mask & IN_IGNORED) {
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

static bool is_there(const struct weir_manifest_file *file)
{
	struct stat st;

	return !file->is_unmet &&
	       (stat(file->path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR));
}

/* Read the first of the stale files that is there; those before it are put aside as absent. */
static void load_one(struct weir_manifest *source)
{
	struct weir_manifest_file *file;
	struct weir_error err = { 0 };

	for (int i = 0; i < LOOKS_PER_DISPATCH; i++) {
		file = TAILQ_FIRST(&source->set.stale);
		if (!file)
			return;
		if (is_there(file)) {
			weir_manifest_set_unmark(&source->set, file);
			(void)load(source, file, &err);
			return;
		}
		weir_manifest_set_mark_absent(&source->set, file);
	}
}

/*
 * All readings come before all removals, so that an object whose file was renamed is never gone.
 * A removal can make another file stale, but it ends: each removes a file, and what is present
 * can lose an object to it only once.
 */
static bool step(struct weir_manifest *source)
{
	struct weir_manifest_file *file;

	if (source->is_lost)
		return false;
	if (!TAILQ_EMPTY(&source->set.stale)) {
		load_one(source);
	} else if ((file = TAILQ_FIRST(&source->set.absent))) {
		if (is_there(file))
			weir_manifest_set_mark(&source->set, file);
		else
			weir_manifest_set_remove(&source->set, file, weir_time_mono_ns());
	}
	return !TAILQ_EMPTY(&source->set.stale) || !TAILQ_EMPTY(&source->set.absent);
}

bool weir_manifest_dispatch(struct weir_manifest *source)
{
	struct weir_error err = { 0 };

	read_events(source);
	if (source->rescan || source->is_lost)
		(void)scan(source, &err);
	return step(source);
}

bool weir_manifest_retry(struct weir_manifest *source)
{
	struct stat st;

	if (!source->is_lost && (stat(source->path, &st) < 0 || st.st_dev != source->root.st_dev ||
				 st.st_ino != source->root.st_ino))
		lose(source);
	return weir_manifest_dispatch(source);
}
