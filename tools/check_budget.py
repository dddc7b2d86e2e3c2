#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""No file and no function grows beyond what one can read at once.

usage: check_budget.py <repository root>

files      at most 700 lines; a warning above 400. Scripts in tools/: at most 200
functions  at most 60 lines in modules/, 80 in tests, benchmarks and examples (tables do not
           count: only what has parentheses before its brace)
lines      at most 120 columns, no tabs, no trailing blanks, a newline at the end
headers    first line is the licence, `#pragma once` or an include guard in headers
"""
import pathlib
import re
import sys

FILE_HARD, FILE_SOFT, TOOL_HARD, COLUMNS = 700, 400, 200, 120
FUNCTION_LINES = {"modules": 60}
FUNCTION_LINES_ELSEWHERE = 80
SOURCES = {".hpp", ".cpp", ".h", ".c"}
TOP = ("modules", "tests", "bench", "bindings/python", "bindings/swig", "examples", "tools")
LICENCE = "SPDX-License-Identifier: Apache-2.0 OR MIT"
# `…) … {` at the end of a line opens a function; these words before the parenthesis do not.
OPENING = re.compile(r"^( *)(?!.*\b(?:if|for|while|switch|else|do|catch|namespace|struct|class|enum)\b)"
                     r"[^#/].*\)[^;{}]*\{$")


def long_functions(lines, limit):
    for start, line in enumerate(lines):
        match = OPENING.match(line)
        if not match or len(match.group(1)) > 8:
            continue
        closing = match.group(1) + "}"
        for end in range(start + 1, len(lines)):
            if lines[end].startswith(closing) and not lines[end].startswith(closing + " else"):
                if end - start + 1 > limit:
                    yield start + 1, end - start + 1
                break


def check(path, root):
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")
    relative = path.relative_to(root)
    where = lambda number: f"{relative}:{number}"
    count = len(lines) - 1
    limit = TOOL_HARD if relative.parts[0] == "tools" else FILE_HARD
    if count > limit:
        yield f"{relative}: {count} lines, the limit is {limit}"
    if not any(LICENCE in line for line in lines[:2]):
        yield f"{where(1)}: the licence is missing"
    if not text.endswith("\n"):
        yield f"{where(count + 1)}: no newline at the end"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            yield f"{where(number)}: {len(line)} columns, the limit is {COLUMNS}"
        if "\t" in line or line != line.rstrip():
            yield f"{where(number)}: a tab, or a blank at the end"
    if path.suffix in SOURCES:
        part = "tests" if "tests" in relative.parts else relative.parts[0]
        function_limit = FUNCTION_LINES.get(part, FUNCTION_LINES_ELSEWHERE)
        for number, length in long_functions(lines, function_limit):
            yield f"{where(number)}: a function of {length} lines, the limit is {function_limit}"
        if path.suffix in {".hpp", ".h"} and "#pragma once" not in text and "#ifndef" not in text:
            yield f"{where(1)}: neither #pragma once nor an include guard"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = pathlib.Path(sys.argv[1])
    problems, files, large = [], 0, []
    for top in TOP:
        for path in sorted((root / top).rglob("*")):
            if "build" in path.parts or not path.is_file():
                continue
            if path.suffix in SOURCES | {".py"}:
                files += 1
                problems += check(path, root)
                count = path.read_text(encoding="utf-8").count("\n")
                if count > FILE_SOFT:
                    large.append(f"{path.relative_to(root)}: {count} lines")
    if files == 0:
        problems.append(f"{root}: no source files found")
    if large:
        print("above the wanted size of 400 lines:", *large, sep="\n  ")
    print("\n".join(problems) or f"{files} files are within the budget")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
