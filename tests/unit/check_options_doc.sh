#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docs/options.md and the man pages say what the programs do.
set -euo pipefail
cd "$(dirname "$0")/../.."
export BUILD=${BUILD:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0
failed=0

# report NAME STATUS: a result, and on failure what is in the log.
report() {
	number=$((number + 1))
	if [ "$2" -eq 0 ]; then
		echo "ok $number - $1"
	else
		echo "not ok $number - $1"
		sed 's/^/# /' "$work/log"
		failed=1
	fi
}

# flags_of PAGE COMMAND...: flags of the command's --help that the man page does not have.
flags_of() {
	local page=$1 flag found=0 status=0
	shift
	while IFS= read -r flag; do
		found=$((found + 1))
		# In a man page a dash is written \-.
		if ! grep -qF -- "${flag//-/\\-}" "$page"; then
			echo "$page: $flag is missing"
			status=1
		fi
	done < <("$@" --help | grep -oE -- '^ {2,6}(-[a-zA-Z], )?--[a-z0-9-]+' | grep -oE -- '--[a-z0-9-]+$')
	# --help and --version are always there, so fewer is a mistake of this script.
	[ "$found" -gt 2 ] && return "$status"
}

echo 1..4
status=0
scripts/gen-options-doc.sh > "$work/options.md"
diff -u docs/options.md "$work/options.md" > "$work/log" || status=$?
report "docs/options.md is what scripts/gen-options-doc.sh makes" "$status"

for pair in "weir.1 weir observe" "weir.1 weir status" "weir-agent.8 weir-agent"; do
	read -r page program argument <<< "$pair"
	status=0
	flags_of "docs/man/$page" "$BUILD/$program" ${argument:+"$argument"} > "$work/log" || status=$?
	report "docs/man/$page has every flag of $program${argument:+ $argument}" "$status"
done
exit "$failed"
