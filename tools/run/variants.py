# SPDX-License-Identifier: Apache-2.0 OR MIT
"""variants: the allocators that ./run shows side by side, and the proof that each took effect."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import shutil
import subprocess

# Options and preloads of the caller's shell must not reach the programs.
TUNING = re.compile(r"^(LD_PRELOAD|GLIBC_TUNABLES|PYTHONMALLOC|MALLOC_.*|GRANARY_.*)$")


class DemoError(Exception):
    """Something that the reader of the table has to know at once; shown without a traceback."""


GRANARY = "granary"


@dataclasses.dataclass(frozen=True)
class Variant:
    name: str
    library: str

    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not TUNING.match(key)}
        return kept | {"LD_PRELOAD": self.library}

    def check_process(self, pid: int) -> None:
        """The library must be mapped into the process, or the figures would be another's."""
        maps = pathlib.Path(f"/proc/{pid}/maps").read_text()
        if os.path.realpath(self.library) not in maps:
            raise DemoError(f"{self.name}: {self.library} is not loaded in process {pid}; "
                            "nothing was measured")

    def check_origin(self, program: str, origin: str) -> None:
        """The file that defines malloc in a program, as the program itself reports it."""
        if os.path.realpath(origin) != os.path.realpath(self.library):
            raise DemoError(f"{program} under {self.name}: malloc came from {origin}, not from "
                            f"{self.library}; nothing was measured")


def granary_library(build: pathlib.Path) -> str:
    found = sorted(build.rglob("libgranary_malloc.so"))
    if not found:
        raise DemoError(f"no libgranary_malloc.so below {build}; the build did not make it")
    return str(found[0].resolve())


def libraries_of(program: str) -> dict[str, str]:
    """Shared libraries of an installed program: file name -> path."""
    path = shutil.which(program)
    if path is None:
        raise DemoError(f"{program} is not in PATH")
    text = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
    return dict(re.findall(r"^\s*(\S+) => (\S+)", text, re.MULTILINE))


def discover(granary: str) -> list[Variant]:
    """The system's malloc, the allocator that Redis is linked with if that is another, granary.

    Preloading the C library itself puts its malloc before that of a linked jemalloc; so the
    system's malloc is measured in the same way as the others, on the same program.
    """
    libraries = libraries_of("redis-server")
    libc = next((path for name, path in libraries.items() if name.startswith("libc.")), None)
    if libc is None:
        raise DemoError("cannot find the C library of redis-server; is it statically linked?")
    variants = [Variant("system malloc", libc)]
    for name, path in libraries.items():
        match = re.match(r"lib(jemalloc|tcmalloc|mimalloc)", name)
        if match:
            variants.append(Variant(match[1], path))
    is_granary = os.path.basename(granary).startswith("libgranary")
    variants.append(Variant(GRANARY if is_granary else "given library", granary))
    return variants
