#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What modules/capi/start_functions.txt puts into a library's first pages of code, and what it forgets.

usage: start_functions.py LIBRARY [LIST]                 check
       start_functions.py LIBRARY [LIST] --run PROGRAM ARGUMENT...

check   every line of the list without a question mark stands for a function in the library's .text,
        which is at most 16 pages long: as many as the kernel maps at once
--run   runs the program under callgrind with the library preloaded, and prints which functions it
        enters elsewhere in the library: what a new line of the list might be
"""
import argparse
import fnmatch
import os
import pathlib
import re
import subprocess
import sys
import tempfile

LIST = pathlib.Path(__file__).resolve().parents[1] / "modules/capi/start_functions.txt"
PAGE = 4096
MOST_PAGES = 16


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr}")
    return done.stdout


def pattern(line):
    """As granary_function_sections() in cmake/GranaryLayout.cmake."""
    module, *parts = line.split("::")
    if not parts:
        return line
    names = ""
    for before, part in zip([None, *parts], parts):
        names += "[1-9]*" if part == "*" else "C[12]" if part == before else f"{len(part)}{part}"
    return f"_Z*7granary{len(module)}{module}*{names}[EI]*"


def sections(library):
    """name -> (address, size)"""
    found = {}
    for line in run("readelf", "-SW", library).splitlines():
        match = re.match(r"\s*\[\s*\d+\] (\S+)\s+\S+\s+([0-9a-f]+) [0-9a-f]+ ([0-9a-f]+)", line)
        if match:
            found[match[1]] = (int(match[2], 16), int(match[3], 16))
    return found


def functions(library):
    """mangled name -> address"""
    rows = (line.split() for line in run("nm", "--defined-only", library).splitlines())
    return {row[-1]: int(row[0], 16) for row in rows if row[-2] in "tTwW"}


def start_code(library):
    """Where the pages that everybody runs begin and end; None without such an order."""
    found = sections(library)
    if ".text.rest" not in found:
        return None
    address, size = found[".text"]
    return address, address + size


def check(library, lines):
    code = start_code(library)
    if code is None:
        return ["no .text.rest: was the library linked with layout.ld?"]
    inside = [name for name, address in functions(library).items() if code[0] <= address < code[1]]
    complaints = [f"{line}: no such function in .text; gone, renamed, or inlined everywhere"
                  for line in lines if not fnmatch.filter(inside, pattern(line))]
    pages = -(-code[1] // PAGE) - code[0] // PAGE
    if pages > MOST_PAGES:
        complaints.append(f".text has {pages} pages, more than the {MOST_PAGES} mapped at once")
    print(f"{len(lines)} lines, {len(inside)} names in {pages} pages")
    return complaints


def executed(library, command):
    """Names, as mangled, of the functions that the program and its libraries run."""
    environment = os.environ | {"LD_PRELOAD": str(pathlib.Path(library).resolve())}
    with tempfile.TemporaryDirectory(prefix="start-") as directory:
        out = pathlib.Path(directory) / "out"
        run("valgrind", "--tool=callgrind", "--demangle=no", f"--callgrind-out-file={out}",
            *command, env=environment)
        # A name is written once, maybe as that of a callee; later it is only its number.
        names = {}
        ran = set()
        for line in out.read_text().splitlines():
            match = re.match(r"(c?fn)=\((\d+)\)(?: ([^']*))?", line)
            if match is None:
                continue
            if match[3] is not None:
                names[match[2]] = match[3]
            if match[1] == "fn":
                ran.add(names[match[2]])
    return ran


def forgotten(library, command):
    code = start_code(library)
    known = functions(library)
    names = sorted(name for name in executed(library, command)
                   if name in known and not code[0] <= known[name] < code[1])
    return run("c++filt", *names).splitlines() if names else []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("library")
    parser.add_argument("list", nargs="?", default=LIST, type=pathlib.Path)
    parser.add_argument("--run", nargs=argparse.REMAINDER, metavar="PROGRAM")
    options = parser.parse_args()
    if options.run:
        print("\n".join(forgotten(options.library, options.run)) or "nothing is missing")
        return 0
    lines = [line for line in options.list.read_text().splitlines() if line and line[0] not in "#?"]
    complaints = check(options.library, lines)
    print("\n".join(complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
