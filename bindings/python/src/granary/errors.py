# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What can go wrong, as classes: all of them are GranaryError, each also what Python calls it."""
from __future__ import annotations

import errno
import os

__all__ = [
    "AccessError", "ArenaError", "ControlError", "GranaryError", "InstallError", "LibraryError",
    "NotSupportedError", "OutOfMemoryError", "PreloadError", "TracemallocActiveError",
    "UnknownNameError", "ValueRejectedError",
]


class GranaryError(Exception):
    """Anything that granary refuses or fails to do."""


class LibraryError(GranaryError, ImportError):
    """The shared library cannot be loaded, or is not one that this package can work with."""


class PreloadError(GranaryError):
    """A program was to run on granary, and its malloc is somebody else's."""


class OutOfMemoryError(GranaryError, MemoryError):
    """granary got no memory from the system."""


class ArenaError(GranaryError):
    """An arena cannot do that now, or is no more."""


class NotSupportedError(GranaryError):
    """This interpreter, or this version of a package, does not allow it."""


class InstallError(GranaryError):
    """CPython's tables are in a state in which installing would be wrong."""


class TracemallocActiveError(InstallError):
    """tracemalloc is tracing: when it stops, it would put back tables without granary."""


class ControlError(GranaryError):
    """A name of the control tree, and why it did not answer."""

    def __init__(self, name: str, code: int, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.code = code

    def __str__(self) -> str:  # KeyError would print its repr()
        return str(self.args[0])

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.name, self.code, self.args[0]))


class UnknownNameError(ControlError, KeyError):
    """There is no such name, or no such arena, class or thread cache."""


class AccessError(ControlError, PermissionError):
    """The name cannot be read, or not be written, or is an action."""

    def __init__(self, name: str, code: int, message: str) -> None:
        ControlError.__init__(self, name, code, message)


class ValueRejectedError(ControlError, ValueError):
    """The value is of the wrong type or out of range, or the action cannot be done now."""


def _rebuild(cls: type[ControlError], name: str, code: int, text: str) -> ControlError:
    return cls(name, code, text[len(name) + 2:])


def raise_control(name: str, code: int, doing: str) -> None:
    """Raises what an error number of mallctl means for `name`; does nothing for 0."""
    if code == 0:
        return
    if code == errno.ENOENT:
        raise UnknownNameError(name, code, "no such name, or nothing by that index")
    if code == errno.EPERM:
        raise AccessError(name, code, f"cannot be {doing}")
    if code == errno.EAGAIN:
        raise OutOfMemoryError(f"{name}: no memory to answer")
    if code == errno.EFAULT:
        raise ValueRejectedError(name, code, "the value cannot be, or the action not be done now")
    raise ValueRejectedError(name, code, os.strerror(code))
