/* SPDX-License-Identifier: Apache-2.0 */
#include "api/record.h"

#include <stddef.h>
#include <stdlib.h>

struct loss_name {
	const char *name;
	const char *source;
};

/* flow.proto knows three places; what each of ours is nearest to. */
static const struct loss_name loss_names[WEIR_LOSS_MAX_] = {
	[WEIR_LOSS_RINGBUF_FULL] = { "ringbuf_full", "PERF_EVENT_RING_BUFFER" },
	[WEIR_LOSS_STORAGE_FAILED] = { "storage_failed", "PERF_EVENT_RING_BUFFER" },
	[WEIR_LOSS_TCP_TABLE_FULL] = { "tcp_table_full", "PERF_EVENT_RING_BUFFER" },
	[WEIR_LOSS_UDP_TABLE_FULL] = { "udp_table_full", "PERF_EVENT_RING_BUFFER" },
	[WEIR_LOSS_DROP_TABLE_FULL] = { "drop_table_full", "PERF_EVENT_RING_BUFFER" },
	[WEIR_LOSS_LINK_TABLE_FULL] = { "link_table_full", "PERF_EVENT_RING_BUFFER" },
	[WEIR_LOSS_DNS_NO_ROOM] = { "dns_no_room", "PERF_EVENT_RING_BUFFER" },
	[WEIR_LOSS_BAD_EVENT] = { "bad_event", "OBSERVER_EVENTS_QUEUE" },
	[WEIR_LOSS_NO_MEMORY] = { "no_memory", "OBSERVER_EVENTS_QUEUE" },
	[WEIR_LOSS_CLIENT_TOO_SLOW] = { "client_too_slow", "HUBBLE_RING_BUFFER" },
};

const char *weir_loss_to_str(enum weir_loss loss)
{
	return (unsigned int)loss < WEIR_LOSS_MAX_ ? loss_names[loss].name : "unknown";
}

const char *weir_loss_source(enum weir_loss loss)
{
	return (unsigned int)loss < WEIR_LOSS_MAX_ ? loss_names[loss].source
						   : "UNKNOWN_LOST_EVENT_SOURCE";
}

void weir_record_done(struct weir_record *record)
{
	if (record->kind != WEIR_RECORD_FLOW)
		return;
	weir_identity_unref(record->source);
	weir_identity_unref(record->destination);
	if (record->service)
		weir_service_name_unref(record->service);
	free(record->names);
	free(record->dns);
	record->source = NULL;
	record->destination = NULL;
	record->service = NULL;
	record->names = NULL;
	record->dns = NULL;
}
