#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Dangerous lines say why they are right.

usage: check_tags.py <repository root>

In the sources of modules/ (not their tests):
  ORDER   every memory_order other than relaxed has an `ORDER` comment on its line or in the comment
          right above its statement, at most NEARBY code lines away
  orders  no atomic operation without a named order (a defaulted seq_cst)
  SAFETY  every reinterpret_cast has a `SAFETY` comment in the same reach
In everything: no TODO, FIXME, XXX or HACK marks.
"""
import pathlib
import re
import sys

NEARBY = 3
ORDER = re.compile(r"\bmemory_order(?:_|::)(acquire|release|acq_rel|seq_cst|consume)\b")
CAST = re.compile(r"\breinterpret_cast\s*<")
UNNAMED = re.compile(r"\.(?:load\(\)|(?:exchange|fetch_add|fetch_sub|fetch_or|fetch_and|fetch_xor)"
                     r"\((?![^;]*memory_order)[^;]*\);)")
MARKS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
SUFFIXES = {".hpp", ".cpp", ".h", ".c"}


def code_of(line):
    """The line without its // comment and without string contents."""
    return re.sub(r'"(?:\\.|[^"\\])*"', '""', line).split("//")[0]


def has_tag(lines, index, tag):
    """True if `tag` is in a comment on this line or above it, within NEARBY code lines."""
    if tag in lines[index].partition("//")[2] or tag in lines[index].partition("/*")[2]:
        return True
    code_lines = 0
    for above in range(index - 1, -1, -1):
        text = lines[above].strip()
        is_comment = text.startswith(("//", "*", "/*"))
        if (is_comment or "//" in text) and tag in text:
            return True
        if not is_comment:
            code_lines += 1
            if code_lines > NEARBY or not text:
                return False
    return False


def check(path, relative):
    lines = path.read_text(encoding="utf-8").split("\n")
    in_module = relative.parts[0] == "modules" and "tests" not in relative.parts
    for index, line in enumerate(lines):
        where = f"{relative}:{index + 1}"
        if MARKS.search(line):
            yield f"{where}: an open mark; file an issue or do it"
        if not in_module:
            continue
        code = code_of(line)
        if ORDER.search(code) and not has_tag(lines, index, "ORDER"):
            yield f"{where}: {ORDER.search(code).group(0)} without an ORDER comment"
        if CAST.search(code) and not has_tag(lines, index, "SAFETY"):
            yield f"{where}: {CAST.search(code).group(0)[:-1]} without a SAFETY comment"
        if UNNAMED.search(code):
            yield f"{where}: an atomic operation without a named order"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = pathlib.Path(sys.argv[1])
    problems, files = [], 0
    for top in ("modules", "tests", "bench", "examples"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file() and "build" not in path.parts:
                files += 1
                problems += check(path, path.relative_to(root))
    if files == 0:
        problems.append(f"{root}: no source files found")
    print("\n".join(problems) or f"{files} files carry their tags")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
