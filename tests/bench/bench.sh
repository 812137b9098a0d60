#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
#
# What the agent costs, measured with and without it in turn (A B A B … A) in one run. Prints
# markdown. BENCH_ROUNDS (40) measurements with the agent, each between two without it: on a shared
# machine the speed drifts, and neighbours in time are alike. Each is the median of BENCH_BURSTS (8)
# of BENCH_MILLISECONDS (75): how fast one process or connection is depends on where its memory
# happens to lie. BENCH_CONNECTIONS (200000) for CPU. Client and server share one CPU: between two,
# wake-ups of an idle CPU are most of what is measured in a virtual machine, and vary by a factor.
set -euo pipefail
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"

ROUNDS=${BENCH_ROUNDS:-40}
BURSTS=${BENCH_BURSTS:-8}
LENGTH=${BENCH_MILLISECONDS:-75}
CONNECTIONS=${BENCH_CONNECTIONS:-200000}
HELD=${BENCH_HELD:-100000}

cluster_start
cluster_pod bench client
cluster_pod bench server
to=${POD_IP4[bench/server]}
cluster_serve bench/server taskset -c 0 "$TOOLS/netbench" server "$to" 9001
cluster_serve bench/server "$TOOLS/tcpload" server "$to" 8001 8002 8003 8004

# cpu_ticks: user and system time of the agent so far.
cpu_ticks() {
	local stat
	stat=$(< "/proc/$AGENT_PID/stat")
	stat=${stat##*) }
	# shellcheck disable=SC2086 # fields
	set -- $stat
	echo "${12} ${13}"
}

rss_kb() {
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$AGENT_PID/status"
}

# Of the BPF maps, ring included: the kernel's memory, and in no process's RSS but for the ring.
maps_kb() {
	awk '$1 == "memlock:" { bytes = $2 } $1 == "map_id:" && !seen[$2]++ { sum += bytes }
		END { print int(sum / 1024) }' /proc/"$AGENT_PID"/fdinfo/*
}

# What the start or the end of an agent leaves the kernel to do (freeing maps, patching text) is over
# in a moment, and not what is measured.
measure() {
	local test burst
	sleep 0.3
	for ((burst = 1; burst <= BURSTS; burst++)); do
		for test in rr stream crr; do
			cluster_run bench/client taskset -c 0 "$TOOLS/netbench" "$test" "$to:9001" \
				"$LENGTH" >> "$CLUSTER_DIR/bursts.$test"
		done
	done
	for test in rr stream crr; do
		echo "$test $1 $(sort -n "$CLUSTER_DIR/bursts.$test" |
			awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }')" \
			>> "$CLUSTER_DIR/throughput"
		rm "$CLUSTER_DIR/bursts.$test"
	done
}

measure_cpu() {
	local before after rate
	read -r -a before <<< "$(cpu_ticks)"
	rate=$(cluster_run bench/client "$TOOLS/tcpload" client --connections "$CONNECTIONS" \
		--to "$to:8001,$to:8002,$to:8003,$to:8004" --concurrency 256 --rate 8000 --size 100 \
		--server-closes --ports 10000-59999 | sed -n 's/.* rate=\([0-9]*\).*/\1/p')
	cluster_wait 30 agent_is_idle || true
	read -r -a after <<< "$(cpu_ticks)"
	echo "cpu $((after[0] - before[0])) $((after[1] - before[1])) $CONNECTIONS $rate $(agent_lost)" \
		>> "$CLUSTER_DIR/cost"
}

measure_held() {
	# Open both ways it blocks nobody; it ends for its reader when 7 is closed.
	mkfifo "$CLUSTER_DIR/hold"
	exec 7<> "$CLUSTER_DIR/hold"
	cluster_spawn bench/client "$TOOLS/hold" 127.0.0.1 12000 "$HELD" < "$CLUSTER_DIR/hold" \
		> "$CLUSTER_DIR/hold.out" 7>&-
	cluster_wait 120 grep -q ready "$CLUSTER_DIR/hold.out" || cluster_die "hold failed"
	cluster_wait 60 agent_is_idle || true
	# Two sweeps of the default interval and more, so that all it does for them is in.
	local deadline=$((SECONDS + 12)) peak=0 now
	while [ "$SECONDS" -lt "$deadline" ]; do
		now=$(rss_kb)
		[ "$now" -le "$peak" ] || peak=$now
		sleep 0.1
	done
	[ "$(agent_status '.connections | tonumber')" -ge "$HELD" ] || cluster_die "they did not live"
	echo "held $peak $HELD $(agent_lost) $(maps_kb)" >> "$CLUSTER_DIR/cost"
	exec 7>&-
}

measure warm-up
sed -i d "$CLUSTER_DIR/throughput"
measure off
for ((round = 1; round <= ROUNDS; round++)); do
	echo "bench: round $round of $ROUNDS" >&2
	agent_start
	measure on
	agent_stop
	measure off
done
agent_start
echo "idle $(rss_kb) $(maps_kb)" >> "$CLUSTER_DIR/cost"
echo "bench: CPU over $CONNECTIONS connections, three times" >&2
for ((round = 1; round <= 3; round++)); do
	measure_cpu
done
agent_stop
agent_start
echo "bench: $HELD live connections" >&2
measure_held
agent_stop
echo "bench: what a packet costs" >&2
"$BUILD/tests/bench/packet_cost" > "$CLUSTER_DIR/packets"
"$(dirname "$0")/table.py" "$CLUSTER_DIR/throughput" "$CLUSTER_DIR/cost" "$(getconf CLK_TCK)" \
	"$CLUSTER_DIR/packets"
