# SPDX-License-Identifier: Apache-2.0 OR MIT
"""python -m granary run: the program is what it would be without, and malloc is granary's."""
from __future__ import annotations

import json
import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

import granary

from conftest import run_child

LOOK = """
import json, os, sys, __main__
print(json.dumps({
    "argv": sys.argv, "name": __name__, "file": globals().get("__file__"), "path0": sys.path[0],
    "spec": getattr(__spec__, "name", None), "flags": list(sys.flags)[:10], "main": sorted(vars(__main__)),
    "executable": sys.executable, "stdin": sys.stdin.readline(), "warn": sys.warnoptions,
}))
"""
PROOF = """
import json, granary, os
print(json.dumps([granary.is_process_malloc(), os.environ.get("PYTHONMALLOC"), "_GRANARY_RUN" in os.environ]))
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "look.py").write_text(LOOK)
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "__main__.py").write_text(LOOK)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "__main__.py").write_text(LOOK)
    with zipfile.ZipFile(tmp_path / "app.pyz", "w") as archive:
        archive.writestr("__main__.py", LOOK)
    return tmp_path


@pytest.mark.parametrize("program", [["look.py"], ["./look.py", "-m", "--stats"], ["-m", "look", "-c"],
                                     ["-m", "package", "x"], ["folder", "1"], ["app.pyz"], ["-c", LOOK, "--", "y"]],
                         ids=lambda words: words[0] + words[1][:8] if len(words) > 1 else words[0])
@pytest.mark.parametrize("flags", [[], ["-O", "-W", "error"]], ids=["plain", "flags"])
def test_the_program_sees_no_difference(directory: Path, program: list[str], flags: list[str]) -> None:
    plain = run_child([*flags, *program], stdin="line\n", cwd=str(directory))
    under = run_child([*flags, "-m", "granary", "run", *program], stdin="line\n", cwd=str(directory))
    assert under.json() == plain.json()


def test_malloc_is_granarys(directory: Path) -> None:
    assert run_child(["-m", "granary", "run", "-c", PROOF]).json() == [True, None, False]
    assert run_child(["-m", "granary", "run", "--python-objects", "-c", PROOF]).json() == [True, "malloc", False]
    assert run_child(["-c", PROOF]).json() == [False, None, False]


def test_what_the_program_starts_is_on_granary_too() -> None:
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {PROOF!r}], check=True)"
    assert run_child(["-m", "granary", "run", "-c", code]).json() == [True, None, False]


def test_other_preloaded_libraries_stay() -> None:
    other = "libc.so.6"
    code = "import os, json; print(json.dumps(os.environ['LD_PRELOAD'].split(':')))"
    outcome = run_child(["-m", "granary", "run", "-c", code], {"LD_PRELOAD": other})
    assert outcome.json() == [str(granary.library_path()), other]


@pytest.mark.parametrize("code, expected", [("raise SystemExit(3)", 3), ("1/0", 1), ("import os; os.abort()", -6)])
def test_exit_codes_come_through(code: str, expected: int) -> None:
    assert run_child(["-m", "granary", "run", "-c", code]).code == expected


def test_stats_are_printed_at_the_end_once() -> None:
    outcome = run_child(["-m", "granary", "run", "--stats", "-c",
                         "import os, sys\nif os.fork() == 0: sys.exit()\nos.wait()\nprint('ok')"])
    assert outcome.code == 0 and outcome.out == "ok\n"
    assert outcome.err.count("granary, epoch") == 1 and "fragmentation" in outcome.err


def test_a_missing_script_is_the_interpreters_error() -> None:
    plain, under = run_child(["nope.py"]), run_child(["-m", "granary", "run", "nope.py"])
    assert (under.code, under.err) == (plain.code, plain.err)


@pytest.mark.parametrize("arguments, message", [
    ([], "which program"), (["-m"], "wants an argument"), (["--python-object", "-q", "x"], "unknown option -q"),
    (["--nope", "x.py"], "unrecognized arguments"),
])
def test_wrong_arguments_are_explained(arguments: list[str], message: str) -> None:
    outcome = run_child(["-m", "granary", "run", *arguments])
    assert outcome.code == 2 and message in outcome.err


def _copy_of_package(where: Path) -> Path:
    copy = where / "granary"
    shutil.copytree(Path(granary.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def test_a_library_that_cannot_be_preloaded_is_noticed(tmp_path: Path) -> None:
    library = _copy_of_package(tmp_path) / "lib" / "libgranary_malloc.so"
    library.write_bytes(library.read_bytes()[:100])
    outcome = run_child(["-m", "granary", "run", "-c", "print('ran')"], {"PYTHONPATH": str(tmp_path)})
    assert outcome.code == 70
    assert "malloc of this process is not granary's" in outcome.err and "ran" not in outcome.out


def test_a_missing_library_is_noticed(tmp_path: Path) -> None:
    (_copy_of_package(tmp_path) / "lib" / "libgranary_malloc.so").unlink()
    outcome = run_child(["-m", "granary", "run", "-c", "print('ran')"], {"PYTHONPATH": str(tmp_path)})
    assert outcome.code == 70 and "not completely installed" in outcome.err and outcome.out == ""


def test_a_path_that_the_linker_would_cut_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    _copy_of_package(tmp_path / "a b")
    outcome = run_child(["-m", "granary", "run", "-c", "print('ran')"], {"PYTHONPATH": str(tmp_path / "a b")})
    assert outcome.code == 70 and "no path with a blank" in outcome.err and outcome.out == ""


def test_library_prints_what_to_preload() -> None:
    outcome = run_child(["-m", "granary", "library"])
    path = outcome.out.strip()
    assert path == str(granary.library_path()) and os.path.isfile(path)
    assert run_child(["-c", PROOF], {"LD_PRELOAD": path}).json()[0] is True


@pytest.mark.skipif(shutil.which("granary", path=os.path.dirname(sys.executable)) is None,
                    reason="the package is not installed with its script")
def test_the_script_is_the_module() -> None:
    import subprocess
    script = shutil.which("granary", path=os.path.dirname(sys.executable))
    assert script is not None
    done = subprocess.run([script, "run", "-c", PROOF], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)[0] is True
