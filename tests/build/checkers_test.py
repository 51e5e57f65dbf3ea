#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The checkers find planted faults and leave good sources alone."""
import pathlib
import tempfile
import unittest

import check_commands
import check_sources
import readme_commands

SPDX = "// SPDX-License-Identifier: MIT\n"


def faults(path, body):
    """Faults of one file in an otherwise empty tree."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, path)
        file.parent.mkdir(parents=True)
        file.write_text(SPDX + body, encoding="utf-8")
        return check_sources.check(pathlib.Path(folder))[0]


class CheckSourcesTest(unittest.TestCase):
    """Direction of includes."""

    def test_refuses_each_forbidden_direction(self):
        for path, include in (
            ("include/vae/model.h", '"kernels/backend.h"'),
            ("include/vae/model.h", "<nlohmann/json.hpp>"),
            ("include/vae/model.h", "<zlib.h>"),
            ("kernels/backend.h", '"host/network.h"'),
            ("kernels/tensor.h", '"kernels/cpu/gemm.h"'),
            ("kernels/cpu/dense.cpp", '"kernels/cuda/launch.h"'),
            ("kernels/cpu/dense.cpp", '"host/arena.h"'),
            ("kernels/cpu/dense.cpp", "<dnnl.h>"),
            ("kernels/cuda/dense.cu", '"kernels/cpu/gemm.h"'),
            ("host/network.cpp", '"kernels/cpu/gemm.h"'),
            ("host/network.cpp", '"kernels/cuda/launch.h"'),
            ("host/config.cpp", '"host/cli/progress.h"'),
            ("host/trainer.cpp", "<fmt/core.h>"),
            ("host/trainer.cpp", '"../kernels/backend.h"'),
            ("host/trainer.cpp", '"network.h"'),
            ("host/cli/main.cpp", '"host/network.h"'),
            ("host/cli/main.cpp", '"kernels/backend.h"'),
            ("tests/api/model_test.cpp", '"host/network.h"'),
            ("tests/cli/train_test.cpp", '"kernels/backend.h"'),
            ("tests/consumer/main.cpp", '"host/network.h"'),
        ):
            with self.subTest(path=path, include=include):
                self.assertEqual(len(faults(path, f"#pragma once\n#include {include}\n")), 1)

    def test_accepts_each_allowed_direction(self):
        for path, include in (
            ("include/vae/model.h", '"vae/config.h"'),
            ("include/vae/model.h", "<vector>"),
            ("kernels/backend.h", '"vae/error.h"'),
            ("kernels/backend.cpp", '"kernels/cpu/cpu_backend.h"'),
            ("kernels/cpu/gemm.cpp", "<dnnl.h>"),
            ("kernels/cuda/dense.cu", '"kernels/cuda/launch.h"'),
            ("host/network.cpp", '"kernels/backend.h"'),
            ("host/layers/dense.cpp", '"host/layers/dense.h"'),
            ("host/cli/main.cpp", '"host/cli/progress.h"'),
            ("host/cli/main.cpp", "<fmt/core.h>"),
            ("tests/host/network_test.cpp", '"host/network.h"'),
            ("tests/api/model_test.cpp", '"tests/support/files.h"'),
        ):
            with self.subTest(path=path, include=include):
                self.assertEqual(faults(path, f"#pragma once\n#include {include}\n"), [])

    def test_refuses_a_header_without_guard_and_a_file_without_licence(self):
        self.assertEqual(len(faults("kernels/tensor.h", "int x;\n")), 1)
        self.assertEqual(len(list(check_sources.file_faults("host/a.cpp", "int x;\n"))), 1)
        self.assertEqual(len(list(check_sources.file_faults("host/a.cpp", ""))), 1)


class CheckCommandsTest(unittest.TestCase):
    """Compiler flags."""

    @staticmethod
    def count(flags, output="CMakeFiles/vae.dir/a.o"):
        entry = {"file": "a.cpp", "command": f"g++ -ffp-contract=off {flags} -o {output} -c a.cpp"}
        return len(list(check_commands.faults_of(entry)))

    def test_accepts_plain_flags(self):
        self.assertEqual(self.count("-O3 -fno-math-errno -Wall -DNDEBUG"), 0)

    def test_refuses_unsafe_mathematics(self):
        for flag in ("-ffast-math", "-Ofast", "-ffinite-math-only", "-funsafe-math-optimizations"):
            self.assertEqual(self.count(flag), 1, flag)
        self.assertEqual(len(list(check_commands.faults_of({"file": "", "command": "g++ -O2"}))), 1)

    def test_refuses_machine_flags_except_where_chosen_at_run_time(self):
        self.assertEqual(self.count("-march=native"), 1)
        self.assertEqual(self.count("-mavx2 -mfma"), 2)
        self.assertEqual(self.count("-mavx2 -mfma", "/b/CMakeFiles/vae_isa_avx2.dir/a.o"), 0)


class ReadmeCommandsTest(unittest.TestCase):
    """Blocks and their directives."""

    README = """
<!-- test: skip needs root -->
```sh
apt-get install vae
```
text
<!-- test: set A=1 B='two words' -->
<!-- test: replace "epochs 10" "epochs 1" -->

```sh
train --epochs 10
```
```cpp
int x;
```
"""

    def test_reads_blocks_with_their_directives(self):
        skipped, train, code = readme_commands.parse(self.README)
        self.assertEqual(skipped.skip, "needs root")
        self.assertEqual(train.environment, {"A": "1", "B": "two words"})
        self.assertEqual(train.script(), "train --epochs 1\n")
        self.assertIsNone(train.skip)
        self.assertEqual((code.language, code.text), ("cpp", "int x;\n"))

    def test_refuses_a_replacement_that_no_longer_applies(self):
        block = readme_commands.parse(self.README.replace("--epochs 10\n", "--epochs 20\n"))[1]
        self.assertRaises(ValueError, block.script)

    def test_reports_a_block_that_fails(self):
        with tempfile.TemporaryDirectory() as folder:
            good, bad = readme_commands.parse("```sh\ntrue\n```\n```sh\nfalse\ntrue\n```\n")
            self.assertTrue(readme_commands.run_block(good, folder))
            self.assertFalse(readme_commands.run_block(bad, folder))


if __name__ == "__main__":
    unittest.main()
