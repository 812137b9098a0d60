/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_K8S_META_DECODE_H
#define WEIR_K8S_META_DECODE_H

#include <json-c/json.h>

#include "k8s-meta/object.h"
#include "lib/error.h"

/**
 * weir_decode_document() - append the objects of one document to @objects.
 *
 * Shape:  Pod, Service, Namespace, Node (v1) and EndpointSlice (discovery.k8s.io/v1) become one
 *         object; List (v1) and PodList, ServiceList, … the objects of their items; every other
 *         kind or API group nothing.
 * @input, @line: where errors are said to be; an object whose own line is known (k8s-meta/yaml.h)
 *         is said to be there. @line 0: not known.
 * Errors: -EINVAL with @err naming place, kind, namespace/name and field; -ENOMEM. Objects
 *         appended before the error stay.
 */
int weir_decode_document(struct json_object *document, const char *input, unsigned long line,
			 struct weir_objects *objects, struct weir_error *err);

#endif
