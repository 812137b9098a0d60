/* SPDX-License-Identifier: Apache-2.0 */
#include "api/json_put.h"

#include <netinet/in.h>

#include "api/community_id.h"
#include "lib/time.h"

#define US_PER_MS 1000
#define US_PER_CENTI_MS 10

static bool has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

static void put_id(struct weir_buf *out, uint64_t id)
{
	static const char digits[] = "0123456789abcdef";
	char hex[16];

	if (!id)
		return;
	for (size_t i = 0; i < sizeof(hex); i++)
		hex[i] = digits[id >> (60 - 4 * i) & 15];
	WEIR_JSON_LIT(out, "\"id\":\"");
	weir_json_raw(out, hex, sizeof(hex));
	WEIR_JSON_LIT(out, "\",");
}

static void put_community_id(struct weir_buf *out, const struct weir_flow *flow)
{
	char text[WEIR_COMMUNITY_ID_MAX];

	if (!has_ports(flow->protocol) || weir_addr_is_none(&flow->source_addr) ||
	    weir_addr_is_none(&flow->destination_addr))
		return;
	WEIR_JSON_STR(out, "\"community_id\":",
		      weir_community_id(flow->protocol, &flow->source_addr, flow->source_port,
					&flow->destination_addr, flow->destination_port, text));
}

/* Where the handshake of a connection that did not come to be was seen last. */
static void put_last_seen(struct weir_buf *out, enum weir_seen seen)
{
	if (seen == WEIR_SEEN_NOTHING)
		return;
	WEIR_JSON_LIT(out, "\"last_seen\":{");
	WEIR_JSON_STR(out, "\"packet\":", weir_seen_packet(seen));
	WEIR_JSON_STR(out, "\"at\":", weir_seen_at(seen));
	weir_json_close(out, '}');
}

/* The code is told also when it is 0, which is one of them. */
static void put_icmp_error(struct weir_buf *out, const struct weir_flow_icmp *icmp)
{
	if (!icmp->packets)
		return;
	WEIR_JSON_LIT(out, "\"icmp_error\":{");
	WEIR_JSON_U32(out, "\"type\":", icmp->latest.type);
	WEIR_JSON_LIT(out, "\"code\":");
	weir_buf_put_u64(out, icmp->latest.code);
	WEIR_JSON_LIT(out, ",");
	WEIR_JSON_STR(out, "\"name\":", weir_icmp_to_str(&icmp->latest));
	WEIR_JSON_ADDR(out, "\"sender\":", &icmp->latest.sender);
	WEIR_JSON_U32(out, "\"mtu\":", icmp->latest.mtu);
	WEIR_JSON_U64(out, "\"count\":", icmp->packets);
	weir_json_close(out, '}');
}

static void put_times(struct weir_buf *out, const struct weir_record *record)
{
	const struct weir_flow *flow = &record->flow;

	WEIR_JSON_TIME(out, "\"opened_at\":", record->opened_ns);
	if (flow->opened_ns && flow->last_ns > flow->opened_ns)
		WEIR_JSON_SPAN(out, "\"duration\":", flow->last_ns - flow->opened_ns);
	WEIR_JSON_SPAN(out, "\"connect_latency\":", flow->connect_latency_us * WEIR_NS_PER_US);
	if (flow->established)
		WEIR_JSON_LIT(out, "\"established\":true,");
	if (flow->found)
		WEIR_JSON_LIT(out, "\"start_reason\":\"AGENT_START\",");
	WEIR_JSON_STR(out, "\"end_reason\":", weir_end_reason_to_str(flow->end_reason));
	put_last_seen(out, flow->seen);
	if (flow->reset_by != WEIR_ROLE_UNKNOWN)
		WEIR_JSON_STR(out, "\"reset_by\":",
			      flow->reset_by == WEIR_ROLE_CLIENT ? "source" : "destination");
	put_icmp_error(out, &flow->icmp);
}

static void put_counts(struct weir_buf *out, const struct weir_flow *flow)
{
	WEIR_JSON_U64(out, "\"bytes_sent\":", flow->bytes_sent);
	WEIR_JSON_U64(out, "\"bytes_received\":", flow->bytes_received);
	WEIR_JSON_U64(out, "\"packets_sent\":", flow->packets_sent);
	WEIR_JSON_U64(out, "\"packets_received\":", flow->packets_received);
	WEIR_JSON_SPAN(out, "\"rtt\":", flow->rtt_us * WEIR_NS_PER_US);
	WEIR_JSON_SPAN(out, "\"rtt_min\":", flow->rtt_min_us * WEIR_NS_PER_US);
	WEIR_JSON_U32(out, "\"retransmits_sent\":", flow->retransmits_sent);
	WEIR_JSON_U32(out, "\"retransmits_received\":", flow->retransmits_received);
	WEIR_JSON_U32(out, "\"zero_windows_sent\":", flow->zero_windows_sent);
	WEIR_JSON_U32(out, "\"zero_windows_received\":", flow->zero_windows_received);
}

void weir_json_connection(struct weir_buf *out, const struct weir_record *record)
{
	const struct weir_flow *flow = &record->flow;

	WEIR_JSON_LIT(out, "\"connection\":{");
	put_id(out, flow->id);
	put_community_id(out, flow);
	WEIR_JSON_STR(out, "\"state\":", weir_state_to_str(flow->state));
	put_times(out, record);
	put_counts(out, flow);
	if (!weir_addr_is_none(&flow->asked_addr)) {
		WEIR_JSON_LIT(out, "\"asked\":{");
		WEIR_JSON_ADDR(out, "\"IP\":", &flow->asked_addr);
		WEIR_JSON_U32(out, "\"port\":", flow->asked_port);
		weir_json_close(out, '}');
	}
	weir_json_close(out, '}');
}

static void put_rtt_ms(struct weir_buf *out, uint32_t rtt_us)
{
	/* To the nearest, but a round trip of 3 us is not 0.00 ms. */
	uint64_t nearest = ((uint64_t)rtt_us + US_PER_CENTI_MS / 2) / US_PER_CENTI_MS;
	uint64_t centi = nearest ? nearest : 1;
	uint64_t fraction = centi % (US_PER_MS / US_PER_CENTI_MS);

	WEIR_JSON_LIT(out, ", rtt ");
	weir_buf_put_u64(out, centi / (US_PER_MS / US_PER_CENTI_MS));
	WEIR_JSON_LIT(out, ".");
	weir_buf_putc(out, (char)('0' + fraction / 10));
	weir_buf_putc(out, (char)('0' + fraction % 10));
	WEIR_JSON_LIT(out, "ms");
}

static void summarise_icmp(struct weir_buf *out, const struct weir_flow_icmp *icmp)
{
	const char *name = weir_icmp_to_str(&icmp->latest);
	char sender[WEIR_ADDR_TEXT_MAX];

	if (!icmp->packets)
		return;
	WEIR_JSON_LIT(out, "; ICMP ");
	if (*name) {
		weir_buf_puts(out, name);
	} else {
		weir_buf_put_u64(out, icmp->latest.type);
		WEIR_JSON_LIT(out, "/");
		weir_buf_put_u64(out, icmp->latest.code);
	}
	WEIR_JSON_LIT(out, " from ");
	weir_buf_puts(out, weir_addr_to_str(&icmp->latest.sender, sender));
}

void weir_json_summary(struct weir_buf *out, const struct weir_flow *flow)
{
	const char *reason = weir_end_reason_to_str(flow->end_reason);

	WEIR_JSON_LIT(out, "\"Summary\":\"");
	weir_buf_puts(out, weir_protocol_to_str(flow->protocol));
	if (flow->state != WEIR_STATE_NOTICE) {
		WEIR_JSON_LIT(out, " ");
		weir_buf_puts(out, weir_state_to_str(flow->state));
	}
	if (*reason) {
		WEIR_JSON_LIT(out, " ");
		weir_buf_puts(out, reason);
	}
	if (flow->seen) {
		WEIR_JSON_LIT(out, "; ");
		weir_buf_puts(out, weir_seen_packet(flow->seen));
		WEIR_JSON_LIT(out, " last seen ");
		weir_buf_puts(out, weir_seen_at(flow->seen));
	}
	summarise_icmp(out, &flow->icmp);
	if (flow->state != WEIR_STATE_OPEN &&
	    (flow->bytes_sent || flow->bytes_received || flow->established)) {
		WEIR_JSON_LIT(out, "; ");
		weir_buf_put_u64(out, flow->bytes_sent);
		WEIR_JSON_LIT(out, " B sent, ");
		weir_buf_put_u64(out, flow->bytes_received);
		WEIR_JSON_LIT(out, " B received");
		if (flow->rtt_us)
			put_rtt_ms(out, flow->rtt_us);
	}
	WEIR_JSON_LIT(out, "\",");
}
