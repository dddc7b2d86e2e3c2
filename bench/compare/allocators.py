# SPDX-License-Identifier: Apache-2.0 OR MIT
"""allocators: which allocators take part, and under which environment each of them runs."""

from __future__ import annotations

import dataclasses
import glob
import hashlib
import os
import pathlib

# Where Debian and its relatives put the peers; the first match is taken.
KNOWN_PEERS = {
    "jemalloc": ("/usr/lib/*/libjemalloc.so.2", "/usr/lib*/libjemalloc.so.2"),
    "mimalloc": ("/usr/lib/*/libmimalloc.so.2.*", "/usr/lib/*/libmimalloc.so.2",
                 "/usr/lib/*/libmimalloc.so.[3-9]*", "/usr/lib*/libmimalloc.so*"),
    "gperftools": ("/usr/lib/*/libtcmalloc_minimal.so.4", "/usr/lib*/libtcmalloc_minimal.so.4"),
}
GRANARY_LIBRARY = "libgranary_malloc.so"

# Variables that change an allocator's behaviour: none may leak from the caller's shell into a run.
TUNING_VARIABLES = ("LD_PRELOAD", "MALLOC_CONF", "GRANARY_CONF", "GLIBC_TUNABLES")
TUNING_PREFIXES = ("MALLOC_", "MIMALLOC_", "TCMALLOC_", "SNMALLOC_", "RPMALLOC_", "GRANARY_")


class UsageError(Exception):
    """Something that the caller has to put right; shown without a traceback."""


@dataclasses.dataclass
class Allocator:
    name: str
    path: str | None  # None: the C library's own, nothing is preloaded
    environment: dict[str, str] = dataclasses.field(default_factory=dict)

    def run_environment(self) -> dict[str, str]:
        environment = {key: value for key, value in os.environ.items()
                       if key not in TUNING_VARIABLES and not key.startswith(TUNING_PREFIXES)}
        environment.update(self.environment)
        if self.path is not None:
            environment["LD_PRELOAD"] = self.path
        return environment

    def serves(self, defining_file: str) -> bool:
        """Whether the file that defines malloc in a process is this allocator's."""
        if self.path is None:
            return os.path.basename(defining_file).startswith(("libc.so", "libc-", "ld-musl"))
        return os.path.realpath(defining_file) == os.path.realpath(self.path)

    def describe(self) -> dict:
        description = {"name": self.name, "path": self.path, "environment": self.environment}
        if self.path is None:
            description["version"] = " ".join(os.confstr(key) or "" for key in
                                              ("CS_GNU_LIBC_VERSION",)).strip()
        else:
            real = os.path.realpath(self.path)
            description["file"] = os.path.basename(real)
            description["sha256"] = hashlib.sha256(pathlib.Path(real).read_bytes()).hexdigest()[:16]
        return description


def first_match(patterns: tuple[str, ...]) -> str | None:
    for pattern in patterns:
        found = sorted(path for path in glob.glob(pattern) if os.path.isfile(path))
        if found:
            return found[0]
    return None


def granary_library(build: str) -> str:
    """The override library in a build directory, or the library itself if that is named."""
    path = pathlib.Path(build)
    if path.is_file():
        return str(path.resolve())
    found = sorted(path.rglob(GRANARY_LIBRARY)) if path.is_dir() else []
    if not found:
        raise UsageError(f"--granary {build}: no {GRANARY_LIBRARY} there; build it first "
                         "(cmake --preset release && cmake --build --preset release)")
    return str(found[0].resolve())


def parse_pair(text: str) -> Allocator:
    name, separator, path = text.partition("=")
    if not separator or not name:
        raise UsageError(f"--allocator {text}: expected name=path, for example "
                         "mimalloc3=/opt/mimalloc/libmimalloc.so")
    if path and not os.path.isfile(path):
        raise UsageError(f"--allocator {text}: there is no file {path}")
    return Allocator(name, os.path.abspath(path) if path else None)


def add_environment(allocators: list[Allocator], text: str) -> None:
    name, _, pair = text.partition(":")
    key, separator, value = pair.partition("=")
    chosen = [allocator for allocator in allocators if allocator.name == name]
    if not separator or not chosen:
        known = ", ".join(allocator.name for allocator in allocators)
        raise UsageError(f"--env {text}: expected name:KEY=VALUE with a name out of {known}")
    chosen[0].environment[key] = value


def collect(granary: str | None, extra: list[str], environment: list[str],
            only: str | None) -> list[Allocator]:
    """glibc, the installed peers, granary if a build is named, then the extra ones."""
    allocators = [Allocator("glibc", None)]
    for name, patterns in KNOWN_PEERS.items():
        path = first_match(patterns)
        if path is not None:
            allocators.append(Allocator(name, path))
    if granary is not None:
        allocators.append(Allocator("granary", granary_library(granary)))
    for text in extra:
        added = parse_pair(text)
        allocators = [known for known in allocators if known.name != added.name] + [added]
    for text in environment:
        add_environment(allocators, text)
    if only is not None:
        wanted = only.split(",")
        known_names = [allocator.name for allocator in allocators]
        unknown = [name for name in wanted if name not in known_names]
        if unknown:
            raise UsageError(f"--only {only}: no allocator {', '.join(unknown)}; "
                             f"there are {', '.join(known_names)}")
        allocators = [allocator for allocator in allocators if allocator.name in wanted]
    return allocators
