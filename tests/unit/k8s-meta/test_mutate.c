/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/manifest_file.h"

#include <errno.h>

#include "tests/unit/k8s-meta/cluster.h"

/*
 * Good manifests with a few bytes spoilt, read and applied: whatever comes out, nothing breaks
 * (sanitizers watch) and every refusal says where. The same numbers in every run.
 */
enum {
	ROUNDS = 1500,
	CHANGES_MAX = 6,
	FILE_MAX = 16384
};

struct input {
	char text[FILE_MAX];
	size_t len;
	const char *name;
};

static uint32_t next_random(uint32_t *state)
{
	/* xorshift32, Marsaglia 2003 */
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void read_input(struct input *input, const char *path)
{
	FILE *file = fopen(path, "re");

	assert_non_null(file);
	input->len = fread(input->text, 1, sizeof(input->text), file);
	assert_true(input->len > 0 && input->len < sizeof(input->text));
	assert_int_equal(fclose(file), 0);
	input->name = path;
}

static void mutate(const struct input *from, uint32_t *random, struct input *to)
{
	static const char bytes[] = "\0\n\t \"'{}[]:,-&*#!|>%@\\~0e.\xff\xc3";
	uint32_t changes = 1 + next_random(random) % CHANGES_MAX;

	*to = *from;
	while (changes--) {
		size_t at = next_random(random) % to->len;
		size_t other = next_random(random) % to->len;
		size_t n = next_random(random) % 40;

		switch (next_random(random) % 5) {
		case 0:
			to->text[at] = bytes[next_random(random) % (sizeof(bytes) - 1)];
			break;
		case 1:
			to->text[at] = (char)(to->text[at] ^ (1 << next_random(random) % 8));
			break;
		case 2:  /* a piece over another */
			n = n < to->len - at ? n : to->len - at;
			n = n < to->len - other ? n : to->len - other;
			memmove(to->text + at, to->text + other, n);
			break;
		case 3:  /* a piece cut out */
			n = n < to->len - at ? n : to->len - at - 1;
			memmove(to->text + at, to->text + at + n, to->len - at - n);
			to->len -= n;
			break;
		case 4:  /* the end cut off, rarely */
			if (next_random(random) % 8 == 0)
				to->len = at + 1;
			break;
		}
	}
}

static bool read_and_apply(struct weir_store *store, const struct input *input, uint64_t at_ns)
{
	struct weir_error err = { 0 };
	struct weir_objects objects;
	/* a heap copy of just that size, so that reading past its end is seen */
	char *exact = malloc(input->len);
	int r;

	assert_non_null(exact);
	memcpy(exact, input->text, input->len);
	weir_objects_init(&objects);
	r = weir_manifest_parse(exact, input->len, input->name, &objects, &err);
	free(exact);
	assert_true(r == 0 || r == -EINVAL);
	if (r < 0) {
		size_t len = strlen(input->name);

		assert_int_equal(strncmp(err.text, input->name, len), 0);
		assert_int_equal(err.text[len], ':');
		assert_true(err.text[len + 1] >= '1' && err.text[len + 1] <= '9');
		assert_null(strchr(err.text, '\n'));
	}
	for (size_t i = 0; i < objects.n; i++)
		assert_int_equal(weir_store_apply(store, &objects.items[i], at_ns), 0);
	weir_objects_done(&objects);
	return r == 0;
}

static void mutated_manifests_break_nothing(void **state)
{
	static const char *const paths[] = { "tests/golden/manifests/cluster.yaml",
					     "tests/golden/manifests/services.json",
					     "tests/golden/manifests/podlist.json" };
	static struct input good, spoilt;
	unsigned int accepted = 0, refused = 0;
	uint32_t random = 20240601;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		read_input(&good, paths[i]);
		for (unsigned int round = 1; round <= ROUNDS; round++) {
			mutate(&good, &random, &spoilt);
			if (read_and_apply(*state, &spoilt, round * SEC))
				accepted++;
			else
				refused++;
			(void)by_ip(*state, "10.244.1.5", round * SEC);
			(void)service(*state, "10.96.0.20", 80, IPPROTO_TCP, round * SEC);
			weir_store_expire(*state, round * SEC);
		}
		assert_true(read_and_apply(*state, &good, ROUNDS * SEC));
	}
	/* both ways were taken often */
	assert_true(accepted > ROUNDS / 10);
	assert_true(refused > ROUNDS / 10);
	assert_string_equal(by_ip(*state, "10.244.1.5", ROUNDS * SEC),
			    "pod shop/frontend-5d59d67564-x2x7q");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cluster_test(mutated_manifests_break_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
