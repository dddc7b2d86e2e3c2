# SPDX-License-Identifier: Apache-2.0 OR MIT
"""redis: two rows with a server; the load is that of ./run, with fewer requests.

redis       all data types, pipelined
redis_fork  three data types while the server forks and its child saves what there is
Time is the time of all requests, CPU time and peak memory are the server's.
"""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "run"))

import redis_load  # noqa: E402
from allocators import Allocator  # noqa: E402
from runner import PreloadError  # noqa: E402
from starting import environment_of, preload_of  # noqa: E402
from variants import DemoError, Variant  # noqa: E402

REQUESTS = 30_000  # of each command


@dataclasses.dataclass(frozen=True)
class RedisTask:
    name: str
    commands: tuple[str, ...]
    forking: bool
    prepare: None = None

    def missing(self) -> list[str]:
        return [package for command, package in (("redis-server", "redis-server"),
                                                 ("redis-benchmark", "redis-tools"))
                if shutil.which(command) is None]


REDIS_TASKS = (RedisTask("redis", redis_load.COMMANDS, False),
               RedisTask("redis_fork", ("set", "lpush", "hset", "mset"), True))


@dataclasses.dataclass(frozen=True)
class _Server(Variant):
    allocator: Allocator | None = None

    def environment(self) -> dict[str, str]:
        return environment_of(self.allocator, {"LD_PRELOAD": self.library})


def run_redis(task: RedisTask, allocator: Allocator) -> dict:
    variant = _Server(allocator.name, preload_of(allocator), allocator)
    try:
        load = redis_load.run(variant, redis_load.Load(task.commands, REQUESTS, task.forking))
    except DemoError as reason:
        if "is not loaded" in str(reason):
            raise PreloadError(str(reason)) from None
        raise RuntimeError(str(reason)) from None
    return {"seconds": sum(REQUESTS / rate for rate in load.rates.values()),
            "user_seconds": load.cpu_seconds, "system_seconds": 0.0,
            "peak_rss_kib": load.peak_rss_mib * 1024, "steady_rss_kib": load.peak_rss_mib * 1024,
            "minor_faults": load.minor_faults, "checksum": len(load.rates)}
