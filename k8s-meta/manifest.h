/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_K8S_META_MANIFEST_H
#define WEIR_K8S_META_MANIFEST_H

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

/** Called after a file changed and could not be read: the old objects of it stay. */
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

/** weir_manifest_dispatch() - re-read the files that changed; files that went take their
 * objects with them, as of now. Never blocks on the inotify descriptor. */
void weir_manifest_dispatch(struct weir_manifest *source);

#endif
