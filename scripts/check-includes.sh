#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Enforce the layout table of CONTRIBUTING.md: which folder may include what.
#
#   scripts/check-includes.sh [ROOT]
#
# What no rule names is refused, so a new dependency is a line here, to be argued for.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=${1:-$here/..}
cd "$root"

# <files> | <own headers they may include> | <other headers>, all as extended regular expressions
# for the whole name. The first line whose <files> match counts. "C" stands for the C library's and
# the kernel's headers listed below, "PURE" for those without input, output and clocks, "-" for none.
rules=$(cat <<'RULES'
lib/loop\.[ch]           | lib/.*                                             | C libwebsockets\.h
lib/.*                   | lib/.*                                             | C libmnl/.*
bpf/weir_abi\.h          | -                                                  | linux/types\.h
bpf/vmlinux\.h           | -                                                  | linux/(types|bpf)\.h stdbool\.h
bpf/.*\.bpf\.[ch]        | bpf/(vmlinux|weir_abi)\.h bpf/[^/]*\.bpf\.h        | bpf/bpf_(helpers|core_read|tracing|endian)\.h
bpf/.*                   | bpf/.* lib/.* flow/flow\.h                         | C bpf/(bpf|btf|libbpf)\.h libelf\.h gelf\.h
flow/.*                  | flow/.* lib/.*                                     | PURE
dns/message\.c           | dns/.* lib/.*                                      | PURE ldns/ldns\.h
dns/.*                   | dns/.* lib/.*                                      | PURE
k8s-meta/.*              | k8s-meta/.* lib/.*                                 | C json-c/.* libwebsockets\.h yaml\.h
policy/.*                | policy/.* lib/.* flow/.* k8s-meta/(identity|store)\.h | PURE
api/.*                   | api/.* lib/.* flow/.* dns/.* k8s-meta/(identity|store)\.h policy/.* | C json-c/.* libwebsockets\.h
cmd/.*                   | (cmd|bpf|lib|flow|dns|k8s-meta|policy|api)/.*      | C
tests/tools/.*           | tests/tools/.*                                     | C
tests/unit/lib/.*        | tests/.* lib/.*                                    | C cmocka\.h libwebsockets\.h libmnl/.*
tests/unit/flow/.*       | tests/.* lib/.* flow/.*                            | C cmocka\.h
tests/unit/dns/.*        | tests/.* lib/.* dns/.*                             | C cmocka\.h
tests/unit/k8s-meta/.*   | tests/.* lib/.* k8s-meta/.*                        | C cmocka\.h json-c/.* libwebsockets\.h yaml\.h
tests/unit/policy/.*     | tests/.* lib/.* flow/.* k8s-meta/.* policy/.*      | C cmocka\.h
tests/unit/api/.*        | tests/.* lib/.* flow/.* dns/.* k8s-meta/.* policy/.* api/.* | C cmocka\.h json-c/.* libwebsockets\.h
tests/unit/bpf/.*        | tests/.* lib/.* flow/.* bpf/.*                     | C cmocka\.h bpf/.*
tests/.*                 | (tests|cmd|bpf|lib|flow|dns|k8s-meta|policy|api)/.* | C cmocka\.h bpf/(bpf|btf|libbpf)\.h
RULES
)

pure='assert|ctype|errno|inttypes|limits|stdalign|stdarg|stdbool|stddef|stdint|stdlib|string|strings'
pure="($pure)\\.h arpa/inet\\.h netinet/in\\.h sys/queue\\.h"
libc='dirent|fcntl|fnmatch|ftw|getopt|glob|ifaddrs|malloc|math|netdb|poll|pthread|pwd|sched|search|setjmp'
libc+='|signal|spawn|stdio|termios|threads|time|ucontext|unistd|locale|mntent|libgen|langinfo'
libc="($libc)\\.h (sys|linux|net|netinet|arpa|asm)/[a-z0-9_/-]+\\.h"

# grep's exit status 1 (no include at all) is no error.
files=$("$here/list-files.sh" . '*.c' '*.h')
[ -n "$files" ] || exit 0
tr '\n' '\0' <<< "$files" | { xargs -0 grep -nHE '^[[:space:]]*#[[:space:]]*include' || true; } |
	RULES=$rules PURE=$pure LIBC=$libc awk '
function matches(name, patterns,   n, i, part) {
	n = split(patterns, part, " ")
	for (i = 1; i <= n; i++)
		if (name ~ ("^(" part[i] ")$"))
			return 1
	return 0
}
BEGIN {
	count = split(ENVIRON["RULES"], line, "\n")
	for (i = 1; i <= count; i++) {
		# " | " with blanks: a bare | is part of an expression
		split(line[i], field, /[ \t]+\|([ \t]+|$)/)
		files[i] = field[1]
		own[i] = field[2]
		other[i] = " " field[3] " "
		sub(/ C /, " " ENVIRON["PURE"] " " ENVIRON["LIBC"] " ", other[i])
		sub(/ PURE /, " " ENVIRON["PURE"] " ", other[i])
	}
}
{
	at = index($0, ":")
	file = substr($0, 1, at - 1)
	text = substr($0, at + 1)
	where = file ":" substr(text, 1, index(text, ":") - 1)
	if (!match(text, /include[ \t]*[<"][^>"]+[>"]/)) {
		print where ": an include that names no file"
		bad = 1
		next
	}
	name = substr(text, RSTART, RLENGTH)
	quoted = name ~ /"$/
	gsub(/^include[ \t]*[<"]|[>"]$/, "", name)
	for (i = 1; i <= count; i++)
		if (file ~ ("^(" files[i] ")$"))
			break
	if (i > count) {
		print where ": no rule for this folder in scripts/check-includes.sh"
		bad = 1
	} else if (quoted && !matches(name, own[i])) {
		print where ": may not include \"" name "\""
		bad = 1
	} else if (!quoted && !matches(name, other[i])) {
		print where ": may not include <" name ">"
		bad = 1
	}
}
END { exit bad }'
