# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The control tree as a mapping: `granary.ctl["arenas.page"]`."""
from __future__ import annotations

import errno
import re
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from typing import Optional, Union

from . import native
from .errors import OutOfMemoryError, UnknownNameError, ValueRejectedError, raise_control

__all__ = ["Control", "Node", "Value", "ctl"]

Value = Union[int, bool, str, None]

# C type: bytes, and whether it has a sign.
_NUMBERS = {
    "unsigned": (4, False), "uint32_t": (4, False), "size_t": (8, False), "uint64_t": (8, False),
    "int64_t": (8, True), "ssize_t": (8, True),
}
_TEXT = "const char *"
# Reading these makes something, wants something, or slows the thread down.
_NOT_FOR_LOOKING = {
    "arenas.create", "arenas.lookup", "tcache.create", "experimental.arenas_create_ext",
    "thread.allocated", "thread.allocatedp", "thread.deallocated", "thread.deallocatedp",
    "thread.peak.read",
}


@dataclass(frozen=True)
class Node:
    """One name of the tree; `<arena>`, `<bin>` and the like stand for an index."""

    name: str
    type: str
    access: str
    meaning: str

    @property
    def readable(self) -> bool:
        return "r" in self.access

    @property
    def writable(self) -> bool:
        return "w" in self.access

    @property
    def is_action(self) -> bool:
        return self.access == "void"


class Control(MutableMapping[str, Value]):
    """Names and values of this process's heap.

    Statistics (`stats.…`) are of the last refresh(), so that figures read one after the other belong
    together. Iteration goes over the names that have a value without an index and that may be read
    without a consequence: `dict(granary.ctl)` is a picture of the process. nodes() lists everything.
    """

    def __init__(self) -> None:
        self._nodes: Optional[list[Node]] = None
        self._plain: dict[str, Node] = {}
        self._patterns: list[tuple[re.Pattern[str], Node]] = []

    def nodes(self) -> list[Node]:
        """Every name, with type, access and meaning."""
        self._learn()
        assert self._nodes is not None
        return list(self._nodes)

    def node(self, name: str) -> Node:
        """What is known of a name; `arena.0.purge` leads to `arena.<arena>.purge`."""
        self._learn()
        found = self._plain.get(name)
        if found is None:
            for pattern, node in self._patterns:
                if pattern.fullmatch(name):
                    found = self._plain[name] = node
                    break
        if found is None:
            raise UnknownNameError(name, errno.ENOENT, "no such name")
        return found

    def refresh(self) -> int:
        """Takes the statistics anew; returns the number of the epoch that began."""
        raise_control("epoch", native.ctl_write("epoch", 8, 1), "written")
        return int(self["epoch"] or 0)

    def do(self, name: str) -> None:
        """Does what a name without a value stands for: `granary.ctl.do("arena.0.purge")`."""
        if not self.node(name).is_action:
            raise_control(name, errno.EPERM, "done: it has a value")
        raise_control(name, native.ctl_do(name), "done")

    def swap(self, name: str, value: int) -> int:
        """Writes a number and returns the one before, as one question: `thread.arena`."""
        width, signed = self._width(name)
        code, old = native.ctl_swap(name, width, _encode(name, value, width, signed))
        raise_control(name, code, "read and written")
        return _decode(old, width, signed)

    def __getitem__(self, name: str) -> Value:
        node = self.node(name)
        if node.type == _TEXT and node.readable:
            return self._read_text(name)
        if node.is_action or not node.readable:
            raise_control(name, errno.EPERM, "read")
        if node.type == "bool":
            code, value = native.ctl_read(name, 1)
            raise_control(name, code, "read")
            return bool(value)
        width, signed = self._width(name)
        code, value = native.ctl_read(name, width)
        raise_control(name, code, "read")
        return _decode(value, width, signed)

    def __setitem__(self, name: str, value: Value) -> None:
        node = self.node(name)
        if node.is_action:
            if value is not None:
                raise_control(name, errno.EPERM, "written: it is an action; use do()")
            self.do(name)
        elif node.type == _TEXT:
            if not isinstance(value, str):
                raise ValueRejectedError(name, errno.EINVAL, f"wants a text, not {value!r}")
            raise_control(name, native.ctl_write_text(name, value), "written")
        elif node.type == "bool":
            if not isinstance(value, (bool, int)) or value not in (0, 1):
                raise ValueRejectedError(name, errno.EINVAL, f"wants True or False, not {value!r}")
            raise_control(name, native.ctl_write(name, 1, int(value)), "written")
        else:
            width, signed = self._width(name)
            code = native.ctl_write(name, width, _encode(name, value, width, signed))
            raise_control(name, code, "written")

    def __delitem__(self, name: str) -> None:
        raise_control(name, errno.EPERM, "deleted")

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        try:
            node = self.node(name)
        except UnknownNameError:
            return False
        return not _is_scalar(node) or node.name in _NOT_FOR_LOOKING or self._answers(name, node)

    def __iter__(self) -> Iterator[str]:
        for node in self.nodes():
            if (_is_scalar(node) and "<" not in node.name and node.name not in _NOT_FOR_LOOKING
                    and self._answers(node.name, node)):
                yield node.name

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<granary.ctl: {len(self.nodes())} names of {self['version']}>"

    def _learn(self) -> None:
        if self._nodes is not None:
            return
        lines = native.ctl_names()
        if lines is None:
            raise OutOfMemoryError("no memory for the list of names")
        nodes = [Node(*line.split("\t")) for line in lines.splitlines()]
        for node in nodes:
            if "<" in node.name:
                parts = (r"\d+" if part[0] == "<" else re.escape(part)
                         for part in node.name.split("."))
                self._patterns.append((re.compile(r"\.".join(parts)), node))
            else:
                self._plain[node.name] = node
        self._nodes = nodes

    def _width(self, name: str) -> tuple[int, bool]:
        kind = self.node(name).type
        if kind in _NUMBERS:
            return _NUMBERS[kind]
        if kind.endswith("*"):
            return 8, False
        raise ValueRejectedError(name, errno.EINVAL, f"its type, {kind}, has no form in Python")

    @staticmethod
    def _read_text(name: str) -> str:
        text = native.ctl_read_text(name)
        if text is None:
            # Why? The same question again gives the number; an address fits.
            code, _ = native.ctl_read(name, 8)
            raise_control(name, code, "read")
            raise OutOfMemoryError(f"{name}: no memory for the text")
        return text

    @staticmethod
    def _answers(name: str, node: Node) -> bool:
        """False for what this build has in the list only (profiler), and for indices beyond the last."""
        if node.type == _TEXT:
            return native.ctl_read_text(name) is not None
        width = 1 if node.type == "bool" else _NUMBERS[node.type][0]
        return native.ctl_read(name, width)[0] == 0


def _is_scalar(node: Node) -> bool:
    return node.readable and (node.type in _NUMBERS or node.type in ("bool", _TEXT))


def _encode(name: str, value: object, width: int, signed: bool) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueRejectedError(name, errno.EINVAL, f"wants a whole number, not {value!r}")
    bits = 8 * width
    low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
    if not low <= value < high:
        raise ValueRejectedError(name, errno.EINVAL, f"{value} is not in [{low}, {high})")
    return value % (1 << bits)


def _decode(value: int, width: int, signed: bool) -> int:
    bits = 8 * width
    return value - (1 << bits) if signed and value >> (bits - 1) else value


ctl = Control()
