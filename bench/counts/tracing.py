# SPDX-License-Identifier: Apache-2.0 OR MIT
"""tracing: runs the stepper over the paths of one allocator and makes figures of its counts."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "compare"))

from allocators import Allocator, UsageError  # noqa: E402

NOT_ALLOWED = 77
TIMEOUT = 180  # one in restartable sequences never ends when it is stepped
START_RUNS = 15
HITS = ("malloc_hit", "free_hit")
REFILLS = ("refill_fresh", "refill_holes")


class Endless(RuntimeError):
    """The program did not end in time."""


class TracingRefused(Exception):
    """ptrace is forbidden here; shown without a traceback."""


@dataclasses.dataclass(frozen=True)
class Programs:
    directory: pathlib.Path

    def path(self, name: str) -> str:
        path = self.directory / name
        if not path.is_file():
            raise UsageError(f"no {name} in {self.directory}; build the targets of bench/counts")
        return str(path)


def stepper(programs: Programs, environment: dict[str, str], preload: list[str], cpu: int | None,
            count: str, *command: str) -> dict:
    """What the stepper wrote; its own exit status decides whether that is the whole truth."""
    with tempfile.TemporaryDirectory(prefix="counts-") as directory:
        out = os.path.join(directory, "out.json")
        arguments = [programs.path("stepper"), "--count", count, "--out", out]
        if preload:
            arguments += ["--preload", ":".join(preload)]
        pinned = None if cpu is None else lambda: os.sched_setaffinity(0, {cpu})
        try:
            done = subprocess.run([*arguments, *command], env=environment, capture_output=True,
                                  text=True, timeout=TIMEOUT, check=False, preexec_fn=pinned)
        except subprocess.TimeoutExpired:
            raise Endless(f"{pathlib.Path(command[0]).name}: no end after {TIMEOUT} s") from None
        if done.returncode == NOT_ALLOWED:
            raise TracingRefused(done.stderr.strip())
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip() or f"stepper ended with {done.returncode}")
        return json.loads(pathlib.Path(out).read_text())


def plain_environment(allocator: Allocator) -> dict[str, str]:
    environment = allocator.run_environment()
    environment.pop("LD_PRELOAD", None)
    return environment


def step_figures(allocator: Allocator, document: dict) -> dict:
    """Instructions and atomics of each path, and where the two hit paths went."""
    if not allocator.serves(document["allocator"]):
        raise RuntimeError(f"malloc came from {document['allocator']}; nothing was counted")
    sections = document["sections"]
    figures: dict = {}
    for name, section in sections.items():
        if name == "thread" and allocator.path is None:
            continue  # the C library's own threads and its malloc are one file
        operations = section["operations"]
        mean = section["instructions"] / operations
        figures[name] = float(section["median_call"]) if name in HITS else mean
        figures[f"{name}.atomics"] = section["atomics"] / operations
        if name == "thread":
            figures["thread.system_calls"] = section["system_calls"] / operations
    for name in REFILLS:
        figures[name] -= figures["malloc_hit"]
    figures["paths"] = {name: sections[name]["median_path"] for name in HITS}
    return figures


def steady_figures(document: dict) -> dict[str, float]:
    sections = document["sections"]
    figures = {f"{name}.steady_calls": 1000 * section["system_calls"] / section["operations"]
               for name, section in sections.items()}
    figures["steady_calls"] = float(sum(section["system_calls"] for section in sections.values()))
    return figures


def start_once(programs: Programs, environment: dict[str, str], preload: list[str]) -> dict:
    values = environment | ({"LD_PRELOAD": ":".join(preload)} if preload else {})
    done = subprocess.run([programs.path("start")], env=values, capture_output=True, text=True,
                          timeout=TIMEOUT, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"start ended with {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def start_figures(allocator: Allocator, programs: Programs) -> dict[str, float]:
    """Calls beyond those for an empty library, memory and faults beyond those without any."""
    environment = plain_environment(allocator)
    preload = [allocator.path] if allocator.path else []
    calls = {}
    for name, files in (("with", preload or [programs.path("empty.so")]),
                        ("without", [programs.path("empty.so")])):
        document = stepper(programs, environment, files, None, "all-calls", programs.path("start"))
        calls[name] = document["sections"]["process"]["system_calls"]
    figures = {"start.system_calls": float(calls["with"] - calls["without"])}
    for key, source in (("start.rss_kib", "peak_kib"), ("start.anonymous_kib", "anonymous_kib"),
                        ("start.faults", "faults"), ("start.file_kib", "preloaded_kib")):
        with_it, without = (statistics.median(start_once(programs, environment, files)[source]
                                              for _ in range(START_RUNS))
                            for files in (preload, []))
        figures[key] = float(with_it - without)
    return figures


def measure(allocator: Allocator, programs: Programs, cpu: int | None) -> dict:
    """All figures of one allocator."""
    environment = plain_environment(allocator)
    preload = [allocator.path] if allocator.path else []
    try:
        stepped = stepper(programs, environment, [*preload, programs.path("slow_clock.so")], cpu,
                          "steps", programs.path("paths"), "short")
        figures = step_figures(allocator, stepped)
    except Endless as reason:
        # A restartable sequence begins again after every step. What is left can be counted.
        figures = {"note": f"not stepped: {reason}"}
    steady = stepper(programs, environment, preload, None, "calls", programs.path("paths"), "long")
    return figures | steady_figures(steady) | start_figures(allocator, programs)
