#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
# Denied connections in a crowd: 200 spread through a second of allowed ones, all of them shown to a
# client that follows drops alone; 20,000 mixed ones, a third of them dropped or refused, each with
# its verdict; and a flood of denied datagrams, counted to the last in a few records.
set -euo pipefail
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"

[ "$(id -u)" -eq 0 ] || tap_skip_all "needs root"
cluster_start
cluster_pod crowd client
cluster_pod crowd denied
cluster_pod crowd server
server=${POD_IP4[crowd/server]}
cluster_in_router nft "add table inet crowd
	add chain inet crowd forward { type filter hook forward priority 0; }
	add rule inet crowd forward meta l4proto { tcp, udp } th dport { 9001, 9003, 9004 } drop"
agent_start
agent_follow "$CLUSTER_DIR/records"
all=$FOLLOW_PID
agent_follow "$CLUSTER_DIR/drops" --verdict DROPPED
cluster_serve crowd/server "$TOOLS/tcpload" server "$server" 8001 8002 8003

# attempts NAME COMMAND PORT ARGUMENT...: in the background, in the pod denied.
attempts() {
	cluster_spawn crowd/denied "$ROOT/tests/lib/attempts.py" "$2" "$server" "$3" "${@:4}" \
		"$CLUSTER_DIR/$1"
}

# allowed NAME COUNT PORT [OPTION...]: short connections of the pod client.
allowed() {
	tap_note "$1: $(cluster_run crowd/client "$TOOLS/tcpload" client --connections "$2" \
		--to "$server:$3" --concurrency 64 --server-closes --ports 10000-59999 --size 100 \
		"${@:4}" --out "$CLUSTER_DIR/$1")"
}

attempts few make 9001 200 1 0.3
few=$SPAWNED
allowed crowd 20000 8001
wait "$few"
tap_check "all 200 denied are shown to who follows drops" cluster_wait 10 \
	"$ROOT/tests/lib/attempts.py" shown "$CLUSTER_DIR/few" "$CLUSTER_DIR/drops" denied

attempts refused make 9002 3333 3 0.05
refused=$SPAWNED
attempts dropped make 9003 3333 3 0.05
dropped=$SPAWNED
allowed mixed 13334 8002 --rate 4000
wait "$refused" "$dropped"
# 64,000 a second, if two processes can.
attempts flood.1 flood 9004 160000 5
attempts flood.2 flood 9004 160000 5
allowed beside 10000 8003 --rate 2500
flooded() {
	[ -s "$CLUSTER_DIR/flood.1" ] && [ -s "$CLUSTER_DIR/flood.2" ]
}
cluster_wait 30 flooded
cat "$CLUSTER_DIR"/flood.[12] > "$CLUSTER_DIR/flood"
settle "$CLUSTER_DIR/records" 50202 30
tap_note "$(agent_balance)"
tap_check "of 200 denied, each is one record" "$ROOT/tests/lib/attempts.py" check \
	"$CLUSTER_DIR/few" "$CLUSTER_DIR/records" denied DROPPED ABORTED NETFILTER_DROP
tap_check "of 3,333 refused, each is one record" "$ROOT/tests/lib/attempts.py" check \
	"$CLUSTER_DIR/refused" "$CLUSTER_DIR/records" denied DROPPED REFUSED NO_SOCKET
tap_check "of 3,333 dropped, each is one record" "$ROOT/tests/lib/attempts.py" check \
	"$CLUSTER_DIR/dropped" "$CLUSTER_DIR/records" denied DROPPED ABORTED NETFILTER_DROP
for name in crowd:8001 mixed:8002 beside:8003; do
	tap_check "${name%:*}: every allowed one is one record" "$ROOT/tests/lib/truth.py" tcp \
		"$CLUSTER_DIR/${name%:*}" "$CLUSTER_DIR/records" --source crowd/client \
		--destination crowd/server --port "${name#*:}"
done
tap_check "the flood is counted to the last datagram" "$ROOT/tests/lib/attempts.py" check \
	"$CLUSTER_DIR/flood" "$CLUSTER_DIR/records" denied DROPPED SOCKET_CLOSED NETFILTER_DROP

is_bounded() {
	local n
	n=$(jq -c 'select(.flow.l4.UDP.destination_port == 9004)' "$CLUSTER_DIR/records" | wc -l)
	echo "$n records"
	[ "$n" -le 40 ]
}
tap_check "in a few records" is_bounded
tap_check "each connection's records are in order" "$ROOT/tests/lib/timeline.py" order \
	"$CLUSTER_DIR/records"
tap_check "no loss" agent_check_no_loss
tap_check "seen = delivered + losses" agent_check_balance
kill "$all"
tap_done
