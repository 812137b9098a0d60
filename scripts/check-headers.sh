#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compile every header alone, so that none needs luck with what was included before it; and the
# kernel interface also with padding made an error, for both sides of it.
#
#   scripts/check-headers.sh [ROOT]
#
# CC, CLANG: compilers. BUILD: where generated headers lie (default build).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
BUILD=$(realpath -m "${BUILD:-$here/../build}")
root=${1:-$here/..}
cd "$root"

arch=$(uname -m)
case $arch in
x86_64) arch=x86 ;;
aarch64) arch=arm64 ;;
esac
read -ra packages < <(pkg-config --cflags libbpf libmnl json-c libwebsockets yaml-0.1)
user=("${CC:-gcc}" -std=gnu11 -I. "-I$BUILD" -D_GNU_SOURCE -fsyntax-only -Wall -Wextra -Werror
	-Wno-unused-parameter "${packages[@]}" -x c)
kernel=("${CLANG:-clang}" -target bpf -mcpu=v3 -g -O2 "-D__TARGET_ARCH_$arch" -I.
	-idirafter "/usr/include/$("${CC:-gcc}" -dumpmachine)" -fsyntax-only -Wall -Wextra -Werror
	-Wno-unused-parameter -x c)

bad=0

# alone HEADER COMPILER...: a file that only includes the header, from stdin.
alone() {
	local header=$1
	shift
	if ! printf '#include "%s"\n' "$header" | "$@" -; then
		echo "$header: does not compile alone with: $1" >&2
		bad=1
	fi
}

while IFS= read -r header; do
	[ -n "$header" ] || continue
	case $header in
	bpf/vmlinux.h | *.bpf.h)
		alone "$header" "${kernel[@]}"
		;;
	bpf/weir_abi.h)
		alone "$header" "${user[@]}" -Wpadded
		alone "$header" "${kernel[@]}" -Wpadded
		;;
	*)
		alone "$header" "${user[@]}"
		;;
	esac
done < <("$here/list-files.sh" . '*.h')
exit "$bad"
