# SPDX-License-Identifier: Apache-2.0 OR MIT
"""rows: what is measured. A row is one workload program with its arguments and thread count."""

from __future__ import annotations

import dataclasses
import re

ONE, ALL, OVER = "one", "all", "over"
FORMS = (ONE, ALL, OVER)
OVERSUBSCRIPTION = 4  # threads per CPU in the form `over`


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    program: str
    arguments: tuple[str, ...]
    threads: int
    scale: float
    timed: bool  # False: only its memory counts
    form: str = ONE

    def command_arguments(self, scale: float, seed: int) -> list[str]:
        return [*self.arguments, "--threads", str(self.threads),
                "--scale", f"{self.scale * scale:g}", "--seed", str(seed)]


@dataclasses.dataclass(frozen=True)
class Pattern:
    """A workload before its thread count is chosen."""
    name: str
    program: str
    arguments: tuple[str, ...] = ()
    forms: tuple[str, ...] = FORMS
    minimum_threads: int = 1
    timed: bool = True


def _size(size: int) -> tuple[str, ...]:
    return ("--size", str(size))


def _mode(mode: str) -> tuple[str, ...]:
    return ("--mode", mode)


PATTERNS = (
    *(Pattern(f"pairs_{size}", "pairs", _size(size))
      for size in (16, 64, 256, 1024, 4096, 16384)),
    Pattern("pairs_100k", "pairs", _size(100 * 1024)),
    Pattern("pairs_1m", "pairs", _size(1024 * 1024)),
    *(Pattern(f"tiny_{mode}", "tiny", _mode(mode)) for mode in ("bignum", "cover", "lists")),
    *(Pattern(f"bulk_{mode}", "bulk", _mode(mode)) for mode in ("fifo", "lifo", "random", "cycle", "foreign")),
    Pattern("larson", "larson"),
    Pattern("producer_consumer", "producer_consumer", forms=(ALL, OVER), minimum_threads=2),
    *(Pattern(f"churn_{mode}", "churn", _mode(mode)) for mode in ("mixed", "compact", "skewed")),
    Pattern("large_blocks", "large_blocks"),
    *(Pattern(f"realloc_{mode}", "realloc_growth", _mode(mode))
      for mode in ("geometric", "steps", "many")),
    Pattern("calloc_mixed", "calloc_mixed", _mode("own")),
    Pattern("calloc_handover", "calloc_mixed", _mode("handover")),
    Pattern("thread_birth", "thread_birth"),
    Pattern("fragmentation", "fragmentation"),
    Pattern("cross_thread", "cross_thread"),
    *(Pattern(f"false_sharing_{mode}", "false_sharing", _mode(mode), forms=(ALL, OVER),
              minimum_threads=2) for mode in ("active", "passive")),
    *(Pattern(f"phases_{mode}", "phases", _mode(mode)) for mode in ("growth", "change")),
    Pattern("phases_shrink", "phases", _mode("shrink"), timed=False),
    Pattern("first_malloc", "footprint", _mode("first"), forms=(ONE,), timed=False),
    Pattern("idle_threads", "footprint", _mode("idle"), forms=(ONE,), timed=False),
    Pattern("give_back", "footprint", _mode("give_back"), forms=(ONE,), timed=False),
)


def expand(cpus: int, forms: list[str], expression: str) -> list[Row]:
    """The rows whose name (pattern/threads) contains a match of the expression, in order."""
    matcher = re.compile(expression)
    rows: list[Row] = []
    for pattern in PATTERNS:
        for form in forms:
            if form not in pattern.forms:
                continue
            threads = {ONE: 1, ALL: cpus, OVER: OVERSUBSCRIPTION * cpus}[form]
            threads = max(threads, pattern.minimum_threads)
            # Work is per thread: oversubscribed rows get less each, to take about as long.
            scale = 1 / OVERSUBSCRIPTION if form == OVER else 1.0
            row = Row(f"{pattern.name}/{threads}", pattern.program, pattern.arguments, threads,
                      scale, pattern.timed, form)
            if matcher.search(row.name) and all(row.name != other.name for other in rows):
                rows.append(row)
    return rows
