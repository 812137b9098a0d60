# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# TAP on standard output, to be sourced by test scripts.

TAP_COUNT=0
TAP_FAILED=0

# tap_check NAME CMD...: one test point; what CMD prints is shown when it fails.
tap_check() {
	local name=$1 out status=0
	shift
	out=$("$@" 2>&1) || status=$?
	TAP_COUNT=$((TAP_COUNT + 1))
	if [ "$status" -eq 0 ]; then
		echo "ok $TAP_COUNT - $name"
		return 0
	fi
	TAP_FAILED=$((TAP_FAILED + 1))
	echo "not ok $TAP_COUNT - $name"
	tap_note "${out:-status $status of: $*}"
}

tap_note() {
	local line
	while IFS= read -r line; do
		echo "# $line"
	done <<< "$*"
}

tap_skip_all() {
	echo "1..1"
	echo "ok 1 - ${0##*/} # SKIP $*"
	exit 0
}

# To be the last command of a script.
tap_done() {
	echo "1..$TAP_COUNT"
	[ "$TAP_FAILED" -eq 0 ]
}
