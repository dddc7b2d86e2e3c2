# SPDX-License-Identifier: Apache-2.0 OR MIT
"""runner: runs rows under allocators, interleaved, and never loses a failure."""

from __future__ import annotations

import collections
import dataclasses
import json
import pathlib
import signal
import subprocess
from collections.abc import Callable

from allocators import Allocator, UsageError
from rows import Row

NEEDED = ("seconds", "user_seconds", "system_seconds", "peak_rss_kib", "steady_rss_kib",
          "minor_faults", "checksum", "operations", "malloc_from", "free_from")


@dataclasses.dataclass
class Cell:
    """All runs of one row under one allocator."""
    runs: list[dict] = dataclasses.field(default_factory=list)
    failure: str | None = None


# Rows whose peak is above this have memory warmed for them before every run (warm.c).
WARM_FROM_KIB = 24 * 1024

# A row that is not timed says the same every time: it takes part in every third repetition.
UNTIMED_EVERY = 3

Table = dict[str, dict[str, Cell]]  # row name -> allocator name -> cell


@dataclasses.dataclass(frozen=True)
class Settings:
    programs: pathlib.Path
    repetitions: int
    scale: float
    seed: int
    timeout: float


class PreloadError(UsageError):
    """The allocator under test was not the one that served the program."""


def explain_exit(code: int, stderr: str) -> str:
    lines = stderr.strip().splitlines()
    detail = f": {lines[-1]}" if lines else ""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}{detail}"
    return f"exit status {code}{detail}"


def run_once(row: Row, allocator: Allocator, settings: Settings) -> dict:
    """One run. Returns the program's figures; raises RuntimeError with the reason if it failed."""
    command = [str(settings.programs / row.program),
               *row.command_arguments(settings.scale, settings.seed)]
    try:
        done = subprocess.run(command, env=allocator.run_environment(), capture_output=True,
                              text=True, timeout=settings.timeout, check=False)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"no end after {settings.timeout:g} s") from None
    if "cannot be preloaded" in done.stderr:
        raise PreloadError(f"{allocator.name}: {done.stderr.strip().splitlines()[-1]}")
    if done.returncode != 0:
        raise RuntimeError(explain_exit(done.returncode, done.stderr))
    try:
        figures = json.loads(done.stdout)
        missing = [key for key in NEEDED if key not in figures]
    except json.JSONDecodeError:
        raise RuntimeError(f"output is not a line of JSON: {done.stdout[:80]!r}") from None
    if missing:
        raise RuntimeError(f"output lacks {', '.join(missing)}")
    for function in ("malloc", "free"):
        origin = figures[f"{function}_from"]
        if not allocator.serves(origin):
            raise PreloadError(
                f"{allocator.name}: {function} came from {origin or 'nowhere'}, not from "
                f"{allocator.path or 'the C library'}; nothing was measured")
    return figures


def warm(kib: int, programs: pathlib.Path) -> None:
    """Makes the host back as much of this machine's free memory."""
    subprocess.run([str(programs / "warm"), str(kib // 1024 + 1)], check=True)


def check_programs(rows: list[Row], programs: pathlib.Path) -> None:
    missing = sorted(program for program in {"warm", *(row.program for row in rows)}
                     if not (programs / program).is_file())
    if missing:
        raise UsageError(f"no workload programs {', '.join(missing)} in {programs}; build them: "
                         "cmake -S bench -B build/bench-only -G Ninja && ninja -C build/bench-only")


def measure(rows: list[Row], allocators: list[Allocator], settings: Settings,
            progress: Callable[[str], None]) -> tuple[Table, int]:
    """The workload programs' rows, by measure_with, on warmed memory."""
    peaks: dict[str, int] = {}

    def run(row: Row, allocator: Allocator) -> dict:
        peak = peaks.get(row.name, 0)
        if peak > WARM_FROM_KIB:
            warm(peak, settings.programs)
        figures = run_once(row, allocator, settings)
        peaks[row.name] = max(peak, figures["peak_rss_kib"])
        return figures

    return measure_with(run, rows, allocators, settings.repetitions, progress)


def measure_with(run: Callable[[Row, Allocator], dict], rows: list[Row],
                 allocators: list[Allocator], repetitions: int,
                 progress: Callable[[str], None]) -> tuple[Table, int]:
    """Repetition by repetition, row by row, allocator by allocator, beginning with another
    allocator each time: what disturbs the machine for a while disturbs all of them.

    Returns the table and the number of complete repetitions; an interrupt (Ctrl-C) ends early
    and keeps what there is. A cell that failed is not run again.
    """
    table: Table = {row.name: {a.name: Cell() for a in allocators} for row in rows}
    complete = 0
    try:
        for repetition in range(repetitions):
            for number, row in enumerate(rows):
                if not row.timed and repetition % UNTIMED_EVERY != 0:
                    continue
                shift = (repetition + number) % len(allocators)
                for allocator in allocators[shift:] + allocators[:shift]:
                    cell = table[row.name][allocator.name]
                    if cell.failure is not None:
                        continue
                    progress(f"{repetition + 1}/{repetitions} {row.name} {allocator.name}")
                    try:
                        cell.runs.append(run(row, allocator))
                    except RuntimeError as reason:
                        cell.failure = f"run {repetition + 1}: {reason}"
            complete += 1
    except KeyboardInterrupt:
        progress("interrupted")
    fail_wrong_checksums(table)
    return table, complete


def fail_wrong_checksums(table: Table) -> None:
    """The checksum follows from the arguments alone; who differs from most runs is wrong."""
    for cells in table.values():
        votes = collections.Counter(run["checksum"] for cell in cells.values() for run in cell.runs)
        if len(votes) < 2:
            continue
        expected = votes.most_common(1)[0][0]
        for cell in cells.values():
            wrong = [run["checksum"] for run in cell.runs if run["checksum"] != expected]
            if wrong and cell.failure is None:
                cell.failure = f"checksum {wrong[0]}, expected {expected} as in most runs"
