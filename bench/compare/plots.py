#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""plots: draws what compare.py --json wrote: SVG, for documents.

    bench/compare/plots.py out.json docs/plots

overview.svg   geometric means of time and of peak RSS, for each allocator
time.svg, peak.svg  every row under every allocator, as its ratio to the best of the row
"""

from __future__ import annotations

import json
import math
import pathlib
import sys

from allocators import UsageError

COLOUR_LIMIT = 2.0  # ratios from here on have the darkest colour


def library():
    try:
        import matplotlib
    except ImportError:
        raise UsageError("plots need matplotlib: apt-get install python3-matplotlib, or pip install "
                         "matplotlib") from None
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "bench", "font.size": 8, "svg.fonttype": "none"})
    from matplotlib import pyplot
    return pyplot


def overview(pyplot, document: dict, path: pathlib.Path) -> None:
    """Two groups of bars: time and peak memory, each the mean of the ratios to the best."""
    metric = document["settings"]["metric"]
    kinds = (("time", document["geometric_means"][metric]["to_best"]),
             ("peak RSS", document["geometric_means"]["peak"]["to_best"]))
    names = [allocator["name"] for allocator in document["allocators"]]
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 0.32 * len(names) + 1.2), sharey=True)
    for axis, (title, means) in zip(axes, kinds):
        values = [means[name] or 0.0 for name in names]
        colours = ["#1b6ca8" if name.startswith("granary") else "#a9b8c4" for name in names]
        bars = axis.barh(names, values, color=colours)
        axis.bar_label(bars, labels=[f"{value:.2f}" if value else "-" for value in values],
                       padding=2)
        axis.set_title(f"{title}: geometric mean of ratios to the best of each row")
        axis.axvline(1.0, color="black", linewidth=0.6)
        axis.set_xlim(0, max(values) * 1.15 or 1)
        axis.invert_yaxis()
        axis.spines[["top", "right"]].set_visible(False)
    axes[1].invert_yaxis()  # shared axis: both inversions are one
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def heat_map(pyplot, document: dict, metric: str, title: str, path: pathlib.Path) -> None:
    """Rows by allocators; each field says the ratio to the best of its row."""
    names = [allocator["name"] for allocator in document["allocators"]]
    labels, fields = [], []
    for row in document["rows"]:
        medians = [row["results"][name]["median"][metric] for name in names]
        known = [value for value in medians if value]
        if not known or (metric != "peak" and not row["timed"]):
            continue
        labels.append(row["name"])
        fields.append([value / min(known) if value else math.nan for value in medians])
    if not fields:
        return
    figure, axis = pyplot.subplots(figsize=(0.75 * len(names) + 2, 0.19 * len(labels) + 1.2))
    axis.imshow([[min(value, COLOUR_LIMIT) for value in line] for line in fields], aspect="auto",
                cmap="YlOrRd", vmin=1.0, vmax=COLOUR_LIMIT)
    for y, line in enumerate(fields):
        for x, value in enumerate(line):
            axis.text(x, y, "failed" if math.isnan(value) else f"{value:.2f}", ha="center",
                      va="center", fontsize=6, color="white" if value > 1.8 else "black")
    axis.set_xticks(range(len(names)), names, rotation=45, ha="left")
    axis.xaxis.tick_top()
    axis.set_yticks(range(len(labels)), labels)
    axis.set_xlabel(title)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def draw(document: dict, directory: pathlib.Path) -> list[pathlib.Path]:
    """Writes the files and returns their names."""
    pyplot = library()
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / name for name in ("overview.svg", "time.svg", "peak.svg")]
    overview(pyplot, document, paths[0])
    heat_map(pyplot, document, document["settings"]["metric"],
             "time: ratio to the best of the row", paths[1])
    heat_map(pyplot, document, "peak", "peak RSS: ratio to the best of the row", paths[2])
    return [path for path in paths if path.is_file()]


def main() -> int:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        for path in draw(json.loads(pathlib.Path(sys.argv[1]).read_text()),
                         pathlib.Path(sys.argv[2])):
            print(path)
    except (UsageError, OSError) as error:
        print(f"plots: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
