# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The new image of `python -m granary run`: proves that malloc is granary's, then becomes the program.

Run as a script, outside of the package: what is imported here is in every program that runs on
granary. `__main__` becomes the program's, so that everything is in functions' hands before.
"""
from __future__ import annotations

import os
import sys

EXIT_CODE = 70  # EX_SOFTWARE: granary could not do what was asked for
MARK = "_GRANARY_RUN"  # in the environment of the new image, until it has been read


def is_preloaded() -> bool:
    """True if malloc() is granary's. As granary.is_process_malloc(), which would load the package."""
    import ctypes
    process = ctypes.CDLL(None)
    if not hasattr(process, "granary_owns_region"):
        return False
    process.malloc.restype, process.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    process.free.restype, process.free.argtypes = None, [ctypes.c_void_p]
    process.granary_owns_region.argtypes = [ctypes.c_void_p]
    region = process.malloc(64)
    try:
        return bool(process.granary_owns_region(region))
    finally:
        process.free(region)


def print_stats(process: int, package: str) -> None:
    if os.getpid() != process:  # a forked child
        return
    if package not in sys.path:
        sys.path.append(package)
    import granary
    print(granary.stats(), file=sys.stderr)


def main_namespace(main: dict[str, object]) -> dict[str, object]:
    """`__main__` as the interpreter would have made it."""
    for name in set(main) - {"__name__", "__builtins__", "__annotations__"}:
        del main[name]
    main.update(__doc__=None, __package__=None, __loader__=None, __spec__=None)
    return main


def read_script(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        print(f"{sys.executable}: can't open file {os.path.abspath(path)!r}: "
              f"[Errno {error.errno}] {error.strerror}", file=sys.stderr)
        sys.exit(2)


def is_container(path: str) -> bool:
    """A directory or zip file, with a __main__ of its own."""
    if os.path.isdir(path):
        return True
    import zipimport
    try:
        zipimport.zipimporter(path)
    except zipimport.ZipImportError:
        return False
    return True


def run_program(program: list[str], main: dict[str, object]) -> None:
    # The interpreter has put this file's directory first, unless it was told not to.
    has_first = not sys.flags.isolated and not getattr(sys.flags, "safe_path", False)
    places = 1 if has_first else 0
    kind = program[0]
    if kind in ("-c", "-"):
        sys.path[:places] = [""] * places
        sys.argv[:] = [kind, *program[2 if kind == "-c" else 1:]]
        source = program[1] if kind == "-c" else sys.stdin.read()
        code = compile(source, "<string>" if kind == "-c" else "<stdin>", "exec", dont_inherit=True)
        exec(code, main_namespace(main))
    elif kind == "-m" or is_container(kind):
        import runpy
        if kind == "-m":
            sys.path[:places] = [os.getcwd()] * places
            sys.argv[:] = program[1:]
        else:
            sys.path[:places] = [os.path.abspath(kind)]
            sys.argv[:] = program
        main_namespace(main)
        runpy._run_module_as_main(  # type: ignore[attr-defined]
            program[1] if kind == "-m" else "__main__", alter_argv=kind == "-m")
    else:
        from importlib.machinery import SourceFileLoader
        script = read_script(kind)
        sys.path[:places] = [os.path.dirname(os.path.realpath(kind))] * places
        sys.argv[:] = program
        path = os.path.join(os.getcwd(), kind)
        code = compile(script, path, "exec", dont_inherit=True)
        main_namespace(main).update(__file__=path, __cached__=None, __loader__=SourceFileLoader("__main__", path))
        exec(code, main)


def start(main: dict[str, object]) -> None:
    mark = os.environ.pop(MARK, None)
    if mark is None:
        sys.exit("granary: use `python -m granary run`")
    if not is_preloaded():
        print("granary: malloc of this process is not granary's: the dynamic linker did not preload it; "
              f"LD_PRELOAD is {os.environ.get('LD_PRELOAD')!r}", file=sys.stderr)
        sys.exit(EXIT_CODE)
    if mark == "stats":
        import atexit
        atexit.register(print_stats, os.getpid(), os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    run_program(sys.argv[1:], main)


if __name__ == "__main__":
    start(globals())
