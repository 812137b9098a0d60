#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
# A record's time is when the kernel did it, not when the agent came to read of it: here the agent is
# stopped meanwhile.
set -euo pipefail
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"

[ "$(id -u)" -eq 0 ] || tap_skip_all "needs root"
cluster_start
cluster_pod time client
cluster_pod time server
SERVER=${POD_IP4[time/server]}
cluster_nft add rule inet cluster forward tcp dport 8003 drop
agent_start --flow-interval 500ms
agent_follow "$CLUSTER_DIR/records"
cluster_serve time/server "$ROOT/tests/lib/timeline.py" serve "$SERVER" 8001

# while_stopped OUT: nothing is read before all is over.
while_stopped() {
	kill -STOP "$AGENT_PID"
	cluster_run time/client "$ROOT/tests/lib/timeline.py" make "$SERVER" 8001 8002 8003 "$1"
	kill -CONT "$AGENT_PID"
}

cluster_run time/client "$ROOT/tests/lib/timeline.py" make "$SERVER" 8001 8002 8003 \
	"$CLUSTER_DIR/read"
while_stopped "$CLUSTER_DIR/unread"
settle "$CLUSTER_DIR/records" 8
tap_check "of what is read at once, times are right" \
	"$ROOT/tests/lib/timeline.py" check "$CLUSTER_DIR/read" "$CLUSTER_DIR/records" all
tap_check "of what is read seconds later, times are right" \
	"$ROOT/tests/lib/timeline.py" check "$CLUSTER_DIR/unread" "$CLUSTER_DIR/records" last
tap_check "each connection's records are in order" \
	"$ROOT/tests/lib/timeline.py" order "$CLUSTER_DIR/records"
tap_check "no loss" agent_check_no_loss
tap_check "seen = delivered + losses" agent_check_balance
tap_done
