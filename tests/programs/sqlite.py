#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""SQLite's shell loads a database (20 MB, 200 MB in full) and answers the same on both allocators."""
import sys

import harness

SCRIPT = """
PRAGMA journal_mode = WAL;
PRAGMA cache_size = -64000;
CREATE TABLE item(id INTEGER PRIMARY KEY, grp INTEGER, name TEXT, body TEXT, score REAL);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
INSERT INTO item SELECT i, i * 7919 % 1009, printf('name-%08d', i * 104729 % {rows}),
       substr(hex(zeroblob(200)) || printf('%x', i * 2654435761), -300 - i % 100), (i % 977) / 3.0 FROM n;
COMMIT;
CREATE INDEX item_name ON item(name);
CREATE INDEX item_group ON item(grp, score);
SELECT count(*), sum(length(body)), max(name), min(score) FROM item;
SELECT grp, count(*), round(avg(score), 6), group_concat(substr(name, -3)) FROM item
       WHERE grp < 20 GROUP BY grp ORDER BY avg(score) DESC, grp;
SELECT a.name, b.id FROM item a JOIN item b ON b.name = a.name AND b.id <> a.id ORDER BY 1, 2 LIMIT 50;
SELECT count(*) FROM (SELECT DISTINCT substr(body, -6) FROM item);
UPDATE item SET body = body || name WHERE grp % 10 = 3;
DELETE FROM item WHERE grp % 10 = 7;
VACUUM;
SELECT count(*), sum(length(body)) FROM item;
WITH RECURSIVE t(d, s) AS (SELECT 0, '' UNION ALL SELECT d + 1, s || char(65 + d % 26) FROM t WHERE d < 3000)
SELECT sum(length(s)) FROM t;
PRAGMA integrity_check;
.sha3sum item
"""


def body(trial):
    sqlite3 = trial.need("sqlite3")
    rows = 500_000 if trial.full else 50_000
    script = trial.directory / "script.sql"
    script.write_text(SCRIPT.format(rows=rows), encoding="ascii")
    results = {}
    for allocator in (trial.system, trial.granary):
        database = trial.fresh("work") / "trial.db"
        with open(script, "rb") as stdin:
            results[allocator] = allocator.succeed([sqlite3, "-batch", "-bail", database], stdin=stdin, sees="sqlite3")
        size_mb = database.stat().st_size / 1e6
        harness.check(size_mb > rows * 300 / 1e6, f"the database has only {size_mb:.0f} MB")
    system, granary = results[trial.system], results[trial.granary]
    harness.check(b"\nok\n" in system.out, "no integrity_check in the output")
    harness.check(system.out == granary.out, "the answers differ")
    trial.done(f"{rows} rows, {size_mb:.0f} MB, indexed, queried, vacuumed", system, granary)


if __name__ == "__main__":
    sys.exit(harness.main("sqlite3", __doc__, body))
