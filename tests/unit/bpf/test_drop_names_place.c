/* SPDX-License-Identifier: Apache-2.0 */
/* Where in the kernel's code: the places of bpf/drop_names.h. */
#include "tests/unit/bpf/drop_names.h"

#include <errno.h>

/* What the kernel answers, and how often it was asked. */
struct answers {
	const char *text;  /* NULL: an error */
	size_t len;        /* without end; 0: that of @text */
	int asked;
};

static int answer(void *ctx, uint64_t address, char *ret_name, size_t size)
{
	struct answers *answers = ctx;
	size_t len = answers->len;

	assert_true(address != 0);
	answers->asked++;
	if (!answers->text)
		return -EOPNOTSUPP;
	len = len ? len : strlen(answers->text);
	assert_true(len < size);
	memcpy(ret_name, answers->text, len);
	ret_name[len] = '\0';
	return 0;
}

static struct weir_drop_names *open_with(const char *dir, struct answers *answers)
{
	struct weir_drop_names *names = NULL;
	char path[SCRATCH_PATH_MAX];

	write_core(dir);
	assert_int_equal(weir_drop_names_new_from(scratch_path(path, dir, "vmlinux"), answer,
						  answers, &names),
			 0);
	return names;
}

static void place_is_the_identifier_of_its_symbol(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "nf_hook_slow", "nf_hook_slow" },
		{ "__udp4_lib_rcv", "__udp4_lib_rcv" },
		{ "nft_do_chain [nf_tables]", "nft_do_chain" },
		{ "pull.isra.0", "pull" },
		{ "weak_one.constprop.0.cold", "weak_one" },
		{ "local.part.1 [mod]", "local" },
		{ "0xffffffffc0001234", NULL },
		{ "9lives", NULL },
		{ "", NULL },
		{ ".hidden", NULL },
		{ " [mod]", NULL },
		{ "a\"b", NULL },
		{ "a\nb", NULL },
		{ "\x1b[31m", NULL },
		{ "na\xc3\xafve", NULL },
		{ "tab\tbed", NULL },
		{ NULL, NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct answers answers = { .text = cases[i].text };
		struct weir_drop_names *names = open_with(*state, &answers);
		const char *got = weir_drop_names_place(names, 0xffffffff81000110);

		check_text(cases[i].text ? cases[i].text : "an error", got, cases[i].want);
		/* It is not asked for again, whether it has a name or not. */
		assert_ptr_equal(weir_drop_names_place(names, 0xffffffff81000110), got);
		assert_int_equal(answers.asked, 1);
		weir_drop_names_free(&names);
	}
}

static void place_bytes_of_any_kind_do_no_harm(void **state)
{
	struct answers answers = { 0 };
	struct weir_drop_names *names = open_with(*state, &answers);
	char text[255];

	srandom(1);
	for (uint64_t i = 1; i <= 200; i++) {
		const char *name;

		for (size_t at = 0; at < sizeof(text); at++)
			text[at] = (char)random();
		answers.text = text;
		answers.len = i % 3 ? sizeof(text) : (size_t)(1 + i % 5);
		name = weir_drop_names_place(names, i);
		for (size_t at = 0; name && name[at]; at++)
			assert_true(name[at] == '_' || (name[at] >= '0' && name[at] <= '9') ||
				    (name[at] >= 'A' && name[at] <= 'Z') ||
				    (name[at] >= 'a' && name[at] <= 'z'));
	}
	weir_drop_names_free(&names);
}

static void place_zero_is_none(void **state)
{
	struct answers answers = { .text = "startup" };
	struct weir_drop_names *names = open_with(*state, &answers);

	assert_null(weir_drop_names_place(names, 0));
	assert_int_equal(answers.asked, 0);
	weir_drop_names_free(&names);
}

static void place_beyond_the_most_is_refused_and_forgets_none(void **state)
{
	struct answers answers = { .text = "function" };
	struct weir_drop_names *names = open_with(*state, &answers);
	uint64_t i;

	for (i = 1; i <= WEIR_DROP_PLACES_MAX; i++)
		check_text("kept", weir_drop_names_place(names, i), "function");
	assert_null(weir_drop_names_place(names, i));
	answers.text = "other";
	for (i = 1; i <= WEIR_DROP_PLACES_MAX; i++)
		check_text("kept", weir_drop_names_place(names, i), "function");
	assert_int_equal(answers.asked, WEIR_DROP_PLACES_MAX);
	weir_drop_names_free(&names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(place_is_the_identifier_of_its_symbol),
		scratch_test(place_bytes_of_any_kind_do_no_harm),
		scratch_test(place_zero_is_none),
		scratch_test(place_beyond_the_most_is_refused_and_forgets_none),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
