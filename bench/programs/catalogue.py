# SPDX-License-Identifier: Apache-2.0 OR MIT
"""catalogue: the real programs, what each is given to do, and how its answer is told.

A task is prepared once, under no particular allocator; then its command runs in a fresh directory
under every allocator. `answer` makes of its output, or of a file that it wrote, what has to be
equal under all of them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable

HERE = pathlib.Path(__file__).resolve().parent
INPUTS = HERE / "inputs"
ROOT = HERE.parents[1]
JOBS = len(os.sched_getaffinity(0))
UNITS = 2 * JOBS

Answer = Callable[[str, pathlib.Path], str]


def output_itself(output: str, _directory: pathlib.Path) -> str:
    return output


def file_digest(*names: str) -> Answer:
    def answer(_output: str, directory: pathlib.Path) -> str:
        digest = hashlib.sha256()
        for name in names:
            digest.update((directory / name).read_bytes())
        return digest.hexdigest()
    return answer


def found_keys(output: str, _directory: pathlib.Path) -> str:
    return " ".join(re.findall(r"\((\d+ of \d+) found\)", output))


@dataclasses.dataclass(frozen=True)
class Task:
    name: str
    needs: tuple[tuple[str, str], ...]  # command, Debian package
    command: tuple[str, ...]            # {inputs}, {prepared} and {jobs} are filled in
    answer: Answer = output_itself
    stdin: str | None = None            # a file below {prepared}
    prepare: Callable[[pathlib.Path], None] | None = None
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    binary: str | None = None           # what asks for memory, if it is not the command itself

    def missing(self) -> list[str]:
        """Packages to install before the task can run."""
        return [package for command, package in self.needs if shutil.which(command) is None]

    def words(self, prepared: pathlib.Path) -> list[str]:
        return [word.format(inputs=INPUTS, prepared=prepared, jobs=JOBS, root=ROOT)
                for word in self.command]


def _written(directory: pathlib.Path, name: str, text: str) -> None:
    (directory / name).write_text(text, encoding="ascii")


def _sqlite(directory: pathlib.Path) -> None:
    sys.path.insert(0, str(ROOT / "tests" / "programs"))
    try:
        import sqlite as workload  # the test's own script, with more rows
    finally:
        sys.path.pop(0)
    _written(directory, "script.sql", workload.SCRIPT.format(rows=40_000))


def _z3(directory: pathlib.Path) -> None:
    text = subprocess.run([sys.executable, str(INPUTS / "factors.py")], capture_output=True,
                          text=True, check=True).stdout
    _written(directory, "problem.smt2", text)


def _make(directory: pathlib.Path) -> None:
    objects = " ".join(f"unit{i}.o" for i in range(UNITS))
    rules = "".join(f"unit{i}.o:\n\tg++ -std=c++20 -O0 -DUNIT={i} -c -o $@ {INPUTS}/unit.cpp\n"
                    for i in range(UNITS))
    _written(directory, "Makefile", f"all: {objects}\n{rules}")


def _cgo(directory: pathlib.Path) -> None:
    shutil.copy(INPUTS / "cgo.go", directory / "cgo.go")
    done = subprocess.run(["go", "build", "-o", "cgo", "cgo.go"], cwd=directory, text=True,
                          capture_output=True, check=False,
                          env=os.environ | {"CGO_ENABLED": "1", "GO111MODULE": "off",
                                            "GOFLAGS": ""})
    if done.returncode != 0:
        raise RuntimeError(f"go build: {done.stderr.strip()[-300:]}")


PYTHON = {"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}

TASKS = (
    Task("sqlite", (("sqlite3", "sqlite3"),), ("sqlite3", "-batch", "-bail", "trial.db"),
         stdin="script.sql", prepare=_sqlite),
    Task("cpython", (("/usr/bin/python3", "python3"),),
         ("/usr/bin/python3", "{root}/tools/run/workload_cpython.py"), environment=PYTHON,
         answer=lambda output, _: re.search(r'"checksum": (\d+)', output)[1]),
    Task("g++", (("g++", "g++"),),
         ("g++", "-std=c++20", "-O1", "-c", "-o", "unit.o", "{inputs}/unit.cpp"),
         answer=file_digest("unit.o"), binary="cc1plus"),
    Task("make_j", (("g++", "g++"), ("make", "make")),
         ("make", "-s", "-j{jobs}", "-f", "{prepared}/Makefile"), prepare=_make,
         answer=file_digest(*(f"unit{i}.o" for i in range(UNITS))), binary="cc1plus"),
    Task("ghostscript", (("gs", "ghostscript"),),
         ("gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sDEVICE=ppmraw", "-r100",
          "-sOutputFile=page%d.ppm", "{inputs}/page.ps"),
         answer=file_digest(*(f"page{i}.ppm" for i in range(1, 7)))),
    Task("z3", (("z3", "z3"),), ("z3", "{prepared}/problem.smt2"), prepare=_z3),
    Task("lua", (("lua5.4", "lua5.4"),), ("lua5.4", "{inputs}/trees.lua")),
    Task("rocksdb", (("db_bench", "rocksdb-tools"),),
         ("db_bench", "--benchmarks=fillrandom,compact,readrandom,readseq", "--num=60000",
          "--reads=60000", "--value_size=200", "--seed=1", "--threads=1", "--db=db",
          "--compression_type=none", "--stats_interval=0", "--histogram=0"), answer=found_keys),
    Task("cgo", (("go", "golang-go"), ("gcc", "gcc")), ("{prepared}/cgo",), prepare=_cgo),
)
