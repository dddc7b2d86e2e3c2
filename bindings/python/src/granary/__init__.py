# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The memory allocator granary, seen and steered from Python.

    granary.stats()               statistics of one moment; later - earlier gives changes and rates
    granary.ctl["arenas.page"]    the control tree as a mapping
    granary.purge()               gives unused memory back to the system
    granary.arena("cache")        memory of one's own, ended together
    granary.metrics_text()        OpenMetrics
    granary.Recorder()            samples in the background; granary.plots draws them
    granary.python, granary.numpy CPython's and numpy's memory from granary
    python -m granary run app.py  a whole program on granary

Importing changes nothing in the process but that the library is there.
"""
from __future__ import annotations

from ._library import include_path, is_process_malloc, library_path  # first: the others need the names it loads
from ._arena import Arena, arena, purge
from ._control import Control, Node, ctl
from ._heap_map import HeapMap, HeapSpan, heap_map
from ._recorder import Recorder
from ._stats import ArenaStats, BinStats, LargeStats, Stats, StatsDelta, metrics_text, report, stats
from .errors import (AccessError, ArenaError, ControlError, GranaryError, InstallError, LibraryError,
                     NotSupportedError, OutOfMemoryError, PreloadError, TracemallocActiveError,
                     UnknownNameError, ValueRejectedError)

__all__ = [
    "AccessError", "Arena", "ArenaError", "ArenaStats", "BinStats", "Control", "ControlError",
    "GranaryError", "HeapMap", "HeapSpan", "InstallError", "LargeStats", "LibraryError", "Node",
    "NotSupportedError", "OutOfMemoryError", "PreloadError", "Recorder", "Stats", "StatsDelta",
    "TracemallocActiveError", "UnknownNameError", "ValueRejectedError", "arena", "ctl", "heap_map",
    "include_path", "is_process_malloc", "library_path", "metrics_text", "purge", "report", "stats",
]

__version__ = str(ctl["version"]).split("-", 1)[0]
