# SPDX-License-Identifier: Apache-2.0 OR MIT
"""workload_sqlite: a database in memory: load, index, query, update, delete. Deterministic."""

import sqlite3
import time

import workload_probe

ROWS = 150_000


def numbers(count, seed=1):
    """A plain congruential sequence; the same on every machine."""
    state = seed
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2 ** 64
        yield state >> 33


def work():
    database = sqlite3.connect(":memory:")
    run = database.execute
    run("CREATE TABLE item (id INTEGER PRIMARY KEY, grp INTEGER, name TEXT, body BLOB)")
    database.executemany("INSERT INTO item (grp, name, body) VALUES (?, ?, zeroblob(?))",
                         ((n % 1000, f"name-{n % 50_000}", n % 200) for n in numbers(ROWS)))
    run("CREATE INDEX by_name ON item (name)")
    run("CREATE INDEX by_group ON item (grp, id)")
    checksum = 0
    for n in numbers(40_000, seed=2):
        row = run("SELECT count(*), max(id) FROM item WHERE name = ?", (f"name-{n % 50_000}",))
        checksum += row.fetchone()[0]
    for group, count, longest in run("SELECT grp, count(*), max(length(body)) FROM item "
                                     "GROUP BY grp"):
        checksum += group * count + longest
    run("UPDATE item SET body = zeroblob(length(body) * 3) WHERE id % 3 = 0")
    checksum += run("SELECT sum(length(names)) FROM (SELECT group_concat(name) AS names "
                    "FROM item GROUP BY grp)").fetchone()[0]
    run("DELETE FROM item WHERE id % 2 = 0")
    checksum += run("SELECT sum(a.id - b.id) FROM item a JOIN item b ON a.name = b.name "
                    "WHERE a.grp < 100").fetchone()[0] % 1_000_003
    checksum += len(run("SELECT * FROM item ORDER BY name DESC, id").fetchall())
    database.close()
    return checksum


start = time.perf_counter()
result = work()
workload_probe.report(time.perf_counter() - start, result)
