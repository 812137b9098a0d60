/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/weir-agent/dns.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/weir-agent/agent.h"
#include "flow/key.h"
#include "lib/cleanup.h"
#include "lib/map.h"

_Static_assert(WEIR_EV_DNS_PAYLOAD_LEN <= WEIR_DNS_STREAM_PART_MAX, "parts fit");

struct dns {
	struct weir_dns_pending *pending;
	struct weir_dns_names *names;
	struct weir_dns_streams *streams;
	struct dns_stats stats;
	struct weir_dns_message message;  /* the one at hand */
};

int dns_new(struct dns **ret_dns)
{
	_cleanup_(dns_free) struct dns *dns = calloc(1, sizeof(*dns));
	int r;

	if (!dns)
		return -ENOMEM;
	r = weir_dns_pending_new(&dns->pending);
	if (r < 0)
		return r;
	r = weir_dns_names_new(&dns->names);
	if (r < 0)
		return r;
	r = weir_dns_streams_new(&dns->streams);
	if (r < 0)
		return r;
	*ret_dns = TAKE_PTR(dns);
	return 0;
}

void dns_free(struct dns **dns)
{
	if (!*dns)
		return;
	weir_dns_pending_free(&(*dns)->pending);
	weir_dns_names_free(&(*dns)->names);
	weir_dns_streams_free(&(*dns)->streams);
	free(*dns);
	*dns = NULL;
}

static int parse_port(const char *text, uint16_t *ret_port)
{
	unsigned long port;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	port = strtoul(text, &end, 10);
	if (errno || *end || port < 1 || port > UINT16_MAX)
		return -EINVAL;
	*ret_port = (uint16_t)port;
	return 0;
}

int dns_ports_parse(const struct weir_option_list *list, uint16_t ret_ports[WEIR_EV_DNS_PORTS_MAX],
		    struct weir_error *err)
{
	uint16_t ports[WEIR_EV_DNS_PORTS_MAX] = { 0 };
	bool none = list->count == 1 && !strcmp(list->values[0], "none");

	if (list->count > WEIR_EV_DNS_PORTS_MAX)
		return weir_error_set(err, -EINVAL, "--dns-ports: more than %d",
				      WEIR_EV_DNS_PORTS_MAX);
	for (size_t i = 0; i < list->count && !none; i++)
		if (parse_port(list->values[i], &ports[i]) < 0)
			return weir_error_set(err, -EINVAL,
					      "--dns-ports: '%s' is not a port (1 to 65535)",
					      list->values[i]);
	memcpy(ret_ports, ports, sizeof(ports));
	return 0;
}

/* Whose view of names it is: the pod's, else the cgroup's. 0: nobody's. */
static uint64_t viewer(const struct weir_identity *identity, const struct weir_flow_end *end)
{
	if (*identity->pod_uid)
		return weir_hash_bytes(identity->pod_uid, strlen(identity->pod_uid));
	return end->cgroup_id ? weir_hash_u64(end->cgroup_id) : 0;
}

/* How long it took to answer; 0 when it is not known who asked. An answer that nobody asked for is
 * not believed either: anyone may have sent it. */
static uint64_t take_answer(struct dns *dns, const struct weir_dns_event *event,
			    const struct weir_dns_client *client, uint64_t view)
{
	uint64_t asked_ns;

	if (!weir_dns_pending_answer(dns->pending, client, &dns->message, event->time_ns,
				     &asked_ns))
		return 0;
	if (view)
		(void)weir_dns_names_learn(dns->names, view, &dns->message, event->time_ns);
	return event->time_ns > asked_ns ? event->time_ns - asked_ns : 1;
}

static struct weir_dns_client client_of(const struct weir_dns_event *event)
{
	return (struct weir_dns_client){
		.cookie = event->end.cookie,
		.addr = event->client,
		.netns = event->end.netns,
		.port = event->client_port,
		.protocol = event->protocol,
	};
}

static uint64_t follow(struct dns *dns, const struct weir_dns_event *event, uint64_t view)
{
	const struct weir_dns_client client = client_of(event);

	if (event->answer) {
		dns->stats.responses++;
		return take_answer(dns, event, &client, view);
	}
	dns->stats.queries++;
	weir_dns_pending_ask(dns->pending, &client, &dns->message, event->time_ns);
	return 0;
}

/* What names the client by its socket; without one its address has to. */
static struct weir_flow_end socket_of(const struct weir_dns_event *event)
{
	if (event->end.cookie & WEIR_COOKIE_LINK)
		return (struct weir_flow_end){ 0 };
	return event->end;
}

static struct weir_flow flow_of(const struct weir_dns_event *event, uint16_t id)
{
	struct weir_flow flow = {
		.id = weir_key_mix(event->end.cookie ^ (uint64_t)id << 48 ^ event->client_port),
		.time_ns = event->time_ns,
		.protocol = event->protocol,
		.state = WEIR_STATE_NOTICE,
		.verdict = WEIR_VERDICT_FORWARDED,
		.direction = WEIR_DIRECTION_EGRESS,
		.direction_known = true,
		.source_addr = event->answer ? event->server : event->client,
		.destination_addr = event->answer ? event->client : event->server,
		.source_port = event->answer ? event->server_port : event->client_port,
		.destination_port = event->answer ? event->client_port : event->server_port,
		.asked_addr = event->server,
		.asked_port = event->server_port,
	};

	*(event->answer ? &flow.destination : &flow.source) = socket_of(event);
	return flow;
}

static void add_record(struct agent *agent, const struct weir_dns_event *event,
		       const struct weir_identity *client, struct weir_record_dns *dns)
{
	static const struct weir_flow_end elsewhere;
	const struct weir_service_name *service = weir_store_service(
		agent->store, &event->server, event->server_port, event->protocol, event->time_ns);
	struct weir_record *record = weir_history_add(agent->history);
	const struct weir_identity *server;

	*record = (struct weir_record){
		.kind = WEIR_RECORD_FLOW,
		.time_ns = weir_clock_real_ns(&agent->clock, event->time_ns),
		.flow = flow_of(event, agent->dns->message.id),
		.service = service ? weir_service_name_ref(service) : NULL,
		.dns = dns,
	};
	server = weir_identity_ref(
		pipeline_identify(agent, &elsewhere, &event->server, event->time_ns));
	record->source = event->answer ? server : client;
	record->destination = event->answer ? client : server;
}

/* 0, also for what is no DNS; -ENOMEM. */
static int message_seen(struct agent *agent, const struct weir_dns_event *event,
			const uint8_t *bytes, size_t captured, size_t len)
{
	const struct weir_flow_end end = socket_of(event);
	struct weir_record_dns *told;
	const struct weir_identity *client;
	struct dns *dns = agent->dns;
	uint64_t latency_ns;
	int r;

	r = weir_dns_message_parse(&dns->message, bytes, captured, len);
	if (r == -EBADMSG || (r == 0 && dns->message.response != event->answer)) {
		dns->stats.bad++;
		return 0;
	}
	if (r < 0)
		return r;
	/* Kept at once: a second lookup may replace what the first one lent. */
	client = weir_identity_ref(pipeline_identify(agent, &end, &event->client, event->time_ns));
	latency_ns = follow(dns, event, viewer(client, &end));
	r = weir_record_dns_new(&dns->message, latency_ns, &told);
	if (r < 0) {
		weir_identity_unref(client);
		return r;
	}
	add_record(agent, event, client, told);
	return 0;
}

/* A part of a stream while its messages come out; those that were waiting for it are its client's, too. */
struct part_seen {
	struct agent *agent;
	const struct weir_dns_event *event;
	int r;
};

static void on_stream_message(void *ctx, const uint8_t *bytes, size_t captured, size_t len)
{
	struct part_seen *seen = ctx;
	int r = message_seen(seen->agent, seen->event, bytes, captured, len);

	if (r < 0)
		seen->r = r;
}

static int part_seen(struct agent *agent, const struct weir_dns_event *event)
{
	const struct weir_dns_part part = {
		.client = client_of(event),
		.server = event->server,
		.server_port = event->server_port,
		.answer = event->answer,
		.seq = event->seq,
		.isn = event->isn,
		.bytes = event->payload,
		.captured = event->captured,
		.len = event->len,
	};
	struct part_seen seen = { .agent = agent, .event = event };

	weir_dns_streams_feed(agent->dns->streams, &part, event->time_ns, on_stream_message, &seen);
	return seen.r;
}

void dns_on_event(void *ctx, const struct weir_dns_event *event)
{
	struct agent *agent = ctx;
	int r;

	if (event->protocol == IPPROTO_TCP)
		r = part_seen(agent, event);
	else
		r = message_seen(agent, event, event->payload, event->captured, event->len);
	if (r < 0)
		agent->no_memory++;
	else
		agent->dns->stats.events++;
}

static size_t look_up(struct agent *agent, uint64_t view, const struct weir_addr *addr,
		      uint64_t when_ns, const char *ret[WEIR_DNS_NAMES_TOLD_MAX])
{
	if (!view || weir_addr_is_none(addr))
		return 0;
	return weir_dns_names_lookup(agent->dns->names, view, addr, when_ns, agent->now_ns, ret);
}

struct weir_record_names *dns_names_of(struct agent *agent, const struct weir_record *record)
{
	const char *source[WEIR_DNS_NAMES_TOLD_MAX], *destination[WEIR_DNS_NAMES_TOLD_MAX];
	const struct weir_flow *flow = &record->flow;
	struct weir_record_names *names = NULL;
	uint64_t source_view, destination_view;
	size_t n_source, n_destination;

	if (!flow->opened_ns || weir_dns_names_is_empty(agent->dns->names))
		return NULL;
	source_view = viewer(record->source, &flow->source);
	destination_view = viewer(record->destination, &flow->destination);
	n_destination =
		look_up(agent, source_view, &flow->asked_addr, flow->opened_ns, destination);
	if (!n_destination)
		n_destination = look_up(agent, source_view, &flow->destination_addr,
					flow->opened_ns, destination);
	n_source = look_up(agent, destination_view, &flow->source_addr, flow->opened_ns, source);
	/* A record without names is better than none. */
	if (n_source || n_destination)
		(void)weir_record_names_new(source, n_source, destination, n_destination, &names);
	return names;
}

void dns_expire(struct dns *dns, uint64_t now_ns)
{
	if (!dns)
		return;
	weir_dns_pending_expire(dns->pending, now_ns);
	weir_dns_names_expire(dns->names, now_ns);
	weir_dns_streams_expire(dns->streams, now_ns);
}

void dns_get_stats(const struct dns *dns, struct dns_stats *ret_stats)
{
	*ret_stats = dns->stats;
	weir_dns_pending_get_stats(dns->pending, &ret_stats->pending);
	weir_dns_names_get_stats(dns->names, &ret_stats->names);
	weir_dns_streams_get_stats(dns->streams, &ret_stats->streams);
}
