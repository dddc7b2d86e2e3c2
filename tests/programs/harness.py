# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Runs other people's programs on the system's malloc and on granary, and compares.

A program script makes a `Trial` from its arguments, runs the same thing twice (`on(trial.system)`,
`on(trial.granary)`), calls `check` on what must hold and `done` at the end. Every run on granary
must be seen with the library in the maps of the processes that matter, while they run.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time


class Failure(Exception):
    """Something that must hold does not."""


def check(condition, message):
    if not condition:
        raise Failure(message)


def digest_of(path):
    """SHA-256 of a file, by streaming."""
    import hashlib
    sha = hashlib.sha256()
    with open(path, "rb") as stream:
        while piece := stream.read(1 << 20):
            sha.update(piece)
    return sha.hexdigest()


class Watch(threading.Thread):
    """Looks at a process and its descendants until stopped: which programs have the library mapped?"""

    def __init__(self, pid, library):
        super().__init__(daemon=True)
        self.pid, self.library = pid, library.encode()
        self.loaded, self.over, self.done = set(), threading.Event(), set()

    def run(self):
        pause = 0.0005
        while not self.over.wait(pause):
            self.look(self.pid)
            pause = min(pause * 1.3, 0.02)

    def look(self, pid):
        try:
            name = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
            if (pid, name) not in self.done:
                with open(f"/proc/{pid}/maps", "rb") as maps:
                    if self.library in maps.read():
                        self.loaded.add(name)
                        self.done.add((pid, name))
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
                for child in children.read().split():
                    self.look(int(child))
        except (OSError, ValueError):
            pass  # it ended while we looked

    def stop(self):
        self.over.set()
        self.join()


class Result:
    """How a run went."""

    def __init__(self, code, out, err, seconds, peak_mib, loaded):
        self.code, self.out, self.err = code, out, err
        self.seconds, self.peak_mib, self.loaded = seconds, peak_mib, loaded


class Allocator:
    """Starts programs on one allocator."""

    def __init__(self, name, library=None):
        self.name, self.library = name, library

    def environment(self, extra=None):
        env = dict(os.environ, LC_ALL="C", **(extra or {}))
        env.pop("LD_PRELOAD", None)
        if self.library:
            env["LD_PRELOAD"] = self.library
        return env

    def start(self, words, env=None, **options):
        return subprocess.Popen([str(word) for word in words], env=self.environment(env), **options)

    def run(self, words, env=None, stdin=None, cwd=None, timeout=3600, sees=None):
        """Runs to the end. `sees`: the program in whose maps the library must have been."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            start = time.monotonic()
            process = self.start(words, env, stdin=stdin or subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd)
            watch = Watch(process.pid, self.library or "//none//")
            watch.start()
            timer = threading.Timer(timeout, process.kill)
            timer.start()
            _, status, usage = os.wait4(process.pid, 0)
            timer.cancel()
            seconds = time.monotonic() - start
            watch.stop()
            process.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            err.seek(0)
            result = Result(process.returncode, out.read(), err.read(), seconds, usage.ru_maxrss / 1024, watch.loaded)
        if self.library and sees:
            check(sees in result.loaded, f"{sees} was never seen with {self.library} in its maps: {result.loaded}")
        return result

    def succeed(self, words, **options):
        result = self.run(words, **options)
        if result.code != 0:
            command = " ".join(str(word) for word in words)[:200]
            message = result.err.decode(errors="replace")[-3000:]
            raise Failure(f"{command} on {self.name}: exit code {result.code}\n{message}")
        return result


class Trial:
    """One program script: arguments, allocators, a directory to work in, the line of the table."""

    def __init__(self, title, description):
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("--library", required=True, help="libgranary_malloc.so")
        parser.add_argument("--full", action="store_true", help="the figures of a release, not of a commit")
        parser.add_argument("--build", help="build directory with compile_commands.json (compiler only)")
        self.arguments = parser.parse_args()
        library = os.path.realpath(self.arguments.library)
        check(os.path.isfile(library), f"{library}: no such library")
        self.title, self.full = title, self.arguments.full
        self.system, self.granary = Allocator("the system's malloc"), Allocator("granary", library)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="granary-trial-"))

    def need(self, *programs):
        """Paths of programs that must be installed."""
        paths = [shutil.which(program) for program in programs]
        for program, path in zip(programs, paths):
            check(path, f"{program} is not installed; ./test installs what is missing")
        return paths[0] if len(paths) == 1 else paths

    def fresh(self, name):
        """An empty directory of that name."""
        path = self.directory / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        return path

    def done(self, what, system, granary):
        """Prints the line that full.py collects: seconds and MiB on either allocator."""
        print(f"| {self.title} | {what} | {system.seconds:.1f} | {granary.seconds:.1f} "
              f"| {system.peak_mib:.0f} | {granary.peak_mib:.0f} |")


def main(title, description, body):
    """Runs a trial; cleans up; turns failures into an exit code."""
    trial = None
    try:
        trial = Trial(title, description)
        body(trial)
    except Failure as failure:
        print(f"{title}: {failure}", file=sys.stderr)
        return 1
    finally:
        if trial:
            shutil.rmtree(trial.directory, ignore_errors=True)
    return 0
