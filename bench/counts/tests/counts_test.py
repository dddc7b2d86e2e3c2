# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Tests of the counting: an allocator whose instructions are known, and checks that have to fail.

Run by CTest as bench.counts, which names the built programs in the environment.
"""

import os
import pathlib
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import counts  # noqa: E402
import disassembly  # noqa: E402
from allocators import UsageError  # noqa: E402
from tracing import Programs, TracingRefused, stepper  # noqa: E402

PROGRAMS = Programs(pathlib.Path(os.environ["COUNTS_PROGRAMS"]))
KNOWN, LIBRARY = os.environ["COUNTS_KNOWN"], os.environ["COUNTS_KNOWN_MALLOC"]


def known(count):
    try:
        document = stepper(PROGRAMS, dict(os.environ), [LIBRARY], None, count, KNOWN)
        assert os.path.samefile(document["allocator"], LIBRARY), document["allocator"]
        return document["sections"]
    except TracingRefused as reason:
        raise unittest.SkipTest(str(reason)) from None


class Stepper(unittest.TestCase):
    def test_counts_what_can_be_counted_by_reading(self):
        sections = known("steps")
        ten = sections["ten_mallocs"]
        self.assertEqual((ten["calls"], ten["instructions"], ten["atomics"]), (10, 60, 10))
        self.assertEqual(len(ten["median_path"]), 6)

    def test_repeated_instruction_counts_once_and_a_nested_call_belongs_to_the_outer_one(self):
        one = known("steps")["one_calloc"]
        self.assertEqual((one["calls"], one["instructions"], one["atomics"]), (1, 15, 1))

    def test_new_thread_counts_for_the_section_of_its_creator(self):
        other = known("steps")["other_thread"]
        self.assertGreaterEqual(other["calls"], 10)  # and what the C library asks for
        self.assertEqual(other["median_call"], 1)

    def test_system_calls_are_counted_inside_sections_only(self):
        sections = known("calls")
        self.assertEqual(sections["system_calls"]["system_calls"], 3)
        self.assertEqual(sections.get("ten_mallocs", {"system_calls": 0})["system_calls"], 0)


class HitPaths(unittest.TestCase):
    CODE = {0: "mov    0x10(%rip),%rax        # 50 <x>", 2: "mov    %fs:(%rax),%rdx", 3: "ret",
            4: "push   %rbx", 5: "call   9 <slow>", 6: "lock xadd %rax,(%rdx)"}

    def complaints(self, *path):
        return " ".join(disassembly.complaints("malloc", list(path), self.CODE, {0x50}))

    def test_plain_path_is_accepted(self):
        self.assertEqual(self.complaints(0, 2, 3), "")

    def test_calls_pushes_and_atomics_are_refused(self):
        for address, word in ((4, "push"), (5, "call"), (6, "lock")):
            self.assertIn(word, self.complaints(0, 2, address, 3))

    def test_thread_local_storage_is_looked_up_once(self):
        self.assertIn("0 look-ups", self.complaints(2, 3))
        self.assertIn("2 look-ups", self.complaints(0, 0, 3))

    def test_function_that_begins_inside_a_line_is_told(self):
        self.assertIn("begins at 0x2, inside a line", self.complaints(2, 0, 3))


class Bounds(unittest.TestCase):
    def test_figure_above_its_bound_and_missing_figure_are_told(self):
        found = counts.check({"a": 5.0, "b": 2.0}, {"a": (4, 3), "b": (2, 2), "c": (1, 1)})
        self.assertEqual(len(found), 2)
        self.assertIn("c: no such figure", found)
        self.assertIn("a: 5.00, the bound is 4", found)

    def test_line_that_is_no_bound_is_refused_with_its_number(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, "bounds.txt")
            path.write_text("# figure bound target\npair_64 55 42\npair_2k many 45\n")
            with self.assertRaisesRegex(UsageError, "bounds.txt:3"):
                counts.read_bounds(str(path))


if __name__ == "__main__":
    unittest.main()
