/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_K8S_META_FIELD_H
#define WEIR_K8S_META_FIELD_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "k8s-meta/arena.h"
#include "lib/addr.h"
#include "lib/error.h"

/*
 * Reading typed fields of a JSON tree, remembering the way so that an error can name it:
 * `pods.yaml:12: Pod shop/web: status.podIPs[1].ip: want a string, not a number`.
 */

/** The longest string field that is read, and the most items of one array. */
#define WEIR_FIELD_STR_MAX 1024
#define WEIR_FIELD_ITEMS_MAX 1000000

/** struct weir_decoder - where errors are said to be and where strings are put. */
struct weir_decoder {
	const char *input;       /* name of the input, borrowed */
	unsigned long line;      /* of the object; 0 unknown */
	const char *kind;        /* of the object; "" until known, likewise the others */
	const char *namespace_;
	const char *name;
	struct weir_arena *arena;
	struct weir_error *err;
};

/** struct weir_field - a place in the tree; lives on the stack of its reader. */
struct weir_field {
	struct weir_decoder *decoder;
	const struct weir_field *up;  /* NULL: the object itself */
	const char *key;              /* NULL: an array's item */
	size_t index;
	struct json_object *value;    /* borrowed; never NULL once found */
};

/** weir_field_fail() - fill the decoder's error with place and text; returns -EINVAL. */
int weir_field_fail(const struct weir_field *at, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** weir_field_get() - 1 with @ret_field, 0 when absent or null, -EINVAL for another type. */
int weir_field_get(const struct weir_field *object, const char *key, enum json_type type,
		   struct weir_field *ret_field);

/** weir_field_items() - how many an array has (absent: 0), or -EINVAL: no array or too long.
 * @ret_array is set when the result is > 0. */
int weir_field_items(const struct weir_field *object, const char *key,
		     struct weir_field *ret_array);

/** weir_field_item() - one item of an array; -EINVAL for another type or null. */
int weir_field_item(const struct weir_field *array, size_t index, enum json_type type,
		    struct weir_field *ret_field);

/** weir_field_text() - the string at @field, copied into the arena. */
int weir_field_text(const struct weir_field *field, const char **ret_text);

/** weir_field_str() - an optional string member; "" when absent. */
int weir_field_str(const struct weir_field *object, const char *key, const char **ret_text);

/** weir_field_bool() - an optional boolean member; false when absent. */
int weir_field_bool(const struct weir_field *object, const char *key, bool *ret_value);

/** weir_field_int() - 1 with a value in [min, max], 0 when absent, -EINVAL otherwise. */
int weir_field_int(const struct weir_field *object, const char *key, long min, long max,
		   long *ret_value);

/** weir_field_addr() - the address written at @field (a string). */
int weir_field_addr(const struct weir_field *field, struct weir_addr *ret_addr);

#endif
