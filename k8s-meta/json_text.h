/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_K8S_META_JSON_TEXT_H
#define WEIR_K8S_META_JSON_TEXT_H

#include "k8s-meta/yaml.h"

/**
 * weir_json_read() - call @fn with the one JSON value that @text is.
 *
 * Errors: -EINVAL with @err saying "@input:line: what": malformed, nested deeper than
 *         WEIR_YAML_DEPTH_MAX, not UTF-8, cut off, or followed by anything but white space;
 *         -ENOMEM; what @fn returned.
 */
int weir_json_read(const char *text, size_t len, const char *input, weir_document_fn fn, void *ctx,
		   struct weir_error *err);

#endif
