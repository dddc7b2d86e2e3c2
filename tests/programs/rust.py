#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Rust programs that use tikv-jemallocator, with granary in jemalloc's place by JEMALLOC_OVERRIDE.

A small client of tikv-jemalloc-ctl, and fd, whose default allocator jemalloc is: it must list what
it lists on the system's malloc. The archive is libgranary_rjem.a beside the library.
Skipped without cargo, or without the crates (they are fetched once, from the registry).
"""
import os
import pathlib
import shutil
import subprocess
import sys

import harness

CRATES = {"tikv-jemallocator": '"=0.6.1"',
          "tikv-jemalloc-ctl": '{ version = "=0.6.1", features = ["stats"] }'}
FD = ("fd-find", "10.2.0")
SKIPPED = 77


class Skip(Exception):
    """There is nothing to build with."""


def cargo(trial, directory, *words, archive=None):
    environment = dict(os.environ, CARGO_TARGET_DIR=str(trial.directory / "target"))
    environment.pop("JEMALLOC_OVERRIDE", None)
    if archive:
        environment["JEMALLOC_OVERRIDE"] = str(archive)
    return subprocess.run(["cargo", *words], cwd=directory, env=environment, capture_output=True,
                          text=True, check=False)


def must(result, what):
    harness.check(result.returncode == 0, f"{what}: {result.stderr[-3000:]}")


def run_client(trial, archive):
    project = trial.fresh("client")
    (project / "src").mkdir()
    shutil.copy(pathlib.Path(__file__).with_name("client.rs"), project / "src/main.rs")
    dependencies = "".join(f"{name} = {value}\n" for name, value in CRATES.items())
    (project / "Cargo.toml").write_text(
        f'[package]\nname = "client"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n{dependencies}',
        encoding="ascii")
    fetched = cargo(trial, project, "fetch")
    if fetched.returncode != 0:
        raise Skip(f"the crates cannot be had: {fetched.stderr.strip()[-300:]}")
    must(cargo(trial, project, "build", "--release", "--offline", archive=archive), "building the client")
    result = trial.system.succeed([trial.directory / "target/release/client"],
                                  env={"_RJEM_MALLOC_CONF": "dirty_decay_ms:321"})
    lines = dict(line.split(" ", 1) for line in result.out.decode().splitlines())
    harness.check(lines["dirty_decay_ms"] == "321", f"_RJEM_MALLOC_CONF was not read: {lines}")
    harness.check(lines["sum"] == "49750000", f"wrong sum: {lines}")
    return lines["version"]


def install_fd(trial, name, *words, archive=None):
    root = trial.directory / name
    must(cargo(trial, trial.directory, "install", FD[0], "--version", FD[1], "--locked", "--root", root, *words,
               archive=archive), f"building fd, {name}")
    return root / "bin/fd"


def list_files(trial, program, directory):
    result = trial.system.succeed([program, "-uu", "--threads", "4", ".", directory])
    return result, sorted(result.out.splitlines())


def body(trial):
    if shutil.which("cargo") is None:
        raise Skip("cargo is not installed")
    archive = pathlib.Path(os.path.realpath(trial.arguments.library)).with_name("libgranary_rjem.a")
    harness.check(archive.is_file(), f"{archive}: no such archive; build granary_rjem_static")
    version = run_client(trial, archive)
    if not trial.full:
        return
    on_system = install_fd(trial, "system", "--no-default-features")
    on_granary = install_fd(trial, "granary", archive=archive)
    report = trial.system.succeed([on_granary, "--version"], env={"_RJEM_MALLOC_CONF": "stats_print:true"}).err
    harness.check(version.encode() in report, "fd does not run on granary")
    system, expected = list_files(trial, on_system, "/usr")
    granary, found = list_files(trial, on_granary, "/usr")
    harness.check(expected == found, "fd lists other files on granary")
    trial.done(f"fd {FD[1]} lists {len(found)} files; a client of tikv-jemalloc-ctl", system, granary)


def main():
    try:
        return harness.main("rust", __doc__, body)
    except Skip as reason:
        print(f"rust: skipped: {reason}", file=sys.stderr)
        return SKIPPED


if __name__ == "__main__":
    sys.exit(main())
