#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# All checks of the files themselves. Runs every one, also after one has failed.
#
# BUILD: where generated headers lie (default build).
set -euo pipefail
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}

bad=0

# check NAME COMMAND...
check() {
	local name=$1
	shift
	if "$@"; then
		echo "lint: $name: ok"
	else
		echo "lint: $name: failed" >&2
		bad=1
	fi
}

# tidy FILE...: not of BPF programs, whose target clang-tidy has no headers for, nor of tests, where
# it reports what makes them tests: fixed random numbers, unchecked conversions of own text.
tidy() {
	local flags found
	read -ra flags < <(pkg-config --cflags libbpf libmnl json-c libwebsockets yaml-0.1)
	found=$(printf '%s\n' "$@" | grep -E '\.c$' | grep -vE '\.bpf\.c$|^tests/' |
		xargs -P "$(nproc)" -I{} clang-tidy --quiet {} -- -std=gnu11 -I. "-I$BUILD" \
			-D_GNU_SOURCE '-DWEIR_VERSION="lint"' "${flags[@]}" 2>&1 |
		grep -vE '^[0-9]+ warnings? ' || true)
	[ -z "$found" ] || { echo "$found" && return 1; }
}

mapfile -t sources < <(scripts/list-files.sh . '*.c' '*.h')
mapfile -t scripts < <(
	scripts/list-files.sh . | while IFS= read -r file; do
		case $file in
		*.sh) echo "$file" ;;
		*.*) ;;
		*) ! head -c 64 "$file" | head -n 1 | grep -aqE '^#!.*\b(ba)?sh\b' || echo "$file" ;;
		esac
	done
)

check format scripts/format.py "${sources[@]}"
check includes scripts/check-includes.sh
check headers scripts/check-headers.sh
check licences scripts/check-spdx.sh
check tidy tidy "${sources[@]}"
check scripts shellcheck "${scripts[@]}"
exit "$bad"
