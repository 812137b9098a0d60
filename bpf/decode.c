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

static bool values_exist(const struct weir_ev_flow *ev)
{
	return ev->kind <= WEIR_EV_FOUND && ev->role <= WEIR_EV_ROLE_SERVER &&
	       ev->end_reason <= WEIR_EV_END_IDLE &&
	       (ev->protocol == IPPROTO_TCP || ev->protocol == IPPROTO_UDP);
}

int weir_decode_flow(const void *data, struct weir_flow_input *ret_input)
{
	struct weir_flow_input *in = ret_input;
	struct weir_ev_flow ev;

	memcpy(&ev, data, sizeof(ev));
	if (!values_exist(&ev))
		return -EBADMSG;
	in->kind = (enum weir_input_kind)ev.kind;
	in->role = (enum weir_role)ev.role;
	in->end_reason = (enum weir_end_reason)ev.end_reason;
	in->protocol = ev.protocol;
	in->established = ev.hdr.flags & WEIR_EV_ESTABLISHED;
	in->time_ns = ev.hdr.ts_ns;
	in->opened_ns = ev.opened_ns;
	in->established_ns = ev.established_ns;
	in->isn_local = ev.isn_local;
	in->isn_remote = ev.isn_remote;
	addr_decode(&in->local, ev.local);
	addr_decode(&in->remote, ev.remote);
	addr_decode(&in->asked, ev.asked);
	addr_decode(&in->backend, ev.backend);
	in->local_port = ev.local_port;
	in->remote_port = ev.remote_port;
	in->asked_port = ev.asked_port;
	in->backend_port = ev.backend_port;
	in->end.cgroup_id = ev.cgroup_id;
	in->end.cookie = ev.cookie;
	in->end.netns = ev.netns;
	in->end.pid = ev.pid;
	memcpy(in->end.comm, ev.comm, sizeof(in->end.comm));
	in->end.comm[sizeof(in->end.comm) - 1] = '\0';
	in->counts.tx_bytes = ev.tx_bytes;
	in->counts.rx_bytes = ev.rx_bytes;
	in->counts.tx_packets = ev.tx_packets;
	in->counts.rx_packets = ev.rx_packets;
	in->counts.retransmits = ev.retransmits;
	in->counts.rtt_us = ev.rtt_us;
	in->counts.rtt_min_us = ev.rtt_min_us;
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
