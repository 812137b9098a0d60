// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>

#include "cmd/weir-agent/agent.h"
#include "lib/log.h"

void losses_get(const struct agent *agent, uint64_t ret_lost[WEIR_LOSS_MAX_])
{
	struct weir_capture_stats capture;
	struct weir_server_stats server;

	weir_capture_get_stats(agent->capture, &capture);
	weir_server_get_stats(agent->server, &server);
	ret_lost[WEIR_LOSS_RINGBUF_FULL] = capture.lost_ringbuf_full;
	ret_lost[WEIR_LOSS_STORAGE_FAILED] = capture.lost_storage_failed;
	ret_lost[WEIR_LOSS_TCP_TABLE_FULL] = capture.lost_tcp_table_full;
	ret_lost[WEIR_LOSS_UDP_TABLE_FULL] = capture.lost_udp_table_full;
	ret_lost[WEIR_LOSS_DROP_TABLE_FULL] = capture.lost_drop_table_full;
	ret_lost[WEIR_LOSS_LINK_TABLE_FULL] = capture.lost_link_table_full;
	ret_lost[WEIR_LOSS_DNS_NO_ROOM] = capture.lost_dns_no_room;
	ret_lost[WEIR_LOSS_BAD_EVENT] = capture.bad_events;
	ret_lost[WEIR_LOSS_NO_MEMORY] = agent->no_memory;
	ret_lost[WEIR_LOSS_CLIENT_TOO_SLOW] = server.records_lost;
}

static void tell_one(struct agent *agent, enum weir_loss cause, uint64_t count, int64_t now_ns)
{
	struct weir_record record = {
		.kind = WEIR_RECORD_LOST,
		.time_ns = now_ns,
	};

	record.lost.cause = cause;
	record.lost.count = count;
	record.lost.first_ns = agent->told_until_ns;
	record.lost.last_ns = now_ns;
	weir_history_push(agent->history, &record);
	weir_log(WEIR_LOG_WARN, "agent", "events lost", "cause=%s count=%" PRIu64,
		 weir_loss_to_str(cause), count);
}

/* A slow client's losses are its own: the server tells that client, not the stream. */
void losses_tell(struct agent *agent)
{
	uint64_t lost[WEIR_LOSS_MAX_];
	int64_t now_ns = weir_time_real_ns();
	int cause;

	losses_get(agent, lost);
	if (lost[WEIR_LOSS_RINGBUF_FULL] > agent->told[WEIR_LOSS_RINGBUF_FULL])
		agent->resync_wanted = true;
	for (cause = 0; cause < WEIR_LOSS_CLIENT_TOO_SLOW; cause++) {
		if (lost[cause] <= agent->told[cause])
			continue;
		tell_one(agent, (enum weir_loss)cause, lost[cause] - agent->told[cause], now_ns);
		agent->told[cause] = lost[cause];
	}
	agent->told_until_ns = now_ns;
}
