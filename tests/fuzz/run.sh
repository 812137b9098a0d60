#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Run fuzz targets, each for FUZZ_SECONDS.
#
#   tests/fuzz/run.sh [TARGET...]   all that were built when none is named
#
# BUILD         the build folder (default build)
# FUZZ_SECONDS  seconds for each (default 10)
#
# Each begins with good inputs: of tests/golden, and the lines of tests/fuzz/TARGET.seeds. What is
# found new is kept in $BUILD/fuzz/corpus/TARGET and begun with the next time; an input that breaks
# something lies in $BUILD/fuzz, and TARGET's program, given that file, breaks again.
set -euo pipefail
cd "$(dirname "$0")/../.."
BUILD=${BUILD:-build}
seconds=${FUZZ_SECONDS:-10}
programs=$BUILD/fuzz/sanitize/tests/fuzz
bad=0

# seeds TARGET: the folders of good inputs to begin with.
seeds() {
	local lines=tests/fuzz/$1.seeds folder=$BUILD/fuzz/seeds/$1 line n=0
	case $1 in
	manifest) echo tests/golden/manifests ;;
	record_view) printf '%s\n' tests/golden/cli tests/golden/json ;;
	esac
	[ -f "$lines" ] || return 0
	mkdir -p "$folder"
	while IFS= read -r line; do
		n=$((n + 1))
		printf '%s' "$line" > "$folder/$n"
	done < "$lines"
	echo "$folder"
}

fuzz() {
	local target=$1 corpus=$BUILD/fuzz/corpus/$1 log=$BUILD/fuzz/$1.log status=0
	local -a options=("-max_total_time=$seconds" "-artifact_prefix=$BUILD/fuzz/$target-") folders
	mapfile -t folders < <(seeds "$target")
	mkdir -p "$corpus"
	options+=(-max_len=16384 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 -use_value_profile=1)
	[ ! -f "tests/fuzz/$target.dict" ] || options+=("-dict=tests/fuzz/$target.dict")
	"$programs/fuzz_$target" "${options[@]}" "$corpus" "${folders[@]}" > "$log" 2>&1 || status=$?
	if [ "$status" -eq 0 ]; then
		printf '%-14s ok, %s inputs\n' "$target" \
			"$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
		return
	fi
	printf '%-14s failed, see %s\n' "$target" "$log"
	tail -n 40 "$log"
	bad=1
}

if [ $# -eq 0 ]; then
	for program in "$programs"/fuzz_*; do
		[ ! -f "$program" ] || [ ! -x "$program" ] || set -- "$@" "${program##*/fuzz_}"
	done
	[ $# -gt 0 ] || { echo "fuzz: nothing was built; make fuzz builds and runs" >&2 && exit 1; }
fi
for target in "$@"; do
	fuzz "$target"
done
exit "$bad"
