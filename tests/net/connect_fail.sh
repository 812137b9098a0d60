#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
# Connections that never come to be, each for its own reason, and each recorded with it.
set -euo pipefail
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"

[ "$(id -u)" -eq 0 ] || tap_skip_all "needs root"
cluster_start
cluster_pod fail client
cluster_pod fail island
cluster_pod fail server
cluster_pod fail peer
cluster_deny fail/client fail/server
agent_start
agent_follow "$CLUSTER_DIR/records"
nsenter --net="/run/netns/${POD_NETNS[fail/client]}" sysctl -q -w net.ipv4.tcp_syn_retries=1
# The node answers for what it cannot reach; a pod without routes has no way out itself.
cluster_in_router ip route add unreachable 203.0.113.0/24
ip -n "${POD_NETNS[fail/island]}" route flush table main

# attempt KEY PORT ADDRESS TARGETPORT [abort]: one connect() from PORT; prints its errno's name.
attempt() {
	cluster_run "$1" python3 - "${@:2}" <<- 'PY'
		import errno, select, socket, sys
		family = socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET
		s = socket.socket(family)
		s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		s.bind(("", int(sys.argv[1])))
		s.setblocking(False)
		error = s.connect_ex((sys.argv[2], int(sys.argv[3])))
		if error == errno.EINPROGRESS and len(sys.argv) > 4:
		    print("aborted")
		    sys.exit(0)
		if error == errno.EINPROGRESS:
		    select.select([], [s], [], 60)
		    error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
		print(errno.errorcode.get(error, error))
	PY
}

server=${POD_IP4[fail/server]}
tap_note "refused: $(attempt fail/server 22001 "127.0.0.1" 9)"
tap_note "refused over IPv6: $(attempt fail/server 22002 "::1" 9)"
tap_note "no answer: $(attempt fail/client 22003 "$server" 80)"
tap_note "unreachable: $(attempt fail/client 22004 203.0.113.7 80)"
tap_note "no route: $(attempt fail/island 22005 "$server" 80)"
tap_note "given up: $(attempt fail/client 22006 "$server" 80 abort)"
tap_note "refused by a peer: $(attempt fail/server 22007 "${POD_IP4[fail/peer]}" 9)"
settle "$CLUSTER_DIR/records" 7 15

# ended PORT REASON SOURCE
ended() {
	local got
	got=$(jq -r --argjson port "$1" '
		select(.flow.l4.TCP.source_port == $port and .flow.connection.state == "CLOSED") |
		.flow | "\(.connection.end_reason) \(.source.pod_name) \(.connection.bytes_sent // 0)"' \
		"$CLUSTER_DIR/records")
	echo "want $2 $3 0, got: $got"
	jq -c --argjson port "$1" 'select(.flow.l4.TCP.source_port == $port)' "$CLUSTER_DIR/records"
	[ "$got" = "$2 $3 0" ]
}

tap_check "refused" ended 22001 REFUSED server
tap_check "refused over IPv6" ended 22002 REFUSED server
tap_check "refused by another pod" ended 22007 REFUSED server
tap_check "no answer" ended 22003 TIMEOUT client
tap_check "unreachable, as a router says" ended 22004 UNREACHABLE client
tap_check "no route of its own" ended 22005 LOCAL_ERROR island
tap_check "given up by its process" ended 22006 ABORTED client
tap_check "no loss" agent_check_no_loss
tap_done
