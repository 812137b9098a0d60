/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/drop_names.h"

#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "tests/unit/bpf/drop_names.h"

static const struct enumerator openvswitch[] = {
	{ "OVS_BELOW", 3 },
	{ "__OVS_DROP_REASON", 0x50000 },
	{ "OVS_DROP_EXPLICIT", 0x50001 },
	{ "OVS_DROP_METER", 0x50002 },
	{ "OVS_DROP_MAX", 0x50003 },
};

static void reason_of_btf_is_named(void **state)
{
	static const struct {
		const char *name;
		uint32_t reason;
		const char *want, *hubble;
	} cases[] = {
		{ "zero", 0, "NOT_DROPPED_YET", "DROP_REASON_UNKNOWN" },
		{ "consumed", 1, "CONSUMED", "DROP_REASON_UNKNOWN" },
		{ "a hole", 2, NULL, "DROP_REASON_UNKNOWN" },
		{ "out of order", 70, "NO_SOCKET", "SOCKET_LOOKUP_FAILED" },
		{ "policy", 7, "NETFILTER_DROP", "POLICY_DENIED" },
		{ "two things by turns", 8, "IP_INHDR", "DROP_REASON_UNKNOWN" },
		{ "two names for one number", 9, "TC_INGRESS", "DROP_REASON_UNKNOWN" },
		{ "the maximum", 71, NULL, "DROP_REASON_UNKNOWN" },
		{ "beyond", 72, NULL, "DROP_REASON_UNKNOWN" },
		{ "the mask", 0xffff0000, NULL, "DROP_REASON_UNKNOWN" },
		{ "the last number", UINT32_MAX, NULL, "DROP_REASON_UNKNOWN" },
		{ "our own", 0xffff0001, "LISTEN_OVERFLOW", "DROP_REASON_UNKNOWN" },
		{ "our other", 0xffff0002, "REQQ_FULL", "DROP_REASON_UNKNOWN" },
		{ "none of ours", 0xffff0003, NULL, "DROP_REASON_UNKNOWN" },
		{ "a subsystem's", 0x50001, NULL, "DROP_REASON_UNKNOWN" },
	};
	struct weir_drop_names *names;
	size_t i;

	write_core(*state);
	names = open_names(*state);
	for (i = 0; i < COUNT(cases); i++) {
		check_text(cases[i].name, weir_drop_names_reason(names, cases[i].reason),
			   cases[i].want);
		check_text(cases[i].name, weir_drop_names_hubble(names, cases[i].reason),
			   cases[i].hubble);
	}
	weir_drop_names_free(&names);
	assert_null(names);
	weir_drop_names_free(&names);
}

static void check_openvswitch(const struct weir_drop_names *names)
{
	check_text("core", weir_drop_names_reason(names, 7), "NETFILTER_DROP");
	check_text("below", weir_drop_names_reason(names, 3), NULL);
	check_text("its begin", weir_drop_names_reason(names, 0x50000), NULL);
	check_text("explicit", weir_drop_names_reason(names, 0x50001), "OVS_DROP_EXPLICIT");
	check_text("meter", weir_drop_names_reason(names, 0x50002), "OVS_DROP_METER");
	check_text("meter", weir_drop_names_hubble(names, 0x50002), "DROP_RATE_LIMITED");
	check_text("its maximum", weir_drop_names_reason(names, 0x50003), NULL);
}

static void reason_of_subsystem_built_in_is_named(void **state)
{
	struct btf *btf = core_btf(*state, core, COUNT(core));
	struct weir_drop_names *names;

	put_enum(btf, "ovs_drop_reason", openvswitch, COUNT(openvswitch));
	write_btf(*state, "vmlinux", btf);
	btf__free(btf);
	names = open_names(*state);
	check_openvswitch(names);
	weir_drop_names_free(&names);
}

static void reason_of_subsystem_in_module_is_named(void **state)
{
	struct btf *base = core_btf(*state, core, COUNT(core));
	struct btf *btf = btf__new_empty_split(base);
	struct weir_drop_names *names;

	assert_non_null(btf);
	put_enum(btf, "ovs_drop_reason", openvswitch, COUNT(openvswitch));
	write_btf(*state, "openvswitch", btf);
	btf__free(btf);
	btf__free(base);
	names = open_names(*state);
	check_openvswitch(names);
	weir_drop_names_free(&names);
}

static void new_module_without_its_reasons_costs_only_those(void **state)
{
	struct btf *base = core_btf(*state, core, COUNT(core));
	struct btf *btf = btf__new_empty_split(base);
	struct weir_drop_names *names;

	write_bytes(*state, "openvswitch", "no BTF", 6);
	put_enum(btf, "other", openvswitch, COUNT(openvswitch));
	write_btf(*state, "mac80211", btf);
	btf__free(btf);
	btf__free(base);
	names = open_names(*state);
	check_text("core", weir_drop_names_reason(names, 7), "NETFILTER_DROP");
	check_text("module's", weir_drop_names_reason(names, 0x50001), NULL);
	weir_drop_names_free(&names);
}

static void new_kernel_without_reasons_names_none(void **state)
{
	struct btf *btf = btf__new_empty();
	struct weir_drop_names *names;
	uint32_t i;

	assert_true(btf__add_int(btf, "skb_drop_reason", 4, BTF_INT_SIGNED) > 0);
	write_btf(*state, "vmlinux", btf);
	btf__free(btf);
	names = open_names(*state);
	for (i = 0; i < 100; i++) {
		assert_null(weir_drop_names_reason(names, i));
		check_text("none", weir_drop_names_hubble(names, i), "DROP_REASON_UNKNOWN");
	}
	weir_drop_names_free(&names);
}

static void new_names_that_are_none_left_out(void **state)
{
	static const struct enumerator values[] = {
		{ "SKB_DROP_REASON_", 2 },      { "SKB_DROP_REASON_A\"B", 3 },
		{ "SKB_DROP_REASON_A\nB", 4 },  { "SKB_DROP_REASON_\xff", 5 },
		{ "SKB_DROP_REASON_GOOD_9", 6 }, { "GOOD_TOO", 7 },
	};
	static const char *const want[] = {
		NULL, NULL, NULL, NULL, NULL, NULL, "GOOD_9", "GOOD_TOO"
	};
	struct weir_drop_names *names;
	uint32_t i;

	btf__free(core_btf(*state, values, COUNT(values)));
	names = open_names(*state);
	for (i = 0; i < COUNT(want); i++)
		check_text("name", weir_drop_names_reason(names, i), want[i]);
	weir_drop_names_free(&names);
}

static void new_bad_btf_is_refused(void **state)
{
	struct weir_drop_names *names = (void *)1;
	struct btf *btf;
	const void *bytes;
	uint32_t len, cut;

	assert_int_equal(try_open(*state, &names), -ENOENT);
	scratch_write(*state, "vmlinux", "");
	assert_true(try_open(*state, &names) < 0);
	scratch_write(*state, "vmlinux", "this is no BTF, and long enough to be a header of it");
	assert_true(try_open(*state, &names) < 0);
	btf = core_btf(*state, core, COUNT(core));
	bytes = btf__raw_data(btf, &len);
	for (cut = 0; cut < len; cut++) {
		write_bytes(*state, "vmlinux", bytes, cut);
		assert_true(try_open(*state, &names) < 0);
	}
	btf__free(btf);
	assert_ptr_equal(names, (void *)1);
}

static void new_too_many_names_are_refused(void **state)
{
	struct weir_drop_names *names = (void *)1;
	struct btf *btf = btf__new_empty();
	char name[128];
	int i;

	assert_true(btf__add_enum(btf, "skb_drop_reason", 4) > 0);
	for (i = 0; i < 700; i++) {
		(void)snprintf(name, sizeof(name), "SKB_DROP_REASON_%0100d", i);
		assert_int_equal(btf__add_enum_value(btf, name, i), 0);
	}
	write_btf(*state, "vmlinux", btf);
	btf__free(btf);
	assert_int_equal(try_open(*state, &names), -E2BIG);
	assert_ptr_equal(names, (void *)1);
}

static void kernel_every_reason_of_its_btf_is_named(void **state)
{
	struct weir_drop_names *names = open_kernel();
	struct btf *btf = btf__parse_raw(KERNEL_BTF);
	const char *prefix = "SKB_DROP_REASON_";
	const struct btf_type *type;
	const struct btf_enum *values;
	size_t i, named = 0, wanted = 0;
	int id;

	(void)state;
	assert_non_null(btf);
	id = btf__find_by_name_kind(btf, "skb_drop_reason", BTF_KIND_ENUM);
	if (id < 0)
		skip(); /* before 5.17 */
	type = btf__type_by_id(btf, (uint32_t)id);
	values = btf_enum(type);
	for (i = 0; i < btf_vlen(type); i++) {
		const char *name = btf__name_by_offset(btf, values[i].name_off);
		const char *got = weir_drop_names_reason(names, (uint32_t)values[i].val);

		if (!strcmp(name, "SKB_CONSUMED"))
			check_text(name, got, "CONSUMED");
		if (strncmp(name, prefix, strlen(prefix)) != 0)
			continue;
		name += strlen(prefix);
		if (!strcmp(name, "MAX") || !strcmp(name, "SUBSYS_MASK")) {
			assert_null(got);
			continue;
		}
		check_text(name, got, name);
		if (!strcmp(name, "NO_SOCKET") || !strcmp(name, "NETFILTER_DROP"))
			wanted++;
		named++;
	}
	assert_int_equal(wanted, 2);
	assert_true(named > 10);
	btf__free(btf);
	weir_drop_names_free(&names);
}

static void kernel_every_number_has_a_name_or_none(void **state)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
	struct weir_drop_names *names = open_kernel();
	const char *name, *hubble;
	size_t named = 0, denied = 0;
	uint32_t i;

	(void)state;
	for (i = 0; i < 0x80000; i++) {
		name = weir_drop_names_reason(names, i);
		hubble = weir_drop_names_hubble(names, i);
		assert_non_null(hubble);
		if (!name) {
			assert_string_equal(hubble, "DROP_REASON_UNKNOWN");
			continue;
		}
		assert_true(*name && strspn(name, letters) == strlen(name));
		if (!strcmp(name, "NETFILTER_DROP"))
			denied += !strcmp(hubble, "POLICY_DENIED");
		named++;
	}
	if (!named)
		skip(); /* before 5.17 */
	assert_int_equal(denied, 1);
	assert_null(weir_drop_names_reason(names, 0xffff0000));
	assert_null(weir_drop_names_reason(names, UINT32_MAX));
	weir_drop_names_free(&names);
}

#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
static long resident_anon_kb(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	long kb = -1;

	assert_non_null(file);
	while (kb < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, "RssAnon: %ld", &kb) != 1)
			kb = -1;
	fclose(file);
	assert_true(kb >= 0);
	return kb;
}

/* Also where the heap would by itself keep what is freed, as it learns to. */
static void kernel_btf_is_given_back(void **state)
{
	struct weir_drop_names *names = open_kernel();
	long before = resident_anon_kb();

	(void)state;
	assert_int_equal(mallopt(M_MMAP_THRESHOLD, 32 << 20), 1);
	assert_int_equal(mallopt(M_TRIM_THRESHOLD, 64 << 20), 1);
	weir_drop_names_free(&names);
	assert_int_equal(weir_drop_names_new(NULL, NULL, &names), 0);
	assert_in_range(resident_anon_kb(), 0, before + 200);
	weir_drop_names_free(&names);
}
#endif

static int quiet(void **state)
{
	(void)state;
	/* What libbpf says of bad BTF. */
	(void)libbpf_set_print(NULL);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(reason_of_btf_is_named),
		scratch_test(reason_of_subsystem_built_in_is_named),
		scratch_test(reason_of_subsystem_in_module_is_named),
		scratch_test(new_module_without_its_reasons_costs_only_those),
		scratch_test(new_kernel_without_reasons_names_none),
		scratch_test(new_names_that_are_none_left_out),
		scratch_test(new_bad_btf_is_refused),
		scratch_test(new_too_many_names_are_refused),
		cmocka_unit_test(kernel_every_reason_of_its_btf_is_named),
		cmocka_unit_test(kernel_every_number_has_a_name_or_none),
#ifndef __SANITIZE_ADDRESS__
		cmocka_unit_test(kernel_btf_is_given_back),
#endif
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, quiet, NULL);
}
