# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Pictures of memory, by matplotlib (the extra `plots`). Each function returns the axes it drew on."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Optional, Union

from . import _format, _heap_map
from ._heap_map import HeapMap, heap_map
from ._recorder import Recorder
from ._stats import Stats, stats
from .errors import NotSupportedError

__all__ = ["heap_map_legend", "heap_map_plot", "memory_over_time", "waste_per_class"]

# Unlike in hue and in lightness, also to colour-blind eyes.
_PARTS = (
    ("live", "#2a5783"), ("free in runs and caches", "#7fb2d8"), ("dirty", "#f0b95c"),
    ("metadata", "#8c6bb1"),
)
_STATES = ("#f2f2f2", "#f0b95c", "#b8d4ea", "#2a5783")
_MIB = 1 << 20


def _pyplot() -> Any:
    try:
        import matplotlib.pyplot as pyplot
    except ImportError as error:
        raise NotSupportedError("plots need matplotlib: pip install granary[plots]") from error
    return pyplot


def memory_over_time(samples: Union[Recorder, Iterable[Stats]], ax: Any = None) -> Any:
    """The process's RSS, and under it what granary's part of it is made of."""
    points: Sequence[Stats] = list(samples)
    if len(points) < 2:
        raise ValueError("a line needs two samples")
    if ax is None:
        ax = _pyplot().subplots(figsize=(9, 4), layout="constrained")[1]
    seconds = [s.monotonic - points[0].monotonic for s in points]
    layers = [
        [s.allocated / _MIB for s in points],
        [max(s.active - s.allocated, 0) / _MIB for s in points],
        [s.dirty / _MIB for s in points],
        [s.metadata / _MIB for s in points],
    ]
    ax.stackplot(seconds, layers, labels=[name for name, _ in _PARTS],
                 colors=[colour for _, colour in _PARTS])
    ax.plot(seconds, [s.rss / _MIB for s in points], color="#202020", linewidth=1.4, label="RSS of the process")
    ax.set(xlabel="seconds", ylabel="MiB", xlim=(seconds[0], seconds[-1]), title="Memory over time")
    ax.set_ylim(bottom=0)
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(handles[::-1], labels[::-1], loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    return ax


def waste_per_class(of: Optional[Stats] = None, ax: Any = None) -> Any:
    """Live and free bytes of every small size class's runs."""
    bins = [b for b in (of or stats()).bins if b.runs]
    if ax is None:
        ax = _pyplot().subplots(figsize=(9, 4), layout="constrained")[1]
    places = range(len(bins))
    live = [b.allocated / _MIB for b in bins]
    ax.bar(places, live, color=_PARTS[0][1], label="live")
    ax.bar(places, [b.waste / _MIB for b in bins], bottom=live, color=_PARTS[1][1],
           label="free in runs and caches")
    ax.set_xticks(list(places), [str(b.size) for b in bins], rotation=90,
                  fontsize=8 if len(bins) < 25 else 6)
    ax.set(xlabel="size class, bytes", ylabel="MiB", title="Runs by size class")
    ax.legend(frameon=False)
    return ax


def heap_map_legend() -> list[Any]:
    """Patches with names, for a legend of one's own."""
    _pyplot()
    from matplotlib.patches import Patch
    return [Patch(facecolor=colour, edgecolor="#808080", label=name)
            for colour, name in zip(_STATES, _heap_map.NAMES)]


def heap_map_plot(of: Optional[HeapMap] = None, ax: Any = None) -> Any:
    """A row per chunk, a dot per page: used or not, in memory or not."""
    picture = of or heap_map()
    pyplot = _pyplot()
    from matplotlib.colors import ListedColormap
    per_row = picture.chunk // picture.page
    rows = [list(span.pages[at:at + per_row]) for span in picture.spans
            for at in range(0, len(span.pages), per_row)]
    if not rows:
        raise ValueError("granary has no memory handed out: there is nothing to draw")
    if ax is None:
        height = min(2 + len(rows) / 20, 12)
        ax = pyplot.subplots(figsize=(9, height), layout="constrained")[1]
    ax.imshow(rows, cmap=ListedColormap(list(_STATES)), vmin=0, vmax=3, aspect="auto",
              interpolation="nearest")
    ax.set(xlabel=f"page of {_format.in_bytes(picture.page)}", ylabel=f"chunk of {_format.in_bytes(picture.chunk)}",
           title="Heap map")
    ax.legend(handles=heap_map_legend(), loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    return ax
