# SPDX-License-Identifier: Apache-2.0 OR MIT
"""workload_cpython: what interpreters do all day: dictionaries, strings, JSON, big numbers.

Run with PYTHONMALLOC=malloc, so that every object is one malloc. Deterministic.
"""

import json
import re
import time
import zlib

import workload_probe


class Node:
    def __init__(self, key, left=None, right=None):
        self.key, self.left, self.right = key, left, right

    def total(self):
        return self.key + sum(child.total() for child in (self.left, self.right) if child)


def tree(depth, key=1):
    if depth == 0:
        return Node(key)
    return Node(key, tree(depth - 1, 2 * key), tree(depth - 1, 2 * key + 1))


def documents(count):
    return [{"id": i, "name": f"item-{i * 7919 % count}", "price": i * 0.25,
             "tags": [f"t{i % k}" for k in (2, 3, 5, 7)],
             "nested": {"a": [i] * 5, "b": str(i) * 3}} for i in range(count)]


def pi_digits(count):
    """Gibbons' spigot: big numbers that grow step by step."""
    q, r, t, k, n, limit = 1, 0, 1, 1, 3, 3
    digits = []
    while len(digits) < count:
        if 4 * q + r - t < n * t:
            digits.append(n)
            q, r, n = 10 * q, 10 * (r - n * t), (10 * (3 * q + r)) // t - 10 * n
        else:
            q, r, t, k, n, limit = (q * k, (2 * q + r) * limit, t * limit, k + 1,
                                    (q * (7 * k + 2) + r * limit) // (t * limit), limit + 2)
    return digits


def work():
    checksum = 0
    for _ in range(3):
        text = json.dumps(documents(15_000))
        checksum = zlib.crc32(text.encode(), checksum)
        restored = json.loads(text)
        by_name = {}
        for document in restored:
            by_name.setdefault(document["name"][:6], []).append(document)
        checksum += sum(len(group) for group in by_name.values())
        checksum += len(re.findall(r"item-\d+", text))
        checksum += len(sorted(text[:400_000].split(",")))
        checksum += tree(15).total()
        checksum += sum(pi_digits(700))
        checksum += sum(len(f"{i}:{i * i}") for i in range(200_000))
        table = {str(i): (i, [i]) for i in range(120_000)}
        for i in range(0, 120_000, 3):
            del table[str(i)]
        checksum += len(table)
    return checksum


start = time.perf_counter()
result = work()
workload_probe.report(time.perf_counter() - start, result)
