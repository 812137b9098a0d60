#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Install what building and testing Weir needs, as Debian packages, by name. Does nothing, fast,
# when all is there; needs root only when something is missing.
set -euo pipefail

build=(
	make gcc libc6-dev pkg-config
	clang llvm bpftool libbpf-dev libelf-dev zlib1g-dev
	libmnl-dev libjson-c-dev libwebsockets-dev libyaml-dev libldns-dev
)
test=(
	libcmocka-dev libclang-rt-14-dev clang-format clang-tidy shellcheck
	git iproute2 nftables conntrack nginx-light dnsmasq-base bind9-dnsutils curl jq python3 procps util-linux
)

missing=()
for package in "${build[@]}" "${test[@]}"; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$status" = installed ] || missing+=("$package")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "install-deps: root is needed to install: ${missing[*]}" >&2
	exit 1
fi
echo "installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
policy=/usr/sbin/policy-rc.d
made_policy=
cleanup() {
	rm -f "$log"
	[ -z "$made_policy" ] || rm -f "$policy"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
# The servers among the packages are used by tests in their own namespaces; none is started here.
if [ ! -e "$policy" ]; then
	made_policy=1
	printf '#!/bin/sh\nexit 101\n' > "$policy"
	chmod 755 "$policy"
fi
status=0
{ apt-get update -q && apt-get install -y -q --no-install-recommends "${missing[@]}"; } > "$log" 2>&1 || status=$?
if [ "$status" -ne 0 ]; then
	tail -n 20 "$log" >&2
	echo "install-deps: apt-get failed with status $status" >&2
	exit 1
fi
