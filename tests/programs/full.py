#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Runs every program in full and prints one table; about twenty minutes on two cores.

usage: full.py --library libgranary_malloc.so --build <directory with compile_commands.json>
"""
import argparse
import pathlib
import subprocess
import sys

SKIPPED = 77
SCRIPTS = ("sqlite", "scripts", "repository", "compiler", "redis", "jemalloc_clients", "rust", "cpython")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", required=True)
    parser.add_argument("--build", required=True)
    arguments = parser.parse_args()
    directory = pathlib.Path(__file__).resolve().parent
    rows, failures, skipped = [], [], []
    for script in SCRIPTS:
        print(f"{script} ...", file=sys.stderr, flush=True)
        result = subprocess.run(
            [sys.executable, directory / f"{script}.py", "--library", arguments.library, "--build", arguments.build,
             "--full"], stdout=subprocess.PIPE, text=True, check=False)
        rows += [line for line in result.stdout.splitlines() if line.startswith("|")]
        if result.returncode == SKIPPED:  # it said why
            skipped.append(script)
        elif result.returncode != 0:
            failures.append(script)
    print("| program | what | s, system | s, granary | MiB, system | MiB, granary |")
    print("|---|---|--:|--:|--:|--:|")
    print("\n".join(rows))
    if skipped:
        print(f"skipped: {', '.join(skipped)}")
    if failures:
        print(f"failed: {', '.join(failures)}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
