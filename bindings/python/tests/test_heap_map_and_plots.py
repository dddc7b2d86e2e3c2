# SPDX-License-Identifier: Apache-2.0 OR MIT
from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

import granary
from granary import _heap_map

CHUNK = 2 << 20


def test_used_and_resident_pages_are_found() -> None:
    with granary.arena() as a:
        before = granary.heap_map()
        block = a.allocate(4 * CHUNK, align=CHUNK)
        address = ctypes.addressof(ctypes.c_ubyte.from_buffer(block))
        ctypes.memset(address, 1, CHUNK)
        now = granary.heap_map()
        (span,) = [s for s in now.spans if s.address <= address < s.address + len(s.pages) * now.page]
        pages = span.pages[(address - span.address) // now.page:][:4 * CHUNK // now.page]
        per_chunk = CHUNK // now.page
        assert pages[:per_chunk] == bytes([_heap_map.USED]) * per_chunk
        assert set(pages[per_chunk:]) <= {_heap_map.UNTOUCHED, _heap_map.USED}
        used = now.count(_heap_map.USED) + now.count(_heap_map.UNTOUCHED)
        assert used >= before.count(_heap_map.USED) + before.count(_heap_map.UNTOUCHED) + 4 * per_chunk
        assert sum(now.to_dict().values()) == sum(len(s.pages) for s in now.spans) * now.page
        assert "used, in memory" in str(now) and "<table>" in now._repr_html_()
        del block


def test_unused_pages_are_told_from_used_ones() -> None:
    with granary.arena() as a:
        blocks = [a.allocate(256 << 10, zero=True) for _ in range(16)]
        for block in blocks:
            ctypes.memset(ctypes.addressof(ctypes.c_ubyte.from_buffer(block)), 1, len(block))
        del block, blocks[::2]
        dirty = granary.heap_map().count(_heap_map.DIRTY)
        a.purge()
        assert granary.heap_map().count(_heap_map.DIRTY) <= dirty - 4 * 64
        del blocks


@pytest.fixture
def matplotlib() -> None:
    module = pytest.importorskip("matplotlib")
    module.use("agg")


def test_pictures_are_drawn(matplotlib: None, tmp_path: Path) -> None:
    import matplotlib.pyplot as pyplot

    from granary import plots
    with granary.arena() as a:
        with granary.Recorder(0.01) as recorder:
            blocks = [a.allocate(3000) for _ in range(1000)]
        axes = {
            "time": recorder.plot(),
            "waste": plots.waste_per_class(),
            "map": plots.heap_map_plot(),
        }
        blocks.clear()
    assert axes["time"].get_legend_handles_labels()[1] == [
        "live", "free in runs and caches", "dirty", "metadata", "RSS of the process"]
    assert "3072" in [text.get_text() for text in axes["waste"].get_xticklabels()]
    for name, ax in axes.items():
        path = tmp_path / f"{name}.png"
        ax.figure.savefig(path)
        assert path.stat().st_size > 5000
    pyplot.close("all")


def test_a_line_needs_two_samples(matplotlib: None) -> None:
    from granary import plots
    with pytest.raises(ValueError, match="two samples"):
        plots.memory_over_time([granary.stats(False)])
