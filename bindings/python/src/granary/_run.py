# SPDX-License-Identifier: Apache-2.0 OR MIT
"""python -m granary run: the same interpreter again, with the library preloaded, and a proof of it.

The process replaces itself. In the new image, before the program's first line, malloc is looked at:
the dynamic linker only prints a message if it cannot preload, and goes on.
"""
from __future__ import annotations

import atexit
import os
import runpy
import subprocess
import sys
import tokenize
import zipfile
from collections.abc import Mapping, Sequence
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import NoReturn, Optional

from ._library import is_process_malloc, library_path
from ._stats import stats
from .errors import PreloadError

EXIT_CODE = 70  # EX_SOFTWARE: granary could not do what was asked for
_MARK = "_GRANARY_RUN"  # in the environment of the new image, until it has been read


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
    variables[_MARK] = "stats" if stats else "quiet"
    sys.stdout.flush()
    sys.stderr.flush()
    # The interpreter's own options (-X, -W, -O, -u, …) go along.
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    os.execve(sys.executable, [sys.executable, *flags, "-m", "granary._child", *program], variables)


def _verify() -> None:
    if not is_process_malloc():
        raise PreloadError(
            f"malloc of this process is not granary's: the dynamic linker did not preload "
            f"{library_path('malloc')}; LD_PRELOAD is {os.environ.get('LD_PRELOAD')!r}")


def _print_stats(process: int) -> None:
    if os.getpid() == process:  # not in forked children
        print(stats(), file=sys.stderr)


def _main_module() -> ModuleType:
    """`__main__` as the interpreter would have made it for a script."""
    main = sys.modules["__main__"]
    for name in set(vars(main)) - {"__name__", "__builtins__", "__annotations__"}:
        del main.__dict__[name]
    main.__dict__.update(__doc__=None, __package__=None, __loader__=None, __spec__=None)
    return main


def _run_code(source: str, path: Optional[str], argv: list[str]) -> None:
    sys.argv[:] = argv
    main = _main_module()
    if path is not None:
        main.__dict__.update(__file__=path, __cached__=None,
                             __loader__=SourceFileLoader("__main__", path))
    exec(compile(source, path or "<string>", "exec", dont_inherit=True), main.__dict__)


def _read_script(path: str) -> str:
    try:
        with tokenize.open(path) as stream:
            return stream.read()
    except OSError as error:
        print(f"{sys.executable}: can't open file {os.path.abspath(path)!r}: "
              f"[Errno {error.errno}] {error.strerror}", file=sys.stderr)
        sys.exit(2)


def _run_program(program: list[str]) -> None:
    # The interpreter has put the current directory first, as for any -m, unless it was told not to.
    has_first = not sys.flags.isolated and not getattr(sys.flags, "safe_path", False)
    kind = program[0]
    if kind == "-m":
        sys.argv[:] = program[1:]
        _main_module()
        runpy._run_module_as_main(program[1], alter_argv=True)  # type: ignore[attr-defined]
    elif kind in ("-c", "-"):
        if has_first:
            sys.path[0] = ""
        code = program[1] if kind == "-c" else sys.stdin.read()
        _run_code(code, None, [kind, *program[2 if kind == "-c" else 1:]])
    elif os.path.isdir(kind) or zipfile.is_zipfile(kind):
        sys.argv[:] = program
        sys.path[:1 if has_first else 0] = [os.path.abspath(kind)]
        _main_module()
        runpy._run_module_as_main("__main__", alter_argv=False)  # type: ignore[attr-defined]
    else:
        source = _read_script(kind)
        if has_first:
            sys.path[0] = os.path.dirname(os.path.realpath(kind))
        _run_code(source, os.path.join(os.getcwd(), kind), program)


def run_program() -> None:
    """The new image: proves itself, then becomes the program."""
    mark = os.environ.pop(_MARK, None)
    if mark is None:
        sys.exit("granary: use `python -m granary run`")
    try:
        _verify()
    except PreloadError as error:
        print(f"granary: {error}", file=sys.stderr)
        sys.exit(EXIT_CODE)
    if mark == "stats":
        atexit.register(_print_stats, os.getpid())
    _run_program(sys.argv[1:])

