# SPDX-License-Identifier: Apache-2.0 OR MIT
"""report: medians, spreads, ratios and geometric means, as text."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable

from rows import Row
from runner import Cell, Table

Metric = Callable[[dict], float]

METRICS: dict[str, Metric] = {
    "wall": lambda run: run["seconds"],
    "cpu": lambda run: run["user_seconds"] + run["system_seconds"],
    "peak": lambda run: float(run["peak_rss_kib"]),
    "steady": lambda run: float(run["steady_rss_kib"]),
    "faults": lambda run: float(run["minor_faults"]),
}


def median(cell: Cell, metric: str) -> float | None:
    """None for a cell that failed or never ran."""
    if cell.failure is not None or not cell.runs:
        return None
    return statistics.median(METRICS[metric](run) for run in cell.runs)


def spread(cell: Cell, metric: str) -> float:
    """Half the distance between the quartiles, relative to the median; 0 below three runs."""
    values = [METRICS[metric](run) for run in cell.runs]
    middle = statistics.median(values)
    if len(values) < 3 or middle <= 0:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / 2 / middle


def geometric_mean(values: list[float]) -> float | None:
    if not values or any(value <= 0 for value in values):
        return None
    return math.exp(sum(math.log(value) for value in values) / len(values))


def ratios_to_best(table: Table, rows: list[Row], metric: str) -> dict[str, dict[str, float]]:
    """row -> allocator -> ratio to the row's smallest median; only rows in which all ran."""
    ratios: dict[str, dict[str, float]] = {}
    for row in rows:
        medians = {name: median(cell, metric) for name, cell in table[row.name].items()}
        if any(value is None or value <= 0 for value in medians.values()):
            continue
        best = min(medians.values())
        ratios[row.name] = {name: value / best for name, value in medians.items()}
    return ratios


def geometric_means(table: Table, rows: list[Row], metric: str) -> dict:
    """For each allocator: the mean of its ratios to the best of each row, and its worst row.

    Two allocators' means divide: all of them are over the same rows.
    """
    ratios = ratios_to_best(table, rows, metric)
    names = list(next(iter(table.values()))) if table else []
    return {"rows": len(ratios),
            "to_best": {name: geometric_mean([row[name] for row in ratios.values()])
                        for name in names},
            "worst_row": {name: max(((row[name], label) for label, row in ratios.items()),
                                    default=None) for name in names}}


def failures(table: Table) -> list[str]:
    return [f"{row}  {name}  {cell.failure}" for row, cells in table.items()
            for name, cell in cells.items() if cell.failure is not None]


class Text:
    """Tables with a column for each allocator and one for subject/reference, as wide as needed."""

    GAP = 2

    def __init__(self, names: list[str], subject: str, reference: str) -> None:
        self.names = names
        self.pair = (subject, reference) if {subject, reference} <= set(names) else None
        self.lines: list[str] = []

    def table(self, title: str, rows: list[tuple[str, dict[str, str], dict]]) -> None:
        """One table: its title, and for each row a label, texts and values by allocator."""
        cells = [["row", *self.names, *(["/".join(self.pair)] if self.pair else [])]]
        for label, texts, values in rows:
            cells.append([label, *(texts[name] for name in self.names)])
            if self.pair:
                over, under = (values[name] for name in self.pair)
                cells[-1].append(f"{over / under:.2f}" if over and under else "-")
        widths = [max(map(len, column)) + self.GAP for column in zip(*cells)]
        self.lines += ["", title]
        self.lines += [line[0].ljust(widths[0]) + "".join(cell.rjust(width) for cell, width in
                                                          zip(line[1:], widths[1:]))
                       for line in cells]


def add_metric(text: Text, table: Table, rows: list[Row], metric: str, title: str,
               unit: float, show_spread: bool) -> None:
    lines = []
    for row in rows:
        cells = table[row.name]
        values = {name: median(cell, metric) for name, cell in cells.items()}
        present = [value for value in values.values() if value is not None]
        best = min(present, default=0.0)
        texts = {}
        for name, cell in cells.items():
            value = values[name]
            if value is None:
                texts[name] = "FAILED" if cell.failure is not None else "-"
                continue
            digits = 1 if value * unit < 1000 and metric != "faults" else 0
            known = show_spread and len(cell.runs) >= 3  # fewer say nothing about spread
            dispersion = f" ±{spread(cell, metric) * 100:.0f}%" if known else ""
            ratio = f" {value / best:.2f}" if best > 0 else ""
            texts[name] = f"{value * unit:.{digits}f}{dispersion}{ratio}"
        lines.append((row.name, texts, values))
    means = geometric_means(table, rows, metric)
    label = f"geometric mean ({means['rows']})"
    lines.append((label, {name: f"{value:.3f}" if value else "-"
                          for name, value in means["to_best"].items()}, means["to_best"]))
    text.table(title, lines)


MEMORY = {"peak": ("Peak RSS: median in MiB, ratio to the best", 1 / 1024),
          "steady": ("RSS at the end of the measured part: median in MiB, ratio to the best",
                     1 / 1024),
          "faults": ("Minor page faults of the process: median, ratio to the best", 1)}


def render(table: Table, rows: list[Row], metric: str, subject: str, reference: str,
           memory: tuple[str, ...] = tuple(MEMORY)) -> str:
    names = list(next(iter(table.values())))
    text = Text(names, subject, reference)
    timed = [row for row in rows if row.timed]
    kind = {"wall": "Wall-clock time", "cpu": "CPU time (user and system)"}[metric]
    if timed:
        add_metric(text, table, timed, metric,
                   f"{kind}: median in ms, ± half the interquartile range, ratio to the best",
                   1000, True)
    for name in memory:
        title, unit = MEMORY[name]
        add_metric(text, table, rows, name, title, unit, False)
    text.lines.append("")
    text.lines += worst_rows(table, timed, metric, subject)
    failed = failures(table)
    if failed:
        text.lines.append(f"FAILED ({len(failed)}); rows with a failure are left out of the "
                          "geometric means:")
        text.lines += [f"  {line}" for line in failed]
    return "\n".join(text.lines)


def worst_rows(table: Table, rows: list[Row], metric: str, subject: str,
               count: int = 5) -> list[str]:
    ratios = [(cells[subject], label)
              for label, cells in ratios_to_best(table, rows, metric).items() if subject in cells]
    if not ratios:
        return []
    worst = ", ".join(f"{label} {ratio:.2f}"
                      for ratio, label in sorted(ratios, reverse=True)[:count])
    return [f"Worst rows of {subject} against the best of each row: {worst}"]
