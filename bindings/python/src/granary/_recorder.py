# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A thread that takes the statistics again and again."""
from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Optional

from ._stats import Stats, stats
from .errors import GranaryError

__all__ = ["Recorder"]


class Recorder:
    """Samples statistics in the background: `with granary.Recorder(0.05) as r: work(); r.plot()`.

    interval  seconds between samples
    capacity  the oldest samples go when there are more
    detail    with size classes and arenas: about a millisecond each, under the interpreter's lock

    There is one sample at the start and one at the end. A forked child has what was recorded before,
    and no thread.
    """

    def __init__(self, interval: float = 0.1, *, capacity: int = 100_000, detail: bool = False) -> None:
        if interval <= 0:
            raise ValueError(f"interval: {interval} is not positive")
        if capacity < 2:
            raise ValueError(f"capacity: {capacity} is below 2")
        self.interval = interval
        self.detail = detail
        self._samples: deque[Stats] = deque(maxlen=capacity)
        self._over = threading.Event()
        self._thread: Optional[threading.Thread] = None
        self._error: Optional[BaseException] = None

    def start(self) -> Recorder:
        if self._thread is not None:
            raise GranaryError("the recorder is running")
        self._over.clear()
        self._error = None
        self._take()
        self._thread = threading.Thread(target=self._run, name="granary-recorder", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> Recorder:
        """Ends the thread; raises what went wrong in it."""
        if self._thread is None:
            raise GranaryError("the recorder is not running")
        self._over.set()
        self._thread.join()
        self._thread = None
        if self._error is not None:
            raise self._error
        self._take()
        return self

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def samples(self) -> tuple[Stats, ...]:
        return tuple(self._samples)

    def rows(self) -> list[dict[str, Any]]:
        """Totals as table rows, `seconds` from the first sample: for pandas.DataFrame() or csv."""
        samples = self.samples
        return [{"seconds": s.monotonic - samples[0].monotonic,
                 **{name: value for name, value in s.to_dict().items()
                    if not isinstance(value, (list, tuple))}} for s in samples]

    def peak(self, name: str = "rss") -> int:
        """The largest value of a total."""
        return max(int(getattr(s, name)) for s in self.samples)

    def plot(self, ax: Any = None) -> Any:
        """Memory over time, by matplotlib: see granary.plots.memory_over_time()."""
        from . import plots
        return plots.memory_over_time(self.samples, ax=ax)

    def __enter__(self) -> Recorder:
        return self.start()

    def __exit__(self, kind: Optional[type[BaseException]], value: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        self.stop()

    def __iter__(self) -> Iterator[Stats]:
        return iter(self.samples)

    def __len__(self) -> int:
        return len(self._samples)

    def _take(self) -> None:
        self._samples.append(stats(self.detail))

    def _run(self) -> None:
        try:
            while not self._over.wait(self.interval):
                self._take()
        except BaseException as error:  # for stop() to raise where somebody sees it
            self._error = error
