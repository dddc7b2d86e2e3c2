#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""gen_docs: docs/{size_classes,LOCKS,options,mallctl}.md from the tables in the code.

    cmake --build --preset dev --target docs     writes them
    ctest --preset dev -R docs_fresh             fails if they differ from the code

The tables come from granary_dump_tables (gen_docs/dump.cpp) as JSON, the text around them from
gen_docs/*.md.in, and gen_docs/pages.py puts both together.
"""

from __future__ import annotations

import argparse
import difflib
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "gen_docs"))
import pages  # noqa: E402  (tools/gen_docs/pages.py)

ROOT = HERE.parent


def read_tables(program: str) -> dict:
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"gen_docs: {program} ended with {done.returncode}: {done.stderr.strip()}")
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError as error:
        sys.exit(f"gen_docs: {program} printed no JSON: {error}")


def difference(path: pathlib.Path, wanted: str) -> list[str]:
    """Lines of a unified diff; empty if the file is as wanted."""
    there = path.read_text(encoding="utf-8") if path.exists() else ""
    return list(difflib.unified_diff(there.splitlines(), wanted.splitlines(),
                                     f"docs/{path.name} as committed",
                                     f"docs/{path.name} as the code says", lineterm="", n=1))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", required=True, metavar="PROGRAM",
                        help="granary_dump_tables of the build that is described")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if stale")
    parser.add_argument("--docs", type=pathlib.Path, default=ROOT / "docs", help="the directory")
    options = parser.parse_args()

    tables = read_tables(options.tables)
    stale = False
    for name in pages.PAGES:
        path = options.docs / name
        text = pages.render(name, tables)
        lines = difference(path, text)
        if not lines:
            continue
        stale = True
        if options.check:
            print("\n".join(lines))
        else:
            path.write_text(text, encoding="utf-8")
            print(f"gen_docs: wrote docs/{name}")
    if stale and options.check:
        print("gen_docs: stale; build the target `docs` and commit what it writes", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
