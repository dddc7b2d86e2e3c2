# SPDX-License-Identifier: Apache-2.0 OR MIT
# What SWIG makes of bindings/swig/granary.i.
from typing import Optional

class stats_v1:
    thisown: bool
    size: int
    epoch: int
    allocated: int
    small_allocated: int
    large_allocated: int
    huge_allocated: int
    active: int
    resident: int
    mapped: int
    metadata: int
    dirty: int
    muzzy: int
    retained: int
    cached: int
    thread_cached: int
    run_bytes: int
    dirty_purged: int
    muzzy_purged: int
    large_live: int
    huge_live: int
    arenas: int
    threads: int
    def __init__(self) -> None: ...

def stats_v1_read(out: stats_v1) -> int: ...
def ctl_read(name: str, width: int) -> list[int]: ...
def ctl_write(name: str, width: int, new_value: int) -> int: ...
def ctl_do(name: str) -> int: ...
def ctl_swap(name: str, width: int, new_value: int) -> list[int]: ...
def ctl_read_text(name: str) -> Optional[str]: ...
def ctl_write_text(name: str, text: str) -> int: ...
def ctl_names() -> Optional[str]: ...
def stats_text(options: Optional[str]) -> Optional[str]: ...
def metrics_text() -> Optional[str]: ...
