/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/cgroup_walk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "tests/unit/k8s-meta/scratch.h"

struct mount_case {
	const char *name;
	const char *mountinfo;
	int code;
	const char *mount;
};

#define V1 "30 24 0:26 / /sys/fs/cgroup/cpu rw,nosuid shared:9 - cgroup cgroup rw,cpu\n"

static const struct mount_case mounts[] = {
	{ "unified", "29 24 0:25 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n", 0,
	  "/sys/fs/cgroup" },
	{ "hybrid", V1 "42 32 0:37 / /sys/fs/cgroup/unified rw - cgroup2 none rw\n", 0,
	  "/sys/fs/cgroup/unified" },
	{ "several optional fields",
	  "29 24 0:25 / /cg rw master:1 propagate_from:2 unbindable - cgroup2 cgroup2 rw\n", 0,
	  "/cg" },
	{ "escapes", "29 24 0:25 / /a\\040b\\134c\\011d\\012e rw - cgroup2 x rw\n", 0,
	  "/a b\\c\td\ne" },
	{ "no escape", "29 24 0:25 / /a\\09\\400 rw - cgroup2 x rw\n", 0, "/a\\09\\400" },
	{ "whole hierarchy wins",
	  "1 1 0:25 /pods /first rw - cgroup2 x rw\n2 1 0:25 / /second rw - cgroup2 x rw\n", 0,
	  "/second" },
	{ "first whole one wins",
	  "1 1 0:25 / /first rw - cgroup2 x rw\n2 1 0:25 / /second rw - cgroup2 x rw\n", 0,
	  "/first" },
	{ "else the first",
	  "1 1 0:25 /p /first rw - cgroup2 x rw\n2 1 0:25 /q /second rw - cgroup2 x rw\n", 0,
	  "/first" },
	{ "no newline at the end", "29 24 0:25 / /cg rw - cgroup2 x rw", 0, "/cg" },
	{ "none", V1, -ENOENT, NULL },
	{ "empty", "", -ENOENT, NULL },
	{ "mount point named like the type", "1 1 0:2 / /cgroup2 rw - tmpfs cgroup2 rw\n", -ENOENT,
	  NULL },
	{ "garbage", "cgroup2\n- cgroup2\n1 2 3 - cgroup2 x\n\n \n-\n1 1 0:2 / /m rw -\n", -ENOENT,
	  NULL },
};

static void find_mount_reads_mountinfo(void **state)
{
	const char *dir = *state;

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		char path[SCRATCH_PATH_MAX], mount[WEIR_CGROUP_MOUNT_MAX] = "untouched";
		struct weir_error err = { 0 };
		int r;

		scratch_write(dir, "mountinfo", mounts[i].mountinfo);
		r = weir_cgroup_find_mount(scratch_path(path, dir, "mountinfo"), mount, &err);
		if (r != mounts[i].code)
			fail_msg("%s: %d, '%s'", mounts[i].name, r, err.text);
		if (r < 0 && !strstr(err.text, "no cgroup v2"))
			fail_msg("%s: '%s'", mounts[i].name, err.text);
		if (strcmp(mount, r < 0 ? "untouched" : mounts[i].mount) != 0)
			fail_msg("%s: '%s'", mounts[i].name, mount);
	}
}

static void find_mount_too_long_is_passed_over(void **state)
{
	const char *dir = *state;
	char path[SCRATCH_PATH_MAX], mount[WEIR_CGROUP_MOUNT_MAX];
	char name[WEIR_CGROUP_MOUNT_MAX + 1];
	struct weir_error err = { 0 };
	struct weir_buf text;

	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	weir_buf_init(&text, 0);
	weir_buf_printf(&text, "1 1 0:2 / /%s rw - cgroup2 x rw\n", name);
	scratch_write(dir, "mountinfo", weir_buf_cstr(&text));
	weir_buf_done(&text);
	assert_int_equal(weir_cgroup_find_mount(scratch_path(path, dir, "mountinfo"), mount, &err),
			 -ENOENT);
}

static void find_mount_without_file_names_it(void **state)
{
	char mount[WEIR_CGROUP_MOUNT_MAX];
	struct weir_error err = { 0 };

	(void)state;
	assert_int_equal(weir_cgroup_find_mount("/nowhere/mountinfo", mount, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nowhere/mountinfo"));
}

struct seen {
	struct weir_buf text;  /* the paths, a line each */
	int calls;
	int stop_at;
	const char *root;
	bool remove_other;  /* in the second call, of /x/1 and /x/2 the one that is not it */
};

static int on_cgroup(void *ctx, uint64_t id, const char *path)
{
	struct seen *seen = ctx;
	char full[SCRATCH_PATH_MAX];
	struct stat st;

	assert_int_equal(stat(scratch_path(full, seen->root, path), &st), 0);
	assert_int_equal(st.st_ino, id);
	weir_buf_printf(&seen->text, "%s\n", path);
	if (++seen->calls == 2 && seen->remove_other)
		assert_int_equal(rmdir(scratch_path(full, seen->root,
						    strcmp(path, "/x/1") ? "/x/1" : "/x/2")),
				 0);
	return seen->calls == seen->stop_at ? -ENOENT : 1;
}

static void make_tree(const char *dir)
{
	scratch_mkdir(dir, "a");
	scratch_mkdir(dir, "a/b");
	scratch_mkdir(dir, "a/b/c");
	scratch_mkdir(dir, "a/d");
	scratch_write(dir, "a/cgroup.procs", "1\n");
	scratch_link(dir, "a/link", "b");
}

static void walk_tree_visits_every_directory_once(void **state)
{
	const char *dir = *state;
	struct seen seen = { .root = dir };
	const char *text;

	make_tree(dir);
	assert_int_equal(weir_cgroup_walk(dir, "/", on_cgroup, &seen), 0);
	assert_int_equal(seen.calls, 5);
	text = weir_buf_cstr(&seen.text);
	assert_int_equal(strncmp(text, "/\n/a\n", 5), 0);
	assert_non_null(strstr(text, "\n/a/b\n"));
	assert_non_null(strstr(text, "\n/a/b/c\n"));
	assert_non_null(strstr(text, "\n/a/d\n"));
	weir_buf_done(&seen.text);
}

static void walk_subtree_gives_paths_from_the_root(void **state)
{
	const char *dir = *state;
	static const char *const spellings[] = { "/a/b", "a/b", "//a//b//" };

	make_tree(dir);
	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
		struct seen seen = { .root = dir };

		assert_int_equal(weir_cgroup_walk(dir, spellings[i], on_cgroup, &seen), 0);
		assert_string_equal(weir_buf_cstr(&seen.text), "/a/b\n/a/b/c\n");
		weir_buf_done(&seen.text);
	}
}

static void walk_refusals_have_their_codes(void **state)
{
	const char *dir = *state;
	struct seen seen = { .root = dir };

	make_tree(dir);
	assert_int_equal(weir_cgroup_walk(dir, "/nowhere", on_cgroup, &seen), -ENOENT);
	assert_int_equal(weir_cgroup_walk("/nowhere", "/", on_cgroup, &seen), -ENOENT);
	assert_int_equal(weir_cgroup_walk(dir, "/a/../..", on_cgroup, &seen), -EINVAL);
	assert_int_equal(weir_cgroup_walk(dir, "/./a", on_cgroup, &seen), -EINVAL);
	assert_int_equal(seen.calls, 0);
}

static void walk_stopped_by_callback_returns_its_code(void **state)
{
	const char *dir = *state;
	struct seen seen = { .root = dir, .stop_at = 3 };

	make_tree(dir);
	assert_int_equal(weir_cgroup_walk(dir, "/", on_cgroup, &seen), -ENOENT);
	assert_int_equal(seen.calls, 3);
	weir_buf_done(&seen.text);
}

static void walk_vanished_cgroup_is_skipped(void **state)
{
	const char *dir = *state;
	struct seen seen = { .root = dir, .remove_other = true };

	scratch_mkdir(dir, "x");
	scratch_mkdir(dir, "x/1");
	scratch_mkdir(dir, "x/2");
	assert_int_equal(weir_cgroup_walk(dir, "/x", on_cgroup, &seen), 0);
	assert_int_equal(seen.calls, 2);
	weir_buf_done(&seen.text);
}

static void walk_deep_tree_needs_few_descriptors(void **state)
{
	const char *dir = *state;
	struct seen seen = { .root = dir };
	struct weir_buf path;

	weir_buf_init(&path, 0);
	for (int i = 0; i < 60; i++) {
		weir_buf_puts(&path, "/d");
		scratch_mkdir(dir, weir_buf_cstr(&path));
	}
	weir_buf_done(&path);
	assert_int_equal(weir_cgroup_walk(dir, "/", on_cgroup, &seen), 0);
	assert_int_equal(seen.calls, 61);
	weir_buf_done(&seen.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(find_mount_reads_mountinfo),
		scratch_test(find_mount_too_long_is_passed_over),
		cmocka_unit_test(find_mount_without_file_names_it),
		scratch_test(walk_tree_visits_every_directory_once),
		scratch_test(walk_subtree_gives_paths_from_the_root),
		scratch_test(walk_refusals_have_their_codes),
		scratch_test(walk_stopped_by_callback_returns_its_code),
		scratch_test(walk_vanished_cgroup_is_skipped),
		scratch_test(walk_deep_tree_needs_few_descriptors),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
