#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
# Programs at the links of pods and at uplinks, in the agent's network namespace and in others: as
# links come, change and go, as namespaces do, and after the agent was killed.
set -euo pipefail
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"

CHURN=${CHURN:-1000}
MEDIAN_MS=50

[ "$(id -u)" -eq 0 ] || tap_skip_all "needs root"
cluster_start
cluster_pod links one
link=${POD_LINK[links/one]}
# The agent's own namespace here: not the machine's, in which nothing is to be made.
node=$CLUSTER-node
ip netns add "$node"
in_node() {
	nsenter --net="/run/netns/$node" "$@"
}
# Nobody sends there but us.
in_node sysctl -q -w net.ipv6.conf.default.disable_ipv6=1
ip -n "$node" -batch - <<- IP
	link add up0 type veth peer name up1
	link set up0 up
	link set up1 up
	addr add 198.51.100.1/24 dev up0
	route add default via 198.51.100.2
	link add lnk0 type veth peer name peer0
IP
# shellcheck disable=SC2034 # agent_start's
AGENT_PREFIX=(nsenter --net="/run/netns/$node")
OPTIONS=(--interfaces 'lnk*' --netns "/run/netns/$CLUSTER-late*" --log-level debug)
if [ "$(in_node "$TOOLS/linkprog" query lo 2>&1)" != "0 0" ]; then
	tap_skip_all "this kernel has no TCX"
fi

# has IN OUT NETNS LINK: as many programs in each direction.
has() {
	local got
	got=$(nsenter --net="/run/netns/$3" "$TOOLS/linkprog" query "$4")
	echo "$4 has $got, want $1 $2"
	[ "$got" = "$1 $2" ]
}
# filters COUNT NETNS LINK: that many of ours at its clsact, in each direction.
filters() {
	local direction got
	for direction in ingress egress; do
		got=$(ip netns exec "$2" tc filter show dev "$3" "$direction" | grep -c weir-agent) || true
		echo "$3 $direction: $got, want $1"
		[ "$got" -eq "$1" ] || return 1
	done
}
# soon NAME CMD...: a test point that has some seconds to come true.
soon() {
	cluster_wait 10 "${@:2}" || true
	tap_check "$@"
}
status_is() {
	local got
	got=$(agent_status ".links | $1")
	echo "$1 is $got, want $2"
	[ "$got" = "$2" ]
}
kill_agent() {
	disown "$AGENT_PID"
	kill -9 "$AGENT_PID"
}

agent_start "${OPTIONS[@]}"
tap_check "a ready agent has its programs at a pod's link in another namespace" \
	has 1 1 "$CLUSTER_ROUTER" "$link"
tap_check "and in its own" has 1 1 "$node" lnk0
tap_check "and at the link with the default route" has 1 1 "$node" up0
tap_check "and at no other" has 0 0 "$node" up1
tap_check "a bridge is no pod's link" has 0 0 "$CLUSTER_ROUTER" br0
tap_check "the status says how many" status_is '.watched + " " + .failed' "3 0"

cluster_pod links two
soon "a new pod's link gets them" has 1 1 "$CLUSTER_ROUTER" "${POD_LINK[links/two]}"
ip -n "$node" link set lnk0 name other
soon "a link that is renamed and matches no more loses them" has 0 0 "$node" other
ip -n "$node" link set other name lnk0
soon "and gets them again" has 1 1 "$node" lnk0
ip -n "$node" link set lnk0 up
ip -n "$node" link set lnk0 down
tap_check "a link that goes up and down keeps them" has 1 1 "$node" lnk0
ip -n "$node" link add lnk1 type veth peer name peer1
soon "a link made later gets them" has 1 1 "$node" lnk1
ip -n "$node" link set lnk1 netns "$CLUSTER_ROUTER"
ip -n "$CLUSTER_ROUTER" link set lnk1 name v999
soon "a link that moves to another namespace has them there, once" has 1 1 "$CLUSTER_ROUTER" v999
ip -n "$CLUSTER_ROUTER" link del v999

ip netns add "$CLUSTER-late1"
ip -n "$CLUSTER-late1" link add lnk7 type veth peer name peer7
soon "a namespace that comes later is followed" has 1 1 "$CLUSTER-late1" lnk7
inode=$(stat -L -c %i "/run/netns/$CLUSTER-late1")
tap_check "three namespaces are followed" status_is .namespaces 3
ip netns del "$CLUSTER-late1"
soon "one that is deleted is let go" status_is .namespaces 2
not_held() {
	! find "/proc/$AGENT_PID/fd" -lname "net:\\[$inode\\]" | grep .
}
tap_check "and the agent does not hold it" not_held

# --- what is left behind ------------------------------------------------------------------------
kill_agent
soon "after kill -9 nothing is at a pod's link" has 0 0 "$CLUSTER_ROUTER" "$link"
soon "nor at the uplink" has 0 0 "$node" up0

agent_start "${OPTIONS[@]}" --tc-hook clsact
tap_check "asked for clsact, the agent has its filters there" filters 1 "$CLUSTER_ROUTER" "$link"
tap_check "and at the uplink" filters 1 "$node" up0
tap_check "and says so" status_is .hook clsact
# A user's own, beside ours.
ip netns exec "$node" tc filter add dev up0 ingress pref 2 protocol ip bpf da \
	bytecode '1,6 0 0 4294967295,'
kill_agent
tap_check "after kill -9 the filters are still there" filters 1 "$CLUSTER_ROUTER" "$link"
agent_start "${OPTIONS[@]}" --tc-hook clsact
tap_check "the next agent has its own there, and only those" filters 1 "$CLUSTER_ROUTER" "$link"
kill_agent
agent_start "${OPTIONS[@]}"
tap_check "one that uses TCX removes the filters, too" filters 0 "$CLUSTER_ROUTER" "$link"
tap_check "in its own namespace as well" filters 0 "$node" up0
tap_check "and has its programs" has 1 1 "$CLUSTER_ROUTER" "$link"
users_filter() {
	ip netns exec "$node" tc filter show dev up0 ingress | grep 'pref 2 bpf'
}
tap_check "a user's filter is still there" users_filter

# --- a thousand links come and go ---------------------------------------------------------------
held() {
	printf 'fds %s\n' "$(find "/proc/$AGENT_PID/fd" -mindepth 1 | wc -l)"
	agent_bpf_objects | cut -d ' ' -f 1 | sort | uniq -c
}
held > "$CLUSTER_DIR/held.before"
result=$(in_node "$TOOLS/linkprog" churn lnkc "$CHURN" 2000)
tap_note "$result"
in_time() {
	echo "$result"
	awk -v most="$MEDIAN_MS" -v want="$CHURN" '
		{ ok = $2 == want && $4 == 0 && $6 <= most } END { exit !ok }' <<< "$result"
}
tap_check "programs are at a new link within $MEDIAN_MS ms (median), at each of $CHURN" in_time
# Faster than programs can be attached.
for ((i = 0; i < CHURN; i++)); do
	printf 'link add lnkd%d type veth\nlink del lnkd%d\n' "$i" "$i"
done | ip -n "$node" -batch -
unchanged() {
	held > "$CLUSTER_DIR/held.after"
	diff "$CLUSTER_DIR/held.before" "$CLUSTER_DIR/held.after"
}
soon "no descriptor, program, link or map more than before" unchanged
tap_check "and nothing is said to fail" status_is '.failed + " " + .failures' "0 0"
tap_check "links that are there are still watched" has 1 1 "$node" lnk0
status=0
agent_stop || status=$?
ended_well() {
	tail -n 3 "$AGENT_LOG"
	[ "$status" -eq 0 ]
}
tap_check "SIGTERM ends the agent with status 0" ended_well
tap_check "and it has taken its programs along" has 0 0 "$node" up0
tap_done
