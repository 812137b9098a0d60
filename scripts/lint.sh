#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# All checks of the files themselves. Runs every one, also after one has failed.
set -euo pipefail
cd "$(dirname "$0")/.."

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
check scripts shellcheck -x "${scripts[@]}"
exit "$bad"
