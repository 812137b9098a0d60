/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/icmp.h"

#include <stddef.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_entrance(enum weir_icmp_at at)
{
	return at == WEIR_ICMP_FROM_POD || at == WEIR_ICMP_UPLINK_IN;
}

void weir_icmp_count(struct weir_flow_icmp *flow, struct weir_icmp_tally *tally,
		     const struct weir_icmp_error *error, enum weir_icmp_at at, uint64_t packets,
		     uint64_t time_ns)
{
	bool is_same = error->type == flow->latest.type && error->code == flow->latest.code;
	bool enters = is_entrance(at);

	tally->packets[at] += packets;
	if (tally->packets[at] > flow->packets)
		flow->packets = tally->packets[at];
	/* The same errors, seen before as they came; or as they left, and now as they came. */
	if (is_same && tally->entered && !enters)
		return;
	if (time_ns < tally->time_ns && !(is_same && enters && !tally->entered))
		return;
	flow->latest = *error;
	tally->time_ns = time_ns;
	tally->entered = enters;
}

/* RFC 792, RFC 1122 (3.2.2.1), RFC 1812 (5.2.7.1) */
static const char *const unreachable[] = {
	"NET_UNREACHABLE",
	"HOST_UNREACHABLE",
	"PROTOCOL_UNREACHABLE",
	"PORT_UNREACHABLE",
	"FRAGMENTATION_NEEDED",
	"SOURCE_ROUTE_FAILED",
	"NET_UNKNOWN",
	"HOST_UNKNOWN",
	"SOURCE_ISOLATED",
	"NET_PROHIBITED",
	"HOST_PROHIBITED",
	"NET_UNREACHABLE_FOR_TOS",
	"HOST_UNREACHABLE_FOR_TOS",
	"ADMIN_PROHIBITED",
	"PRECEDENCE_VIOLATION",
	"PRECEDENCE_CUTOFF",
};

/* ICMPv6's as well: RFC 4443, 3.3 */
static const char *const time_exceeded[] = { "TTL_EXCEEDED", "REASSEMBLY_TIMEOUT" };

static const char *const parameter_problem[] = {
	"PARAMETER_PROBLEM",
	"OPTION_MISSING",
	"BAD_LENGTH",
};

/* RFC 4443, 3.1; RFC 6550 (20.18) for the last one */
static const char *const unreachable6[] = {
	"NO_ROUTE",
	"ADMIN_PROHIBITED",
	"BEYOND_SCOPE",
	"ADDRESS_UNREACHABLE",
	"PORT_UNREACHABLE",
	"POLICY_FAILED",
	"REJECT_ROUTE",
	"SOURCE_ROUTE_ERROR",
};

static const char *const too_big6[] = { "PACKET_TOO_BIG" };

/* RFC 4443, 3.4; RFC 7112 for the last one */
static const char *const parameter_problem6[] = {
	"BAD_HEADER_FIELD",
	"UNKNOWN_NEXT_HEADER",
	"UNKNOWN_OPTION",
	"INCOMPLETE_HEADER_CHAIN",
};

struct names {
	const char *const *names;
	size_t count;
};

#define NAMES(array) ((struct names){ array, COUNT(array) })

static struct names names_of(uint8_t type)
{
	switch (type) {
	case 3:
		return NAMES(unreachable);
	case 11:
		return NAMES(time_exceeded);
	case 12:
		return NAMES(parameter_problem);
	}
	return (struct names){ NULL, 0 };
}

static struct names names6_of(uint8_t type)
{
	switch (type) {
	case 1:
		return NAMES(unreachable6);
	case 2:
		return NAMES(too_big6);
	case 3:
		return NAMES(time_exceeded);
	case 4:
		return NAMES(parameter_problem6);
	}
	return (struct names){ NULL, 0 };
}

const char *weir_icmp_to_str(const struct weir_icmp_error *error)
{
	bool is_v4 = weir_addr_is_v4(&error->sender);
	struct names names = is_v4 ? names_of(error->type) : names6_of(error->type);

	return error->code < names.count ? names.names[error->code] : "";
}
