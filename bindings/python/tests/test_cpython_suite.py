# SPDX-License-Identifier: Apache-2.0 OR MIT
"""CPython's own tests have the same outcomes under `python -m granary run --python-objects`.

Case by case, each module once without and once with granary. A few modules by default; all with
GRANARY_FULL=1 in the environment (./test --full).
"""
from __future__ import annotations

import collections
import importlib.util
import os
import re
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

import pytest

QUICK = "test_dict test_list test_gc test_re test_struct".split()
FULL = """
test_array test_ast test_atexit test_bytes test_bz2 test_codecs test_collections test_compile test_contextlib
test_copy test_coroutines test_csv test_ctypes test_datetime test_decimal test_deque test_descr test_enum
test_exceptions test_float test_fork1 test_functools test_generators test_hashlib test_heapq test_io
test_itertools test_json test_long test_memoryview test_mmap test_ordered_dict test_pickle test_queue
test_set test_sqlite3 test_sqlite test_statistics test_str test_unicode test_string test_subprocess
test_sys test_thread test_threading test_tracemalloc test_tuple test_weakref test_zlib
""".split()
MINUTES = 10
LEAST_OF_FULL = 40


def _there(module: str) -> bool:
    try:
        return importlib.util.find_spec(f"test.{module}") is not None
    except ImportError:
        return False


IS_FULL = os.environ.get("GRANARY_FULL") == "1"
MODULES = [name for name in QUICK + (FULL if IS_FULL else []) if _there(name)]


def outcomes(directory: Path, *command: str) -> collections.Counter[str]:
    """Case and outcome of everything that ran."""
    directory.mkdir()
    report = directory / "report.xml"
    environment = {**os.environ, "HOME": str(directory)}
    for name in ("LD_PRELOAD", "PYTHONMALLOC", "PYTHONDONTWRITEBYTECODE"):
        environment.pop(name, None)
    done = subprocess.run([sys.executable, *command, "--timeout", str(60 * MINUTES), "--junit-xml", str(report),
                           "--tempdir", str(directory)], cwd=directory, env=environment, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert report.exists(), f"no report; exit code {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    found: collections.Counter[str] = collections.Counter()
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        children = {child.tag for child in case}
        outcome = ("failed" if children & {"failure", "error"} else
                   "skipped" if "skipped" in children or case.get("result") == "skipped" else "passed")
        name = re.sub(r"0x[0-9a-f]+|tmp\w+", "*", case.get("name", ""))
        found[f"{case.get('classname', '')}.{name}: {outcome}"] += 1
    found[f"exit code {done.returncode}"] += 1
    return found


@pytest.mark.skipif(not _there("test_json"), reason="this interpreter came without its tests")
def test_there_are_enough_modules() -> None:
    assert len(MODULES) >= (LEAST_OF_FULL if IS_FULL else len(QUICK)), MODULES


@pytest.mark.parametrize("module", MODULES)
def test_outcomes_are_the_same(module: str, tmp_path: Path) -> None:
    for attempt in range(3):  # some cases depend on the clock
        without = outcomes(tmp_path / f"without_{attempt}", "-m", "test", module)
        under = outcomes(tmp_path / f"under_{attempt}", "-m", "granary", "run", "--python-objects", "-m", "test",
                         module)
        if without == under:
            break
    assert without == under, sorted((without - under) + (under - without))
    assert sum(without.values()) > 3
