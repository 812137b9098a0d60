#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
# DNS over TCP with a real server (dnsmasq) and a real client (dig): pipelined, cut into packets
# anywhere, larger than a packet, after a truncated answer; and both over UDP and TCP of clients that
# have no socket on this node.
set -euo pipefail
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"
. "$(dirname "$0")/../lib/guest.sh"

[ "$(id -u)" -eq 0 ] || tap_skip_all "needs root"
DNSLOAD=$ROOT/tests/lib/dnsload.py
DNS_IP=198.19.0.10 DNS_IP6=2001:db8:19::10
OUTSIDE=203.0.113.80
cluster_start
cluster_pod kube-system coredns
cluster_pod web client
cluster_pod web second
vm_pod guest
cluster_outside server "$OUTSIDE"
cluster_service kube-system kube-dns "$DNS_IP,$DNS_IP6" dns:UDP:53:53 dns-tcp:TCP:53:53 -- \
	kube-system/coredns
# All are at one bridge: told of the shorter way to each other, they would pass by the translation.
for netns in "${POD_NETNS[kube-system/coredns]}" "${POD_NETNS[web/client]}" "${POD_NETNS[web/second]}" \
	"${POD_NETNS[vm/guest]}.guest"; do
	ip netns exec "$netns" sysctl -qw net.ipv6.conf.eth0.accept_redirects=0
done
agent_start
agent_follow "$CLUSTER_DIR/records"
RECORDS=$CLUSTER_DIR/records

# huge: more than UDP has room for; vast: more than is kept; many: of addresses, more than a packet.
names=()
for i in {1..12}; do names+=("--txt-record=huge.example,$(printf 'x%.0s' {1..240})$i"); done
for i in {1..70}; do names+=("--txt-record=vast.example,$(printf 'y%.0s' {1..240})$i"); done
for i in {1..130}; do names+=("--host-record=many.example,203.0.113.$i"); done
for name in www mine named guest guestudp; do names+=("--host-record=$name.example,$OUTSIDE,2001:db8:20::80"); done
cluster_spawn kube-system/coredns dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv \
	--no-hosts --user=root --pid-file= --local=/example/ --edns-packet-max=4096 --local-ttl=300 \
	--cname=alias.example,www.example "${names[@]}" 2> "$CLUSTER_DIR/dns.log"
cluster_serve outside/server "$TOOLS/tcpload" server :: 8001

run_dig() {
	cluster_run "web/$1" dig +tries=1 +time=5 "${@:2}"
}
is_answered() {
	run_dig client "@$DNS_IP" +short ready.example && run_dig client "@$DNS_IP6" +short ready.example
}
cluster_wait 20 is_answered || cluster_die "dnsmasq does not answer: $(< "$CLUSTER_DIR/dns.log")"

# told COUNT NAME [EXPRESSION]: so many records about NAME are there, for which jq's EXPRESSION holds.
told() {
	local want=$1
	jq -c --arg name "$2" '.flow | select(.l7.dns.query == $name)' "$RECORDS" > "$CLUSTER_DIR/told"
	cat "$CLUSTER_DIR/told"
	[ "$(jq -s "map(select(${3:-true})) | length" "$CLUSTER_DIR/told")" -eq "$want" ]
}
is_told() {
	cluster_wait 10 told "$@" || told "$@"
}
LATENCY='(.l7.latency_ns // "0" | tonumber | . > 0 and . < 5000000000)'

tap_note "$(run_dig client "@$DNS_IP" +tcp +short www.example)"
tap_check "a question over TCP: who asked whom for what" is_told 1 www.example. '.Type == "L7" and
	.l7.type == "REQUEST" and .l7.dns.qtypes == ["A"] and .is_reply == false and
	.source.pod_name == "client" and (.source.process.comm | test("^(dig|isc-)")) and
	.source.process.pid > 0 and .IP.destination == "'$DNS_IP'" and .l4.TCP.destination_port == 53 and
	.destination_service.name == "kube-dns"'
tap_check "its answer, with addresses, TTL and latency" is_told 1 www.example. '.l7.type == "RESPONSE" and
	.l7.dns.ips == ["'$OUTSIDE'"] and .l7.dns.ttl == 300 and '"$LATENCY"' and .is_reply == true and
	.destination.pod_name == "client" and .IP.source == "'$DNS_IP'" and .l4.TCP.source_port == 53'
tap_check "the server, on this node too, makes no second record" told 2 www.example.
tap_note "$(run_dig client "@$DNS_IP6" +tcp +short AAAA alias.example)"
tap_check "over IPv6, with a CNAME" is_told 1 alias.example. '.l7.dns.ips == ["2001:db8:20::80"] and
	.l7.dns.cnames == ["www.example."] and .IP.ipVersion == "IPv6" and .l4.TCP.source_port == 53 and
	'"$LATENCY"
run_dig client "@$DNS_IP" +tcp +keepopen k1.example k2.example k3.example > /dev/null
one_port() {
	for name in k1 k2 k3; do
		told 2 "$name.example." "$LATENCY"' == (.l7.type == "RESPONSE")'
	done
	jq -s -e 'map(.flow | select(.l7.dns.query // "" | test("^k[123].example"))) |
		map(.l4.TCP | .source_port + .destination_port) | length == 6 and (unique | length == 1)' \
		"$RECORDS"
}
is_one_port() {
	cluster_wait 10 one_port || one_port
}
tap_check "several on one connection that stays open" is_one_port

# each NAME COUNT: of so many pipelined questions each has its answer, with a latency.
each() {
	jq -r --arg name "$1" '.flow.l7 | select(.dns.query // "" | endswith($name)) |
		[.type, .dns.query, .dns.rcode // 0, .latency_ns // "0" | tostring] | join(" ")' "$RECORDS" |
		awk -v want="$2" '{ n[$1]++; if ($1 == "RESPONSE" && $3 == 3 && $4 > 0) timed[$2]++ }
			END { for (name in timed) names++
				print n["REQUEST"], n["RESPONSE"], names; exit !(n["REQUEST"] == want &&
				n["RESPONSE"] == want && names == want) }'
}
all_told() {
	cluster_wait 20 each "$@" || each "$@"
}
tap_note "answered: $(cluster_run web/client "$DNSLOAD" tcp "$DNS_IP" 53 A 'n%.pipe.example' --count 50)"
tap_check "50 pipelined in one write" all_told .pipe.example. 50
for pieces in 1 2 7 33; do
	tap_note "answered: $(cluster_run web/client "$DNSLOAD" tcp "$DNS_IP" 53 A \
		"n%.by$pieces.example" --count 5 --pieces $pieces)"
	tap_check "cut into packets of $pieces bytes" all_told ".by$pieces.example." 5
done

run_dig client "@$DNS_IP" +tcp TXT huge.example > /dev/null
tap_check "an answer larger than a packet" is_told 1 huge.example. '.l7.dns.rrtypes == ["TXT"] and
	.l7.dns.ttl == 300 and '"$LATENCY"
run_dig client "@$DNS_IP" +tcp many.example > /dev/null
tap_check "of many addresses" is_told 1 many.example. '(.l7.dns.ips | length) == 32 and '"$LATENCY"
run_dig client "@$DNS_IP" +tcp +keepopen vast.example TXT behind.example A > /dev/null
tap_check "one larger than is kept" is_told 1 vast.example. '.l7.dns.rrtypes == ["TXT"] and '"$LATENCY"
tap_check "and what comes behind it" is_told 1 behind.example. '.l7.dns.rcode == 3 and '"$LATENCY"
ip -n "${POD_NETNS[kube-system/coredns]}" link set eth0 gso_max_segs 1
run_dig second "@$DNS_IP" +tcp +keepopen vast.example TXT after.example A > /dev/null
tap_check "the same, packet by packet" is_told 2 vast.example. '.l7.dns.rrtypes == ["TXT"] and '"$LATENCY"
tap_check "and what comes behind it" is_told 1 after.example. '.l7.dns.rcode == 3 and '"$LATENCY"

run_dig second "@$DNS_IP" +noedns TXT huge.example > /dev/null
truncated() {
	told 1 huge.example. '.l4.UDP and .l7.dns.truncated and '"$LATENCY" &&
		told 2 huge.example. '.l4.TCP and .l7.dns.rrtypes == ["TXT"] and
			(.l7.dns | has("truncated") | not) and '"$LATENCY"
}
is_truncated() {
	cluster_wait 10 truncated || truncated
}
tap_check "truncated over UDP, then asked over TCP" is_truncated
tap_check "nothing of that was no DNS, or lost" \
	test "$(agent_status '.dns | .bad_dns + .streams_lost + .streams_evicted')" = 000

# connect COMMAND...: to the outside server; its source port in PORT.
PORT=32000
connect() {
	PORT=$((PORT + 1))
	"$@" python3 -c 'import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("", int(sys.argv[1])))
s.connect((sys.argv[2], 8001))' "$PORT" "$OUTSIDE"
}
# named PORT NAMES: what the CLOSED record from PORT has, as JSON.
named() {
	jq -c --argjson port "$1" '.flow | select(.l4.TCP.source_port == $port and
		.connection.state == "CLOSED") | .destination_names' "$RECORDS" > "$CLUSTER_DIR/named"
	cat "$CLUSTER_DIR/named"
	[ "$(< "$CLUSTER_DIR/named")" = "$2" ]
}
is_named() {
	cluster_wait 10 named "$@" || named "$@"
}
run_dig second "@$DNS_IP" +tcp mine.example > /dev/null
connect cluster_run web/second
tap_check "a connection has the name that was asked for over TCP" is_named "$PORT" '["mine.example"]'

# Without a socket that the agent sees.
guest_asks() {
	in_guest guest dig +tries=1 +time=5 "$@" > /dev/null
}
guest_asks "@$DNS_IP" guestudp.example
tap_check "a guest's question over UDP" is_told 1 guestudp.example. '.l7.type == "REQUEST" and
	.source.pod_name == "guest" and (.source | has("process") | not) and .l4.UDP.destination_port == 53 and
	.IP.destination == "'$DNS_IP'" and .destination_service.name == "kube-dns"'
tap_check "and its answer" is_told 1 guestudp.example. '.l7.type == "RESPONSE" and
	.destination.pod_name == "guest" and .l7.dns.ips == ["'$OUTSIDE'"] and '"$LATENCY"
connect in_guest guest
tap_check "names its connection" is_named "$PORT" '["guestudp.example"]'
guest_asks "@$DNS_IP6" +tcp guest.example
tap_check "a guest's question over TCP and IPv6" is_told 1 guest.example. '.l7.type == "REQUEST" and
	.source.pod_name == "guest" and (.source | has("process") | not) and .l4.TCP.destination_port == 53'
tap_check "and its answer" is_told 1 guest.example. '.l7.type == "RESPONSE" and
	.destination.pod_name == "guest" and .l7.dns.ips == ["'$OUTSIDE'"] and '"$LATENCY"
connect in_guest guest
tap_check "names it, too" is_named "$PORT" '["guest.example","guestudp.example"]'
guest_asks "@$DNS_IP" +tcp +keepopen vast.example TXT end.example A
tap_check "a large answer to a guest" is_told 3 vast.example. '.l7.dns.rrtypes == ["TXT"] and '"$LATENCY"
tap_check "and what comes behind it" is_told 1 end.example. '.l7.dns.rcode == 3 and '"$LATENCY"
guest_asks "@$DNS_IP" +bufsize=4096 +notcp TXT huge.example
tap_check "one in fragments" is_told 1 huge.example. '.l4.UDP and .l7.dns.rrtypes == ["TXT"] and
	.destination.pod_name == "guest" and '"$LATENCY"
tap_check "nothing of that was no DNS, or lost" \
	test "$(agent_status '.dns | .bad_dns + .streams_lost + .streams_evicted')" = 000

# What is no DNS: lengths that cannot be, noise, a message with two questions.
for bytes in "0000 0000" "000b 0102030405060708090a0b" "1603010200010001fc0303 $(printf 'ff%.0s' {1..600})" \
	"0010 00010100000200000000000003777777"; do
	# shellcheck disable=SC2086 # as many packets
	cluster_run web/client "$DNSLOAD" tcpraw "$DNS_IP" 53 $bytes || true
done
is_lost() {
	[ "$(agent_status '.dns | .streams_lost + " " + .bad_dns')" = "2 1" ]
}
tap_check "what is no DNS is counted" cluster_wait 10 is_lost
run_dig client "@$DNS_IP" +tcp last.example > /dev/null
tap_check "and costs others nothing" is_told 1 last.example. '.l7.dns.rcode == 3 and '"$LATENCY"
tap_note "$(agent_status '.dns | tostring')"
settle "$RECORDS" 1 20
tap_check "no loss" agent_check_no_loss
tap_check "seen = delivered + losses" agent_check_balance
tap_done
