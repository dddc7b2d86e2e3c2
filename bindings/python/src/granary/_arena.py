# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Arenas of the program's own: memory that is counted, purged and ended together."""
from __future__ import annotations

import ctypes
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Optional

from . import native
from ._control import ctl
from ._library import functions
from ._stats import ArenaStats, arena_stats
from .errors import ArenaError, ControlError, OutOfMemoryError

__all__ = ["Arena", "arena", "purge"]

_NO_CACHE = 1 << 8  # GRANARY_MALLOCX_TCACHE_NONE
_ZERO = 0x40
_ARENA_SHIFT = 20


def purge(arena: Optional[int] = None) -> None:
    """Gives all unused memory back to the system, of one arena or of all."""
    ctl.do(f"arena.{4096 if arena is None else arena}.purge")


class Arena:
    """An arena that only those use who name it.

    allocate() gives writable memory as a memoryview; it is freed when the last view of it is gone, also
    those of numpy.frombuffer(). bound() lets the calling thread's malloc come from here. As a context
    manager it ends the arena, which is refused while memory of it is in use.
    """

    def __init__(self, name: Optional[str] = None, *, dirty_decay_ms: Optional[int] = None,
                 muzzy_decay_ms: Optional[int] = None) -> None:
        self._index: Optional[int] = int(ctl["arenas.create"] or 0)
        self._live: dict[int, int] = {}
        self._finalizer = _at_end_of(self, _end_forgotten, self._index)
        if name is not None:
            ctl[f"arena.{self._index}.name"] = name
        if dirty_decay_ms is not None:
            ctl[f"arena.{self._index}.dirty_decay_ms"] = dirty_decay_ms
        if muzzy_decay_ms is not None:
            ctl[f"arena.{self._index}.muzzy_decay_ms"] = muzzy_decay_ms

    @property
    def index(self) -> int:
        if self._index is None:
            raise ArenaError("the arena has been destroyed")
        return self._index

    @property
    def name(self) -> str:
        return str(ctl[f"arena.{self.index}.name"])

    @property
    def live_blocks(self) -> int:
        """Blocks of allocate() that some view still holds."""
        return len(self._live)

    @property
    def live_bytes(self) -> int:
        return sum(self._live.values())

    def allocate(self, size: int, *, align: int = 16, zero: bool = False) -> memoryview:
        """`size` bytes at a multiple of `align`, a power of two."""
        if size < 0:
            raise ValueError(f"size: {size} is negative")
        if align < 1 or align & (align - 1):
            raise ValueError(f"align: {align} is not a power of two")
        flags = (align.bit_length() - 1) | _NO_CACHE | (self.index + 1) << _ARENA_SHIFT
        address = functions.granary_mallocx(max(size, 1), flags | (_ZERO if zero else 0))
        if address is None:
            raise OutOfMemoryError(f"no memory for {size} bytes in arena {self.index}")
        holder: ctypes.Array[ctypes.c_ubyte] = (ctypes.c_ubyte * size).from_address(address)
        self._live[address] = size
        # The last view lets go of the holder; the finalizer keeps the arena until then.
        _at_end_of(holder, _free_block, self, address)
        return memoryview(holder).cast("B")

    @contextmanager
    def bound(self) -> Iterator[Arena]:
        """What the calling thread allocates through malloc meanwhile comes from this arena.

        Of use where malloc is granary's, or where its hooks are installed.
        """
        before = ctl.swap("thread.arena", self.index)
        try:
            yield self
        finally:
            ctl["thread.arena"] = before

    def stats(self) -> ArenaStats:
        return arena_stats(self.index)

    def purge(self) -> None:
        """Gives its unused memory back."""
        purge(self.index)

    def decay(self) -> None:
        """Gives back what the decay curve asks for now."""
        ctl.do(f"arena.{self.index}.decay")

    def reset(self) -> None:
        """Frees everything in it at once, also what C code holds; refused while Python holds views."""
        self._refuse_while_used("reset")
        ctl.do(f"arena.{self.index}.reset")

    def destroy(self) -> None:
        """Frees everything and ends it; refused while Python holds views or threads are bound."""
        self._refuse_while_used("destroyed")
        try:
            ctl.do(f"arena.{self.index}.destroy")
        except ControlError as error:
            raise ArenaError(f"arena {self.index} cannot be destroyed: {error}") from error
        self._index = None
        self._finalizer.detach()

    def __enter__(self) -> Arena:
        return self

    def __exit__(self, kind: Optional[type[BaseException]], value: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        if self._index is None:
            return
        if kind is None or not self._live:
            self.destroy()
        # Else the traceback may hold views: the arena ends when it is let go of.

    def __repr__(self) -> str:
        if self._index is None:
            return "<granary.Arena, destroyed>"
        return f"<granary.Arena {self._index} {self.name!r}: {self.live_blocks} live blocks>"

    def _refuse_while_used(self, what: str) -> None:
        if self._live:
            raise ArenaError(f"arena {self.index} cannot be {what}: {self.live_blocks} blocks of "
                             f"{self.live_bytes} bytes are in use")


def arena(name: Optional[str] = None, *, dirty_decay_ms: Optional[int] = None,
          muzzy_decay_ms: Optional[int] = None) -> Arena:
    """A new arena, with decay times of its own if they are given."""
    return Arena(name, dirty_decay_ms=dirty_decay_ms, muzzy_decay_ms=muzzy_decay_ms)


def _at_end_of(thing: Any, function: Callable[..., None], *arguments: Any) -> Any:
    """Calls the function when the thing is gone, but not for what lives until the interpreter ends."""
    finalizer: Any = weakref.finalize(thing, function, *arguments)
    finalizer.atexit = False
    return finalizer


def _free_block(owner: Arena, address: int) -> None:
    del owner._live[address]
    functions.granary_dallocx(address, _NO_CACHE)


def _end_forgotten(index: int) -> None:
    code = native.ctl_do(f"arena.{index}.destroy")
    if code != 0:
        warnings.warn(f"arena {index} was let go of while threads are bound to it", ResourceWarning,
                      stacklevel=2)
