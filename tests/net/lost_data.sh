#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
# Packets of established TCP connections that are dropped: none of connections that work, also of
# many; those of one that loses data, in the middle of a flood of packets that are no connection's, of
# fewer kinds than are looked for at a time.
set -euo pipefail
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"

[ "$(id -u)" -eq 0 ] || tap_skip_all "needs root"
cluster_start
cluster_pod lost client
cluster_pod lost loser
cluster_pod lost flooder
cluster_pod lost server
server=${POD_IP4[lost/server]}
cluster_in_router nft "add table inet lost
	add chain inet lost forward { type filter hook forward priority 0; }
	add rule inet lost forward tcp dport 9001 drop
	add rule inet lost forward ip saddr ${POD_IP4[lost/loser]} ip length > 200 drop"
agent_start
agent_follow "$CLUSTER_DIR/records"
cluster_serve lost/server "$TOOLS/tcpload" server "$server" 8001

# ACKs from 500 ports, forty of each.
cluster_spawn lost/flooder python3 - "${POD_IP4[lost/flooder]}" "$server" 500 40 <<- 'PY'
	import socket, struct, sys, time
	source, destination = map(socket.inet_aton, sys.argv[1:3])
	raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
	for i in range(int(sys.argv[4])):
	    for port in range(10000, 10000 + int(sys.argv[3])):
	        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0, source, destination)
	        tcp = struct.pack("!HHIIBBHHH", port, 9001, i, 1, 0x50, 0x10, 64, 0, 0)
	        raw.sendto(ip + tcp, (sys.argv[2], 0))
	    time.sleep(0.05)
PY
flood=$SPAWNED
cluster_run lost/loser python3 - "$server" 8001 <<- 'PY'
	import socket, struct, sys
	s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5, ("", 31000))
	s.send(b"x" * 4000)
	s.settimeout(3)
	try:
	    s.recv(1)
	except OSError:
	    pass
	s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
	s.close()
PY
wait "$flood"
tap_note "$(cluster_run lost/client "$TOOLS/tcpload" client --connections 10000 --to "$server:8001" \
	--concurrency 64 --server-closes --ports 10000-59999 --size 20000 --out "$CLUSTER_DIR/crowd")"
settle "$CLUSTER_DIR/records" 10001 30
tap_note "$(agent_balance)"

loser_tells() {
	local got
	got=$(jq -r '.flow | select(.source.pod_name == "loser" and .connection.state == "CLOSED") |
		[.verdict, .drop.reason, .drop.place, (.drop.packets | tonumber >= 3)] | join(" ")' \
		"$CLUSTER_DIR/records")
	jq -c '.flow | select(.source.pod_name == "loser")' "$CLUSTER_DIR/records"
	[ "$got" = "FORWARDED NETFILTER_DROP nft_do_chain true" ]
}

# flows OF: how many flows match.
flows() {
	local n
	n=$(jq -c ".flow | select(. != null) | select($1)" "$CLUSTER_DIR/records" | tee "$CLUSTER_DIR/of" |
		wc -l)
	head -5 "$CLUSTER_DIR/of"
	echo "$n flows"
	[ "$n" -eq "$2" ]
}

are_counted() {
	agent_status .drops_unmatched
	[ "$(agent_status '.drops_unmatched | tonumber')" -ge 500 ]
}

tap_check "what a connection loses is on its record" loser_tells
tap_check "connections that work lose nothing" flows '.source.pod_name == "client" and .drop' 0
tap_check "packets of no connection make no record" flows '.l4.TCP.destination_port == 9001' 0
tap_check "but they are counted" are_counted
tap_check "no loss" agent_check_no_loss
tap_check "seen = delivered + losses" agent_check_balance
tap_done
