#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every source, script and Makefile names its licence in its first line (behind #! in the second),
# and the text of every licence named is in LICENSES/.
#
#   scripts/check-spdx.sh [ROOT]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=${1:-$here/..}
cd "$root"

bad=0
while IFS= read -r file; do
	first=$(head -c 200 "$file" | tr -d '\0' | head -n 1)
	line=$first
	case $file in
	*.md | *.json | tests/golden/* | tests/fuzz/corpus/* | LICENSES/*)
		continue
		;;
	*.c | *.h | *.sh | *.mk | *.py | *.js | *.css | Makefile | */Makefile) ;;
	*)
		[[ $first == '#!'* ]] || continue
		;;
	esac
	if [[ $first == '#!'* ]]; then
		line=$(sed -n 2p "$file")
	fi
	if [[ ! $line =~ SPDX-License-Identifier:\ ([A-Za-z0-9.() -]+) ]]; then
		echo "$file: no SPDX-License-Identifier in its first line" >&2
		bad=1
		continue
	fi
	for id in ${BASH_REMATCH[1]//[()]/ }; do
		case $id in
		OR | AND | WITH | --) continue ;;
		esac
		if [ ! -f "LICENSES/$id.txt" ]; then
			echo "$file: LICENSES/$id.txt is missing" >&2
			bad=1
		fi
	done
done < <("$here/list-files.sh" .)
exit "$bad"
