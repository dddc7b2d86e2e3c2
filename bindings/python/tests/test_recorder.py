# SPDX-License-Identifier: Apache-2.0 OR MIT
from __future__ import annotations

import os
import threading

import pytest

import granary
from granary import _recorder


def test_it_samples_while_others_work() -> None:
    with granary.arena() as a:
        seen = threading.Event()
        with granary.Recorder(0.005) as recorder:
            block = a.allocate(8 << 20)
            while len(recorder) < 5:
                seen.wait(0.005)
        times = [s.monotonic for s in recorder]
        assert times == sorted(times)
        assert recorder.samples[-1].allocated - recorder.samples[0].allocated == 8 << 20
        assert recorder.peak("allocated") == max(s.allocated for s in recorder)
        rows = recorder.rows()
        assert rows[0]["seconds"] == 0 and rows[-1]["allocated"] == recorder.samples[-1].allocated
        assert "bins" not in rows[0]
        del block


def test_capacity_drops_the_oldest() -> None:
    recorder = granary.Recorder(10, capacity=2)
    for _ in range(3):
        recorder.start()
        recorder.stop()
    assert len(recorder) == 2
    assert recorder.samples[0].epoch > 1


def test_detail_brings_classes() -> None:
    with granary.Recorder(10, detail=True) as recorder:
        pass
    assert all(s.bins for s in recorder)


def test_wrong_use_is_refused() -> None:
    with pytest.raises(ValueError):
        granary.Recorder(0)
    with pytest.raises(ValueError):
        granary.Recorder(1, capacity=1)
    recorder = granary.Recorder(10)
    with pytest.raises(granary.GranaryError, match="not running"):
        recorder.stop()
    with recorder:
        assert recorder.running
        with pytest.raises(granary.GranaryError, match="is running"):
            recorder.start()
    assert not recorder.running


def test_what_goes_wrong_in_the_thread_is_raised_by_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = granary.Recorder(0.001).start()

    def fail(detail: bool = True) -> granary.Stats:
        raise granary.OutOfMemoryError("made up")

    monkeypatch.setattr(_recorder, "stats", fail)
    assert recorder._thread is not None
    recorder._thread.join(30)
    assert not recorder.running
    with pytest.raises(granary.OutOfMemoryError, match="made up"):
        recorder.stop()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_keeps_the_samples() -> None:
    with granary.Recorder(0.001) as recorder:
        child = os.fork()
        if child == 0:
            ok = len(recorder) > 0 and not recorder.running
            os._exit(0 if ok else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
