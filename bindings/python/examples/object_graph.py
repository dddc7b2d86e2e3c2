#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Builds a large graph of objects, frees half of it, and draws where its memory went.

    python -m granary run --python-objects object_graph.py picture.png
"""
from __future__ import annotations

import argparse
import gc
import random
import sys
import time
from typing import Any, Optional

import granary
from granary import plots

NODES = 300_000


class Node:
    def __init__(self, key: int) -> None:
        self.key = key
        self.name = f"node {key:08d}"
        self.tags = {"weight": key * 0.5, "group": key % 97}
        self.payload = bytes(key * 37 % 700)
        self.edges: list[Optional[Node]] = []


def build(count: int) -> list[Optional[Node]]:
    choose = random.Random(1)
    nodes = [Node(key) for key in range(count)]
    for node in nodes:
        node.edges = [nodes[choose.randrange(count)] for _ in range(3)]
    return list(nodes)


def free_half(nodes: list[Optional[Node]], gone: set[int]) -> None:
    for node in nodes:
        if node is not None:
            node.edges = [other for other in node.edges if other is not None and other.key not in gone]
    for key in gone:
        nodes[key] = None
    gc.collect()


def draw(recorder: granary.Recorder, marks: list[tuple[float, str]], half: granary.Stats, picture: granary.HeapMap,
         path: str) -> None:
    import matplotlib
    matplotlib.use("agg")
    import matplotlib.pyplot as pyplot
    figure = pyplot.figure(figsize=(11, 8.5), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=(1, 1.1))
    top: Any = figure.add_subplot(grid[0, :])
    recorder.plot(top)
    top.set_title("An object graph is built, every second node is freed, unused memory is purged, the rest is freed")
    highest = recorder.peak("rss") / (1 << 20)
    top.set_ylim(0, highest * 1.3)
    for k, (second, name) in enumerate(marks):
        top.axvline(second, color="#606060", linewidth=0.8, linestyle=":")
        top.text(second, highest * (1.2 - 0.1 * (k % 2)), f"{name} ", fontsize=9, ha="right" if k else "left")
    plots.waste_per_class(half, figure.add_subplot(grid[1, 0])).set_title("Runs by size class, half freed")
    right: Any = figure.add_subplot(grid[1, 1])
    plots.heap_map_plot(picture, right).set_title("Heap map, half freed")
    right.legend(handles=plots.heap_map_legend(), loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2,
                 frameon=False, fontsize=8)
    figure.savefig(path, dpi=80)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", help="where the picture goes: .png or .svg")
    parser.add_argument("--nodes", type=int, default=NODES)
    arguments = parser.parse_args()
    if not granary.is_process_malloc():
        print("object_graph: run it by `python -m granary run --python-objects`", file=sys.stderr)
        return 1
    marks: list[tuple[float, str]] = []
    with granary.Recorder(0.02) as recorder:
        begin = recorder.samples[0].monotonic

        def mark(name: str) -> None:
            marks.append((time.monotonic() - begin, name))

        mark("build")
        nodes = build(arguments.nodes)
        mark("free half")
        free_half(nodes, set(range(0, arguments.nodes, 2)))
        half, picture = granary.stats(), granary.heap_map()
        time.sleep(0.3)
        mark("purge")
        granary.purge()
        time.sleep(0.3)
        mark("free the rest")
        nodes.clear()
        gc.collect()
        granary.purge()
        time.sleep(0.3)
    print(half)
    draw(recorder, marks, half, picture, arguments.path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
