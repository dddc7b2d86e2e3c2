# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Functions of the extension module that are no Python functions: hooks, handlers, the page survey."""
from __future__ import annotations

import ctypes

from . import _native  # type: ignore[attr-defined]

__all__ = ["ArenaTable", "Interpreter", "Table", "hooks", "locked_hooks"]


class Table(ctypes.Structure):
    """PyMemAllocatorEx."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("ctx", "malloc", "calloc", "realloc", "free")]


class ArenaTable(ctypes.Structure):
    """PyObjectArenaAllocator."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("ctx", "alloc", "free")]


class Interpreter(ctypes.Structure):
    """Where CPython's functions are, for granary_python_publish()."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("get", "set", "get_arenas", "set_arenas")]


hooks = ctypes.CDLL(_native.__file__)
# The same library; the interpreter's lock is kept during its calls.
locked_hooks = ctypes.PyDLL(_native.__file__)

_tables = ctypes.POINTER(Table)
_arena_tables = ctypes.POINTER(ArenaTable)
_signatures: dict[str, tuple[object, list[object]]] = {
    "granary_python_below": (_tables, [ctypes.c_int]),
    "granary_python_table": (_tables, [ctypes.c_int]),
    "granary_python_route": (None, [ctypes.c_int, ctypes.c_int]),
    "granary_python_routed": (ctypes.c_int, [ctypes.c_int]),
    "granary_python_foreign_frees": (ctypes.c_uint64, [ctypes.c_int]),
    "granary_python_foreign_reallocs": (ctypes.c_uint64, [ctypes.c_int]),
    "granary_python_arenas_below": (_arena_tables, []),
    "granary_python_arenas_table": (_arena_tables, []),
    "granary_python_arenas_route": (None, [ctypes.c_int]),
    "granary_python_arenas_routed": (ctypes.c_int, []),
    "granary_python_arenas_foreign_frees": (ctypes.c_uint64, []),
    "granary_python_arenas_taken": (ctypes.c_uint64, []),
    "granary_python_survey": (None, [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t,
                                     ctypes.c_void_p]),
    "granary_numpy_handler": (ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_uint, ctypes.c_int]),
}
locked_hooks.granary_python_publish.restype = ctypes.c_int
locked_hooks.granary_python_publish.argtypes = [ctypes.c_uint, ctypes.POINTER(Interpreter), _tables, _arena_tables]
for _name, (_result, _arguments) in _signatures.items():
    _function = getattr(hooks, _name)
    _function.restype = _result
    _function.argtypes = _arguments
