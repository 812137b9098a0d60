/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "k8s-meta/identity_new.h"

/* Cilium's reserved numeric identities (pkg/identity/numericidentity.go). */
enum {
	NUMERIC_HOST = 1,
	NUMERIC_WORLD = 2,
	NUMERIC_REMOTE_NODE = 6,
	NUMERIC_FIRST_FREE = 256,
};

/** What is behind the public struct. */
struct identity_box {
	struct weir_identity identity;
	struct weir_labels *labels;
	char strings[];
};

static const char *const host_labels[] = { "reserved:host" };
static const char *const remote_node_labels[] = { "reserved:remote-node" };
static const char *const world_labels[] = { "reserved:world" };

/* The reference they are born with is nobody's, so these are never freed. */
static struct weir_identity unknown = {
	.refs = 1, .kind = WEIR_IDENTITY_UNKNOWN,
	.namespace_ = "", .pod_name = "", .pod_uid = "", .container = "",
	.workload_name = "", .workload_kind = "", .node_name = "", .unit = "",
};
static struct weir_identity world = {
	.refs = 1, .kind = WEIR_IDENTITY_WORLD, .numeric = NUMERIC_WORLD,
	.namespace_ = "", .pod_name = "", .pod_uid = "", .container = "",
	.workload_name = "", .workload_kind = "", .node_name = "", .unit = "",
	.labels = world_labels, .n_labels = 1,
};

const struct weir_identity *weir_identity_unknown(void)
{
	return &unknown;
}

const struct weir_identity *weir_identity_world(void)
{
	return &world;
}

struct weir_identity *weir_identity_ref(const struct weir_identity *identity)
{
	struct weir_identity *counted = (struct weir_identity *)identity;

	counted->refs++;
	return counted;
}

void weir_identity_unref(const struct weir_identity *identity)
{
	struct weir_identity *counted = (struct weir_identity *)identity;

	if (!counted || --counted->refs)
		return;
	weir_labels_unref(((struct identity_box *)counted)->labels);
	free(counted);
}

struct weir_labels *weir_identity_labels(const struct weir_identity *identity)
{
	if (identity == &unknown || identity == &world)
		return NULL;
	return ((const struct identity_box *)identity)->labels;
}

/* FNV-1a of text and its NUL, so that "ab","c" and "a","bc" differ. */
static uint32_t hash_text(uint32_t hash, const char *text)
{
	do {
		hash = (hash ^ (unsigned char)*text) * 16777619U;
	} while (*text++);
	return hash;
}

static uint32_t pod_numeric(const struct weir_identity *pod)
{
	uint32_t hash = 2166136261U;

	if (!*pod->pod_name)
		return 0;
	hash = hash_text(hash, pod->namespace_);
	hash = hash_text(hash, pod->workload_kind);
	hash = hash_text(hash, pod->workload_name);
	return hash < NUMERIC_FIRST_FREE ? hash + NUMERIC_FIRST_FREE : hash;
}

static void set_reserved(struct weir_identity *identity, uint32_t numeric,
			 const char *const *labels)
{
	identity->numeric = numeric;
	identity->labels = labels;
	identity->n_labels = 1;
}

static void set_labels(struct identity_box *box, struct weir_labels *labels)
{
	struct weir_identity *identity = &box->identity;

	switch (identity->kind) {
	case WEIR_IDENTITY_POD:
		identity->numeric = pod_numeric(identity);
		if (!labels)
			break;
		box->labels = weir_labels_ref(labels);
		identity->labels = labels->items;
		identity->n_labels = labels->n;
		break;
	case WEIR_IDENTITY_HOST:
		set_reserved(identity, NUMERIC_HOST, host_labels);
		break;
	case WEIR_IDENTITY_REMOTE_NODE:
		set_reserved(identity, NUMERIC_REMOTE_NODE, remote_node_labels);
		break;
	case WEIR_IDENTITY_WORLD:
		set_reserved(identity, NUMERIC_WORLD, world_labels);
		break;
	case WEIR_IDENTITY_UNKNOWN:
		break;
	}
}

int weir_identity_new(const struct weir_identity *like, struct weir_labels *labels,
		      struct weir_identity **ret_identity)
{
	const char *const from[] = {
		like->namespace_,    like->pod_name,      like->pod_uid,   like->container,
		like->workload_name, like->workload_kind, like->node_name, like->unit,
	};
	enum {
		STRINGS = sizeof(from) / sizeof(from[0])
	};
	struct identity_box *box;
	size_t len = 0;
	char *out;

	for (size_t i = 0; i < STRINGS; i++)
		len += from[i] ? strlen(from[i]) + 1 : 1;
	box = malloc(sizeof(*box) + len);
	if (!box)
		return -ENOMEM;
	*box = (struct identity_box){ .identity = { .refs = 1, .kind = like->kind } };
	out = box->strings;

	const char **const to[STRINGS] = {
		&box->identity.namespace_,    &box->identity.pod_name,
		&box->identity.pod_uid,       &box->identity.container,
		&box->identity.workload_name, &box->identity.workload_kind,
		&box->identity.node_name,     &box->identity.unit,
	};
	for (size_t i = 0; i < STRINGS; i++) {
		*to[i] = out;
		out = stpcpy(out, from[i] ? from[i] : "") + 1;
	}
	set_labels(box, labels);
	*ret_identity = &box->identity;
	return 0;
}

struct weir_service_name *weir_service_name_ref(const struct weir_service_name *service)
{
	struct weir_service_name *counted = (struct weir_service_name *)service;

	counted->refs++;
	return counted;
}

void weir_service_name_unref(const struct weir_service_name *service)
{
	struct weir_service_name *counted = (struct weir_service_name *)service;

	if (counted && !--counted->refs)
		free(counted);
}

int weir_service_name_new(const char *namespace_, const char *name,
			  struct weir_service_name **ret_service)
{
	struct weir_service_name *service;
	char *strings;

	service = malloc(sizeof(*service) + strlen(namespace_) + 1 + strlen(name) + 1);
	if (!service)
		return -ENOMEM;
	strings = (char *)(service + 1);
	service->refs = 1;
	service->namespace_ = strings;
	strings = stpcpy(strings, namespace_) + 1;
	service->name = strings;
	(void)stpcpy(strings, name);
	*ret_service = service;
	return 0;
}

const char *weir_identity_kind_to_str(enum weir_identity_kind kind)
{
	switch (kind) {
	case WEIR_IDENTITY_POD:
		return "pod";
	case WEIR_IDENTITY_HOST:
		return "host";
	case WEIR_IDENTITY_REMOTE_NODE:
		return "remote-node";
	case WEIR_IDENTITY_WORLD:
		return "world";
	case WEIR_IDENTITY_UNKNOWN:
		break;
	}
	return "unknown";
}
