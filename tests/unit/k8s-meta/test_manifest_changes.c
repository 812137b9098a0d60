/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/manifest.h"

#include "tests/unit/k8s-meta/source.h"

static void file_rewritten_replaces_its_objects(void **state)
{
	struct source source;

	scratch_write(*state, "a.yaml", POD("a", "10.0.0.1") "---\n" POD("b", "10.0.0.2"));
	start(&source, *state);
	scratch_write(*state, "a.yaml", POD("b", "10.0.0.2") "---\n" POD("c", "10.0.0.1"));
	dispatch(&source);
	assert_int_equal(pods(&source), 2);
	assert_string_equal(now(&source, "10.0.0.1"), "pod shop/c");
	assert_string_equal(now(&source, "10.0.0.2"), "pod shop/b");
	scratch_write(*state, "a.yaml", "");
	dispatch(&source);
	assert_int_equal(pods(&source), 0);
	assert_string_equal(now(&source, "10.0.0.1"), "unknown");
	assert_int_equal(source.errors, 0);
	stop(&source);
}

static void file_rewritten_badly_keeps_its_objects_and_is_told(void **state)
{
	struct source source;

	scratch_write(*state, "a.yaml", POD("a", "10.0.0.1"));
	start(&source, *state);
	scratch_write(*state, "a.yaml", POD("b", "10.0.0.2") "---\n" POD("c", "10.0.0"));
	dispatch(&source);
	assert_int_equal(source.errors, 1);
	assert_non_null(strstr(source.last.text, "/a.yaml:3: Pod shop/c: status.podIP: "));
	assert_int_equal(pods(&source), 1);
	assert_string_equal(now(&source, "10.0.0.1"), "pod shop/a");
	scratch_write(*state, "a.yaml", POD("b", "10.0.0.2"));
	dispatch(&source);
	assert_int_equal(source.errors, 1);
	assert_int_equal(pods(&source), 1);
	assert_string_equal(now(&source, "10.0.0.2"), "pod shop/b");
	stop(&source);
}

static void file_created_moved_and_removed_is_followed(void **state)
{
	struct source source;

	start(&source, *state);
	assert_int_equal(pods(&source), 0);
	scratch_write(*state, "a.yaml", POD("a", "10.0.0.1"));
	dispatch(&source);
	assert_string_equal(now(&source, "10.0.0.1"), "pod shop/a");

	/* written aside and renamed, as careful writers do */
	scratch_write(*state, ".new", POD("b", "10.0.0.2"));
	scratch_rename(*state, ".new", "a.yaml");
	dispatch(&source);
	assert_int_equal(pods(&source), 1);
	assert_string_equal(now(&source, "10.0.0.2"), "pod shop/b");

	scratch_unlink(*state, "a.yaml");
	dispatch(&source);
	assert_int_equal(pods(&source), 0);
	assert_int_equal(source.errors, 0);
	stop(&source);
}

static void file_renamed_never_loses_its_objects(void **state)
{
	struct source source;
	uint64_t before;

	scratch_write(*state, "a.yaml", POD("a", "10.0.0.1"));
	start(&source, *state);
	before = weir_time_mono_ns();
	scratch_rename(*state, "a.yaml", "b.yaml");
	dispatch(&source);
	assert_int_equal(pods(&source), 1);
	for (uint64_t t = before; t < weir_time_mono_ns(); t += 1000)
		assert_string_equal(by_ip(source.store, "10.0.0.1", t), "pod shop/a");
	scratch_rename(*state, "b.yaml", "b.txt");
	dispatch(&source);
	assert_int_equal(pods(&source), 0);
	stop(&source);
}

static void file_open_for_writing_is_read_when_closed(void **state)
{
	struct source source;
	char path[SCRATCH_PATH_MAX];
	FILE *file;

	start(&source, *state);
	file = fopen(scratch_path(path, *state, "a.yaml"), "we");
	assert_non_null(file);
	assert_true(fputs("{apiVersion: v1, kind: ", file) >= 0);
	assert_int_equal(fflush(file), 0);
	dispatch(&source);
	assert_int_equal(source.errors, 0);
	assert_true(fputs("Pod, metadata: {name: a}}", file) >= 0);
	assert_int_equal(fclose(file), 0);
	dispatch(&source);
	assert_int_equal(source.errors, 0);
	assert_int_equal(pods(&source), 1);
	stop(&source);
}

static void links_are_read_at_once(void **state)
{
	struct source source;
	char from[SCRATCH_PATH_MAX], to[SCRATCH_PATH_MAX];

	scratch_write(*state, "a.txt", POD("a", "10.0.0.1"));
	scratch_write(*state, "b.txt", POD("b", "10.0.0.2"));
	start(&source, *state);
	scratch_link(*state, "a.yaml", "a.txt");
	assert_int_equal(
		link(scratch_path(from, *state, "b.txt"), scratch_path(to, *state, "b.yaml")), 0);
	dispatch(&source);
	assert_int_equal(pods(&source), 2);
	scratch_unlink(*state, "a.yaml");
	scratch_unlink(*state, "b.yaml");
	dispatch(&source);
	assert_int_equal(pods(&source), 0);
	stop(&source);
}

/* The way the kubelet changes a ConfigMap volume: all files at once, by one rename. */
static void config_map_volume_is_followed(void **state)
{
	struct source source;

	scratch_mkdir(*state, "..2024_01");
	scratch_write(*state, "..2024_01/a.yaml", POD("a", "10.0.0.1"));
	scratch_write(*state, "..2024_01/b.yaml", POD("b", "10.0.0.2"));
	scratch_link(*state, "..data", "..2024_01");
	scratch_link(*state, "a.yaml", "..data/a.yaml");
	scratch_link(*state, "b.yaml", "..data/b.yaml");
	start(&source, *state);
	assert_int_equal(pods(&source), 2);

	scratch_mkdir(*state, "..2024_02");
	scratch_write(*state, "..2024_02/a.yaml", POD("a2", "10.0.0.1"));
	scratch_write(*state, "..2024_02/c.yaml", POD("c", "10.0.0.3"));
	scratch_link(*state, "..data_tmp", "..2024_02");
	scratch_rename(*state, "..data_tmp", "..data");
	dispatch(&source);
	assert_string_equal(now(&source, "10.0.0.1"), "pod shop/a2");
	assert_string_equal(now(&source, "10.0.0.2"), "unknown");
	assert_int_equal(pods(&source), 1);
	scratch_link(*state, "c.yaml", "..data/c.yaml");
	scratch_unlink(*state, "b.yaml");
	dispatch(&source);
	assert_int_equal(pods(&source), 2);
	assert_string_equal(now(&source, "10.0.0.3"), "pod shop/c");
	assert_int_equal(source.errors, 0);
	stop(&source);
}

static void directories_come_and_go(void **state)
{
	struct source source;
	char path[SCRATCH_PATH_MAX];

	start(&source, *state);
	scratch_mkdir(*state, "sub");
	scratch_mkdir(*state, "sub/deep");
	scratch_write(*state, "sub/deep/a.yaml", POD("a", "10.0.0.1"));
	dispatch(&source);
	assert_string_equal(now(&source, "10.0.0.1"), "pod shop/a");
	scratch_write(*state, "sub/deep/b.yaml", POD("b", "10.0.0.2"));
	dispatch(&source);
	assert_string_equal(now(&source, "10.0.0.2"), "pod shop/b");

	scratch_rename(*state, "sub", "moved");
	dispatch(&source);
	assert_int_equal(pods(&source), 2);
	scratch_write(*state, "moved/deep/b.yaml", POD("b2", "10.0.0.2"));
	dispatch(&source);
	assert_string_equal(now(&source, "10.0.0.2"), "pod shop/b2");

	scratch_unlink(*state, "moved/deep/a.yaml");
	scratch_unlink(*state, "moved/deep/b.yaml");
	assert_int_equal(rmdir(scratch_path(path, *state, "moved/deep")), 0);
	assert_int_equal(rmdir(scratch_path(path, *state, "moved")), 0);
	dispatch(&source);
	assert_int_equal(pods(&source), 0);
	assert_int_equal(source.errors, 0);
	stop(&source);
}

static void directory_that_goes_is_told_and_keeps_its_objects(void **state)
{
	struct source source;
	char dir[SCRATCH_PATH_MAX];

	scratch_mkdir(*state, "m");
	scratch_write(*state, "m/a.yaml", POD("a", "10.0.0.1"));
	start(&source, scratch_path(dir, *state, "m"));
	scratch_rename(*state, "m", "elsewhere");
	dispatch(&source);
	assert_int_equal(source.errors, 1);
	assert_non_null(strstr(source.last.text, "/m: the directory went away"));
	assert_int_equal(pods(&source), 1);
	/* told once, however often it is looked for */
	retry(&source);
	retry(&source);
	retry(&source);
	assert_int_equal(source.errors, 1);
	assert_int_equal(pods(&source), 1);
	/* nor does what happens at the other place count */
	scratch_unlink(*state, "elsewhere/a.yaml");
	retry(&source);
	assert_int_equal(pods(&source), 1);
	stop(&source);
}

static void directory_replaced_is_read_and_watched(void **state)
{
	struct source source;
	char dir[SCRATCH_PATH_MAX];

	scratch_mkdir(*state, "m");
	scratch_write(*state, "m/a.yaml", POD("a", "10.0.0.1"));
	scratch_mkdir(*state, "m/sub");
	scratch_write(*state, "m/sub/b.yaml", POD("b", "10.0.0.2"));
	start(&source, scratch_path(dir, *state, "m"));
	for (int i = 0; i < 3; i++) {
		char old[] = "m.old0";

		old[5] = (char)('0' + i);
		scratch_mkdir(*state, "m.new");
		scratch_write(*state, "m.new/a.yaml",
			      i % 2 ? POD("odd", "10.0.0.1") : POD("even", "10.0.0.1"));
		scratch_rename(*state, "m", old);
		scratch_rename(*state, "m.new", "m");
		dispatch(&source);
		assert_int_equal(pods(&source), 1);
		assert_string_equal(now(&source, "10.0.0.1"),
				    i % 2 ? "pod shop/odd" : "pod shop/even");
		scratch_write(*state, "m/c.yaml", POD("c", "10.0.0.3"));
		dispatch(&source);
		assert_string_equal(now(&source, "10.0.0.3"), "pod shop/c");
		scratch_unlink(*state, "m/c.yaml");
		dispatch(&source);
		assert_int_equal(pods(&source), 1);
	}
	assert_int_equal(source.errors, 0);
	stop(&source);
}

static void directory_removed_and_made_again_is_watched_again(void **state)
{
	struct source source;
	char dir[SCRATCH_PATH_MAX];

	scratch_mkdir(*state, "m");
	scratch_write(*state, "m/a.yaml", POD("a", "10.0.0.1"));
	scratch_write(*state, "m/b.yaml", POD("b", "10.0.0.2"));
	start(&source, scratch_path(dir, *state, "m"));
	for (int i = 1; i <= 2; i++) {
		scratch_unlink(*state, "m/a.yaml");
		scratch_unlink(*state, "m/b.yaml");
		assert_int_equal(rmdir(dir), 0);
		dispatch(&source);
		assert_int_equal(source.errors, i);
		assert_int_equal(pods(&source), 2);
		retry(&source);

		scratch_mkdir(*state, "m");
		scratch_write(*state, "m/b.yaml", POD("b2", "10.0.0.2"));
		retry(&source);
		assert_int_equal(pods(&source), 1);
		assert_string_equal(now(&source, "10.0.0.2"), "pod shop/b2");
		scratch_write(*state, "m/a.yaml", POD("a", "10.0.0.1"));
		dispatch(&source);
		assert_int_equal(pods(&source), 2);
		assert_int_equal(source.errors, i);
	}
	stop(&source);
}

/* Nothing tells of these: neither a parent that moved nor a link that leads elsewhere. */
static void directory_replaced_unseen_is_found_by_looking(void **state)
{
	struct source source;
	char dir[SCRATCH_PATH_MAX];

	scratch_mkdir(*state, "v1");
	scratch_write(*state, "v1/a.yaml", POD("a1", "10.0.0.1"));
	scratch_mkdir(*state, "v2");
	scratch_write(*state, "v2/a.yaml", POD("a2", "10.0.0.1"));
	scratch_link(*state, "m", "v1");
	start(&source, scratch_path(dir, *state, "m"));
	retry(&source);
	assert_string_equal(now(&source, "10.0.0.1"), "pod shop/a1");
	scratch_link(*state, "next", "v2");
	scratch_rename(*state, "next", "m");
	retry(&source);
	assert_string_equal(now(&source, "10.0.0.1"), "pod shop/a2");
	assert_int_equal(pods(&source), 1);
	scratch_write(*state, "v2/a.yaml", POD("a3", "10.0.0.1"));
	dispatch(&source);
	assert_string_equal(now(&source, "10.0.0.1"), "pod shop/a3");
	assert_int_equal(source.errors, 0);
	stop(&source);
}

static size_t read_number(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[32];

	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	assert_int_equal(fclose(file), 0);
	return strtoul(line, NULL, 10);
}

/* More events than the kernel keeps for us: those lost are made up for by looking at it all. */
static void event_queue_overflow_is_made_up_for(void **state)
{
	size_t limit = read_number("/proc/sys/fs/inotify/max_queued_events");
	struct source source;

	scratch_write(*state, "z.yaml", POD("z", "10.0.0.1"));
	start(&source, *state);
	for (size_t i = 0; i <= limit / 2; i++) {
		/* the kernel drops an event that equals the one before it: two by turns */
		scratch_link(*state, "x", "y");
		scratch_unlink(*state, "x");
	}
	scratch_write(*state, "z.yaml", POD("z2", "10.0.0.1") "\n");
	scratch_write(*state, "a.yaml", POD("a", "10.0.0.2"));
	for (int i = 0; i < 1000; i++)
		weir_manifest_dispatch(source.manifest);
	assert_string_equal(now(&source, "10.0.0.1"), "pod shop/z2");
	assert_string_equal(now(&source, "10.0.0.2"), "pod shop/a");
	stop(&source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(file_rewritten_replaces_its_objects),
		scratch_test(file_rewritten_badly_keeps_its_objects_and_is_told),
		scratch_test(file_created_moved_and_removed_is_followed),
		scratch_test(file_renamed_never_loses_its_objects),
		scratch_test(file_open_for_writing_is_read_when_closed),
		scratch_test(links_are_read_at_once),
		scratch_test(config_map_volume_is_followed),
		scratch_test(directories_come_and_go),
		scratch_test(directory_that_goes_is_told_and_keeps_its_objects),
		scratch_test(directory_replaced_is_read_and_watched),
		scratch_test(directory_removed_and_made_again_is_watched_again),
		scratch_test(directory_replaced_unseen_is_found_by_looking),
		scratch_test(event_queue_overflow_is_made_up_for),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
