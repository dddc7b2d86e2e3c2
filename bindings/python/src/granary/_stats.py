# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Statistics of one moment, as frozen dataclasses."""
from __future__ import annotations

import dataclasses
import os
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Optional

from . import _format, native
from ._control import ctl
from .errors import GranaryError, OutOfMemoryError, raise_control

__all__ = ["ArenaStats", "BinStats", "LargeStats", "Stats", "StatsDelta", "Totals", "arena_stats",
           "metrics_text", "report", "stats"]

_ALL_ARENAS = 4096
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TRIES = 20
# One reader of this package at a time, so that they do not end each other's epochs.
_reading = threading.Lock()


@dataclass(frozen=True)
class BinStats:
    """A small size class, over all arenas. In a difference all but the class's geometry are changes."""

    size: int
    regions_per_run: int
    run_bytes: int
    live: int
    cached: int
    runs: int
    nonfull_runs: int
    taken: int  # regions taken out of runs, since the start
    given: int  # regions given back to runs
    fills: int
    flushes: int

    @property
    def allocated(self) -> int:
        return self.live * self.size

    @property
    def waste(self) -> int:
        """Bytes of runs in which nothing lives."""
        return (self.runs * self.regions_per_run - self.live) * self.size

    def __sub__(self, earlier: BinStats) -> BinStats:
        if self.size != earlier.size:
            raise ValueError(f"classes {self.size} and {earlier.size} cannot be compared")
        geometry = {"size", "regions_per_run", "run_bytes"}
        return BinStats(**{f.name: getattr(self, f.name) - (0 if f.name in geometry else
                                                            getattr(earlier, f.name))
                           for f in dataclasses.fields(self)})


@dataclass(frozen=True)
class LargeStats:
    """A class of large regions and huge blocks that has been used."""

    size: int
    live: int
    made: int
    freed: int


@dataclass(frozen=True)
class ArenaStats:
    """One arena; bytes unless said otherwise."""

    index: int
    name: str
    threads: int
    small_allocated: int
    large_allocated: int
    active: int
    dirty: int
    muzzy: int
    mapped: int
    resident: int
    cached: int
    dirty_purged: int
    muzzy_purged: int

    @property
    def allocated(self) -> int:
        return self.small_allocated + self.large_allocated


@dataclass(frozen=True)
class Totals:
    """Bytes of the whole process unless said otherwise, as in granary.h."""

    allocated: int
    small_allocated: int
    large_allocated: int
    huge_allocated: int
    active: int
    resident: int
    mapped: int
    metadata: int
    dirty: int
    muzzy: int
    retained: int
    cached: int
    thread_cached: int
    run_bytes: int
    dirty_purged: int
    muzzy_purged: int
    large_live: int
    huge_live: int
    arena_count: int  # with those that were destroyed
    threads: int
    rss: int  # of the process, everything in it


@dataclass(frozen=True)
class StatsDelta(Totals):
    """What changed between two statistics."""

    seconds: float
    bins: tuple[BinStats, ...] = field(repr=False)

    @property
    def rates(self) -> dict[str, float]:
        """Changes per second, by name."""
        span = self.seconds or float("nan")
        return {f.name: getattr(self, f.name) / span for f in dataclasses.fields(Totals)}

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        return _format.delta_text(self)

    def _repr_html_(self) -> str:
        return _format.delta_html(self)


@dataclass(frozen=True)
class Stats(Totals):
    """Everything of one epoch. `later - earlier` is a StatsDelta; `list(s.bins)` makes table rows."""

    epoch: int
    time: float  # of time.time()
    monotonic: float  # of time.monotonic()
    bins: tuple[BinStats, ...] = field(repr=False)
    larges: tuple[LargeStats, ...] = field(repr=False)
    arenas: tuple[ArenaStats, ...] = field(repr=False)

    @property
    def fragmentation(self) -> float:
        """The share of active pages that no live region uses, 0 to 1."""
        return 1 - self.allocated / self.active if self.active else 0.0

    @property
    def waste(self) -> int:
        """Bytes of runs in which nothing lives, over all classes."""
        return sum(b.waste for b in self.bins)

    def __sub__(self, earlier: Stats) -> StatsDelta:
        changes = {f.name: getattr(self, f.name) - getattr(earlier, f.name)
                   for f in dataclasses.fields(Totals)}
        return StatsDelta(**changes, seconds=self.monotonic - earlier.monotonic,
                          bins=tuple(a - b for a, b in zip(self.bins, earlier.bins)))

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, texts, lists and dicts, as json wants them."""
        return {**dataclasses.asdict(self), "fragmentation": self.fragmentation, "waste": self.waste}

    def __str__(self) -> str:
        return _format.stats_text(self)

    def _repr_html_(self) -> str:
        return _format.stats_html(self)


def stats(detail: bool = True) -> Stats:
    """Takes the statistics. Without `detail` there are no bins, larges and arenas: some microseconds."""
    with _reading:
        for _ in range(_TRIES):
            now, clock = time.time(), time.monotonic()
            raw = native.stats_v1()
            raise_control("stats", native.stats_v1_read(raw), "read")
            parts = _read_parts() if detail else ((), (), ())
            if not detail or ctl["epoch"] == raw.epoch:
                break
        else:
            raise GranaryError("others refreshed the statistics each time while they were read")
    totals = {f.name: getattr(raw, "arenas" if f.name == "arena_count" else f.name)
              for f in dataclasses.fields(Totals) if f.name != "rss"}
    bins, larges, arenas = parts
    return Stats(**totals, rss=_process_rss(), epoch=raw.epoch, time=now, monotonic=clock, bins=bins,
                 larges=larges, arenas=arenas)


def arena_stats(index: int) -> ArenaStats:
    """One arena, of a fresh epoch."""
    with _reading:
        ctl.refresh()
        return _read_arena(index)


def report(options: Optional[str] = None) -> str:
    """The whole report as text; `options` are letters, see granary_malloc_stats_print()."""
    text = native.stats_text(options)
    if text is None:
        raise OutOfMemoryError("no memory for the report")
    return text


def metrics_text() -> str:
    """All figures in the OpenMetrics text format, for a scraper."""
    text = native.metrics_text()
    if text is None:
        raise OutOfMemoryError("no memory for the metrics")
    return text


def _process_rss() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * _PAGE


def _read(name: str, width: int = 8) -> int:
    code, value = native.ctl_read(name, width)
    raise_control(name, code, "read")
    return value


def _read_parts() -> tuple[tuple[BinStats, ...], tuple[LargeStats, ...], tuple[ArenaStats, ...]]:
    bins = tuple(_read_bin(j) for j in range(_read("arenas.nbins", 4)))
    larges = []
    for j in range(_read("arenas.nlextents", 4)):
        prefix = f"stats.arenas.{_ALL_ARENAS}.lextents.{j}."
        made = _read(prefix + "nmalloc")
        if made:
            larges.append(LargeStats(_read(f"arenas.lextent.{j}.size"), _read(prefix + "curlextents"),
                                     made, _read(prefix + "ndalloc")))
    arenas = tuple(_read_arena(i) for i in range(_read("arenas.narenas", 4))
                   if _read(f"arena.{i}.initialized", 1))
    return bins, tuple(larges), arenas


def _read_bin(j: int) -> BinStats:
    fixed, counted = f"arenas.bin.{j}.", f"stats.arenas.{_ALL_ARENAS}.bins.{j}."
    return BinStats(
        size=_read(fixed + "size"), regions_per_run=_read(fixed + "nregs", 4),
        run_bytes=_read(fixed + "slab_size"), live=_read(counted + "curregs"),
        cached=_read(counted + "cached"), runs=_read(counted + "curslabs"),
        nonfull_runs=_read(counted + "nonfull_slabs"), taken=_read(counted + "nmalloc"),
        given=_read(counted + "ndalloc"), fills=_read(counted + "nfills"),
        flushes=_read(counted + "nflushes"))


def _read_arena(index: int) -> ArenaStats:
    prefix = f"stats.arenas.{index}."
    page = _read("arenas.page")
    return ArenaStats(
        index=index, name=str(ctl[f"arena.{index}.name"]), threads=_read(prefix + "nthreads", 4),
        small_allocated=_read(prefix + "small.allocated"),
        large_allocated=_read(prefix + "large.allocated"), active=_read(prefix + "pactive") * page,
        dirty=_read(prefix + "pdirty") * page, muzzy=_read(prefix + "pmuzzy") * page,
        mapped=_read(prefix + "mapped"), resident=_read(prefix + "resident"),
        cached=_read(prefix + "tcache_bytes") + _read(prefix + "parked_bytes"),
        dirty_purged=_read(prefix + "dirty_purged") * page,
        muzzy_purged=_read(prefix + "muzzy_purged") * page)
