#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Includes go down the ladder, and modules use only what is allowed of the standard library.

usage: check_layers.py <repository root>

modules   base < os < core < ctl < capi: <granary/X/...> only from above X or from X itself, and
          never another module's src/ (a quoted include resolves inside the own module or not at all)
layers    inside core: sync, sizing < meta < page < arena < cache < heap, by directory of src/; the
          public headers of core are the common ground of its layers
standard  headers of C and C++ from the allow-list below; system headers only in os and capi
"""
import pathlib
import re
import sys

MODULES = ["base", "os", "core", "ctl", "capi"]
LAYERS = {"sync": 0, "sizing": 0, "meta": 1, "page": 2, "arena": 3, "cache": 4, "heap": 5}
# Header-only, no run-time library behind them, nothing allocates.
STANDARD = {
    "algorithm", "array", "atomic", "bit", "charconv", "climits", "compare", "concepts", "cstddef",
    "cstdint", "cstring", "initializer_list", "iterator", "limits", "new", "numeric", "optional",
    "source_location", "span", "string_view", "tuple", "type_traits", "utility", "version",
    "stddef.h", "stdint.h", "stdarg.h", "cstdarg",
}
SYSTEM_MODULES = {"os", "capi"}
# Files outside these modules that must see a system header, with the reason.
EXCEPTIONS = {
    ("ctl", "cerrno"): "mallctl's result is an error number",
    ("ctl", "unistd.h"): "one readlink, of the link that carries option text",
}

INCLUDE = re.compile(r'^\s*#\s*include\s*(<[^>]+>|"[^"]+")', re.M)


def find_quoted(source, name, module_root):
    """The file of the own module that a quoted include names, or None."""
    for base in (source.parent, module_root / "src", module_root / "include"):
        candidate = (base / name).resolve()
        if candidate.is_file() and candidate.is_relative_to(module_root.resolve()):
            return candidate
    return None


def layer_of(path, module_root):
    """Rank of a file of core by its directory; None for its public headers."""
    parts = path.resolve().relative_to(module_root.resolve()).parts
    return LAYERS.get(parts[1]) if parts[0] == "src" and len(parts) > 2 else None


def check_core_layer(source, target, module_root):
    own, other = layer_of(source, module_root), layer_of(target, module_root)
    if other is None:
        return None
    if own is None:
        return "a public header of core includes a private one"
    return "goes up the layers of core" if other > own else None


def check_angled(module, name):
    if name.startswith("granary/"):
        if name == "granary/granary.h":
            return None if module == "capi" else "granary.h belongs to capi"
        target = name.split("/")[1]
        if target not in MODULES:
            return "no such module"
        above = MODULES.index(target) > MODULES.index(module)
        return f"{module} may not use {target}" if above else None
    if name in STANDARD or module in SYSTEM_MODULES or (module, name) in EXCEPTIONS:
        return None
    return "not on the list of standard headers that need no run-time library"


def check_file(source, module, module_root):
    for match in INCLUDE.finditer(source.read_text(encoding="utf-8")):
        name = match.group(1)[1:-1]
        if match.group(1).startswith("<"):
            problem = check_angled(module, name)
        else:
            target = find_quoted(source, name, module_root)
            if target is None:
                problem = check_angled(module, name) if name.startswith("granary/") else \
                    "not a file of this module"
            else:
                problem = check_core_layer(source, target, module_root) if module == "core" else None
        if problem:
            line = source.read_text(encoding="utf-8")[: match.start(1)].count("\n") + 1
            yield f"{source}:{line}: #include {match.group(1)}: {problem}"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = pathlib.Path(sys.argv[1])
    problems, files = [], 0
    for module in MODULES:
        module_root = root / "modules" / module
        for part in ("include", "src"):
            for source in sorted((module_root / part).rglob("*")):
                if source.suffix in {".hpp", ".cpp", ".h", ".in"} and source.is_file():
                    files += 1
                    problems += check_file(source, module, module_root)
    if files == 0:
        problems.append(f"{root}/modules: no source files found")
    print("\n".join(problems) or f"{files} files keep to the ladder")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
