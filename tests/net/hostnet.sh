#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
# A pod in the host's network and a plain process of the host share addresses; each is named
# rightly, as client and as server.
set -euo pipefail
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"

[ "$(id -u)" -eq 0 ] || tap_skip_all "needs root"
cluster_start
cluster_pod net server
cluster_pod net hostpod --host-network
cluster_host plain.service
agent_start
agent_follow "$CLUSTER_DIR/records"
cluster_serve net/server "$TOOLS/tcpload" server :: 8001
cluster_serve net/hostpod "$TOOLS/tcpload" server :: 8002
cluster_serve host/plain.service "$TOOLS/tcpload" server :: 8003
tap_check "the host reaches a pod" \
	cluster_run host/plain.service "$TOOLS/tcpload" client --to "${POD_IP4[net/server]}:8001" \
	--size 10 --server-closes --ports 21001-21001
tap_check "a hostNetwork pod reaches a pod" \
	cluster_run net/hostpod "$TOOLS/tcpload" client --to "${POD_IP4[net/server]}:8001" \
	--size 10 --server-closes --ports 21002-21002
tap_check "a pod reaches a hostNetwork pod" \
	cluster_run net/server "$TOOLS/tcpload" client --to "$CLUSTER_GATEWAY4:8002" \
	--size 10 --server-closes --ports 21003-21003
tap_check "a pod reaches the host" \
	cluster_run net/server "$TOOLS/tcpload" client --to "$CLUSTER_GATEWAY4:8003" \
	--size 10 --server-closes --ports 21004-21004
tap_check "the host reaches a hostNetwork pod over loopback" \
	cluster_run host/plain.service "$TOOLS/tcpload" client --to "127.0.0.1:8002" \
	--size 10 --server-closes --ports 21005-21005
settle "$CLUSTER_DIR/records" 5

# named PORT SOURCE DESTINATION: a pod's name, or host for what is in none.
named() {
	local got
	got=$(jq -r --argjson port "$1" '
		def who: .pod_name // ([(.labels // [])[] | select(startswith("reserved:"))] | join(","));
		select(.flow.l4.TCP.source_port == $port and .flow.connection.state == "CLOSED") |
		.flow | "\(.source | who) -> \(.destination | who)"' "$CLUSTER_DIR/records")
	echo "want $2 -> $3, got: $got"
	jq -c --argjson port "$1" 'select(.flow.l4.TCP.source_port == $port)' "$CLUSTER_DIR/records"
	[ "$got" = "$2 -> $3" ]
}

tap_check "host -> pod" named 21001 reserved:host server
tap_check "hostNetwork pod -> pod" named 21002 hostpod server
tap_check "pod -> hostNetwork pod" named 21003 server hostpod
tap_check "pod -> host" named 21004 server reserved:host
tap_check "host -> hostNetwork pod on loopback" named 21005 reserved:host hostpod
tap_done
