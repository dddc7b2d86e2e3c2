# SPDX-License-Identifier: Apache-2.0 OR MIT
"""CPython's domains on granary, in every state of an interpreter that matters.

Each case is a child: it allocates before, installs, allocates, and frees everything in the end. A wrong
free ends it with a signal or granary's message.
"""
from __future__ import annotations

import re
import sysconfig
from collections.abc import Callable

import pytest

import granary
import granary.python

from conftest import Outcome

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
TARGETS = ["raw", "arenas", "mem", "obj", "all"]

PRELUDE = """
import ctypes, gc, json, os, sys, threading, tracemalloc
import granary, granary.python as gp
api = ctypes.pythonapi
NAMES = {"raw": ("PyMem_RawMalloc", "PyMem_RawRealloc", "PyMem_RawFree"),
         "mem": ("PyMem_Malloc", "PyMem_Realloc", "PyMem_Free"),
         "obj": ("PyObject_Malloc", "PyObject_Realloc", "PyObject_Free")}
for malloc, realloc, free in NAMES.values():
    getattr(api, malloc).restype = getattr(api, realloc).restype = ctypes.c_void_p
    getattr(api, malloc).argtypes = [ctypes.c_size_t]
    getattr(api, realloc).argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    getattr(api, free).argtypes = [ctypes.c_void_p]
    getattr(api, free).restype = None
owns = granary._library.functions.granary_owns_region
SIZES = [0, 1, 16, 100, 500, 513, 5000, 300000]

def take(domain, count=25):
    blocks = []
    for size in SIZES * count:
        block = getattr(api, NAMES[domain][0])(size)
        assert block
        ctypes.memset(block, size % 251, size)
        blocks.append((block, size))
    return blocks

def check(blocks):
    for block, size in blocks:
        assert ctypes.string_at(block, size) == bytes([size % 251]) * size

def give(domain, blocks):
    check(blocks)
    for k, (block, size) in enumerate(blocks):
        if k % 2:
            block = getattr(api, NAMES[domain][1])(block, size + 1000)
            assert ctypes.string_at(block, size) == bytes([size % 251]) * size
        getattr(api, NAMES[domain][2])(block)

def objects(count):
    return [[{str(k): (k, [k])} for k in range(count // 10)], [bytearray(k % 2000) for k in range(count)],
            [object() for _ in range(count)], {k: "x" * (k % 600) for k in range(count)}]

DOMAINS = {"all": ("raw", "mem", "obj"), "arenas": ()}.get(TARGET, (TARGET,))
ARENAS = TARGET in ("all", "arenas")

def install():
    return gp.install(DOMAINS, arenas=ARENAS)

before = {d: take(d) for d in NAMES}
before_objects = objects(20000)

def finish(**more):
    after = {d: take(d) for d in NAMES}
    after_objects = objects(20000)
    ours = {d: all(owns(block) for block, _ in after[d]) for d in NAMES}
    for d in NAMES:
        give(d, before[d]); give(d, after[d])
    before_objects.clear(); after_objects.clear(); gc.collect()
    s = gp.status()
    print(json.dumps({"ours": ours, "states": {p.name: p.state for p in s.parts},
                      "foreign": {p.name: p.foreign_frees + p.foreign_reallocs for p in s.parts},
                      "displaced": s.displaced, "arenas": s.arenas_taken, "debug": s.debug_hooks, **more}))
    sys.stdout.flush()
"""

MODES = {
    "plain": "install(); finish()",
    "dev": "install(); finish()",
    "tracemalloc_before": """
tracemalloc.start()
try:
    install()
except granary.TracemallocActiveError as error:
    refused = str(error)
assert all(part.state == "absent" for part in gp.status().parts), gp.status()
during = {d: take(d) for d in NAMES}
tracemalloc.stop()
install()
for d in NAMES: give(d, during[d])
finish(refused=refused)
""",
    "tracemalloc_after": """
install()
tracemalloc.start()
during = {d: take(d) for d in NAMES}
kept = objects(2000)
covered = {p.name: p.state for p in gp.status().parts}
traced = tracemalloc.get_traced_memory()[0]
try:
    install(); again = "done"
except granary.TracemallocActiveError:
    again = "refused"
tracemalloc.stop()
for d in NAMES: give(d, during[d])
finish(covered=covered, traced=traced, again=again)
""",
    "fork": """
install()
during = {d: take(d) for d in NAMES}
reader, writer = os.pipe()
child = os.fork()
for d in NAMES: give(d, during[d])
if child == 0:
    os.dup2(writer, 1)
    finish()
    sys.exit(0)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
os.close(writer)
told = json.loads(os.fdopen(reader).read())
finish(child=code, told=told)
""",
    "threads": """
over = threading.Event()
rounds = [0] * 4
def churn(k):
    # raw memory without the interpreter's lock: hashlib and zlib let go of it
    import zlib
    while not over.is_set():
        blocks = {d: take(d, 1) for d in NAMES}
        zlib.decompress(zlib.compress(bytes(200000)))
        kept = objects(200)
        for d in NAMES: give(d, blocks[d])
        rounds[k] += 1
threads = [threading.Thread(target=churn, args=(k,)) for k in range(4)]
for t in threads: t.start()
while min(rounds) < 2: over.wait(0.001)
install()
for _ in range(5):
    at = min(rounds)
    gp.disable()
    while min(rounds) < at + 2: over.wait(0.001)
    gp.enable()
    while min(rounds) < at + 4: over.wait(0.001)
over.set()
for t in threads: t.join()
finish()
""",
    "subinterpreter": """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
CODE = '''
kept = [[{str(k): (k, [k])} for k in range(2000)], [bytearray(k % 2000) for k in range(5000)]]
import json, re
text = json.dumps(list(range(10000)))
'''
old = interpreters.create()
interpreters.run_string(old, CODE)
install()
new = interpreters.create()
interpreters.run_string(new, CODE)
interpreters.run_string(old, CODE + "del kept")
interpreters.destroy(old)
inside = gp.status().obj.state
interpreters.destroy(new)
finish()
""",
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("mode", sorted(MODES))
def test_matrix(python: Callable[..., Outcome], mode: str, target: str) -> None:
    if FREE_THREADED and target != "raw":
        pytest.skip("refused there; see the tests of refusals")
    flags = ["-X", "dev"] if mode == "dev" else []
    told = python(f"TARGET = {target!r}\n" + PRELUDE + MODES[mode], [*flags, "-W", "ignore"]).json()
    wanted = {"all": {"raw", "mem", "obj"}, "arenas": set()}.get(target, {target})
    hooked = wanted | ({"raw"} if wanted else set())
    for name in ("raw", "mem", "obj"):
        expected = "active" if name in wanted else "passing" if name in hooked else "absent"
        assert told["states"][name] == expected
        assert (told["foreign"][name] > 100) == (name in hooked), "blocks of before went back"
        if name in wanted:
            assert told["ours"][name]
    arenas = target in ("all", "arenas")
    assert told["states"]["arenas"] == ("active" if arenas else "absent")
    if arenas and not {"mem", "obj"} <= wanted:
        assert told["arenas"] > 0, "pymalloc took arenas from granary"
    assert told["displaced"] == []
    assert told["debug"] == (mode == "dev")
    if mode == "tracemalloc_before":
        assert "Install before tracemalloc.start()" in told["refused"]
    if mode == "tracemalloc_after":
        assert told["again"] == "refused" and told["traced"] > 1_000_000
        assert {told["covered"][name] for name in wanted} <= {"covered"}
    if mode == "fork":
        assert told["child"] == 0 and told["told"]["states"] == told["states"]


@pytest.mark.parametrize("allocator", ["malloc", "malloc_debug", "pymalloc", "pymalloc_debug", "debug"])
@pytest.mark.parametrize("preloaded", [False, True], ids=["beside", "preloaded"])
def test_every_allocator_below(python: Callable[..., Outcome], allocator: str, preloaded: bool) -> None:
    if FREE_THREADED:
        pytest.skip("refused there")
    env = {"PYTHONMALLOC": allocator}
    if preloaded:
        env["LD_PRELOAD"] = str(granary.library_path())
    told = python("TARGET = 'all'\n" + PRELUDE + MODES["plain"], env=env).json()
    assert set(told["states"].values()) == {"active"} and all(told["ours"].values())
    assert told["debug"] == allocator.endswith("debug")


def test_displacement_is_reported_and_mended(python: Callable[..., Outcome]) -> None:
    """Somebody puts back the tables of before: what tracemalloc does if granary had come after it."""
    told = python("TARGET = 'mem'\n" + PRELUDE + """
        from granary._hooks import hooks
        gp.install(("mem", "obj"), arenas=True)
        blocks = {d: take(d) for d in ("mem", "obj")}
        for k in (1, 2):
            api.PyMem_SetAllocator(k, hooks.granary_python_below(k))
        api.PyObject_SetArenaAllocator(hooks.granary_python_arenas_below())
        displaced = gp.status().displaced
        # raw, below both, still knows granary's blocks: nothing breaks.
        for d in blocks: give(d, blocks[d])
        gp.install(("mem", "obj"), arenas=True)
        print(json.dumps([displaced, gp.status().displaced, [p.state for p in gp.status().parts]]))
    """.replace("\n        ", "\n")).json()
    assert told == [["mem", "obj", "arenas"], [], ["passing", "active", "active", "active"]]


def test_an_unknown_allocator_above_is_not_hooked_again(python: Callable[..., Outcome]) -> None:
    told = python("TARGET = 'obj'\n" + PRELUDE + """
        from granary._hooks import Table
        gp.install(("obj",), arenas=False)
        table = Table(); api.PyMem_GetAllocator(2, ctypes.byref(table))
        table.ctx = 12345  # granary's functions do not look at it: a wrapper that goes on to them
        api.PyMem_SetAllocator(2, ctypes.byref(table))
        try:
            gp.install(("obj",), arenas=False); result = "done"
        except granary.InstallError as error:
            result = str(error)
        print(json.dumps([gp.status().obj.state, result]))
    """.replace("\n        ", "\n")).json()
    assert told[0] == "covered" and "round in circles" in told[1]


def test_disable_routes_new_memory_only(python: Callable[..., Outcome]) -> None:
    told = python("TARGET = 'all'\n" + PRELUDE + """
        install()
        ours = {d: take(d) for d in NAMES}
        disabled = [p.state for p in gp.disable().parts]
        theirs = {d: take(d) for d in NAMES}
        foreign = not any(owns(block) for d in NAMES for block, _ in theirs[d])
        for d in NAMES: give(d, ours[d])
        enabled = [p.state for p in gp.enable().parts]
        for d in NAMES: give(d, theirs[d])
        print(json.dumps([disabled, foreign, enabled]))
    """.replace("\n        ", "\n")).json()
    assert told == [["passing"] * 4, True, ["active"] * 4]


def test_installing_twice_is_once(python: Callable[..., Outcome]) -> None:
    told = python("TARGET = 'all'\n" + PRELUDE + """
        gp.install(); gp.install(); install(); install()
        from granary._hooks import hooks
        below = hooks.granary_python_below(0).contents
        assert below.malloc != hooks.granary_python_table(0).contents.malloc
        finish()
    """.replace("\n        ", "\n")).json()
    assert set(told["states"].values()) == {"active"}


def test_a_table_that_changes_in_between_is_noticed(python: Callable[..., Outcome]) -> None:
    """Another thread starts tracemalloc between the look and the installation."""
    told = python("TARGET = 'all'\n" + PRELUDE + """
        real = gp._must_install_arenas
        def late(table):
            tracemalloc.start()
            return real(table)
        gp._must_install_arenas = late
        try:
            install(); result = "done"
        except granary.InstallError as error:
            result = str(error)
        absent = [p.state for p in gp.status().parts]
        tracemalloc.stop()
        gp._must_install_arenas = real
        install()
        finish(result=result, absent=absent)
    """.replace("\n        ", "\n")).json()
    assert "at this moment" in told["result"] and told["absent"] == ["absent"] * 4
    assert set(told["states"].values()) == {"active"}


def test_arguments_are_checked_before_anything_changes(python: Callable[..., Outcome]) -> None:
    told = python("""
        import json, granary.python as gp
        try: gp.install(("raw", "gc"))
        except ValueError as error: message = str(error)
        print(json.dumps([message, [p.state for p in gp.status().parts]]))
    """).json()
    assert told[0] == "domains: 'gc'; there are raw, mem, obj" and set(told[1]) == {"absent"}


@pytest.mark.parametrize("domains, arenas", [(("raw",), True), (("mem",), False), (("obj",), False)])
def test_free_threading_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch, domains: tuple[str, ...],
                                                   arenas: bool) -> None:
    monkeypatch.setattr(granary.python, "_free_threaded", lambda: True)
    with pytest.raises(granary.NotSupportedError, match=re.escape("install(('raw',), arenas=False)")):
        granary.python.install(domains, arenas)
    assert all(part.state == "absent" for part in granary.python.status().parts)


def test_status_has_forms() -> None:
    s = granary.python.status()
    assert "arenas" in str(s) and "<table>" in s._repr_html_() and s.to_dict()["raw"]["name"] == "raw"
