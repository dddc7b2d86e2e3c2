# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Memory of numpy's arrays from granary (NEP 49).

    with granary.numpy.allocator(align=64):   arrays made in the block
        a = numpy.zeros(10**6)
    granary.numpy.install()                   arrays made from here on, in this context
    ThreadPoolExecutor(initializer=granary.numpy.install)

Every array remembers what it came from, so that one may switch at any time. numpy keeps the setting in a
context variable: a new thread starts with numpy's own, and an asyncio task with that of who made it.
"""
from __future__ import annotations

import ctypes
import importlib
import mmap
import threading
from types import TracebackType
from typing import Any, Optional

import numpy

from ._hooks import hooks
from .errors import NotSupportedError, OutOfMemoryError

__all__ = ["Allocator", "allocator", "handler_name", "handles", "install", "uninstall"]

# Places in numpy's table of C functions, the same since 1.22.
_SET_HANDLER = 304
_HUGEPAGES = {"auto": 0, "always": mmap.MADV_HUGEPAGE, "never": getattr(mmap, "MADV_NOHUGEPAGE", 15)}
_CAPSULE = b"mem_handler"

if tuple(int(part) for part in numpy.__version__.split(".")[:2]) < (1, 22):
    raise NotSupportedError(f"numpy {numpy.__version__} has no memory handlers; 1.22 is the first")

_multiarray: Any = importlib.import_module(
    "numpy._core.multiarray" if hasattr(numpy, "_core") else "numpy.core.multiarray")


def _set_handler(capsule: Any) -> Any:
    """PyDataMem_SetHandler: returns the one before; None stands for numpy's own."""
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = ctypes.cast(get(_multiarray._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p))
    function = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p)(table[_SET_HANDLER])
    return function(None if capsule is None else id(capsule))


def _new_capsule(name: str, lg_align: int, advice: int) -> Any:
    handler = hooks.granary_numpy_handler(name.encode(), lg_align, advice)
    if handler is None:
        raise OutOfMemoryError("no memory for a handler")
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    return new(handler, _CAPSULE, None)


_capsules: dict[tuple[int, str], Any] = {}
_making = threading.Lock()


class Allocator:
    """A handler with properties; a context manager that may be entered again, also nested."""

    def __init__(self, *, align: int = 64, hugepages: str = "auto") -> None:
        if align < 1 or align & (align - 1) or align > 1 << 21:
            raise ValueError(f"align: {align} is not a power of two up to 2 MiB")
        if hugepages not in _HUGEPAGES:
            raise ValueError(f"hugepages: {hugepages!r} is none of {', '.join(_HUGEPAGES)}")
        self.align = align
        self.hugepages = hugepages
        self.name = f"granary_align_{align}_hugepages_{hugepages}"
        with _making:  # handlers stay for ever, hence one for each combination
            key = (align, hugepages)
            if key not in _capsules:
                _capsules[key] = _new_capsule(self.name, align.bit_length() - 1, _HUGEPAGES[hugepages])
            self._capsule = _capsules[key]
        self._before: list[Any] = []

    def install(self) -> None:
        """For the current context, until something else is set."""
        _set_handler(self._capsule)

    def __enter__(self) -> Allocator:
        self._before.append(_set_handler(self._capsule))
        return self

    def __exit__(self, kind: Optional[type[BaseException]], value: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        _set_handler(self._before.pop())

    def __repr__(self) -> str:
        return f"granary.numpy.allocator(align={self.align}, hugepages={self.hugepages!r})"


def allocator(*, align: int = 64, hugepages: str = "auto") -> Allocator:
    """A handler for `with`.

    align      of every array's memory, a power of two
    hugepages  "auto": as granary decides by what the memory is used for; "always", "never": advice to
               the kernel for every whole huge page of an array
    """
    return Allocator(align=align, hugepages=hugepages)


def install(*, align: int = 64, hugepages: str = "auto") -> None:
    """Arrays of the current context come from granary; see allocator()."""
    Allocator(align=align, hugepages=hugepages).install()


def uninstall() -> None:
    """New arrays of the current context come from numpy's own allocator; granary's are freed by granary."""
    _set_handler(None)


def handler_name(array: Optional[numpy.ndarray[Any, Any]] = None) -> Optional[str]:
    """The handler that an array's memory came from (None: the array does not own any), or the current one."""
    if array is None:
        return str(_multiarray.get_handler_name())
    name = _multiarray.get_handler_name(array)
    return None if name is None else str(name)


def handles(array: numpy.ndarray[Any, Any]) -> bool:
    """True if the array's memory, or that of the array it is a view of, came from granary."""
    owner: Any = array
    while isinstance(owner, numpy.ndarray) and not owner.flags.owndata:
        owner = owner.base
    if not isinstance(owner, numpy.ndarray):
        return False
    return (handler_name(owner) or "").startswith("granary_")
