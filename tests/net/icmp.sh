#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
# ICMP errors, made for real by the node, by a server's kernel and by routers beyond the node: each is on
# the record of the connection of which it speaks, once, with its sender. And what anyone can send.
set -euo pipefail
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"
. "$(dirname "$0")/../lib/guest.sh"

[ "$(id -u)" -eq 0 ] || tap_skip_all "needs root"
cluster_start
cluster_pod icmp client
cluster_pod icmp server
cluster_pod icmp narrow
# A virtual machine's: the node has no socket of its.
vm_pod guest
cluster_host tool.service
HOP=198.19.200.2 HOP6=2001:db8:c8::2  # the first router beyond the node
FAR=203.0.113.200                     # a host behind it
client=${POD_IP4[icmp/client]} server=${POD_IP4[icmp/server]} server6=${POD_IP6[icmp/server]}
narrow=${POD_IP4[icmp/narrow]} narrow6=${POD_IP6[icmp/narrow]}
outside=$CLUSTER-outside

in_pod() {
	nsenter --net="/run/netns/${POD_NETNS[icmp/$1]}" "${@:2}"
}

# The kernel sends few errors a second, lest it be used to flood others.
unlimited() {
	"$@" sysctl -q -w net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 2> /dev/null
	# Before Linux 6.12 these are the whole machine's: then the flood is smaller.
	"$@" sysctl -q -w net.ipv4.icmp_msgs_per_sec=100000 net.ipv4.icmp_msgs_burst=10000 \
		2> /dev/null || flood=40
}
flood=500

ip netns add "$outside"
ip -n "$CLUSTER_ROUTER" link add up0 type veth peer name eth0 netns "$outside"
ip -n "$CLUSTER_ROUTER" -batch - <<- IP
	addr add 198.19.200.1/24 dev up0
	addr add 2001:db8:c8::1/64 dev up0 nodad
	link set up0 up
	route add default via $HOP dev up0
	route add default via $HOP6 dev up0
	route add 198.51.100.1 dev br0
	route add $narrow/32 dev br0 mtu lock 1000
	route replace $narrow6/128 dev br0 mtu lock 1280
IP
in_outside() {
	nsenter --net="/run/netns/$outside" "$@"
}
in_outside sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip -n "$outside" -batch - <<- IP
	tuntap add dev tun0 mode tun
	link set tun0 up
	link set lo up
	addr add $HOP/24 dev eth0
	addr add $HOP6/64 dev eth0 nodad
	addr add $FAR/32 dev lo
	link set eth0 up
	route add default via 198.19.200.1 dev eth0
	route add default via 2001:db8:c8::1 dev eth0
	route add unreachable 203.0.113.0/28
	route add prohibit 203.0.113.16/28
	route add unreachable 2001:db8:21::/64
	route add 203.0.113.64/28 dev tun0
IP
for netns in "$CLUSTER_ROUTER" "$outside" "${POD_NETNS[icmp/server]}" "${POD_NETNS[icmp/client]}"; do
	unlimited nsenter --net="/run/netns/$netns"
done
cluster_in_router sysctl -q -w net.ipv4.neigh.br0.retrans_time_ms=100

# What goes out is masqueraded; a Service is an address beyond the node, another is not there at all.
cluster_in_router nft -f - <<- NFT
	table inet told {
		chain prerouting {
			type nat hook prerouting priority dstnat
			ip daddr 198.19.0.50 dnat ip to 203.0.113.2
		}
		chain postrouting {
			type nat hook postrouting priority srcnat
			oifname up0 ip saddr 198.18.0.0/16 masquerade
		}
		chain forward {
			type filter hook forward priority filter
			udp dport 9001 reject with icmpx type port-unreachable
			tcp dport 9002 reject with icmpx type admin-prohibited
			tcp dport 9003 reject with icmpx type no-route
			udp sport 9070 reject with icmpx type host-unreachable
		}
	}
NFT
in_pod client nft -f - <<- NFT
	table inet told {
		chain output {
			type filter hook output priority filter
			meta l4proto { tcp, udp } th dport 9010 ip ttl set 1
			meta l4proto { tcp, udp } th dport 9010 ip6 hoplimit set 1
			meta l4proto { tcp, udp } th dport 9011 ip ttl set 2
		}
	}
NFT
in_pod client sysctl -q -w net.ipv6.conf.eth0.accept_redirects=0

# The kernel that plays the routers beyond the node tells what it drops as well. A process that takes
# packets and answers as a router does, with as little of them as RFC 792 asks for, drops none.
cat > "$CLUSTER_DIR/router.py" <<- 'PY'
	import fcntl, os, struct
	tun = os.open("/dev/net/tun", os.O_RDWR)
	fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH", b"tun0", 0x1001))  # TUNSETIFF, IFF_TUN | IFF_NO_PI
	print("ready", flush=True)
	def summed(data, at):
	    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
	    while total >> 16:
	        total = (total & 0xffff) + (total >> 16)
	    return data[:at] + struct.pack("!H", ~total & 0xffff) + data[at + 2:]
	while True:
	    packet = os.read(tun, 2048)
	    if packet[0] != 0x45:
	        continue
	    icmp = summed(struct.pack("!BBHI", 3, 1, 0, 0) + packet[:28], 2)
	    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(icmp), 0, 0, 64, 1, 0)
	    os.write(tun, summed(head + bytes([203, 0, 113, 65]) + packet[12:16], 10) + icmp)
PY

cluster_tool nsenter --net="/run/netns/$outside" python3 "$CLUSTER_DIR/router.py" > "$CLUSTER_DIR/router"
disown "$SPAWNED"
cluster_wait 10 grep -q ready "$CLUSTER_DIR/router"

agent_start --flow-interval 500ms --idle-timeout 2s
agent_follow "$CLUSTER_DIR/records"

# In the client's pod or, with a first argument "guest", in the guest.
# try PORT ADDRESS TARGETPORT: a connect() from PORT; given up after 1.5 s.
# send PORT ADDRESS TARGETPORT [COUNT [SIZE]]: datagrams that may not be fragmented.
cat > "$CLUSTER_DIR/traffic.py" <<- 'PY'
	import errno, select, socket, sys
	kind, port, address, target = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
	count, size = (list(map(int, sys.argv[5:])) + [1, 100][len(sys.argv) - 5:])[:2]
	v6 = ":" in address
	s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET,
	                  socket.SOCK_STREAM if kind == "try" else socket.SOCK_DGRAM)
	s.bind(("", port))
	if kind == "try":
	    s.setblocking(False)
	    if s.connect_ex((address, target)) == errno.EINPROGRESS:
	        select.select([], [s], [], 1.5)
	        s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
	else:
	    if v6:
	        s.setsockopt(socket.IPPROTO_IPV6, 23, 3)  # IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE
	    else:
	        s.setsockopt(socket.IPPROTO_IP, 10, 3)  # IP_MTU_DISCOVER, IP_PMTUDISC_PROBE
	    s.settimeout(0.5)
	    for _ in range(count):
	        s.sendto(b"x" * size, (address, target))
	    try:
	        s.recvfrom(1)
	    except OSError:
	        pass
PY
traffic() {
	if [ "$1" = guest ]; then
		in_guest guest python3 "$CLUSTER_DIR/traffic.py" "${@:2}"
	else
		cluster_run icmp/client python3 "$CLUSTER_DIR/traffic.py" "$@"
	fi
}

# One that is established before what it sends is too big, and goes on until it is told to end.
mkfifo "$CLUSTER_DIR/end"
cluster_serve icmp/narrow python3 - <<- 'PY'
	import socket
	listener = socket.create_server(("", 8001))
	print("ready", flush=True)
	s, _ = listener.accept()
	while s.recv(65536):
	    pass
PY
cluster_spawn icmp/client python3 - "$narrow" "$CLUSTER_DIR/end" <<- 'PY'
	import socket, sys
	s = socket.create_connection((sys.argv[1], 8001), 5, ("", 32040))
	s.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER, IP_PMTUDISC_DO
	s.sendall(b"x" * 5000)
	open(sys.argv[2]).read()
PY

cluster_serve icmp/server python3 - <<- 'PY'
	import socket
	s = socket.socket(type=socket.SOCK_DGRAM)
	s.bind(("", 9070))
	print("ready", flush=True)
	while True:
	    s.sendto(b"x", s.recvfrom(65536)[1])
PY

traffic send 32001 "$server" 9001
traffic try 32002 "$server" 9002
traffic try 32003 "$server" 9003
traffic send 32004 "$server" 9004
traffic send 32005 "$server" 9010
traffic try 32006 "$server" 9010
traffic try 32007 198.51.100.1 80
traffic send 32008 "$narrow" 9008 1 1400
traffic send 32009 203.0.113.1 9009
traffic try 32010 203.0.113.1 80
traffic try 32011 203.0.113.17 80
traffic send 32012 "$FAR" 9012
# A kernel sends five such errors to one address, and then one in a second.
sleep 3
traffic try 32013 198.19.0.50 80
traffic send 32014 198.19.0.50 80
traffic try 32015 203.0.113.100 9011
traffic send 32016 203.0.113.100 9011
traffic send 32020 "$server6" 9004
traffic send 32021 "$server6" 9010
traffic try 32022 "$server6" 9010
traffic send 32023 "$narrow6" 9023 1 1400
traffic try 32024 "$server6" 9002
traffic try 32025 2001:db8:21::1 80
traffic send 32030 "$server" 9001 "$flood"
traffic send 32070 "$server" 9070
traffic guest send 32050 "$server" 9050
# Nothing on a link says that a guest has given up, until it uses the port again.
traffic guest try 32051 "$server" 9002
traffic guest try 32051 "$server" 9002
traffic guest try 32052 203.0.113.66 80
traffic guest try 32052 203.0.113.66 80
traffic send 32060 203.0.113.67 80
traffic try 32061 203.0.113.67 80
cluster_run host/tool.service python3 "$CLUSTER_DIR/traffic.py" try 32062 203.0.113.67 80
cluster_run icmp/client python3 - <<- 'PY'
	import socket
	s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
	s.sendto(bytes.fromhex("0800cbfd2c010101"), ("203.0.113.2", 0))
PY

# forge KEY TYPE CODE HEX: an ICMP error from beyond the node with these bytes behind its header.
forge() {
	in_outside python3 - "$@" <<- 'PY'
		import socket, struct, sys
		body = struct.pack("!BBHI", int(sys.argv[2]), int(sys.argv[3]), 0, 0) + bytes.fromhex(sys.argv[4])
		total = sum(struct.unpack("!%dH" % (len(body) // 2), body))
		total = (total & 0xffff) + (total >> 16)
		total = ~(total + (total >> 16)) & 0xffff
		s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
		s.sendto(body[:2] + struct.pack("!H", total) + body[4:], (sys.argv[1], 0))
	PY
}

cluster_wait 10 agent_is_idle || true
before=$(agent_status '.links.icmp_unmatched // "0" | tonumber')
bad=$(agent_status '.links.bad_packets // "0" | tonumber')
# About a packet of nobody's, 192.0.2.1:5 to 192.0.2.2:6 by UDP; the same by TCP; one that is cut; noise.
forge "$client" 3 1 450000240000000040110000c0000201c000020200050006000c0000
forge "$client" 3 1 450000280000000040060000c0000201c00002020005000600000001
forge "$client" 3 1 450000240000000040110000c0000201c00002020005
forge "$client" 3 1 ffffffffffffffffffffffffffffffffffffffffffffffffffffffff

has_error() {
	jq -se --argjson port "$1" 'any(.[]; .flow.l4.TCP.source_port == $port and
		.flow.connection.icmp_error)' "$CLUSTER_DIR/records"
}
cluster_wait 10 has_error 32040 || true
jq -rs '[.[] | .flow | select(.l4.TCP.source_port == 32040 and .connection.icmp_error) |
	.connection.state] | first // "none"' "$CLUSTER_DIR/records" > "$CLUSTER_DIR/when"
: > "$CLUSTER_DIR/end"
settle "$CLUSTER_DIR/records" 34 20

# error CAUSE PORT VERDICT END TYPE CODE NAME SENDER COUNT [MTU]: of the CLOSED record from PORT.
error() {
	local got
	got=$(jq -r --argjson port "$2" --arg count "$9" '.flow |
		select(.connection.state == "CLOSED" and
			(.l4.TCP // .l4.UDP // {}).source_port == $port) |
		.connection.icmp_error as $e |
		[.verdict // "UNKNOWN", .connection.end_reason, $e.type // "-", $e.code // "-", $e.name // "-",
		 $e.sender // "-", if $count == "some" and $e.count then "some" else $e.count // "-" end,
		 $e.mtu // "-", .source.pod_name // "-"] | join(" ")' "$CLUSTER_DIR/records")
	echo "want $3 $4 $5 $6 $7 $8 $9 ${10:--} ${11:-client}, got: $got"
	jq -c --argjson port "$2" '.flow | select((.l4.TCP // .l4.UDP // {}).source_port == $port)' \
		"$CLUSTER_DIR/records"
	[ "$got" = "$3 $4 $5 $6 $7 $8 $9 ${10:--} ${11:-client}" ]
}
row() {
	tap_check "$1" error "$@"
}
g4=$CLUSTER_GATEWAY4 g6=$CLUSTER_GATEWAY6
row "a datagram rejected by the node" 32001 DROPPED SOCKET_CLOSED 3 3 PORT_UNREACHABLE "$g4" 1
row "a SYN rejected by the node, prohibited" 32002 DROPPED UNREACHABLE 3 13 ADMIN_PROHIBITED "$g4" some
row "a SYN rejected by the node, no route" 32003 DROPPED UNREACHABLE 3 0 NET_UNREACHABLE "$g4" some
row "no listener, a datagram" 32004 DROPPED SOCKET_CLOSED 3 3 PORT_UNREACHABLE "$server" 1
row "TTL exceeded at the node, a datagram" 32005 DROPPED SOCKET_CLOSED 11 0 TTL_EXCEEDED "$g4" 1
row "TTL exceeded at the node" 32006 DROPPED UNREACHABLE 11 0 TTL_EXCEEDED "$g4" some
row "nobody has the address" 32007 DROPPED UNREACHABLE 3 1 HOST_UNREACHABLE "$g4" some
row "too big" 32008 DROPPED SOCKET_CLOSED 3 4 FRAGMENTATION_NEEDED "$g4" 1 1000
row "unreachable beyond the node, a datagram" 32009 DROPPED SOCKET_CLOSED 3 1 HOST_UNREACHABLE "$HOP" 1
row "unreachable beyond the node" 32010 DROPPED UNREACHABLE 3 1 HOST_UNREACHABLE "$HOP" some
row "prohibited beyond the node" 32011 DROPPED UNREACHABLE 3 13 ADMIN_PROHIBITED "$HOP" some
row "no listener beyond the node, a datagram" 32012 DROPPED SOCKET_CLOSED 3 3 PORT_UNREACHABLE "$FAR" 1
row "unreachable beyond the node, by a Service" 32013 DROPPED UNREACHABLE 3 1 HOST_UNREACHABLE "$HOP" some
row "the same, a datagram" 32014 DROPPED SOCKET_CLOSED 3 1 HOST_UNREACHABLE "$HOP" 1
row "TTL exceeded beyond the node" 32015 DROPPED UNREACHABLE 11 0 TTL_EXCEEDED "$HOP" some
row "TTL exceeded beyond the node, a datagram" 32016 DROPPED SOCKET_CLOSED 11 0 TTL_EXCEEDED "$HOP" 1
row "no listener, an IPv6 datagram" 32020 DROPPED SOCKET_CLOSED 1 4 PORT_UNREACHABLE "$server6" 1
row "hop limit exceeded, a datagram" 32021 DROPPED SOCKET_CLOSED 3 0 TTL_EXCEEDED "$g6" 1
row "hop limit exceeded" 32022 DROPPED UNREACHABLE 3 0 TTL_EXCEEDED "$g6" some
row "too big, IPv6" 32023 DROPPED SOCKET_CLOSED 2 0 PACKET_TOO_BIG "$g6" 1 1280
row "a SYN rejected by the node, IPv6" 32024 DROPPED UNREACHABLE 1 1 ADMIN_PROHIBITED "$g6" some
row "unreachable beyond the node, IPv6" 32025 DROPPED UNREACHABLE 1 0 NO_ROUTE "$HOP6" some
row "a flood rejected by the node" 32030 DROPPED SOCKET_CLOSED 3 3 PORT_UNREACHABLE "$g4" "$flood"
row "the answer rejected by the node" 32070 FORWARDED SOCKET_CLOSED 3 1 HOST_UNREACHABLE "$g4" 1
row "an established connection, too big" 32040 FORWARDED FIN 3 4 FRAGMENTATION_NEEDED "$g4" some 1000
row "a guest's datagram" 32050 DROPPED IDLE 3 3 PORT_UNREACHABLE "$server" 1 - guest
row "a guest's SYN rejected by the node" 32051 DROPPED UNKNOWN 3 13 ADMIN_PROHIBITED "$g4" some - guest
row "a guest's SYN, unreachable beyond the node" 32052 UNKNOWN UNKNOWN 3 1 HOST_UNREACHABLE 203.0.113.65 some - guest
row "a datagram, no word but the error's" 32060 UNKNOWN SOCKET_CLOSED 3 1 HOST_UNREACHABLE 203.0.113.65 1
row "a SYN, no word but the error's" 32061 UNKNOWN UNREACHABLE 3 1 HOST_UNREACHABLE 203.0.113.65 some
row "the SYN of a process of the node" 32062 UNKNOWN UNREACHABLE 3 1 HOST_UNREACHABLE 203.0.113.65 some - -

told_while_it_went_on() {
	cat "$CLUSTER_DIR/when"
	[ "$(cat "$CLUSTER_DIR/when")" = ACTIVE ]
}
tap_check "told of the established connection while it goes on" told_while_it_went_on

# The echo of an ICMP flow, which has no ports.
ping_error() {
	jq -ce '.flow | select(.IP.destination == "203.0.113.2" and (.l4 | not) and
		.connection.state == "CLOSED") | .connection.icmp_error' "$CLUSTER_DIR/records" > "$CLUSTER_DIR/ping"
	cat "$CLUSTER_DIR/ping"
	[ "$(cat "$CLUSTER_DIR/ping")" = \
		"{\"type\":3,\"code\":1,\"name\":\"HOST_UNREACHABLE\",\"sender\":\"$HOP\",\"count\":\"1\"}" ]
}
tap_check "an echo that is unreachable" ping_error

# Both of the forged ones that can be read, at the uplink and at the client's link, and no record.
forged() {
	local now
	now=$(agent_status '.links.icmp_unmatched // "0" | tonumber')
	echo "unmatched: $before before, now $now"
	grep -q '192\.0\.2\.' "$CLUSTER_DIR/records" && return 1
	[ "$((now - before))" -eq 4 ]
}
tap_check "errors of connections that are not known" forged
garbage() {
	local now
	now=$(agent_status '.links.bad_packets // "0" | tonumber')
	echo "bad packets: $bad before, now $now"
	# Each at the uplink and at the client's link.
	[ "$((now - bad))" -eq 4 ]
}
tap_check "errors that cannot be read" garbage
tap_check "no loss" agent_check_no_loss
tap_check "seen = delivered + losses" agent_check_balance
tap_done
