/* SPDX-License-Identifier: Apache-2.0 */
#include "api/record_view.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "api/json_read.h"
#include "lib/cleanup.h"
#include "lib/time.h"

struct weir_view_reader {
	struct json_tokener *tokener;
	struct json_object *root;  /* what the last view borrows from */
};

static bool get_duration(struct json_object *object, const char *key, uint64_t *ret_ns)
{
	uint64_t ns;

	if (weir_duration_parse(weir_json_get_text(object, key), &ns) < 0)
		return false;
	*ret_ns = ns;
	return true;
}

static const char *first_text(struct json_object *array)
{
	struct json_object *value;

	if (!json_object_is_type(array, json_type_array) || !json_object_array_length(array))
		return "";
	value = json_object_array_get_idx(array, 0);
	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

static const char *reserved_label(struct json_object *labels)
{
	static const char prefix[] = "reserved:";

	if (!json_object_is_type(labels, json_type_array))
		return "";
	for (size_t i = 0; i < json_object_array_length(labels); i++) {
		struct json_object *label = json_object_array_get_idx(labels, i);
		const char *text;

		if (!json_object_is_type(label, json_type_string))
			continue;
		text = json_object_get_string(label);
		if (!strncmp(text, prefix, sizeof(prefix) - 1))
			return text + sizeof(prefix) - 1;
	}
	return "";
}

static void read_end(struct json_object *flow, const char *key, const char *names,
		     struct weir_view_end *end)
{
	struct json_object *object = weir_json_get(flow, key);
	struct json_object *process = weir_json_get(object, "process");
	struct json_object *workloads = weir_json_get(object, "workloads");
	struct json_object *workload = NULL;

	if (json_object_is_type(workloads, json_type_array) && json_object_array_length(workloads))
		workload = json_object_array_get_idx(workloads, 0);
	end->ip = weir_json_get_text(weir_json_get(flow, "IP"), key);
	end->namespace_name = weir_json_get_text(object, "namespace");
	end->pod = weir_json_get_text(object, "pod_name");
	end->pod_uid = weir_json_get_text(object, "pod_uid");
	end->workload = weir_json_get_text(workload, "name");
	end->workload_kind = weir_json_get_text(workload, "kind");
	end->unit = weir_json_get_text(object, "unit");
	end->comm = weir_json_get_text(process, "comm");
	end->container = weir_json_get_text(process, "container_name");
	end->pid = weir_json_get_number(process, "pid");
	end->identity = weir_json_get_number(object, "identity");
	end->reserved = reserved_label(weir_json_get(object, "labels"));
	end->dns_name = first_text(weir_json_get(flow, names));
}

static void read_l4(struct json_object *flow, struct weir_view *view)
{
	static const char *const known[] = { "TCP", "UDP", "SCTP", "ICMPv4", "ICMPv6" };
	struct json_object *l4 = weir_json_get(flow, "l4");

	view->protocol = "";
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct json_object *protocol = weir_json_get(l4, known[i]);

		if (!protocol)
			continue;
		view->protocol = known[i];
		view->source.port = weir_json_get_number(protocol, "source_port");
		view->destination.port = weir_json_get_number(protocol, "destination_port");
		return;
	}
}

static void read_icmp_error(struct json_object *connection, struct weir_view_connection *c)
{
	struct json_object *object = weir_json_get(connection, "icmp_error");

	c->icmp_name = weir_json_get_text(object, "name");
	c->icmp_sender = weir_json_get_text(object, "sender");
	c->icmp_count = weir_json_get_number(object, "count");
	c->icmp_type = weir_json_get_number(object, "type");
	c->icmp_code = weir_json_get_number(object, "code");
	c->icmp_mtu = weir_json_get_number(object, "mtu");
}

static void read_connection(struct json_object *flow, struct weir_view_connection *c)
{
	struct json_object *object = weir_json_get(flow, "connection");

	c->present = object != NULL;
	c->established = json_object_get_boolean(weir_json_get(object, "established"));
	c->id = weir_json_get_text(object, "id");
	c->state = weir_json_get_text(object, "state");
	c->end_reason = weir_json_get_text(object, "end_reason");
	c->reset_by = weir_json_get_text(object, "reset_by");
	c->start_reason = weir_json_get_text(object, "start_reason");
	read_icmp_error(object, c);
	c->bytes_sent = weir_json_get_number(object, "bytes_sent");
	c->bytes_received = weir_json_get_number(object, "bytes_received");
	c->packets_sent = weir_json_get_number(object, "packets_sent");
	c->packets_received = weir_json_get_number(object, "packets_received");
	c->retransmits_sent = weir_json_get_number(object, "retransmits_sent");
	c->retransmits_received = weir_json_get_number(object, "retransmits_received");
	c->zero_windows_sent = weir_json_get_number(object, "zero_windows_sent");
	c->zero_windows_received = weir_json_get_number(object, "zero_windows_received");
	c->has_duration = get_duration(object, "duration", &c->duration_ns);
	(void)get_duration(object, "connect_latency", &c->connect_latency_ns);
	(void)get_duration(object, "rtt", &c->rtt_ns);
	(void)get_duration(object, "rtt_min", &c->rtt_min_ns);
}

static size_t read_texts(struct json_object *array, const char **texts, size_t max)
{
	size_t n = 0;

	if (!json_object_is_type(array, json_type_array))
		return 0;
	for (size_t i = 0; i < json_object_array_length(array) && n < max; i++) {
		struct json_object *value = json_object_array_get_idx(array, i);

		if (json_object_is_type(value, json_type_string))
			texts[n++] = json_object_get_string(value);
	}
	return n;
}

static void read_dns(struct json_object *flow, struct weir_view_dns *dns)
{
	struct json_object *l7 = weir_json_get(flow, "l7");
	struct json_object *object = weir_json_get(l7, "dns");

	dns->present = object != NULL;
	dns->response = !strcmp(weir_json_get_text(l7, "type"), "RESPONSE");
	dns->latency_ns = weir_json_get_number(l7, "latency_ns");
	dns->query = weir_json_get_text(object, "query");
	dns->qtype = first_text(weir_json_get(object, "qtypes"));
	dns->source = weir_json_get_text(object, "observation_source");
	dns->rcode = weir_json_get_number(object, "rcode");
	dns->ttl = weir_json_get_number(object, "ttl");
	dns->n_ips = read_texts(weir_json_get(object, "ips"), dns->ips, WEIR_VIEW_DNS_IPS_MAX);
	dns->n_cnames =
		read_texts(weir_json_get(object, "cnames"), dns->cnames, WEIR_VIEW_DNS_CNAMES_MAX);
}

static void read_flow(struct json_object *flow, struct weir_view *view)
{
	struct json_object *is_reply = weir_json_get(flow, "is_reply");
	struct json_object *event = weir_json_get(flow, "event_type");
	struct json_object *service = weir_json_get(flow, "destination_service");
	struct json_object *drop = weir_json_get(flow, "drop");

	view->kind = WEIR_VIEW_FLOW;
	view->verdict = weir_json_get_text(flow, "verdict");
	if (!*view->verdict)
		view->verdict = "VERDICT_UNKNOWN";
	view->direction = weir_json_get_text(flow, "traffic_direction");
	view->summary = weir_json_get_text(flow, "Summary");
	view->drop_reason = weir_json_get_text(flow, "drop_reason_desc");
	view->drop_kernel_reason = weir_json_get_text(drop, "reason");
	view->drop_place = weir_json_get_text(drop, "place");
	view->drop_packets = weir_json_get_number(drop, "packets");
	view->has_is_reply = json_object_is_type(is_reply, json_type_boolean);
	view->is_reply = view->has_is_reply && json_object_get_boolean(is_reply);
	view->event_type = (int)weir_json_get_number(event, "type");
	view->event_sub_type = (int)weir_json_get_number(event, "sub_type");
	read_end(flow, "source", "source_names", &view->source);
	read_end(flow, "destination", "destination_names", &view->destination);
	view->source.xlated = weir_json_get_text(weir_json_get(flow, "IP"), "source_xlated");
	view->destination.xlated = "";
	read_l4(flow, view);
	if (!service)
		service = weir_json_get(flow, "source_service");
	view->service = weir_json_get_text(service, "name");
	view->service_namespace = weir_json_get_text(service, "namespace");
	view->service_ip = weir_json_get_text(service, "cluster_ip");
	view->service_port = weir_json_get_number(service, "port");
	read_connection(flow, &view->connection);
	read_dns(flow, &view->dns);
}

static void read_lost(struct json_object *lost, struct weir_view *view)
{
	view->kind = WEIR_VIEW_LOST;
	view->lost_source = weir_json_get_text(lost, "source");
	view->lost_cause = weir_json_get_text(lost, "cause");
	view->lost_count = weir_json_get_number(lost, "num_events_lost");
}

static void read_root(struct json_object *root, struct weir_view *view)
{
	struct json_object *flow = weir_json_get(root, "flow");
	struct json_object *lost = weir_json_get(root, "lost_events");
	struct json_object *error = weir_json_get(root, "error");
	struct json_object *status = weir_json_get(root, "node_status");
	const char *time = weir_json_get_text(root, "time");

	*view = (struct weir_view){ .kind = WEIR_VIEW_OTHER,
				    .node_name = weir_json_get_text(root, "node_name") };
	if (!*time)
		time = weir_json_get_text(flow, "time");
	view->has_time = weir_time_parse(time, &view->time_ns) == 0;
	if (!*view->node_name)
		view->node_name = weir_json_get_text(flow, "node_name");
	if (flow) {
		read_flow(flow, view);
	} else if (lost) {
		read_lost(lost, view);
	} else if (error) {
		view->kind = WEIR_VIEW_ERROR;
		view->message = weir_json_get_text(error, "message");
		view->code = weir_json_get_number(error, "code");
	} else if (status) {
		view->kind = WEIR_VIEW_NODE_STATUS;
		view->verdict = weir_json_get_text(status, "state_change");
		view->message = weir_json_get_text(status, "message");
	}
}

int weir_view_reader_new(struct weir_view_reader **ret_reader)
{
	_cleanup_(weir_view_reader_free) struct weir_view_reader *reader =
		calloc(1, sizeof(*reader));

	if (!reader)
		return -ENOMEM;
	reader->tokener = weir_json_tokener();
	if (!reader->tokener)
		return -ENOMEM;
	*ret_reader = TAKE_PTR(reader);
	return 0;
}

void weir_view_reader_free(struct weir_view_reader **reader)
{
	if (!*reader)
		return;
	(void)json_object_put((*reader)->root);
	if ((*reader)->tokener)
		json_tokener_free((*reader)->tokener);
	free(*reader);
	*reader = NULL;
}

int weir_view_read(struct weir_view_reader *reader, const char *line, size_t len,
		   struct weir_view *ret_view, struct weir_error *err)
{
	int r;

	(void)json_object_put(reader->root);
	reader->root = NULL;
	r = weir_json_parse_object(reader->tokener, line, len, &reader->root, err);
	if (r < 0)
		return r;
	read_root(reader->root, ret_view);
	return 0;
}
