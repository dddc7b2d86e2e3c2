# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Tests of the real-program rows, on the shell: it is always there and allocates.

Run by CTest as bench.programs, which names the built launcher in the environment.
"""

import os
import pathlib
import shutil
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE.parents[1] / "compare"))

import catalogue  # noqa: E402
import programs  # noqa: E402
from allocators import Allocator  # noqa: E402
from catalogue import Task  # noqa: E402
from runner import PreloadError  # noqa: E402
from starting import Launcher, malloc_origins  # noqa: E402

LAUNCH = pathlib.Path(os.environ["BENCH_LAUNCH"])
OTHER = Allocator("other", os.environ["BENCH_BROKEN_MALLOC"])
SHELL = os.path.realpath(shutil.which("sh"))


def run(script, allocator, answer=catalogue.output_itself):
    task = Task("shell", (), (SHELL, "-c", script), answer=answer)
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        (directory / "shell").mkdir()
        return Launcher(LAUNCH, 30, directory).run(task, allocator)


class Running(unittest.TestCase):
    def test_figures_are_those_of_the_program_and_of_what_it_starts(self):
        figures = run("dd if=/dev/zero of=zeros bs=16M count=1 2>errors; sleep 0.2; echo done", OTHER)
        self.assertGreaterEqual(figures["seconds"], 0.2)
        self.assertGreater(figures["peak_rss_kib"], 16 * 1024)  # dd's, not the shell's
        self.assertGreater(figures["minor_faults"], 100)

    def test_equal_answers_have_equal_checksums_and_others_have_not(self):
        sums = [run(f"echo {word} > out", OTHER, catalogue.file_digest("out"))["checksum"]
                for word in ("a", "a", "b")]
        self.assertEqual(sums[0], sums[1])
        self.assertNotEqual(sums[0], sums[2])

    def test_program_that_fails_or_says_nothing_is_a_failure(self):
        with self.assertRaisesRegex(RuntimeError, "exit status 3: out of luck"):
            run("echo out of luck >&2; exit 3", OTHER)
        with self.assertRaisesRegex(RuntimeError, "no answer"):
            run("true", OTHER)

    def test_library_without_malloc_is_refused(self):
        library = next(line.split()[-1] for line in pathlib.Path("/proc/self/maps").read_text()
                       .splitlines() if "libm.so" in line or "libz.so" in line)
        with self.assertRaisesRegex(PreloadError, "nothing was measured"):
            run("echo done", Allocator("nothing", library))

    def test_c_library_is_preloaded_for_glibc(self):
        self.assertGreater(run("echo done", Allocator("glibc", None))["peak_rss_kib"], 0)


class Proof(unittest.TestCase):
    LOG = ("1:\tbinding file /usr/bin/gs [0] to /opt/a.so [0]: normal symbol `malloc' [GLIBC_2.2.5]\n"
           "1:\tbinding file /lib/libc.so.6 [0] to /usr/bin/gs [0]: normal symbol `malloc'\n")

    def test_stub_of_the_program_is_not_an_allocator(self):
        self.assertEqual(malloc_origins(self.LOG, "gs"), {"/opt/a.so"})

    def test_log_of_another_program_says_nothing(self):
        self.assertEqual(malloc_origins(self.LOG, "cc1plus"), set())


class Catalogue(unittest.TestCase):
    def test_missing_program_is_named_with_its_package(self):
        task = Task("x", (("no-such-command", "no-such-package"),), ("no-such-command",))
        self.assertEqual(task.missing(), ["no-such-package"])

    def test_names_are_unique_and_rows_are_chosen_by_expression(self):
        names = [task.name for task in (*programs.REDIS_TASKS, *catalogue.TASKS)]
        self.assertEqual(len(names), len(set(names)))
        chosen, skipped = programs.choose("^(lua|z3)$")
        self.assertEqual(len(chosen) + len(skipped), 2)


if __name__ == "__main__":
    unittest.main()
