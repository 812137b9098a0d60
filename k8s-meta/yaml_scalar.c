/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/yaml_scalar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char digits[] = "0123456789";

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++) {
		if (!strcmp(text, *words))
			return true;
	}
	return false;
}

/* The base of an integer and where its digits begin; 0 when the text is no integer. */
static int integer_base(const char *text, const char **ret_digits)
{
	const char *body = text + (*text == '-' || *text == '+');
	const char *set = digits;
	int base = 10;

	if (!strncmp(body, "0x", 2)) {
		base = 16;
		set = "0123456789abcdefABCDEF";
		body += 2;
	} else if (!strncmp(body, "0o", 2)) {
		base = 8;
		set = "01234567";
		body += 2;
	} else if (body[0] == '0' && body[1]) {
		base = 8;
		set = "01234567";
	}
	*ret_digits = body;
	return *body && !body[strspn(body, set)] ? base : 0;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_real(const char *text)
{
	size_t whole, fraction = 0, exponent;

	text += *text == '-' || *text == '+';
	whole = strspn(text, digits);
	text += whole;
	if (*text == '.') {
		fraction = strspn(++text, digits);
		text += fraction;
	}
	if (!whole && !fraction)
		return false;
	if (*text == 'e' || *text == 'E') {
		text++;
		text += *text == '-' || *text == '+';
		exponent = strspn(text, digits);
		if (!exponent)
			return false;
		text += exponent;
	}
	return !*text;
}

struct weir_scalar weir_yaml_scalar_resolve(const char *text, size_t len)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const trues[] = { "true", "True", "TRUE", NULL };
	static const char *const falses[] = { "false", "False", "FALSE", NULL };
	struct weir_scalar scalar = { .kind = WEIR_SCALAR_STRING };
	const char *body;
	int base;

	if (strlen(text) != len)
		return scalar;
	if (is_one_of(text, nulls)) {
		scalar.kind = WEIR_SCALAR_NULL;
		return scalar;
	}
	scalar.boolean = is_one_of(text, trues);
	if (scalar.boolean || is_one_of(text, falses)) {
		scalar.kind = WEIR_SCALAR_BOOL;
		return scalar;
	}
	base = integer_base(text, &body);
	if (base) {
		errno = 0;
		scalar.integer = strtoll(body, NULL, base);
		if (!errno) {
			scalar.kind = WEIR_SCALAR_INT;
			if (*text == '-')
				scalar.integer = -scalar.integer;
			return scalar;
		}
	}
	if (is_real(text)) {
		scalar.kind = WEIR_SCALAR_DOUBLE;
		scalar.real = strtod(text, NULL);
	}
	return scalar;
}
