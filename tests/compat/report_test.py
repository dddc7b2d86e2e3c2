#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The report of a real jemalloc beside granary's: the same JSON keys and types, the same text lines.

usage: report_test.py <program> <granary's library> <jemalloc's library>
Ends with 77 (skipped) where there is no jemalloc to compare with.
"""
import json
import os
import re
import subprocess
import sys
import unittest

PROGRAM, GRANARY, JEMALLOC = sys.argv[1:4]

# What a key of jemalloc 5.3.0 is missing for.
ABSENT = (
    re.compile(r"\.opt\.(lg_)?prof(_\w+)?$"),            # no profiler in this build
    re.compile(r"\.opt\.(lg_)?prof_interval$|\.opt\.lg_prof_sample$"),
    re.compile(r"^\.jemalloc\.prof(\.|$)"),
    re.compile(r"\.opt\.hpa_sec_(batch_fill_extra|bytes_after_flush)$"),  # gone in 5.3.1
    re.compile(r"\.sec_bytes$"),                         # moved into hpa_shard in 5.3.1
)


def report(library: str, letters: str) -> str:
    environment = dict(os.environ, LD_PRELOAD=library)
    environment.pop("MALLOC_CONF", None)
    return subprocess.run([PROGRAM, letters], env=environment, check=True, capture_output=True,
                          text=True, timeout=60).stdout


def leaves(value, path=""):
    """(path, type) of everything in a JSON value; places in arrays do not count."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}")
    elif isinstance(value, list):
        yield path, "list"
        for inner in value:
            yield from leaves(inner, f"{path}[]")
    else:
        yield path, type(value).__name__


def without_duplicates(pairs):
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError(f"a key stands twice among {keys}")
    return dict(pairs)


class Report(unittest.TestCase):
    maxDiff = None

    def test_json_has_the_keys_and_types(self):
        theirs = dict(leaves(json.loads(report(JEMALLOC, "J"))))
        ours = dict(leaves(json.loads(report(GRANARY, "J"), object_pairs_hook=without_duplicates)))
        wanted = {path: kind for path, kind in theirs.items()
                  if not any(gone.search(path) for gone in ABSENT)}
        self.assertGreater(len(wanted), 300)
        self.assertEqual(wanted, {path: ours.get(path) for path in wanted})

    def test_arrays_have_an_element_for_each_class(self):
        ours = json.loads(report(GRANARY, "J"))["jemalloc"]
        arena = ours["stats.arenas"]["0"]
        self.assertEqual(len(arena["bins"]), ours["arenas"]["nbins"])
        self.assertEqual(len(arena["lextents"]), ours["arenas"]["nlextents"])
        self.assertEqual(len(ours["arenas"]["bin"]), ours["arenas"]["nbins"])
        self.assertEqual(len(ours["arenas"]["lextent"]), ours["arenas"]["nlextents"])
        self.assertEqual(len(arena["extents"]), 199)

    def test_text_has_the_lines(self):
        def names(text):
            """Beginnings of lines, up to the colon, but those of tables."""
            return [line.split(":")[0].strip() for line in text.splitlines()
                    if re.match(r" *[A-Za-z][\w .()-]*:", line)]
        theirs = [name for name in names(report(JEMALLOC, "bleh"))
                  if not re.search(r"prof|hpa_sec_(batch|bytes)", name)]
        ours = names(report(GRANARY, "bleh"))
        self.assertEqual([name for name in theirs if name not in ours], [])

    def test_letters_leave_out_the_same(self):
        for letters in ("Jg", "Jm", "Jd", "Ja", "Jb", "Jl", "Jx", "Je", "Jh", "Jmdablxeh"):
            theirs = json.loads(report(JEMALLOC, letters))["jemalloc"]
            theirs.setdefault("stats.arenas", {})
            ours = json.loads(report(GRANARY, letters))["jemalloc"]
            self.assertEqual(set(theirs) - {"prof"} - set(ours), set(), letters)
            self.assertEqual({name for name in theirs["stats.arenas"] if not name.isdigit()},
                             {name for name in ours["stats.arenas"] if not name.isdigit()}, letters)
            for name in ("merged", "destroyed", "0"):
                self.assertEqual(name in theirs["stats.arenas"], name in ours["stats.arenas"], letters)
                inner = theirs["stats.arenas"].get(name, {})
                missing = set(inner) - set(ours["stats.arenas"].get(name, {})) - {"sec_bytes"}
                self.assertEqual(missing, set(), f"{letters} {name}")
                for part in ("bins", "lextents", "extents", "mutexes", "hpa_shard"):
                    self.assertEqual(part in inner, part in ours["stats.arenas"].get(name, {}),
                                     f"{letters} {name} {part}")


if __name__ == "__main__":
    if not os.path.exists(JEMALLOC):
        print(f"skipped: {JEMALLOC} is not installed (package libjemalloc2)")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
