#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""counts: instructions, atomic instructions and system calls of each path, for every allocator.

    bench/counts/counts.py --granary build/bench
    bench/counts/counts.py --granary build/bench --allocator mimalloc3=/opt/mi/libmimalloc.so
    bench/counts/counts.py --granary build/bench --only granary --check bench/counts/bounds.txt

Instructions inside the allocator, by single steps: they do not depend on how busy the machine is.
Exit status: 0, 1 a bound was exceeded or an allocator failed, 2 usage, 77 tracing is not allowed.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "compare"))

import disassembly  # noqa: E402
from allocators import UsageError, collect  # noqa: E402
from tracing import REFILLS, Programs, TracingRefused, measure  # noqa: E402

# name, what it is; the figure is instructions for each operation
PATHS = (
    ("malloc_hit", "malloc(64), hit"),
    ("free_hit", "free of it, hit"),
    ("pair_64", "malloc(64) and free in turn"),
    ("fifo_1000", "1000 of 64 B, first in first out: pair"),
    ("lifo_1000", "1000 of 64 B, last in first out: pair"),
    ("remote_1000", "malloc here, free there: both sides"),
    ("refill_fresh", "refill from new memory, for each region"),
    ("refill_holes", "refill from holes, for each region"),
    ("pair_2k", "2 KiB pair"),
    ("pair_8k", "8 KiB pair"),
    ("pair_32k", "32 KiB pair"),
    ("pair_100k", "100 KiB pair"),
    ("pair_1m", "1 MiB pair"),
    ("pair_20m", "20 MiB pair"),
    ("calloc_64", "calloc(64) and free"),
    ("aligned_64", "aligned_alloc(64, 64) and free"),
    ("realloc_in_place", "realloc within the class"),
    ("usable_size", "malloc_usable_size"),
    ("new_delete", "operator new and sized delete"),
    ("thread", "thread start and exit, idle arena"),
)
STEADY = tuple(path for path in PATHS[2:] if path[0] not in ("thread", *REFILLS))
START = (("thread.system_calls", "thread start and exit: system calls by the allocator"),
         ("start.system_calls", "process start: system calls"),
         ("start.rss_kib", "process start: RSS above the C library, KiB"),
         ("start.anonymous_kib", "process start: the anonymous part of that, KiB"),
         ("start.faults", "process start: page faults above it"),
         ("start.file_kib", "process start: resident part of the allocator's file, KiB"))
Figures = dict[str, float]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--granary", metavar="BUILD", help="granary's build directory or libgranary_malloc.so")
    add("--allocator", action="append", default=[], metavar="NAME=PATH")
    add("--env", action="append", default=[], metavar="NAME:KEY=VALUE")
    add("--only", metavar="NAMES", help="only these allocators, separated by commas")
    add("--programs", metavar="DIR", help="where stepper and paths are built")
    add("--check", metavar="FILE", help="compare granary with the bounds in the file")
    add("--json", metavar="FILE", help="write all figures")
    return parser.parse_args()


def find_programs(named: str | None) -> Programs:
    if named is not None:
        return Programs(pathlib.Path(named))
    found = [path.parent for path in (HERE.parents[1] / "build").glob("**/counts/stepper")]
    if not found:
        raise UsageError("no stepper below build/; build the target counts_stepper and its "
                         "neighbours, or name their directory with --programs")
    return Programs(max(found, key=lambda path: (path / "stepper").stat().st_mtime))


def cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}" if value >= 99.95 else f"{value:.1f}"


def table(title: str, rows: tuple, results: dict[str, Figures], key: str) -> list[str]:
    lines = ["", title, f"{'':<44}" + "".join(f"{name:>14}" for name in results)]
    for name, label in rows:
        lines.append(f"{label:<44}" + "".join(f"{cell(figures.get(key.format(name))):>14}"
                                              for figures in results.values()))
    return lines


def read_bounds(path: str) -> dict[str, tuple[float, float]]:
    """figure -> bound, and the target of the design."""
    bounds = {}
    for number, line in enumerate(pathlib.Path(path).read_text().splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            name, bound, target = words
            bounds[name] = (float(bound), float(target))
        except ValueError:
            raise UsageError(f"{path}:{number}: expected figure, bound, target") from None
    return bounds


def check(figures: Figures, bounds: dict[str, tuple[float, float]]) -> list[str]:
    """What is above its bound, and what has a bound but no figure."""
    complaints = [f"{name}: no such figure" for name in bounds if name not in figures]
    complaints += [f"{name}: {figures[name]:.2f}, the bound is {bound:g}"
                   for name, (bound, _) in bounds.items()
                   if name in figures and figures[name] > bound + 0.005]
    return complaints


def report_check(figures: Figures, bounds: dict[str, tuple[float, float]]) -> int:
    print(f"\n{'granary against its bounds':<40}{'now':>10}{'bound':>10}{'target':>10}")
    for name, (bound, target) in bounds.items():
        mark = "" if figures.get(name, 0) <= target else "  above the target"
        print(f"{name:<40}{cell(figures.get(name)):>10}{bound:>10g}{target:>10g}{mark}")
    complaints = check(figures, bounds)
    print("\n".join(complaints) or "all within their bounds")
    return 1 if complaints else 0


def measure_all(allocators: list, programs: Programs) -> tuple[dict[str, Figures], list[str]]:
    results: dict[str, Figures] = {}
    failed = []
    cpus = sorted(os.sched_getaffinity(0))
    with concurrent.futures.ThreadPoolExecutor(len(cpus)) as pool:
        started = {allocator.name: pool.submit(measure, allocator, programs,
                                               cpus[number % len(cpus)])
                   for number, allocator in enumerate(allocators)}
        for name, figures in started.items():
            try:
                results[name] = figures.result()
            except RuntimeError as reason:
                failed.append(f"{name}: {reason}")
    return results, failed


def run(options: argparse.Namespace) -> int:
    allocators = collect(options.granary, options.allocator, options.env, options.only)
    programs = find_programs(options.programs)
    results, failed = measure_all(allocators, programs)
    lines = table("Instructions inside the allocator, for each operation", PATHS, results, "{}")
    lines += table("Atomic instructions, for each operation", PATHS, results, "{}.atomics")
    lines += table("System calls in the steady state, for each 1000 operations", STEADY, results,
                   "{}.steady_calls")
    lines += table("Threads, and process start beyond that of a program without a preloaded library",
                   START, results, "{}")
    print("\n".join(lines))
    status = 0
    for line in failed:
        print(f"FAILED  {line}")
        status = 1
    granary = next((a for a in allocators if a.name == "granary"), None)
    for name, figures in results.items():
        if "note" in figures:
            print(f"{name}: {figures['note']}")
    if granary is not None and "granary" in results:
        for line in disassembly.check(granary.path, results["granary"].get("paths", {})):
            print(f"hit path: {line}")
            status = 1
        if options.check:
            status |= report_check(results["granary"], read_bounds(options.check))
    for figures in results.values():
        figures.pop("paths", None)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results, indent=1) + "\n")
    return status


def main() -> int:
    try:
        return run(arguments())
    except (UsageError, OSError) as error:
        print(f"counts: {error}", file=sys.stderr)
        return 2
    except TracingRefused as reason:
        print(f"counts: {reason}", file=sys.stderr)
        return 77


if __name__ == "__main__":
    sys.exit(main())
