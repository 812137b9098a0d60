#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
# 20,000 short TCP connections at 7,000 a second or more, and 5,000 over IPv6, with client ports
# and whole 4-tuples used again: each is one record with its exact bytes and its ending.
set -euo pipefail
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"

MIN_RATE=7000
PORTS="8001 8002 8003 8004"

[ "$(id -u)" -eq 0 ] || tap_skip_all "needs root"
cluster_start
cluster_pod load client
cluster_pod load server
agent_start
agent_follow "$CLUSTER_DIR/records"
# A link of their own, past the bridge and its NAT: the rate is to be the agent's limit, not theirs.
CLIENT_NS=${POD_NETNS[load/client]}
SERVER_NS=${POD_NETNS[load/server]}
SERVER_IP4=198.19.255.2
SERVER_IP6=fd00:198:19:ff::2
ip link add direct netns "$CLIENT_NS" type veth peer name direct netns "$SERVER_NS"
ip -n "$CLIENT_NS" address add 198.19.255.1/30 dev direct
ip -n "$SERVER_NS" address add "$SERVER_IP4/30" dev direct
ip -n "$CLIENT_NS" address add fd00:198:19:ff::1/64 dev direct nodad
ip -n "$SERVER_NS" address add "$SERVER_IP6/64" dev direct nodad
ip -n "$CLIENT_NS" link set direct up
ip -n "$SERVER_NS" link set direct up
# shellcheck disable=SC2086 # a list of ports
cluster_serve load/server "$TOOLS/tcpload" server :: $PORTS

# run ADDRESS CONNECTIONS SEED: appends to the truth.
run() {
	local to='' port
	for port in $PORTS; do
		to+=${to:+,}$1:$port
	done
	cluster_run load/client "$TOOLS/tcpload" client --to "$to" --connections "$2" --seed "$3" \
		--rate 9000 --concurrency 256 --ports 20000-23999 --out "$CLUSTER_DIR/truth.$3"
	cat "$CLUSTER_DIR/truth.$3" >> "$CLUSTER_DIR/truth"
}

# A machine that is busy with something else may be slow once; every record counts all the same.
connections=0
rate=0
for seed in 1 2 3; do
	result=$(run "$SERVER_IP4" 20000 "$seed")
	tap_note "IPv4: $result"
	connections=$((connections + 20000))
	rate=$(sed -n 's/.* rate=\([0-9]*\).*/\1/p' <<< "$result")
	[ "$rate" -lt "$MIN_RATE" ] || break
done
tap_note "IPv6: $(run "[$SERVER_IP6]" 5000 6)"
connections=$((connections + 5000))
settle "$CLUSTER_DIR/records" "$connections"
tap_note "$(agent_balance)"
tap_check "20,000 came at $MIN_RATE connections a second or more" [ "$rate" -ge "$MIN_RATE" ]
tap_check "every connection is one record, to the byte, with its ending and pods" \
	"$ROOT/tests/lib/truth.py" tcp "$CLUSTER_DIR/truth" "$CLUSTER_DIR/records" \
	--source load/client --destination load/server
tap_check "no loss" agent_check_no_loss
tap_check "seen = delivered + losses" agent_check_balance
tap_done
