#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
# Each row of docs/verdicts.md: a cause made for real, and what the record of the connection that it
# hits says: verdict, end reason, the kernel's reason and place.
set -euo pipefail
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"

[ "$(id -u)" -eq 0 ] || tap_skip_all "needs root"
cluster_start
cluster_pod verdict client
cluster_pod verdict server
cluster_pod verdict other
cluster_pod verdict spoofed
cluster_pod verdict narrow
cluster_pod verdict shut
cluster_pod verdict node --host-network
cluster_host plain.service
cluster_service verdict web 198.19.0.40 web:TCP:80:8001 -- verdict/server
agent_start --flow-interval 500ms
agent_follow "$CLUSTER_DIR/records"
cluster_serve verdict/server "$TOOLS/tcpload" server :: 8001
client=${POD_IP4[verdict/client]} other=${POD_IP4[verdict/other]} narrow=${POD_IP4[verdict/narrow]}
server=${POD_IP4[verdict/server]} server6=${POD_IP6[verdict/server]} spoofed=${POD_IP4[verdict/spoofed]}
shut=${POD_IP4[verdict/shut]}

in_pod() {
	nsenter --net="/run/netns/${POD_NETNS[verdict/$1]}" "${@:2}"
}

in_pod client sysctl -q -w net.ipv4.tcp_syn_retries=1
in_pod other sysctl -q -w net.ipv4.tcp_syncookies=0

# try PORT ADDRESS TARGETPORT [SECONDS [FROM]]: a connect() from PORT; given up after 1.5 s.
try() {
	cluster_run "${5:-verdict/client}" python3 - "$@" <<- 'PY'
		import errno, select, socket, sys
		s = socket.socket(socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET)
		s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		s.bind(("", int(sys.argv[1])))
		s.setblocking(False)
		error = s.connect_ex((sys.argv[2], int(sys.argv[3])))
		if error == errno.EINPROGRESS:
		    if not select.select([], [s], [], float((sys.argv[4:] or ["1.5"])[0]))[1]:
		        sys.exit(0)
		    error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
		if not error:
		    s.setblocking(True)
		    s.send(b"x")
	PY
}

# send PORT ADDRESS TARGETPORT [COUNT [SIZE]]: datagrams from PORT with the don't-fragment bit.
send() {
	cluster_run verdict/client python3 - "$@" <<- 'PY'
		import socket, sys
		count, size = (list(map(int, sys.argv[4:])) + [1, 100][len(sys.argv) - 4:])[:2]
		if ":" in sys.argv[2]:
		    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
		    s.setsockopt(socket.IPPROTO_IPV6, 23, 3)  # IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE
		else:
		    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		    s.setsockopt(socket.IPPROTO_IP, 10, 3)  # IP_MTU_DISCOVER, IP_PMTUDISC_PROBE
		s.bind(("", int(sys.argv[1])))
		s.settimeout(0.5)
		try:
		    for _ in range(count):
		        s.sendto(b"x" * size, (sys.argv[2], int(sys.argv[3])))
		    s.recvfrom(1)
		except OSError:
		    pass
	PY
}

# reset PORT ADDRESS TARGETPORT: established, and then reset by the client.
reset() {
	cluster_run verdict/client python3 - "$@" <<- 'PY'
		import socket, struct, sys
		s = socket.create_connection((sys.argv[2], int(sys.argv[3])), 5, ("", int(sys.argv[1])))
		s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
		s.close()
	PY
}

# talk PORT ADDRESS TARGETPORT [COMMAND...]: established, then COMMAND in the node's network, then data,
# for which there is an answer within 1.5 s or none.
talk() {
	cluster_run verdict/client python3 - "/run/netns/$CLUSTER_ROUTER" "$@" <<- 'PY'
		import socket, subprocess, sys
		node, port, address, to, *command = sys.argv[1:]
		s = socket.create_connection((address, int(to)), 5, ("", int(port)))
		if command:
		    subprocess.run(["nsenter", "--net=" + node, *command], check=True, capture_output=True)
		s.settimeout(None)
		s.setsockopt(socket.IPPROTO_TCP, 18, 1500)  # TCP_USER_TIMEOUT, ms
		s.send(b"x" * 1000)
		try:
		    s.recv(1)
		except TimeoutError:
		    pass
		s.close()
	PY
}

# late PORT ADDRESS TARGETPORT: established for the client, but its ACKs do not come before others have
# taken the last places in the accept queue.
late() {
	cluster_run verdict/client python3 - "$@" <<- 'PY'
		import socket, struct, subprocess, sys
		port, to = int(sys.argv[1]), (sys.argv[2], int(sys.argv[3]))
		subprocess.run(["nft", f"""add table inet late
		    add chain inet late output {{ type filter hook output priority 0; }}
		    add rule inet late output tcp sport {port} tcp flags & syn == 0 drop"""], check=True)
		s = socket.create_connection(to, 5, ("", port))
		others = [socket.create_connection(to, 5) for _ in range(2)]
		subprocess.run(["nft", "delete table inet late"], check=True)
		s.settimeout(1)
		try:
		    s.send(b"x")
		    s.recv(1)
		except OSError:
		    pass
		s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
		s.close()
	PY
}

# fragmented PORT ADDRESS TARGETPORT: a datagram in two packets, and two seconds for an answer.
fragmented() {
	cluster_run verdict/client python3 - "$@" <<- 'PY'
		import socket, sys
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind(("", int(sys.argv[1])))
		s.settimeout(2)
		try:
		    s.sendto(b"x" * 2000, (sys.argv[2], int(sys.argv[3])))
		    s.recvfrom(1)
		except OSError:
		    pass
	PY
}

# spoof PORT SOURCE ADDRESS TARGETPORT: a connect() from an address that is not the client's.
spoof() {
	cluster_run verdict/client python3 - "$@" <<- 'PY'
		import select, socket, sys
		s = socket.socket()
		s.setsockopt(socket.SOL_IP, 19, 1)  # IP_TRANSPARENT
		s.bind((sys.argv[2], int(sys.argv[1])))
		s.setblocking(False)
		s.connect_ex((sys.argv[3], int(sys.argv[4])))
		select.select([], [s], [], 1.5)
	PY
}

# rule POD|node HOOK RULE...: an nftables rule in the pod's network or the node's. What comes before
# routing also comes before connection tracking.
rule() {
	local where=$1 hook=$2 in=(cluster_in_router) priority=filter
	[ "$where" = node ] || in=(in_pod "$where")
	[ "$hook" != prerouting ] || priority=raw
	"${in[@]}" nft "add table inet verdicts
		add chain inet verdicts $hook { type filter hook $hook priority $priority; }
		add rule inet verdicts $hook ${*:3}"
}

# A veth pair hands checksums on that nobody has computed, and the receiver believes them. Without
# the offload (ETHTOOL_STXCSUM) the pod's packets have theirs, which a rule can spoil.
checksums_computed_by() {
	in_pod "$1" python3 - <<- 'PY'
		import array, fcntl, socket, struct
		off = array.array("B", struct.pack("II", 0x17, 0))
		fcntl.ioctl(socket.socket(), 0x8946,  # SIOCETHTOOL
		            struct.pack("16sP", b"eth0", off.buffer_info()[0]))
	PY
}

# Servers in the pod other: one that resets, one whose backlog is full, two that have room for two, one
# that never reads, one that does.
cluster_spawn verdict/other python3 - > "$CLUSTER_DIR/other" <<- 'PY'
	import socket, struct, threading
	resets, full, late, half = (socket.socket(type=socket.SOCK_STREAM) for _ in range(4))
	deaf, reader = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
	resets.bind(("", 9021))
	resets.listen()
	full.bind(("", 9022))
	full.listen(0)
	late.bind(("", 9059))
	late.listen(1)
	half.bind(("", 9061))
	half.listen(1)
	deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
	deaf.bind(("", 9023))
	reader.bind(("", 9032))
	threading.Thread(target=lambda: list(iter(lambda: reader.recv(1), None)), daemon=True).start()
	waiting = [socket.create_connection(("127.0.0.1", 9022)) for _ in range(1)]
	print("ready", flush=True)
	while True:
	    s, _ = resets.accept()
	    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
	    s.recv(1)
	    s.close()
PY
cluster_wait 10 grep -q ready "$CLUSTER_DIR/other"

rule client output tcp dport 9001 drop
rule node forward tcp dport 9002 drop
rule server input tcp dport 9003 drop
rule node input tcp dport 9004 drop
rule node forward tcp dport 9005 reject
rule node forward tcp dport 9006 reject with tcp reset
rule server output tcp sport 8001 tcp dport 31007 drop
rule node forward udp dport 9008 drop
rule client output tcp dport 9010 ip ttl set 1
rule client output udp dport 9011 ip ttl set 1
rule node forward ip daddr 198.19.0.41 reject
cluster_in_router ip route add blackhole 203.0.113.0/28
cluster_in_router ip route add unreachable 203.0.113.16/28
cluster_in_router ip route add prohibit 203.0.113.32/28
# Who asks for the address is dropped as well, so it is told.
cluster_in_router ip neigh replace "$shut" dev br0 nud permanent lladdr \
	"$(in_pod shut cat /sys/class/net/eth0/address)"
cluster_in_router tc qdisc add dev "${POD_LINK[verdict/shut]}" root blackhole
# What comes to spoofed from client would be answered another way: a spoofed address, for all it knows.
in_pod spoofed ip link add elsewhere type bridge
in_pod spoofed ip link set elsewhere up
in_pod spoofed ip route add "$client/32" dev elsewhere
in_pod spoofed sysctl -q -w net.ipv4.conf.all.rp_filter=1
cluster_in_router ip route add "$narrow/32" dev br0 mtu lock 1000
# Three questions who has an address, and nobody answers.
cluster_in_router sysctl -q -w net.ipv4.neigh.br0.retrans_time_ms=100
cluster_in_router sysctl -q -w net.ipv6.neigh.br0.retrans_time_ms=100
rule node prerouting tcp dport 9027 drop
rule node output tcp sport 9028 drop
rule client input tcp sport 8001 tcp dport 31029 drop
# Of a connection of which it did not see the SYN, a SYN-ACK is invalid.
rule node prerouting tcp sport 31030 notrack
rule node forward tcp dport 31030 ct state invalid drop
# The TCP header's bytes 16 and 17, UDP's 6 and 7.
rule node prerouting tcp dport 9031 @th,128,16 set 0xdead
rule node prerouting udp dport 9032 @th,48,16 set 0xdead
rule node prerouting udp dport 9033 @th,48,16 set 0xdead
checksums_computed_by client
# A neighbour that is no more: what arrives where it was is for another host.
cluster_in_router ip neigh replace 198.18.200.2 dev br0 nud permanent lladdr 02:00:00:00:00:99
cluster_in_router bridge fdb add 02:00:00:00:00:99 dev "${POD_LINK[verdict/narrow]}" master static
# Or the node tells it the shorter way, by which nobody forwards.
in_pod client sysctl -q -w net.ipv6.conf.eth0.accept_redirects=0
rule client output tcp dport 9043 ip6 hoplimit set 1
cluster_in_router ip -6 route add blackhole 2001:db8:20::/64
cluster_in_router ip -6 route add unreachable 2001:db8:21::/64
cluster_in_router ip -6 route add prohibit 2001:db8:22::/64
cluster_in_router ip -6 route replace "${POD_IP6[verdict/narrow]}/128" dev br0 mtu lock 1280
# The data of a connection, five times.
rule node forward tcp sport 31035 "tcp flags & (syn | psh) == psh limit rate 1/hour burst 5 packets drop"
cluster_serve verdict/node "$TOOLS/tcpload" server :: 9028
rule node output tcp dport 9050 drop
rule node forward tcp sport 31051 "tcp flags & (syn | psh) == psh drop"
rule node forward tcp dport 9052 reject with icmpv6 type addr-unreachable
rule node prerouting tcp sport 31053 notrack
rule node forward tcp dport 31053 ct state invalid drop
cluster_in_router sysctl -q -w net.netfilter.nf_conntrack_tcp_loose=0 net.ipv4.ipfrag_time=1
rule node forward tcp sport 31054 ct state invalid drop
in_pod client ip route add unreachable 203.0.113.80/28
rule node forward tcp dport 9056 reject with icmp type admin-prohibited
rule node forward tcp sport 31057 ip length \> 200 @th,128,16 set 0xdead
cluster_in_router nft "add table netdev verdicts
	add chain netdev verdicts client { type filter hook ingress device ${POD_LINK[verdict/client]} priority 0; }
	add rule netdev verdicts client ip frag-off & 0x1fff != 0 drop"

try 31001 "$server" 9001
try 31002 "$server" 9002
try 31003 "$server" 9003
try 31004 "$CLUSTER_GATEWAY4" 9004
try 31005 "$server" 9005
try 31006 "$server" 9006
try 31007 "$server" 8001
send 31008 "$server" 9008 50
try 31009 "$spoofed" 80
try 31010 "$server" 9010
send 31011 "$server" 9011
try 31012 "$server" 9012
try 31013 "$server6" 9013
send 31014 "$server" 9014
try 31015 203.0.113.1 80
try 31016 203.0.113.17 80
try 31017 203.0.113.33 80
try 31018 198.18.200.1 80 5
try 31019 198.19.0.41 80
try 31020 198.19.0.40 80
try 31021 "$other" 9021
try 31022 "$other" 9022
send 31023 "$other" 9023 200 1000
try 31024 "$shut" 9024
send 31025 "$narrow" 9025 1 1400
reset 31026 "$server" 8001
try 31027 "$server" 9027
try 31028 "$CLUSTER_GATEWAY4" 9028
try 31029 "$server" 8001
try 31030 "$server" 8001
try 31031 "$server" 9031
send 31032 "$other" 9032
send 31033 "$server" 9033
try 31034 198.18.200.2 80 5
try 31035 "$server" 8001
try 31040 "$server6" 9002
try 31041 "$server6" 9005
try 31042 "$server6" 9031
try 31043 "$server6" 9043
send 31044 "$server6" 9014
try 31045 2001:db8:20::1 80
try 31046 2001:db8:21::1 80
try 31047 2001:db8:22::1 80
try 31048 2001:db8:18::dead 80 5
send 31049 "${POD_IP6[verdict/narrow]}" 9025 1 1400
# Answers that do not come leave their requests waiting.
rule client input tcp sport 9061 tcp dport 31161-31162 drop
try 31161 "$other" 9061 0.1
try 31162 "$other" 9061 0.1
try 31061 "$other" 9061
try 31050 "$server" 9050 1.5 host/plain.service
talk 31051 "$server" 8001
try 31052 "$server6" 9052
try 31053 "$server6" 8001
talk 31054 "$server" 8001 conntrack -D -p tcp --sport 31054
try 31055 203.0.113.81 80
try 31056 "$server" 9056
talk 31057 "$server" 8001
fragmented 31058 "$server" 9058
late 31059 "$other" 9059
spoof 31060 "$other" "$other" 9060
settle "$CLUSTER_DIR/records" 59 20

# verdict CAUSE PORT VERDICT END[:BY] [REASON PLACE PACKETS [SOURCE]]: of the one CLOSED record from
# PORT, which names both ends where they have a name.
verdict() {
	local got
	got=$(jq -r --argjson port "$2" --arg packets "${7:--}" '.flow |
		select((.l4.TCP // .l4.UDP).source_port == $port and .connection.state == "CLOSED") |
		[.verdict // "UNKNOWN", ([.connection.end_reason, .connection.reset_by // empty] | join(":")), .drop.reason // "-",
		 .drop.place // "-", if $packets == "some" and .drop.packets then "some"
		 else .drop.packets // "-" end, .source.pod_name // .source.kind] | join(" ")' \
		"$CLUSTER_DIR/records")
	echo "want $3 $4 ${5:--} ${6:--} ${7:--} ${8:-client}, got: $got"
	jq -c --argjson port "$2" '.flow | select((.l4.TCP // .l4.UDP).source_port == $port)' \
		"$CLUSTER_DIR/records"
	[ "$got" = "$3 $4 ${5:--} ${6:--} ${7:--} ${8:-client}" ]
}

# An ICMP error that comes while connect() still has the socket is only noted, and the SYN is sent
# again: of those "some" are dropped.
nft=nft_do_chain
row() {
	tap_check "$1" verdict "$@"
}
row "dropped in its own output" 31001 DROPPED ABORTED NETFILTER_DROP $nft 2
row "dropped by the node, forwarding" 31002 DROPPED ABORTED NETFILTER_DROP $nft 2
row "dropped in the server's input" 31003 DROPPED ABORTED NETFILTER_DROP $nft 2
row "dropped in the node's input" 31004 DROPPED ABORTED NETFILTER_DROP $nft 2
row "rejected by ICMP" 31005 DROPPED REFUSED NETFILTER_DROP $nft some
row "rejected by RST" 31006 DROPPED REFUSED NETFILTER_DROP $nft 1
row "the answer dropped in the server's output" 31007 DROPPED ABORTED NETFILTER_DROP $nft 3
row "datagrams dropped by the node" 31008 DROPPED SOCKET_CLOSED NETFILTER_DROP $nft 50
row "spoofed, as reverse path filtering sees it" 31009 DROPPED ABORTED IP_RPFILTER ip_rcv_finish_core 2
row "TTL exceeded" 31010 DROPPED UNREACHABLE IP_INHDR ip_forward some
row "TTL exceeded, a datagram" 31011 DROPPED SOCKET_CLOSED IP_INHDR ip_forward 1
row "no listener" 31012 DROPPED REFUSED NO_SOCKET tcp_v4_rcv 1
row "no listener, IPv6" 31013 DROPPED REFUSED NO_SOCKET tcp_v6_rcv 1
row "no listener, a datagram" 31014 DROPPED SOCKET_CLOSED NO_SOCKET __udp4_lib_rcv 1
row "blackhole route" 31015 DROPPED ABORTED NOT_SPECIFIED ip_error 2
row "unreachable route" 31016 DROPPED UNREACHABLE NOT_SPECIFIED ip_error some
row "prohibited route" 31017 DROPPED UNREACHABLE NOT_SPECIFIED ip_error some
row "no such neighbour" 31018 DROPPED UNREACHABLE NEIGH_FAILED neigh_invalidate some
row "a Service without endpoints" 31019 DROPPED REFUSED NETFILTER_DROP $nft some
row "nothing in the way, through a Service" 31020 FORWARDED FIN
row "reset by the server" 31021 FORWARDED RST:destination
row "backlog full" 31022 DROPPED ABORTED LISTEN_OVERFLOW - 2
row "receive buffer full" 31023 FORWARDED SOCKET_CLOSED SOCKET_RCVBUFF udp_queue_rcv_one_skb some
row "dropped by the queue of its link" 31024 DROPPED ABORTED QDISC_DROP __dev_queue_xmit 2
row "too big, with don't-fragment" 31025 DROPPED SOCKET_CLOSED PKT_TOO_BIG ip_forward 1
row "reset by the client" 31026 FORWARDED RST:source
row "dropped by the node, before anything else" 31027 DROPPED ABORTED NETFILTER_DROP $nft 2
row "the answer dropped in the node's output" 31028 DROPPED ABORTED NETFILTER_DROP $nft some
row "the answer dropped in its own input" 31029 DROPPED ABORTED NETFILTER_DROP $nft some
row "the answer invalid to connection tracking" 31030 DROPPED ABORTED NETFILTER_DROP $nft some
row "checksum error" 31031 DROPPED ABORTED TCP_CSUM tcp_v4_rcv 2
row "checksum error, a datagram" 31032 FORWARDED SOCKET_CLOSED UDP_CSUM udp_recvmsg 1
row "checksum error, a datagram for nobody" 31033 DROPPED SOCKET_CLOSED UDP_CSUM __udp4_lib_rcv 1
row "lost without a word" 31034 UNKNOWN TIMEOUT
row "data dropped by the node, and sent again" 31035 FORWARDED FIN NETFILTER_DROP $nft 5
row "dropped by the node, IPv6" 31040 DROPPED ABORTED NETFILTER_DROP $nft 2
row "rejected by ICMP, IPv6" 31041 DROPPED REFUSED NETFILTER_DROP $nft some
row "checksum error, IPv6" 31042 DROPPED ABORTED TCP_CSUM tcp_v6_rcv 2
row "TTL exceeded, IPv6" 31043 DROPPED UNREACHABLE IP_INHDR ip6_forward some
row "no listener, an IPv6 datagram" 31044 DROPPED SOCKET_CLOSED NO_SOCKET __udp6_lib_rcv 1
row "blackhole route, IPv6" 31045 DROPPED ABORTED NOT_SPECIFIED dst_discard_out 2
row "unreachable route, IPv6" 31046 DROPPED UNREACHABLE IP_INNOROUTES ip6_pkt_discard some
row "prohibited route, IPv6" 31047 DROPPED UNREACHABLE IP_INNOROUTES ip6_pkt_prohibit some
row "no such neighbour, IPv6" 31048 DROPPED UNREACHABLE NOT_SPECIFIED neigh_invalidate some
row "too big, IPv6" 31049 DROPPED SOCKET_CLOSED PKT_TOO_BIG ip6_forward 1
row "dropped in the host's output, its own process" 31050 DROPPED ABORTED NETFILTER_DROP $nft 2 host
row "all that was sent dropped, once established" 31051 FORWARDED TIMEOUT NETFILTER_DROP $nft some
row "rejected by another ICMPv6 code" 31052 DROPPED UNREACHABLE NETFILTER_DROP $nft some
row "the answer invalid to connection tracking, IPv6" 31053 DROPPED ABORTED NETFILTER_DROP $nft some
row "data invalid to connection tracking, which forgot" 31054 FORWARDED TIMEOUT NETFILTER_DROP $nft some
row "no route in its own table" 31055 ERROR LOCAL_ERROR
row "rejected by another ICMP code" 31056 DROPPED UNREACHABLE NETFILTER_DROP $nft some
row "checksum error, data" 31057 FORWARDED TIMEOUT TCP_CSUM tcp_v4_do_rcv some
row "a fragment is missing" 31058 DROPPED SOCKET_CLOSED FRAG_REASM_TIMEOUT ip_expire 1
row "backlog full by the time of the last ACK" 31059 FORWARDED RST:source TCP_LISTEN_OVERFLOW tcp_v4_rcv some
row "from an address of the host that it comes to" 31060 DROPPED ABORTED IP_LOCAL_SOURCE ip_rcv_finish_core 2
row "too many handshakes wait, without SYN cookies" 31061 DROPPED ABORTED REQQ_FULL - 2
tap_check "no loss" agent_check_no_loss
tap_check "seen = delivered + losses" agent_check_balance
tap_done
