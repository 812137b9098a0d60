#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
# A pod whose connections no socket that the agent sees has, as a virtual machine's: what its link
# carries makes records all the same, and those of pods with sockets are not told twice.
set -euo pipefail
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"
. "$(dirname "$0")/../lib/guest.sh"

[ "$(id -u)" -eq 0 ] || tap_skip_all "needs root"

cluster_start
cluster_pod vm pod
vm_pod guest
vm_pod other
agent_start --idle-timeout 1s --flow-interval 500ms
agent_follow "$CLUSTER_DIR/records"
GUEST4=${POD_IP4[vm/guest]}
GUEST6=[${POD_IP6[vm/guest]}]
# shellcheck disable=SC2031 # a key, not a variable
POD4=${POD_IP4[vm/pod]}
cluster_serve vm/pod "$TOOLS/tcpload" server :: 8001
cluster_serve vm/pod "$TOOLS/udpload" server :: 9001
serve_in_guest guest "$TOOLS/tcpload" server :: 8002
serve_in_guest guest "$TOOLS/udpload" server :: 9002

# check PROTOCOL NAME PORT SOURCE DESTINATION
check() {
	jq -c --argjson port "$3" --arg from "${4#*/}" \
		'select(.flow.l4[].destination_port? == $port and .flow.source.pod_name == $from)' \
		"$CLUSTER_DIR/records" > "$CLUSTER_DIR/records.$2"
	"$ROOT/tests/lib/truth.py" "$1" "$CLUSTER_DIR/truth.$2" "$CLUSTER_DIR/records.$2" \
		--source "$4" --destination "$5"
}

in_guest guest "$TOOLS/tcpload" client --to "$POD4:8001" --connections 200 --concurrency 16 \
	--seed 1 --out "$CLUSTER_DIR/truth.guest-pod" > /dev/null
cluster_run vm/pod "$TOOLS/tcpload" client --to "$GUEST4:8002" --connections 200 --concurrency 16 \
	--seed 2 --out "$CLUSTER_DIR/truth.pod-guest" > /dev/null
in_guest other "$TOOLS/tcpload" client --to "$GUEST6:8002" --connections 200 --concurrency 16 \
	--seed 3 --out "$CLUSTER_DIR/truth.other-guest" > /dev/null
settle "$CLUSTER_DIR/records" 600
# By now the guests' links are known as such for longer than an exchange rests: who asks is known.
in_guest guest "$TOOLS/udpload" client --to "$POD4:9001" --mode connected --exchanges 100 \
	--seed 4 --out "$CLUSTER_DIR/truth.udp-guest-pod" > /dev/null
cluster_run vm/pod "$TOOLS/udpload" client --to "$GUEST4:9002" --mode connected --exchanges 100 \
	--seed 5 --out "$CLUSTER_DIR/truth.udp-pod-guest" > /dev/null
# Without a socket an exchange is its addresses and ports: one port used again soon is the same.
awk '{ key = $1 FS $2 FS $3 FS $4 } !(key in row) { row[key] = 1; order[++n] = key; rest[key] = $7 FS $8 }
	{ for (i = 5; i <= 10; i++) sum[key, i] += $i }
	END { for (i = 1; i <= n; i++) { k = order[i]
		print k, sum[k, 5], sum[k, 6], rest[k], sum[k, 9], sum[k, 10] } }' \
	"$CLUSTER_DIR/truth.udp-guest-pod" > "$CLUSTER_DIR/truth.exchanges"
mv "$CLUSTER_DIR/truth.exchanges" "$CLUSTER_DIR/truth.udp-guest-pod"
exchanges=$(wc -l < "$CLUSTER_DIR/truth.udp-guest-pod")
settle "$CLUSTER_DIR/records" $((700 + exchanges))
tap_check "a guest's connections to a pod" check tcp guest-pod 8001 vm/guest vm/pod
tap_check "a pod's connections to a guest" check tcp pod-guest 8002 vm/pod vm/guest
tap_check "a guest's connections to another, IPv6" check tcp other-guest 8002 vm/other vm/guest
tap_check "a guest's datagrams to a pod" check udp udp-guest-pod 9001 vm/guest vm/pod
tap_check "a pod's datagrams to a guest" check udp udp-pod-guest 9002 vm/pod vm/guest
tap_check "no loss" agent_check_no_loss
tap_check "seen = delivered + losses" agent_check_balance
tap_done
