/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_K8S_META_MANIFEST_SET_H
#define WEIR_K8S_META_MANIFEST_SET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "k8s-meta/store.h"
#include "lib/error.h"
#include "lib/map.h"

/*
 * Which objects came from which file, so that a file that is read again or goes takes with it
 * just what was its own. An object that several files have is as the file read last says; when
 * that one loses it, another that has it is read again.
 */

/** struct weir_manifest_ref - an object of the store and how many files have it. */
struct weir_manifest_ref;

struct weir_manifest_file {
	struct weir_manifest_ref **refs;
	size_t n_refs;
	struct stat stat;      /* as of the last reading, good or bad; st_ino 0: never read */
	uint64_t seen;         /* the user's: the scan that met it last */
	uint64_t told;         /* the user's: which error of it was told last */
	bool is_stale;         /* in one of the set's queues */
	bool is_absent;        /* in the absent queue */
	bool is_unmet;         /* the user's: the latest scan did not meet it */
	TAILQ_ENTRY(weir_manifest_file) stale;
	char path[];
};

struct weir_manifest_set {
	struct weir_store *store;     /* borrowed */
	struct weir_map files;        /* by path */
	struct weir_map refs;         /* by kind, namespace, name */
	uint64_t round;
	TAILQ_HEAD(weir_manifest_queue, weir_manifest_file) stale;  /* to be read again */
	struct weir_manifest_queue absent;  /* not there any more: to be removed */
};

void weir_manifest_set_init(struct weir_manifest_set *set, struct weir_store *store);
/** weir_manifest_set_done() - forgets the files; the store keeps their objects. */
void weir_manifest_set_done(struct weir_manifest_set *set);

/** weir_manifest_set_get() - the file of that path, made if new; NULL when out of memory. */
struct weir_manifest_file *weir_manifest_set_get(struct weir_manifest_set *set, const char *path);

/** weir_manifest_set_mark() - put a file at the end of the stale queue, if it is not in it. */
void weir_manifest_set_mark(struct weir_manifest_set *set, struct weir_manifest_file *file);
/** weir_manifest_set_mark_absent() - put a file at the end of the absent queue, likewise. */
void weir_manifest_set_mark_absent(struct weir_manifest_set *set, struct weir_manifest_file *file);
/** weir_manifest_set_unmark() - take it out of its queue, if it is in one. */
void weir_manifest_set_unmark(struct weir_manifest_set *set, struct weir_manifest_file *file);

/** weir_manifest_set_load() - read a file: the store has its objects, and no more those that it
 * had before. On failure (see weir_manifest_read()) the objects of before stay. */
int weir_manifest_set_load(struct weir_manifest_set *set, struct weir_manifest_file *file,
			   uint64_t mono_ns, struct weir_error *err);

/** weir_manifest_set_remove() - the file is gone and its objects with it; frees @file. */
void weir_manifest_set_remove(struct weir_manifest_set *set, struct weir_manifest_file *file,
			      uint64_t mono_ns);

#endif
