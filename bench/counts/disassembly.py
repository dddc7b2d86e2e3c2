# SPDX-License-Identifier: Apache-2.0 OR MIT
"""disassembly: what may not be on the two hit paths, looked up in the instructions really executed.

No call, no push, no atomic instruction, and one look-up of the thread's block: an initial-exec
offset from the global offset table. And where the paths begin: with a line of the instruction cache.
"""

from __future__ import annotations

import re
import subprocess

LINE = re.compile(r"^\s*([0-9a-f]+):\s+(.*)$")
LINE_BYTES = 64  # of the instruction cache
FORBIDDEN = re.compile(r"^(call|push|enter|lock|xchg\s.*\(|syscall)")


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def thread_offsets(library: str) -> set[int]:
    """Addresses of the table's entries that hold an offset from the thread pointer."""
    return {int(line.split()[0], 16) for line in _run("readelf", "-rW", library).splitlines()
            if "TPOFF64" in line}


def complaints(name: str, path: list[int], code: dict[int, str], offsets: set[int]) -> list[str]:
    found = []
    uses = 0
    for address in path:
        text = code.get(address)
        if text is None:
            found.append(f"{name}: no instruction at {address:#x}")
            continue
        if FORBIDDEN.match(text):
            found.append(f"{name}: {text} at {address:#x}")
        target = re.search(r"# ([0-9a-f]+)", text)
        uses += target is not None and int(target[1], 16) in offsets
    if uses != 1:
        found.append(f"{name}: {uses} look-ups of thread-local storage instead of 1")
    if not path:
        found.append(f"{name}: no path was recorded")
    elif path[0] % LINE_BYTES != 0:
        found.append(f"{name}: begins at {path[0]:#x}, inside a line of {LINE_BYTES} bytes")
    return found


def check(library: str, paths: dict[str, list[int]]) -> list[str]:
    listing = _run("objdump", "-d", "--no-show-raw-insn", library)
    code = {int(match[1], 16): match[2] for match in map(LINE.match, listing.splitlines()) if match}
    offsets = thread_offsets(library)
    if not paths:
        return ["no path was recorded"]
    return [line for name, path in paths.items() for line in complaints(name, path, code, offsets)]
