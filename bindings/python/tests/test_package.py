# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The package as it is installed: late import, files, types."""
from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import granary

from conftest import Outcome

PACKAGE = Path(granary.__file__).parent
PROJECT = Path(__file__).resolve().parent.parent


def test_the_libraries_are_inside() -> None:
    for kind in ("malloc", "late"):
        path = granary.library_path(kind)
        assert path.is_file() and path.parent == PACKAGE / "lib" and path.stat().st_mode & 0o111
    with pytest.raises(ValueError, match="neither of"):
        granary.library_path("static")
    assert (PACKAGE / "py.typed").is_file()


def test_import_does_nothing_else(python: Callable[..., Outcome]) -> None:
    code = """
        import sys, json
        before = set(sys.modules)
        import granary
        print(json.dumps(sorted({name.split('.')[0] for name in set(sys.modules) - before})))
    """
    heavy = {"numpy", "pandas", "matplotlib", "asyncio", "multiprocessing"}
    assert not heavy & set(python(code).json())


def test_late_import_needs_no_static_tls(python: Callable[..., Outcome], tmp_path: Path) -> None:
    """Libraries with thread-local variables have used up what a process has for late comers."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    assert compiler is not None, "this test needs a C compiler, as building the package did"
    source = tmp_path / "user.c"
    source.write_text("static __thread char room[SIZE];\nchar* at(int k) { return &room[k]; }\n")
    for size in (64, 8):
        subprocess.run([compiler, "-shared", "-fPIC", "-ftls-model=initial-exec", f"-DSIZE={size}", "-o",
                        str(tmp_path / f"user{size}.so"), str(source)], check=True)
    outcome = python(f"""
        import ctypes, json, shutil
        loaded = 0
        for size in (64, 8):
            for k in range(2000):
                copy = f"{tmp_path}/copy_{{size}}_{{k}}.so"
                shutil.copy(f"{tmp_path}/user{{size}}.so", copy)
                try:
                    ctypes.CDLL(copy)
                except OSError as error:
                    assert "static TLS" in str(error), error
                    break
                loaded += 1
            else:
                raise SystemExit("static TLS has no end")
        import granary, threading
        with granary.arena() as a:
            view = a.allocate(1000)
            sums = []
            def work():
                own = [a.allocate(k) for k in range(1, 1000)]
                sums.append(sum(map(len, own)))
            threads = [threading.Thread(target=work) for _ in range(4)]
            for t in threads: t.start()
            for t in threads: t.join()
            del view
        try:
            ctypes.CDLL(str(granary.library_path())); control = "loaded"
        except OSError as error:
            control = "static TLS" in str(error)
        print(json.dumps([loaded, sums, control]))
    """)
    loaded, sums, control = outcome.json()
    assert loaded > 2 and sums == [499500] * 4
    assert control is True, "the library for preloading could not have been opened"


def test_two_importers_share_a_heap(python: Callable[..., Outcome]) -> None:
    """A second copy of the package finds the first one's library."""
    code = f"""
        import granary, sys, json, importlib.util
        spec = importlib.util.spec_from_file_location("second", {str(PACKAGE / '__init__.py')!r},
                                                      submodule_search_locations=[{str(PACKAGE)!r}])
        second = importlib.util.module_from_spec(spec); sys.modules["second"] = second
        spec.loader.exec_module(second)
        with granary.arena("shared") as a:
            block = a.allocate(12345)
            names = [one.name for one in second.stats().arenas]
            del block
        print(json.dumps([names, second._library.was_there]))
    """
    names, was_there = python(code).json()
    assert "shared" in names and was_there is True


def test_a_process_on_an_older_granary_is_refused(python: Callable[..., Outcome], tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    assert compiler is not None
    (tmp_path / "old.c").write_text("void* granary_malloc(void) { return 0; }\n")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(tmp_path / "old.so"), str(tmp_path / "old.c")],
                   check=True)
    outcome = python("import granary", env={"LD_PRELOAD": str(tmp_path / "old.so")})
    assert outcome.code == 1 and "older granary" in outcome.err and "LibraryError" in outcome.err


def test_a_missing_library_is_an_import_error(tmp_path: Path) -> None:
    from conftest import run_child
    shutil.copytree(PACKAGE, tmp_path / "granary", ignore=shutil.ignore_patterns("__pycache__", "lib"))
    outcome = run_child(["-c", "import granary"], {"PYTHONPATH": str(tmp_path)})
    assert outcome.code == 1 and "LibraryError" in outcome.err and "not completely installed" in outcome.err


def test_types_are_complete() -> None:
    pytest.importorskip("mypy")
    done = subprocess.run([sys.executable, "-m", "mypy", "--config-file", str(PROJECT / "pyproject.toml"),
                           "--no-incremental"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_stubs_are_what_swig_made() -> None:
    pytest.importorskip("mypy")
    allowed = PROJECT / "tests" / "stubtest_allowed.txt"
    done = subprocess.run([sys.executable, "-m", "mypy.stubtest", "granary.native", "--allowlist", str(allowed)],
                          cwd=PROJECT / "tests", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
