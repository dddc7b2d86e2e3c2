# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Texts and notebook tables of statistics."""
from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._stats import BinStats, Stats, StatsDelta

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def in_bytes(value: float) -> str:
    """1536 as `1.5 KiB`."""
    size = abs(float(value))
    for unit in _UNITS:
        if size < 1024 or unit == _UNITS[-1]:
            break
        size /= 1024
    sign = "-" if value < 0 else ""
    return f"{sign}{size:.0f} {unit}" if unit == "B" else f"{sign}{size:.1f} {unit}"


_TOTALS = (
    ("allocated", "live regions"),
    ("active", "pages with live or cached regions"),
    ("resident", "upper bound of physical memory"),
    ("mapped", "active, dirty, muzzy and metadata"),
    ("metadata", "descriptors"),
    ("dirty", "unused, still in memory"),
    ("muzzy", "unused, given back lazily"),
    ("retained", "address space without memory"),
    ("cached", "freed regions in magazines"),
)
_BIN_HEAD = ("class", "live", "cached", "runs", "allocated", "waste")


def _bin_rows(bins: Iterable[BinStats]) -> list[tuple[str, ...]]:
    return [(str(b.size), str(b.live), str(b.cached), str(b.runs), in_bytes(b.allocated),
             in_bytes(b.waste)) for b in bins if b.runs or b.live or b.cached]


def text_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns to the right, but for the first."""
    table = [tuple(head), *map(tuple, rows)]
    widths = [max(len(row[k]) for row in table) for k in range(len(head))]
    lines = ("  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in table)
    return "\n".join(line.rstrip() for line in lines)


def html_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(tag: str, cells: Sequence[str]) -> str:
        inner = "".join(f'<{tag} style="text-align:right">{html.escape(cell)}</{tag}>' for cell in cells)
        return f"<tr>{inner}</tr>"

    body = "".join(line("td", row) for row in rows)
    return f"<table><thead>{line('th', head)}</thead><tbody>{body}</tbody></table>"


def stats_text(stats: Stats) -> str:
    lines = [f"granary, epoch {stats.epoch}: {stats.threads} threads in {stats.arena_count} arenas, "
             f"process RSS {in_bytes(stats.rss)}"]
    lines += [f"  {name:<10}{in_bytes(getattr(stats, name)):>11}  {meaning}" for name, meaning in _TOTALS]
    lines.append(f"  {'fragmentation':<10}{stats.fragmentation:>8.1%}  of the active pages is not live")
    rows = _bin_rows(stats.bins)
    if rows:
        lines += ["", text_table(_BIN_HEAD, rows)]
    return "\n".join(lines)


def stats_html(stats: Stats) -> str:
    totals = [(name, in_bytes(getattr(stats, name)), meaning) for name, meaning in _TOTALS]
    totals.append(("fragmentation", f"{stats.fragmentation:.1%}", "share of active pages that is not live"))
    rows = _bin_rows(stats.bins)
    classes = (f"<details><summary>{len(rows)} size classes</summary>{html_table(_BIN_HEAD, rows)}"
               "</details>") if rows else ""
    return (f"<div><b>granary</b>, epoch {stats.epoch}, process RSS {in_bytes(stats.rss)}"
            f"{html_table(('', 'bytes', 'meaning'), totals)}{classes}</div>")


def delta_text(delta: StatsDelta) -> str:
    rates = delta.rates
    rows = [(name, in_bytes(getattr(delta, name)), f"{in_bytes(rates[name])}/s") for name, _ in _TOTALS]
    return f"granary, {delta.seconds:.3f} s\n" + text_table(("", "change", "rate"), rows)


def delta_html(delta: StatsDelta) -> str:
    rates = delta.rates
    rows = [(name, in_bytes(getattr(delta, name)), f"{in_bytes(rates[name])}/s") for name, _ in _TOTALS]
    return f"<div><b>granary</b>, {delta.seconds:.3f} s{html_table(('', 'change', 'rate'), rows)}</div>"
