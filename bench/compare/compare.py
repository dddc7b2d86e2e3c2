#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""compare: every workload under every allocator, interleaved; medians, ratios, memory, faults.

    bench/compare/compare.py --granary build/release
    bench/compare/compare.py --granary build/release --rows 'pairs|churn' --forms one --quick
    bench/compare/compare.py --allocator mimalloc3=/opt/mi/libmimalloc.so --json out.json

Exit status: 0 all rows ran, 1 a row failed or its checksum was wrong, 2 nothing could be measured.
The method, and how figures mislead, is in bench/README.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import re
import sys

import machine
import plots
import report
import summary
from allocators import Allocator, UsageError, collect
from rows import FORMS, Row, expand
from runner import PreloadError, Settings, Table, check_programs, measure, run_once

ROOT = pathlib.Path(__file__).resolve().parents[2]
QUIET_ENOUGH = 0.05  # share of the machine that others may use before the report warns


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--granary", metavar="BUILD", help="granary's build directory or libgranary_malloc.so")
    add("--allocator", action="append", default=[], metavar="NAME=PATH",
        help="one more allocator (repeatable); an empty path is the C library's")
    add("--env", action="append", default=[], metavar="NAME:KEY=VALUE",
        help="environment for one allocator (repeatable)")
    add("--only", metavar="NAMES", help="only these allocators, separated by commas")
    add("--rows", default="", metavar="REGEX", help="only rows whose name matches")
    add("--forms", default="one,all,over", help="thread counts: one, all (CPUs), over (4 per CPU)")
    add("--threads", type=int, default=len(os.sched_getaffinity(0)), help="what `all` means")
    add("--repetitions", type=int, default=9)
    add("--scale", type=float, default=1.0, help="factor on the work of every row")
    add("--seed", type=int, default=1)
    add("--quick", action="store_true", help="3 repetitions at a quarter of the scale")
    add("--metric", choices=("wall", "cpu"), default="wall",
        help="which time the tables show (JSON has both)")
    add("--timeout", type=float, default=120.0, help="seconds for one run")
    add("--subject", default="granary", help="who is compared with each peer and with the best of them")
    add("--reference", default="jemalloc", help="last column: granary divided by this one")
    add("--programs", metavar="DIR", help="where the workload programs are")
    add("--json", metavar="FILE", help="write everything that was measured")
    add("--plots", metavar="DIR", help="draw SVG files there (needs matplotlib)")
    add("--list", action="store_true", help="print the rows and allocators, run nothing")
    return parser.parse_args(argv)


def find_programs(named: str | None) -> pathlib.Path:
    """The newest built set of programs below build/, unless a directory is named."""
    if named is not None:
        return pathlib.Path(named)
    found = [path.parent for path in (ROOT / "build").glob("**/workload/producer_consumer")
             if path.is_file()]
    if not found:
        raise UsageError("no workload programs below build/; build them (cmake -S bench -B "
                         "build/bench-only -G Ninja && ninja -C build/bench-only) or name their "
                         "directory with --programs")
    return max(found, key=lambda path: (path / "producer_consumer").stat().st_mtime)


def choose_rows(options: argparse.Namespace) -> list[Row]:
    forms = options.forms.split(",")
    unknown = [form for form in forms if form not in FORMS]
    if unknown:
        raise UsageError(f"--forms {options.forms}: {', '.join(unknown)} is none of "
                         f"{', '.join(FORMS)}")
    if options.threads < 1 or options.repetitions < 1 or options.scale <= 0:
        raise UsageError("--threads, --repetitions and --scale must be positive")
    try:
        rows = expand(options.threads, forms, options.rows)
    except re.error as error:
        raise UsageError(f"--rows {options.rows}: not a regular expression ({error})") from None
    if not rows:
        raise UsageError(f"--rows {options.rows}: no row matches; --list shows them")
    return rows


def verify_preloads(rows: list[Row], allocators: list[Allocator], settings: Settings) -> None:
    """One tiny run each: an allocator that does not take effect is told at once, not at the end."""
    tiny = dataclasses.replace(settings, scale=0.001)
    for allocator in allocators:
        try:
            run_once(rows[0], allocator, tiny)
        except PreloadError:
            raise
        except RuntimeError:
            pass  # a failure of the workload itself belongs into the table


def result_document(options: argparse.Namespace, rows: list[Row], allocators: list[Allocator],
                    table: Table, quiet: dict) -> dict:
    timed = [row for row in rows if row.timed]
    return {
        "schema": 1,
        "machine": machine.describe() | quiet,
        "settings": {key: getattr(options, key) for key in
                     ("forms", "threads", "repetitions", "scale", "seed", "metric")},
        "allocators": [allocator.describe() for allocator in allocators],
        "geometric_means": {"wall": report.geometric_means(table, timed, "wall"),
                            "cpu": report.geometric_means(table, timed, "cpu"),
                            "peak": report.geometric_means(table, rows, "peak"),
                            "steady": report.geometric_means(table, rows, "steady")},
        "subject": {"name": options.subject, **subject_summary(table, rows, options.subject)},
        "rows": [{**dataclasses.asdict(row),
                  "results": {name: {"failure": cell.failure, "runs": cell.runs,
                                     "median": {metric: report.median(cell, metric)
                                                for metric in report.METRICS}}
                              for name, cell in table[row.name].items()}}
                 for row in rows]}


def subject_summary(table: Table, rows: list[Row], subject: str) -> dict:
    timed = [row for row in rows if row.timed]
    return {metric: summary.summarise(table, timed if metric in ("wall", "cpu") else rows, metric,
                                      subject) for metric in ("wall", "cpu", "peak", "steady")}


def show_progress(line: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)


def compare(options: argparse.Namespace) -> int:
    if options.quick:
        options.repetitions, options.scale = 3, options.scale / 4
    rows = choose_rows(options)
    allocators = collect(options.granary, options.allocator, options.env, options.only)
    if options.list:
        print("\n".join([*(row.name for row in rows),
                         *(f"{a.name} = {a.path or 'the C library'}" for a in allocators)]))
        return 0
    if options.plots:
        plots.library()  # a missing library is told before the measurement, not after it
    settings = Settings(find_programs(options.programs), options.repetitions, options.scale,
                        options.seed, options.timeout)
    check_programs(rows, settings.programs)
    verify_preloads(rows, allocators, settings)

    watch = machine.Watch()
    table, complete = measure(rows, allocators, settings, show_progress)
    show_progress("")
    elapsed, others = watch.elapsed(), watch.others_share()

    described = machine.describe()
    print(f"{described['cpu']}, {described['cpus']} CPUs, Linux {described['kernel']}, "
          f"{described['libc']}; {complete} of {settings.repetitions} repetitions, interleaved, "
          f"scale {settings.scale:g}; {elapsed:.0f} s")
    print(report.render(table, rows, options.metric, options.subject, options.reference))
    for line in summary.render(table, rows, options.metric, options.subject):
        print(line)
    if others is not None and others > QUIET_ENOUGH:
        print(f"WARNING: others used {others:.0%} of the CPUs meanwhile; do not quote these times.")
    quiet = {"others_cpu_share": others, "elapsed_seconds": elapsed,
             "complete_repetitions": complete}
    document = result_document(options, rows, allocators, table, quiet)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(document, indent=1) + "\n")
    if options.plots:
        plots.draw(document, pathlib.Path(options.plots))
    return 1 if report.failures(table) or complete == 0 else 0


def main() -> int:
    try:
        return compare(arguments(sys.argv[1:]))
    except UsageError as error:
        print(f"compare: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
