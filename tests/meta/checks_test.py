#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Each check of tools/ reports a tree that breaks its rule, and accepts one that does not.

usage: checks_test.py <tools directory>
"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOLS = pathlib.Path(sys.argv.pop(1))
HEAD = "// SPDX-License-Identifier: Apache-2.0 OR MIT\n//\n// x.cpp\n"


def problems(check, files):
    """Exit code and output of a check over a tree of these files."""
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = pathlib.Path(root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        result = subprocess.run([sys.executable, TOOLS / f"check_{check}.py", root],
                                capture_output=True, text=True, check=False)
        return result.returncode, result.stdout


class Checks(unittest.TestCase):
    def expect(self, check, files, complaint):
        code, output = problems(check, files)
        self.assertEqual(code, 1, output)
        self.assertIn(complaint, output)

    def expect_clean(self, check, files):
        code, output = problems(check, files)
        self.assertEqual(code, 0, output)

    def test_layers_refuses_a_module_above(self):
        self.expect("layers", {"modules/os/src/x.cpp": HEAD + "#include <granary/core/heap.hpp>\n"},
                    "os may not use core")

    def test_layers_refuses_a_layer_above(self):
        self.expect("layers", {"modules/core/src/meta/x.cpp": HEAD + '#include "heap/h.hpp"\n',
                               "modules/core/src/heap/h.hpp": HEAD}, "goes up the layers")

    def test_layers_refuses_allocating_headers(self):
        self.expect("layers", {"modules/core/src/heap/x.cpp": HEAD + "#include <vector>\n"}, "<vector>")

    def test_layers_refuses_another_modules_source(self):
        self.expect("layers", {"modules/capi/src/x.cpp": HEAD + '#include "../../core/src/heap/h.hpp"\n',
                               "modules/core/src/heap/h.hpp": HEAD}, "not a file of this module")

    def test_layers_accepts_the_way_down(self):
        self.expect_clean("layers", {
            "modules/core/src/heap/x.cpp": HEAD + '#include "meta/m.hpp"\n#include <atomic>\n',
            "modules/core/src/meta/m.hpp": HEAD + "#include <granary/base/bits.hpp>\n"})

    def test_budget_refuses_long_files_and_functions(self):
        self.expect("budget", {"modules/os/src/x.cpp": HEAD + "int a;\n" * 700}, "703 lines")
        body = "void f(int a) {\n" + "    a;\n" * 70 + "}\n"
        self.expect("budget", {"modules/os/src/x.cpp": HEAD + body}, "a function of 72 lines")

    def test_budget_refuses_a_missing_licence(self):
        self.expect("budget", {"modules/os/src/x.cpp": "int a;\n"}, "licence")

    def test_tags_wants_a_reason_for_every_order(self):
        line = "    x.store(1, std::memory_order_release);\n"
        self.expect("tags", {"modules/os/src/x.cpp": HEAD + line}, "ORDER")
        self.expect_clean("tags", {"modules/os/src/x.cpp": HEAD + "    // ORDER: pairs with y.\n" + line})
        self.expect("tags", {"modules/os/src/x.cpp": HEAD + "    x.load();\n"}, "named order")

    def test_tags_wants_a_reason_for_every_cast(self):
        line = "    auto p = reinterpret_cast<char*>(q);\n"
        self.expect("tags", {"modules/os/src/x.cpp": HEAD + line}, "SAFETY")
        self.expect_clean("tags", {"modules/os/src/x.cpp": HEAD + "    // SAFETY (B1): own memory.\n" + line})

    def test_an_empty_tree_is_a_mistake(self):
        for check in ("layers", "budget", "tags"):
            code, _ = problems(check, {"README.md": ""})
            self.assertEqual(code, 1)


if __name__ == "__main__":
    unittest.main()
