/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/manifest_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "k8s-meta/manifest_file.h"
#include "k8s-meta/store_update.h"
#include "lib/cleanup.h"

struct weir_manifest_ref {
	struct weir_manifest_file *last;  /* whose version the store has */
	uint64_t mark;                    /* see load_refs() */
	unsigned int holders;
	uint32_t key_len;
	char key[];                       /* kind, namespace, NUL, name, NUL */
};

void weir_manifest_set_init(struct weir_manifest_set *set, struct weir_store *store)
{
	*set = (struct weir_manifest_set){ .store = store };
	weir_map_init(&set->files);
	weir_map_init(&set->refs);
	TAILQ_INIT(&set->stale);
	TAILQ_INIT(&set->absent);
}

static void free_file(struct weir_manifest_file *file)
{
	free(file->refs);
	free(file);
}

void weir_manifest_set_done(struct weir_manifest_set *set)
{
	size_t cursor = 0;
	void *value;

	while (weir_map_next(&set->files, &cursor, &value))
		free_file(value);
	weir_map_done(&set->files);
	cursor = 0;
	while (weir_map_next(&set->refs, &cursor, &value))
		free(value);
	weir_map_done(&set->refs);
}

struct weir_manifest_file *weir_manifest_set_get(struct weir_manifest_set *set, const char *path)
{
	size_t len = strlen(path);
	struct weir_manifest_file *file = weir_map_lookup(&set->files, path, len);

	if (file)
		return file;
	file = calloc(1, sizeof(*file) + len + 1);
	if (!file)
		return NULL;
	memcpy(file->path, path, len + 1);
	if (weir_map_add(&set->files, file->path, len, file) < 0) {
		free(file);
		return NULL;
	}
	return file;
}

void weir_manifest_set_mark(struct weir_manifest_set *set, struct weir_manifest_file *file)
{
	if (file->is_stale && !file->is_absent)
		return;
	weir_manifest_set_unmark(set, file);
	file->is_stale = true;
	TAILQ_INSERT_TAIL(&set->stale, file, stale);
}

void weir_manifest_set_mark_absent(struct weir_manifest_set *set, struct weir_manifest_file *file)
{
	if (file->is_absent)
		return;
	weir_manifest_set_unmark(set, file);
	file->is_stale = file->is_absent = true;
	TAILQ_INSERT_TAIL(&set->absent, file, stale);
}

void weir_manifest_set_unmark(struct weir_manifest_set *set, struct weir_manifest_file *file)
{
	if (!file->is_stale)
		return;
	TAILQ_REMOVE(file->is_absent ? &set->absent : &set->stale, file, stale);
	file->is_stale = file->is_absent = false;
}

static struct weir_manifest_ref *get_ref(struct weir_manifest_set *set,
					 const struct weir_object *object)
{
	size_t namespace_len = strlen(object->namespace_), name_len = strlen(object->name);
	size_t len = 1 + namespace_len + 1 + name_len;
	struct weir_manifest_ref *ref, *known;

	ref = malloc(sizeof(*ref) + len + 1);
	if (!ref)
		return NULL;
	*ref = (struct weir_manifest_ref){ .key_len = (uint32_t)len };
	ref->key[0] = (char)object->kind;
	memcpy(ref->key + 1, object->namespace_, namespace_len + 1);
	memcpy(ref->key + 1 + namespace_len + 1, object->name, name_len + 1);
	known = weir_map_lookup(&set->refs, ref->key, len);
	if (known || weir_map_add(&set->refs, ref->key, len, ref) < 0) {
		free(ref);
		return known;
	}
	return ref;
}

/* Some other file has an object whose version in the store just went: let it be read again. */
static void mark_holders(struct weir_manifest_set *set, const struct weir_manifest_ref *ref)
{
	size_t cursor = 0;
	void *value;

	while (weir_map_next(&set->files, &cursor, &value)) {
		struct weir_manifest_file *file = value;

		for (size_t i = 0; i < file->n_refs; i++) {
			if (file->refs[i] == ref)
				weir_manifest_set_mark(set, file);
		}
	}
}

static void drop_ref(struct weir_manifest_set *set, struct weir_manifest_file *file,
		     struct weir_manifest_ref *ref, uint64_t mono_ns)
{
	const char *namespace_ = ref->key + 1;

	ref->holders--;
	if (ref->holders && ref->last == file) {
		ref->last = NULL;
		mark_holders(set, ref);
	}
	if (ref->holders)
		return;
	weir_store_delete(set->store, (enum weir_object_kind)ref->key[0], namespace_,
			  namespace_ + strlen(namespace_) + 1, "", mono_ns);
	(void)weir_map_remove(&set->refs, ref->key, ref->key_len);
	free(ref);
}

/*
 * Take over @objects as what @file has. Marks tell apart what the file had (round * 2) and what
 * it has now (round * 2 + 1); an object that stands there twice is as said last, as kubectl
 * would have it.
 */
static int load_refs(struct weir_manifest_set *set, struct weir_manifest_file *file,
		     const struct weir_objects *objects, uint64_t mono_ns)
{
	uint64_t had = ++set->round * 2, has = had + 1;
	struct weir_manifest_ref **old = file->refs, **refs;
	size_t n_old = file->n_refs, n = 0;
	int r = 0;

	refs = calloc(objects->n + n_old + 1, sizeof(struct weir_manifest_ref *));
	if (!refs)
		return -ENOMEM;
	for (size_t i = 0; i < n_old; i++)
		old[i]->mark = had;
	for (size_t i = 0; i < objects->n && r >= 0; i++) {
		struct weir_manifest_ref *ref = get_ref(set, &objects->items[i]);

		r = ref ? weir_store_apply(set->store, &objects->items[i], mono_ns) : -ENOMEM;
		if (!ref)
			break;
		if (ref->mark != has) {
			ref->holders += ref->mark != had;
			refs[n++] = ref;
		}
		ref->mark = has;
		ref->last = file;
	}
	file->refs = refs;
	file->n_refs = n;
	for (size_t i = 0; i < n_old; i++) {
		if (old[i]->mark != had)
			continue;
		if (r < 0)
			refs[file->n_refs++] = old[i];
		else
			drop_ref(set, file, old[i], mono_ns);
	}
	free(old);
	return r;
}

int weir_manifest_set_load(struct weir_manifest_set *set, struct weir_manifest_file *file,
			   uint64_t mono_ns, struct weir_error *err)
{
	_cleanup_(weir_objects_done) struct weir_objects objects;
	int r;

	weir_objects_init(&objects);
	r = weir_manifest_read(file->path, &objects, &file->stat, err);
	if (r < 0)
		return r;
	r = load_refs(set, file, &objects, mono_ns);
	if (r < 0)
		return weir_error_set(err, r, "%s: out of memory", file->path);
	return 0;
}

void weir_manifest_set_remove(struct weir_manifest_set *set, struct weir_manifest_file *file,
			      uint64_t mono_ns)
{
	size_t n = file->n_refs;

	weir_manifest_set_unmark(set, file);
	file->n_refs = 0;  /* it is no holder any more */
	for (size_t i = 0; i < n; i++)
		drop_ref(set, file, file->refs[i], mono_ns);
	(void)weir_map_remove(&set->files, file->path, strlen(file->path));
	free_file(file);
}
