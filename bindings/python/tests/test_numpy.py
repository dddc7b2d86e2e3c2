# SPDX-License-Identifier: Apache-2.0 OR MIT
"""numpy's arrays on granary: each dies where it was born."""
from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import granary

from conftest import Outcome

numpy = pytest.importorskip("numpy")
import granary.numpy as gn  # noqa: E402


@pytest.fixture(autouse=True)
def own_handler_afterwards() -> Iterator[None]:
    yield
    gn.uninstall()
    assert gn.handler_name() == "default_allocator"


@pytest.mark.parametrize("size", [0, 1, 10, 1000, 100_000, 3_000_000])
def test_arrays_die_under_the_other_handler(size: int) -> None:
    theirs = numpy.arange(size, dtype="f8")
    with gn.allocator():
        assert not gn.handles(theirs)
        ours = numpy.arange(size, dtype="f8")
        assert gn.handles(ours) and gn.handler_name(ours) == "granary_align_64_hugepages_auto"
        del theirs
        theirs = numpy.ones(3)
        assert gn.handles(theirs)
    assert (ours == numpy.arange(size)).all()
    ours.resize(2 * size + 1, refcheck=False)
    assert gn.handles(ours), "an array keeps its handler when it is resized"
    del ours, theirs


def test_memory_is_counted_and_given_back() -> None:
    before = granary.stats(False).allocated
    with gn.allocator():
        array = numpy.zeros(4_000_000, dtype="u1")
        assert granary.stats(False).allocated - before >= 4_000_000
        assert not array.any()
        del array
    assert granary.stats(False).allocated == before


@pytest.mark.parametrize("align", [1, 16, 64, 4096, 1 << 21])
def test_alignment(align: int) -> None:
    with gn.allocator(align=align):
        arrays = [make(n) for n in (1, 7, 1000, 600_000) for make in (numpy.empty, numpy.zeros)]
        for array in arrays:
            assert array.ctypes.data % align == 0
            array.resize(3 * len(array), refcheck=False)
            assert array.ctypes.data % align == 0


@pytest.mark.parametrize("hugepages", ["auto", "always", "never"])
def test_huge_pages_are_advice_for_the_whole_ones(hugepages: str) -> None:
    with gn.allocator(align=1 << 21, hugepages=hugepages):
        array = numpy.zeros(8 << 20, dtype="u1")
        array[:] = 3
        flags = _vm_flags(array.ctypes.data)
        assert ("hg" in flags) >= (hugepages == "always")
        assert ("nh" in flags) == (hugepages == "never")
        array.resize(20 << 20, refcheck=False)
        assert array[: 8 << 20].sum() == 3 * (8 << 20) and not array[8 << 20:].any()


def _vm_flags(address: int) -> list[str]:
    inside = False
    with open("/proc/self/smaps", encoding="utf-8", errors="replace") as smaps:
        for line in smaps:
            words = line.split()
            if "-" in words[0] and ":" not in words[0]:
                begin, end = (int(text, 16) for text in words[0].split("-"))
                inside = begin <= address < end
            elif inside and words[0] == "VmFlags:":
                return words[1:]
    raise AssertionError(f"{address:#x} is not mapped")


def test_contexts_nest_and_end_after_exceptions() -> None:
    outer, inner = gn.allocator(), gn.allocator(align=128)
    with outer:
        with inner, outer:
            assert gn.handler_name() == outer.name
        with pytest.raises(ZeroDivisionError):
            with inner:
                assert gn.handler_name() == inner.name
                1 // 0
        assert gn.handler_name() == outer.name
    assert gn.handler_name() == "default_allocator"
    assert repr(inner) == "granary.numpy.allocator(align=128, hugepages='auto')"


def test_install_is_for_a_context_and_thread_pools_can_have_it() -> None:
    gn.install()
    assert gn.handles(numpy.ones(5))
    with ThreadPoolExecutor(1, initializer=gn.install) as pool:
        array = pool.submit(numpy.ones, 1000).result()
    assert gn.handles(array)
    contextvars.Context().run(lambda: None)
    assert contextvars.Context().run(gn.handler_name) == "default_allocator"
    assert contextvars.copy_context().run(gn.handler_name) == "granary_align_64_hugepages_auto"


def test_threads_free_what_others_made() -> None:
    def work(k: int) -> int:
        with gn.allocator(align=64 << k % 3):
            held = [numpy.full(n, k) for n in range(1, 400)]
        return sum(int(a[-1]) for a in held)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(16))) == [399 * k for k in range(16)]


def test_views_are_seen_through() -> None:
    with gn.allocator():
        array = numpy.arange(100)
    assert gn.handles(array[10:50].reshape(4, 10)) and gn.handler_name(array[10:]) is None
    assert not gn.handles(numpy.frombuffer(b"12345678"))


def test_wrong_properties_are_refused() -> None:
    for align in (0, 3, -8, 1 << 22):
        with pytest.raises(ValueError, match="power of two"):
            gn.allocator(align=align)
    with pytest.raises(ValueError, match="none of auto, always, never"):
        gn.allocator(hugepages="sometimes")


def test_too_much_is_a_memory_error_as_ever() -> None:
    with gn.allocator():
        with pytest.raises(MemoryError):
            numpy.empty(1 << 60, dtype="u1")


def test_tracemalloc_sees_the_arrays() -> None:
    import tracemalloc
    with gn.allocator():
        tracemalloc.start()
        try:
            array = numpy.ones(1_000_000, dtype="u1")
            assert tracemalloc.get_traced_memory()[0] >= 1_000_000
            del array
        finally:
            tracemalloc.stop()


def test_on_every_kind_of_process(python: Callable[..., Outcome]) -> None:
    code = """
        import json, numpy, granary, granary.numpy as gn, granary.python as gp
        old = [numpy.arange(n) for n in range(1, 3000, 7)]
        gp.install(("raw", "mem", "obj")); gn.install()
        new = [numpy.arange(n) for n in range(1, 3000, 7)]
        same = all((a == b).all() for a, b in zip(old, new))
        del old, new[::2]
        gn.uninstall()
        new += [numpy.linalg.inv(numpy.eye(50) * 2) for _ in range(20)]
        print(json.dumps([bool(same), float(new[-1].trace())]))
    """
    for env in ({}, {"LD_PRELOAD": str(granary.library_path())}, {"PYTHONMALLOC": "debug"}):
        assert python(code, env=env).json() == [True, 25.0]
