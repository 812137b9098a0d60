// SPDX-License-Identifier: Apache-2.0
#include "bpf/decode.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* flow/ does not know the wire, so here is where the two are held together. */
_Static_assert((int)WEIR_EV_OPEN == WEIR_INPUT_OPEN && (int)WEIR_EV_FOUND == WEIR_INPUT_FOUND,
	       "kinds");
_Static_assert((int)WEIR_EV_UPDATE == WEIR_INPUT_UPDATE && (int)WEIR_EV_CLOSE == WEIR_INPUT_CLOSE,
	       "kinds");
_Static_assert((int)WEIR_EV_ROLE_CLIENT == WEIR_ROLE_CLIENT &&
		       (int)WEIR_EV_ROLE_SERVER == WEIR_ROLE_SERVER,
	       "roles");
_Static_assert((int)WEIR_EV_END_FIN == WEIR_END_FIN && (int)WEIR_EV_END_RST == WEIR_END_RST &&
		       (int)WEIR_EV_END_REFUSED == WEIR_END_REFUSED &&
		       (int)WEIR_EV_END_TIMEOUT == WEIR_END_TIMEOUT &&
		       (int)WEIR_EV_END_UNREACHABLE == WEIR_END_UNREACHABLE &&
		       (int)WEIR_EV_END_ABORTED == WEIR_END_ABORTED &&
		       (int)WEIR_EV_END_LOCAL_ERROR == WEIR_END_LOCAL_ERROR &&
		       (int)WEIR_EV_END_SOCKET_CLOSED == WEIR_END_SOCKET_CLOSED &&
		       (int)WEIR_EV_END_IDLE == WEIR_END_IDLE,
	       "end reasons");
_Static_assert((int)WEIR_EV_ICMP_FROM_POD == WEIR_ICMP_FROM_POD &&
		       (int)WEIR_EV_ICMP_UPLINK_IN == WEIR_ICMP_UPLINK_IN &&
		       (int)WEIR_EV_ICMP_TO_POD == WEIR_ICMP_TO_POD &&
		       (int)WEIR_EV_ICMP_UPLINK_OUT == WEIR_ICMP_UPLINK_OUT,
	       "where ICMP errors are seen");
_Static_assert(WEIR_EV_COOKIE_LINK == WEIR_COOKIE_LINK, "cookies");
_Static_assert(WEIR_EV_COMM_LEN == WEIR_COMM_MAX, "comm");

int weir_decode_type(const void *data, size_t len)
{
	struct weir_ev_hdr hdr;
	size_t want;

	if (len < sizeof(hdr))
		return -EBADMSG;
	memcpy(&hdr, data, sizeof(hdr));
	switch (hdr.type) {
	case WEIR_EV_FLOW:
		want = sizeof(struct weir_ev_flow);
		break;
	case WEIR_EV_CGROUP:
		want = sizeof(struct weir_ev_cgroup);
		break;
	case WEIR_EV_DROP:
		want = sizeof(struct weir_ev_drop);
		break;
	case WEIR_EV_DNS:
		/* Of several lengths: weir_decode_dns() looks whether the message is in it. */
		if (len < offsetof(struct weir_ev_dns, payload) || len > sizeof(struct weir_ev_dns))
			return -EBADMSG;
		want = len;
		break;
	case WEIR_EV_PAUSE:
		want = sizeof(struct weir_ev_hdr);
		break;
	default:
		return -EBADMSG;
	}
	if (hdr.version != WEIR_ABI_VERSION || hdr.len != want || len != want)
		return -EBADMSG;
	return hdr.type;
}

static void addr_decode(struct weir_addr *dst, const __u8 src[16])
{
	memcpy(dst->bytes, src, sizeof(dst->bytes));
}

/* A record read where it lies, at any alignment: to copy it first would be to copy it twice. */
struct flow_record {
	struct weir_ev_flow ev;
} __attribute__((packed, may_alias));

static bool is_followed(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
	       protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

static bool values_exist(const struct flow_record *record)
{
	return record->ev.kind <= WEIR_EV_FOUND && record->ev.role <= WEIR_EV_ROLE_SERVER &&
	       record->ev.end_reason <= WEIR_EV_END_IDLE && is_followed(record->ev.protocol);
}

/* The furthest that a handshake was seen. */
static enum weir_seen seen_of(__u16 flags)
{
	if (flags & WEIR_EV_ANSWER_LEFT)
		return WEIR_SEEN_ANSWER_FROM_ENDPOINT;
	if (flags & WEIR_EV_ANSWER_CAME)
		return WEIR_SEEN_ANSWER_FROM_NETWORK;
	if (flags & WEIR_EV_SYN_ARRIVED)
		return WEIR_SEEN_SYN_TO_ENDPOINT;
	if (flags & WEIR_EV_SYN_OUT)
		return WEIR_SEEN_SYN_TO_NETWORK;
	return flags & WEIR_EV_SYN_LEFT ? WEIR_SEEN_SYN_FROM_ENDPOINT : WEIR_SEEN_NOTHING;
}

int weir_decode_flow(const void *data, struct weir_flow_input *ret_input)
{
	struct weir_flow_input *in = ret_input;
	const struct flow_record *record = data;

	if (!values_exist(record))
		return -EBADMSG;
	in->kind = (enum weir_input_kind)record->ev.kind;
	in->role = (enum weir_role)record->ev.role;
	in->end_reason = (enum weir_end_reason)record->ev.end_reason;
	in->protocol = record->ev.protocol;
	in->established = record->ev.hdr.flags & WEIR_EV_ESTABLISHED;
	in->peer_here = record->ev.hdr.flags & WEIR_EV_PEER_HERE;
	in->seen = seen_of(record->ev.hdr.flags);
	in->reset_sent = record->ev.hdr.flags & WEIR_EV_RESET_SENT;
	in->reset_received = record->ev.hdr.flags & WEIR_EV_RESET_RECEIVED;
	in->time_ns = record->ev.hdr.ts_ns;
	in->opened_ns = record->ev.opened_ns;
	in->established_ns = record->ev.established_ns;
	in->isn_local = record->ev.isn_local;
	in->isn_remote = record->ev.isn_remote;
	addr_decode(&in->local, record->ev.local);
	addr_decode(&in->remote, record->ev.remote);
	addr_decode(&in->asked, record->ev.asked);
	addr_decode(&in->backend, record->ev.backend);
	in->xlated = (struct weir_addr){ 0 };
	in->local_port = record->ev.local_port;
	in->remote_port = record->ev.remote_port;
	in->asked_port = record->ev.asked_port;
	in->backend_port = record->ev.backend_port;
	in->end.cgroup_id = record->ev.cgroup_id;
	in->end.cookie = record->ev.cookie;
	in->end.netns = record->ev.netns;
	in->end.pid = record->ev.pid;
	memcpy(in->end.comm, record->ev.comm, sizeof(in->end.comm));
	in->end.comm[sizeof(in->end.comm) - 1] = '\0';
	in->counts.tx_bytes = record->ev.tx_bytes;
	in->counts.rx_bytes = record->ev.rx_bytes;
	in->counts.tx_packets = record->ev.tx_packets;
	in->counts.rx_packets = record->ev.rx_packets;
	in->counts.retransmits = record->ev.retransmits;
	in->counts.zero_windows_tx = record->ev.zero_windows_tx;
	in->counts.zero_windows_rx = record->ev.zero_windows_rx;
	in->counts.rtt_us = record->ev.rtt_us;
	in->counts.rtt_min_us = record->ev.rtt_min_us;
	return 0;
}

static bool drop_values_exist(const struct weir_ev_drop *ev)
{
	if (ev->kind > WEIR_EV_CLOSE || (!ev->packets && ev->kind != WEIR_EV_CLOSE))
		return false;
	if (ev->key.icmp_type)
		return is_followed(ev->key.protocol) && ev->key.icmp_at < WEIR_ICMP_AT_MAX_;
	return ev->key.protocol == IPPROTO_TCP || ev->key.protocol == IPPROTO_UDP;
}

int weir_decode_drop(const void *data, struct weir_drop_input *ret_input)
{
	struct weir_ev_drop ev;

	memcpy(&ev, data, sizeof(ev));
	if (!drop_values_exist(&ev))
		return -EBADMSG;
	ret_input->kind = (enum weir_input_kind)ev.kind;
	ret_input->protocol = ev.key.protocol;
	ret_input->tcp_flags = ev.key.tcp_flags;
	ret_input->time_ns = ev.hdr.ts_ns;
	addr_decode(&ret_input->source, ev.key.source);
	addr_decode(&ret_input->destination, ev.key.destination);
	ret_input->source_port = ev.key.source_port;
	ret_input->destination_port = ev.key.destination_port;
	ret_input->isn = ev.key.isn;
	ret_input->netns = ev.key.netns;
	ret_input->reason = ev.key.reason;
	ret_input->place = ev.key.place;
	ret_input->packets = ev.packets;
	ret_input->icmp = (struct weir_icmp_error){
		.mtu = ev.key.icmp_mtu,
		.type = ev.key.icmp_type,
		.code = ev.key.icmp_code,
	};
	addr_decode(&ret_input->icmp.sender, ev.key.sender);
	ret_input->icmp_at = (enum weir_icmp_at)ev.key.icmp_at;
	ret_input->opened_ns = ev.client.opened_ns;
	ret_input->client = (struct weir_flow_end){
		.cgroup_id = ev.client.cgroup_id,
		.cookie = ev.client.cookie,
		.netns = ev.client.netns,
		.pid = ev.client.pid,
	};
	memcpy(ret_input->client.comm, ev.client.comm, sizeof(ret_input->client.comm));
	ret_input->client.comm[sizeof(ret_input->client.comm) - 1] = '\0';
	addr_decode(&ret_input->asked, ev.client.asked);
	ret_input->asked_port = ev.asked_port;
	return 0;
}

int weir_decode_cgroup(const void *data, struct weir_cgroup_event *ret_event)
{
	const struct weir_ev_cgroup *ev = data;
	__u8 op;

	if (!memchr(ev->path, '\0', sizeof(ev->path)))
		return -EBADMSG;
	memcpy(&op, &ev->op, sizeof(op));
	if (op != WEIR_EV_CGROUP_MADE && op != WEIR_EV_CGROUP_REMOVED)
		return -EBADMSG;
	memcpy(&ret_event->time_ns, &ev->hdr.ts_ns, sizeof(ret_event->time_ns));
	memcpy(&ret_event->id, &ev->id, sizeof(ret_event->id));
	ret_event->made = op == WEIR_EV_CGROUP_MADE;
	ret_event->path = ev->path;
	return 0;
}

int weir_decode_dns(const void *data, struct weir_dns_event *ret_event)
{
	const size_t head = offsetof(struct weir_ev_dns, payload);
	struct weir_ev_dns ev;

	memcpy(&ev, data, head);
	if (ev.end.answer > 1 || ev.captured > ev.len || ev.captured > ev.hdr.len - head ||
	    (ev.end.protocol != IPPROTO_TCP && ev.end.protocol != IPPROTO_UDP))
		return -EBADMSG;
	ret_event->time_ns = ev.hdr.ts_ns;
	ret_event->answer = ev.end.answer;
	ret_event->seq = ev.end.seq;
	ret_event->isn = ev.end.isn;
	ret_event->protocol = ev.end.protocol;
	ret_event->client_port = ev.end.client_port;
	ret_event->server_port = ev.end.server_port;
	addr_decode(&ret_event->client, ev.end.client);
	addr_decode(&ret_event->server, ev.end.server);
	ret_event->end = (struct weir_flow_end){
		.cgroup_id = ev.end.cgroup_id,
		.cookie = ev.end.cookie,
		.netns = ev.end.netns,
		.pid = ev.end.pid,
	};
	memcpy(ret_event->end.comm, ev.end.comm, sizeof(ret_event->end.comm));
	ret_event->end.comm[sizeof(ret_event->end.comm) - 1] = '\0';
	ret_event->payload = (const uint8_t *)data + head;
	ret_event->captured = ev.captured;
	ret_event->len = ev.len;
	return 0;
}
