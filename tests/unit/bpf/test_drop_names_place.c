/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/drop_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/bpf/drop_names.h"

/* Where in the kernel's code: the places of bpf/drop_names.h. */

static struct weir_drop_names *open_with_kallsyms(const char *dir, const char *kallsyms)
{
	write_core(dir);
	scratch_write(dir, "kallsyms", kallsyms);
	return open_names(dir);
}

/* The kernel's own in order, what is no code in between, modules below and above. */
#define KALLSYMS                                          \
	"0000000000000000 A fixed_percpu_data\n"          \
	"ffffffff81000000 T _stext\n"                     \
	"ffffffff81000000 T startup\n"                    \
	"ffffffff81000100 t __pfx_nf_hook_slow\n"         \
	"ffffffff81000110 T nf_hook_slow\n"               \
	"ffffffff81000200 t pull.isra.0\n"                \
	"ffffffff81000300 W weak_one.constprop.0.cold\n"  \
	"ffffffff81000400 w weak_two.part.12\n"           \
	"ffffffff81000500 t .hidden\n"                    \
	"ffffffff81000580 T before_data\n"                \
	"ffffffff81000600 D data\n"                       \
	"ffffffff81000700 T _etext\n"                     \
	"ffffffffa0000000 t nft_do_chain\t[nf_tables]\n"  \
	"ffffffffa0000100 t nft_last.cold\t[nf_tables]\n" \
	"ffffffffa0100000 d vx_data\t[vxlan]\n"           \
	"ffffffffa00f0000 t vx_code\t[vxlan]\n"           \
	"ffffffff80000000 t low_module\t[low]\n"          \
	"ffffffffc0000000 t bpf_prog_6deef7357e7b4530\t[bpf]\n"

struct place_case {
	const char *name;
	uint64_t address;
	const char *want;
};

static void check_places(const char *dir, const char *kallsyms, const struct place_case *cases,
			 size_t count)
{
	struct weir_drop_names *names = open_with_kallsyms(dir, kallsyms);
	size_t i, round;

	/* Again, from what is known by then; backwards, as that must make no difference. */
	for (round = 0; round < 2; round++)
		for (i = 0; i < count; i++)
			check_text(cases[i].name, weir_drop_names_place(names, cases[i].address),
				   cases[i].want);
	for (i = count; i-- > 0;)
		check_text(cases[i].name, weir_drop_names_place(names, cases[i].address),
			   cases[i].want);
	weir_drop_names_free(&names);
}

static void place_address_is_in_one_function(void **state)
{
	static const struct place_case cases[] = {
		{ "first byte", 0xffffffff81000110, "nf_hook_slow" },
		{ "within", 0xffffffff81000188, "nf_hook_slow" },
		{ "last byte", 0xffffffff810001ff, "nf_hook_slow" },
		{ "byte before", 0xffffffff8100010f, "__pfx_nf_hook_slow" },
		{ "byte behind", 0xffffffff81000200, "pull" },
		{ "two suffixes", 0xffffffff81000301, "weak_one" },
		{ "one suffix", 0xffffffff81000401, "weak_two" },
		{ "nothing but a suffix", 0xffffffff81000501, NULL },
		{ "up to data", 0xffffffff810005ff, "before_data" },
		{ "data", 0xffffffff81000601, NULL },
		{ "first of two names", 0xffffffff81000001, "_stext" },
		{ "below all", 0x1000, NULL },
		{ "zero", 0, NULL },
		{ "module", 0xffffffffa0000001, "nft_do_chain" },
		{ "module's last", 0xffffffffa0000101, "nft_last" },
		{ "the most of a function", 0xffffffffa00100ff, "nft_last" },
		{ "more than a function", 0xffffffffa0010100, NULL },
		{ "module not in order", 0xffffffffa00f1000, "vx_code" },
		{ "module's data", 0xffffffffa0100001, NULL },
		{ "module below the kernel", 0xffffffff80000001, "low_module" },
		{ "between module and kernel", 0xffffffff80ffffff, NULL },
		{ "last of all", 0xffffffffc0000010, "bpf_prog_6deef7357e7b4530" },
		{ "behind the last of all", 0xffffffffffffffff, NULL },
	};

	check_places(*state, KALLSYMS, cases, COUNT(cases));
}

static void place_lines_out_of_order_are_all_looked_at(void **state)
{
	static const struct place_case cases[] = {
		{ "above later", 0xffffffff81000050, "a" },
		{ "below later", 0xffffffff81000150, "b" },
		{ "both later", 0xffffffff81000250, "c" },
		{ "the highest", 0xffffffff81000450, "d" },
	};

	check_places(*state,
		     "ffffffff81000400 T d\nffffffff81000000 T a\nffffffff81000300 D data\n"
		     "ffffffff81000200 T c\nffffffff81000100 T b\n",
		     cases, COUNT(cases));
}

/* Among good lines, none of which may suffer. */
static void place_malformed_line_is_left_out(void **state)
{
	static const struct {
		const char *name;
		const char *line;
		const char *want;  /* at 0xffffffff81000150 */
	} cases[] = {
		{ "a good one", "ffffffff81000140 T good\n", "good" },
		{ "no more than its bytes", "ffffffff81000140 T g\n", "g" },
		{ "empty", "\n", "before" },
		{ "blank", "                  \n", "before" },
		{ "no address", " T bad\n", "before" },
		{ "address only", "ffffffff81000140\n", "before" },
		{ "no name", "ffffffff81000140 T\n", "before" },
		{ "no name but its blank", "ffffffff81000140 T \n", NULL },
		{ "17 digits", "0ffffffff81000140 T bad\n", "before" },
		{ "100 digits",
		  "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		  "ffffffff81000140 T bad\n",
		  "before" },
		{ "not hexadecimal", "ffffffff8100014g T bad\n", "before" },
		{ "a sign", "-ffffffff81000140 T bad\n", "before" },
		{ "0x", "0xffffffff8100014 T bad\n", "before" },
		{ "no blank", "ffffffff81000140T bad\n", "before" },
		{ "tab for a blank", "ffffffff81000140\tT bad\n", "before" },
		{ "long type", "ffffffff81000140 TT bad\n", "before" },
		{ "a name that is none", "ffffffff81000140 T b\"ad\n", NULL },
		{ "a name in another language", "ffffffff81000140 T b\xc3\xa4\n", NULL },
		{ "an open module", "ffffffff81000140 T good\t[\n", "good" },
		{ "carriage return", "ffffffff81000140 T good\r\n", NULL },
	};
	const struct place_case around[] = {
		{ "before", 0xffffffff81000110, "before" },
		{ "after", 0xffffffff81000210, "after" },
	};
	char text[1024];
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		struct place_case all[COUNT(around) + 1];

		(void)snprintf(text, sizeof(text), "%s%s%s", "ffffffff81000100 T before\n",
			       cases[i].line, "ffffffff81000200 T after\n");
		memcpy(all, around, sizeof(around));
		all[COUNT(around)] =
			(struct place_case){ cases[i].name, 0xffffffff81000150, cases[i].want };
		check_places(*state, text, all, COUNT(all));
	}
}

static void place_file_cut_off_is_read_to_its_last_line(void **state)
{
	static const char whole[] = "ffffffff81000100 T first\nffffffff81000200 T second\n";
	const size_t first = strlen("ffffffff81000100 T first\n");
	struct weir_drop_names *names;
	char text[sizeof(whole)];
	size_t len;

	for (len = 0; len < sizeof(whole); len++) {
		memcpy(text, whole, len);
		text[len] = '\0';
		names = open_with_kallsyms(*state, text);
		check_text(text, weir_drop_names_place(names, 0xffffffff81000110),
			   len < first ? NULL : "first");
		/* No end is known for the first as long as there is no second. */
		check_text(text, weir_drop_names_place(names, 0xffffffff81000210),
			   len < first               ? NULL
			   : len < sizeof(whole) - 1 ? "first"
						     : "second");
		weir_drop_names_free(&names);
	}
}

static void place_absurdly_long_line_is_left_out(void **state)
{
	static const struct {
		size_t name_len;
		bool named;
	} cases[] = { { 1, true },     { 127, true },    { 128, false },   { 511, false },
		      { 1003, false }, { 1004, false },  { 1005, false },  { 2047, false },
		      { 4096, false }, { 65536, false }, { 300000, false } };
	const char *head = "ffffffff81000100 T before\nffffffff81000200 T ";
	const char *tail = "\nffffffff81000300 T after\n";
	struct weir_drop_names *names;
	const char *got;
	char *text;
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		text = calloc(1, strlen(head) + cases[i].name_len + strlen(tail) + 1);
		assert_non_null(text);
		memcpy(text, head, strlen(head));
		memset(text + strlen(head), 'f', cases[i].name_len);
		memcpy(text + strlen(head) + cases[i].name_len, tail, strlen(tail));
		names = open_with_kallsyms(*state, text);
		check_text("before", weir_drop_names_place(names, 0xffffffff81000110), "before");
		check_text("after", weir_drop_names_place(names, 0xffffffff81000310), "after");
		got = weir_drop_names_place(names, 0xffffffff81000210);
		/* A line that is too long is as none, so that the one before has no end there. */
		if (cases[i].named)
			assert_int_equal(strlen(got), cases[i].name_len);
		else if (got)
			assert_string_equal(got, "before");
		weir_drop_names_free(&names);
		free(text);
	}
}

/* Wherever a reader's buffer may end. */
static void place_end_of_long_line_is_no_line(void **state)
{
	static const char tail[] = "ffffffff81000100 T tail\n";
	struct weir_drop_names *names;
	char text[2100 + sizeof(tail)];
	size_t len;

	write_core(*state);
	for (len = 1; len <= 2100; len++) {
		memset(text, 'x', len);
		memcpy(text + len, tail, sizeof(tail) - 1);
		write_bytes(*state, "kallsyms", text, len + sizeof(tail) - 1);
		names = open_names(*state);
		assert_null(weir_drop_names_place(names, 0xffffffff81000110));
		weir_drop_names_free(&names);
	}
}

static void place_bytes_of_any_kind_do_no_harm(void **state)
{
	static const char good[] = "ffffffff81000100 T good\n";
	char bytes[4096];
	struct weir_drop_names *names;
	unsigned int seed = 1;
	size_t round, i;

	write_core(*state);
	for (round = 0; round < 200; round++) {
		for (i = 0; i < sizeof(bytes); i++)
			bytes[i] = "0123456789abcdef tT\t\n\0[.fx\xff"[(unsigned int)rand_r(&seed) %
								       26];
		memcpy(bytes, good, sizeof(good) - 1);
		bytes[sizeof(bytes) - 1] = '\n';
		write_bytes(*state, "kallsyms", bytes, sizeof(bytes));
		names = open_names(*state);
		check_text("good", weir_drop_names_place(names, 0xffffffff81000100), "good");
		(void)weir_drop_names_place(names, 0xff);
		(void)weir_drop_names_place(names, UINT64_MAX);
		weir_drop_names_free(&names);
	}
}

static void place_hidden_addresses_are_looked_at_once(void **state)
{
	struct weir_drop_names *names = open_with_kallsyms(
		*state, "0000000000000000 T _stext\n0000000000000000 T nf_hook_slow\n"
			"0000000000000000 t nft_do_chain\t[nf_tables]\n");

	assert_null(weir_drop_names_place(names, 0xffffffff81000110));
	scratch_write(*state, "kallsyms", KALLSYMS);
	assert_null(weir_drop_names_place(names, 0xffffffff81000110));
	assert_null(weir_drop_names_place(names, 0xffffffff81000210));
	weir_drop_names_free(&names);
}

static void place_known_is_not_looked_for_again(void **state)
{
	struct weir_drop_names *names = open_with_kallsyms(*state, KALLSYMS);
	const char *name = weir_drop_names_place(names, 0xffffffff81000150);

	check_text("found", name, "nf_hook_slow");
	assert_null(weir_drop_names_place(names, 0xffffffff81000601));
	scratch_unlink(*state, "kallsyms");
	assert_ptr_equal(weir_drop_names_place(names, 0xffffffff81000150), name);
	assert_ptr_equal(weir_drop_names_place(names, 0xffffffff810001ff), name);
	/* A file that is not there says nothing of what is in it. */
	assert_null(weir_drop_names_place(names, 0xffffffff81000201));
	scratch_write(*state, "kallsyms", KALLSYMS);
	check_text("later", weir_drop_names_place(names, 0xffffffff81000201), "pull");
	weir_drop_names_free(&names);
}

/* The rest of a hole is looked at when it is asked for. */
static void place_without_function_is_remembered_alone(void **state)
{
	struct weir_drop_names *names = open_with_kallsyms(*state, KALLSYMS);

	assert_null(weir_drop_names_place(names, 0xffffffffb0000010));
	scratch_write(*state, "kallsyms",
		      KALLSYMS "ffffffffb0000000 t new_module\t[new]\n"
			       "ffffffffb0000100 t new_other\t[new]\n");
	assert_null(weir_drop_names_place(names, 0xffffffffb0000010));
	check_text("come since", weir_drop_names_place(names, 0xffffffffb0000011), "new_module");
	weir_drop_names_free(&names);
}

static void place_beyond_the_most_is_refused_and_forgets_none(void **state)
{
	const size_t extra = 10, functions = WEIR_DROP_PLACES_MAX + extra;
	struct weir_drop_names *names;
	char line[64], *text;
	size_t i;

	text = calloc(functions + 1, sizeof(line));
	assert_non_null(text);
	for (i = 0; i <= functions; i++) {
		(void)snprintf(line, sizeof(line), "%016llx T function_%zu\n",
			       0xffffffff81000000ULL + i * 16, i);
		strcat(text, line);
	}
	names = open_with_kallsyms(*state, text);
	/* The first is one without a name, which counts as well. */
	assert_null(weir_drop_names_place(names, 0x1000));
	for (i = 0; i < functions; i++) {
		(void)snprintf(line, sizeof(line), "function_%zu", i);
		check_text(line, weir_drop_names_place(names, 0xffffffff81000005 + i * 16),
			   i < WEIR_DROP_PLACES_MAX - 1 ? line : NULL);
	}
	check_text("still", weir_drop_names_place(names, 0xffffffff81000006), "function_0");
	weir_drop_names_free(&names);
	free(text);
}

/* The address of a function of ours to find; 0 when the kernel does not say. */
static uint64_t kernel_address(const char *function)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	unsigned long long address, found = 0;
	char line[1024], name[512], type;

	assert_non_null(file);
	while (!found && fgets(line, sizeof(line), file))
		if (sscanf(line, "%llx %c %511s", &address, &type, name) == 3 &&
		    !strcmp(name, function))
			found = address;
	fclose(file);
	return found;
}

static void kernel_place_is_named_where_addresses_are_shown(void **state)
{
	struct weir_drop_names *names = open_kernel();
	uint64_t address = kernel_address("schedule");
	const char *name;

	(void)state;
	name = weir_drop_names_place(names, address ? address + 1 : 0xffffffff81000000);
	check_text("schedule", name, address ? "schedule" : NULL);
	weir_drop_names_free(&names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(place_address_is_in_one_function),
		scratch_test(place_lines_out_of_order_are_all_looked_at),
		scratch_test(place_malformed_line_is_left_out),
		scratch_test(place_file_cut_off_is_read_to_its_last_line),
		scratch_test(place_absurdly_long_line_is_left_out),
		scratch_test(place_end_of_long_line_is_no_line),
		scratch_test(place_bytes_of_any_kind_do_no_harm),
		scratch_test(place_hidden_addresses_are_looked_at_once),
		scratch_test(place_known_is_not_looked_for_again),
		scratch_test(place_without_function_is_remembered_alone),
		scratch_test(place_beyond_the_most_is_refused_and_forgets_none),
		cmocka_unit_test(kernel_place_is_named_where_addresses_are_shown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
