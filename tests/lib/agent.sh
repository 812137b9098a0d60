# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # its variables are its callers'
#
# Starts and asks the agent that watches the cluster of cluster.sh; to be sourced after it.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$(cd "$ROOT" && realpath "${BUILD:-build}")
TOOLS=$BUILD/tools
AGENT_PREFIX=()  # a command that starts the agent somewhere: nsenter

# agent_start [OPTION...]: returns when it is ready; pid in AGENT_PID, log in AGENT_LOG. It watches the
# pods' links, too, which end in the router's namespace.
agent_start() {
	AGENT_SOCKET=$CLUSTER_DIR/weir.sock
	AGENT_LOG=$CLUSTER_DIR/agent.log
	cluster_tool "${AGENT_PREFIX[@]}" "$BUILD/weir-agent" --listen "unix:$AGENT_SOCKET" \
		--k8s-source "dir:$CLUSTER_MANIFESTS" --node-name "$CLUSTER_NODE" \
		--cgroup-root "$CLUSTER_CGROUP" --netns "/run/netns/$CLUSTER_ROUTER" \
		--interfaces 'v[0-9]*' "$@" > "$AGENT_LOG" 2>&1
	AGENT_PID=$SPAWNED
	if ! cluster_wait 20 agent_is_ready; then
		cat "$AGENT_LOG" >&2
		cluster_die "the agent did not become ready"
	fi
}

agent_is_ready() {
	curl -sf --unix-socket "$AGENT_SOCKET" http://localhost/readyz
}

agent_stop() {
	kill "$AGENT_PID"
	wait "$AGENT_PID"
}

# weir COMMAND [OPTION...]
weir() {
	"$BUILD/weir" "$1" --server "unix:$AGENT_SOCKET" "${@:2}"
}

# agent_follow FILE [FILTER...]: everything since the agent's start goes to FILE as it happens;
# pid in FOLLOW_PID.
agent_follow() {
	local file=$1
	shift
	cluster_tool "$BUILD/weir" observe --server "unix:$AGENT_SOCKET" -f --since 1h -o jsonpb "$@" \
		> "$file" 2> "$file.err"
	FOLLOW_PID=$SPAWNED
}

# agent_status EXPRESSION: jq's answer about the status.
agent_status() {
	weir status -o json | jq -r "$1"
}

agent_lost() {
	agent_status '[.lost // {} | to_entries[] | .value | tonumber] | add // 0'
}

agent_is_idle() {
	[ "$(agent_status '.pending // "0" | tonumber')" -eq 0 ]
}

# seen = delivered + losses, to the record, with nothing on its way.
agent_balance() {
	weir status -o json | jq -r '
		(.seen | tonumber) as $seen | (.delivered // "0" | tonumber) as $delivered |
		(.pending // "0" | tonumber) as $pending |
		([.lost // {} | to_entries[] | .value | tonumber] | add // 0) as $lost |
		"seen=\($seen) delivered=\($delivered) lost=\($lost) pending=\($pending)",
		(if $seen == $delivered + $lost + $pending then empty else "unbalanced" end)'
}

agent_check_balance() {
	local text
	text=$(agent_balance)
	echo "$text"
	[[ $text == seen=* && $text != *unbalanced* ]]
}

agent_check_no_loss() {
	weir status -o json | jq .lost
	[ "$(agent_lost)" -eq 0 ]
}

# Records about connections that ended, in a follower's file.
count_closed() {
	grep -c '"state":"CLOSED"' "$1" || true
}

has_closed() {
	[ "$(count_closed "$1")" -ge "$2" ]
}

# settle FILE COUNT [SECONDS]: wait until COUNT ended connections are in FILE, and then until
# nothing moves any more, so that what is too many is seen as well.
settle() {
	local file=$1 count=$2 before=-1 size
	cluster_wait "${3:-30}" has_closed "$file" "$count" || true
	cluster_wait 15 agent_is_idle || true
	while size=$(stat -c %s "$file") && [ "$size" != "$before" ]; do
		before=$size
		sleep 0.5
	done
}

# agent_bpf_objects: the programs, links and maps that the agent holds, one a line: "prog 12".
agent_bpf_objects() {
	sed -nE 's/^(prog|link|map)_id:\s*([0-9]+)$/\1 \2/p' "/proc/$AGENT_PID/fdinfo/"* | sort -u
}

# bpf_objects: those of the whole machine, likewise.
bpf_objects() {
	local kind
	for kind in prog link map; do
		bpftool -j "$kind" show | jq -r --arg kind "$kind" '.[] | "\($kind) \(.id)"'
	done | sort -u
}
