/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_UNIT_K8S_META_SCRATCH_H
#define WEIR_TESTS_UNIT_K8S_META_SCRATCH_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A directory per test, removed with all that is in it; *state is its path. */

#define SCRATCH_PATH_MAX 4096

#define scratch_test(fn) cmocka_unit_test_setup_teardown(fn, scratch_setup, scratch_teardown)

static inline int scratch_setup(void **state)
{
	char *dir = strdup("/tmp/weirt-k8s-meta-XXXXXX");

	*state = dir;
	return dir && mkdtemp(dir) ? 0 : -1;
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int type,
				     struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int scratch_teardown(void **state)
{
	(void)nftw(*state, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(*state);
	return 0;
}

static inline const char *scratch_path(char *path, const char *dir, const char *name)
{
	assert_true(snprintf(path, SCRATCH_PATH_MAX, "%s/%s", dir, name) < SCRATCH_PATH_MAX);
	return path;
}

static inline void scratch_write(const char *dir, const char *name, const char *text)
{
	char path[SCRATCH_PATH_MAX];
	FILE *file = fopen(scratch_path(path, dir, name), "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static inline void scratch_mkdir(const char *dir, const char *name)
{
	char path[SCRATCH_PATH_MAX];

	assert_int_equal(mkdir(scratch_path(path, dir, name), 0755), 0);
}

static inline void scratch_link(const char *dir, const char *name, const char *target)
{
	char path[SCRATCH_PATH_MAX];

	assert_int_equal(symlink(target, scratch_path(path, dir, name)), 0);
}

static inline void scratch_rename(const char *dir, const char *from, const char *to)
{
	char a[SCRATCH_PATH_MAX], b[SCRATCH_PATH_MAX];

	assert_int_equal(rename(scratch_path(a, dir, from), scratch_path(b, dir, to)), 0);
}

static inline void scratch_unlink(const char *dir, const char *name)
{
	char path[SCRATCH_PATH_MAX];

	assert_int_equal(unlink(scratch_path(path, dir, name)), 0);
}

#endif
