# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Child interpreters: whatever changes a process for good happens in one of its own."""
from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

import pytest

TIMEOUT_S = 120


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    def json(self) -> Any:
        """What the child printed on its last line, after it has ended well and said nothing else."""
        assert self.code == 0, f"exit code {self.code}\n{self.out}\n{self.err}"
        assert self.err == "", self.err
        return json.loads(self.out.splitlines()[-1])


def run_child(arguments: Sequence[str], env: Optional[Mapping[str, str]] = None,
              stdin: Optional[str] = None, cwd: Optional[str] = None) -> Outcome:
    variables = {key: value for key, value in os.environ.items()
                 if key not in ("LD_PRELOAD", "PYTHONMALLOC", "GRANARY_CONF", "MALLOC_CONF")}
    variables.update(env or {})
    done = subprocess.run([sys.executable, *arguments], env=variables, input=stdin, cwd=cwd,
                          capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def python() -> Callable[..., Outcome]:
    """Runs code in a fresh interpreter: python(code, flags, env)."""

    def run(code: str, flags: Sequence[str] = (), env: Optional[Mapping[str, str]] = None) -> Outcome:
        return run_child([*flags, "-c", textwrap.dedent(code)], env)

    return run
