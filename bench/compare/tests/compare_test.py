# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Tests of the comparison: arithmetic by hand cases, everything else on real runs.

Run by CTest as bench.compare, which names the built programs in the environment.
"""

import contextlib
import io
import json
import os
import pathlib
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import compare  # noqa: E402
import plots  # noqa: E402
import report  # noqa: E402
import rows  # noqa: E402
import summary  # noqa: E402
from allocators import Allocator, UsageError, parse_pair  # noqa: E402
from runner import Cell, fail_wrong_checksums  # noqa: E402

PROGRAMS = os.environ["BENCH_PROGRAMS"]
BROKEN = os.environ["BENCH_BROKEN_MALLOC"]


def run(seconds=1.0, checksum=1, peak=1000):
    return {"seconds": seconds, "user_seconds": seconds, "system_seconds": 0.0,
            "checksum": checksum, "peak_rss_kib": peak, "steady_rss_kib": peak, "minor_faults": 10}


def invoke(*arguments):
    """Exit status, standard output and standard error of the command."""
    out, err = io.StringIO(), io.StringIO()
    saved = sys.argv
    sys.argv = ["compare.py", "--programs", PROGRAMS, *arguments]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = compare.main()
    finally:
        sys.argv = saved
    return status, out.getvalue(), err.getvalue()


class Arithmetic(unittest.TestCase):
    ROWS = [rows.Row(name, "pairs", (), 1, 1.0, True) for name in ("a", "b")]

    def test_geometric_mean_is_over_ratios_to_the_best_of_each_row(self):
        table = {"a": {"x": Cell([run(1.0)]), "y": Cell([run(2.0)])},
                 "b": {"x": Cell([run(8.0)]), "y": Cell([run(1.0)])}}
        means = report.geometric_means(table, self.ROWS, "wall")
        self.assertAlmostEqual(means["to_best"]["x"], 8 ** 0.5)
        self.assertAlmostEqual(means["to_best"]["y"], 2 ** 0.5)
        self.assertEqual(means["worst_row"]["x"], (8.0, "b"))

    def test_row_with_a_failure_is_left_out_of_the_mean_and_named(self):
        table = {"a": {"x": Cell([run(1.0)]), "y": Cell([run(2.0)])},
                 "b": {"x": Cell([run(8.0)]), "y": Cell([], "killed by SIGSEGV")}}
        self.assertEqual(report.geometric_means(table, self.ROWS, "wall")["rows"], 1)
        text = report.render(table, self.ROWS, "wall", "x", "y")
        self.assertIn("FAILED (1)", text)
        self.assertIn("b  y  killed by SIGSEGV", text)

    def test_median_and_spread_ignore_one_outlier(self):
        cell = Cell([run(s) for s in (1.0, 1.0, 1.0, 1.0, 50.0)])
        self.assertEqual(report.median(cell, "wall"), 1.0)
        self.assertEqual(report.spread(cell, "wall"), 0.0)

    def test_checksum_that_differs_from_most_runs_fails_its_cell_only(self):
        table = {"a": {"x": Cell([run(checksum=5)]), "y": Cell([run(checksum=5)]),
                       "z": Cell([run(checksum=6)])}}
        fail_wrong_checksums(table)
        self.assertIsNone(table["a"]["x"].failure)
        self.assertIn("checksum 6", table["a"]["z"].failure)


class Summary(unittest.TestCase):
    ROWS = [rows.Row("a/1", "pairs", (), 1, 1.0, True, rows.ONE),
            rows.Row("a/2", "pairs", (), 2, 1.0, True, rows.ALL)]
    TABLE = {"a/1": {"granary": Cell([run(2.0)]), "granary_eager": Cell([run(0.1)]),
                     "x": Cell([run(4.0)]), "y": Cell([run(1.0)])},
             "a/2": {"granary": Cell([run(1.0)]), "granary_eager": Cell([run(0.1)]),
                     "x": Cell([run(2.0)]), "y": Cell([], "killed by SIGSEGV")}}

    def test_subject_is_compared_with_the_best_peer_of_each_row_and_with_each_peer(self):
        every = summary.summarise(self.TABLE, self.ROWS, "wall", "granary")["all rows"]
        self.assertAlmostEqual(every["to_best_peer"], 1.0)  # 2 and 1/2
        self.assertAlmostEqual(every["to_each_peer"]["x"], 0.5)
        self.assertAlmostEqual(every["to_each_peer"]["y"], 2.0)  # the row in which it ran
        self.assertEqual(every["above_limit"], [(2.0, "a/1", "y")])

    def test_other_forms_of_the_subject_are_no_peers(self):
        every = summary.summarise(self.TABLE, self.ROWS, "wall", "granary")["all rows"]
        self.assertEqual(set(every["to_each_peer"]), {"x", "y"})

    def test_groups_hold_the_rows_of_their_form_alone(self):
        groups = summary.summarise(self.TABLE, self.ROWS, "wall", "granary")
        self.assertEqual(groups["1 thread"]["rows"], 1)
        self.assertAlmostEqual(groups["1 thread per CPU"]["to_best_peer"], 0.5)
        self.assertNotIn("4 per CPU", groups)


class Plots(unittest.TestCase):
    def test_plots_are_drawn_or_the_missing_library_is_named(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "out.json")
            status, _, err = invoke("--only", "glibc", "--rows", "^(bulk_fifo|first_malloc)/1$",
                                    "--scale", "0.02", "--repetitions", "1", "--json", path)
            self.assertEqual((status, err), (0, ""))
            try:
                drawn = plots.draw(json.loads(pathlib.Path(path).read_text()),
                                   pathlib.Path(directory, "plots"))
            except UsageError as missing:
                self.assertIn("python3-matplotlib", str(missing))
                return
            self.assertEqual([p.name for p in drawn], ["overview.svg", "time.svg", "peak.svg"])
            self.assertIn("bulk_fifo/1", drawn[1].read_text())
            self.assertNotIn("first_malloc/1", drawn[1].read_text())
            self.assertIn("first_malloc/1", drawn[2].read_text())


class Rows(unittest.TestCase):
    def test_names_are_unique_and_single_cpu_machines_measure_nothing_twice(self):
        for cpus in (1, 2, 16):
            names = [row.name for row in rows.expand(cpus, list(rows.FORMS), "")]
            self.assertEqual(len(names), len(set(names)))

    def test_every_pattern_has_its_program(self):
        for pattern in rows.PATTERNS:
            self.assertTrue((pathlib.Path(PROGRAMS) / pattern.program).is_file(), pattern.program)


class Environment(unittest.TestCase):
    def test_tuning_of_the_callers_shell_does_not_leak_into_runs(self):
        os.environ["MALLOC_ARENA_MAX"] = "1"
        try:
            self.assertNotIn("MALLOC_ARENA_MAX", Allocator("glibc", None).run_environment())
        finally:
            del os.environ["MALLOC_ARENA_MAX"]

    def test_allocator_argument_without_a_file_is_refused_by_name(self):
        with self.assertRaisesRegex(UsageError, "there is no file /nowhere.so"):
            parse_pair("x=/nowhere.so")


class Command(unittest.TestCase):
    def test_one_quick_row_gives_a_table_and_a_document(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "out.json")
            status, out, err = invoke("--only", "glibc", "--rows", "^bulk_fifo/1$",
                                      "--scale", "0.02", "--repetitions", "3", "--json", path)
            self.assertEqual((status, err), (0, ""))
            self.assertIn("bulk_fifo/1", out)
            document = json.loads(pathlib.Path(path).read_text())
            self.assertEqual(len(document["rows"][0]["results"]["glibc"]["runs"]), 3)
            self.assertGreater(document["rows"][0]["results"]["glibc"]["median"]["wall"], 0)

    def test_broken_allocator_is_reported_as_failed_and_fails_the_command(self):
        status, out, _ = invoke("--allocator", f"broken={BROKEN}",
                                "--env", "broken:BROKEN_MALLOC=twice", "--only", "glibc,broken",
                                "--rows", "^bulk_fifo/1$", "--scale", "0.02", "--repetitions", "2")
        self.assertEqual(status, 1)
        self.assertIn("bulk_fifo/1  broken  run 1: exit status 1: workload: stamp overwritten", out)

    def test_library_without_malloc_is_refused_before_anything_is_measured(self):
        maps = pathlib.Path("/proc/self/maps").read_text().splitlines()
        library = next(line.split()[-1] for line in maps if "libm.so" in line or "libz.so" in line)
        status, out, err = invoke("--allocator", f"nothing={library}", "--only", "nothing",
                                  "--rows", "^bulk_fifo/1$", "--scale", "0.02")
        self.assertEqual((status, out), (2, ""))
        self.assertIn("nothing was measured", err)

    def test_row_expression_without_a_match_is_refused(self):
        status, _, err = invoke("--rows", "no_such_row")
        self.assertEqual(status, 2)
        self.assertIn("no_such_row", err)


if __name__ == "__main__":
    unittest.main()
