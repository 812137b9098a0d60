/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_K8S_META_YAML_SCALAR_H
#define WEIR_K8S_META_YAML_SCALAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum weir_scalar_kind {
	WEIR_SCALAR_STRING,
	WEIR_SCALAR_NULL,
	WEIR_SCALAR_BOOL,
	WEIR_SCALAR_INT,
	WEIR_SCALAR_DOUBLE,
};

struct weir_scalar {
	enum weir_scalar_kind kind;
	bool boolean;
	int64_t integer;
	double real;
};

/** weir_yaml_scalar_resolve() - what a plain (unquoted) scalar is; see k8s-meta/yaml.h. */
struct weir_scalar weir_yaml_scalar_resolve(const char *text, size_t len);

#endif
