# SPDX-License-Identifier: Apache-2.0 OR MIT
"""workload_probe: what a Python workload says about its own process, as one line of JSON."""

import ctypes
import json
import re


class _DlInfo(ctypes.Structure):
    _fields_ = [("file", ctypes.c_char_p), ("base", ctypes.c_void_p),
                ("symbol", ctypes.c_char_p), ("address", ctypes.c_void_p)]


def malloc_origin() -> str:
    """The file whose allocator this process uses.

    Told by malloc_usable_size, which comes with malloc: an executable at a fixed address that
    takes malloc's address, as some builds of Python do, appears to define malloc itself.
    """
    process = ctypes.CDLL(None)
    info = _DlInfo()
    address = ctypes.cast(process.malloc_usable_size, ctypes.c_void_p)
    process.dladdr.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    process.dladdr(address, ctypes.byref(info))
    return (info.file or b"").decode()


def report(seconds: float, checksum: int) -> None:
    with open("/proc/self/status") as status:
        peak = int(re.search(r"VmHWM:\s+(\d+)", status.read())[1])
    print(json.dumps({"seconds": seconds, "checksum": checksum, "peak_rss_kib": peak,
                      "malloc_from": malloc_origin()}))
