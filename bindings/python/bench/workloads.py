# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Four things that Python programs do all day, each with a check of its result.

usage: workloads.py <name> <scale>      prints seconds and peak RSS in bytes, as JSON
"""
from __future__ import annotations

import json
import random
import re
import sqlite3
import sys
import time


def json_documents(scale: float) -> int:
    """Builds nested documents, writes and reads them, keeps the last hundred."""
    choose = random.Random(1)
    kept: list[object] = []
    total = 0
    for k in range(int(1000 * scale)):
        document = {"id": k, "items": [{"name": f"item {i}", "price": i * 1.25, "tags": ["a" * (i % 40), str(i)]}
                                       for i in range(200 + choose.randrange(400))]}
        text = json.dumps(document)
        total += len(text)
        kept.append(json.loads(text))
        if len(kept) > 100:
            kept.pop(choose.randrange(100))
    return total


def sqlite_tables(scale: float) -> int:
    """Fills a table with texts and blobs, an index, joins, updates and deletes, in memory."""
    rows = int(200_000 * scale)
    db = sqlite3.connect(":memory:")
    db.execute("create table t(a integer primary key, b text, c blob)")
    db.executemany("insert into t values(?, ?, ?)", ((k, f"text {k * 7919 % rows}" * 3, b"y" * (k % 500))
                                                     for k in range(rows)))
    db.execute("create index i on t(b)")
    for k in range(0, rows, 50):
        db.execute("update t set c = ? where a = ?", (b"z" * (k % 3000), k))
    found = db.execute("select count(*), sum(length(x.c)) from t x join t y on x.b = y.b where x.a % 3 = 0").fetchone()
    db.execute("delete from t where a % 2")
    rest = db.execute("select b, a from t order by b, a desc").fetchall()
    db.close()
    return int(found[0] + found[1] + len(rest))


def regex_texts(scale: float) -> int:
    """Tokenises, searches and rewrites log lines."""
    choose = random.Random(2)
    lines = [f"2026-11-{k % 28 + 1:02d}T12:{k % 60:02d}:07 host{k % 90} app[{k}]: GET /a/{k % 977}?q={'x' * (k % 60)} "
             f"{choose.randrange(100, 600)} {choose.randrange(10 ** 6)}us" for k in range(int(150_000 * scale))]
    line = re.compile(r"(?P<when>\S+) (?P<host>\w+) (?P<app>\w+)\[(?P<pid>\d+)\]: (?P<verb>[A-Z]+) "
                      r"(?P<path>\S+) (?P<code>\d+) (?P<us>\d+)us")
    token = re.compile(r"\d+|\w+|[^\w\s]")
    records = [match.groupdict() for match in map(line.match, lines) if match]
    tokens = sum(len(token.findall(text)) for text in lines)
    rewritten = [re.sub(r"q=(x+)", lambda match: f"q={len(match[1])}", text) for text in lines]
    by_host: dict[str, list[str]] = {}
    for record in records:
        by_host.setdefault(record["host"], []).append(record["path"])
    return tokens + len(records) + sum(map(len, rewritten)) + len(by_host)


def numpy_arrays(scale: float) -> int:
    """Expressions with temporaries of many sizes, sorting, fancy indexing, arrays that stay."""
    import numpy
    generator = numpy.random.default_rng(3)
    kept: list[object] = []
    total = 0.0
    for k in range(int(150 * scale)):
        n = int(generator.integers(1000, 200_000))
        a, b = generator.random(n), generator.random(n)
        c = numpy.sqrt(a * a + b * b) - (a + b) / 2
        order = numpy.argsort(c)
        total += float(c[order[: n // 2]].sum())
        kept.append(c[c > 0.3])
        if len(kept) > 40:
            del kept[::2]
        for _ in range(200):
            small = numpy.zeros(3) + numpy.ones(3) * k
            total += float(small[0])
    return int(total)


WORKLOADS = {"json": json_documents, "sqlite3": sqlite_tables, "regex": regex_texts, "numpy": numpy_arrays}


def peak_rss() -> int:
    with open("/proc/self/status", encoding="ascii") as status:
        for entry in status:
            if entry.startswith("VmHWM:"):
                return int(entry.split()[1]) * 1024
    raise RuntimeError("no VmHWM")


def main() -> None:
    name, scale = sys.argv[1], float(sys.argv[2])
    if name == "numpy":
        import numpy  # noqa: F401  (before the clock starts)
    start = time.perf_counter()
    result = WORKLOADS[name](scale)
    print(json.dumps({"seconds": time.perf_counter() - start, "result": result, "rss": peak_rss()}))


if __name__ == "__main__":
    main()
