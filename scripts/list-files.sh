#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The project's files below a folder (default: the repository), one a line, relative to it:
# tracked and new ones, not those that .gitignore names. Without git: all but build/.
#
#   scripts/list-files.sh [ROOT [PATTERN...]]     patterns as for git ls-files
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"
shift || true
if [ -e .git ]; then
	git -c safe.directory='*' ls-files --cached --others --exclude-standard -- "$@" | sort -u |
		while IFS= read -r file; do
			[ ! -f "$file" ] || printf '%s\n' "$file"
		done
	exit 0
fi
find . -path ./build -prune -o -type f -print | sed 's,^\./,,' | sort |
	while IFS= read -r file; do
		[ $# -gt 0 ] || printf '%s\n' "$file"
		for pattern in "$@"; do
			# shellcheck disable=SC2053 # the pattern is one
			[[ $file == $pattern ]] && printf '%s\n' "$file" && break
		done
	done
