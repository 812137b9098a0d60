/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_K8S_META_MANIFEST_H
#define WEIR_K8S_META_MANIFEST_H

#include <stdbool.h>

#include "k8s-meta/store.h"
#include "lib/error.h"

/*
 * A directory of ordinary Kubernetes manifests as the source of the store: every *.yaml, *.yml
 * and *.json below it, several documents per YAML file and v1 List objects allowed. Links to
 * files are followed; links to directories and hidden names are not, so nothing recurses into
 * ..data. Pod (with status), Service, EndpointSlice (discovery.k8s.io/v1), Namespace, Node are
 * read; other kinds are skipped. An object in several files is as the file read last says.
 */
struct weir_manifest;

/** Called after a file changed and could not be read (the old objects of it stay), or when the
 * directory went away (all stay). An error that is just the same as before is not told again. */
typedef void (*weir_manifest_error_fn)(void *ctx, const struct weir_error *err);

/**
 * weir_manifest_new() - read the directory into @store.
 *
 * Errors: the first bad file stops it: -ENOENT/-EACCES (directory or file unreadable) or -EINVAL
 *         (malformed: @err says file:line: what).
 * Owner:  @store is borrowed and must outlive the source.
 */
int weir_manifest_new(const char *path, struct weir_store *store, weir_manifest_error_fn on_error,
		      void *ctx, struct weir_manifest **ret_source, struct weir_error *err);
void weir_manifest_free(struct weir_manifest **source);

/** weir_manifest_fd() - an inotify descriptor: call weir_manifest_dispatch() when readable. */
int weir_manifest_fd(const struct weir_manifest *source);

/**
 * weir_manifest_dispatch() - re-read a file that changed; a file that went takes its objects with
 * it, as of now.
 *
 * Shape:   reads one file at most, of WEIR_MANIFEST_BYTES_MAX at most, and never blocks on the
 *          inotify descriptor. All that changed is read before anything that went is let go, so
 *          that an object whose file was renamed is never gone.
 * Returns: whether more is waiting: call it again in the loop's next turn.
 */
bool weir_manifest_dispatch(struct weir_manifest *source);

/**
 * weir_manifest_retry() - look whether the directory's path still leads to the directory that is
 * watched; if not, as when it was moved or removed, watch and read what is there now. To be
 * called every few seconds. As long as nothing is there, the old objects stay.
 *
 * Returns: as weir_manifest_dispatch().
 */
bool weir_manifest_retry(struct weir_manifest *source);

#endif
