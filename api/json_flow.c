/* SPDX-License-Identifier: Apache-2.0 */
#include "api/json_put.h"

#include <netinet/in.h>
#include <string.h>

/* flow.proto's event types: 4 is a trace event, which is what its clients print as traffic. */
#define EVENT_TYPE_TRACE "4"

/* Of those: seen leaving an endpoint. Arriving at one is 0. */
#define SUB_TYPE_FROM_ENDPOINT "5"

/* And 1 is a drop event. Its sub type is a number of Cilium's, of which the kernel's are none. */
#define EVENT_TYPE_DROP "1"

/* And 129 is what a proxy logged of an application's protocol. */
#define EVENT_TYPE_L7 "129"

#define EMITTER "\"emitter\":{\"name\":\"Weir\",\"version\":\"" WEIR_VERSION "\"},"

static uint64_t mix(uint64_t value)
{
	/* The finalizer of SplitMix64: bijective, every input bit reaches every output bit. */
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
	return value ^ value >> 31;
}

/*
 * The same record has the same id wherever and whenever it is encoded. Version 8, "custom", is
 * the one RFC 9562 keeps for ids made by a rule of one's own.
 */
static void put_uuid(struct weir_buf *out, const struct weir_record *record)
{
	const struct weir_flow *flow = &record->flow;
	uint64_t kind = (uint64_t)flow->state << 8 | flow->direction;
	uint64_t high = mix(flow->id + mix((uint64_t)record->time_ns + mix(kind + 1)));
	uint64_t low = mix(high ^ mix(flow->id + 0x9e3779b97f4a7c15ULL));
	char hex[32];
	static const char digits[] = "0123456789abcdef";

	high = (high & ~0xf000ULL) | 0x8000;
	low = (low & ~(3ULL << 62)) | 2ULL << 62;
	for (int i = 0; i < 16; i++) {
		hex[i] = digits[high >> (60 - 4 * i) & 15];
		hex[16 + i] = digits[low >> (60 - 4 * i) & 15];
	}
	WEIR_JSON_LIT(out, "\"uuid\":\"");
	weir_json_raw(out, hex, 8);
	WEIR_JSON_LIT(out, "-");
	weir_json_raw(out, hex + 8, 4);
	WEIR_JSON_LIT(out, "-");
	weir_json_raw(out, hex + 12, 4);
	WEIR_JSON_LIT(out, "-");
	weir_json_raw(out, hex + 16, 4);
	WEIR_JSON_LIT(out, "-");
	weir_json_raw(out, hex + 20, 12);
	WEIR_JSON_LIT(out, "\",");
}

static void put_ip(struct weir_buf *out, const struct weir_flow *flow)
{
	const struct weir_addr *any = weir_addr_is_none(&flow->source_addr)
					      ? &flow->destination_addr
					      : &flow->source_addr;

	if (weir_addr_is_none(any))
		return;
	WEIR_JSON_LIT(out, "\"IP\":{");
	WEIR_JSON_ADDR(out, "\"source\":", &flow->source_addr);
	WEIR_JSON_ADDR(out, "\"source_xlated\":", &flow->source_xlated);
	WEIR_JSON_ADDR(out, "\"destination\":", &flow->destination_addr);
	if (weir_addr_is_v4(any))
		WEIR_JSON_LIT(out, "\"ipVersion\":\"IPv4\"},");
	else
		WEIR_JSON_LIT(out, "\"ipVersion\":\"IPv6\"},");
}

static void put_l4(struct weir_buf *out, const struct weir_flow *flow)
{
	switch (flow->protocol) {
	case IPPROTO_TCP:
		WEIR_JSON_LIT(out, "\"l4\":{\"TCP\":{");
		break;
	case IPPROTO_UDP:
		WEIR_JSON_LIT(out, "\"l4\":{\"UDP\":{");
		break;
	case IPPROTO_SCTP:
		WEIR_JSON_LIT(out, "\"l4\":{\"SCTP\":{");
		break;
	default:
		return;
	}
	WEIR_JSON_U32(out, "\"source_port\":", flow->source_port);
	WEIR_JSON_U32(out, "\"destination_port\":", flow->destination_port);
	weir_json_close(out, '}');
	weir_json_close(out, '}');
}

static void put_labels(struct weir_buf *out, const struct weir_identity *identity)
{
	if (!identity->n_labels)
		return;
	WEIR_JSON_LIT(out, "\"labels\":[");
	for (size_t i = 0; i < identity->n_labels; i++) {
		weir_json_string(out, identity->labels[i], strlen(identity->labels[i]));
		WEIR_JSON_LIT(out, ",");
	}
	weir_json_close(out, ']');
}

static void put_workload(struct weir_buf *out, const struct weir_identity *identity)
{
	if (!*identity->workload_name)
		return;
	WEIR_JSON_LIT(out, "\"workloads\":[{");
	WEIR_JSON_STR(out, "\"name\":", identity->workload_name);
	WEIR_JSON_STR(out, "\"kind\":", identity->workload_kind);
	weir_json_close(out, '}');
	weir_json_close(out, ']');
}

static void put_process(struct weir_buf *out, const struct weir_flow_end *end,
			const struct weir_identity *identity)
{
	size_t start = out->len, opened;

	WEIR_JSON_LIT(out, "\"process\":{");
	opened = out->len;
	WEIR_JSON_U32(out, "\"pid\":", end->pid);
	WEIR_JSON_STR(out, "\"comm\":", end->comm);
	WEIR_JSON_STR(out, "\"container_name\":", identity->container);
	weir_json_close_or_drop(out, '}', opened, start);
}

static void put_endpoint(struct weir_buf *out, const struct weir_flow_end *end,
			 const struct weir_identity *identity)
{
	WEIR_JSON_U32(out, "\"identity\":", identity->numeric);
	WEIR_JSON_STR(out, "\"namespace\":", identity->namespace_);
	put_labels(out, identity);
	WEIR_JSON_STR(out, "\"pod_name\":", identity->pod_name);
	put_workload(out, identity);
	WEIR_JSON_STR(out, "\"kind\":", weir_identity_kind_to_str(identity->kind));
	WEIR_JSON_STR(out, "\"pod_uid\":", identity->pod_uid);
	WEIR_JSON_STR(out, "\"node_name\":", identity->node_name);
	WEIR_JSON_STR(out, "\"unit\":", identity->unit);
	put_process(out, end, identity);
	weir_json_close(out, '}');
}

/* The Service the client asked for; with the address and port it asked for it by. */
static void put_service(struct weir_buf *out, const struct weir_record *record)
{
	if (!record->service)
		return;
	if (record->dns && record->dns->response)
		WEIR_JSON_LIT(out, "\"source_service\":{");
	else
		WEIR_JSON_LIT(out, "\"destination_service\":{");
	WEIR_JSON_STR(out, "\"name\":", record->service->name);
	WEIR_JSON_STR(out, "\"namespace\":", record->service->namespace_);
	WEIR_JSON_ADDR(out, "\"cluster_ip\":", &record->flow.asked_addr);
	WEIR_JSON_U32(out, "\"port\":", record->flow.asked_port);
	weir_json_close(out, '}');
}

/* Whether something is known to have arrived at a socket on this node. */
static bool has_arrived(const struct weir_flow *flow)
{
	if (!flow->destination.cookie)
		return false;
	return flow->established || (flow->protocol == IPPROTO_UDP && flow->packets_sent);
}

static void put_drop(struct weir_buf *out, const struct weir_record *record)
{
	if (!record->flow.drop.packets)
		return;
	WEIR_JSON_LIT(out, "\"drop\":{");
	WEIR_JSON_STR(out, "\"reason\":", record->drop_reason ? record->drop_reason : "");
	WEIR_JSON_STR(out, "\"place\":", record->drop_place ? record->drop_place : "");
	WEIR_JSON_U64(out, "\"packets\":", record->flow.drop.packets);
	weir_json_close(out, '}');
}

static void put_event(struct weir_buf *out, const struct weir_record *record, bool arrived)
{
	const struct weir_flow *flow = &record->flow;

	if (record->dns)
		WEIR_JSON_LIT(out, "\"event_type\":{\"type\":" EVENT_TYPE_L7 "},");
	else if (flow->verdict == WEIR_VERDICT_DROPPED)
		WEIR_JSON_LIT(out, "\"event_type\":{\"type\":" EVENT_TYPE_DROP "},");
	else if (arrived)
		WEIR_JSON_LIT(out, "\"event_type\":{\"type\":" EVENT_TYPE_TRACE "},");
	else
		WEIR_JSON_LIT(out, "\"event_type\":{\"type\":" EVENT_TYPE_TRACE
				   ",\"sub_type\":" SUB_TYPE_FROM_ENDPOINT "},");
}

static void put_observation(struct weir_buf *out, const struct weir_record *record)
{
	const struct weir_flow *flow = &record->flow;
	const struct weir_flow_end *end =
		flow->source.cgroup_id || flow->source.cookie ? &flow->source : &flow->destination;

	bool arrived = has_arrived(flow);

	put_event(out, record, arrived);
	if (flow->direction == WEIR_DIRECTION_INGRESS)
		WEIR_JSON_LIT(out, "\"traffic_direction\":\"INGRESS\",");
	else if (flow->direction == WEIR_DIRECTION_EGRESS)
		WEIR_JSON_LIT(out, "\"traffic_direction\":\"EGRESS\",");
	if (flow->verdict == WEIR_VERDICT_DROPPED || record->dns)
		; /* no trace of it anywhere, or a point that is no place in the network */
	else if (arrived)
		WEIR_JSON_LIT(out, "\"trace_observation_point\":\"TO_ENDPOINT\",");
	else
		WEIR_JSON_LIT(out, "\"trace_observation_point\":\"FROM_ENDPOINT\",");
	if (record->dns && record->dns->response)
		WEIR_JSON_LIT(out, "\"is_reply\":true,");
	else if (flow->direction_known)
		WEIR_JSON_LIT(out, "\"is_reply\":false,");
	WEIR_JSON_U64(out, "\"socket_cookie\":", end->cookie);
	WEIR_JSON_U64(out, "\"cgroup_id\":", end->cgroup_id);
}

void weir_json_flow(struct weir_buf *out, const struct weir_record *record, const char *node_name)
{
	const struct weir_flow *flow = &record->flow;

	WEIR_JSON_LIT(out, "{");
	WEIR_JSON_TIME(out, "\"time\":", record->time_ns);
	put_uuid(out, record);
	WEIR_JSON_LIT(out, EMITTER);
	if (flow->verdict != WEIR_VERDICT_UNKNOWN)
		WEIR_JSON_STR(out, "\"verdict\":", weir_verdict_to_str(flow->verdict));
	if (flow->verdict == WEIR_VERDICT_DROPPED && record->drop_reason_desc)
		WEIR_JSON_STR(out, "\"drop_reason_desc\":", record->drop_reason_desc);
	put_ip(out, flow);
	put_l4(out, flow);
	WEIR_JSON_LIT(out, "\"source\":{");
	put_endpoint(out, &flow->source, record->source);
	WEIR_JSON_LIT(out, "\"destination\":{");
	put_endpoint(out, &flow->destination, record->destination);
	if (record->dns)
		WEIR_JSON_LIT(out, "\"Type\":\"L7\",");
	else
		WEIR_JSON_LIT(out, "\"Type\":\"L3_L4\",");
	WEIR_JSON_STR(out, "\"node_name\":", node_name);
	weir_json_names(out, record->names);
	put_service(out, record);
	put_observation(out, record);
	put_drop(out, record);
	if (record->dns) {
		weir_json_dns(out, record->dns);
	} else {
		weir_json_summary(out, flow);
		weir_json_connection(out, record);
	}
	weir_json_close(out, '}');
}
