/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LIB_PAGES_H
#define WEIR_LIB_PAGES_H

#include <stddef.h>

/**
 * weir_pages_new() - memory for the most there may be of something.
 *
 * All zero. Only address space is taken at once: a page counts from when it is first touched, and
 * by itself, for a huge page would make megabytes of a few items.
 *
 * Errors: -ENOMEM, -EINVAL when @bytes is 0.
 */
int weir_pages_new(size_t bytes, void **ret_pages);

/** weir_pages_free() - with the size it was made with; NULL-safe. */
void weir_pages_free(void *pages, size_t bytes);

#endif
