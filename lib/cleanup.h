/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LIB_CLEANUP_H
#define WEIR_LIB_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Ownership by scope. A local declared with one of these attributes is released when the
 * function is left by any path; TAKE_PTR() and TAKE_FD() hand it on. CONTRIBUTING.md has the
 * contract that makes a function provable without reading its callees.
 */

/** _cleanup_(fn) - call fn(&local) when the local goes out of scope. */
#define _cleanup_(fn) __attribute__((cleanup(fn)))

/** TAKE_PTR() - the pointer's value; the variable becomes NULL. */
#define TAKE_PTR(p)                          \
	({                                   \
		__typeof__(p) *pp_ = &(p);   \
		__typeof__(p) taken_ = *pp_; \
		*pp_ = NULL;                 \
		taken_;                      \
	})

/** TAKE_FD() - the descriptor's value; the variable becomes -1. */
#define TAKE_FD(fd)                 \
	({                          \
		int *pfd_ = &(fd);  \
		int taken_ = *pfd_; \
		*pfd_ = -1;         \
		taken_;             \
	})

static inline void weir_cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void weir_cleanup_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static inline void weir_cleanup_file(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}

#define _cleanup_free_ _cleanup_(weir_cleanup_free)
#define _cleanup_fd_ _cleanup_(weir_cleanup_fd)
#define _cleanup_file_ _cleanup_(weir_cleanup_file)

#endif
