// SPDX-License-Identifier: Apache-2.0
#include "cmd/weir-agent/agent.h"

void pipeline_on_flow_input(void *ctx, const struct weir_flow_input *input)
{
	struct agent *agent = ctx;

	if (weir_correlate_input(agent->correlate, input, agent->now_ns) < 0)
		agent->no_memory++;
}

void pipeline_on_drop(void *ctx, const struct weir_drop_input *input)
{
	struct agent *agent = ctx;

	if (weir_correlate_drop(agent->correlate, input, agent->now_ns) < 0)
		agent->no_memory++;
}

void pipeline_on_cgroup(void *ctx, const struct weir_cgroup_event *event)
{
	struct agent *agent = ctx;

	if (!event->made) {
		weir_store_remove_cgroup(agent->store, event->id, event->time_ns);
	} else if (weir_store_add_cgroup(agent->store, event->id, event->path) < 0) {
		agent->no_memory++;
		return;
	}
	agent->cgroup_events++;
}

/* A socket on this node says by its cgroup who it is; of the others only the address is known. */
const struct weir_identity *pipeline_identify(struct agent *agent, const struct weir_flow_end *end,
					      const struct weir_addr *addr, uint64_t when_ns)
{
	if (end->cookie)
		return weir_store_by_cgroup(agent->store, end->cgroup_id);
	return weir_store_by_ip(agent->store, addr, when_ns);
}

static const struct weir_service_name *service_of(struct agent *agent, const struct weir_flow *flow,
						  uint64_t when_ns)
{
	const struct weir_addr *addr = &flow->asked_addr;
	uint16_t port = flow->asked_port;

	if (weir_addr_is_none(addr)) {
		addr = &flow->destination_addr;
		port = flow->destination_port;
	}
	return weir_store_service(agent->store, addr, port, flow->protocol, when_ns);
}

bool pipeline_translates(void *ctx, const struct weir_addr *asked, uint16_t asked_port,
			 const struct weir_addr *backend, uint16_t backend_port, uint8_t protocol,
			 uint64_t when_ns)
{
	const struct agent *agent = ctx;

	return weir_store_translates(agent->store, asked, asked_port, backend, backend_port,
				     protocol, when_ns);
}

static void name_drop(struct agent *agent, const struct weir_flow_drop *drop,
		      struct weir_record *record)
{
	struct weir_drop_names *names = agent->drop_names;

	record->drop_reason = NULL;
	record->drop_reason_desc = NULL;
	record->drop_place = NULL;
	if (!drop->packets)
		return;
	record->drop_reason = weir_drop_names_reason(names, drop->reason);
	record->drop_reason_desc = weir_drop_names_hubble(names, drop->reason);
	record->drop_place = weir_drop_names_place(names, drop->place);
}

static void add_record(struct agent *agent, const struct weir_flow *flow)
{
	uint64_t when_ns = flow->opened_ns ? flow->opened_ns : flow->time_ns;
	const struct weir_service_name *service = service_of(agent, flow, when_ns);
	struct weir_record *record = weir_history_add(agent->history);

	record->kind = WEIR_RECORD_FLOW;
	record->time_ns = weir_clock_real_ns(&agent->clock, flow->time_ns);
	record->opened_ns = 0;
	if (flow->opened_ns)
		record->opened_ns = weir_clock_real_ns(&agent->clock, flow->opened_ns);
	record->flow = *flow;
	/* References are taken at once: a second lookup may replace what the first one lent. */
	record->source = weir_identity_ref(
		pipeline_identify(agent, &flow->source, &flow->source_addr, when_ns));
	record->destination = weir_identity_ref(
		pipeline_identify(agent, &flow->destination, &flow->destination_addr, when_ns));
	name_drop(agent, &flow->drop, record);
	record->service = service ? weir_service_name_ref(service) : NULL;
	record->dns = NULL;
	record->names = dns_names_of(agent, record);
}

/* The kernel tells what it drops on the whole node. With --cgroup-root only what a socket there is
 * known to have sent concerns us. */
static bool is_beyond_root(const struct agent *agent, const struct weir_flow *flow)
{
	return agent->root_cgroup_id && flow->state == WEIR_STATE_NOTICE && !flow->source.cookie;
}

void pipeline_on_flow(void *ctx, const struct weir_flow *flow)
{
	struct agent *agent = ctx;

	if (is_beyond_root(agent, flow))
		return;
	add_record(agent, flow);
}
