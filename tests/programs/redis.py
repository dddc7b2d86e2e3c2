#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""redis-server takes redis-benchmark's load with BGSAVE (fork) in the middle; its data reload equal.

Every allocator gets the same data set first, whose digest must agree between them. Then the random
load: mixed commands and value sizes, 40,000 requests in all, 1,000,000 in full. DEBUG DIGEST must be the
same before and after DEBUG RELOAD, and after a restart from the file that BGSAVE wrote.
"""
import ctypes.util
import os
import subprocess
import sys
import time

import harness

TESTS = "ping_mbulk,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange_100,mset"
TEST_COUNT = len(TESTS.split(","))
VALUE_SIZES = (16, 100, 700, 5000)


def glibc():
    """glibc's malloc, also for a redis-server that is linked with another one: its names come first."""
    name = ctypes.util.find_library("c")
    for directory in ("/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib64", "/lib"):
        path = os.path.realpath(os.path.join(directory, name))
        if os.path.isfile(path):
            return harness.Allocator("glibc", path)
    raise harness.Failure(f"{name} not found")


class Server:
    """A redis-server in a directory, reached through a socket there."""

    def __init__(self, allocator, trial, directory):
        self.allocator, self.directory = allocator, directory
        self.cli = [trial.need("redis-cli"), "-s", directory / "socket"]
        self.process = allocator.start(
            [trial.need("redis-server"), "--port", "0", "--unixsocket", directory / "socket", "--dir", directory,
             "--save", "", "--enable-debug-command", "yes", "--loglevel", "warning", "--io-threads", "2"],
            stdout=open(directory / "log", "ab"), stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while self.ask("PING", may_fail=True) != "PONG":
            harness.check(self.process.poll() is None and time.monotonic() < deadline, f"redis-server: {self.log()}")
            time.sleep(0.02)
        with open(f"/proc/{self.process.pid}/maps", encoding="utf-8") as maps:
            harness.check(allocator.library in maps.read(), f"{allocator.library} is not in the server's maps")

    def log(self):
        return (self.directory / "log").read_text(encoding="utf-8", errors="replace")[-2000:]

    def ask(self, *words, may_fail=False):
        command = [str(word) for word in (*self.cli, *words)]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        text = answer.stdout.strip()
        good = answer.returncode == 0 and not text.startswith("ERR")
        harness.check(good or may_fail, f"{words}: {text}\n{self.log()}")
        return text

    def info(self, field):
        for line in self.ask("INFO", "everything").splitlines():
            if line.startswith(field + ":"):
                return line.partition(":")[2].strip()
        raise harness.Failure(f"INFO has no {field}")

    def peak_mib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))

    def digest(self):
        digest = self.ask("DEBUG", "DIGEST")
        harness.check(len(digest) == 40 and set(digest) != {"0"}, f"DEBUG DIGEST says {digest}")
        return digest

    def wait_for_save(self):
        while self.info("rdb_bgsave_in_progress") == "1":
            time.sleep(0.05)
        harness.check(self.info("rdb_last_bgsave_status") == "ok", "BGSAVE failed: " + self.log())

    def stop(self):
        self.ask("SHUTDOWN", "NOSAVE", may_fail=True)
        harness.check(self.process.wait(60) == 0, f"redis-server ended with {self.process.returncode}: {self.log()}")


def data_set(keys):
    """The same commands for every allocator, as redis-cli --pipe wants them."""
    for i in range(keys):
        size = (1 << i % 12) + i % 37
        yield "SET", f"string:{i}", chr(97 + i % 26) * size
        if i % 3 == 0:
            yield "APPEND", f"string:{i}", "tail" * (i % 50)
        yield "HSET", f"hash:{i % (keys // 20 + 1)}", f"field{i}", "v" * (i % 90)
        yield "RPUSH", f"list:{i % (keys // 50 + 1)}", "e" * (i % 300)
        yield "ZADD", f"sorted:{i % (keys // 40 + 1)}", str(i * 7919 % 1000), f"member{i}"
        yield "SADD", f"set:{i % (keys // 30 + 1)}", str(i * 31)
        if i % 5 == 0:
            yield "DEL", f"string:{i // 2}"
        if i % 7 == 0:
            yield "LPOP", f"list:{i % (keys // 50 + 1)}"


def load_data_set(server, path, keys):
    with open(path, "w", encoding="ascii") as stream:
        for words in data_set(keys):
            stream.write(f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words))
    with open(path, "rb") as stream:
        answer = subprocess.run([str(word) for word in server.cli] + ["--pipe"], stdin=stream, capture_output=True,
                                text=True, check=False)
    harness.check("errors: 0" in answer.stdout, answer.stdout + answer.stderr)


def random_load(trial, server, requests):
    """redis-benchmark, and a BGSAVE while it is half way through each value size."""
    before = int(server.info("total_commands_processed"))
    each = requests // (TEST_COUNT * len(VALUE_SIZES)) + 1
    start = time.monotonic()
    for size in VALUE_SIZES:
        base = int(server.info("total_commands_processed"))
        load = subprocess.Popen(
            [trial.need("redis-benchmark"), "-s", str(server.directory / "socket"), "-t", TESTS, "-n", str(each), "-r",
             "50000", "-d", str(size), "-P", "16", "-c", "40", "-q"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        while load.poll() is None and int(server.info("total_commands_processed")) < base + each * TEST_COUNT // 2:
            time.sleep(0.005)
        server.ask("BGSAVE")
        output = load.communicate()[0].decode(errors="replace")
        harness.check(load.returncode == 0 and "rror" not in output, f"redis-benchmark: {output}")
        server.wait_for_save()
    seconds = time.monotonic() - start
    done = int(server.info("total_commands_processed")) - before
    harness.check(done >= requests, f"only {done} of {requests} requests")
    return seconds


def work(trial, allocator, requests):
    directory = trial.fresh("work")
    server = Server(allocator, trial, directory)
    load_data_set(server, directory / "commands", requests // 20)
    fixed = server.digest()
    seconds = random_load(trial, server, requests)
    loaded = server.digest()
    server.ask("DEBUG", "RELOAD")
    harness.check(server.digest() == loaded, "the data differ after DEBUG RELOAD")
    server.ask("BGSAVE")
    server.wait_for_save()
    peak = server.peak_mib()
    server.stop()
    server = Server(allocator, trial, directory)
    harness.check(server.digest() == loaded, "the data differ after a restart from the saved file")
    server.ask("FLUSHALL")
    harness.check(server.ask("DBSIZE") == "0", "FLUSHALL left keys")
    server.stop()
    return fixed, harness.Result(0, b"", b"", seconds, peak, set())


def body(trial):
    requests = 1_000_000 if trial.full else 40_000
    expected, system = work(trial, glibc(), requests)
    found, granary = work(trial, trial.granary, requests)
    harness.check(expected == found, f"the fixed data set has digest {found}, with glibc {expected}")
    trial.done(f"{requests} mixed requests, BGSAVE in between, reload and restart equal", system, granary)


if __name__ == "__main__":
    sys.exit(harness.main("redis", __doc__, body))
