#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
# Windows of 0, by the end that sent them, against what nftables counts where they were sent: a
# receiver that stops reading, at either end, with both ends on this node or one of them, over
# loopback, in IPv6, and with some of them lost on their way.
set -euo pipefail
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"

[ "$(id -u)" -eq 0 ] || tap_skip_all "needs root"
cluster_start
cluster_pod zero client
cluster_pod zero server
cluster_host plain.service
cluster_outside far 192.0.2.10
server=${POD_IP4[zero/server]} far=${POD_IP4[outside/far]}
PORTS="32001 32002 32003 32004 32005 32006 32007 32008"

in_netns() {
	nsenter --net="/run/netns/${POD_NETNS[$1]}" "${@:2}"
}

# In every namespace that sends: windows of 0 from and to each client's port, as they leave.
truth_rules() {
	local port
	echo "add table inet truth"
	echo "add chain inet truth output { type filter hook output priority 0; }"
	for port in $PORTS; do
		echo "add counter inet truth sent$port"
		echo "add counter inet truth received$port"
		echo "add rule inet truth output tcp sport $port tcp window 0" \
			"tcp flags & (syn | rst) == 0 counter name sent$port"
		echo "add rule inet truth output tcp dport $port tcp window 0" \
			"tcp flags & (syn | rst) == 0 counter name received$port"
	done
}

for key in zero/client zero/server host/plain.service outside/far; do
	truth_rules | in_netns "$key" nft -f -
done
cluster_in_router nft "add table inet lossy
	add chain inet lossy forward { type filter hook forward priority 0; }
	add rule inet lossy forward tcp dport 32003 tcp window 0 limit rate 1/hour burst 3 packets counter drop"

# truth sent|received PORT: packets
truth() {
	local key
	for key in zero/client zero/server host/plain.service outside/far; do
		in_netns "$key" nft -j list counter inet truth "$1$2"
	done | jq -s '[.[].nftables[].counter.packets // empty] | add'
}

# end KEY listen|connect ADDRESS PORT pump|stall [PORT]: one end of a connection. One that stalls
# reads nothing until the file "go" is there, and then all.
end() {
	cluster_spawn "$1" timeout 60 python3 - "$CLUSTER_DIR/go" "${@:2}" <<- 'PY'
		import os, socket, sys, time
		go, role, address, port, what = sys.argv[1:6]
		s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
		s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
		if role == "listen":
		    s.bind((address, int(port)))
		    s.listen()
		    print("ready", flush=True)
		    s = s.accept()[0]
		else:
		    s.bind(("", int(sys.argv[6])))
		    s.connect((address, int(port)))
		if what == "pump":
		    s.sendall(b"x" * (4 << 20))
		    s.shutdown(socket.SHUT_WR)
		else:
		    while not os.path.exists(go):
		        time.sleep(0.02)
		while s.recv(65536):
		    pass
		s.close()
	PY
}

# pair CLIENT SERVER ADDRESS CLIENT'S-PORT STALLER
pair() {
	local out=$CLUSTER_DIR/ready.$4 port=$(($4 + 1000)) client=stall server=stall
	[ "$5" = client ] && server=pump || client=pump
	end "$2" listen "$3" "$port" $server > "$out"
	cluster_wait 10 grep -q ready "$out" || cluster_die "no server at $3 $port"
	end "$1" connect "$3" "$port" $client "$4"
}

# Enough of them to tell, and the agent has told while nothing moves.
are_held_up() {
	local port
	for port in $PORTS; do
		[ $(($(truth sent "$port") + $(truth received "$port"))) -ge 4 ] || return 1
		jq -es --argjson port "$port" 'any(.[].flow; .l4.TCP.source_port == $port and
			.connection.state == "ACTIVE" and
			(.connection.zero_windows_sent // 0) + (.connection.zero_windows_received // 0) > 2)' \
			"$CLUSTER_DIR/records" > /dev/null || return 1
	done
}

is_counted() {
	local want got
	want="$(truth sent "$1") $(truth received "$1")"
	got=$(jq -r --argjson port "$1" '.flow | select(.l4.TCP.source_port == $port and
		.connection.state == "CLOSED") | .connection |
		"\(.zero_windows_sent // 0) \(.zero_windows_received // 0)"' "$CLUSTER_DIR/records")
	echo "sent and received: $want, by the record $got"
	jq -c --argjson port "$1" '.flow | select(.l4.TCP.source_port == $port) | .connection' \
		"$CLUSTER_DIR/records"
	[ "$want" = "$got" ]
}

is_lost_and_counted() {
	cluster_in_router nft list chain inet lossy forward
	cluster_in_router nft list chain inet lossy forward | grep -q "packets 3 bytes" &&
		is_counted 32003
}

none_elsewhere() {
	local n
	n=$(jq -c '.flow | select(.l4.TCP.destination_port == 8001)' "$CLUSTER_DIR/records" |
		tee "$CLUSTER_DIR/of" | grep -c CLOSED)
	echo "$n connections"
	[ "$n" -eq 200 ] && ! grep zero_windows "$CLUSTER_DIR/of"
}

agent_start --flow-interval 500ms
agent_follow "$CLUSTER_DIR/records"
cluster_serve zero/server "$TOOLS/tcpload" server :: 8001
pair zero/client zero/server "$server" 32001 server
pair zero/client zero/server "$server" 32002 client
pair zero/client zero/server "$server" 32003 server
pair zero/client zero/server "${POD_IP6[zero/server]}" 32004 server
pair zero/client outside/far "$far" 32005 server
pair zero/client outside/far "$far" 32006 client
pair zero/client zero/client 127.0.0.1 32007 server
pair host/plain.service outside/far "$far" 32008 client
cluster_run zero/client "$TOOLS/tcpload" client --to "$server:8001" --connections 200 --size 2000 \
	--ports 40000-49999 > /dev/null
tap_check "told while nothing moves" cluster_wait 30 are_held_up
touch "$CLUSTER_DIR/go"
settle "$CLUSTER_DIR/records" 208 30
tap_check "the server stops reading" is_counted 32001
tap_check "the client stops reading" is_counted 32002
tap_check "some are lost: those that were sent" is_lost_and_counted
tap_check "IPv6" is_counted 32004
tap_check "by an end elsewhere" is_counted 32005
tap_check "to an end elsewhere" is_counted 32006
tap_check "over loopback" is_counted 32007
tap_check "a process of the node's own" is_counted 32008
tap_check "none where everybody reads" none_elsewhere
tap_check "no loss" agent_check_no_loss
tap_check "seen = delivered + losses" agent_check_balance
tap_done
