/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/manifest.h"

#include <errno.h>

#include "tests/unit/k8s-meta/source.h"

static void new_reads_every_manifest_of_the_directory(void **state)
{
	struct source source;

	scratch_write(*state, "a.yaml", POD("a", "10.0.0.1") "---\n" POD("b", "10.0.0.2"));
	scratch_write(*state, "c.yml", POD("c", "10.0.0.3"));
	scratch_write(*state, "d.json", JSON_POD("d", "10.0.0.4"));
	scratch_write(*state, "README", "not: [read");
	scratch_write(*state, ".hidden.yaml", "not: [read");
	scratch_mkdir(*state, "sub");
	scratch_write(*state, "sub/e.yaml", POD("e", "10.0.0.5"));
	scratch_mkdir(*state, ".git");
	scratch_write(*state, ".git/f.yaml", POD("f", "10.0.0.6"));
	scratch_link(*state, "loop", ".");
	scratch_link(*state, "dangling.yaml", "nowhere.yaml");
	start(&source, *state);
	assert_int_equal(pods(&source), 5);
	assert_string_equal(now(&source, "10.0.0.1"), "pod shop/a");
	assert_string_equal(now(&source, "10.0.0.4"), "pod shop/d");
	assert_string_equal(now(&source, "10.0.0.5"), "pod shop/e");
	stop(&source);
}

static void new_golden_manifests_answer_questions(void **state)
{
	struct source source;

	(void)state;
	start(&source, "tests/golden/manifests");
	assert_int_equal(weir_store_set_node_name(source.store, "worker-1"), 0);
	assert_int_equal(pods(&source), 5);
	assert_string_equal(now(&source, "10.244.1.5"), "pod shop/frontend-5d59d67564-x2x7q");
	assert_string_equal(now(&source, "10.244.1.9"), "world");
	assert_string_equal(now(&source, "198.18.0.11"), "host");
	assert_string_equal(now(&source, "198.18.0.12"), "remote-node worker-2");
	assert_string_equal(service(source.store, "10.96.0.20", 80, IPPROTO_TCP, 0),
			    "shop/frontend");
	assert_string_equal(service(source.store, "10.244.2.7", 5432, IPPROTO_TCP, 0),
			    "shop/database");
	stop(&source);
}

struct refusal {
	const char *name;
	const char *text;
	const char *want;  /* behind the directory's path */
};

static void new_bad_manifest_is_refused_with_file_and_line(void **state)
{
	static const struct refusal cases[] = {
		{ "b.yaml", POD("x", "10.0.0.9") "---\na: b: c\n",
		  "/b.yaml:3: mapping values are not allowed in this context" },
		{ "b.yaml", "---\n" POD("x", "10.0.0"),
		  "/b.yaml:2: Pod shop/x: status.podIP: \"10.0.0\" is not an IP address" },
		{ "b.json", "{\n\"a\":\n", "/b.json:3: ends within a value" },
	};
	const char *dir = *state;

	scratch_write(dir, "a.yaml", POD("a", "10.0.0.1"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_manifest *manifest = NULL;
		struct weir_store *store = NULL;
		struct weir_error err = { 0 };

		scratch_write(dir, cases[i].name, cases[i].text);
		assert_int_equal(weir_store_new(&store), 0);
		assert_int_equal(weir_manifest_new(dir, store, NULL, NULL, &manifest, &err),
				 -EINVAL);
		assert_null(manifest);
		assert_int_equal(strncmp(err.text, dir, strlen(dir)), 0);
		assert_string_equal(err.text + strlen(dir), cases[i].want);
		weir_store_free(&store);
		scratch_unlink(dir, cases[i].name);
	}
}

static void new_bad_directory_is_refused_by_name(void **state)
{
	struct weir_manifest *manifest = NULL;
	struct weir_store *store = NULL;
	struct weir_error err = { 0 };
	char path[SCRATCH_PATH_MAX];

	assert_int_equal(weir_store_new(&store), 0);
	assert_int_equal(weir_manifest_new("/nowhere", store, NULL, NULL, &manifest, &err),
			 -ENOENT);
	assert_string_equal(err.text,
			    "/nowhere: cannot watch the directory: No such file or directory");
	scratch_write(*state, "file", "");
	assert_int_equal(weir_manifest_new(scratch_path(path, *state, "file"), store, NULL, NULL,
					   &manifest, &err),
			 -ENOTDIR);
	weir_store_free(&store);
}

static void fifo_named_like_a_manifest_does_not_block(void **state)
{
	struct weir_manifest *manifest = NULL;
	struct weir_store *store = NULL;
	struct weir_error err = { 0 };
	char path[SCRATCH_PATH_MAX];

	assert_int_equal(weir_store_new(&store), 0);
	assert_int_equal(mkfifo(scratch_path(path, *state, "a.yaml"), 0600), 0);
	assert_int_equal(weir_manifest_new(*state, store, NULL, NULL, &manifest, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/a.yaml: is not a regular file"));
	weir_store_free(&store);
}

static void file_larger_than_the_limit_is_refused(void **state)
{
	struct weir_manifest *manifest = NULL;
	struct weir_store *store = NULL;
	struct weir_error err = { 0 };
	char path[SCRATCH_PATH_MAX];

	assert_int_equal(weir_store_new(&store), 0);
	scratch_write(*state, "a.yaml", "");
	assert_int_equal(truncate(scratch_path(path, *state, "a.yaml"), 16 * 1024 * 1024 + 1), 0);
	assert_int_equal(weir_manifest_new(*state, store, NULL, NULL, &manifest, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/a.yaml: larger than 16 MiB: split it"));
	weir_store_free(&store);
}

static void dispatch_reads_one_file_at_a_time(void **state)
{
	enum {
		FILES = 5
	};
	struct source source;
	char name[] = "0.yaml";

	scratch_mkdir(*state, "sub");
	start(&source, *state);
	for (size_t round = 0; round < 2; round++) {
		/* told by events, then found by a walk */
		if (round)
			scratch_mkdir(*state, "made");
		for (int i = 0; i < FILES; i++) {
			char path[64], text[256];

			name[0] = (char)('0' + i);
			(void)snprintf(path, sizeof(path), "%s/%s", round ? "made" : "sub", name);
			(void)snprintf(text, sizeof(text),
				       "{apiVersion: v1, kind: Pod, metadata: {name: p%zu-%d}}",
				       round, i);
			scratch_write(*state, path, text);
		}
		for (size_t i = 1; i <= FILES; i++) {
			assert_int_equal(weir_manifest_dispatch(source.manifest), i < FILES);
			assert_int_equal(pods(&source), round * FILES + i);
		}
	}
	assert_false(weir_manifest_dispatch(source.manifest));
	stop(&source);
}

/* Told when it comes and when it changes; and again when it was good in between. */
static void error_of_a_file_is_told_when_it_changes(void **state)
{
	static const struct {
		const char *text;
		int errors;
	} steps[] = {
		{ POD("c", "10.0.0"), 1 },
		{ POD("c", "10.0.0"), 1 },
		{ POD("c", "10.0.0") "# the same error\n", 1 },
		{ POD("d", "10.0.0"), 2 },
		{ POD("d", "10.0.0.1"), 2 },
		{ POD("d", "10.0.0"), 3 },
		{ POD("d", "10.0.0"), 3 },
	};
	struct source source;

	start(&source, *state);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		scratch_write(*state, "a.yaml", steps[i].text);
		dispatch(&source);
		assert_int_equal(source.errors, steps[i].errors);
	}
	stop(&source);
}

/* Each new directory makes the source walk through all. */
static void walk(struct source *source, const char *dir, const char *name)
{
	/* permissions mean nothing to root */
	bool is_root = geteuid() == 0;

	scratch_mkdir(dir, name);
	assert_true(!is_root || seteuid(65534) == 0);
	dispatch(source);
	assert_true(!is_root || seteuid(0) == 0);
}

static void error_of_a_link_is_told_once(void **state)
{
	struct source source;

	start(&source, *state);
	assert_int_equal(chmod(*state, 0755), 0);
	scratch_link(*state, "a.yaml", "a.yaml");
	scratch_link(*state, "no-manifest", "no-manifest");
	walk(&source, *state, "x");
	walk(&source, *state, "y");
	walk(&source, *state, "z");
	assert_int_equal(source.errors, 1);
	assert_non_null(strstr(source.last.text, "/a.yaml: cannot open: "));
	stop(&source);
}

static void error_of_a_directory_is_told_when_it_changes(void **state)
{
	struct source source;
	char path[SCRATCH_PATH_MAX];

	start(&source, *state);
	assert_int_equal(chmod(*state, 0755), 0);
	scratch_mkdir(*state, "shut");
	assert_int_equal(chmod(scratch_path(path, *state, "shut"), 0), 0);
	walk(&source, *state, "1");
	walk(&source, *state, "2");
	walk(&source, *state, "3");
	assert_int_equal(source.errors, 1);
	assert_non_null(strstr(source.last.text, "/shut: cannot watch the directory: "));
	assert_int_equal(chmod(path, 0755), 0);
	walk(&source, *state, "4");
	assert_int_equal(source.errors, 1);
	assert_int_equal(chmod(path, 0), 0);
	walk(&source, *state, "5");
	assert_int_equal(source.errors, 2);
	assert_int_equal(chmod(path, 0700), 0);
	stop(&source);
}

static void object_in_two_files_lives_as_long_as_one_has_it(void **state)
{
	struct source source;

	scratch_write(*state, "a.yaml", POD("x", "10.0.0.1"));
	scratch_write(*state, "b.yaml", POD("x", "10.0.0.2"));
	start(&source, *state);
	assert_int_equal(pods(&source), 1);
	assert_string_equal(now(&source, "10.0.0.2"), "pod shop/x");
	assert_string_equal(now(&source, "10.0.0.1"), "unknown");
	/* the version that counted goes: the other's counts again */
	scratch_unlink(*state, "b.yaml");
	dispatch(&source);
	assert_string_equal(now(&source, "10.0.0.1"), "pod shop/x");
	scratch_unlink(*state, "a.yaml");
	dispatch(&source);
	assert_int_equal(pods(&source), 0);
	stop(&source);
}

static void objects_in_files_that_all_go_are_gone(void **state)
{
	struct source source;

	scratch_write(*state, "a.yaml", POD("x", "10.0.0.1") "---\n" POD("y", "10.0.0.3"));
	scratch_write(*state, "b.yaml", POD("x", "10.0.0.2") "---\n" POD("y", "10.0.0.4"));
	scratch_write(*state, "c.yaml", POD("y", "10.0.0.5"));
	start(&source, *state);
	assert_int_equal(pods(&source), 2);
	scratch_unlink(*state, "c.yaml");
	scratch_unlink(*state, "b.yaml");
	scratch_unlink(*state, "a.yaml");
	dispatch(&source);
	assert_int_equal(pods(&source), 0);
	stop(&source);
}

static void object_twice_in_a_file_is_as_said_last(void **state)
{
	struct source source;

	scratch_write(*state, "a.yaml", POD("x", "10.0.0.1") "---\n" POD("x", "10.0.0.2"));
	start(&source, *state);
	assert_int_equal(pods(&source), 1);
	assert_string_equal(now(&source, "10.0.0.2"), "pod shop/x");
	scratch_write(*state, "a.yaml", "");
	dispatch(&source);
	assert_int_equal(pods(&source), 0);
	stop(&source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(new_reads_every_manifest_of_the_directory),
		cmocka_unit_test(new_golden_manifests_answer_questions),
		scratch_test(new_bad_manifest_is_refused_with_file_and_line),
		scratch_test(new_bad_directory_is_refused_by_name),
		scratch_test(fifo_named_like_a_manifest_does_not_block),
		scratch_test(file_larger_than_the_limit_is_refused),
		scratch_test(dispatch_reads_one_file_at_a_time),
		scratch_test(error_of_a_file_is_told_when_it_changes),
		scratch_test(error_of_a_link_is_told_once),
		scratch_test(error_of_a_directory_is_told_when_it_changes),
		scratch_test(object_in_two_files_lives_as_long_as_one_has_it),
		scratch_test(objects_in_files_that_all_go_are_gone),
		scratch_test(object_twice_in_a_file_is_as_said_last),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
