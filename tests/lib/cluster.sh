# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A small cluster out of network namespaces, to be sourced by bash scripts run as root.
#
# Each run has a router namespace of its own, which plays the node: a bridge, to which every pod's
# namespace is linked by a veth pair, the translation of Services' ClusterIPs by nftables as
# kube-proxy does it, and drop rules as a CNI makes them of NetworkPolicies. Nothing of it touches
# the host's own network, and any number of runs may use the same addresses at once. Every pod has
# a cgroup with a path of the kubelet's making, in which its processes are born, and an object in
# a directory of ordinary Kubernetes manifests.
#
#   cluster_start                      sets the variables below and the trap that removes it all
#   cluster_pod NS NAME [options]      a pod; see there
#   cluster_host UNIT                  a place for plain processes of the node: key host/UNIT
#   cluster_outside NAME IP4           a host beyond the cluster, which the agent does not see: key
#                                      outside/NAME
#   cluster_service NS NAME IP[,IP6] PORTNAME:PROTO:PORT:TARGET... -- NS/POD...
#   cluster_deny FROM TO               no packet from one pod's address to the other's
#   cluster_run KEY CMD...             run in the pod or host/UNIT; KEY is NS/NAME
#   cluster_spawn KEY CMD...           the same in the background; its pid in $SPAWNED
#   cluster_tool CMD...                in the background in the host's network (the agent, the CLI)
#   cluster_pod_delete KEY             the pod with its processes, namespace, cgroup and manifest
#   cluster_wait SECONDS CMD...        until CMD succeeds; fails at the deadline
#   cluster_end                        by itself on exit and on signals
#
# A helper process in a session of its own removes the run when its script was killed without a
# chance to do so; what neither could remove, the next run's start does.

CLUSTER_LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CLUSTER_RUNS=/run/weir-test           # one file per run: its script's pid and start time
CLUSTER_GATEWAY4=198.18.0.1           # the node's address on the bridge
CLUSTER_GATEWAY6=2001:db8:18::1
CLUSTER_NODE=node-1

declare -gA POD_NETNS POD_CGROUP POD_IP4 POD_IP6 POD_UID POD_LINK

cluster_die() {
	echo "cluster: $*" >&2
	exit 1
}

# The mount point of cgroup v2, wherever it is.
cluster_cgroup_mount() {
	awk '$4 == "/" { for (i = 7; i < NF; i++) if ($i == "-") {
		if ($(i + 1) == "cgroup2") { print $5; exit }; break } }' /proc/self/mountinfo
}

# When a process began, in ticks since boot; with the pid it names a process for good.
cluster_process_start() {
	local stat
	{ stat=$(< "/proc/$1/stat"); } 2> /dev/null || return 1
	stat=${stat##*) }
	# shellcheck disable=SC2086 # fields
	set -- $stat
	echo "${20}"
}

cluster_kill_cgroup() {
	local dir=$1 deadline=$((SECONDS + 10)) procs
	[ -d "$dir" ] || return 0
	while :; do
		if [ -e "$dir/cgroup.kill" ]; then
			echo 1 2> /dev/null > "$dir/cgroup.kill" || true
		fi
		procs=$(find "$dir" -name cgroup.procs -exec cat {} + 2> /dev/null) || true
		if [ -z "$procs" ]; then
			find "$dir" -depth -type d -exec rmdir {} + 2> /dev/null || true
			[ -d "$dir" ] || return 0
		elif [ ! -e "$dir/cgroup.kill" ]; then
			# shellcheck disable=SC2086 # a list of pids
			kill -9 $procs 2> /dev/null || true
		fi
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.02
	done
}

# Everything a run of that name may have made. Safe to call twice, or when half of it is gone.
cluster_remove() {
	local name=$1 ns failed=0 mount
	[ -n "$name" ] || return 1
	mount=$(cluster_cgroup_mount)
	[ -z "$mount" ] || cluster_kill_cgroup "$mount/$name" || failed=1
	for ns in /run/netns/"$name"-*; do
		[ -e "$ns" ] || continue
		ip netns del "${ns##*/}" 2> /dev/null || failed=1
	done
	rm -rf "${TMPDIR:-/tmp}/$name" || failed=1
	[ "$failed" -ne 0 ] || rm -f "$CLUSTER_RUNS/$name"
	return "$failed"
}

# What runs left behind whose script and helper were both killed.
cluster_sweep() {
	local file pid start now
	for file in "$CLUSTER_RUNS"/*; do
		[ -e "$file" ] || continue
		read -r pid start < "$file" || continue
		now=$(cluster_process_start "$pid") || now=
		[ "$now" = "$start" ] || cluster_remove "${file##*/}" || true
	done
}

cluster_end() {
	local status=$?
	trap '' INT TERM HUP
	trap - EXIT
	disown -a  # or bash reports each job that is killed
	cluster_remove "$CLUSTER" || true
	[ -z "${CLUSTER_REAPER:-}" ] || kill -- "-$CLUSTER_REAPER" 2> /dev/null || true
	exit "$status"
}

cluster_start() {
	local mount
	[ "$(id -u)" -eq 0 ] || cluster_die "needs root"
	mount=$(cluster_cgroup_mount)
	[ -n "$mount" ] || cluster_die "no cgroup v2 is mounted"
	mkdir -p "$CLUSTER_RUNS"
	cluster_sweep
	CLUSTER=weir$$-$RANDOM
	CLUSTER_TOP=$mount/$CLUSTER
	CLUSTER_CGROUP=$CLUSTER_TOP/node      # what the agent watches
	CLUSTER_DIR=${TMPDIR:-/tmp}/$CLUSTER
	CLUSTER_MANIFESTS=$CLUSTER_DIR/manifests
	CLUSTER_ROUTER=$CLUSTER-router
	CLUSTER_NEXT=2
	trap cluster_end EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	# Written whole: another run's sweep must not read half a line.
	echo "$$ $(cluster_process_start $$)" > "$CLUSTER_RUNS/.$CLUSTER"
	mv "$CLUSTER_RUNS/.$CLUSTER" "$CLUSTER_RUNS/$CLUSTER"
	setsid bash "$CLUSTER_LIB/reap.sh" "$$" "$CLUSTER" < /dev/null > /dev/null 2>&1 &
	CLUSTER_REAPER=$!
	mkdir -p "$CLUSTER_MANIFESTS" "$CLUSTER_CGROUP/kubepods" "$CLUSTER_TOP/tools"
	cluster_router
	cluster_write node <<- YAML
		apiVersion: v1
		kind: Node
		metadata:
		  name: $CLUSTER_NODE
		  uid: $(< /proc/sys/kernel/random/uuid)
		status:
		  addresses:
		  - type: InternalIP
		    address: $CLUSTER_GATEWAY4
		  - type: InternalIP
		    address: "$CLUSTER_GATEWAY6"
		  - type: Hostname
		    address: $CLUSTER_NODE
	YAML
	POD_IP4[host]=$CLUSTER_GATEWAY4
	POD_IP6[host]=$CLUSTER_GATEWAY6
}

cluster_in_router() {
	nsenter --net="/run/netns/$CLUSTER_ROUTER" "$@"
}

# Pods reach each other through the router, not the bridge: so their packets pass its rules, and
# answers are translated back. That needs /32 addresses and no ICMP redirects.
cluster_router() {
	ip netns add "$CLUSTER_ROUTER"
	cluster_in_router sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
		net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0 \
		net.ipv4.conf.all.rp_filter=0 net.ipv6.conf.default.accept_dad=0
	ip -n "$CLUSTER_ROUTER" -batch - <<- IP
		link set lo up
		link add br0 address 02:00:c6:12:00:01 type bridge
		addr add $CLUSTER_GATEWAY4/16 dev br0
		addr add $CLUSTER_GATEWAY6/64 dev br0 nodad
		link set br0 up
		route add 198.19.0.0/16 dev br0
		route add 2001:db8:19::/64 dev br0
	IP
	# A pod's address answers for its MAC at once, also when another had it: no ARP cache to
	# outlive a pod, as the MAC is made of the address.
	cluster_in_router sysctl -q -w net.ipv4.conf.br0.send_redirects=0 \
		net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0 \
		2> /dev/null || true
}

# cluster_write NAME: a manifest from standard input, in one step.
cluster_write() {
	cat > "$CLUSTER_DIR/new.$1"
	mv "$CLUSTER_DIR/new.$1" "$CLUSTER_MANIFESTS/$1.yaml"
}

cluster_namespace() {
	[ ! -e "$CLUSTER_MANIFESTS/namespace.$1.yaml" ] || return 0
	cluster_write "namespace.$1" <<- YAML
		apiVersion: v1
		kind: Namespace
		metadata:
		  name: $1
		  uid: $(< /proc/sys/kernel/random/uuid)
		  labels:
		    kubernetes.io/metadata.name: $1
	YAML
}

# cluster_pod NS NAME [--ip4 A] [--deployment D] [--host-network] [--qos guaranteed|burstable|
# besteffort] [--container NAME]: with --deployment the name is D-HASH-SUFFIX.
cluster_pod() {
	local ns=$1 name=$2 ip4='' ip6='' deployment='' host='' qos=burstable container=main
	local key=$1/$2 id uid number
	shift 2
	while [ $# -gt 0 ]; do
		case $1 in
		--ip4) ip4=$2; shift ;;
		--deployment) deployment=$2; shift ;;
		--host-network) host=true ;;
		--qos) qos=$2; shift ;;
		--container) container=$2; shift ;;
		*) cluster_die "cluster_pod: $1" ;;
		esac
		shift
	done
	number=$((CLUSTER_NEXT++))
	[ -n "$ip4" ] || ip4=198.18.$((1 + number / 250)).$((1 + number % 250))
	ip6=2001:db8:18:0:${ip4//./:}
	[ -z "$host" ] || { ip4=$CLUSTER_GATEWAY4; ip6=$CLUSTER_GATEWAY6; }
	uid=$(< /proc/sys/kernel/random/uuid)
	id=$(< /proc/sys/kernel/random/uuid)$(< /proc/sys/kernel/random/uuid)
	id=${id//-/}
	POD_UID[$key]=$uid
	POD_IP4[$key]=$ip4
	POD_IP6[$key]=$ip6
	POD_NETNS[$key]=$CLUSTER_ROUTER
	POD_CGROUP[$key]=$CLUSTER_CGROUP/kubepods/$qos/pod$uid/$id
	[ "$qos" != guaranteed ] || POD_CGROUP[$key]=$CLUSTER_CGROUP/kubepods/pod$uid/$id
	cluster_namespace "$ns"
	cluster_pod_manifest "$ns" "$name" "$deployment" "$host" "$container" "$id" "$qos"
	[ -n "$host" ] || cluster_pod_network "$key" "$number"
	mkdir -p "${POD_CGROUP[$key]}"
}

cluster_pod_manifest() {
	local ns=$1 name=$2 deployment=$3 host=$4 container=$5 id=$6 qos=$7 key=$1/$2
	local set=${2%-*} class=Burstable
	[ "$qos" != besteffort ] || class=BestEffort
	[ "$qos" != guaranteed ] || class=Guaranteed
	{
		cat <<- YAML
			apiVersion: v1
			kind: Pod
			metadata:
			  name: $name
			  namespace: $ns
			  uid: ${POD_UID[$key]}
			  labels:
			    app: ${deployment:-$name}
		YAML
		[ -z "$deployment" ] || cat <<- YAML
			    pod-template-hash: ${set##*-}
			  ownerReferences:
			  - apiVersion: apps/v1
			    kind: ReplicaSet
			    name: $set
			    uid: 00000000-0000-4000-8000-$(printf %s "$set" | md5sum | cut -c 1-12)
			    controller: true
			    blockOwnerDeletion: true
		YAML
		cat <<- YAML
			spec:
			  nodeName: $CLUSTER_NODE
			  hostNetwork: ${host:-false}
			  containers:
			  - name: $container
			    image: registry.example/$container:1
			status:
			  phase: Running
			  qosClass: $class
			  hostIP: $CLUSTER_GATEWAY4
			  podIP: ${POD_IP4[$key]}
			  podIPs:
			  - ip: ${POD_IP4[$key]}
			  - ip: "${POD_IP6[$key]}"
			  containerStatuses:
			  - name: $container
			    ready: true
			    containerID: containerd://$id
		YAML
	} | cluster_write "pod.$ns.$name"
}

cluster_pod_network() {
	local key=$1 number=$2 ip4=${POD_IP4[$1]} mac
	local netns=$CLUSTER-${1//\//.}
	# shellcheck disable=SC2086 # four numbers
	mac=$(printf '02:00:%02x:%02x:%02x:%02x' ${ip4//./ })
	ip netns add "$netns"
	POD_NETNS[$key]=$netns
	POD_LINK[$key]=v$number
	ip -n "$CLUSTER_ROUTER" -batch - <<- IP
		link add v$number type veth peer name eth0 address $mac netns $netns
		link set v$number master br0 up
	IP
	ip -n "$netns" -batch - <<- IP
		link set lo up
		addr add $ip4/32 dev eth0
		addr add ${POD_IP6[$key]}/128 dev eth0 nodad
		link set eth0 up
		route add default via $CLUSTER_GATEWAY4 dev eth0 onlink
		route add default via $CLUSTER_GATEWAY6 dev eth0 onlink
		neigh add $CLUSTER_GATEWAY6 lladdr 02:00:c6:12:00:01 dev eth0
	IP
	ip -n "$CLUSTER_ROUTER" neigh replace "${POD_IP6[$key]}" lladdr "$mac" dev br0
}

cluster_host() {
	local key=host/$1
	POD_NETNS[$key]=$CLUSTER_ROUTER
	POD_CGROUP[$key]=$CLUSTER_CGROUP/system.slice/$1
	POD_IP4[$key]=$CLUSTER_GATEWAY4
	POD_IP6[$key]=$CLUSTER_GATEWAY6
	mkdir -p "${POD_CGROUP[$key]}"
}

cluster_outside() {
	local key=outside/$1 ip4=$2
	POD_IP4[$key]=$ip4
	POD_IP6[$key]=2001:db8:20:0:${ip4//./:}
	POD_CGROUP[$key]=$CLUSTER_TOP/outside/$1
	cluster_pod_network "$key" "$((CLUSTER_NEXT++))"
	cluster_in_router ip route add "$ip4/32" dev br0
	cluster_in_router ip route add "${POD_IP6[$key]}/128" dev br0
	mkdir -p "${POD_CGROUP[$key]}"
}

# The process moves itself, so that each of its sockets is born in its cgroup.
cluster_exec() {
	local key=$1
	shift
	exec sh -c 'echo 0 > "$1/cgroup.procs" && shift && exec nsenter --net="$@"' sh \
		"${POD_CGROUP[$key]}" "/run/netns/${POD_NETNS[$key]}" "$@"
}

cluster_run() {
	(cluster_exec "$@")
}

# Not a job of the shell's: bash is not to report its end, and nobody waits for it. Standard input
# is the caller's, which of a command with & it would not be by itself.
cluster_spawn() {
	cluster_exec "$@" <&0 &
	SPAWNED=$!
	disown "$SPAWNED"
}

cluster_tool() {
	sh -c 'echo 0 > "$1/cgroup.procs" && shift && exec "$@"' sh "$CLUSTER_TOP/tools" "$@" &
	SPAWNED=$!
}

# cluster_serve KEY CMD...: spawn, and wait for its line "ready".
cluster_serve() {
	local out
	out=$(mktemp "$CLUSTER_DIR/serve.XXXXXX")
	cluster_spawn "$@" > "$out"
	cluster_wait 10 grep -q '^ready' "$out" || cluster_die "no answer from: $*"
}

cluster_pod_delete() {
	local key=$1 pod
	pod=${POD_CGROUP[$key]%/*}
	cluster_kill_cgroup "$pod" || cluster_die "cannot remove $pod"
	if [ "${POD_NETNS[$key]}" != "$CLUSTER_ROUTER" ]; then
		# The link goes first: a namespace lives on while a dead socket still holds it.
		ip -n "$CLUSTER_ROUTER" link del "${POD_LINK[$key]}"
		ip netns del "${POD_NETNS[$key]}"
	fi
	rm -f "$CLUSTER_MANIFESTS/pod.${key/\//.}.yaml"
	unset "POD_NETNS[$key]" "POD_CGROUP[$key]" "POD_IP4[$key]" "POD_IP6[$key]" "POD_UID[$key]"
}

# The table is made with the first rule: where there is none, nothing is tracked.
cluster_nft() {
	if [ -z "${CLUSTER_NFT:-}" ]; then
		CLUSTER_NFT=1
		cluster_in_router nft -f - <<- NFT
			table inet cluster {
				chain services { }
				chain prerouting { type nat hook prerouting priority dstnat; jump services; }
				chain output { type nat hook output priority -100; jump services; }
				chain forward { type filter hook forward priority filter; }
			}
		NFT
	fi
	cluster_in_router nft "$@"
}

cluster_deny() {
	cluster_nft add rule inet cluster forward \
		ip saddr "${POD_IP4[$1]}" ip daddr "${POD_IP4[$2]}" drop
	cluster_nft add rule inet cluster forward \
		ip6 saddr "${POD_IP6[$1]}" ip6 daddr "${POD_IP6[$2]}" drop
}

# A random backend per connection, as kube-proxy: numgen picks it, dnat keeps it.
cluster_dnat() {
	local family=$1 address=$2 proto=$3 port=$4 target=$5 i=0 map='' backend
	shift 5
	for backend in "$@"; do
		map+="${map:+, }$((i++)) : $backend"
	done
	cluster_nft add rule inet cluster services "$family" daddr "$address" "$proto" dport "$port" \
		dnat "$family" to numgen random mod "$i" map "{ $map }" ":$target"
}

cluster_service() {
	local ns=$1 name=$2 ip4=${3%,*} ip6='' ports=() pods=() spec pod proto port target
	[ "$ip4" = "$3" ] || ip6=${3#*,}
	shift 3
	while [ "$1" != -- ]; do
		ports+=("$1")
		shift
	done
	shift
	pods=("$@")
	cluster_namespace "$ns"
	cluster_service_manifest "$ns" "$name" "$ip4" "$ip6"
	cluster_slice_manifest "$ns" "$name" IPv4
	[ -z "$ip6" ] || cluster_slice_manifest "$ns" "$name" IPv6
	for spec in "${ports[@]}"; do
		IFS=: read -r _ proto port target <<< "$spec"
		local backends4=() backends6=()
		for pod in "${pods[@]}"; do
			backends4+=("${POD_IP4[$pod]}")
			backends6+=("${POD_IP6[$pod]}")
		done
		cluster_dnat ip "$ip4" "${proto,,}" "$port" "$target" "${backends4[@]}"
		[ -z "$ip6" ] ||
			cluster_dnat ip6 "$ip6" "${proto,,}" "$port" "$target" "${backends6[@]}"
	done
}

# The two below see cluster_service's $ports and $pods.
cluster_service_manifest() {
	local ns=$1 name=$2 ip4=$3 ip6=$4 spec port_name proto port target
	{
		cat <<- YAML
			apiVersion: v1
			kind: Service
			metadata:
			  name: $name
			  namespace: $ns
			  uid: $(< /proc/sys/kernel/random/uuid)
			spec:
			  type: ClusterIP
			  clusterIP: $ip4
			  clusterIPs:
			  - $ip4
			${ip6:+"  - \"$ip6\""}
			  selector:
			    app: $name
			  ports:
		YAML
		for spec in "${ports[@]}"; do
			IFS=: read -r port_name proto port target <<< "$spec"
			cat <<- YAML
				  - name: $port_name
				    protocol: $proto
				    port: $port
				    targetPort: $target
			YAML
		done
	} | sed 's/^"\(.*\)"$/\1/; s/\\"/"/g' | cluster_write "service.$ns.$name"
}

cluster_slice_manifest() {
	local ns=$1 name=$2 type=$3 spec pod port_name proto target address
	{
		cat <<- YAML
			apiVersion: discovery.k8s.io/v1
			kind: EndpointSlice
			metadata:
			  name: $name-${type,,}
			  namespace: $ns
			  labels:
			    kubernetes.io/service-name: $name
			addressType: $type
			endpoints:
		YAML
		for pod in "${pods[@]}"; do
			address=${POD_IP4[$pod]}
			[ "$type" = IPv4 ] || address=${POD_IP6[$pod]}
			cat <<- YAML
				- addresses:
				  - "$address"
				  conditions:
				    ready: true
				  nodeName: $CLUSTER_NODE
				  targetRef:
				    kind: Pod
				    name: ${pod#*/}
				    namespace: ${pod%/*}
				    uid: ${POD_UID[$pod]}
			YAML
		done
		echo "ports:"
		for spec in "${ports[@]}"; do
			IFS=: read -r port_name proto _ target <<< "$spec"
			cat <<- YAML
				- name: $port_name
				  protocol: $proto
				  port: $target
			YAML
		done
	} | cluster_write "endpointslice.$ns.$name.${type,,}"
}

cluster_wait() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@" > /dev/null 2>&1; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.05
	done
}
