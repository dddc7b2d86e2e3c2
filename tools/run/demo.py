#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""demo: Redis, CPython and SQLite under the system's malloc and under granary, in one table.

Called by ./run with the build directory. Every repetition runs all allocators, each time in
another order; the table shows medians.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import redis_load
from variants import GRANARY, DemoError, Variant, discover, granary_library

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM_SECONDS = 120.0
STATISTICS_LINES = 40
STATISTICS_FILE = "redis-statistics.txt"

Figures = dict[str, float]
Samples = dict[str, list[Figures]]  # variant name -> one entry for each repetition


def rotated(variants: list[Variant], repetition: int) -> list[Variant]:
    shift = repetition % len(variants)
    return variants[shift:] + variants[:shift]


def say(line: str) -> None:
    print(line, flush=True)


def python_workload(script: str, variant: Variant) -> tuple[Figures, int]:
    environment = variant.environment() | {"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0",
                                           "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run([sys.executable, str(HERE / script)], env=environment, text=True,
                              capture_output=True, timeout=PROGRAM_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise DemoError(f"{script} under {variant.name}: no end after {PROGRAM_SECONDS:g} s") \
            from None
    if done.returncode != 0:
        raise DemoError(f"{script} under {variant.name} ended with {done.returncode}: "
                        f"{done.stderr.strip()[-500:]}")
    answer = json.loads(done.stdout)
    variant.check_origin(script, answer["malloc_from"])
    return {"seconds": answer["seconds"],
            "peak RSS MiB": answer["peak_rss_kib"] / 1024}, answer["checksum"]


def run_script(script: str, variants: list[Variant], repetitions: int) -> Samples:
    samples: Samples = {variant.name: [] for variant in variants}
    checksums: dict[int, str] = {}
    for repetition in range(repetitions):
        for variant in rotated(variants, repetition):
            figures, checksum = python_workload(script, variant)
            samples[variant.name].append(figures)
            checksums[checksum] = variant.name
    if len(checksums) > 1:
        raise DemoError(f"{script}: different results: {checksums}")
    return samples


def run_redis(variants: list[Variant], repetitions: int) -> tuple[Samples, str]:
    samples: Samples = {variant.name: [] for variant in variants}
    granary_output = ""
    for repetition in range(repetitions):
        for variant in rotated(variants, repetition):
            figures, output = redis_load.measure(variant)
            samples[variant.name].append(figures)
            if variant.name == GRANARY:
                granary_output = output
    return samples, granary_output


def table(title: str, samples: Samples, variants: list[Variant]) -> list[str]:
    first, last = variants[0].name, variants[-1].name
    ratio = f"{last}/system" if last == GRANARY else "last/first"
    lines = ["", f"{title:<26}" + "".join(f"{variant.name:>16}" for variant in variants) +
             f"{ratio:>17}"]
    for line in samples[first][0]:
        medians = {name: statistics.median(run[line] for run in runs)
                   for name, runs in samples.items()}
        digits = 0 if line.endswith("/s") else 2 if line.endswith(" s") or line == "seconds" else 1
        lines.append(f"  {line:<24}" +
                     "".join(f"{medians[variant.name]:>16,.{digits}f}" for variant in variants) +
                     f"{medians[last] / medians[first]:>16.2f}x")
    return lines


def granary_statistics(output: str, build: pathlib.Path) -> list[str]:
    """The text that granary printed when the server ended; Redis's own log lines left out."""
    text = [line for line in output.splitlines() if not re.match(r"^\d+:[A-Z] ", line)]
    while text and not text[0].strip():
        text.pop(0)
    if not any("allocated" in line.lower() for line in text):
        raise DemoError("granary printed no statistics at the end of redis-server, although "
                        "GRANARY_CONF=stats_print:true asked for them")
    path = build / STATISTICS_FILE
    path.write_text("\n".join(text) + "\n")
    lines = ["", "granary's own statistics of the last Redis run:", *text[:STATISTICS_LINES]]
    if len(text) > STATISTICS_LINES:
        lines.append(f"… {len(text) - STATISTICS_LINES} more lines in {path}")
    return lines


def version_of(command: str, expression: str) -> str:
    text = subprocess.run([command, "--version"], capture_output=True, text=True,
                          check=False).stdout
    match = re.search(expression, text)
    return match[1] if match else ""


def sqlite_version() -> str:
    try:
        import sqlite3  # not at the top: a Python without it can still show the rest
    except ImportError:
        return ""
    return sqlite3.sqlite_version


def demo(options: argparse.Namespace) -> None:
    build = pathlib.Path(options.build)
    variants = discover(options.library or granary_library(build))
    started = time.monotonic()
    say(f"{os.cpu_count()} CPUs, Linux {platform.release()}, {' '.join(platform.libc_ver())}; "
        f"medians of {options.repetitions}, interleaved.")
    for variant in variants:
        say(f"  {variant.name:<14} {os.path.realpath(variant.library)}")

    sections: list[tuple[str, Callable[[], Samples]]] = [
        (f"CPython {platform.python_version()}",
         lambda: run_script("workload_cpython.py", variants, options.repetitions))]
    if sqlite_version():
        sections.append((f"SQLite {sqlite_version()}",
                         lambda: run_script("workload_sqlite.py", variants, options.repetitions)))
    say("Running Redis …")
    samples, output = run_redis(variants, options.repetitions)
    lines = table(f"Redis {version_of('redis-server', r'v=([0-9.]+)')}", samples, variants)
    for title, measure in sections:
        say(f"Running {title} …")
        lines += table(title, measure(), variants)
    say("\n".join(lines))
    say("\nRedis: redis-benchmark, %d commands, %d requests each, pipelines of %d; CPython and "
        "SQLite: PYTHONMALLOC=malloc." % (len(redis_load.COMMANDS), redis_load.REQUESTS,
                                          redis_load.PIPELINE))
    if variants[-1].name == GRANARY:
        say("\n".join(granary_statistics(output, build)))
    say(f"\nDone in {time.monotonic() - started:.0f} s.")


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/run", help=argparse.SUPPRESS)
    parser.add_argument("--library", help="another library in granary's place")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one repetition")
    options = parser.parse_args()
    if options.quick:
        options.repetitions = 1
    if options.repetitions < 1:
        parser.error("--repetitions must be at least 1")
    try:
        demo(options)
    except DemoError as error:
        print(f"run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("run: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
