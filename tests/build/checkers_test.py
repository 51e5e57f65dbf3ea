#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The checkers find planted faults and leave good sources alone."""
import pathlib
import tempfile
import unittest

import check_commands
import check_kernels
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
            ("kernels/backend.h", '"host/model/network.h"'),
            ("kernels/backend.h", '"vae/config.h"'),
            ("kernels/cpu/adam.cpp", '"vae/model.h"'),
            ("kernels/rules/adam.h", '"kernels/cpu/product.h"'),
            ("kernels/tensor.h", '"kernels/cpu/product.h"'),
            ("kernels/cpu/dense.cpp", '"kernels/cuda/launch.h"'),
            ("kernels/cpu/dense.cpp", '"host/graph/arena.h"'),
            ("kernels/cpu/dense.cpp", "<dnnl.h>"),
            ("kernels/cuda/dense.cu", '"kernels/cpu/product.h"'),
            ("host/model/network.cpp", '"kernels/cpu/product.h"'),
            ("host/model/network.cpp", '"kernels/cuda/launch.h"'),
            ("host/config/config.cpp", '"host/cli/progress.h"'),
            ("host/training/trainer.cpp", "<fmt/core.h>"),
            ("host/training/trainer.cpp", '"../kernels/backend.h"'),
            ("host/training/trainer.cpp", '"network.h"'),
            ("host/cli/main.cpp", '"host/model/network.h"'),
            ("host/cli/main.cpp", '"kernels/backend.h"'),
            ("host/graph/dense.cpp", '"host/model/network.h"'),
            ("host/report/report.cpp", '"host/training/train_step.h"'),
            ("host/anywhere.cpp", '"host/io/json.h"'),
            ("tests/api/model_test.cpp", '"host/model/network.h"'),
            ("tests/cli/train_test.cpp", '"kernels/backend.h"'),
            ("tests/consumer/main.cpp", '"host/model/network.h"'),
        ):
            with self.subTest(path=path, include=include):
                self.assertEqual(len(faults(path, f"#pragma once\n#include {include}\n")), 1)

    def test_accepts_each_allowed_direction(self):
        for path, include in (
            ("include/vae/model.h", '"vae/config.h"'),
            ("include/vae/model.h", "<vector>"),
            ("kernels/backend.h", '"vae/error.h"'),
            ("kernels/cpu/adam.cpp", '"kernels/rules/adam.h"'),
            ("host/graph/initialization.cpp", '"kernels/rules/likelihoods.h"'),
            ("kernels/devices.cpp", '"kernels/cpu/cpu_backend.h"'),
            ("bench/onednn_products.cpp", "<dnnl.h>"),
            ("kernels/cuda/dense.cu", '"kernels/cuda/launch.h"'),
            ("host/model/network.cpp", '"kernels/backend.h"'),
            ("host/graph/dense.cpp", '"host/graph/dense.h"'),
            ("host/cli/main.cpp", '"host/cli/progress.h"'),
            ("host/cli/main.cpp", "<fmt/core.h>"),
            ("tests/host/model/network_test.cpp", '"host/model/network.h"'),
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
        entry = {"file": "a.cpp", "command": f"g++ -ffp-contract=off -Werror=switch {flags} -o {output} -c a.cpp"}
        return len(list(check_commands.faults_of(entry)))

    def test_accepts_plain_flags(self):
        self.assertEqual(self.count("-O3 -fno-math-errno -Wall -DNDEBUG"), 0)

    def test_refuses_unsafe_mathematics(self):
        for flag in ("-ffast-math", "-Ofast", "-ffinite-math-only", "-funsafe-math-optimizations"):
            self.assertEqual(self.count(flag), 1, flag)
        for command, faults in (("g++ -O2", 2), ("g++ -ffp-contract=off", 1)):
            entry = {"file": "", "command": command}
            self.assertEqual(len(list(check_commands.faults_of(entry))), faults, command)

    def test_asks_nvcc_for_the_same(self):
        for command, faults in (("nvcc -O2 -Xcompiler=-Wall,-Werror=switch,-ffp-contract=off -fmad=false", 0),
                                ("nvcc -O2 -Xcompiler=-Wall,-Werror=switch,-ffp-contract=off", 1),
                                ("ccache /cuda/bin/nvcc -O2", 3)):
            entry = {"file": "", "command": command}
            self.assertEqual(len(list(check_commands.faults_of(entry))), faults, command)

    def test_refuses_machine_flags_except_where_chosen_at_run_time(self):
        self.assertEqual(self.count("-march=native"), 1)
        self.assertEqual(self.count("-mavx2 -mfma"), 2)
        self.assertEqual(self.count("-mavx2 -mfma", "/b/CMakeFiles/vae_isa_avx2.dir/a.o"), 0)


class CheckKernelsTest(unittest.TestCase):
    """Conventions of the CUDA sources."""

    WRAPPER = """
#ifdef __CUDACC__
__device__ inline int lane_sum(int x) {
  asm("add %0, %0, 1;" : "+r"(x));
  return x;
}
#else
inline int lane_sum(int x) { return x + 1; }
#endif
"""

    @staticmethod
    def faults(body, path="kernels/cuda/adam.cu"):
        return [fault for _, fault in check_kernels.kernel_faults(path, SPDX + body)]

    def test_accepts_what_kernels_are_made_of(self):
        self.assertEqual(self.faults("""
#include <math.h>
#include <limits>
#include "kernels/cuda/cuda_backend.h"
#include "kernels/math.h"
// <<<grid, block>>>, __shared__ and asm are CUDA's words
VAE_SHARED(float, tile, [32]);
/* atomicAdd(&x, 1.0f);
   __shfl_sync(mask, x, 0); */
value += __shfl_xor_sync(0xffffffffu, value, distance);
__syncwarp();
stream_.launch("adam", {1, 32}, kernel, x);
stream.launch("adam", {1, 32}, kernel, x);
"""), [])

    def test_refuses_each_word(self):
        for line in (
            "kernel<<<1, 32>>>(x);",
            "launch_kernel(stream, shape, kernel, x);",
            "cudaLaunchKernelEx(&config, kernel, x);",
            'other.launch("adam", {1, 32}, kernel, x);',
            "__shared__ float x[32];",
            "extern __shared__ float x[];",
            'asm volatile("" ::: "memory");',
            "atomicAdd(&count, 1u);",
            "namespace cg = ::cooperative_groups;",
            "using Sum = cub::BlockReduce<float, 32>;",
            "thrust::sort(x, x + 3);",
            "nvcuda::wmma::fill_fragment(c, 0.0f);",
            "#pragma unroll 4",
            "x = __shfl_xor_sync(0x0000ffffu, x, 1);",
            "x = __shfl_down_sync(mask, x, 1);",
            "if (__any_sync(__activemask(), bad)) return;",
            "__syncwarp(0xffu);",
            "x = __shfl_xor(x, 1);",
            "x = __expf(x);",
            '#include <cuda_bf16.h>',
            '#include <cub/cub.cuh>',
            '#include <cuda_runtime.h>',
            '#include <nlohmann/json.hpp>',
            '#include "kernels/cpu/product.h"',
        ):
            with self.subTest(line=line):
                self.assertGreaterEqual(len(self.faults(line + "\n")), 1)

    def test_allows_each_word_where_it_belongs(self):
        for path, line in (
            ("kernels/cuda/simt.h", "extern __shared__ unsigned char memory[];"),
            ("kernels/cuda/simt.h", "cudaLaunchKernelEx(&config, kernel);"),
            ("kernels/cuda/stream.h", "check(launch_kernel(stream_, shape, kernel));"),
            ("kernels/cuda/instructions.h", "atomicInc(ticket, blocks - 1);"),
            ("kernels/cuda/stream.h", "#include <cuda_runtime_api.h>"),
        ):
            with self.subTest(path=path, line=line):
                self.assertEqual(self.faults(line + "\n", path), [])

    def test_refuses_sums_of_floats_by_atomics_everywhere(self):
        for line in (
            "atomicAdd(static_cast<float*>(sum), x);",
            'const char* text = "red.global.add.f32 [%0], %1;";',
        ):
            with self.subTest(line=line):
                self.assertEqual(len(self.faults(line + "\n", "kernels/cuda/instructions.h")), 1)

    def test_instructions_have_both_halves(self):
        path = "kernels/cuda/instructions.h"
        self.assertEqual(self.faults(self.WRAPPER, path), [])
        no_host = self.WRAPPER.replace("inline int lane_sum(int x) { return x + 1; }", "")
        self.assertEqual(self.faults(no_host, path), ["lane_sum() has no host twin"])
        renamed = self.WRAPPER.replace("\ninline int lane_sum", "\ninline int add")
        self.assertEqual(len(self.faults(renamed, path)), 2)
        no_device = self.WRAPPER.replace("#else", "#else\nint f(int x) { return x; }")
        self.assertEqual(self.faults(no_device, path), ["f() has no device half"])
        helpers = "#ifndef __CUDACC__\nnamespace twin {\nint f() {\n  return 1;\n}\n}\n#endif\n"
        self.assertEqual(self.faults(helpers + self.WRAPPER, path), [])
        self.assertEqual(len(self.faults('inline void f() { asm(""); }\n', path)), 1)

    def test_the_build_does_not_ask_for_inexact_arithmetic(self):
        for flag in ("--use_fast_math", "-fmad=true", "--prec-div=false", "-ftz=true"):
            with tempfile.TemporaryDirectory() as folder:
                root = pathlib.Path(folder)
                (root / "CMakeLists.txt").write_text(f"add_compile_options({flag})\n# {flag}\n")
                self.assertEqual(len(check_kernels.check(root)[0]), 1, flag)

    def test_instructions_of_this_tree_are_found(self):
        root = pathlib.Path(__file__).resolve().parents[2]
        text = (root / check_kernels.INSTRUCTIONS).read_text(encoding="utf-8")
        device, host = check_kernels.halves(check_kernels.without_comments(text))
        found = check_kernels.functions_of(device)
        self.assertIn("mma_bf16", found)
        self.assertIn("copy_async_wait", found)
        self.assertIn("grid_sync", check_kernels.functions_of(host, "twin"))


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
