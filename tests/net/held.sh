#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
# 500 connections held open over several sweeps with traffic in between: records on the way with
# totals that grow and never fall, and at the end the exact totals.
set -euo pipefail
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"

COUNT=500

[ "$(id -u)" -eq 0 ] || tap_skip_all "needs root"
cluster_start
cluster_pod load client
cluster_pod load server
agent_start --flow-interval 1s
agent_follow "$CLUSTER_DIR/records"
cluster_serve load/server "$TOOLS/tcpload" server :: 8001
cluster_run load/client "$TOOLS/tcpload" client --to "${POD_IP4[load/server]}:8001" --seed 5 \
	--connections "$COUNT" --concurrency "$COUNT" --rounds 12 --gap-ms 500 \
	--out "$CLUSTER_DIR/truth" > /dev/null
settle "$CLUSTER_DIR/records" "$COUNT"

# A few of the tool's connections are empty and end at once; all others live for six seconds.
totals_grow() {
	python3 - "$CLUSTER_DIR/records" "$CLUSTER_DIR/truth" <<- 'PY'
		import collections, json, sys
		totals, opened = collections.defaultdict(list), set()
		for line in open(sys.argv[1]):
		    flow = json.loads(line).get("flow")
		    if not flow or "TCP" not in flow.get("l4", {}):
		        continue
		    c = flow["connection"]
		    if c["state"] == "OPEN":
		        opened.add(c["id"])
		    totals[c["id"]].append((c["state"], int(c.get("bytes_sent", 0)),
		                            int(c.get("bytes_received", 0))))
		held = sum(int(line.split()[4]) > 0 for line in open(sys.argv[2]))
		active = {i: [t for t in rows if t[0] == "ACTIVE"] for i, rows in totals.items()}
		grown = sum(len({t[1:] for t in rows}) >= 3 for rows in active.values())
		fell = [rows for rows in totals.values()
		        if any(a[1] > b[1] or a[2] > b[2] for a, b in zip(rows, rows[1:]))]
		late = [rows for rows in totals.values() if rows[-1][0] != "CLOSED"]
		print(f"held {held}, with three or more growing totals {grown}, opened {len(opened)}, "
		      f"falling {len(fell)}, not closed last {len(late)}")
		for rows in (fell + late)[:3]:
		    print(" ", rows)
		sys.exit(not (grown == held and not fell and not late))
	PY
}

tap_note "$(agent_balance)"
tap_check "records on the way show totals that grow" totals_grow
tap_check "the last record of each is exact" \
	"$ROOT/tests/lib/truth.py" tcp "$CLUSTER_DIR/truth" "$CLUSTER_DIR/records" \
	--source load/client --destination load/server
tap_check "no loss" agent_check_no_loss
tap_done
