# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Pods whose connections no socket that the agent sees has, as virtual machines' are: keys vm/NAME; to
# be sourced after agent.sh.

# vm_pod NAME: the pod's namespace has no address; it forwards frames to the guest's, which has.
vm_pod() {
	local key=vm/$1 netns mac ip4 ip6
	cluster_pod vm "$1"
	netns=${POD_NETNS[$key]}
	ip4=${POD_IP4[$key]}
	ip6=${POD_IP6[$key]}
	mac=$(ip -n "$netns" -j link show dev eth0 | jq -r '.[0].address')
	ip -n "$netns" address flush dev eth0
	ip netns add "$netns.guest"
	ip -n "$netns" link add tap0 type veth peer name eth0 address "$mac" netns "$netns.guest"
	ip -n "$netns" link set eth0 address 02:00:00:00:00:01
	ip -n "$netns" link set tap0 up
	ip -n "$netns.guest" -batch - <<- IP
		link set lo up
		addr add $ip4/32 dev eth0
		addr add $ip6/128 dev eth0 nodad
		link set eth0 up
		route add default via $CLUSTER_GATEWAY4 dev eth0 onlink
		route add default via $CLUSTER_GATEWAY6 dev eth0 onlink
		neigh add $CLUSTER_GATEWAY6 lladdr 02:00:c6:12:00:01 dev eth0
	IP
	cluster_serve "$key" "$TOOLS/l2forward" eth0 tap0
}

# guest_exec NAME CMD...: outside of the cgroup that the agent watches.
guest_exec() {
	local netns=${POD_NETNS[vm/$1]}.guest
	shift
	exec sh -c 'echo 0 > "$1/cgroup.procs" && shift && exec nsenter --net="$@"' sh \
		"$CLUSTER_TOP/tools" "/run/netns/$netns" "$@"
}

in_guest() {
	(guest_exec "$@")
}

serve_in_guest() {
	local out
	out=$(mktemp "$CLUSTER_DIR/serve.XXXXXX")
	guest_exec "$@" > "$out" &
	disown $!
	cluster_wait 10 grep -q '^ready' "$out" || cluster_die "no answer from: $*"
}
