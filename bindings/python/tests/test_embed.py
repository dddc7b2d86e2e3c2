# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A C program that embeds CPython on granary (python_embed.h), compiled against the installed package."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import granary

PROGRAM = r"""
#include <granary/python_embed.h>

#include <stdio.h>

static int run(int late) {
    PyPreConfig preconfig;
    PyPreConfig_InitPythonConfig(&preconfig);
    if (PyStatus_Exception(Py_PreInitialize(&preconfig)))
        return 10;
    if (!late && granary_python_preinit() != 0)
        return 11;
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    PyStatus status = PyConfig_SetBytesString(&config, &config.program_name, PYTHON);
    if (!PyStatus_Exception(status))
        status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status))
        return 12;
    if (late)
        return granary_python_preinit() == -1 ? 0 : 13;
    if (PyRun_SimpleString("import json, re, threading\n"
                           "kept = [json.loads(json.dumps({str(k): [k] * 20})) for k in range(20000)]\n"
                           "t = threading.Thread(target=lambda: [bytes(n) for n in range(5000)])\n"
                           "t.start(); t.join()\n") != 0)
        return 14;
    struct granary_stats_v1 stats;
    granary_stats_v1_read(&stats, sizeof stats);
    printf("%llu\n", (unsigned long long)stats.allocated);
    return Py_FinalizeEx() == 0 ? 0 : 15;
}

int main(int count, char** words) {
    (void)words;
    return run(count > 1);
}
"""


def _libpython() -> bool:
    directory, name = sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("LDLIBRARY") or ""
    places = [directory, os.path.join(directory or "", sysconfig.get_config_var("MULTIARCH") or "")]
    return name.endswith(".so") and any(place and os.path.exists(os.path.join(place, name)) for place in places)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not _libpython() or sysconfig.get_config_var("Py_GIL_DISABLED"):
        pytest.skip("this interpreter has no shared library to embed")
    compiler = shutil.which("cc")
    assert compiler is not None, "this test needs a C compiler, as building the package did"
    directory = tmp_path_factory.mktemp("embed")
    (directory / "main.c").write_text(PROGRAM)
    library = granary.library_path("late")
    (directory / "libgranary.so.1").symlink_to(library)
    libdir = sysconfig.get_config_var("LIBDIR")
    done = subprocess.run(
        [compiler, "-Wall", "-Wextra", "-Werror", "-Wconversion", f'-DPYTHON="{sys.executable}"',
         str(directory / "main.c"), "-o", str(directory / "main"), f"-I{granary.include_path()}", "-isystem",
         sysconfig.get_path("include"), str(library), f"-L{libdir}",
         f"-lpython{sysconfig.get_config_var('LDVERSION')}", f"-Wl,-rpath,{libdir}:{directory}"],
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return directory / "main"


def test_an_embedder_runs_wholly_on_granary(program: Path) -> None:
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == "", done
    assert int(done.stdout) > 10_000_000


def test_after_the_initialisation_it_is_refused(program: Path) -> None:
    done = subprocess.run([str(program), "late"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
