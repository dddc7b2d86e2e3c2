#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""CPython's own test suite fails in exactly the same places on both allocators.

PYTHONMALLOC=malloc sends every object to malloc. Each module's cases are compared by outcome; modules
that differ run twice more on both, because a few depend on the clock and the network. Debian leaves
test_sqlite3 and test_capi out of its package, so an interpreter in PATH that has them is preferred;
without one, a script uses sqlite3 instead.
"""
import collections
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree

import harness

# Quick and close to the allocator: a commit runs these.
COMMIT = """
test_json test_re test_pickle test_ctypes test_fork1 test_thread test_threading_local test_struct
test_list test_dict test_gc test_weakref test_bytes test_sqlite3 test_queue test_array
""".split()
# A release runs these too.
RELEASE = """
test_threading test_subprocess test_multiprocessing_fork test_multiprocessing_spawn test_decimal
test_os test_posix test_io test_mmap test_memoryview test_memoryio test_zlib test_bz2
test_lzma test_hashlib test_zipfile test_tarfile test_select test_selectors
test_signal test_threadsignals test_wait3 test_wait4 test_set test_tuple test_deque
test_ordered_dict test_collections test_itertools test_functools test_generators test_coroutines
test_contextlib test_copy test_descr test_exceptions test_faulthandler test_embed test_capi
test_import test_importlib test_marshal test_codecs test_unicode test_str test_long test_float
test_complex test_fractions test_statistics test_random test_heapq test_bisect test_sort
test_datetime test_csv test_xml_etree test_xml_etree_c test_pyexpat test_minidom test_email
test_logging test_atexit test_finalization test_sys test_tracemalloc test_traceback test_ast
test_compile test_typing test_dataclasses test_enum test_buffer test_shelve test_tempfile
test_shutil test_pathlib test_string test_textwrap test_urlparse
""".split()
LEAST_MODULES_OF_A_RELEASE = 60


# What test_sqlite3 would do, roughly, where there is none.
SQLITE_SCRIPT = """
import sqlite3
db = sqlite3.connect(":memory:")
db.execute("create table t(a integer primary key, b text, c blob)")
db.executemany("insert into t values(?, ?, ?)", ((i, "x" * (i % 300), b"y" * (i % 5000)) for i in range(20000)))
db.create_function("twice", 1, lambda x: x * 2)
db.create_collation("backwards", lambda a, b: (a < b) - (a > b))
print(db.execute("select sum(length(b)), sum(length(c)), max(twice(a)) from t").fetchall())
print(db.execute("select a from t order by b collate backwards, a limit 30").fetchall())
print(len(db.serialize()), sum(len(line) for line in db.iterdump()))
"""


def modules_of(python):
    """Names of the test modules of an interpreter; empty if it has no suite or does not start."""
    script = "import os, sys, test; print(sys.executable, *os.listdir(test.__path__[0]))"
    result = subprocess.run([python, "-c", script], capture_output=True, text=True, check=False)
    words = result.stdout.split()
    return (words[0], {re.sub(r"\.py$", "", name) for name in words[1:]}) if words else (python, set())


def interpreter():
    """(path, names of its test modules) of the interpreter with the most complete suite."""
    best = max((modules_of(python) for python in ("/usr/bin/python3", "python3") if shutil.which(python)),
               key=lambda found: ("test_sqlite3" in found[1], len(found[1])), default=("", set()))
    harness.check("test_json" in best[1], "no python3 with a test suite; ./test installs what is missing")
    return best


def outcomes(report):
    """Case -> outcome, of a JUnit file."""
    found = collections.Counter()
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        children = {child.tag for child in case}
        outcome = "failed" if children & {"failure", "error"} else "skipped" if "skipped" in children else "passed"
        # Addresses and temporary names are parts of some parametrised names.
        name = re.sub(r"0x[0-9a-f]+|tmp\w+", "*", case.get("name", ""))
        found[f"{case.get('classname', '')}.{name}: {outcome}"] += 1
    return found


def test(trial, allocator, python, modules):
    """Runs modules; (how it went, case outcomes, modules that regrtest calls failed)."""
    directory = trial.fresh("work")
    report = directory / "report.xml"
    result = allocator.run(
        [python, "-m", "test", "-j2", "--timeout", "600", "--junit-xml", report, "--tempdir", directory, *modules],
        env={"PYTHONMALLOC": "malloc", "HOME": str(directory), "PYTHONDONTWRITEBYTECODE": "1"}, cwd=directory,
        sees=os.path.basename(os.path.realpath(python)))
    text = result.out.decode(errors="replace")
    harness.check(report.exists(), f"no report from the tests on {allocator.name}:\n{text[-3000:]}{result.err[-3000:]}")
    failed = re.findall(r"\d+ tests? failed:\n((?: {4}.*\n)+)", text)
    return result, outcomes(report), set(" ".join(failed).split())


def compare(trial, python, modules):
    """Runs modules on both; the outcomes that only one of them has."""
    system, expected, system_failed = test(trial, trial.system, python, modules)
    granary, found, granary_failed = test(trial, trial.granary, python, modules)
    harness.check(sum(expected.values()) > 10 * len(modules), f"only {sum(expected.values())} cases ran")
    difference = sorted((expected - found) + (found - expected)) + sorted(system_failed ^ granary_failed)
    return difference, system, granary, sum(expected.values()), system_failed


def body(trial):
    python, present = interpreter()
    modules = [name for name in COMMIT + (RELEASE if trial.full else []) if name in present]
    least = LEAST_MODULES_OF_A_RELEASE if trial.full else len(COMMIT) - 1
    harness.check(len(modules) >= least, f"only {len(modules)} modules installed")
    if "test_sqlite3" not in present:
        answers = [allocator.succeed([python, "-c", SQLITE_SCRIPT], env={"PYTHONMALLOC": "malloc"}).out
                   for allocator in (trial.system, trial.granary)]
        harness.check(answers[0] == answers[1], "sqlite3 answers differ")
    difference, system, granary, cases, failed = compare(trial, python, modules)
    for _ in range(2):
        if not difference:
            break
        print(f"differs, runs again: {difference[:20]}", flush=True)
        suspects = [name for name in modules if any(name in line for line in difference)] or modules
        difference, *_ = compare(trial, python, suspects)
    harness.check(not difference, "outcomes differ:\n" + "\n".join(difference[:50]))
    trial.done(f"{len(modules)} modules, {cases} cases, the same outcomes "
               f"(modules that fail on both: {', '.join(sorted(failed)) or 'none'})", system, granary)


if __name__ == "__main__":
    sys.exit(harness.main("python3 -m test", __doc__, body))
