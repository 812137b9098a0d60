/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_K8S_META_YAML_H
#define WEIR_K8S_META_YAML_H

#include <json-c/json.h>
#include <stddef.h>

#include "lib/error.h"

/** The deepest nesting, and the most values of one document, that are read. */
#define WEIR_YAML_DEPTH_MAX 64
#define WEIR_YAML_VALUES_MAX 8000000
/** How many values the aliases of one document may stand for: a bomb has more. */
#define WEIR_YAML_ALIASED_MAX 1000000

/** Called for each document; @document is borrowed. A negative return ends the reading. */
typedef int (*weir_document_fn)(void *ctx, struct json_object *document, unsigned long line);

/**
 * weir_yaml_read() - call @fn for every document of a YAML stream that is not empty.
 *
 * Shape:  plain scalars are what YAML 1.2's core schema says (null, booleans, numbers), and
 *         numbers with a leading 0 are octal as for kubectl; `yes`, `on` and dates are strings,
 *         as is everything quoted. Aliases share the anchored value.
 * Errors: -EINVAL with @err saying "@input:line: what" for what libyaml refuses, and for a
 *         duplicate key, a key that is no scalar, a merge key, an unknown tag, an alias of
 *         nothing or of itself, and whatever exceeds the limits above; -ENOMEM; what @fn returned.
 */
int weir_yaml_read(const char *text, size_t len, const char *input, weir_document_fn fn, void *ctx,
		   struct weir_error *err);

/** weir_yaml_line() - the line at which a mapping begins, if it came from weir_yaml_read();
 * otherwise 0. */
unsigned long weir_yaml_line(struct json_object *mapping);

#endif
