#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Time and peak RSS of four workloads, with and without granary, interleaved.

    compare.py [--repetitions 9] [--scale 1] [--json out.json]

Needs the package granary, and numpy, in the interpreter that runs it. One repetition runs every workload
in every way, beginning with another way each time; the table shows medians, half the interquartile
range relative to them, and peak RSS as the process itself saw it. The results of a workload must agree.
"""
from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
from typing import Any

import workloads

WAYS = {
    "CPython alone": [],
    "run": ["-m", "granary", "run"],
    "run --python-objects": ["-m", "granary", "run", "--python-objects"],
    "malloc of glibc for objects": [],
}
ENVIRONMENT = {"malloc of glibc for objects": {"PYTHONMALLOC": "malloc"}}
SCRIPT = str(pathlib.Path(__file__).resolve().parent / "workloads.py")


def measure(way: str, workload: str, scale: float) -> dict[str, Any]:
    environment = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "PYTHONMALLOC")}
    environment.update(ENVIRONMENT.get(way, {}), OPENBLAS_NUM_THREADS="1", PYTHONHASHSEED="0")
    done = subprocess.run([sys.executable, *WAYS[way], SCRIPT, workload, str(scale)], env=environment,
                          stdout=subprocess.PIPE, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def row(workload: str, runs: dict[str, list[dict[str, Any]]]) -> str:
    base = statistics.median(run["seconds"] for run in runs["CPython alone"])
    base_rss = statistics.median(run["rss"] for run in runs["CPython alone"])
    cells = []
    for found in runs.values():
        seconds = [run["seconds"] for run in found]
        middle = statistics.median(seconds)
        low, _, high = statistics.quantiles(seconds, n=4)
        rss = statistics.median(run["rss"] for run in found)
        cells.append(f"{middle:.2f} s ±{(high - low) / 2 / middle:.0%} ({middle / base:.2f}), "
                     f"{rss / 2 ** 20:.0f} MiB ({rss / base_rss:.2f})")
    return f"| {workload} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    found: dict[str, dict[str, list[dict[str, Any]]]] = {
        name: {way: [] for way in WAYS} for name in workloads.WORKLOADS}
    ways = list(WAYS)
    for repetition in range(arguments.repetitions):
        for name in workloads.WORKLOADS:
            for k in range(len(ways)):
                way = ways[(repetition + k) % len(ways)]
                found[name][way].append(measure(way, name, arguments.scale))
    for name, runs in found.items():
        results = {run["result"] for each in runs.values() for run in each}
        if len(results) != 1:
            sys.exit(f"{name}: the results differ: {results}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"python": sys.version, "runs": found}, indent=1) + "\n", encoding="utf-8")
    print("| workload | " + " | ".join(ways) + " |\n|---|" + "--:|" * len(ways))
    for name, runs in found.items():
        print(row(name, runs))


if __name__ == "__main__":
    main()
