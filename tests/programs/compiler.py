#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""g++ compiles granary's own sources on both allocators: the objects are equal, byte by byte."""
import json
import os
import pathlib
import shlex
import sys

import harness

# What a commit compiles; a release compiles every source of modules/.
FEW = 4
CLANG_ONLY = ("-Wthread-safety", "-Wglobal-", "-Wexit-")


def commands(build):
    """(source, words) of the modules' sources, from the build's own compile commands, for g++."""
    path = pathlib.Path(build or "", "compile_commands.json")
    harness.check(build and path.is_file(), f"--build: {path} does not exist")
    seen = {}
    for entry in json.loads(path.read_text(encoding="utf-8")):
        source = entry["file"]
        if "/modules/" not in source or "/tests/" in source or not source.endswith(".cpp"):
            continue
        words = shlex.split(entry["command"])
        # Flags of another compiler would not be understood; what granary itself needs stays.
        words = ["g++"] + [word for word in words[1:] if not word.startswith(CLANG_ONLY)]
        seen.setdefault(source, (entry["directory"], words))
    return sorted((source, directory, words) for source, (directory, words) in seen.items())


def with_output(words, target):
    """The same compilation with another output, and no dependency file."""
    result, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in ("-o", "-MF", "-MT"):
            skip = True
        elif word != "-MD":
            result.append(word)
    return result + ["-o", str(target)]


def body(trial):
    trial.need("g++")
    sources = commands(trial.arguments.build)
    harness.check(len(sources) >= FEW, f"only {len(sources)} sources")
    if not trial.full:
        # The largest ones: the compiler allocates most there.
        sources = sorted(sources, key=lambda entry: -os.path.getsize(entry[0]))[:FEW]
    totals = {}
    for allocator in (trial.system, trial.granary):
        total = totals[allocator] = harness.Result(0, b"", b"", 0.0, 0.0, {})
        for source, directory, words in sources:
            target = trial.directory / "object.o"
            sees = "cc1plus" if allocator is trial.granary else None
            result = allocator.succeed(with_output(words, target), cwd=directory, sees=sees)
            total.seconds += result.seconds
            total.peak_mib = max(total.peak_mib, result.peak_mib)
            total.loaded[source] = harness.digest_of(target)
    system, granary = totals[trial.system], totals[trial.granary]
    different = [source for source in system.loaded if system.loaded[source] != granary.loaded[source]]
    harness.check(not different, f"objects differ: {different}")
    trial.done(f"{len(sources)} of granary's sources, bit-identical objects", system, granary)


if __name__ == "__main__":
    sys.exit(harness.main("g++", __doc__, body))
