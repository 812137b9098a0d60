#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Run test programs that speak TAP and add them up.
#
#   tests/run.sh [unit] [bpf] [net]     all three when none is named
#
# BUILD          the build folder (default build)
# UNIT_TIMEOUT   seconds for a program of unit (default 300)
# NET_TIMEOUT    seconds for a program of bpf and net (default 900)
# CI             when set, a skipped test fails the run
#
# One line per program, the output of those that failed, and last `N passed, N failed, N skipped`.
# A program that dies, times out, or whose results are not as many as its plan, is one more failure.
set -euo pipefail
cd "$(dirname "$0")/.."
export BUILD=${BUILD:-build}

passed=0
failed=0
skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# count PATTERN: lines of the log that match.
count() {
	grep -cE "$1" "$log" || true
}

# why_broken STATUS RESULTS FAILED: what, beside failed tests, is wrong with a program's run.
why_broken() {
	local status=$1 results=$2 not_ok=$3 plan
	plan=$(sed -nE 's/^1\.\.([0-9]+).*/\1/p' "$log" | tail -n 1)
	if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
		echo "timed out after $limit s"
	elif [ "$status" -gt 128 ]; then
		echo "killed by signal $((status - 128))"
	elif [ -n "$plan" ] && [ "$plan" -ne "$results" ]; then
		echo "$results results, $plan planned"
	elif [ -z "$plan" ] && [ "$results" -eq 0 ]; then
		echo "no results, status $status"
	elif [ "$status" -ne 0 ] && [ "$not_ok" -eq 0 ]; then
		echo "status $status without a failed test"
	fi
}

# run LIMIT PROGRAM
run() {
	local limit=$1 program=$2 status=0 start=$SECONDS ok not_ok skips whole broken text
	timeout --kill-after=10 "$limit" "$program" > "$log" 2>&1 < /dev/null || status=$?
	# cmocka reports a skipped test as "not ok N # SKIP".
	skips=$(count '^(not )?ok [0-9]+.*# SKIP')
	ok=$(($(count '^ok [0-9]+') - $(count '^ok [0-9]+.*# SKIP')))
	not_ok=$(($(count '^not ok [0-9]+') - $(count '^not ok [0-9]+.*# SKIP')))
	whole=$(count '^1\.\.0 +# SKIP')
	broken=$(why_broken "$status" $((ok + not_ok + skips)) "$not_ok")
	passed=$((passed + ok))
	failed=$((failed + not_ok))
	skipped=$((skipped + skips + whole))
	text="$ok passed"
	[ "$not_ok" -eq 0 ] || text+=", $not_ok failed"
	[ "$((skips + whole))" -eq 0 ] || text+=", $((skips + whole)) skipped"
	if [ -n "$broken" ]; then
		failed=$((failed + 1))
		text+=", $broken"
	fi
	printf '%-52s %s, %d s\n' "${program#"$BUILD"/}" "$text" $((SECONDS - start))
	if [ "$not_ok" -gt 0 ] || [ -n "$broken" ]; then
		sed 's/^/    /' "$log"
	else
		grep -E '# SKIP' "$log" | sed 's/^/    /' || true
	fi
}

# run_all LIMIT PATTERN...: the executables that match.
run_all() {
	local limit=$1 program
	shift
	for program in "$@"; do
		if [ -f "$program" ] && [ -x "$program" ]; then
			run "$limit" "$program"
		fi
	done
}

[ $# -gt 0 ] || set -- unit bpf net
for stage in "$@"; do
	case $stage in
	unit)
		run_all "${UNIT_TIMEOUT:-300}" tests/unit/*.sh "$BUILD"/tests/unit/*/test_* \
			"$BUILD"/sanitize/tests/unit/*/test_*
		;;
	bpf)
		run_all "${NET_TIMEOUT:-900}" "$BUILD"/tests/bpf/test_* tests/bpf/*.sh
		;;
	net)
		run_all "${NET_TIMEOUT:-900}" tests/net/*.sh
		;;
	*)
		echo "run.sh: $stage: not one of unit, bpf, net" >&2
		exit 2
		;;
	esac
done

if [ $((passed + failed + skipped)) -eq 0 ]; then
	echo "run.sh: no test program found; was it built?" >&2
	failed=1
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && { [ -z "${CI:-}" ] || [ "$skipped" -eq 0 ]; }
