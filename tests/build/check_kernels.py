#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that the CUDA sources keep the conventions that let a machine without a GPU run them.

Kernels use CUDA through kernels/cuda/simt.h; each hardware instruction is one function in
kernels/cuda/instructions.h with its host twin beside it; results do not depend on the order in
which blocks run; arithmetic rounds as IEEE 754 says.

Usage: check_kernels.py ROOT        prints one line for each fault; exit status 1 if there is one
"""
import pathlib
import re
import sys

KERNELS = "kernels/cuda"
SIMT = f"{KERNELS}/simt.h"
STREAM = f"{KERNELS}/stream.h"
INSTRUCTIONS = f"{KERNELS}/instructions.h"

# (what must not occur, the files where it may, what to write instead)
WORDS = (
    (r"<<<", (), "launch with stream_.launch(name, shape, kernel, ...)"),
    (r"\blaunch_kernel\s*\(", (SIMT, STREAM), "launch with stream_.launch(), which checks it"),
    (r"\bcuda(Cooperative)?LaunchKernel(Ex|ExC)?\s*\(", (SIMT,), "launch with stream_.launch()"),
    (r"(?<!\bstream_)(?<!\bstream)(\.|->)launch\s*\(", (), "launch with stream_.launch()"),
    (r"\b__shared__\b", (SIMT,), "declare it with VAE_SHARED or take it from SharedCarver"),
    (r"\basm\b|\b__asm__\b", (INSTRUCTIONS,), "add a function with a host twin to instructions.h"),
    (r"\batomic\w*\s*\(", (INSTRUCTIONS,), "use last_block_to_arrive() or grid_sync()"),
    (r"\batomic\w*\s*\([^;]*\b(float|double)\b|\b(red|atom)\.[\w.]*\.f(16|32|64)\b", (),
     "sum in a fixed order: reduce.h"),
    (r"\b(cooperative_groups|nvcuda|wmma|cub|thrust)\s*::|\bnamespace\s+cg\b", (),
     "use simt.h, instructions.h and reduce.h"),
    (r"#\s*pragma\s+unroll", (), "write VAE_UNROLL"),
    (r"\*\s*reinterpret_cast\s*<[^<>]*[a-z][234]\s*\*\s*>", (SIMT,), "write vector_at<float4>(memory)"),
    (r"\b__(shfl\w*|any|all|ballot|reduce_\w+)_sync\s*\(\s*(?!0xffffffffu\b)", (),
     "all lanes of the warp take part: the mask is 0xffffffffu"),
    (r"\b__syncwarp\s*\(\s*[^)\s]", (), "all lanes of the warp take part: no mask"),
    (r"\b__(shfl|shfl_up|shfl_down|shfl_xor|any|all|ballot)\s*\(", (), "use the _sync form"),
    (r"\b__(expf|exp10f|logf|log2f|log10f|sinf|cosf|sincosf|tanf|powf|fdividef|frsqrt_rn)\s*\("
     r"|\b(tanh|rsqrt|ex2|lg2|sin|cos|div|rcp|sqrt)\.approx\b", (),
     "approximations differ from the CPU: use kernels/math.h"),
)

# What .cu files may include: nothing that nvcc chokes on or that has no stand-in without a toolkit.
QUOTED_INCLUDES = re.compile(r"kernels/(rules/|cuda/)?[^/]+\.h$|vae/[^/]+\.h$")
STANDARD_INCLUDES = re.compile(r"[a-z_]+$|(math|stdint|stddef)\.h$")
# Of headers that kernels share with the host.
FOREIGN_INCLUDES = re.compile(r"cub/|thrust/|cuda/|cooperative_groups|mma\.h|cuda_(fp16|bf16|fp8)")

UNSAFE_FLAGS = re.compile(
    r"use_fast_math|-?-fmad[= ]true|-?-ftz[= ]true|-?-prec-(div|sqrt)[= ]false|-ffast-math"
)
BUILD_FILES = ("CMakeLists.txt", "CMakePresets.json", "*.cmake", "*.sh", "run")


def without_comments(text):
    """The source with comments blanked and line numbers kept; strings stay."""
    pattern = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)

    def blank(match):
        found = match[0]
        return found if found.startswith('"') else re.sub(r"[^\n]", " ", found)

    return pattern.sub(blank, text)


def halves(text):
    """Splits a source into the lines for nvcc and those for a host compiler, by its #if blocks;
    lines for both are in neither. Returns two lists of (number, line)."""
    device, host, stack = [], [], []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = re.sub(r"\s+", " ", line.strip())
        if re.match(r"# ?if", stripped):
            if re.match(r"# ?(ifdef __CUDACC__|if defined\(__CUDACC__\))$", stripped):
                stack.append("device")
            elif re.match(r"# ?(ifndef __CUDACC__|if !defined\(__CUDACC__\))$", stripped):
                stack.append("host")
            else:
                stack.append("")
        elif re.match(r"# ?else\b", stripped) and stack:
            stack[-1] = {"device": "host", "host": "device", "": ""}[stack[-1]]
        elif re.match(r"# ?endif\b", stripped) and stack:
            stack.pop()
        elif "device" in stack:
            device.append((number, line))
        elif "host" in stack:
            host.append((number, line))
    return device, host


def functions_of(lines, skipped_namespace=""):
    """Functions defined at the level of the namespace: {name: (line number, body)}."""
    found, name, depth = {}, None, 0
    for number, line in lines:
        if depth or skipped_namespace and line.startswith(f"namespace {skipped_namespace} {{"):
            depth += line.count("{") - line.count("}")
            continue
        start = re.match(r"(?!template|static_assert|namespace|using|struct|return)[\w:<>*& ]+?"
                         r"\b(\w+)\s*\(", line)
        if start and not line.startswith(" "):
            name = start[1]
            found[name] = (number, "")
        if name:
            found[name] = (found[name][0], found[name][1] + line + "\n")
        if line.startswith("}"):
            name = None
    return found


def twin_faults(text):
    """Yields (line number, fault) where a function of instructions.h lacks its other half."""
    device_lines, host_lines = halves(without_comments(text))
    device = functions_of(device_lines)
    host = functions_of(host_lines, skipped_namespace="twin")
    for name, (number, body) in device.items():
        if re.search(r"\basm\b", body) and name not in host:
            yield number, f"{name}() has no host twin"
    for name, (number, _) in host.items():
        if name not in device:
            yield number, f"{name}() has no device half"
    device_numbers = {number for number, _ in device_lines}
    for number, line in enumerate(without_comments(text).splitlines(), 1):
        if re.search(r"\basm\b", line) and number not in device_numbers:
            yield number, "asm that a host compiler would read"


def include_fault(path, kind, target):
    """Says what is wrong with one #include, or returns None."""
    if FOREIGN_INCLUDES.match(target):
        return f"includes <{target}>; use simt.h, instructions.h and reduce.h"
    if not path.endswith((".cu", ".cuh")):
        return None
    allowed = QUOTED_INCLUDES if kind == '"' else STANDARD_INCLUDES
    return None if allowed.match(target) else f"includes {target}, which is not for kernels"


def kernel_faults(path, text):
    """Yields (line number, fault) for one source of kernels/cuda."""
    code = without_comments(text)
    for number, line in enumerate(code.splitlines(), 1):
        include = re.match(r'\s*#\s*include\s*([<"])([^>"]+)', line)
        if include:
            fault = include_fault(path, include[1], include[2])
            if fault:
                yield number, fault
            continue
        for pattern, owners, advice in WORDS:
            match = re.search(pattern, line)
            if match and path not in owners:
                yield number, f"{match[0].strip()}: {advice}"
    if path == INSTRUCTIONS:
        yield from twin_faults(text)


def check(root):
    """All faults below `root` as printable lines, and the number of sources read."""
    faults, count = [], 0
    for file in sorted((root / KERNELS).glob("*")):
        if file.suffix not in (".cu", ".cuh", ".h", ".cpp"):
            continue
        count += 1
        path = file.relative_to(root).as_posix()
        for number, fault in kernel_faults(path, file.read_text(encoding="utf-8")):
            faults.append(f"{path}:{number}: {fault}")
    for folder in (".", "cmake", "kernels", "tests", "bench"):
        for pattern in BUILD_FILES:
            find = root.glob if folder == "." else (root / folder).rglob
            for file in sorted(find(pattern)):
                for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                    match = UNSAFE_FLAGS.search(line.split("#")[0])
                    if match:
                        path = file.relative_to(root).as_posix()
                        faults.append(f"{path}:{number}: {match[0]} changes floating-point results")
    return faults, count


def main():
    faults, count = check(pathlib.Path(sys.argv[1]))
    for fault in faults:
        print(fault)
    print(f"{count} files, {len(faults)} faults")
    return 1 if faults or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
