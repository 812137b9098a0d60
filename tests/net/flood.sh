#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
# More than the reader can take: the agent stands still while 60,000 connections pass. What was
# lost is counted to the record, and said in the stream.
set -euo pipefail
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"

[ "$(id -u)" -eq 0 ] || tap_skip_all "needs root"
cluster_start
cluster_pod load client
cluster_pod load server
agent_start
# No connection names this port: the stream is asked for losses alone.
agent_follow "$CLUSTER_DIR/records" --port 1
cluster_serve load/server "$TOOLS/tcpload" server :: 8001
kill -STOP "$AGENT_PID"
tap_note "$(cluster_run load/client "$TOOLS/tcpload" client --to "${POD_IP4[load/server]}:8001" \
	--connections 60000 --concurrency 256 --size 64 --server-closes --ports 10000-59999)"
kill -CONT "$AGENT_PID"

stream_lost() {
	jq -s '[.[] | .lost_events // empty | .num_events_lost | tonumber] | add // 0' \
		"$CLUSTER_DIR/records"
}

stream_says_it() {
	local stream status
	stream=$(stream_lost)
	status=$(agent_lost)
	echo "lost_events $stream, status $status"
	weir status -o json | jq -c .lost
	[ "$stream" -eq "$status" ]
}

something_lost() {
	[ "$(agent_lost)" -gt 0 ]
}

cluster_wait 20 something_lost || true
cluster_wait 30 agent_is_idle || true
cluster_wait 5 stream_says_it || true
tap_note "$(agent_balance)"
tap_note "$(weir status -o json | jq -c .lost)"
tap_check "something was lost" something_lost
tap_check "seen = delivered + losses, to the record" agent_check_balance
tap_check "the stream says how many" stream_says_it
agent_sees_again() {
	cluster_run load/client "$TOOLS/tcpload" client --to "${POD_IP4[load/server]}:8001" \
		--connections 1 --size 777 --server-closes --ports 60001-60001
	cluster_wait 10 eval 'weir observe --port 60001 --last 10 -o jsonpb | grep -q CLOSED'
}
tap_check "what comes after is seen again" agent_sees_again
tap_done
