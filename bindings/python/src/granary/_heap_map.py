# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Which pages of granary's chunks are used, and which are in memory."""
from __future__ import annotations

import ctypes
import os
from array import array
from dataclasses import dataclass, field

from . import _format
from ._control import ctl
from ._hooks import hooks
from .errors import NotSupportedError

__all__ = ["HeapMap", "HeapSpan", "heap_map"]

# What a page's byte says.
UNUSED, DIRTY, UNTOUCHED, USED = range(4)
NAMES = ("unused, not in memory", "unused, in memory", "used, not in memory", "used, in memory")
_PRESENT, _SWAPPED = 1 << 63, 1 << 62


@dataclass(frozen=True)
class HeapSpan:
    """Consecutive chunks; `pages` has a byte per page: 0 unused, 1 unused and in memory, 2 used and not
    in memory, 3 used and in memory."""

    address: int
    pages: bytes = field(repr=False)


@dataclass(frozen=True)
class HeapMap:
    """All chunks in which granary has memory handed out."""

    page: int
    chunk: int
    spans: tuple[HeapSpan, ...]

    def count(self, state: int) -> int:
        """Pages in a state."""
        return sum(span.pages.count(state) for span in self.spans)

    def to_dict(self) -> dict[str, int]:
        """Bytes by state."""
        return {name: self.count(state) * self.page for state, name in enumerate(NAMES)}

    def __str__(self) -> str:
        lines = [f"{len(self.spans)} spans"]
        lines += [f"  {_format.in_bytes(size):>11}  {name}" for name, size in self.to_dict().items()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = [(name, _format.in_bytes(size)) for name, size in self.to_dict().items()]
        return _format.html_table(("pages", "bytes"), rows)


def heap_map() -> HeapMap:
    """Looks at every page; other threads may go on meanwhile, and then it is of no single moment."""
    page, chunk = int(ctl["arenas.page"] or 0), int(ctl["arenas.hugepage"] or 0)
    if os.sysconf("SC_PAGE_SIZE") != page:
        raise NotSupportedError("the system's pages are not of the size of granary's")
    spans: list[HeapSpan] = []
    for begin, end in _chunks_of_mappings(chunk):
        used = (ctypes.c_ubyte * ((end - begin) // page))()
        hooks.granary_python_survey(begin, page, len(used), used)
        spans += _spans(begin, bytes(used), _residence(begin, len(used), page), chunk // page, page)
    return HeapMap(page, chunk, tuple(spans))


def _chunks_of_mappings(chunk: int) -> list[tuple[int, int]]:
    """Whole chunks of anonymous memory; neighbours are one."""
    ranges: list[tuple[int, int]] = []
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        for line in maps:
            words = line.split()
            if words[1] != "rw-p" or (len(words) > 5 and not words[5].startswith("[anon")):
                continue
            begin, end = (int(text, 16) for text in words[0].split("-"))
            if ranges and ranges[-1][1] == begin:
                ranges[-1] = (ranges[-1][0], end)
            else:
                ranges.append((begin, end))
    whole = ((-(-begin // chunk) * chunk, end // chunk * chunk) for begin, end in ranges)
    return [(begin, end) for begin, end in whole if begin < end]


def _residence(begin: int, count: int, page: int) -> array[int]:
    entries = array("Q")
    try:
        with open("/proc/self/pagemap", "rb", buffering=0) as pagemap:
            pagemap.seek(begin // page * 8)
            entries.frombytes(pagemap.read(count * 8))
    except OSError as error:
        raise NotSupportedError(f"/proc/self/pagemap cannot be read: {error}") from error
    if len(entries) != count:
        raise NotSupportedError("/proc/self/pagemap is shorter than the memory")
    return entries


def _spans(begin: int, used: bytes, entries: array[int], per_chunk: int, page: int) -> list[HeapSpan]:
    """The chunks with something of granary's in them."""
    spans: list[HeapSpan] = []
    for first in range(0, len(used), per_chunk):
        piece = used[first:first + per_chunk]
        if not any(piece):
            continue
        resident = (1 if entry & (_PRESENT | _SWAPPED) else 0 for entry in entries[first:first + per_chunk])
        states = bytes(2 * own + there for own, there in zip(piece, resident))
        address = begin + first * page
        if spans and spans[-1].address + len(spans[-1].pages) * page == address:
            spans[-1] = HeapSpan(spans[-1].address, spans[-1].pages + states)
        else:
            spans.append(HeapSpan(address, states))
    return spans
