/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/decode.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "k8s-meta/manifest_file.h"
#include "lib/buf.h"

#define MANIFESTS "tests/golden/manifests/"

static void parse(const char *text, struct weir_objects *objects)
{
	struct weir_error err = { 0 };

	weir_objects_init(objects);
	if (weir_manifest_parse(text, strlen(text), "f.yaml", objects, &err) < 0)
		fail_msg("%s", err.text);
}

static void load(const char *path, struct weir_objects *objects)
{
	struct weir_error err = { 0 };
	struct stat st;

	weir_objects_init(objects);
	if (weir_manifest_read(path, objects, &st, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(st.st_size > 0);
}

static void assert_addrs(const struct weir_addrs *addrs, const char *want)
{
	char text[WEIR_ADDR_TEXT_MAX];
	struct weir_buf buf;

	weir_buf_init(&buf, 0);
	for (size_t i = 0; i < addrs->n; i++)
		weir_buf_printf(&buf, "%s%s", i ? " " : "",
				weir_addr_to_str(&addrs->items[i], text));
	assert_string_equal(weir_buf_cstr(&buf), want);
	weir_buf_done(&buf);
}

static void assert_names(const struct weir_object *object, enum weir_object_kind kind,
			 const char *namespace_, const char *name)
{
	assert_int_equal(object->kind, kind);
	assert_string_equal(object->namespace_, namespace_);
	assert_string_equal(object->name, name);
}

static void assert_workload(const struct weir_object *object, const char *kind, const char *name)
{
	assert_string_equal(object->pod.workload_kind, kind);
	assert_string_equal(object->pod.workload_name, name);
}

static void decode_golden_pod_reads_every_field(void **state)
{
	static const char *const containers[][2] = {
		{ "web", "2222222222222222222222222222222222222222222222222222222222222222" },
		{ "web", "3333333333333333333333333333333333333333333333333333333333333333" },
		{ "log-shipper",
		  "4444444444444444444444444444444444444444444444444444444444444444" },
		{ "migrate", "1111111111111111111111111111111111111111111111111111111111111111" },
		{ "debugger", "5555555555555555555555555555555555555555555555555555555555555555" },
	};
	struct weir_objects objects;
	const struct weir_object *pod;

	(void)state;
	load(MANIFESTS "cluster.yaml", &objects);
	assert_int_equal(objects.n, 7);
	pod = &objects.items[3];
	assert_names(pod, WEIR_OBJECT_POD, "shop", "frontend-5d59d67564-x2x7q");
	assert_string_equal(pod->uid, "0f3a6b1c-7c1d-4a43-9d5e-2f1b7c9e0a11");
	assert_int_equal(pod->n_labels, 3);
	assert_string_equal(pod->labels[0].key, "app");
	assert_string_equal(pod->labels[0].value, "frontend");
	assert_string_equal(pod->labels[2].key, "tier");
	assert_string_equal(pod->labels[2].value, "");
	assert_workload(pod, "Deployment", "frontend");
	assert_string_equal(pod->pod.node_name, "worker-1");
	assert_string_equal(pod->pod.config_hash, "");
	assert_false(pod->pod.host_network);
	assert_false(pod->pod.finished);
	assert_false(pod->pod.terminating);
	assert_addrs(&pod->pod.ips, "10.244.1.5 fd00:10:244:1::5");
	assert_int_equal(pod->pod.n_containers, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_string_equal(pod->pod.containers[i].name, containers[i][0]);
		assert_string_equal(pod->pod.containers[i].id, containers[i][1]);
	}
	weir_objects_done(&objects);
}

static void decode_golden_other_pods_read_what_differs(void **state)
{
	struct weir_objects objects;

	(void)state;
	load(MANIFESTS "cluster.yaml", &objects);
	assert_workload(&objects.items[4], "StatefulSet", "database");
	assert_addrs(&objects.items[4].pod.ips, "10.244.2.7");
	assert_workload(&objects.items[5], "CronJob", "backup");
	assert_true(objects.items[5].pod.finished);
	assert_workload(&objects.items[6], "Pod", "kube-proxy-worker-1");
	assert_true(objects.items[6].pod.host_network);
	assert_string_equal(objects.items[6].pod.config_hash, "9e107d9d372bb6826bd81d3542a419d6");
	weir_objects_done(&objects);
}

static void decode_golden_cluster_objects(void **state)
{
	struct weir_objects objects;

	(void)state;
	load(MANIFESTS "cluster.yaml", &objects);
	assert_names(&objects.items[0], WEIR_OBJECT_NAMESPACE, "", "shop");
	assert_names(&objects.items[1], WEIR_OBJECT_NODE, "", "worker-1");
	assert_addrs(&objects.items[1].node.addrs, "198.18.0.11 fd00::11");
	assert_string_equal(objects.items[1].node.hostname, "worker-1");
	assert_addrs(&objects.items[2].node.addrs, "198.18.0.12 203.0.113.12");
	weir_objects_done(&objects);
}

static void decode_golden_list_reads_services_and_slices(void **state)
{
	struct weir_objects objects;
	const struct weir_object *o;

	(void)state;
	load(MANIFESTS "services.json", &objects);
	assert_int_equal(objects.n, 4);
	o = objects.items;
	assert_names(&o[0], WEIR_OBJECT_SERVICE, "shop", "frontend");
	assert_addrs(&o[0].service.addrs, "10.96.0.20 fd00:10:96::20 203.0.113.20 203.0.113.21");
	assert_int_equal(o[0].service.n_ports, 2);
	assert_int_equal(o[0].service.ports[0].port, 80);
	assert_int_equal(o[0].service.ports[0].protocol, IPPROTO_TCP);
	assert_int_equal(o[0].service.ports[1].port, 443);
	assert_int_equal(o[0].service.ports[1].protocol, IPPROTO_UDP);
	assert_addrs(&o[1].service.addrs, "");
	assert_names(&o[2], WEIR_OBJECT_ENDPOINT_SLICE, "shop", "frontend-x7k2p");
	assert_string_equal(o[2].slice.service_name, "frontend");
	assert_addrs(&o[2].slice.addrs, "10.244.1.5");
	assert_int_equal(o[2].slice.n_ports, 1);
	assert_int_equal(o[2].slice.ports[0].port, 8080);
	weir_objects_done(&objects);

	load(MANIFESTS "podlist.json", &objects);
	assert_int_equal(objects.n, 1);
	assert_names(objects.items, WEIR_OBJECT_POD, "logging", "fluentd-8xkq2");
	assert_workload(objects.items, "DaemonSet", "fluentd");
	weir_objects_done(&objects);
}

struct workload_case {
	const char *name;
	const char *labels;
	const char *owners;
	const char *want;
};

static const struct workload_case workloads[] = {
	{ "no owner", "{}", "[]", "Pod/p" },
	{ "owner that does not control", "{}", "[{kind: ReplicaSet, name: x}]", "Pod/p" },
	{ "second owner controls", "{}",
	  "[{kind: A, name: a}, {kind: B, name: b, controller: true}]", "B/b" },
	{ "ReplicaSet with its hash", "{pod-template-hash: abc}",
	  "[{kind: ReplicaSet, name: web-abc, controller: true}]", "Deployment/web" },
	{ "ReplicaSet without the label", "{}",
	  "[{kind: ReplicaSet, name: web-abc, controller: true}]", "ReplicaSet/web-abc" },
	{ "ReplicaSet with another hash", "{pod-template-hash: abd}",
	  "[{kind: ReplicaSet, name: web-abc, controller: true}]", "ReplicaSet/web-abc" },
	{ "hash is not a word of its own", "{pod-template-hash: bc}",
	  "[{kind: ReplicaSet, name: web-abc, controller: true}]", "ReplicaSet/web-abc" },
	{ "hash is the whole name", "{pod-template-hash: abc}",
	  "[{kind: ReplicaSet, name: abc, controller: true}]", "ReplicaSet/abc" },
	{ "nothing before the hash", "{pod-template-hash: abc}",
	  "[{kind: ReplicaSet, name: -abc, controller: true}]", "ReplicaSet/-abc" },
	{ "Job of a CronJob", "{}", "[{kind: Job, name: tick-28391040, controller: true}]",
	  "CronJob/tick" },
	{ "Job of a CronJob, older", "{}", "[{kind: Job, name: a-b-1625076000, controller: true}]",
	  "CronJob/a-b" },
	{ "Job with a short number", "{}", "[{kind: Job, name: tick-1234567, controller: true}]",
	  "Job/tick-1234567" },
	{ "Job with a long number", "{}", "[{kind: Job, name: tick-12345678901, controller: true}]",
	  "Job/tick-12345678901" },
	{ "Job with a date and more", "{}", "[{kind: Job, name: tick-28391040a, controller: true}]",
	  "Job/tick-28391040a" },
	{ "plain Job", "{}", "[{kind: Job, name: migrate, controller: true}]", "Job/migrate" },
	{ "StatefulSet", "{}", "[{kind: StatefulSet, name: db, controller: true}]",
	  "StatefulSet/db" },
	{ "custom controller", "{}", "[{kind: Rollout, name: r-28391040, controller: true}]",
	  "Rollout/r-28391040" },
	{ "static pod", "{}", "[{kind: Node, name: n, controller: true}]", "Pod/p" },
	{ "OpenShift", "{deploymentconfig: dc}",
	  "[{kind: ReplicationController, name: dc-3, controller: true}]", "DeploymentConfig/dc" },
};

static void workload_is_derived_as_hubble_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++) {
		struct weir_objects objects;
		char text[1024], got[256];

		assert_true(snprintf(text, sizeof(text),
				     "{apiVersion: v1, kind: Pod, metadata: {name: p, labels: %s, "
				     "ownerReferences: %s}}",
				     workloads[i].labels, workloads[i].owners) < (int)sizeof(text));
		parse(text, &objects);
		assert_true(snprintf(got, sizeof(got), "%s/%s", objects.items[0].pod.workload_kind,
				     objects.items[0].pod.workload_name) < (int)sizeof(got));
		if (strcmp(got, workloads[i].want) != 0)
			fail_msg("%s: %s", workloads[i].name, got);
		weir_objects_done(&objects);
	}
}

static void decode_sparse_objects_have_defaults(void **state)
{
	static const char text[] =
		"{apiVersion: v1, kind: Pod, metadata: {name: p}}\n---\n"
		"{apiVersion: v1, kind: Pod, metadata: {name: q, deletionTimestamp: "
		"2024-01-01T00:00:00Z, labels: null, namespace: null}, spec: null, status: {phase: "
		"Failed, podIP: '', podIPs: null, containerStatuses: [{name: c}]}}\n---\n"
		"{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {clusterIP: 10.0.0.1, "
		"ports: [{port: 1, protocol: SCTP}]}}\n---\n"
		"{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {clusterIP: '', type: "
		"ExternalName, externalName: x.y}}\n---\n"
		"{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: e}, "
		"addressType: FQDN, endpoints: [{addresses: [a.b]}], ports: [{port: null}]}\n---\n"
		"{apiVersion: v1, kind: Node, metadata: {name: n, namespace: ignored}, status: "
		"{addresses: [{type: InternalDNS, address: a.b}]}}\n";
	struct weir_objects objects;
	const struct weir_object *o;

	(void)state;
	parse(text, &objects);
	o = objects.items;
	assert_int_equal(objects.n, 6);
	assert_names(&o[0], WEIR_OBJECT_POD, "default", "p");
	assert_string_equal(o[0].uid, "");
	assert_string_equal(o[0].pod.node_name, "");
	assert_int_equal(o[0].pod.n_containers, 0);
	assert_addrs(&o[0].pod.ips, "");
	assert_names(&o[1], WEIR_OBJECT_POD, "default", "q");
	assert_true(o[1].pod.finished);
	assert_true(o[1].pod.terminating);
	assert_int_equal(o[1].pod.n_containers, 0);
	assert_addrs(&o[2].service.addrs, "10.0.0.1");
	assert_int_equal(o[2].service.ports[0].protocol, IPPROTO_SCTP);
	assert_addrs(&o[3].service.addrs, "");
	assert_addrs(&o[4].slice.addrs, "");
	assert_int_equal(o[4].slice.n_ports, 0);
	assert_string_equal(o[4].slice.service_name, "");
	assert_names(&o[5], WEIR_OBJECT_NODE, "", "n");
	weir_objects_done(&objects);
}

static void decode_other_kinds_are_skipped(void **state)
{
	static const char text[] =
		"{apiVersion: apps/v1, kind: Deployment, metadata: 7}\n---\n"
		"{apiVersion: serving.knative.dev/v1, kind: Service}\n---\n"
		"{apiVersion: discovery.k8s.io/v1beta1, kind: EndpointSlice}\n---\n"
		"{apiVersion: example.com/v1, kind: List, items: 3}\n---\n"
		"{apiVersion: example.com/v1, kind: PodList, items: 3}\n---\n"
		"{apiVersion: v1, kind: Podlist, items: 3}\n---\n"
		"{apiVersion: v1, kind: ConfigMapList, items: [{data: {}}]}\n";
	struct weir_objects objects;

	(void)state;
	parse(text, &objects);
	assert_int_equal(objects.n, 0);
	weir_objects_done(&objects);
}

static void decode_nested_lists_are_flattened(void **state)
{
	static const char text[] =
		"apiVersion: v1\nkind: List\nitems:\n"
		"- {apiVersion: v1, kind: NodeList, items: [{metadata: {name: n}}]}\n"
		"- {apiVersion: v1, kind: NamespaceList, items: [{metadata: {name: a}}, {kind: "
		"Namespace, apiVersion: v1, metadata: {name: b}}]}\n"
		"- {apiVersion: v1, kind: ServiceList, items: null}\n"
		"- {apiVersion: discovery.k8s.io/v1, kind: EndpointSliceList, items: [{metadata: "
		"{name: e}, addressType: IPv6, endpoints: null}]}\n";
	struct weir_objects objects;

	(void)state;
	parse(text, &objects);
	assert_int_equal(objects.n, 4);
	assert_names(&objects.items[0], WEIR_OBJECT_NODE, "", "n");
	assert_names(&objects.items[2], WEIR_OBJECT_NAMESPACE, "", "b");
	assert_names(&objects.items[3], WEIR_OBJECT_ENDPOINT_SLICE, "default", "e");
	weir_objects_done(&objects);
}

struct error_case {
	const char *name;
	const char *text;
	const char *want;
};

#define POD "apiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: web}\n"
#define SERVICE "apiVersion: v1\nkind: Service\nmetadata: {namespace: shop, name: web}\n"
#define SLICE                                                    \
	"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n" \
	"metadata: {namespace: shop, name: e}\n"

static const struct error_case errors[] = {
	{ "list", "[1]", "f.yaml:1: is not a Kubernetes object" },
	{ "scalar", "\nhello\n", "f.yaml:2: is not a Kubernetes object" },
	{ "no kind", "a: 1\n", "f.yaml:1: kind is missing: not a Kubernetes object" },
	{ "kind is a number", "kind: 1\n", "f.yaml:1: kind: want a string, not a number" },
	{ "no apiVersion", "kind: Pod\n", "f.yaml:1: Pod without a name: apiVersion is missing" },
	{ "no metadata", "kind: Pod\napiVersion: v1\n",
	  "f.yaml:1: Pod without a name: metadata: is missing" },
	{ "metadata is a list", "kind: Pod\napiVersion: v1\nmetadata: []\n",
	  "f.yaml:1: Pod without a name: metadata: want an object, not a list" },
	{ "no name", "kind: Pod\napiVersion: v1\nmetadata: {}\n",
	  "f.yaml:1: Pod without a name: metadata: name is missing" },
	{ "name is null", "kind: Node\napiVersion: v1\nmetadata: {name: null}\n",
	  "f.yaml:1: Node without a name: metadata: name is missing" },
	{ "name is a number", "kind: Pod\napiVersion: v1\nmetadata: {name: 12}\n",
	  "f.yaml:1: Pod without a name: metadata.name: want a string, not a number" },
	{ "NUL byte", "kind: Pod\napiVersion: v1\nmetadata: {name: \"a\\0b\"}\n",
	  "f.yaml:1: Pod without a name: metadata.name: has a NUL byte" },
	{ "second document", POD "---\n\n" POD "spec: 1\n",
	  "f.yaml:6: Pod shop/web: spec: want an object, not a number" },
	{ "node in the error", "kind: Node\napiVersion: v1\nmetadata: {name: n}\nstatus: 1\n",
	  "f.yaml:1: Node n: status: want an object, not a number" },
	{ "label is a number",
	  "kind: Pod\napiVersion: v1\nmetadata: {name: p, labels: {version: 1.10}}\n",
	  "f.yaml:1: Pod default/p: metadata.labels.version: want a string (put it in quotes)" },
	{ "label is null", "kind: Pod\napiVersion: v1\nmetadata: {name: p, labels: {a: null}}\n",
	  "f.yaml:1: Pod default/p: metadata.labels.a: want a string (put it in quotes)" },
	{ "node name", POD "spec: {nodeName: [a]}\n",
	  "f.yaml:1: Pod shop/web: spec.nodeName: want a string, not a list" },
	{ "host network", POD "spec: {hostNetwork: \"true\"}\n",
	  "f.yaml:1: Pod shop/web: spec.hostNetwork: want a boolean, not a string" },
	{ "pod IP", POD "status: {podIP: 10.1.2}\n",
	  "f.yaml:1: Pod shop/web: status.podIP: \"10.1.2\" is not an IP address" },
	{ "pod IPs", POD "status: {podIPs: [{ip: 1.2.3.4}, {ip: x}]}\n",
	  "f.yaml:1: Pod shop/web: status.podIPs[1].ip: \"x\" is not an IP address" },
	{ "pod IPs as texts", POD "status: {podIPs: [1.2.3.4]}\n",
	  "f.yaml:1: Pod shop/web: status.podIPs[0]: want an object, not a string" },
	{ "container without a name", POD "status: {containerStatuses: [{containerID: 'c://x'}]}\n",
	  "f.yaml:1: Pod shop/web: status.containerStatuses[0]: name is missing" },
	{ "owner without a kind",
	  "kind: Pod\napiVersion: v1\nmetadata: {name: p, ownerReferences: [{name: x, controller: "
	  "true}]}\n",
	  "f.yaml:1: Pod default/p: metadata.ownerReferences[0]: kind is missing" },
	{ "config hash",
	  "kind: Pod\napiVersion: v1\nmetadata: {name: p, annotations: {kubernetes.io/config.hash: "
	  "1}}\n",
	  "f.yaml:1: Pod default/p: metadata.annotations.kubernetes.io/config.hash: want a string, "
	  "not a number" },
	{ "cluster IP", SERVICE "spec: {clusterIP: none}\n",
	  "f.yaml:1: Service shop/web: spec.clusterIP: \"none\" is not an IP address" },
	{ "protocol", SERVICE "spec: {ports: [{port: 1, protocol: tcp}]}\n",
	  "f.yaml:1: Service shop/web: spec.ports[0]: protocol \"tcp\" is none of TCP, UDP, SCTP" },
	{ "port 0", SERVICE "spec: {ports: [{port: 0}]}\n",
	  "f.yaml:1: Service shop/web: spec.ports[0].port: want a number from 1 to 65535" },
	{ "port too large", SERVICE "spec: {ports: [{port: 65536}]}\n",
	  "f.yaml:1: Service shop/web: spec.ports[0].port: want a number from 1 to 65535" },
	{ "port is a name", SERVICE "spec: {ports: [{port: http}]}\n",
	  "f.yaml:1: Service shop/web: spec.ports[0].port: want a number, not a string" },
	{ "ingress", SERVICE "status: {loadBalancer: {ingress: [{ip: 7}]}}\n",
	  "f.yaml:1: Service shop/web: status.loadBalancer.ingress[0].ip: want a string, not a "
	  "number" },
	{ "no address type", SLICE,
	  "f.yaml:1: EndpointSlice shop/e: addressType \"\" is none of IPv4, IPv6, FQDN" },
	{ "endpoint's address", SLICE "addressType: IPv4\nendpoints: [{addresses: [1.2.3.4, 5]}]\n",
	  "f.yaml:1: EndpointSlice shop/e: endpoints[0].addresses[1]: want a string, not a number" },
	{ "item of a list",
	  "apiVersion: v1\nkind: List\nitems:\n- "
	  "kind: Pod\n  apiVersion: v1\n"
	  "- 7\n",
	  "f.yaml:4: Pod without a name: metadata: is missing" },
	{ "item of a list is no object", "apiVersion: v1\nkind: List\nitems: [7]\n",
	  "f.yaml:1: List without a name: items[0]: want an object, not a number" },
	{ "items of a list", "apiVersion: v1\nkind: PodList\nitems: {}\n",
	  "f.yaml:1: PodList without a name: items: want a list, not an object" },
	{ "lists too deep",
	  "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: List, items: [{apiVersion: v1, "
	  "kind: List, items: [{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: List, "
	  "items: [1]}]}]}]}]}",
	  "f.yaml:1: List without a name: is a list nested more than 4 deep" },
};

static void decode_bad_field_is_named_with_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct weir_objects objects;
		struct weir_error err = { 0 };
		int r;

		weir_objects_init(&objects);
		r = weir_manifest_parse(errors[i].text, strlen(errors[i].text), "f.yaml", &objects,
					&err);
		if (r != -EINVAL || strcmp(err.text, errors[i].want) != 0)
			fail_msg("%s: %d '%s'", errors[i].name, r, err.text);
		weir_objects_done(&objects);
	}
}

static void decode_oversized_fields_are_refused(void **state)
{
	struct weir_objects objects;
	struct weir_error err = { 0 };
	struct weir_buf text;

	(void)state;
	weir_buf_init(&text, 0);
	weir_objects_init(&objects);
	weir_buf_puts(&text, "{apiVersion: v1, kind: Pod, metadata: {name: ");
	for (int i = 0; i < 1025; i++)
		weir_buf_putc(&text, 'x');
	weir_buf_puts(&text, "}}");
	assert_int_equal(weir_manifest_parse(text.data, text.len, "f", &objects, &err), -EINVAL);
	assert_string_equal(err.text,
			    "f:1: Pod without a name: metadata.name: is longer than 1024 bytes");

	weir_buf_clear(&text);
	weir_buf_puts(&text, "{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {");
	for (int i = 0; i < 1025; i++)
		weir_buf_printf(&text, "l%d: x,", i);
	weir_buf_puts(&text, "}}}");
	assert_int_equal(weir_manifest_parse(text.data, text.len, "f", &objects, &err), -EINVAL);
	assert_string_equal(err.text,
			    "f:1: Pod default/p: metadata.labels: has more than 1024 labels");
	weir_buf_done(&text);
	weir_objects_done(&objects);
}

static void read_refuses_what_is_no_readable_file(void **state)
{
	struct weir_objects objects;
	struct weir_error err = { 0 };
	struct stat st;

	(void)state;
	weir_objects_init(&objects);
	assert_int_equal(weir_manifest_read("/nowhere/a.yaml", &objects, &st, &err), -ENOENT);
	assert_string_equal(err.text, "/nowhere/a.yaml: cannot open: No such file or directory");
	assert_int_equal(weir_manifest_read("/dev/null", &objects, &st, &err), -EINVAL);
	assert_string_equal(err.text, "/dev/null: is not a regular file");
	weir_objects_done(&objects);
}

static void name_of_a_manifest_is_told(void **state)
{
	static const char *const yes[] = { "a.yaml", "a.yml", "a.json", "a.b.yaml" };
	static const char *const no[] = { ".yaml",  ".a.yaml", "a.yaml~", "a.yaml.swp", "a", "yaml",
					  "a.YAML", "..data",  "" };

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_true(weir_manifest_is_name(yes[i]));
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_false(weir_manifest_is_name(no[i]));
}

struct hash_case {
	const char *name;
	const char *metadata;
	const char *want;
};

static void config_hash_counts_only_on_mirror_pods(void **state)
{
#define HASH "9e107d9d372bb6826bd81d3542a419d6"
	static const struct hash_case cases[] = {
		{ "mirror",
		  "kubernetes.io/config.hash: '" HASH "', kubernetes.io/config.mirror: x}", HASH },
		{ "node's",
		  "kubernetes.io/config.hash: '" HASH "'}, ownerReferences: [{kind: Node, name: n, "
		  "controller: true}]",
		  HASH },
		{ "nobody's", "kubernetes.io/config.hash: '" HASH "'}", "" },
		{ "another owner's",
		  "kubernetes.io/config.hash: '" HASH "'}, ownerReferences: [{kind: ReplicaSet, "
		  "name: r, controller: true}]",
		  "" },
		{ "node that does not control it",
		  "kubernetes.io/config.hash: '" HASH
		  "'}, ownerReferences: [{kind: Node, name: n}]",
		  "" },
		{ "a UUID",
		  "kubernetes.io/config.hash: 0f3a6b1c-7c1d-4a43-9d5e-2f1b7c9e0a11, "
		  "kubernetes.io/config.mirror: x}",
		  "" },
		{ "too short",
		  "kubernetes.io/config.hash: '9e107d9d372bb6826bd81d3542a419d', "
		  "kubernetes.io/config.mirror: x}",
		  "" },
		{ "too long",
		  "kubernetes.io/config.hash: '" HASH "0', kubernetes.io/config.mirror: x}", "" },
		{ "not hexadecimal",
		  "kubernetes.io/config.hash: 'ge107d9d372bb6826bd81d3542a419d6', "
		  "kubernetes.io/config.mirror: x}",
		  "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_objects objects;
		struct weir_buf text;

		weir_buf_init(&text, 0);
		weir_buf_printf(
			&text, "{apiVersion: v1, kind: Pod, metadata: {name: p, annotations: {%s}}",
			cases[i].metadata);
		parse(weir_buf_cstr(&text), &objects);
		if (strcmp(objects.items[0].pod.config_hash, cases[i].want) != 0)
			fail_msg("%s: '%s'", cases[i].name, objects.items[0].pod.config_hash);
		weir_objects_done(&objects);
		weir_buf_done(&text);
	}
#undef HASH
}

/* Each label is in bounds and so is their number; all together are not. */
static void labels_of_a_pod_are_bounded(void **state)
{
	for (int n = 63; n <= 65; n++) {
		struct weir_error err = { 0 };
		struct weir_objects objects;
		struct weir_buf text;
		int r;

		weir_buf_init(&text, 0);
		weir_buf_printf(&text,
				"apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  labels:\n");
		/* 1024 bytes each */
		for (int i = 0; i < n; i++)
			weir_buf_printf(&text, "    k%03d: '%01020d'\n", i, i);
		weir_objects_init(&objects);
		r = weir_manifest_parse(weir_buf_cstr(&text), text.len, "f.yaml", &objects, &err);
		assert_int_equal(r, n <= 64 ? 0 : -EINVAL);
		assert_string_equal(err.text, n <= 64 ? ""
						      : "f.yaml:1: Pod default/p: metadata.labels: "
							"has more than 65536 bytes of labels");
		weir_objects_done(&objects);
		weir_buf_done(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config_hash_counts_only_on_mirror_pods),
		cmocka_unit_test(labels_of_a_pod_are_bounded),
		cmocka_unit_test(decode_golden_pod_reads_every_field),
		cmocka_unit_test(decode_golden_other_pods_read_what_differs),
		cmocka_unit_test(decode_golden_cluster_objects),
		cmocka_unit_test(decode_golden_list_reads_services_and_slices),
		cmocka_unit_test(workload_is_derived_as_hubble_does),
		cmocka_unit_test(decode_sparse_objects_have_defaults),
		cmocka_unit_test(decode_other_kinds_are_skipped),
		cmocka_unit_test(decode_nested_lists_are_flattened),
		cmocka_unit_test(decode_bad_field_is_named_with_its_place),
		cmocka_unit_test(decode_oversized_fields_are_refused),
		cmocka_unit_test(read_refuses_what_is_no_readable_file),
		cmocka_unit_test(name_of_a_manifest_is_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
