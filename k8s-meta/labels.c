/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/labels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

static const char source[] = "k8s:";

struct weir_labels *weir_labels_ref(struct weir_labels *labels)
{
	labels->refs++;
	return labels;
}

void weir_labels_unref(struct weir_labels *labels)
{
	if (labels && !--labels->refs)
		free(labels);
}

void weir_label_pool_init(struct weir_label_pool *pool)
{
	weir_map_init(&pool->sets);
}

void weir_label_pool_done(struct weir_label_pool *pool)
{
	size_t cursor = 0;
	void *set;

	while (weir_map_next(&pool->sets, &cursor, &set))
		weir_labels_unref(set);
	weir_map_done(&pool->sets);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char *write_label(char *out, const struct weir_label *label)
{
	out = stpcpy(stpcpy(out, source), label->key);
	if (*label->value)
		out = stpcpy(stpcpy(out, "="), label->value);
	return out + 1;
}

/* One allocation: the struct, the pointers, the strings in sorted order. */
static int make_set(const struct weir_label *labels, size_t n, struct weir_labels **ret_set)
{
	_cleanup_free_ const char **sorted = calloc(n + 1, sizeof(*sorted));
	_cleanup_free_ char *scratch = NULL;
	struct weir_labels *set;
	const char **items;
	size_t len = 0;
	char *out;

	for (size_t i = 0; i < n; i++)
		len += sizeof(source) + strlen(labels[i].key) + 1 + strlen(labels[i].value);
	scratch = malloc(len + 1);
	if (!sorted || !scratch)
		return -ENOMEM;
	out = scratch;
	for (size_t i = 0; i < n; i++) {
		sorted[i] = out;
		out = write_label(out, &labels[i]);
	}
	len = (size_t)(out - scratch);
	qsort(sorted, n, sizeof(*sorted), compare);

	set = malloc(sizeof(*set) + n * sizeof(*items) + len);
	if (!set)
		return -ENOMEM;
	items = (const char **)(set + 1);
	out = (char *)(items + n);
	*set = (struct weir_labels){
		.refs = 1, .n = n, .items = items, .text_len = len, .text = out
	};
	for (size_t i = 0; i < n; i++) {
		items[i] = out;
		out = stpcpy(out, sorted[i]) + 1;
	}
	*ret_set = set;
	return 0;
}

int weir_label_pool_get(struct weir_label_pool *pool, const struct weir_label *labels, size_t n,
			struct weir_labels **ret_labels)
{
	struct weir_labels *set, *known;
	int r;

	r = make_set(labels, n, &set);
	if (r < 0)
		return r;
	known = weir_map_lookup(&pool->sets, set->text, set->text_len);
	if (known) {
		weir_labels_unref(set);
		*ret_labels = weir_labels_ref(known);
		return 0;
	}
	r = weir_map_add(&pool->sets, set->text, set->text_len, set);
	if (r < 0) {
		weir_labels_unref(set);
		return r;
	}
	*ret_labels = weir_labels_ref(set);
	return 0;
}

/* The map must not change during its walk, so one walk collects and a loop removes. */
void weir_label_pool_trim(struct weir_label_pool *pool)
{
	_cleanup_free_ struct weir_labels **unused = NULL;
	size_t cursor = 0, n = 0;
	void *value;

	unused = calloc(pool->sets.count + 1, sizeof(*unused));
	if (!unused)
		return;
	while (weir_map_next(&pool->sets, &cursor, &value)) {
		struct weir_labels *set = value;

		if (set->refs == 1)
			unused[n++] = set;
	}
	for (size_t i = 0; i < n; i++) {
		(void)weir_map_remove(&pool->sets, unused[i]->text, unused[i]->text_len);
		weir_labels_unref(unused[i]);
	}
}
