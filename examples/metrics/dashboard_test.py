#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Every metric that grafana.json asks for is one that the program prints, and nothing printed is left out.

usage: dashboard_test.py PROGRAM grafana.json
"""
import json
import re
import subprocess
import sys


def expressions(value):
    if isinstance(value, dict):
        for key, child in value.items():
            if key == "expr":
                yield child
            else:
                yield from expressions(child)
    elif isinstance(value, list):
        for child in value:
            yield from expressions(child)


def main():
    program, dashboard = sys.argv[1:]
    text = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    printed = {re.match(r"\w+", line).group(0) for line in text.splitlines() if line[0] != "#"}
    with open(dashboard, encoding="utf-8") as file:
        content = json.load(file)
    asked = set(re.findall(r"\bgranary_\w+", " ".join(expressions(content))))
    complaints = [f"the dashboard asks for {name}, which is not printed" for name in sorted(asked - printed)]
    complaints += [f"the dashboard does not show {name}" for name in sorted(printed - asked)]
    titles = [panel["title"] for panel in content["panels"]]
    if len(set(titles)) != len(titles):
        complaints.append("two panels have one title")
    print("\n".join(complaints) or f"{len(asked)} metrics in {len(titles)} panels")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
