/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_UNIT_BPF_DROP_NAMES_H
#define WEIR_TESTS_UNIT_BPF_DROP_NAMES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/btf.h>

#include "bpf/drop_names.h"
#include "tests/unit/k8s-meta/scratch.h"

/* BTF made by hand, in a scratch directory. */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KERNEL_BTF "/sys/kernel/btf/vmlinux"

struct enumerator {
	const char *name;
	uint32_t value;
};

/* In an order and with numbers that no kernel has. */
static const struct enumerator core[] = {
	{ "SKB_NOT_DROPPED_YET", 0 },
	{ "SKB_CONSUMED", 1 },
	{ "SKB_DROP_REASON_NO_SOCKET", 70 },
	{ "SKB_DROP_REASON_NETFILTER_DROP", 7 },
	{ "SKB_DROP_REASON_TC_INGRESS", 9 },
	{ "SKB_DROP_REASON_IP_INHDR", 8 },
	{ "SKB_DROP_REASON_SAME_AS_TC_INGRESS", 9 },
	{ "SKB_DROP_REASON_MAX", 71 },
	{ "SKB_DROP_REASON_SUBSYS_MASK", 0xffff0000 },
};

static inline void put_enum(struct btf *btf, const char *name, const struct enumerator *values,
			    size_t count)
{
	size_t i;

	assert_true(btf__add_enum(btf, name, 4) > 0);
	for (i = 0; i < count; i++)
		assert_int_equal(btf__add_enum_value(btf, values[i].name, (int32_t)values[i].value),
				 0);
}

static inline void write_bytes(const char *dir, const char *name, const void *bytes, size_t len)
{
	char path[SCRATCH_PATH_MAX];
	FILE *file = fopen(scratch_path(path, dir, name), "we");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static inline void write_btf(const char *dir, const char *name, const struct btf *btf)
{
	uint32_t len;
	const void *bytes = btf__raw_data(btf, &len);

	assert_non_null(bytes);
	write_bytes(dir, name, bytes, len);
}

/* BTF with just these reasons. */
static inline struct btf *core_btf(const char *dir, const struct enumerator *values, size_t count)
{
	struct btf *btf = btf__new_empty();

	assert_non_null(btf);
	assert_true(btf__add_int(btf, "int", 4, BTF_INT_SIGNED) > 0);
	put_enum(btf, "skb_drop_reason", values, count);
	write_btf(dir, "vmlinux", btf);
	return btf;
}

static inline void write_core(const char *dir)
{
	btf__free(core_btf(dir, core, COUNT(core)));
}

static inline int try_open(const char *dir, struct weir_drop_names **ret_names)
{
	char path[SCRATCH_PATH_MAX];

	return weir_drop_names_new_from(scratch_path(path, dir, "vmlinux"), NULL, NULL, ret_names);
}

static inline struct weir_drop_names *open_names(const char *dir)
{
	struct weir_drop_names *names = NULL;

	assert_int_equal(try_open(dir, &names), 0);
	assert_non_null(names);
	return names;
}

static inline void check_text(const char *what, const char *got, const char *want)
{
	if (!got || !want) {
		if (got != want)
			fail_msg("%s: %s, not %s", what, got ? got : "nothing",
				 want ? want : "nothing");
		return;
	}
	if (strcmp(got, want) != 0)
		fail_msg("%s: %s, not %s", what, got, want);
}

static inline struct weir_drop_names *open_kernel(void)
{
	struct weir_drop_names *names = NULL;

	if (access(KERNEL_BTF, R_OK) < 0)
		skip();
	assert_int_equal(weir_drop_names_new(NULL, NULL, &names), 0);
	return names;
}

#endif
