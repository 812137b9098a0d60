#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
# 50 pods come and go, ten at a time on the same ten addresses; each connects within its first
# milliseconds and is gone soon after. Every connection carries the right pod.
set -euo pipefail
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"

ROUNDS=5
PODS=10

[ "$(id -u)" -eq 0 ] || tap_skip_all "needs root"
cluster_start
cluster_pod churn server
agent_start
agent_follow "$CLUSTER_DIR/records"
cluster_serve churn/server "$TOOLS/tcpload" server :: 8001
server=${POD_IP4[churn/server]}
for ((round = 0; round < ROUNDS; round++)); do
	clients=()
	for ((i = 0; i < PODS; i++)); do
		name=job-$round-$i
		cluster_pod churn "$name" --ip4 "198.18.77.$((10 + i))"
		# Its port names the pod in the truth. The client is the pod's first process.
		cluster_run "churn/$name" "$TOOLS/tcpload" client --to "$server:8001" --connections 4 \
			--concurrency 1 --server-closes --seed "$((round * PODS + i))" \
			--ports "$((20000 + 100 * (round * PODS + i)))-$((20003 + 100 * (round * PODS + i)))" \
			--out "$CLUSTER_DIR/truth.$name" > /dev/null &
		clients+=($!)
	done
	for pid in "${clients[@]}"; do
		wait "$pid"
	done
	for ((i = 0; i < PODS; i++)); do
		sed "s|\$| churn/job-$round-$i|" "$CLUSTER_DIR/truth.job-$round-$i" >> "$CLUSTER_DIR/truth"
		cluster_pod_delete "churn/job-$round-$i"
	done
done
settle "$CLUSTER_DIR/records" $((ROUNDS * PODS * 4))

right_pods() {
	python3 - "$CLUSTER_DIR/truth" "$CLUSTER_DIR/records" <<- 'PY'
		import collections, json, sys
		want = {(f[0], int(f[1])): f[-1] for f in map(str.split, open(sys.argv[1]))}
		wrong, checked = [], collections.Counter()
		for line in open(sys.argv[2]):
		    flow = json.loads(line).get("flow")
		    if not flow or "TCP" not in flow.get("l4", {}):
		        continue
		    end = flow["source"]
		    pod = f'{end.get("namespace", "")}/{end.get("pod_name", "")}'
		    key = flow["IP"]["source"], flow["l4"]["TCP"]["source_port"]
		    peer = flow["destination"].get("pod_name")
		    checked[flow["connection"]["state"]] += 1
		    if pod != want.get(key) or peer != "server":
		        wrong.append((key, flow["connection"]["state"], pod, want.get(key), peer))
		print(f"pods {len(set(want.values()))}, connections {len(want)}, "
		      f"records {dict(checked)}, wrong {len(wrong)}")
		for row in wrong[:5]:
		    print(" ", row)
		sys.exit(bool(wrong) or checked["CLOSED"] != len(want))
	PY
}

tap_check "every record of 200 connections names the right pod" right_pods
tap_check "and its exact bytes" \
	"$ROOT/tests/lib/truth.py" tcp "$CLUSTER_DIR/truth" "$CLUSTER_DIR/records"
tap_check "no loss" agent_check_no_loss
tap_done
