# SPDX-License-Identifier: Apache-2.0 OR MIT
"""machine: what the figures were taken on, and how quiet it was."""

from __future__ import annotations

import os
import pathlib
import platform
import resource
import time


def _read(path: str) -> str:
    try:
        return pathlib.Path(path).read_text().strip()
    except OSError:
        return ""


def describe() -> dict:
    models = [line.partition(":")[2].strip() for line in _read("/proc/cpuinfo").splitlines()
              if line.startswith(("model name", "Model", "CPU part"))]
    return {"cpu": models[0] if models else platform.machine(),
            "cpus": len(os.sched_getaffinity(0)),
            "memory_mib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20,
            "kernel": platform.release(),
            "libc": " ".join(platform.libc_ver()),
            "transparent_hugepage": _read("/sys/kernel/mm/transparent_hugepage/enabled"),
            "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or "unknown",
            "date": time.strftime("%Y-%m-%d")}


def _busy_seconds() -> float | None:
    """CPU time that all processes of the machine, and its host (steal), have used so far."""
    fields = _read("/proc/stat").partition("\n")[0].split()[1:]
    if len(fields) < 8:
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(field) for field in fields[:8])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    return sum(usage.ru_utime + usage.ru_stime for usage in
               map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


class Watch:
    """How much CPU time others used between the construction and the call of others_share()."""

    def __init__(self) -> None:
        self._start = (time.monotonic(), _busy_seconds(), _own_seconds())

    def elapsed(self) -> float:
        return time.monotonic() - self._start[0]

    def others_share(self) -> float | None:
        """Fraction of all CPUs that others used; None if the system does not say."""
        busy = _busy_seconds()
        if busy is None or self._start[1] is None or self.elapsed() <= 0:
            return None
        others = busy - self._start[1] - (_own_seconds() - self._start[2])
        return max(0.0, others) / (self.elapsed() * (os.cpu_count() or 1))
