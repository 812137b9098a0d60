#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
# What becomes of a connection on its way through a tunnel between nodes is told of the connection.
set -euo pipefail
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"

[ "$(id -u)" -eq 0 ] || tap_skip_all "needs root"
cluster_start
cluster_pod tun client
# Another node, which the agent does not see, behind the uplink.
ip netns add "$CLUSTER-other"
ip -n "$CLUSTER_ROUTER" link add up0 type veth peer name eth0 netns "$CLUSTER-other"
ip -n "$CLUSTER_ROUTER" -batch - <<- IP
	addr add 198.19.200.1/24 dev up0
	addr add 2001:db8:200::1/64 dev up0 nodad
	link set up0 up
	route add default via 198.19.200.2 dev up0
IP
ip -n "$CLUSTER-other" -batch - <<- IP
	addr add 198.19.200.2/24 dev eth0
	addr add 2001:db8:200::2/64 dev eth0 nodad
	link set eth0 up
	link set lo up
IP

# tunnel NAME KIND NEAR FAR NUMBER: behind it are 198.51.NUMBER.0/24 and 2001:db8:NUMBER::/64, of which the
# other node has .9 and ::9, and no word for the rest.
tunnel() {
	tunnel_end "$CLUSTER_ROUTER" "$2" "$1" "$3" "$4"
	tunnel_end "$CLUSTER-other" "$2" "$1" "$4" "$3"
	ip -n "$CLUSTER_ROUTER" route add "198.51.$5.0/24" dev "$1"
	ip -n "$CLUSTER_ROUTER" route add "2001:db8:$5::/64" dev "$1"
	ip -n "$CLUSTER-other" -batch - <<- IP
		addr add 198.51.$5.9/32 dev lo
		addr add 2001:db8:$5::9/128 dev lo nodad
		route replace ${POD_IP4[tun/client]} dev $1
		route replace ${POD_IP6[tun/client]} dev $1
	IP
}

tunnel_end() {
	local out
	out=$(mktemp "$CLUSTER_DIR/tunnel.XXXXXX")
	cluster_tool nsenter --net="/run/netns/$1" "$TOOLS/tunnel" "${@:2}" > "$out"
	disown "$SPAWNED"
	cluster_wait 10 grep -q '^ready' "$out" || cluster_die "no tunnel: $*"
}

connect() {
	cluster_run tun/client python3 - "$1" "$2" <<- 'PY'
		import socket, sys
		family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
		s = socket.socket(family)
		s.bind(("", int(sys.argv[2])))
		s.settimeout(0.7)
		try:
		    s.connect((sys.argv[1], 8001))
		except OSError:
		    pass
	PY
}

in_router() {
	nsenter --net="/run/netns/$CLUSTER_ROUTER" "$@"
}

# outcome PORT SEEN [REASON]: of the connection from that port, where it was seen last and why it was dropped.
outcome() {
	local got
	got=$(jq -r --argjson port "$1" 'select(.flow.l4.TCP.source_port == $port and
		.flow.connection.state == "CLOSED") | .flow |
		"\(.source.pod_name) \(.connection.last_seen // {} | "\(.packet) \(.at)")",
		"\(.verdict) \(.drop.reason)"' "$CLUSTER_DIR/records")
	echo "want: $2 ${3:-}, got: $got"
	[[ $got == "client $2"$'\n'"${3:+DROPPED $3}"* ]]
}

agent_start
agent_follow "$CLUSTER_DIR/records"
in_router nft -f - <<- 'NFT'
	table inet guard {
		chain out { type filter hook output priority 0; }
		chain forward { type filter hook forward priority 0; tcp dport 22000-22999 drop; }
	}
NFT
cluster_tool nsenter --net="/run/netns/$CLUSTER-other" "$TOOLS/tcpload" server :: 8001 \
	> "$CLUSTER_DIR/server"
disown "$SPAWNED"
cluster_wait 10 grep -q '^ready' "$CLUSTER_DIR/server"

NAMES=()
TUNNELS=("vxlan 4 46" "vxlan 6 46" "geneve 4 46" "geneve 6 46" "ipip 4 4" "ipip 6 4" "sit 4 6" "sit 6 6"
	"gre 4 46" "gre 6 46")
for i in "${!TUNNELS[@]}"; do
	read -r kind outer inner <<< "${TUNNELS[i]}"
	near=198.19.200.1 far=198.19.200.2
	[ "$outer" = 4 ] || near=2001:db8:200::1 far=2001:db8:200::2
	tunnel "tun$i" "$kind" "$near" "$far" "$((100 + i))"
	for family in $(fold -w 1 <<< "$inner"); do
		there=198.51.$((100 + i)).
		[ "$family" = 4 ] || there=2001:db8:$((100 + i))::
		port=$((100 * i + 10 * family))
		NAMES+=("$port IPv$family in $kind over IPv$outer")
		connect "${there}8" $((21000 + port))
		connect "${there}9" $((22000 + port))
		in_router nft add rule inet guard out oifname up0 drop
		connect "${there}9" $((23000 + port))
		in_router nft flush chain inet guard out
	done
done
# A datagram to a tunnel's port with nothing inside that could be told is one as any other.
in_router nft add rule inet guard forward udp dport 4789 drop
cluster_run tun/client python3 - 198.51.100.9 <<- 'PY'
	import socket, sys
	s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	s.bind(("", 24000))
	s.sendto(b"\x08" + bytes(20) + b"\x08\x00\x45" + bytes(11), (sys.argv[1], 4789))
PY

other_datagram() {
	jq -e 'select(.flow.l4.UDP.source_port == 24000 and .flow.connection.state == "CLOSED") |
		.flow.verdict == "DROPPED" and .flow.l4.UDP.destination_port == 4789' "$CLUSTER_DIR/records"
}

settle "$CLUSTER_DIR/records" $((3 * ${#NAMES[@]} + 1))
for name in "${NAMES[@]}"; do
	port=${name%% *}
	name=${name#* }
	tap_check "$name: it left the node, and no answer came" \
		outcome $((21000 + port)) "SYN TO_NETWORK"
	tap_check "$name: the answer came, and was dropped here" \
		outcome $((22000 + port)) "SYN-ACK FROM_NETWORK" NETFILTER_DROP
	tap_check "$name: the packet that carries it was dropped" \
		outcome $((23000 + port)) "SYN FROM_ENDPOINT" NETFILTER_DROP
done
tap_check "what is in no tunnel is told as it is" other_datagram
tap_check "no loss" agent_check_no_loss
tap_check "seen = delivered + losses" agent_check_balance
tap_done
