#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Git makes a repository, clones, repacks and checks it; both allocators end with the same objects."""
import hashlib
import random
import sys

import harness

ENV = {
    "GIT_AUTHOR_NAME": "trial", "GIT_AUTHOR_EMAIL": "trial@example.org",
    "GIT_COMMITTER_NAME": "trial", "GIT_COMMITTER_EMAIL": "trial@example.org",
    "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": "/nonexistent",
}
BASE_DATE = 1_700_000_000


def write_files(tree, files, rng):
    """Text that changes a little from commit to commit, so that deltas are found."""
    for number in rng.sample(range(files), max(files // 10, 1)):
        path = tree / f"d{number % 37}" / f"f{number}.txt"
        path.parent.mkdir(exist_ok=True)
        old = path.read_text(encoding="ascii").splitlines() if path.exists() else []
        for _ in range(rng.randrange(5, 60)):
            word = hashlib.md5(str(rng.random()).encode()).hexdigest()
            old.insert(rng.randrange(len(old) + 1), f"{word} {rng.randrange(1000)}")
        path.write_text("\n".join(old) + "\n", encoding="ascii")


def work(allocator, trial, files, commits):
    """All of git's work on one allocator: (totals, what must be equal)."""
    root = trial.fresh("work")
    tree, clone = root / "tree", root / "clone"
    rng = random.Random(1)
    total = harness.Result(0, b"", b"", 0.0, 0.0, set())

    def git(*words, cwd=tree, date=BASE_DATE):
        env = dict(ENV, GIT_AUTHOR_DATE=f"{date} +0000", GIT_COMMITTER_DATE=f"{date} +0000")
        result = allocator.succeed([program, "-c", "gc.auto=0", *words], cwd=cwd, env=env)
        total.seconds += result.seconds
        total.peak_mib = max(total.peak_mib, result.peak_mib)
        total.loaded |= result.loaded
        return result.out

    program = trial.need("git")
    tree.mkdir()
    git("init", "-q", "-b", "main")
    for commit in range(commits):
        write_files(tree, files, rng)
        git("add", "-A", date=BASE_DATE + commit)
        git("commit", "-q", "-m", f"commit {commit}", date=BASE_DATE + commit)
    git("gc", "-q")
    git("clone", "-q", "--no-local", tree, clone, cwd=root)
    git("repack", "-adfq", "--window=50", "--threads=2", cwd=clone)
    git("fsck", "--full", "--strict", cwd=clone)
    log = git("log", "--stat", "--format=%H %T", cwd=clone)
    objects = git("rev-list", "--objects", "--all", cwd=clone)
    blame = git("blame", "--line-porcelain", f"d{0}/f{0}.txt", cwd=clone) if (clone / "d0/f0.txt").exists() else b""
    return total, (git("rev-parse", "HEAD", cwd=clone), log, objects, blame)


def body(trial):
    files, commits = (2000, 60) if trial.full else (400, 15)
    system, expected = work(trial.system, trial, files, commits)
    granary, found = work(trial.granary, trial, files, commits)
    harness.check("git" in granary.loaded, f"git was never seen on granary: {granary.loaded}")
    harness.check(expected == found, "HEAD, log, objects or blame differ")
    objects = found[2].count(b"\n")
    trial.done(f"{commits} commits, {objects} objects: gc, clone, repack, fsck, log, blame", system, granary)


if __name__ == "__main__":
    sys.exit(harness.main("git", __doc__, body))
