/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_JSON_READ_H
#define WEIR_API_JSON_READ_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

struct json_object;
struct json_tokener;

/*
 * Reading JSON that somebody else wrote. json-c's getters lend, and so do these: nothing holds a
 * reference. A member that is missing or of another type is NULL, "" or 0.
 */
struct json_object *weir_json_get(struct json_object *object, const char *key);
const char *weir_json_get_text(struct json_object *object, const char *key);

/** weir_json_get_number() - from a number or, as protojson has 64-bit integers, from a string. */
uint64_t weir_json_get_number(struct json_object *object, const char *key);

/** weir_json_number() - the value itself. */
uint64_t weir_json_number(struct json_object *value);

/** weir_json_tokener() - strict, UTF-8 checked, of limited depth; NULL when out of memory. */
struct json_tokener *weir_json_tokener(void);

/**
 * weir_json_parse_object() - one object that takes all of @text.
 *
 * Owner:  the caller releases *@ret_object with json_object_put().
 * Errors: -EINVAL with @err naming the column.
 */
int weir_json_parse_object(struct json_tokener *tokener, const char *text, size_t len,
			   struct json_object **ret_object, struct weir_error *err);

#endif
