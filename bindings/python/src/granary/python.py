# SPDX-License-Identifier: Apache-2.0 OR MIT
"""CPython's own memory from granary, in a process that is running already.

    granary.python.install()                      raw memory, and the arenas that pymalloc cuts up
    granary.python.install(("raw", "mem", "obj")) everything, past pymalloc
    granary.python.status()                       what is so, and whether somebody displaced it
    granary.python.disable()                      new memory from where it came before

What was allocated before lives on, so that every free and realloc asks whose a block is and passes
foreign ones on to the allocator that was there. For the same reason nothing is ever uninstalled:
disable() changes where new memory comes from and nothing else.

The functions are C functions (native/cpython_hooks.c) and hold whether the interpreter's lock is held or not.
"""
from __future__ import annotations

import ctypes
import sys
import sysconfig
import threading
import tracemalloc
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Optional

from . import _format
from ._hooks import ArenaTable, Interpreter, Table, hooks, locked_hooks
from ._library import is_process_malloc, serves
from .errors import InstallError, NotSupportedError, TracemallocActiveError

__all__ = ["DomainStatus", "Status", "disable", "enable", "install", "status"]

DOMAINS = ("raw", "mem", "obj")
_ALLOCATE = ("PyMem_RawMalloc", "PyMem_Malloc", "PyObject_Malloc")
_FREE = ("PyMem_RawFree", "PyMem_Free", "PyObject_Free")
_changing = threading.Lock()


@dataclass(frozen=True)
class DomainStatus:
    """One domain, or the arenas.

    state  absent     nothing was installed
           active     new memory comes from granary
           passing    installed, but new memory comes from the allocator below: disabled, or only there
                      so that pymalloc can hand back what it does not know
           covered    another allocator stands above granary, and asks it (tracemalloc while it traces)
           displaced  another table has taken granary's place, or pretends to: granary's blocks are in
                      danger when they are freed
    """

    name: str
    state: str
    foreign_frees: int
    foreign_reallocs: int

    @property
    def displaced(self) -> bool:
        return self.state == "displaced"


@dataclass(frozen=True)
class Status:
    raw: DomainStatus
    mem: DomainStatus
    obj: DomainStatus
    arenas: DomainStatus
    arenas_taken: int  # arenas that pymalloc has had from granary
    process_malloc: bool  # malloc() itself is granary's
    debug_hooks: bool  # CPython's checks are on, below granary: its own blocks are not checked

    @property
    def parts(self) -> tuple[DomainStatus, ...]:
        return (self.raw, self.mem, self.obj, self.arenas)

    @property
    def displaced(self) -> tuple[str, ...]:
        """The parts that somebody has displaced."""
        return tuple(part.name for part in self.parts if part.displaced)

    def to_dict(self) -> dict[str, Any]:
        import dataclasses
        return dataclasses.asdict(self)

    def _rows(self) -> list[tuple[str, ...]]:
        return [(part.name, part.state, str(part.foreign_frees), str(part.foreign_reallocs))
                for part in self.parts]

    def __str__(self) -> str:
        return _format.text_table(_HEAD, self._rows())

    def _repr_html_(self) -> str:
        return _format.html_table(_HEAD, self._rows())


_HEAD = ("domain", "state", "foreign frees", "foreign reallocs")


def install(domains: Iterable[str] = ("raw",), arenas: bool = True) -> Status:
    """Lets these domains, and pymalloc's arenas, take their memory from granary from now on.

    All or nothing: whatever CPython forbids is refused before anything is changed.
    `raw` and `arenas` keep pymalloc and its speed, and are all that most programs want.
    """
    wanted = _checked(domains)
    with _changing:
        _refuse_tracemalloc()
        _refuse_free_threading(wanted, arenas)
        # pymalloc gives what it does not know to raw's free: a net under blocks of mem and obj.
        hooked = [k for k, name in enumerate(DOMAINS) if name in wanted or (k == 0 and wanted)]
        seen = (Table * len(DOMAINS))(*(_current(k) for k in range(len(DOMAINS))))
        seen_arenas = _current_arenas()
        mask = sum(1 << k for k in hooked if _must_install(k, seen[k]))
        if arenas and _must_install_arenas(seen_arenas):
            mask |= 1 << len(DOMAINS)
        if mask and not locked_hooks.granary_python_publish(mask, _interpreter(), seen, seen_arenas):
            raise InstallError("somebody else is installing an allocator at this moment (tracemalloc?)")
        # Whoever still holds a pointer into an old table meets only memory of that table's until here.
        for k, name in enumerate(DOMAINS):
            if name in wanted:
                hooks.granary_python_route(k, 1)
        if arenas:
            hooks.granary_python_arenas_route(1)
    return status()


def disable() -> Status:
    """New memory comes from below again; what is granary's goes on being freed there."""
    return _route(0)


def enable() -> Status:
    """Undoes disable(), for what had been installed to serve."""
    return _route(1)


def status() -> Status:
    """Reads CPython's tables anew, and asks each installed domain for a byte."""
    raw, mem, obj = (_domain_status(k) for k in range(len(DOMAINS)))
    return Status(raw, mem, obj, arenas=_arenas_status(), arenas_taken=hooks.granary_python_arenas_taken(),
                  process_malloc=is_process_malloc(), debug_hooks=_debug_hooks())


_served: set[int] = set()
_served_arenas = False


def _route(on: int) -> Status:
    global _served_arenas
    with _changing:
        if on:
            for k in _served:
                hooks.granary_python_route(k, 1)
            if _served_arenas:
                hooks.granary_python_arenas_route(1)
        else:
            for k in range(len(DOMAINS)):
                if hooks.granary_python_routed(k):
                    _served.add(k)
                    hooks.granary_python_route(k, 0)
            if hooks.granary_python_arenas_routed():
                _served_arenas = True
                hooks.granary_python_arenas_route(0)
    return status()


def _checked(domains: Iterable[str]) -> frozenset[str]:
    if isinstance(domains, str):
        domains = (domains,)
    wanted = frozenset(domains)
    unknown = sorted(wanted - set(DOMAINS))
    if unknown:
        raise ValueError(f"domains: {', '.join(map(repr, unknown))}; there are {', '.join(DOMAINS)}")
    return wanted


def _refuse_tracemalloc() -> None:
    if tracemalloc.is_tracing():
        raise TracemallocActiveError(
            "tracemalloc is tracing, and when it stops it puts back the tables of before it started: "
            "granary would be gone and its blocks freed by somebody else. Install before "
            "tracemalloc.start(), or after tracemalloc.stop()")


def _free_threaded() -> bool:
    return bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def _refuse_free_threading(wanted: frozenset[str], arenas: bool) -> None:
    if sys.implementation.name != "cpython":
        raise NotSupportedError(f"{sys.implementation.name} has no allocators to hook")
    if _free_threaded() and (arenas or wanted & {"mem", "obj"}):
        raise NotSupportedError(
            "this interpreter runs without the global lock: its collector finds objects by walking its "
            "own allocator's heaps, so that mem, obj and arenas must stay there. "
            "install(('raw',), arenas=False) is possible")


def _interpreter() -> Interpreter:
    names = ("PyMem_GetAllocator", "PyMem_SetAllocator", "PyObject_GetArenaAllocator", "PyObject_SetArenaAllocator")
    return Interpreter(*(ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p) for name in names))


def _current(k: int) -> Table:
    table = Table()
    ctypes.pythonapi.PyMem_GetAllocator(k, ctypes.byref(table))
    return table


def _current_arenas() -> ArenaTable:
    table = ArenaTable()
    ctypes.pythonapi.PyObject_GetArenaAllocator(ctypes.byref(table))
    return table


def _same(a: ctypes.Structure, b: ctypes.Structure) -> bool:
    return bytes(a) == bytes(b)


def _must_install(k: int, table: Table) -> bool:
    below = hooks.granary_python_below(k).contents
    if not below.malloc:
        return True
    if _same(table, hooks.granary_python_table(k).contents):
        return False
    if _same(table, below):
        return True  # displaced by what was there before: granary goes back on top of it
    raise InstallError(f"{DOMAINS[k]}: somebody has installed another allocator since, perhaps over "
                       "granary; a second time under it would go round in circles")


def _must_install_arenas(table: ArenaTable) -> bool:
    below = hooks.granary_python_arenas_below().contents
    if not below.alloc:
        return True
    if _same(table, hooks.granary_python_arenas_table().contents):
        return False
    if _same(table, below):
        return True
    raise InstallError("arenas: somebody has installed another arena allocator since")


def _serves(k: int) -> bool:
    """Does a byte of this domain come from granary's hook?"""
    return serves(getattr(ctypes.pythonapi, _ALLOCATE[k]), getattr(ctypes.pythonapi, _FREE[k]))


def _state(on_top: bool, routed: bool, serves: Optional[bool]) -> str:
    if on_top:
        return "active" if routed else "passing"
    return "covered" if serves else "displaced"


def _domain_status(k: int) -> DomainStatus:
    counts = (hooks.granary_python_foreign_frees(k), hooks.granary_python_foreign_reallocs(k))
    if not hooks.granary_python_below(k).contents.malloc:
        return DomainStatus(DOMAINS[k], "absent", *counts)
    on_top = _same(_current(k), hooks.granary_python_table(k).contents)
    routed = bool(hooks.granary_python_routed(k))
    state = _state(on_top, routed, None if on_top else _reached(k, routed))
    return DomainStatus(DOMAINS[k], state, *counts)


def _reached(k: int, routed: bool) -> bool:
    """True if a table above still leads to granary's hook."""
    if routed:
        return _serves(k)
    # For a moment new memory comes from granary; the block goes back the way it came.
    hooks.granary_python_route(k, 1)
    try:
        return _serves(k)
    finally:
        hooks.granary_python_route(k, 0)


def _arenas_status() -> DomainStatus:
    frees = hooks.granary_python_arenas_foreign_frees()
    if not hooks.granary_python_arenas_below().contents.alloc:
        return DomainStatus("arenas", "absent", frees, 0)
    on_top = _same(_current_arenas(), hooks.granary_python_arenas_table().contents)
    state = _state(on_top, bool(hooks.granary_python_arenas_routed()), None)
    return DomainStatus("arenas", state, frees, 0)


def _debug_hooks() -> bool:
    """CPython's debug hooks hand out blocks after two words of their own, the first with the size."""
    below = hooks.granary_python_below(0).contents
    table = below if below.malloc else _current(0)
    allocate = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)(table.malloc)
    free = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(table.free)
    block = allocate(table.ctx, 24)
    if block is None:
        return False
    try:
        # glibc's and granary's blocks are not filled; the debug hooks fill with 0xCD.
        return ctypes.string_at(block, 24) == b"\xcd" * 24
    finally:
        free(table.ctx, block)
