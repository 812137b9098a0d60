#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
# The agent is killed under load and started again: connections that live are there again with
# their direction and pods, and no BPF object stays behind.
set -euo pipefail
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"

HELD=100

[ "$(id -u)" -eq 0 ] || tap_skip_all "needs root"
cluster_start
cluster_pod load client
cluster_pod load server
cluster_serve load/server "$TOOLS/tcpload" server :: 8001 8002 8003
to=${POD_IP4[load/server]}
agent_start
agent_bpf_objects > "$CLUSTER_DIR/bpf.held"
tap_note "the agent holds $(wc -l < "$CLUSTER_DIR/bpf.held") programs, links and maps"
cluster_spawn load/client "$TOOLS/tcpload" client --to "$to:8001" --connections "$HELD" \
	--concurrency "$HELD" --rounds 1000 --gap-ms 300 --server-closes
cluster_spawn load/client "$TOOLS/tcpload" client --to "$to:8002" --connections 100000000 \
	--rate 2000 --ports 30000-59999 --size 100 --server-closes
has_seen() {
	[ "$(agent_status '.seen | tonumber')" -ge "$1" ]
}
cluster_wait 20 has_seen 1000 || tap_note "the first agent saw little"
disown "$AGENT_PID"
kill -9 "$AGENT_PID"

bpf_clean() {
	bpf_objects > "$CLUSTER_DIR/bpf.after"
	[ -s "$CLUSTER_DIR/bpf.held" ] &&
		! comm -12 "$CLUSTER_DIR/bpf.held" "$CLUSTER_DIR/bpf.after" | grep .
}
# The kernel frees maps and programs a moment after their last user.
cluster_wait 10 bpf_clean || true
tap_check "after kill -9 no program, link or map is left" bpf_clean
agent_start --flow-interval 1s

held_again() {
	weir observe --to-port 8001 --since 1h -o jsonpb > "$CLUSTER_DIR/held"
	python3 - "$CLUSTER_DIR/held" "$HELD" <<- 'PY'
		import json, sys
		flows = [json.loads(line).get("flow") for line in open(sys.argv[1])]
		live = {f["connection"]["id"]: f for f in flows if f and f["connection"]["state"] != "CLOSED"}
		def right(f):
		    return (f["source"].get("pod_name") == "client" and
		            f["destination"].get("pod_name") == "server" and
		            f["l4"]["TCP"]["destination_port"] == 8001 and f.get("is_reply") is False)
		good = sum(map(right, live.values()))
		print(f"live {len(live)}, with direction and pods {good}, want {sys.argv[2]}")
		for f in [f for f in live.values() if not right(f)][:3]:
		    print(" ", json.dumps(f))
		sys.exit(not (len(live) == good == int(sys.argv[2])))
	PY
}
cluster_wait 20 held_again || true
tap_check "live connections are there again with direction and pods" held_again
agent_bpf_objects > "$CLUSTER_DIR/bpf.held"
agent_follow "$CLUSTER_DIR/records" --to-port 8003
one_client() {
	[ "$(agent_status .clients.connected)" -ge 1 ]
}
cluster_wait 20 one_client || true
cluster_run load/client "$TOOLS/tcpload" client --to "$to:8003" --connections 50 --concurrency 50 \
	--out "$CLUSTER_DIR/truth" > "$CLUSTER_DIR/last"
# The client does not wait for the server to close, too.
none_open() {
	! cluster_run load/server ss -Htn "sport = :8003" | grep -vq TIME-WAIT
}
cluster_wait 10 none_open || true
status=0
agent_stop || status=$?
ended_well() {
	echo "status $status"
	tail -n 3 "$AGENT_LOG"
	[ "$status" -eq 0 ]
}
tap_check "SIGTERM ends the agent with status 0" ended_well
tap_check "what ended just before SIGTERM was still told" "$ROOT/tests/lib/truth.py" tcp \
	"$CLUSTER_DIR/truth" "$CLUSTER_DIR/records" --source load/client --destination load/server
cluster_wait 10 bpf_clean || true
tap_check "after SIGTERM no program, link or map is left" bpf_clean
tap_done
