# SPDX-License-Identifier: Apache-2.0 OR MIT
"""starting: runs one task under one allocator, and proves once that the allocator serves it."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import tempfile
import zlib

from allocators import Allocator
from catalogue import Task
from runner import PreloadError, explain_exit


def c_library() -> str:
    """Preloaded for `glibc`, since a program may be linked with an allocator of its own."""
    text = pathlib.Path("/proc/self/maps").read_text()
    return re.search(r"(\S+/libc(?:\.so\.6|-[\d.]+\.so))$", text, re.MULTILINE)[1]


def preload_of(allocator: Allocator) -> str:
    return allocator.path or c_library()


def environment_of(allocator: Allocator, more: dict[str, str]) -> dict[str, str]:
    environment = allocator.run_environment()
    environment.pop("LD_PRELOAD", None)
    return environment | more


class Launcher:
    def __init__(self, program: pathlib.Path, timeout: float, directory: pathlib.Path) -> None:
        self._program = program
        self._timeout = timeout
        self._directory = directory
        self._proved: set[tuple[str, str]] = set()

    def run(self, task: Task, allocator: Allocator) -> dict:
        """Figures of one run, as the workload programs report them."""
        if (task.name, allocator.name) not in self._proved:
            self._prove(task, allocator)
            self._proved.add((task.name, allocator.name))
        figures, _ = self._launch(task, allocator, {})
        return figures

    def _launch(self, task: Task, allocator: Allocator,
                more: dict[str, str]) -> tuple[dict, str]:
        prepared = self._directory / task.name
        with tempfile.TemporaryDirectory(prefix="run-", dir=self._directory) as name:
            work = pathlib.Path(name)
            figures = self._directory / "figures.json"
            command = [str(self._program), str(figures), preload_of(allocator),
                       *task.words(prepared)]
            with open(prepared / task.stdin if task.stdin else os.devnull, "rb") as stdin:
                try:
                    done = subprocess.run(
                        command, cwd=work, stdin=stdin, capture_output=True, check=False,
                        timeout=self._timeout,
                        env=environment_of(allocator, task.environment | more))
                except subprocess.TimeoutExpired:
                    raise RuntimeError(f"no end after {self._timeout:g} s") from None
            errors = done.stderr.decode(errors="replace")
            if "cannot be preloaded" in errors:
                raise PreloadError(f"{allocator.name}: {errors.strip().splitlines()[0]}")
            if done.returncode != 0:
                raise RuntimeError(explain_exit(done.returncode, errors))
            answer = task.answer(done.stdout.decode(errors="replace"), work)
        if not answer:
            raise RuntimeError("it gave no answer")
        result = json.loads(figures.read_text())
        return result | {"steady_rss_kib": result["peak_rss_kib"],
                         "checksum": zlib.crc32(answer.encode())}, errors

    def _prove(self, task: Task, allocator: Allocator) -> None:
        """One run in which the loader tells where it finds malloc for the program itself."""
        with tempfile.TemporaryDirectory(prefix="bindings-", dir=self._directory) as logs:
            self._launch(task, allocator, {"LD_DEBUG": "bindings", "LD_DEBUG_OUTPUT": f"{logs}/log"})
            name = task.binary or pathlib.Path(task.words(self._directory / task.name)[0]).name
            origins = set()
            for path in pathlib.Path(logs).iterdir():
                origins |= malloc_origins(path.read_text(errors="replace"), name)
        wanted = os.path.realpath(preload_of(allocator))
        if origins != {wanted}:
            raise PreloadError(f"{allocator.name}: malloc of {name} came from "
                               f"{', '.join(sorted(origins)) or 'nowhere'}, not from {wanted}; "
                               "nothing was measured")


BINDING = re.compile(r"binding file (\S+) \[\d+\] to (\S+) \[\d+\]: normal symbol "
                     r"[`']malloc'")


def malloc_origins(log: str, name: str) -> set[str]:
    """Where a process finds malloc, if it is the named program; nothing if it is another one."""
    if not re.search(rf"initialize program: \S*{re.escape(name)}$", log, re.MULTILINE) and \
            not re.search(rf"transferring control: \S*{re.escape(name)}$", log, re.MULTILINE) and \
            not re.search(rf"binding file (\S*/)?{re.escape(name)} ", log):
        return set()
    pairs = {(os.path.realpath(file), os.path.realpath(origin))
             for file, origin in BINDING.findall(log)}
    # A program at a fixed address that takes malloc's address shows its own stub to the others.
    stubs = {file for file, _ in pairs if os.path.basename(file).startswith(name)}
    return {origin for _, origin in pairs} - stubs

