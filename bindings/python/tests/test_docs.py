# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The notebook and the example do what they show."""
from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Outcome, run_child

PROJECT = Path(__file__).resolve().parent.parent
NOTEBOOK = PROJECT / "docs" / "granary.ipynb"


def test_the_notebook_was_run_from_top_to_bottom() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    kinds = [output["output_type"] for cell in cells for output in cell["outputs"]]
    assert "error" not in kinds and kinds.count("display_data") == 2
    assert not re.search(r"/(home|root|tmp|work|opt|usr)/", text), "a path of the machine that ran it"
    assert len(text) < 100_000


def test_the_notebook_still_runs(python: Callable[..., Outcome]) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("numpy")
    cells = [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    sources = ["".join(cell["source"]) for cell in cells]
    before, after = "import json, matplotlib\nmatplotlib.use('agg')\n", "\nprint(json.dumps('end'))"
    outcome = python(before + "\n".join(sources) + after)
    assert outcome.json() == "end"
    assert "cache 1048576" in outcome.out


def test_the_object_graph_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    script = str(PROJECT / "examples" / "object_graph.py")
    picture = tmp_path / "graph.png"
    outcome = run_child(["-m", "granary", "run", "--python-objects", script, "--nodes", "20000", str(picture)])
    assert outcome.code == 0, outcome.err
    assert picture.stat().st_size > 20_000 and "fragmentation" in outcome.out
    refused = run_child([script, str(picture)])
    assert refused.code == 1 and "python -m granary run" in refused.err
