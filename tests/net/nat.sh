#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
# Everything that kube-proxy has the node's conntrack translate: ClusterIP, NodePort with and without
# the source, externalIP, masquerade to the outside, hairpin; TCP and UDP, IPv4 and IPv6. Each
# connection is one record with who asked, for what, what it got, the Service, and what became of
# the source's address. Also after conntrack was flushed, for connections older than the agent, and
# when conntrack's events were lost.
set -euo pipefail
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"

[ "$(id -u)" -eq 0 ] || tap_skip_all "needs root"
N=5  # connections of each kind
NODE4=198.51.100.1 NODE6=2001:db8:99::1  # the node's addresses outside
OUT4=198.51.100.2 OUT6=2001:db8:99::2

# The outside: a namespace behind the node, the sockets of which are none of the agent's.
outside_start() {
	ip netns add "$CLUSTER-outside"
	POD_NETNS[out/side]=$CLUSTER-outside
	POD_CGROUP[out/side]=$CLUSTER_TOP/outside
	mkdir -p "$CLUSTER_TOP/outside"
	ip -n "$CLUSTER_ROUTER" -batch - <<- IP
		link add out type veth peer name eth0 netns $CLUSTER-outside
		addr add $NODE4/24 dev out
		addr add $NODE6/64 dev out nodad
		link set out up
	IP
	ip -n "$CLUSTER-outside" -batch - <<- IP
		link set lo up
		addr add $OUT4/24 dev eth0
		addr add $OUT6/64 dev eth0 nodad
		link set eth0 up
		route add default via $NODE4
		route add default via $NODE6
	IP
}

# A pod that believed the node's redirect would answer past it, and untranslated.
no_redirects() {
	local key
	for key in "$@"; do
		nsenter --net="/run/netns/${POD_NETNS[$key]}" sysctl -q -w \
			net.ipv6.conf.all.accept_redirects=0 net.ipv6.conf.eth0.accept_redirects=0
	done
}

# node_rules FAMILY POD-ADDRESS NODE-ADDRESS EXTERNAL-IP PODS-NETWORK
node_rules() {
	local ip=$1 pod=$2 node=$3 external=$4 network=$5 to=$2
	[ "$ip" = ip ] || to="[$2]"
	cat <<- NFT
		add rule inet node pre $ip daddr $node tcp dport 30080 meta mark set 0x4000 dnat $ip to $to:8001
		add rule inet node pre $ip daddr $node udp dport 30090 meta mark set 0x4000 dnat $ip to $to:9001
		add rule inet node pre $ip daddr $node tcp dport 30081 dnat $ip to $to:8001
		add rule inet node pre $ip daddr $node udp dport 30091 dnat $ip to $to:9001
		add rule inet node pre $ip daddr $external tcp dport 80 meta mark set 0x4000 dnat $ip to $to:8001
		add rule inet node pre $ip daddr $external udp dport 90 meta mark set 0x4000 dnat $ip to $to:9001
		add rule inet node post meta mark 0x4000 masquerade
		add rule inet node post $ip saddr $pod $ip daddr $pod masquerade
		add rule inet node post $ip saddr $network oifname out masquerade
	NFT
}

node_start() {
	cluster_in_router nft -f - <<- NFT
		table inet node {
			chain pre { type nat hook prerouting priority dstnat - 1; }
			chain post { type nat hook postrouting priority srcnat; }
		}
		$(node_rules ip "${POD_IP4[nat/server]}" $CLUSTER_GATEWAY4 203.0.113.7 198.18.0.0/16)
		$(node_rules ip6 "${POD_IP6[nat/server]}" $CLUSTER_GATEWAY6 2001:db8:77::7 2001:db8:18::/64)
	NFT
}

# The Service of the NodePorts and the external addresses; its endpoints are those of cluster_service.
node_service() {
	cluster_service nat node 198.19.0.41,2001:db8:19::41 web:TCP:80:8001 dns:UDP:90:9001 \
		lweb:TCP:81:8001 ldns:UDP:91:9001 -- nat/server
	cluster_write service.nat.node <<- YAML
		apiVersion: v1
		kind: Service
		metadata:
		  name: node
		  namespace: nat
		  uid: $(< /proc/sys/kernel/random/uuid)
		spec:
		  type: NodePort
		  clusterIP: 198.19.0.41
		  clusterIPs: [198.19.0.41, "2001:db8:19::41"]
		  externalIPs: [203.0.113.7, "2001:db8:77::7"]
		  ports:
		  - {name: web, protocol: TCP, port: 80, targetPort: 8001, nodePort: 30080}
		  - {name: dns, protocol: UDP, port: 90, targetPort: 9001, nodePort: 30090}
		  - {name: lweb, protocol: TCP, port: 81, targetPort: 8001, nodePort: 30081}
		  - {name: ldns, protocol: UDP, port: 91, targetPort: 9001, nodePort: 30091}
	YAML
}

# tcp KEY TO, udp KEY TO: N connections, one after another.
tcp() {
	cluster_run "$1" timeout 10 "$TOOLS/tcpload" client --to "$2" --connections "$N" --concurrency 1 \
		--size 100 > /dev/null
}

udp() {
	cluster_run "$1" timeout 10 "$TOOLS/udpload" client --mode connected --exchanges "$N" --to "$2" > /dev/null
}

# A UDP exchange that goes on with each line of its input until one says that it ends.
PULSE='
import socket, struct, sys
to = socket.getaddrinfo(sys.argv[1], int(sys.argv[2]), type=socket.SOCK_DGRAM)[0]
s = socket.socket(to[0], socket.SOCK_DGRAM)
s.settimeout(5)
s.connect(to[4])
for line in sys.stdin:
    if line == "end\n":
        break
    s.send(struct.pack("=II", 0x57554c31, 10))
    print(len(s.recv(100)), flush=True)
'

# pulse_start KEY ADDRESS PORT: file descriptor to write to in PULSES, its answers in PULSED.
PULSES=() PULSED=()
pulse_start() {
	local fifo fd
	fifo=$(mktemp -u "$CLUSTER_DIR/pulse.XXXXXX")
	mkfifo "$fifo"
	exec {fd}<> "$fifo"
	cluster_spawn "$1" python3 -c "$PULSE" "$2" "$3" < "$fifo" > "$fifo.out"
	PULSES+=("$fd")
	PULSED+=("$fifo.out")
}

# pulse COUNT: each once more; COUNT answers in all then.
pulse() {
	local i
	for i in "${!PULSES[@]}"; do
		echo >&"${PULSES[i]}"
		cluster_wait 5 answered "${PULSED[i]}" "$1"
	done
}

answered() {
	[ "$(wc -l < "$1")" -ge "$2" ]
}

pulse_end() {
	local fd
	for fd in "${PULSES[@]}"; do
		echo end >&"$fd"
		exec {fd}>&-
	done
	PULSES=() PULSED=()
}

# What goes on while something happens to the node: three kinds that only conntrack joins.
pulses_start() {
	pulse_start nat/server 198.19.0.40 90
	pulse_start nat/server 2001:db8:19::40 90
	pulse_start out/side "$CLUSTER_GATEWAY4" 30090
	pulse_start nat/client "$OUT4" 9001
	cluster_spawn out/side "$TOOLS/tcpload" client --to "$CLUSTER_GATEWAY4:30080" --rounds 2 \
		--gap-ms 6000 --size 100 > /dev/null
	cluster_spawn nat/server "$TOOLS/tcpload" client --to 198.19.0.40:80 --rounds 2 \
		--gap-ms 6000 --size 100 > /dev/null
}

# With the names of pods' addresses.
pulses_told=(
	"1 TCP $OUT4 -> S4 8001 asked $CLUSTER_GATEWAY4 30080 service node as $CLUSTER_GATEWAY4 from world to server"
	"1 TCP S4 -> S4 8001 asked 198.19.0.40 80 service echo as $CLUSTER_GATEWAY4 from server to server"
	"1 UDP $OUT4 -> S4 9001 asked $CLUSTER_GATEWAY4 30090 service node as $CLUSTER_GATEWAY4 from world to server"
	"1 UDP S4 -> S4 9001 asked 198.19.0.40 90 service echo as $CLUSTER_GATEWAY4 from server to server"
	"1 UDP S6 -> S6 9001 asked 2001:db8:19::40 90 service echo as $CLUSTER_GATEWAY6 from server to server"
	"1 UDP C4 -> $OUT4 9001 asked $OUT4 9001 service none as $NODE4 from client to world"
)

are_pulses_told() {
	local want=("${pulses_told[@]/S4 ->/$s4 ->}")
	want=("${want[@]/-> S4/-> $s4}")
	want=("${want[@]/S6 ->/$s6 ->}")
	want=("${want[@]/-> S6/-> $s6}")
	want=("${want[@]/C4/$c4}")
	is_told "$1" "${want[@]}"
}

has_open() {
	[ "$(grep -c '"state":"OPEN"' "$RECORDS")" -ge "$1" ]
}

# One line for each kind of CLOSED record, and how many there are of it.
told() {
	jq -r 'select(.flow.connection.state == "CLOSED") | .flow | [
		(.l4 | keys[0]), .IP.source, "->", (.IP.destination + " " +
		(.l4 | to_entries[0].value.destination_port | tostring)),
		"asked", (.connection.asked // {} | "\(.IP) \(.port)"),
		"service", (.destination_service.name // "none"),
		"as", (.IP.source_xlated // "itself"),
		"from", (.source.pod_name // .source.kind), "to", (.destination.pod_name // .destination.kind)
		] | join(" ")' "$1" | sort | uniq -c | sed 's/^ *//'
}

# is_told FILE LINE...: each line once, and nothing else; ids are all different.
is_told() {
	local file=$1 want twice
	shift
	want=$(printf '%s\n' "$@" | sort)
	twice=$(jq -r 'select(.flow.connection.state == "CLOSED") | .flow.connection.id' "$file" |
		sort | uniq -d)
	diff <(echo "$want") <(told "$file" | sort) && [ -z "$twice" ]
}

# follow NAME [OPTION...]: records from now on; the file's name in RECORDS.
follow() {
	RECORDS=$CLUSTER_DIR/records.$1
	shift
	cluster_tool "$BUILD/weir" observe --server "unix:$AGENT_SOCKET" -f -o jsonpb "$@" \
		> "$RECORDS" 2>&1
	FOLLOWER=$SPAWNED
	cluster_wait 10 is_followed
}

is_followed() {
	[ "$(agent_status '.clients.connected // "0"')" -ge 1 ]
}

unfollow() {
	kill "$FOLLOWER"
	wait "$FOLLOWER" || true
	cluster_wait 10 is_not_followed
}

is_not_followed() {
	[ "$(agent_status '.clients.connected // "0"')" -eq 0 ]
}

cluster_start
OPTIONS=(--netns "/run/netns/$CLUSTER-*" --flow-interval 500ms --idle-timeout 3s)
cluster_pod nat client
cluster_pod nat server
outside_start
no_redirects nat/client nat/server out/side
cluster_service nat echo 198.19.0.40,2001:db8:19::40 web:TCP:80:8001 dns:UDP:90:9001 -- nat/server
node_service
node_start
agent_start "${OPTIONS[@]}"
cluster_serve nat/server "$TOOLS/tcpload" server :: 8001
cluster_serve nat/server "$TOOLS/udpload" server :: 9001
cluster_serve out/side "$TOOLS/tcpload" server :: 8001
cluster_serve out/side "$TOOLS/udpload" server :: 9001
c4=${POD_IP4[nat/client]} c6=${POD_IP6[nat/client]} s4=${POD_IP4[nat/server]} s6=${POD_IP6[nat/server]}

# to KEY ADDRESS4 ADDRESS6 TCP-PORT UDP-PORT: all four kinds, in RECORDS when they are over.
to() {
	tcp "$1" "$2:$4"
	tcp "$1" "[$3]:$4"
	udp "$1" "$2:$5"
	udp "$1" "[$3]:$5"
	settle "$RECORDS" $((4 * N)) 20
}

follow clusterip
to nat/client 198.19.0.40 2001:db8:19::40 80 90
tap_check "ClusterIP: one record with the Service and its backend" is_told "$RECORDS" \
	"$N TCP $c4 -> $s4 8001 asked 198.19.0.40 80 service echo as itself from client to server" \
	"$N TCP $c6 -> $s6 8001 asked 2001:db8:19::40 80 service echo as itself from client to server" \
	"$N UDP $c4 -> $s4 9001 asked 198.19.0.40 90 service echo as itself from client to server" \
	"$N UDP $c6 -> $s6 9001 asked 2001:db8:19::40 90 service echo as itself from client to server"
unfollow

follow hairpin
to nat/server 198.19.0.40 2001:db8:19::40 80 90
tap_check "hairpin: a pod that reaches itself through its Service is one record" is_told "$RECORDS" \
	"$N TCP $s4 -> $s4 8001 asked 198.19.0.40 80 service echo as $CLUSTER_GATEWAY4 from server to server" \
	"$N TCP $s6 -> $s6 8001 asked 2001:db8:19::40 80 service echo as $CLUSTER_GATEWAY6 from server to server" \
	"$N UDP $s4 -> $s4 9001 asked 198.19.0.40 90 service echo as $CLUSTER_GATEWAY4 from server to server" \
	"$N UDP $s6 -> $s6 9001 asked 2001:db8:19::40 90 service echo as $CLUSTER_GATEWAY6 from server to server"
unfollow

follow masquerade
to nat/client $OUT4 $OUT6 8001 9001
tap_check "masquerade: the record says as what the outside sees the pod" is_told "$RECORDS" \
	"$N TCP $c4 -> $OUT4 8001 asked $OUT4 8001 service none as $NODE4 from client to world" \
	"$N TCP $c6 -> $OUT6 8001 asked $OUT6 8001 service none as $NODE6 from client to world" \
	"$N UDP $c4 -> $OUT4 9001 asked $OUT4 9001 service none as $NODE4 from client to world" \
	"$N UDP $c6 -> $OUT6 9001 asked $OUT6 9001 service none as $NODE6 from client to world"
unfollow

follow nodeport
to out/side $CLUSTER_GATEWAY4 $CLUSTER_GATEWAY6 30080 30090
tap_check "NodePort with masquerade: the real client, and what it asked for" is_told "$RECORDS" \
	"$N TCP $OUT4 -> $s4 8001 asked $CLUSTER_GATEWAY4 30080 service node as $CLUSTER_GATEWAY4 from world to server" \
	"$N TCP $OUT6 -> $s6 8001 asked $CLUSTER_GATEWAY6 30080 service node as $CLUSTER_GATEWAY6 from world to server" \
	"$N UDP $OUT4 -> $s4 9001 asked $CLUSTER_GATEWAY4 30090 service node as $CLUSTER_GATEWAY4 from world to server" \
	"$N UDP $OUT6 -> $s6 9001 asked $CLUSTER_GATEWAY6 30090 service node as $CLUSTER_GATEWAY6 from world to server"
unfollow

follow nodeportlocal
to out/side $CLUSTER_GATEWAY4 $CLUSTER_GATEWAY6 30081 30091
tap_check "NodePort of policy Local: what the client asked for" is_told "$RECORDS" \
	"$N TCP $OUT4 -> $s4 8001 asked $CLUSTER_GATEWAY4 30081 service node as itself from world to server" \
	"$N TCP $OUT6 -> $s6 8001 asked $CLUSTER_GATEWAY6 30081 service node as itself from world to server" \
	"$N UDP $OUT4 -> $s4 9001 asked $CLUSTER_GATEWAY4 30091 service node as itself from world to server" \
	"$N UDP $OUT6 -> $s6 9001 asked $CLUSTER_GATEWAY6 30091 service node as itself from world to server"
unfollow

follow external
to out/side 203.0.113.7 2001:db8:77::7 80 90
tap_check "externalIP: the same" is_told "$RECORDS" \
	"$N TCP $OUT4 -> $s4 8001 asked 203.0.113.7 80 service node as $CLUSTER_GATEWAY4 from world to server" \
	"$N TCP $OUT6 -> $s6 8001 asked 2001:db8:77::7 80 service node as $CLUSTER_GATEWAY6 from world to server" \
	"$N UDP $OUT4 -> $s4 9001 asked 203.0.113.7 90 service node as $CLUSTER_GATEWAY4 from world to server" \
	"$N UDP $OUT6 -> $s6 9001 asked 2001:db8:77::7 90 service node as $CLUSTER_GATEWAY6 from world to server"
unfollow

# attempt KEY PORT ADDRESS TARGETPORT: a connect() from PORT that is not answered, given up after 1.5 s.
attempt() {
	cluster_run "$1" python3 - "${@:2}" <<- 'PY'
		import select, socket, sys
		s = socket.socket(socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET)
		s.bind(("", int(sys.argv[1])))
		s.setblocking(False)
		s.connect_ex((sys.argv[2], int(sys.argv[3])))
		select.select([], [s], [], 1.5)
	PY
}

# drops KEY HOOK FIELD: SYNs and answers of these connects are dropped there, and nothing else.
drops() {
	nsenter --net="/run/netns/${POD_NETNS[$1]}" nft "add table inet drops
		add chain inet drops $2 { type filter hook $2 priority 10; }
		add rule inet drops $2 $3 drop"
}

# is_noticed PORT WHAT: a notice and the last record, of one connection, and both say WHAT.
is_noticed() {
	local got want
	want=$(printf '%s %s\n' notice "$2" CLOSED "$2")
	got=$(jq -r --argjson port "$1" '.flow | select(.l4.TCP.source_port == $port) | [
		.connection.state // "notice", .verdict, .drop.reason, .IP.source, "->", .IP.destination,
		(.l4.TCP.destination_port | tostring), "asked", .connection.asked.IP,
		"service", .destination_service.name // "none", "as", .IP.source_xlated // "itself",
		"from", .source.pod_name // .source.kind] | join(" ")' "$RECORDS")
	jq -r --argjson port "$1" '.flow | select(.l4.TCP.source_port == $port) | .connection.id' \
		"$RECORDS" | sort -u > "$CLUSTER_DIR/ids"
	diff <(echo "$want") <(echo "$got") && [ "$(wc -l < "$CLUSTER_DIR/ids")" -eq 1 ]
}

follow dropped
drops nat/client input "tcp dport 41005"
drops nat/server input "tcp sport 41002"
drops out/side input "tcp sport 41003"
POD_NETNS[host/node]=$CLUSTER_ROUTER
drops host/node forward "tcp sport { 41001, 41004 }"
attempt nat/client 41001 198.19.0.40 80
attempt nat/server 41002 198.19.0.40 80
attempt nat/client 41003 $OUT4 8001
attempt nat/client 41004 2001:db8:19::40 80
attempt nat/client 41005 198.19.0.40 80
settle "$RECORDS" 5 20
tap_check "dropped behind a Service: the notice is the connection's" is_noticed 41001 \
	"DROPPED NETFILTER_DROP $c4 -> $s4 8001 asked 198.19.0.40 service echo as itself from client"
tap_check "dropped behind a hairpin" is_noticed 41002 \
	"DROPPED NETFILTER_DROP $s4 -> $s4 8001 asked 198.19.0.40 service echo as $CLUSTER_GATEWAY4 from server"
tap_check "dropped behind a masquerade" is_noticed 41003 \
	"DROPPED NETFILTER_DROP $c4 -> $OUT4 8001 asked $OUT4 service none as $NODE4 from client"
tap_check "dropped behind a Service, IPv6" is_noticed 41004 \
	"DROPPED NETFILTER_DROP $c6 -> $s6 8001 asked 2001:db8:19::40 service echo as itself from client"
tap_check "the answer dropped before its client" is_noticed 41005 \
	"DROPPED NETFILTER_DROP $c4 -> $s4 8001 asked 198.19.0.40 service echo as itself from client"
unfollow

follow flushed
pulses_start
pulse 1
cluster_wait 5 has_open 6 || true
cluster_in_router conntrack -F 2> /dev/null
pulse 2
pulse_end
settle "$RECORDS" 6 20
tap_check "conntrack flushed mid-way: still one record each" are_pulses_told "$RECORDS"
unfollow
tap_check "no loss" agent_check_no_loss
tap_check "seen = delivered + losses" agent_check_balance

tracked() {
	nsenter --net="/run/netns/${POD_NETNS[$1]}" cat /proc/sys/net/netfilter/nf_conntrack_count
}

is_not_tracked() {
	echo "namespaces: $(agent_status .nat.namespaces) tracked: $(tracked out/side) $(tracked nat/client)"
	[ "$(agent_status .nat.namespaces)" -ge 5 ] && [ "$(tracked out/side)" -eq 0 ] &&
		[ "$(tracked nat/client)" -eq 0 ] && [ "$(tracked host/node)" -gt 0 ]
}

tap_check "where nothing was tracked, nothing is" is_not_tracked

pulses_start
pulse 1
agent_stop
agent_start "${OPTIONS[@]}"
follow found --since 1h
pulse 2
pulse_end
settle "$RECORDS" 6 20
tap_check "an agent that was started later knows it by a dump" are_pulses_told "$RECORDS"
unfollow
agent_stop

# translations of UDP in the kernel, and in the agent
kernel_has() {
	local family
	for family in ipv4 ipv6; do
		cluster_in_router conntrack -L -f "$family" -p udp --any-nat 2> /dev/null
	done | wc -l
}

is_healed() {
	echo "kernel: $(kernel_has) agent: $(agent_status '.nat | tostring')"
	[ "$(agent_status '.nat.translations | tonumber')" -eq "$(kernel_has)" ]
}

has_lost_events() {
	agent_status '.nat | tostring'
	[ "$(agent_status '.nat.events_lost | tonumber')" -gt 0 ]
}

has_lost_no_events() {
	agent_status '.nat | tostring'
	[ "$(tracked host/node)" -ge $((before + N * 9 / 10)) ] &&
		[ "$(agent_status '.nat.events_lost | tonumber')" -eq 0 ]
}

cluster_in_router conntrack -F 2> /dev/null
agent_start "${OPTIONS[@]}" --conntrack-bytes 4Ki
N=500
before=$(tracked host/node)
udp nat/client "$s4:9001"
tap_note "tracked, and not translated: $(($(tracked host/node) - before))"
tap_check "of what does not translate the kernel tells nothing" has_lost_no_events
udp nat/client 198.19.0.40:90
cluster_wait 5 agent_is_idle
tap_check "events that conntrack had no room for are counted" has_lost_events
cluster_wait 20 is_healed || true
tap_check "and made up for by a dump" is_healed
tap_check "which loses no record" agent_check_no_loss
tap_check "and keeps seen = delivered + losses" agent_check_balance
tap_done
