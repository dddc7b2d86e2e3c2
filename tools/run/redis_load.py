# SPDX-License-Identifier: Apache-2.0 OR MIT
"""redis_load: one redis-server of our own under one allocator, loaded by redis-benchmark."""

from __future__ import annotations

import csv
import dataclasses
import os
import pathlib
import re
import subprocess
import tempfile
import time

from variants import GRANARY, DemoError, Variant

COMMANDS = ("set", "get", "incr", "lpush", "rpush", "lpop", "rpop", "sadd", "hset", "spop", "zadd",
            "zpopmin", "mset")
REQUESTS = 300_000   # of each command
KEYS = 200_000
VALUE_BYTES = 100
PIPELINE = 16
START_SECONDS = 10.0
LOAD_SECONDS = 120.0
# The server looks after its memory by itself, speaks to nobody else and writes nothing.
SERVER_ARGUMENTS = ("--port", "0", "--save", "", "--appendonly", "no", "--daemonize", "no",
                    "--protected-mode", "yes", "--loglevel", "warning")


@dataclasses.dataclass(frozen=True)
class Load:
    commands: tuple[str, ...]
    requests: int           # of each command
    forking: bool = False   # the server saves its data in a child meanwhile
    environment: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Outcome:
    rates: dict[str, float]  # requests per second
    cpu_seconds: float       # of the server
    peak_rss_mib: float
    minor_faults: int
    log: str


def _client(socket: str, *words: str) -> str:
    done = subprocess.run(["redis-cli", "-s", socket, *words], capture_output=True, text=True,
                          timeout=30, check=False)
    return done.stdout.strip()


def _wait_until_up(server: subprocess.Popen, socket: str, log: pathlib.Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        if os.path.exists(socket) and _client(socket, "ping") == "PONG":
            return
        time.sleep(0.05)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
    state = "does not answer" if server.poll() is None else f"ended with {server.returncode}"
    raise DemoError(f"redis-server {state}:\n{tail}")


def _benchmark(socket: str, load: Load) -> dict[str, float]:
    """Requests per second of each command."""
    command = ["redis-benchmark", "-s", socket, "-t", ",".join(load.commands),
               "-n", str(load.requests), "-r", str(KEYS), "-d", str(VALUE_BYTES),
               "-P", str(PIPELINE), "--csv", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LOAD_SECONDS,
                          check=False)
    if done.returncode != 0:
        raise DemoError(f"redis-benchmark failed ({done.returncode}): "
                        f"{(done.stderr or done.stdout).strip()[-300:]}")
    rates = {row[0].split()[0].lower(): float(row[1])
             for row in csv.reader(done.stdout.splitlines()) if len(row) > 1 and row[0] != "test"}
    missing = set(load.commands) - set(rates)
    if missing:
        raise DemoError(f"redis-benchmark gave no figure for {', '.join(sorted(missing))}")
    return rates


def _benchmark_while_saving(socket: str, load: Load) -> dict[str, float]:
    """The same, of a server with data in it that forks to save them at the same time."""
    _benchmark(socket, dataclasses.replace(load, forking=False))
    _client(socket, "bgsave")
    rates = _benchmark(socket, load)
    deadline = time.monotonic() + LOAD_SECONDS
    while "rdb_bgsave_in_progress:1" in _client(socket, "info", "persistence"):
        if time.monotonic() > deadline:
            raise DemoError("redis-server does not finish saving")
        time.sleep(0.02)
    if "rdb_last_bgsave_status:ok" not in _client(socket, "info", "persistence") or \
            _client(socket, "lastsave") == "0":
        raise DemoError("redis-server's child could not save")
    return rates


def _peak_rss_mib(pid: int) -> float:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def _minor_faults(pid: int) -> int:
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[7])


def _cpu_seconds(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(variant: Variant, load: Load) -> Outcome:
    """One server from start to end; its conf is the variant's environment."""
    with tempfile.TemporaryDirectory(prefix="granary-redis-") as directory:
        socket = f"{directory}/redis.sock"
        log = pathlib.Path(directory) / "server.log"
        with log.open("w") as output:
            server = subprocess.Popen(
                ["redis-server", "--unixsocket", socket, "--dir", directory, *SERVER_ARGUMENTS],
                env=variant.environment() | load.environment, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output)
        try:
            _wait_until_up(server, socket, log)
            variant.check_process(server.pid)
            rates = (_benchmark_while_saving if load.forking else _benchmark)(socket, load)
            cpu_seconds, faults = _cpu_seconds(server.pid), _minor_faults(server.pid)
            peak_rss_mib = _peak_rss_mib(server.pid)
            _client(socket, "shutdown", "nosave")
            if server.wait(timeout=30) != 0:
                raise DemoError(f"redis-server under {variant.name} ended with "
                                f"{server.returncode}:\n{log.read_text(errors='replace')[-2000:]}")
        except subprocess.TimeoutExpired as late:
            raise DemoError(f"redis under {variant.name}: {late.cmd[0]} did not end in time") \
                from None
        finally:
            if server.poll() is None:
                server.kill()
                server.wait()
        return Outcome(rates, cpu_seconds, peak_rss_mib, faults, log.read_text(errors="replace"))


def measure(variant: Variant) -> tuple[dict[str, float], str]:
    """One run: figures by the names of the table's lines, and what the server wrote at its end."""
    conf = {"GRANARY_CONF": "stats_print:true"} if variant.name == GRANARY else {}
    outcome = run(variant, Load(COMMANDS, REQUESTS, environment=conf))
    rates = outcome.rates
    figures = {"requests/s": len(rates) / sum(1 / rate for rate in rates.values()),
               "server CPU s": outcome.cpu_seconds, "peak RSS MiB": outcome.peak_rss_mib}
    for command in ("set", "get", "lpush", "hset", "zadd", "mset"):
        figures[f"{command} requests/s"] = rates[command]
    return figures, outcome.log
