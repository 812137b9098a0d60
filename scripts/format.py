#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check C files against .clang-format, or with --fix bring them there.

    scripts/format.py [--fix] FILE...

Two things are the author's, because clang-format 14 cannot leave them as they are. Blanks before
a trailing comment: it aligns all such comments or pushes all to the left. Rows of a table of
initialisers: it puts short rows side by side and long lists of strings one to a line.
"""

import difflib
import os
import re
import subprocess
import sys

TRAILING = re.compile(r"(?<=\S)[ \t]+(/\*.*|//.*)$")
CONTINUED = re.compile(r"^[ \t]+(?=\*($|[ /]))")
ROW = re.compile(r"^\t+ *(\{ .*[,{}]|\[\w+\] = .*,|\.\w+ = .*,|\".*(\" \}|\},|\"),?)$")
COLUMNS = 100


def is_row(line):
    return ROW.match(line) and len(line.expandtabs(8)) <= COLUMNS


def comparable(line):
    """The line with nothing but one blank before a comment."""
    return CONTINUED.sub(" ", TRAILING.sub(r" \1", line))


def formatted(path, lines):
    """The lines as clang-format has them, but for blanks before comments."""
    run = subprocess.run(
        [os.environ.get("CLANG_FORMAT", "clang-format"), path],
        check=True, capture_output=True, text=True)
    theirs = run.stdout.splitlines()
    matcher = difflib.SequenceMatcher(
        None, [comparable(x) for x in lines], [comparable(x) for x in theirs], autojunk=False)
    result = []
    for tag, ours_from, ours_to, theirs_from, theirs_to in matcher.get_opcodes():
        ours = lines[ours_from:ours_to]
        if tag == "equal" or (ours and all(is_row(x) for x in ours)):
            result += ours
        else:
            result += theirs[theirs_from:theirs_to]
    return result


def main():
    paths = sys.argv[1:]
    fix = paths[:1] == ["--fix"]
    bad = 0
    for path in paths[1:] if fix else paths:
        if not path.endswith((".c", ".h")):
            sys.exit(f"format.py: {path}: not a C file")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        lines = text.splitlines()
        want = formatted(path, lines)
        if want == lines:
            continue
        if fix:
            with open(path, "w", encoding="utf-8") as file:
                file.write("\n".join(want) + "\n")
            continue
        bad = 1
        for line in difflib.unified_diff(lines, want, path, "as formatted", n=0, lineterm=""):
            print(line)
    return bad


if __name__ == "__main__":
    sys.exit(main())
