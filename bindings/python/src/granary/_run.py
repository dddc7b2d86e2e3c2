# SPDX-License-Identifier: Apache-2.0 OR MIT
"""python -m granary run: the same interpreter again, with the library preloaded (see _child.py)."""
from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from . import _child
from ._library import library_path
from .errors import PreloadError

EXIT_CODE = _child.EXIT_CODE


def environment(base: Mapping[str, str], *, python_objects: bool) -> dict[str, str]:
    """The variables that put a program on granary, before any other preloaded library."""
    path = str(library_path("malloc"))
    if any(character in path for character in " :"):
        raise PreloadError(f"{path}: the dynamic linker takes no path with a blank or a colon")
    changed = dict(base)
    others = [word for word in changed.get("LD_PRELOAD", "").replace(":", " ").split() if word != path]
    changed["LD_PRELOAD"] = ":".join([path, *others])
    if python_objects:
        changed["PYTHONMALLOC"] = "malloc"
    return changed


def replace_process(program: Sequence[str], *, python_objects: bool, stats: bool) -> NoReturn:
    variables = environment(os.environ, python_objects=python_objects)
    variables[_child.MARK] = "stats" if stats else "quiet"
    sys.stdout.flush()
    sys.stderr.flush()
    # The interpreter's own options (-X, -W, -O, -u, …) go along.
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    child = os.path.abspath(_child.__file__)
    os.execve(sys.executable, [sys.executable, *flags, child, *program], variables)
