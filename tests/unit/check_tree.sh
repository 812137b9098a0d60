#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The tree keeps its own rules, and the scripts that say so catch what breaks them.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
. tests/lib/tap.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# sample FILE LINE...: a tree that holds one file.
sample() {
	local file=$1
	shift
	rm -rf "$work/tree"
	mkdir -p "$work/tree/$(dirname "$file")"
	cp -r "$root/LICENSES" "$work/tree/"
	printf '%s\n' "$@" > "$work/tree/$file"
}

# refuses SCRIPT WANT: the script fails on the sample tree and says WANT.
refuses() {
	local said status=0
	said=$("scripts/$1" "$work/tree" 2>&1) || status=$?
	echo "$said"
	echo "status $status, wanted: $2"
	[ "$status" -ne 0 ] && grep -qF -- "$2" <<< "$said"
}

# catches NAME SCRIPT WANT
catches() {
	tap_check "$1" refuses "$2" "$3"
}

# passes NAME SCRIPT: the script has nothing against the sample tree.
passes() {
	tap_check "$1" "scripts/$2" "$work/tree"
}

tap_check "every folder includes only what it may" scripts/check-includes.sh
tap_check "every header compiles alone" scripts/check-headers.sh
tap_check "every file names its licence" scripts/check-spdx.sh

sample flow/a.c '#include "flow/a.h"' '#include "lib/map.h"' '#include <string.h>'
passes "includes: flow may use lib" check-includes.sh
sample flow/a.c '#include "lib/map.h"' '#include "api/json.h"'
catches "includes: flow may not use api" check-includes.sh 'flow/a.c:2: may not include "api/json.h"'
sample flow/a.c '#include <json-c/json.h>'
catches "includes: flow has no third party" check-includes.sh 'may not include <json-c/json.h>'
sample flow/a.c '#include <time.h>'
catches "includes: flow has no clock" check-includes.sh 'may not include <time.h>'
sample lib/map.c ' # include <libwebsockets.h>'
catches "includes: libwebsockets is for the loop" check-includes.sh 'lib/map.c:1: may not include <libw'
sample lib/loop.c '#include <libwebsockets.h>'
passes "includes: the loop may use it" check-includes.sh
sample lib/map.c '#include "flow/flow.h"'
catches "includes: lib uses none of ours" check-includes.sh 'may not include "flow/flow.h"'
sample cmd/weir/main.c '#include <libwebsockets.h>'
catches "includes: cmd has no third party" check-includes.sh 'may not include <libwebsockets.h>'
sample api/a.c '#include "k8s-meta/manifest.h"'
catches "includes: api uses two headers of k8s-meta" check-includes.sh 'may not include "k8s-meta/manif'
sample bpf/a.bpf.c '#include <stdint.h>'
catches "includes: BPF programs have no C library" check-includes.sh 'may not include <stdint.h>'
sample bpf/a.c '#include "flow/table.h"'
catches "includes: bpf uses flow/flow.h only" check-includes.sh 'may not include "flow/table.h"'
sample api/a.c '#include "json.h"'
catches "includes: names begin at the root" check-includes.sh 'may not include "json.h"'
sample api/a.c '#include <zlib.h>'
catches "includes: a library no rule names" check-includes.sh 'may not include <zlib.h>'
sample api/a.c '#include HEADER'
catches "includes: a name made by a macro" check-includes.sh 'api/a.c:1: an include that names no file'
sample extra/a.c '#include <stdint.h>'
catches "includes: a folder no rule names" check-includes.sh 'extra/a.c:1: no rule for this folder'

sample lib/a.h '#include <stdint.h>' 'struct a { uint8_t x; uint32_t y; };'
passes "headers: one that is complete" check-headers.sh
sample lib/a.h 'uint32_t a_count(void);'
catches "headers: one that needs another" check-headers.sh 'lib/a.h: does not compile alone'
sample bpf/weir_abi.h '#include <linux/types.h>' 'struct weir_ev { __u8 x; __u32 y; };'
catches "headers: a hole in the kernel interface" check-headers.sh 'padding struct'
sample bpf/a.bpf.h 'static inline int a(void) { return missing(); }'
catches "headers: a BPF header that is incomplete" check-headers.sh 'bpf/a.bpf.h: does not compile alone'

sample scripts/a.sh '#!/bin/sh' '# SPDX-License-Identifier: Apache-2.0'
passes "licences: second line of a script" check-spdx.sh
sample lib/a.c '#include <stdint.h>' '/* SPDX-License-Identifier: Apache-2.0 */'
catches "licences: a source without one" check-spdx.sh 'lib/a.c: no SPDX-License-Identifier'
sample lib/a.c '/* SPDX-License-Identifier: MIT */'
catches "licences: one whose text is missing" check-spdx.sh 'lib/a.c: LICENSES/MIT.txt is missing'

tap_done
