#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Write docs/options.md to standard output, out of what the programs in $BUILD say of themselves.
#
#   scripts/gen-options-doc.sh > docs/options.md
set -euo pipefail
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}

# section TITLE COMMAND...
section() {
	local title=$1
	shift
	printf '\n## %s\n\n```\n' "$title"
	"$@"
	printf '```\n'
}

cat <<'HEAD'
<!-- SPDX-License-Identifier: Apache-2.0 -->
# Options

Made by `scripts/gen-options-doc.sh` from the programs' own `--help`; a test compares the two.
HEAD
section "weir" "$BUILD/weir" --help
section "weir observe" "$BUILD/weir" observe --help
section "weir status" "$BUILD/weir" status --help
section "weir-agent" "$BUILD/weir-agent" --help
