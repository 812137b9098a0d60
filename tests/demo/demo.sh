#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
#
# A small web shop in a cluster out of network namespaces, watched live by the agent. Ends on
# Ctrl-C or after DEMO_SECONDS with a summary, and leaves nothing behind.
#
#   shop         loadgen -> frontend (2) -> cart, catalog -> database
#   kube-system  coredns: every name is looked up at its Service
#   probe        intruder, which a policy keeps from the database; scanner, which finds no listener
#   outside      api.payments.example, a host beyond the cluster, which shop/checkout asks for by name
set -euo pipefail
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"

SECONDS_WANTED=${DEMO_SECONDS:-0}
[[ $SECONDS_WANTED =~ ^[0-9]+$ ]] || { echo "demo: DEMO_SECONDS=$SECONDS_WANTED is no number" >&2; exit 2; }

DNS_IP=198.19.0.10
declare -A SERVICE_IP=([frontend]=198.19.0.20 [cart]=198.19.0.21 [catalog]=198.19.0.22
	[database]=198.19.0.23)
FRONTENDS=(shop/frontend-5d8f7c9b44-k2x7p shop/frontend-5d8f7c9b44-v9qsd)
CART=shop/cart-7b6d9f4c5-8htzn
CATALOG=shop/catalog-66c8b7d5f9-m4wlr
DATABASE=shop/database-84fd6b9c7-x5cjg
LOADGEN=shop/loadgen-6f9c8d7b5-2nvkq
DNS=kube-system/coredns-5d78c9869d-hj4tp
CHECKOUT=shop/checkout-75d6b8f9c7-w3gnp
INTRUDER=probe/intruder-9c4b7d6f8-zq7rd
SCANNER=probe/scanner-58b9c6d7f-t6lpw
PAYMENTS=outside/payments PAYMENTS_NAME=api.payments.example PAYMENTS_IP=203.0.113.80

make_pods() {
	local key
	for key in "$LOADGEN" "${FRONTENDS[@]}" "$CART" "$CATALOG" "$DATABASE" "$DNS" "$CHECKOUT" \
		"$INTRUDER" "$SCANNER"; do
		local name=${key#*/}
		local deployment=${name%-*}
		cluster_pod "${key%/*}" "$name" --deployment "${deployment%-*}" --container server
	done
	cluster_outside "${PAYMENTS#*/}" "$PAYMENTS_IP"
	cluster_service kube-system kube-dns "$DNS_IP" dns:UDP:53:53 dns-tcp:TCP:53:53 -- "$DNS"
	cluster_service shop frontend "${SERVICE_IP[frontend]}" http:TCP:80:8080 -- "${FRONTENDS[@]}"
	cluster_service shop cart "${SERVICE_IP[cart]}" http:TCP:80:8080 -- "$CART"
	cluster_service shop catalog "${SERVICE_IP[catalog]}" http:TCP:80:8080 -- "$CATALOG"
	cluster_service shop database "${SERVICE_IP[database]}" http:TCP:5984:5984 -- "$DATABASE"
	cluster_deny "$INTRUDER" "$DATABASE"
	# So that a connection nobody answers is given up while one watches.
	nsenter --net="/run/netns/${POD_NETNS[$INTRUDER]}" sysctl -q -w net.ipv4.tcp_syn_retries=1
}

start_dns() {
	local records=("--host-record=$PAYMENTS_NAME,$PAYMENTS_IP,30") name
	for name in "${!SERVICE_IP[@]}"; do
		records+=("--host-record=$name.shop.svc.cluster.local,${SERVICE_IP[$name]}")
	done
	cluster_spawn "$DNS" dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts \
		--user=root --pid-file= --local=/cluster.local/ --local=/example/ "${records[@]}" 2> "$CLUSTER_DIR/dns.log"
	cat > "$CLUSTER_DIR/resolv.conf" <<- CONF
		nameserver $DNS_IP
		search shop.svc.cluster.local
		options timeout:1 attempts:3
	CONF
}

# start_nginx KEY PORT LOCATIONS: one process, its own folder.
start_nginx() {
	local key=$1 port=$2 locations=$3 dir
	dir=$(mktemp -d "$CLUSTER_DIR/nginx.XXXXXX")
	cat > "$dir/nginx.conf" <<- CONF
		daemon off;
		master_process off;
		pid nginx.pid;
		error_log error.log;
		events { worker_connections 256; }
		http {
			access_log off;
			default_type application/json;
			client_body_temp_path body;
			proxy_temp_path proxy;
			fastcgi_temp_path fastcgi;
			uwsgi_temp_path uwsgi;
			scgi_temp_path scgi;
			resolver $DNS_IP valid=2s ipv6=off;
			server {
				listen $port;
				$locations
			}
		}
	CONF
	cluster_spawn "$key" nginx -p "$dir" -c "$dir/nginx.conf" -e "$dir/error.log"
	cluster_wait 10 test -s "$dir/nginx.pid" || { cat "$dir/error.log" >&2; cluster_die "nginx of $key"; }
	NGINX_DIR=$dir
}

# A name in a variable is looked up when it is used: a DNS query now and then, as in real life.
proxy_location() {
	echo "location $1 { set \$upstream $2.shop.svc.cluster.local; proxy_pass http://\$upstream:$3$4; }"
}

start_servers() {
	local key
	start_dns
	start_nginx "$DATABASE" 5984 'location / { root data; }'
	mkdir -p "$NGINX_DIR/data"
	head -c 2000 /dev/urandom | base64 > "$NGINX_DIR/data/cart"
	head -c 20000 /dev/urandom | base64 > "$NGINX_DIR/data/catalog"
	start_nginx "$PAYMENTS" 80 "location / { return 200 '{\"paid\": true}'; }"
	start_nginx "$CART" 8080 "$(proxy_location / database 5984 /cart)"
	start_nginx "$CATALOG" 8080 "$(proxy_location / database 5984 /catalog)"
	for key in "${FRONTENDS[@]}"; do
		start_nginx "$key" 8080 "$(proxy_location /cart cart 80 /)
			$(proxy_location /catalog catalog 80 /)
			location / { return 200 '{\"shop\": \"open\"}'; }"
	done
}

# loop KEY PAUSE URL...: fetches one after the other, for ever, with the pod's own resolv.conf.
loop() {
	local key=$1
	shift
	# shellcheck disable=SC2016 # the inner shell's
	cluster_spawn "$key" unshare --mount sh -c '
		mount --bind "$1" /etc/resolv.conf && pause=$2 && shift 2 || exit 1
		while :; do
			for url; do
				curl -s -o /dev/null --max-time 10 "$url"
				sleep "$pause"
			done
		done' loop "$CLUSTER_DIR/resolv.conf" "$@" 2> "$CLUSTER_DIR/loop.log"
}

start_clients() {
	local shop=http://frontend.shop.svc.cluster.local
	loop "$LOADGEN" 0.15 "$shop/" "$shop/catalog" "$shop/cart" "$shop/catalog"
	loop "$CHECKOUT" 1 "http://$PAYMENTS_NAME/"
	loop "$INTRUDER" 1 "http://database.shop.svc.cluster.local:5984/_all_dbs" \
		"http://${POD_IP4[$DATABASE]}:5984/"
	loop "$SCANNER" 1 "http://${POD_IP4[$CART]}:6379/" "http://${POD_IP4[$DATABASE]}:22/"
}

stop=
watch() {
	local viewer end=$((SECONDS + SECONDS_WANTED))
	trap 'stop=1' INT TERM HUP
	cluster_tool "$BUILD/weir" observe --server "unix:$AGENT_SOCKET" -f --since 1h
	viewer=$SPAWNED
	while [ -z "$stop" ] && kill -0 "$AGENT_PID" 2> /dev/null; do
		[ "$SECONDS_WANTED" -eq 0 ] || [ "$SECONDS" -lt "$end" ] || break
		sleep 0.2 || true
	done
	kill -0 "$AGENT_PID" 2> /dev/null || { tail "$AGENT_LOG" >&2; cluster_die "the agent ended"; }
	for key in "$LOADGEN" "$CHECKOUT" "$INTRUDER" "$SCANNER"; do
		cluster_kill_cgroup "${POD_CGROUP[$key]}"
	done
	cluster_wait 5 agent_is_idle || true
	kill "$viewer" 2> /dev/null || true
	wait "$viewer" 2> /dev/null || true
}

cluster_start
echo "making ten pods in three namespaces ..." >&2
make_pods
agent_start
agent_follow "$CLUSTER_DIR/records"
start_servers
start_clients
if [ "$SECONDS_WANTED" -eq 0 ]; then
	echo "watching; Ctrl-C ends it" >&2
fi
watch
weir status -o json > "$CLUSTER_DIR/status.json"
"$(dirname "$0")/summary.py" "$CLUSTER_DIR/records" "$CLUSTER_DIR/status.json"
