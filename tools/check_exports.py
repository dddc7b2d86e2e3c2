#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What the built libraries show to the world is what their maps and granary.h say.

usage: check_exports.py --header granary.h [--max-tls BYTES] --library X.so MAP ARCHIVE ...
                        [--archive MAP ARCHIVE ...]

For every library:
  exports   `nm -D` of X.so equals the global names of MAP; the granary_ ones equal granary.h
  needs     only the C library (and libgcc_s) is needed at run time
  undefined nothing of the C++ runtime is referenced other than weakly
  tls       the TLS segment is at most 16 bytes (debug builds keep more per thread)
  init      one constructor and one destructor, in lifecycle.cpp; no guards, no __cxa_atexit
  names     no symbol of ARCHIVE that other objects could see is outside granary's name space
"""
import argparse
import re
import subprocess
import sys

ALLOWED_NEEDS = re.compile(r"lib(c|gcc_s)\.so|ld-linux|libpthread\.so")
FORBIDDEN_UNDEFINED = re.compile(r"_ZSt|_ZNSt|_ZN?K?St|__cxa_|_Zn[wa]|_Zd[la]|__gxx|_Unwind")
# The C driver's own crtbegin puts one entry beside ours into each of the two arrays.
MAX_ARRAY_BYTES = 16


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def map_names(path):
    text = re.sub(r"#.*", "", open(path, encoding="utf-8").read())
    block = re.search(r"global:(.*?)local:", text, re.S).group(1)
    return set(re.findall(r"([\w.]+);", block))


def header_names(path):
    text = re.sub(r"/\*.*?\*/", "", open(path, encoding="utf-8").read(), flags=re.S)
    return set(re.findall(r"GRANARY_API[^;(]*?\b(granary_\w+)\s*\(", text))


def difference(what, expected, found):
    complaints = [f"{what}: missing {name}" for name in sorted(expected - found)]
    return complaints + [f"{what}: unexpected {name}" for name in sorted(found - expected)]


def check_exports(library, allowed, header):
    rows = [line.split() for line in run("nm", "-D", "--defined-only", library).splitlines()]
    found = {row[-1].split("@")[0] for row in rows}
    complaints = difference("nm -D against the map", allowed, found)
    prefixed = {name for name in allowed if name.startswith("granary_")}
    return complaints + difference("map against granary.h", header, prefixed)


def check_dependencies(library):
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-dW", library))
    complaints = [f"needs {name}" for name in needed if not ALLOWED_NEEDS.match(name)]
    for line in run("nm", "-D", "--undefined-only", library).splitlines():
        kind, name = line.split()[-2:]
        # The C library's own __cxa_finalize is called by every shared library's crtbegin.
        if kind == "U" and FORBIDDEN_UNDEFINED.match(name) and "__cxa_finalize" not in name:
            complaints.append(f"references {name} strongly")
    return complaints


def check_layout(library, max_tls):
    complaints = []
    for line in run("readelf", "-lW", library).splitlines():
        fields = line.split()
        if fields and fields[0] == "TLS" and int(fields[5], 16) > max_tls:
            complaints.append(f"TLS segment of {int(fields[5], 16)} bytes, at most {max_tls}")
    for name, size in re.findall(r"\] (\.(?:init|fini)_array)\s+\S+\s+\S+\s+\S+\s+(\S+)",
                                 run("readelf", "-SW", library)):
        if int(size, 16) > MAX_ARRAY_BYTES:
            complaints.append(f"{name} of {int(size, 16)} bytes, at most {MAX_ARRAY_BYTES}")
    return complaints


def archive_names(archive):
    rows = [line.split() for line in run("nm", "--defined-only", "--extern-only", archive).splitlines()]
    return {fields[2] for fields in rows if len(fields) == 3}


def check_archive(archive, allowed):
    complaints = []
    member = "?"
    for line in run("readelf", "-SW", archive).splitlines():
        if line.startswith("File: "):
            member = re.search(r"\((.*)\)", line).group(1)
        elif re.search(r"\] \.(init|fini|ctors|dtors)(_array)?\S*\s+(INIT|FINI)_ARRAY", line):
            if not member.startswith("lifecycle"):
                complaints.append(f"{member} has a constructor or destructor")
    for line in run("nm", "--defined-only", "--extern-only", archive).splitlines():
        fields = line.split()
        if len(fields) != 3:
            continue
        kind, name = fields[1:]
        if kind in "TDBRGSV" and name not in allowed and not re.match(
                r"_ZN?\w*?7granary|_ZTV|DW\.ref\.__gxx", name):
            complaints.append(f"archive defines {name}")
    for line in run("nm", "--undefined-only", archive).splitlines():
        if re.search(r"__cxa_guard|__cxa_atexit", line):
            complaints.append(f"archive references {line.split()[-1]}")
    return complaints


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--header", required=True)
    parser.add_argument("--max-tls", type=int, default=16, metavar="BYTES")
    parser.add_argument("--library", nargs=3, action="append", required=True,
                        metavar=("SO", "MAP", "ARCHIVE"))
    parser.add_argument("--archive", nargs=2, action="append", default=[], metavar=("MAP", "ARCHIVE"))
    arguments = parser.parse_args()
    header = header_names(arguments.header)
    failed = False
    for map_file, archive in arguments.archive:
        allowed = map_names(map_file)
        complaints = check_archive(archive, allowed) + difference(
            "archive against the map", allowed, archive_names(archive) & allowed)
        for complaint in complaints:
            print(f"{archive}: {complaint}")
        if not complaints:
            print(f"{archive}: {len(allowed)} names, as its map says")
        failed = failed or bool(complaints)
    for library, map_file, archive in arguments.library:
        allowed = map_names(map_file)
        complaints = (check_exports(library, allowed, header) + check_dependencies(library) +
                      check_layout(library, arguments.max_tls) + check_archive(archive, allowed))
        for complaint in complaints:
            print(f"{library}: {complaint}")
        if not complaints:
            print(f"{library}: {len(allowed)} names, as its map and granary.h say")
        failed = failed or bool(complaints)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
