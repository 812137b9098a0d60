/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/flow.h"

#include <netinet/in.h>

const char *weir_end_reason_to_str(enum weir_end_reason reason)
{
	switch (reason) {
	case WEIR_END_FIN:
		return "FIN";
	case WEIR_END_RST:
		return "RST";
	case WEIR_END_REFUSED:
		return "REFUSED";
	case WEIR_END_TIMEOUT:
		return "TIMEOUT";
	case WEIR_END_UNREACHABLE:
		return "UNREACHABLE";
	case WEIR_END_ABORTED:
		return "ABORTED";
	case WEIR_END_LOCAL_ERROR:
		return "LOCAL_ERROR";
	case WEIR_END_SOCKET_CLOSED:
		return "SOCKET_CLOSED";
	case WEIR_END_IDLE:
		return "IDLE";
	case WEIR_END_UNKNOWN:
		return "UNKNOWN";
	case WEIR_END_NONE:
	case WEIR_END_MAX_:
		break;
	}
	return "";
}

const char *weir_verdict_to_str(enum weir_verdict verdict)
{
	switch (verdict) {
	case WEIR_VERDICT_FORWARDED:
		return "FORWARDED";
	case WEIR_VERDICT_DROPPED:
		return "DROPPED";
	case WEIR_VERDICT_ERROR:
		return "ERROR";
	case WEIR_VERDICT_UNKNOWN:
		break;
	}
	return "VERDICT_UNKNOWN";
}

const char *weir_state_to_str(enum weir_flow_state state)
{
	switch (state) {
	case WEIR_STATE_OPEN:
		return "OPEN";
	case WEIR_STATE_ACTIVE:
		return "ACTIVE";
	case WEIR_STATE_CLOSED:
		return "CLOSED";
	case WEIR_STATE_NOTICE:
	case WEIR_STATE_MAX_:
		break;
	}
	return "";
}

const char *weir_seen_packet(enum weir_seen seen)
{
	if (seen <= WEIR_SEEN_NOTHING || seen >= WEIR_SEEN_MAX_)
		return "";
	return seen < WEIR_SEEN_ANSWER_FROM_NETWORK ? "SYN" : "SYN-ACK";
}

const char *weir_seen_at(enum weir_seen seen)
{
	static const char *const names[WEIR_SEEN_MAX_] = {
		[WEIR_SEEN_NOTHING] = "",
		[WEIR_SEEN_SYN_FROM_ENDPOINT] = "FROM_ENDPOINT",
		[WEIR_SEEN_SYN_TO_NETWORK] = "TO_NETWORK",
		[WEIR_SEEN_SYN_TO_ENDPOINT] = "TO_ENDPOINT",
		[WEIR_SEEN_ANSWER_FROM_NETWORK] = "FROM_NETWORK",
		[WEIR_SEEN_ANSWER_FROM_ENDPOINT] = "FROM_ENDPOINT",
	};

	return seen >= 0 && seen < WEIR_SEEN_MAX_ ? names[seen] : "";
}

const char *weir_protocol_to_str(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return "TCP";
	case IPPROTO_UDP:
		return "UDP";
	case IPPROTO_SCTP:
		return "SCTP";
	case IPPROTO_ICMP:
		return "ICMPv4";
	case IPPROTO_ICMPV6:
		return "ICMPv6";
	default:
		return "UNKNOWN";
	}
}
