# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The shared library: where it lies, and which one this process talks to.

A process has one heap of granary's. If its malloc is granary's already, preloaded or linked, that is the
one; otherwise the package's own library is opened, for all to see, so that the second module to
ask finds the first one's. `functions` has what the control tree does not: memory and ownership.
"""
from __future__ import annotations

import ctypes
import os
import pathlib
from typing import Any

from .errors import LibraryError

__all__ = ["include_path", "is_process_malloc", "library_path"]

_DIRECTORY = pathlib.Path(__file__).parent / "lib"
_FILES = {"late": "libgranary.so", "malloc": "libgranary_malloc.so"}
# The youngest name that is needed: a library without it is older than this package.
_NEEDED = "granary_owns_region"


def library_path(kind: str = "malloc") -> pathlib.Path:
    """The file to preload (`malloc`), or the one that this package opens itself (`late`)."""
    try:
        path = _DIRECTORY / _FILES[kind]
    except KeyError:
        raise ValueError(f"kind: {kind!r} is neither of {', '.join(_FILES)}") from None
    if not path.is_file():
        raise LibraryError(f"{path} is missing: the package is not completely installed")
    return path


def include_path() -> pathlib.Path:
    """The directory for C compilers: granary/granary.h, and granary/python_embed.h for embedders."""
    return _DIRECTORY.parent / "include"


def _load() -> tuple[ctypes.CDLL, bool]:
    process = ctypes.CDLL(None)
    if hasattr(process, "granary_malloc"):
        if not hasattr(process, _NEEDED):
            raise LibraryError("this process runs on an older granary, without " + _NEEDED)
        return process, True
    path = library_path("late")
    try:
        return ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL | os.RTLD_NOW), False
    except OSError as error:
        raise LibraryError(f"{path} cannot be opened: {error}") from error


functions, was_there = _load()

_signatures: dict[str, tuple[object, list[object]]] = {
    "granary_mallocx": (ctypes.c_void_p, [ctypes.c_size_t, ctypes.c_int]),
    "granary_dallocx": (None, [ctypes.c_void_p, ctypes.c_int]),
    "granary_sallocx": (ctypes.c_size_t, [ctypes.c_void_p, ctypes.c_int]),
    "granary_owns": (ctypes.c_int, [ctypes.c_void_p]),
    "granary_owns_region": (ctypes.c_int, [ctypes.c_void_p]),
}
for _name, (_result, _arguments) in _signatures.items():
    _function = getattr(functions, _name)
    _function.restype = _result
    _function.argtypes = _arguments


def serves(allocate: Any, free: Any) -> bool:
    """True if a block that this pair of C functions makes and takes back is granary's."""
    allocate.restype, allocate.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    free.restype, free.argtypes = None, [ctypes.c_void_p]
    block = allocate(1)
    try:
        return bool(functions.granary_owns_region(block))
    finally:
        free(block)


def is_process_malloc() -> bool:
    """True if malloc() itself is granary's: what C code allocates in this process is granary's too."""
    libc = ctypes.CDLL(None)
    return serves(libc.malloc, libc.free)
