#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docs/options.md and the man pages say what the programs do.
set -euo pipefail
cd "$(dirname "$0")/../.."
export BUILD=${BUILD:-build}
. tests/lib/tap.sh

options_doc() {
	scripts/gen-options-doc.sh | diff -u docs/options.md -
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

tap_check "docs/options.md is what scripts/gen-options-doc.sh makes" options_doc

for pair in "weir.1 weir observe" "weir.1 weir status" "weir-agent.8 weir-agent"; do
	read -r page program argument <<< "$pair"
	tap_check "docs/man/$page has every flag of $program${argument:+ $argument}" \
		flags_of "docs/man/$page" "$BUILD/$program" ${argument:+"$argument"}
done
tap_done
