# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The new image of `python -m granary run`; a module of its own, since its `__main__` becomes the program's."""
from granary._run import run_program

run_program()
