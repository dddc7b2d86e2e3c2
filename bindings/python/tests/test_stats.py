# SPDX-License-Identifier: Apache-2.0 OR MIT
from __future__ import annotations

import dataclasses
import json
import threading
import time

import pytest

import granary

MIB = 1 << 20


def test_figures_of_one_epoch_agree() -> None:
    with granary.arena() as a:
        blocks = [a.allocate(size) for size in (24, 1000, 100_000, 5 * MIB) for _ in range(20)]
        s = granary.stats()
        assert s.allocated == s.small_allocated + s.large_allocated + s.huge_allocated
        assert s.small_allocated == sum(b.allocated for b in s.bins)
        assert s.run_bytes == sum(b.runs * b.run_bytes for b in s.bins)
        assert s.allocated == sum(one.allocated for one in s.arenas)
        assert s.cached == sum(b.cached * b.size for b in s.bins)
        assert s.large_live + s.huge_live == sum(large.live for large in s.larges)
        assert s.allocated <= s.active <= s.mapped
        assert s.arena_count >= len(s.arenas), "the destroyed ones count"
        del blocks


def test_what_is_allocated_is_counted() -> None:
    with granary.arena() as a:
        before = granary.stats()
        blocks = [a.allocate(1000) for _ in range(1000)]
        delta = granary.stats() - before
        assert delta.allocated == 1000 * 1024
        (changed,) = [b for b in delta.bins if b.live]
        assert (changed.size, changed.live) == (1024, 1000)
        del blocks
        assert (granary.stats() - before).allocated == 0


def test_a_difference_knows_rates() -> None:
    with granary.arena() as a:
        before = granary.stats(detail=False)
        time.sleep(0.05)
        block = a.allocate(10 * MIB)
        delta = granary.stats(detail=False) - before
        assert delta.seconds >= 0.05
        assert delta.rates["allocated"] == pytest.approx(10 * MIB / delta.seconds)
        assert "10.0 MiB" in str(delta) and "<table>" in delta._repr_html_()
        del block


def test_statistics_are_frozen() -> None:
    s = granary.stats()
    with pytest.raises(dataclasses.FrozenInstanceError):
        s.allocated = 0  # type: ignore[misc]
    assert granary.stats().epoch > s.epoch


def test_purge_gives_back() -> None:
    with granary.arena() as a:
        block = a.allocate(32 * MIB)
        block[:] = bytes(32 * MIB)
        del block
        before = granary.stats()
        assert before.dirty >= 32 * MIB
        granary.purge()
        after = granary.stats()
        assert after.dirty < MIB
        assert before.rss - after.rss >= 31 * MIB, "the system has the memory"


def test_forms_for_people_and_machines() -> None:
    with granary.arena("forms") as a:
        block = a.allocate(100)
        s = granary.stats()
        assert "fragmentation" in str(s) and "112" in str(s)
        assert s._repr_html_().count("<table>") == 2
        plain = json.loads(json.dumps(s.to_dict()))
        assert plain["allocated"] == s.allocated
        assert plain["bins"][0]["size"] == s.bins[0].size
        assert "forms" in [one["name"] for one in plain["arenas"]]
        del block


def test_fragmentation_and_waste() -> None:
    with granary.arena() as a:
        blocks = [a.allocate(4096) for _ in range(1024)]
        full = granary.stats()
        del blocks[::2]
        half = granary.stats()
        assert half.waste - full.waste == 512 * 4096
        assert 0 <= full.fragmentation < half.fragmentation < 1
        del blocks


def test_report_and_metrics_are_complete_texts() -> None:
    text = granary.report()
    assert text.startswith("___ Begin") and "End" in text.splitlines()[-1]
    assert json.loads(granary.report("J"))["jemalloc"]["arenas"]["page"] == 4096
    metrics = granary.metrics_text()
    assert metrics.endswith("# EOF\n") and "granary_allocated_bytes " in metrics


def test_threads_read_epochs_that_agree() -> None:
    wrong: list[str] = []

    def read() -> None:
        for _ in range(30):
            s = granary.stats()
            if s.small_allocated != sum(b.allocated for b in s.bins):
                wrong.append(f"epoch {s.epoch}")

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
