/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_FUZZ_FUZZ_H
#define WEIR_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * What libFuzzer calls with bytes of its choice; one per program. Sanitizers watch, and so does
 * fuzz_check(): what must hold whatever the bytes are.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define fuzz_check(expr)                                                                 \
	do {                                                                             \
		if (!(expr)) {                                                           \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #expr); \
			abort();                                                         \
		}                                                                        \
	} while (0)

/* A string is read to its end, where a sanitizer sees that it has none. */
static inline void fuzz_read(const char *string)
{
	size_t len;

	fuzz_check(string);
	len = strlen(string);
	/* lest the compiler leave it out */
	__asm__ volatile("" : : "r"(len));
}

/* A heap copy of just that size, so that reading past its end is seen; the caller frees it. */
static inline char *fuzz_copy(const void *data, size_t size)
{
	char *copy = malloc(size ? size : 1);

	fuzz_check(copy);
	if (size)
		memcpy(copy, data, size);
	return copy;
}

/* The same with a NUL behind it. */
static inline char *fuzz_string(const void *data, size_t size)
{
	char *copy = malloc(size + 1);

	fuzz_check(copy);
	if (size)
		memcpy(copy, data, size);
	copy[size] = '\0';
	return copy;
}

#endif
