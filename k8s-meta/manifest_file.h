/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_K8S_META_MANIFEST_FILE_H
#define WEIR_K8S_META_MANIFEST_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "k8s-meta/object.h"
#include "lib/error.h"

/** The largest manifest that is read: the loop stands still while one is parsed. */
#define WEIR_MANIFEST_MIB_MAX 16
#define WEIR_MANIFEST_BYTES_MAX ((size_t)WEIR_MANIFEST_MIB_MAX * 1024 * 1024)

/** weir_manifest_is_name() - *.yaml, *.yml or *.json, and not hidden. */
bool weir_manifest_is_name(const char *name);

/**
 * weir_manifest_parse() - append the objects of a manifest's text; JSON if @input ends in
 * ".json", YAML otherwise.
 *
 * Errors: -EINVAL with @err saying "@input:line: what"; -ENOMEM.
 */
int weir_manifest_parse(const char *text, size_t len, const char *input,
			struct weir_objects *objects, struct weir_error *err);

/**
 * weir_manifest_read() - append the objects of the file at @path.
 *
 * @ret_stat: of what was read, also when it was malformed; untouched if it could not be opened.
 * Errors: as weir_manifest_parse(); -EINVAL also for what is no regular file or too large;
 *         -ENOENT, -EACCES, …
 */
int weir_manifest_read(const char *path, struct weir_objects *objects, struct stat *ret_stat,
		       struct weir_error *err);

#endif
