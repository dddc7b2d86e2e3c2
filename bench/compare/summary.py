# SPDX-License-Identifier: Apache-2.0 OR MIT
"""summary: one allocator (the subject) against the best peer of each row, and against each peer."""

from __future__ import annotations

from report import geometric_mean, median
from rows import ALL, ONE, OVER, Row
from runner import Table

GROUPS = (("all rows", None), ("1 thread", ONE), ("1 thread per CPU", ALL), ("4 per CPU", OVER))
LIMIT = 1.10  # a row above it is named


def peers_of(names: list[str], subject: str) -> list[str]:
    """Everybody else; `granary_eager` is a form of the subject `granary`, not a peer."""
    return [name for name in names if name != subject and not name.startswith(f"{subject}_")]


def row_ratios(table: Table, rows: list[Row], metric: str, subject: str) -> dict[str, dict]:
    """row -> {"best": (ratio, peer), "each": {peer: ratio}}; rows in which the subject ran.

    A peer that failed or that has the figure 0 does not count in its row.
    """
    ratios: dict[str, dict] = {}
    for row in rows:
        cells = table[row.name]
        own = median(cells[subject], metric) if subject in cells else None
        if own is None or own <= 0:
            continue
        theirs = {name: median(cells[name], metric) for name in peers_of(list(cells), subject)}
        theirs = {name: value for name, value in theirs.items() if value is not None and value > 0}
        if theirs:
            best = min(theirs, key=theirs.__getitem__)
            ratios[row.name] = {"best": (own / theirs[best], best),
                                "each": {name: own / value for name, value in theirs.items()}}
    return ratios


def summarise(table: Table, rows: list[Row], metric: str, subject: str) -> dict:
    """For each group of rows: the means against the best peer and against each peer."""
    groups = {}
    for title, form in GROUPS:
        chosen = [row for row in rows if form is None or row.form == form]
        ratios = row_ratios(table, chosen, metric, subject)
        if not ratios:
            continue
        names = peers_of(list(table[chosen[0].name]), subject)
        each = {name: geometric_mean([ratio["each"][name] for ratio in ratios.values()
                                      if name in ratio["each"]]) for name in names}
        groups[title] = {
            "rows": len(ratios),
            "to_best_peer": geometric_mean([ratio["best"][0] for ratio in ratios.values()]),
            "to_each_peer": each,
            "above_limit": sorted(((ratio["best"][0], name, ratio["best"][1])
                                   for name, ratio in ratios.items() if ratio["best"][0] > LIMIT),
                                  reverse=True)}
    return groups


def render(table: Table, rows: list[Row], metric: str, subject: str) -> list[str]:
    """Lines of text; none if the subject or every peer is missing."""
    timed = [row for row in rows if row.timed]
    parts = {"time": summarise(table, timed, metric, subject),
             "peak RSS": summarise(table, rows, "peak", subject)}
    if not any(parts.values()):
        return []
    names = peers_of(list(next(iter(table.values()))), subject)
    widths = [max(len(name), 5) + 2 for name in names]
    lines = ["", f"{subject} divided by the best peer of each row, and by each peer over all rows; "
             "geometric means, below 1 is ahead",
             f"{'':<28}{'rows':>5}{'best':>8}" +
             "".join(f"{name:>{width}}" for name, width in zip(names, widths))]
    for label, groups in parts.items():
        for title, group in groups.items():
            cells = [group["to_each_peer"][name] for name in names]
            lines.append(f"{label + ', ' + title:<28}{group['rows']:>5}{group['to_best_peer']:>8.3f}"
                         + "".join(f"{cell:>{width}.3f}" if cell else f"{'-':>{width}}"
                                   for cell, width in zip(cells, widths)))
    for label, groups in parts.items():
        above = groups.get("all rows", {}).get("above_limit", [])
        text = ", ".join(f"{row} {ratio:.2f} ({peer})" for ratio, row, peer in above)
        lines.append(f"{label}: {len(above)} rows above {LIMIT:.2f} of the best peer"
                     f"{': ' + text if text else ''}")
    return lines
