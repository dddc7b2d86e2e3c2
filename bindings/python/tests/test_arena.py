# SPDX-License-Identifier: Apache-2.0 OR MIT
from __future__ import annotations

import gc
import threading
from collections.abc import Callable

import pytest

import granary
from granary._library import functions

from conftest import Outcome


@pytest.mark.parametrize("size", [0, 1, 15, 4096, 100_000, 3 << 20])
@pytest.mark.parametrize("align", [1, 16, 64, 4096, 1 << 21])
def test_memory_is_writable_aligned_and_granarys(size: int, align: int) -> None:
    import ctypes
    with granary.arena() as a:
        view = a.allocate(size, align=align, zero=True)
        assert len(view) == size and not view.readonly
        assert bytes(view) == bytes(size)
        if size:
            address = ctypes.addressof(ctypes.c_ubyte.from_buffer(view))
            assert address % align == 0
            assert functions.granary_owns_region(address)
            view[-1] = 255
        del view


def test_memory_lives_as_long_as_any_view() -> None:
    numpy = pytest.importorskip("numpy")
    with granary.arena() as a:
        view = a.allocate(8000)
        array = numpy.frombuffer(view, dtype="f8")[10:20]
        array[:] = 7
        del view
        gc.collect()
        assert a.live_blocks == 1 and a.live_bytes == 8000
        assert array.sum() == 70
        with pytest.raises(granary.ArenaError, match="1 blocks of 8000 bytes are in use"):
            a.destroy()
        with pytest.raises(granary.ArenaError, match="cannot be reset"):
            a.reset()
        del array
        gc.collect()
        assert a.live_blocks == 0
        a.reset()


def test_the_end_of_an_arena_gives_everything_back() -> None:
    before = granary.stats().allocated
    a = granary.arena("short")
    block = a.allocate(1 << 20)
    assert a.stats().allocated == 1 << 20 and a.stats().name == "short"
    del block
    a.destroy()
    assert granary.stats().allocated == before
    with pytest.raises(granary.ArenaError, match="destroyed"):
        a.allocate(1)
    assert "destroyed" in repr(a)


def test_a_block_outlives_an_exception_and_a_forgotten_arena() -> None:
    kept = []
    with pytest.raises(ZeroDivisionError):
        with granary.arena() as a:
            kept.append(a.allocate(100))
            1 // 0
    index = a.index
    kept[0][:] = b"x" * 100
    del a
    gc.collect()
    assert bytes(kept[0]) == b"x" * 100
    assert granary.ctl[f"arena.{index}.initialized"] is True
    kept.clear()
    gc.collect()
    assert granary.ctl.get(f"arena.{index}.initialized") in (None, False)


def test_arguments_are_checked() -> None:
    with granary.arena() as a:
        with pytest.raises(ValueError, match="negative"):
            a.allocate(-1)
        with pytest.raises(ValueError, match="power of two"):
            a.allocate(1, align=48)
        with pytest.raises(MemoryError) as caught:
            a.allocate(1 << 62)
        assert isinstance(caught.value, granary.OutOfMemoryError)


def test_decay_options() -> None:
    with granary.arena(dirty_decay_ms=5, muzzy_decay_ms=7) as a:
        assert granary.ctl[f"arena.{a.index}.dirty_decay_ms"] == 5
        assert granary.ctl[f"arena.{a.index}.muzzy_decay_ms"] == 7
        a.decay()
        a.purge()


def test_a_bound_arena_cannot_be_destroyed() -> None:
    a = granary.arena()
    with a.bound():
        assert a.stats().threads == 1
        with pytest.raises(granary.ArenaError, match="cannot be destroyed"):
            a.destroy()
    a.destroy()


def test_bound_takes_malloc_of_the_thread_only(python: Callable[..., Outcome]) -> None:
    outcome = python("""
        import ctypes, json, threading
        import granary
        libc = ctypes.CDLL(None)
        libc.malloc.restype = ctypes.c_void_p
        a = granary.arena()
        with a.bound():
            mine = [libc.malloc(5000) for _ in range(100)]
            bound = a.stats().allocated
            thread = threading.Thread(target=lambda: [libc.malloc(5000) for _ in range(100)])
            thread.start(); thread.join()
            still = a.stats().allocated
        print(json.dumps([bound, still]))
    """, env={"LD_PRELOAD": str(granary.library_path())})
    bound, still = outcome.json()
    assert bound >= 100 * 5000
    assert still - bound < 100 * 5000


def test_threads_share_an_arena() -> None:
    with granary.arena() as a:
        def churn() -> None:
            held = []
            for k in range(2000):
                held.append(a.allocate(k % 300 + 1))
                if k % 3:
                    held.pop(0)

        threads = [threading.Thread(target=churn) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        gc.collect()
        assert a.live_blocks == 0
