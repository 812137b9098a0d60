#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
# DNS with a real server (dnsmasq) behind a Service: questions and answers as records, and their names
# on the connections that follow, by client and by TTL; answers that are none; a burst.
set -euo pipefail
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"

[ "$(id -u)" -eq 0 ] || tap_skip_all "needs root"
DNSLOAD=$ROOT/tests/lib/dnsload.py
DNS_IP=198.19.0.10 DNS_IP6=2001:db8:19::10
OUTSIDE=203.0.113.80
cluster_start
cluster_pod kube-system coredns
cluster_pod web client
cluster_pod web second
cluster_pod web third
cluster_outside server "$OUTSIDE"
cluster_outside liar 203.0.113.53
cluster_service kube-system kube-dns "$DNS_IP,$DNS_IP6" dns:UDP:53:53 -- kube-system/coredns
agent_start --dns-ports 53,5300
agent_follow "$CLUSTER_DIR/records"
RECORDS=$CLUSTER_DIR/records

big=() huge=()
for i in {1..4}; do big+=("--txt-record=big.example,$(printf 'x%.0s' {1..240})$i"); done
for i in {1..12}; do huge+=("--txt-record=huge.example,$(printf 'x%.0s' {1..240})$i"); done
cluster_spawn kube-system/coredns dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv \
	--no-hosts --user=root --pid-file= --local=/example/ --edns-packet-max=4096 --local-ttl=300 \
	--host-record="www.example,$OUTSIDE,2001:db8:20::80" --cname=alias.example,second.example \
	--cname=second.example,www.example --host-record="mine.example,$OUTSIDE" \
	--host-record="theirs.example,$OUTSIDE" --host-record="short.example,$OUTSIDE,1" \
	"${big[@]}" "${huge[@]}" 2> "$CLUSTER_DIR/dns.log"
cluster_serve outside/liar "$DNSLOAD" serve 203.0.113.53 5300
cluster_serve outside/server "$TOOLS/tcpload" server :: 8001

ask() {
	cluster_run "web/$1" "$DNSLOAD" ask "${@:2}"
}
is_answered() {
	[ "$(ask client "$DNS_IP" 53 A ready.example)" -eq 1 ]
}
cluster_wait 10 is_answered || cluster_die "dnsmasq does not answer: $(< "$CLUSTER_DIR/dns.log")"

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

# Asked by a name in capitals: DNS does not mind, and so resolvers hide random bits there.
ask client "$DNS_IP" 53 A WwW.ExAmple > /dev/null
tap_check "a question: who asked whom for what" is_told 1 www.example. '.Type == "L7" and
	.event_type.type == 129 and .l7.type == "REQUEST" and .l7.dns.qtypes == ["A"] and
	(.l7 | has("latency_ns") | not) and .is_reply == false and .verdict == "FORWARDED" and
	.source.pod_name == "client" and .source.process.comm == "dnsload.py" and
	.IP.destination == "'$DNS_IP'" and .l4.UDP.destination_port == 53 and
	.destination_service.name == "kube-dns" and .traffic_direction == "EGRESS"'
tap_check "its answer, with addresses, TTL and latency" is_told 1 www.example. '.l7.type == "RESPONSE" and
	.l7.dns.ips == ["'$OUTSIDE'"] and .l7.dns.ttl == 300 and .l7.dns.rrtypes == ["A"] and
	(.l7.dns | has("rcode") | not) and (.l7.latency_ns | tonumber | . > 0 and . < 2000000000) and
	.is_reply == true and .destination.pod_name == "client" and .IP.source == "'$DNS_IP'" and
	.l4.UDP.source_port == 53 and .source_service.name == "kube-dns"'
tap_check "the server, on this node too, makes no second record" told 2 www.example.
ask client "$DNS_IP6" 53 AAAA www.example > /dev/null
tap_check "AAAA, over IPv6" is_told 1 www.example. '.l7.dns.ips == ["2001:db8:20::80"] and
	.IP.ipVersion == "IPv6" and .source_service.name == "kube-dns"'
ask client "$DNS_IP" 53 A alias.example > /dev/null
tap_check "a chain of CNAMEs" is_told 1 alias.example. '.l7.dns.ips == ["'$OUTSIDE'"] and
	.l7.dns.cnames == ["second.example.", "www.example."] and .l7.dns.rrtypes == ["CNAME", "A"]'
ask client "$DNS_IP" 53 A nothing.example > /dev/null
tap_check "NXDOMAIN" is_told 1 nothing.example. '.l7.dns.rcode == 3 and (.l7.dns | has("ips") | not)'
ask client 203.0.113.53 5300 A servfail.example > /dev/null
tap_check "SERVFAIL, at another port" is_told 1 servfail.example. '.l7.dns.rcode == 2 and
	.l4.UDP.source_port == 5300 and .source.labels == ["reserved:world"]'
ask client "$DNS_IP" 53 TXT big.example --edns 1232 > /dev/null
tap_check "a big answer" is_told 1 big.example. '.l7.dns.rrtypes == ["TXT"] and .l7.dns.ttl == 300'
ask client "$DNS_IP" 53 TXT huge.example --edns 4096 > /dev/null
tap_check "a bigger one than is captured" is_told 1 huge.example. '.l7.dns.rrtypes == ["TXT"]'
ask client "$DNS_IP" 53 TXT huge.example > /dev/null
tap_check "one that was truncated" is_told 1 huge.example. '.l7.dns.truncated'
tap_check "nothing of that was no DNS" test "$(agent_status .dns.bad_dns)" -eq 0

ask client 203.0.113.53 5300 A late.example > /dev/null
tap_check "answered twice: the second one has no latency" is_told 1 late.example. \
	'.l7.type == "RESPONSE" and (.l7 | has("latency_ns") | not)'
unanswered=$(agent_status .dns.unanswered)
ask client 203.0.113.53 5300 A silent.example > /dev/null &
ask client 203.0.113.53 5300 A other.example > /dev/null
wait $!
tap_check "never answered" told 1 silent.example.
tap_check "answered with another id: no latency" is_told 1 other.example. \
	'.l7.type == "RESPONSE" and (.l7 | has("latency_ns") | not)'
two_are_unanswered() {
	[ "$(agent_status .dns.unanswered)" -eq $((unanswered + 2)) ]
}
tap_check "both are counted as unanswered" cluster_wait 20 two_are_unanswered

ask client 203.0.113.53 5300 A cut.example > /dev/null
ask client 203.0.113.53 5300 A noise.example > /dev/null
cluster_run web/client "$DNSLOAD" raw 203.0.113.53 53 "" 00 1234 "$(printf '00%.0s' {1..12})" \
	"$(printf 'ff%.0s' {1..1400})" 00010100000200000000000003777777 000101000001000000000000c00c00010001 \
	000181800001000000000000037777770000010001
nine_are_bad() {
	[ "$(agent_status .dns.bad_dns)" -eq 9 ]
}
tap_check "what is no DNS is counted" cluster_wait 10 nine_are_bad
tap_note "$(agent_status '.dns | tostring')"

# connect POD [SECONDS]: to the outside server; its source port in PORT.
PORT=32000
connect() {
	PORT=$((PORT + 1))
	cluster_run "web/$1" python3 - "$PORT" "$OUTSIDE" <<- 'PY'
		import socket, sys
		s = socket.socket()
		s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		s.bind(("", int(sys.argv[1])))
		s.connect((sys.argv[2], 8001))
	PY
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
ask second "$DNS_IP" 53 A mine.example > /dev/null
ask third "$DNS_IP" 53 A theirs.example > /dev/null
connect second
tap_check "a connection has the name that its client asked for" is_named "$PORT" '["mine.example"]'
connect third
tap_check "and another client's its own" is_named "$PORT" '["theirs.example"]'
ask second "$DNS_IP" 53 A alias.example > /dev/null
connect second
tap_check "the latest first, and the alias that was asked for" is_named "$PORT" \
	'["alias.example","mine.example"]'
cluster_pod web fourth
connect fourth
tap_check "who did not ask has none" is_named "$PORT" null
ask fourth "$DNS_IP" 53 A short.example > /dev/null
connect fourth
tap_check "within its TTL" is_named "$PORT" '["short.example"]'
sleep 3.2 # its TTL of 1 s and the 2 s after it
connect fourth
tap_check "and not after it" is_named "$PORT" null
cluster_pod web fifth
ask fifth 203.0.113.53 5300 A foreign.example > /dev/null
connect fifth
tap_check "a name that nobody asked for is not learned" is_named "$PORT" null

tap_note "answered: $(ask client "$DNS_IP" 53 A 'n%.burst.example' --count 1500)"
tap_note "answered on one socket: $(ask second "$DNS_IP" 53 A 's%.burst.example' --count 500 --shared)"
burst() {
	jq -r '.flow.l7 | select(.dns.query // "" | endswith(".burst.example.")) |
		[.type, .dns.query, .dns.rcode // 0, .latency_ns // "0" | tostring] | join(" ")' "$RECORDS" |
		awk '{ n[$1]++; if ($1 == "RESPONSE" && $3 == 3 && $4 > 0) timed[$2]++ }
			END { for (name in timed) names++
				print n["REQUEST"], n["RESPONSE"], names; exit !(n["REQUEST"] == 2000 &&
				n["RESPONSE"] == 2000 && names == 2000) }'
}
all_told() {
	cluster_wait 20 burst || burst
}
tap_check "2,000 questions in a burst, each with its answer and latency" all_told

only_dns() {
	weir observe --all --protocol dns -o jsonpb | jq -e -s 'length > 0 and all(.flow.Type == "L7")'
}
tap_check "--protocol dns is these and no others" only_dns
printed() {
	weir observe --all --protocol dns > "$CLUSTER_DIR/printed"
	grep 'n1499\.' "$CLUSTER_DIR/printed"
	grep -qE 'web/client:[0-9]+ \(ID:[0-9]+\) -> 198.19.0.10:53 \(unknown\) via kube-system/kube-dns:53 dns-request FORWARDED \(DNS Query n1499.burst.example. A\)$' "$CLUSTER_DIR/printed" &&
		grep -qE 'web/client:[0-9]+ \(ID:[0-9]+\) <- 198.19.0.10:53 \(unknown\) via kube-system/kube-dns:53 dns-response FORWARDED \(DNS Answer RCode: NXDOMAIN \(Weir n1499.burst.example. A\); .*ms\)$' "$CLUSTER_DIR/printed"
}
tap_check "as the command line prints them" printed
settle "$RECORDS" 7 20
tap_check "no loss" agent_check_no_loss
tap_check "seen = delivered + losses" agent_check_balance

# More than the ring holds, while nobody reads it: anyone can send that.
kill -STOP "$AGENT_PID"
cluster_run web/client "$DNSLOAD" raw 203.0.113.53 53 "$(printf 'ff%.0s' {1..1300})" --count 5000
connect second
kill -CONT "$AGENT_PID"
tap_check "a flood leaves room for connections" is_named "$PORT" '["alias.example","mine.example"]'
settle "$RECORDS" 8 20
flood_is_counted() {
	weir status -o json | jq -c .lost
	[ "$(agent_status '.lost.dns_no_room | tonumber > 0')" = true ] &&
		[ "$(agent_status .lost.ringbuf_full)" -eq 0 ] && agent_check_balance
}
tap_check "and is counted" flood_is_counted
tap_done
