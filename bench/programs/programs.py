#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""programs: real programs under every allocator, interleaved; time, CPU time, peak memory, faults.

    bench/programs/programs.py --granary build/bench
    bench/programs/programs.py --granary build/bench --rows 'redis|lua' --repetitions 3

Each answer has to be the same under all allocators. A program that is not installed is named with
its Debian package, and its row is left out. Time is that of all its processes together; peak memory
that of the largest one. Exit status as of compare.py.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "compare"))

import machine  # noqa: E402
import report  # noqa: E402
import summary  # noqa: E402
from allocators import Allocator, UsageError, collect  # noqa: E402
from catalogue import TASKS, Task  # noqa: E402
from redis import REDIS_TASKS, RedisTask, run_redis  # noqa: E402
from rows import Row  # noqa: E402
from runner import Table, measure_with  # noqa: E402
from starting import Launcher  # noqa: E402

ROOT = HERE.parents[1]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--granary", metavar="BUILD", help="granary's build directory or libgranary_malloc.so")
    add("--allocator", action="append", default=[], metavar="NAME=PATH")
    add("--env", action="append", default=[], metavar="NAME:KEY=VALUE")
    add("--only", metavar="NAMES", help="only these allocators, separated by commas")
    add("--rows", default="", metavar="REGEX", help="only programs whose name matches")
    add("--repetitions", type=int, default=9)
    add("--metric", choices=("wall", "cpu"), default="wall")
    add("--subject", default="granary")
    add("--reference", default="glibc", help="last column: granary divided by this one")
    add("--timeout", type=float, default=300.0, help="seconds for one run")
    add("--launch", metavar="FILE", help="the built launcher")
    add("--json", metavar="FILE", help="write everything that was measured")
    add("--list", action="store_true", help="print the programs and allocators, run nothing")
    return parser.parse_args()


def find_launcher(named: str | None) -> pathlib.Path:
    if named is not None:
        return pathlib.Path(named)
    found = list((ROOT / "build").glob("**/programs/launch"))
    if not found:
        raise UsageError("no launcher below build/; build the target bench_launch, or name the file "
                         "with --launch")
    return max(found, key=lambda path: path.stat().st_mtime)


def choose(expression: str) -> tuple[list[Task | RedisTask], list[str]]:
    """The tasks that can run, and a line for each one that cannot."""
    chosen, skipped = [], []
    for task in (*REDIS_TASKS, *TASKS):
        if not re.search(expression, task.name):
            continue
        missing = task.missing()
        if missing:
            skipped.append(f"{task.name}: left out; apt-get install {' '.join(missing)}")
        else:
            chosen.append(task)
    return chosen, skipped


def prepare(tasks: list, directory: pathlib.Path, skipped: list[str]) -> list:
    ready = []
    for task in tasks:
        prepared = directory / task.name
        prepared.mkdir()
        try:
            if task.prepare is not None:
                task.prepare(prepared)
            ready.append(task)
        except RuntimeError as reason:
            skipped.append(f"{task.name}: left out; {reason}")
    return ready


def run_all(options: argparse.Namespace, tasks: list, allocators: list[Allocator],
            directory: pathlib.Path) -> tuple[Table, int]:
    launcher = Launcher(find_launcher(options.launch), options.timeout, directory)
    by_name = {task.name: task for task in tasks}

    def run_once(row: Row, allocator: Allocator) -> dict:
        task = by_name[row.name]
        if isinstance(task, RedisTask):
            return run_redis(task, allocator)
        return launcher.run(task, allocator)

    def progress(line: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)

    rows = [Row(task.name, task.name, (), 1, 1.0, True) for task in tasks]
    result = measure_with(run_once, rows, allocators, options.repetitions, progress)
    progress("")
    return result


def document(options: argparse.Namespace, table: Table, allocators: list[Allocator],
             quiet: dict, skipped: list[str]) -> dict:
    return {"schema": 1, "machine": machine.describe() | quiet, "skipped": skipped,
            "settings": {"repetitions": options.repetitions, "metric": options.metric},
            "allocators": [allocator.describe() for allocator in allocators],
            "rows": [{"name": name,
                      "results": {who: {"failure": cell.failure, "runs": cell.runs,
                                        "median": {metric: report.median(cell, metric)
                                                   for metric in ("wall", "cpu", "peak", "faults")}}
                                  for who, cell in cells.items()}}
                     for name, cells in table.items()]}


def programs(options: argparse.Namespace) -> int:
    allocators = collect(options.granary, options.allocator, options.env, options.only)
    tasks, skipped = choose(options.rows)
    if options.list:
        print("\n".join([*(task.name for task in tasks), *skipped,
                         *(f"{a.name} = {a.path or 'the C library'}" for a in allocators)]))
        return 0
    if options.repetitions < 1:
        raise UsageError("--repetitions must be positive")
    with tempfile.TemporaryDirectory(prefix="programs-") as name:
        directory = pathlib.Path(name)
        tasks = prepare(tasks, directory, skipped)
        if not tasks:
            raise UsageError("no program can run: " + ("; ".join(skipped) or "no row matches"))
        watch = machine.Watch()
        table, complete = run_all(options, tasks, allocators, directory)
    quiet = {"others_cpu_share": watch.others_share(), "elapsed_seconds": watch.elapsed(),
             "complete_repetitions": complete}
    described = machine.describe()
    print(f"{described['cpu']}, {described['cpus']} CPUs, Linux {described['kernel']}, "
          f"{described['libc']}; {complete} of {options.repetitions} repetitions, interleaved")
    rows = [Row(task.name, task.name, (), 1, 1.0, True) for task in tasks]
    print(report.render(table, rows, options.metric, options.subject, options.reference,
                        memory=("peak", "faults")))
    print("\n".join(summary.render(table, rows, options.metric, options.subject)))
    for line in skipped:
        print(line)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(
            document(options, table, allocators, quiet, skipped), indent=1) + "\n")
    return 1 if report.failures(table) or complete == 0 else 0


def main() -> int:
    try:
        return programs(arguments())
    except UsageError as error:
        print(f"programs: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
