# SPDX-License-Identifier: Apache-2.0 OR MIT
"""python -m granary: programs on granary, and where its library lies."""
from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Optional

from . import __version__, _run
from ._library import library_path
from .errors import GranaryError

_RUN_USAGE = ("%(prog)s [--python-objects] [--stats] script.py [argument ...]\n"
              "       %(prog)s [--python-objects] [--stats] -m module [argument ...]\n"
              "       %(prog)s [--python-objects] [--stats] -c code [argument ...]")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m granary", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="run | library")
    run = commands.add_parser(
        "run", usage=_RUN_USAGE, help="runs a Python program with granary as its malloc",
        description="Runs a Python program, and the programs it starts, with granary as malloc. Ends with "
                    f"code {_run.EXIT_CODE} and a reason if malloc is not granary's.")
    run.add_argument("--python-objects", action="store_true",
                     help="Python's small objects too, past pymalloc (PYTHONMALLOC=malloc)")
    run.add_argument("--stats", action="store_true", help="prints statistics to stderr at the end")
    library = commands.add_parser("library", help="prints the path of a library, for LD_PRELOAD")
    library.add_argument("kind", nargs="?", choices=("malloc", "late"), default="malloc")
    return parser


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """granary's own arguments, and the program with its arguments, which may look like options."""
    if not arguments or arguments[0] != "run":
        return list(arguments), []
    end = 1
    while end < len(arguments) and arguments[end].startswith("--") and arguments[end] != "--":
        end += 1
    if arguments[end:end + 1] in (["-h"], ["--help"]):
        end += 1
    own, program = list(arguments[:end]), list(arguments[end:])
    return own, program[1:] if program[:1] == ["--"] else program


def main(arguments: Optional[Sequence[str]] = None) -> int:
    own, program = _split(list(sys.argv[1:] if arguments is None else arguments))
    parser = _parser()
    options = parser.parse_args(own)
    try:
        if options.command == "library":
            print(library_path(options.kind))
            return 0
        if not program:
            parser.error("run: which program?")
        if program[0] in ("-m", "-c") and len(program) == 1:
            parser.error(f"run: {program[0]} wants an argument")
        if program[0].startswith("-") and program[0] not in ("-m", "-c", "-"):
            parser.error(f"run: unknown option {program[0]}")
        _run.replace_process(program, python_objects=options.python_objects, stats=options.stats)
    except GranaryError as error:
        print(f"granary: {error}", file=sys.stderr)
        return _run.EXIT_CODE


if __name__ == "__main__":
    sys.exit(main())
