#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
# 10,000 UDP exchanges, connected and unconnected, over IPv4, IPv6 and v4-mapped addresses, and
# one socket that talks to many; and 1,000 with a Service, translated on the node and spread over
# two pods. Each is one record with its exact datagrams and bytes.
set -euo pipefail
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"

[ "$(id -u)" -eq 0 ] || tap_skip_all "needs root"
cluster_start
cluster_pod load client
cluster_pod load server
cluster_pod load server2
cluster_service load echo 198.19.0.30,2001:db8:19::30 echo:UDP:5300:9004 -- load/server load/server2
agent_start
agent_follow "$CLUSTER_DIR/records"
cluster_serve load/server "$TOOLS/udpload" server :: 9001 9002 9003 9004
cluster_serve load/server2 "$TOOLS/udpload" server :: 9004
server4=${POD_IP4[load/server]} server6=${POD_IP6[load/server]}

# run MODE EXCHANGES SEED TO [TRUTH]
run() {
	cluster_run load/client "$TOOLS/udpload" client --mode "$1" --exchanges "$2" --seed "$3" --to "$4" \
		--from "${POD_IP4[load/client]},${POD_IP6[load/client]}" --out "$CLUSTER_DIR/truth.$3"
	cat "$CLUSTER_DIR/truth.$3" >> "$CLUSTER_DIR/${5:-truth}"
}

all="$server4:9001,[$server6]:9002,[::ffff:$server4]:9003"
tap_note "connected: $(run connected 5000 1 "$all")"
tap_note "unconnected: $(run unconnected 5000 2 "$all")"
tap_note "one socket, three peers: $(run shared 300 3 \
	"[::ffff:$server4]:9001,[$server6]:9002,[$server6]:9003")"
service="198.19.0.30:5300,[2001:db8:19::30]:5300,[::ffff:198.19.0.30]:5300"
tap_note "a Service, connected: $(run connected 500 4 "$service" service)"
tap_note "a Service, unconnected: $(run unconnected 500 5 "$service" service)"
tap_note "a Service, one socket: $(run shared 100 6 \
	"[2001:db8:19::30]:5300,[::ffff:198.19.0.30]:5300" service)"
settle "$CLUSTER_DIR/records" 11005 60
tap_note "$(agent_balance)"
tap_check "every exchange is one record, to the datagram and the byte, with its pods" \
	"$ROOT/tests/lib/truth.py" udp "$CLUSTER_DIR/truth" "$CLUSTER_DIR/records" \
	--source load/client --destination load/server --port 9001,9002,9003
tap_check "through a Service: one record, with the Service that was asked and the pod behind it" \
	"$ROOT/tests/lib/truth.py" udp "$CLUSTER_DIR/service" "$CLUSTER_DIR/records" \
	--source load/client --destination load/server,load/server2 --service load/echo \
	--port 5300,9004
tap_check "no loss" agent_check_no_loss
tap_check "seen = delivered + losses" agent_check_balance
tap_done
