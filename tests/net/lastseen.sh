#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
# Connections that did not come to be: where on their way the handshake was seen last.
set -euo pipefail
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"

[ "$(id -u)" -eq 0 ] || tap_skip_all "needs root"
cluster_start
cluster_pod way client
cluster_pod way server
# Beyond the node: its only route out, at the end of which nobody answers.
ip netns add "$CLUSTER-outside"
ip -n "$CLUSTER_ROUTER" link add up0 type veth peer name eth0 netns "$CLUSTER-outside"
ip -n "$CLUSTER_ROUTER" -batch - <<- IP
	addr add 198.19.200.1/24 dev up0
	link set up0 up
	route add default via 198.19.200.2 dev up0
IP
ip -n "$CLUSTER-outside" -batch - <<- IP
	addr add 198.19.200.2/24 dev eth0
	link set eth0 up
	link set lo up
	route add default via 198.19.200.1 dev eth0
	route add blackhole 198.51.100.0/24
IP
agent_start
agent_follow "$CLUSTER_DIR/records"
cluster_serve way/server "$TOOLS/tcpload" server :: 8001
SERVER=${POD_IP4[way/server]}

# seen PORT WANT: of the connection from that port, where it was seen last.
seen() {
	local got
	got=$(jq -r --argjson port "$1" 'select(.flow.l4.TCP.source_port == $port and
		.flow.connection.state == "CLOSED") |
		.flow.connection.last_seen // {} | "\(.packet) \(.at)"' "$CLUSTER_DIR/records")
	echo "want: $2, got: $got"
	jq -c --argjson port "$1" 'select(.flow.l4.TCP.source_port == $port)' "$CLUSTER_DIR/records"
	[ "$got" = "$2" ]
}

in_pod() {
	nsenter --net="/run/netns/${POD_NETNS[way/$1]}" "${@:2}"
}

connect() {
	cluster_run way/client python3 - "$1" "$2" "$3" 2> /dev/null <<- 'PY' || true
		import socket, sys
		s = socket.socket()
		s.bind(("", int(sys.argv[3])))
		s.settimeout(1)
		s.connect((sys.argv[1], int(sys.argv[2])))
	PY
}

cluster_nft add rule inet cluster forward tcp sport 22001 drop
connect "$SERVER" 8001 22001
in_pod server nft -f - <<- NFT
	table inet guard {
		chain input { type filter hook input priority 0; tcp sport 22002 drop; }
	}
NFT
connect "$SERVER" 8001 22002
cluster_nft add rule inet cluster forward tcp dport 22003 drop
connect "$SERVER" 8001 22003
connect 198.51.100.7 80 22004
in_pod client nft -f - <<- NFT
	table inet guard {
		chain output { type filter hook output priority 0; tcp sport 22005 drop; }
	}
NFT
connect "$SERVER" 8001 22005
cluster_run way/client "$TOOLS/tcpload" client --to "$SERVER:8001" --size 10 --server-closes \
	--ports 22006-22006 > /dev/null
settle "$CLUSTER_DIR/records" 6
tap_check "dropped by the node, on its way" seen 22001 "SYN FROM_ENDPOINT"
tap_check "dropped behind the server's link" seen 22002 "SYN TO_ENDPOINT"
tap_check "the answer dropped by the node" seen 22003 "SYN-ACK FROM_ENDPOINT"
tap_check "out by the uplink, and no answer" seen 22004 "SYN TO_NETWORK"
tap_check "dropped before it left the client" seen 22005 "null null"
tap_check "one that came to be says nothing of it" seen 22006 "null null"
tap_check "no loss" agent_check_no_loss
tap_check "seen = delivered + losses" agent_check_balance
tap_done
