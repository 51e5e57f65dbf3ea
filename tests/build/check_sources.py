#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the direction of #includes and the form of every source file.

    include/vae <- kernels/{.,rules} <- kernels/{cpu,cuda}        include/vae, kernels/{.,rules} <- host
    Of include/vae, kernels see what no new key of the configuration changes.
    The wings of host/ see those below them.
    host/cli, tests/api and tests/cli see include/vae only, host/cli what it shares of host/text too.

Usage: check_sources.py ROOT        prints one line for each fault; exit status 1 if there is one
"""
import pathlib
import re
import sys

FOLDERS = ("include", "kernels", "host", "tests", "bench", "examples")
SUFFIXES = (".h", ".cpp", ".cu", ".cuh")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

# The file that knows which backends there are.
BACKEND_MAKER = "kernels/devices.cpp"

# The wings of host/, each level above those that it may include. Wings of one level do not know each
# other.
WINGS = (
    ("text",),
    ("io",),
    ("config", "data", "draw", "machine", "measure"),
    ("graph",),
    ("model",),
    ("codec", "run"),
    ("anomaly", "classify", "map", "report", "training"),
    ("bench", "explore"),
)


def wing_rules():
    """A rule for each wing: the public headers, the kernels' contract, itself, and what lies below."""
    below = []
    for level in WINGS:
        for wing in level:
            seen = "|".join(below + [wing])
            yield (rf"host/{wing}/", rf"vae/|kernels/(rules/)?[^/]+$|host/({seen})/")
        below += level


# What of include/vae kernels may see.
VAE = r"vae/(device|error|printable|types)\.h$"

# (files whose path matches, what their quoted includes must match); the first match decides.
RULES = (
    (r"include/vae/", r"vae/[^/]+\.h$"),
    (BACKEND_MAKER, rf"{VAE}|kernels/"),
    (r"kernels/cpu/", rf"{VAE}|kernels/((cpu|rules)/)?[^/]+$"),
    (r"kernels/cuda/", rf"{VAE}|kernels/((cuda|rules)/)?[^/]+$|simt/simt\.h$"),
    (r"kernels/", rf"{VAE}|kernels/(rules/)?[^/]+$"),
    (r"host/cli/", r"vae/|host/(cli|text)/"),
    *wing_rules(),
    (r"host/", r"$"),  # no file belongs to no wing
    (r"tests/(api|cli)/", r"vae/|tests/(api|cli|support)/"),
    (r"tests/consumer/|examples/", r"vae/"),
    # What stands in for the toolkit's headers includes its own by their names.
    (r"tests/simt/include/", r"(vector_types|driver_types|library_types|cuda_runtime_api)\.h$|simt/"),
    (r"tests/simt/", r"vae/|kernels/|host/|tests/|simt/"),
    (r"(tests|bench)/", r"vae/|kernels/|host/|tests/|bench/"),
)

# Libraries that only the named files may include.
LIBRARIES = (
    (r"dnnl|oneapi/dnnl", r"bench/"),
    (r"cuda|cublas", r"kernels/cuda/|tests/simt/|tests/cuda/|bench/gpu/"),
    (r"curand", r"kernels/philox\.h|tests/kernels/curand/|tests/simt/core_test/curand_test\.cpp"),
    (r"CLI/|fmt/", r"host/cli/|tests/"),
    (r"gtest/|gmock/", r"tests/"),
    (r"benchmark/", r"bench/"),
)


def include_fault(path, kind, target):
    """Says what is wrong with one #include, or returns None."""
    if ".." in target.split("/"):
        return f'includes "{target}"; includes are rooted'
    if kind == "<":
        if path.startswith("include/") and re.search(r"[./]", target):
            return f"includes <{target}>; public headers use the C++ standard library only"
        for library, owners in LIBRARIES:
            if re.match(library, target) and not re.match(owners, path):
                return f"includes <{target}>, which belongs to {owners}"
        return None
    for files, allowed in RULES:
        if re.match(files, path):
            return None if re.match(allowed, target) else f'must not include "{target}"'
    return None


def file_faults(path, text):
    """Yields (line number, fault) for one source file."""
    lines = text.splitlines()
    if not lines or lines[0] != "// SPDX-License-Identifier: MIT":
        yield 1, "does not begin with // SPDX-License-Identifier: MIT"
    if path.endswith((".h", ".cuh")) and "#pragma once" not in lines:
        yield 1, "is a header without #pragma once"
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        fault = match and include_fault(path, match[1], match[2])
        if fault:
            yield number, fault


def check(root):
    """All faults below `root` as printable lines, and the number of files read."""
    faults, count = [], 0
    for folder in FOLDERS:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in SUFFIXES:
                continue
            count += 1
            path = file.relative_to(root).as_posix()
            for number, fault in file_faults(path, file.read_text(encoding="utf-8")):
                faults.append(f"{path}:{number}: {fault}")
    return faults, count


def main():
    faults, count = check(pathlib.Path(sys.argv[1]))
    for fault in faults:
        print(fault)
    print(f"{count} files, {len(faults)} faults")
    return 1 if faults or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
