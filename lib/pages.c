/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/pages.h"

#include <errno.h>
#include <sys/mman.h>

int weir_pages_new(size_t bytes, void **ret_pages)
{
	void *pages;

	if (!bytes)
		return -EINVAL;
	pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pages == MAP_FAILED)
		return -ENOMEM;
	/* Refused by a kernel that has no huge pages. */
	(void)madvise(pages, bytes, MADV_NOHUGEPAGE);
	*ret_pages = pages;
	return 0;
}

void weir_pages_free(void *pages, size_t bytes)
{
	if (pages)
		(void)munmap(pages, bytes);
}
