#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A choice of the configuration that has no rule does not compile.

Usage: missing_rule_test.py ROOT CXX
"""
import pathlib
import re
import subprocess
import sys
import tempfile

# The enumerations with rules in kernels/rules, and those that SOURCES decide by.
ENUMERATIONS = ("Activation", "Binarization", "Initialization", "LearningRateSchedule", "Likelihood",
                "Objective", "Variance")
SOURCES = ("host/graph/initialization.cpp",)


def with_more(types):
    """The text of types.h with one more enumerator in each of ENUMERATIONS."""
    for name in ENUMERATIONS:
        types, count = re.subn(rf"(enum class {name} {{\n)", rf"\1  added_{name},\n", types)
        if count != 1:
            sys.exit(f"types.h has no {name}")
    return types


def compile_with(types, root, compiler):
    """What the compiler says of all rules and of SOURCES with this text of types.h."""
    rules = sorted(path.relative_to(root).as_posix() for path in root.glob("kernels/rules/*.h"))
    with tempfile.TemporaryDirectory() as folder:
        header, source = pathlib.Path(folder, "vae/types.h"), pathlib.Path(folder, "all.cpp")
        header.parent.mkdir()
        header.write_text(types, encoding="utf-8")
        source.write_text("".join(f'#include "{path}"\n' for path in [*rules, *SOURCES]),
                          encoding="utf-8")
        command = [compiler, "-std=c++20", "-fsyntax-only", "-Wall", "-Wno-unused-function",
                   "-Werror=switch", f"-I{folder}", f"-I{root}", f"-I{root}/include", str(source)]
        return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def main():
    root, compiler = pathlib.Path(sys.argv[1]), sys.argv[2]
    types = (root / "include/vae/types.h").read_text(encoding="utf-8")
    output = compile_with(with_more(types), root, compiler)
    missed = [name for name in ENUMERATIONS
              if not re.search(rf"error: .*added_{name}\b.*not handled in switch", output)]
    if missed:
        sys.exit(f"compiles without a rule: {', '.join(missed)}\n{output}")
    others = [line for line in output.splitlines()
              if "error:" in line and "not handled in switch" not in line]
    if others:
        sys.exit("not what this test is about:\n" + "\n".join(others))
    print(f"{len(ENUMERATIONS)} enumerators without a rule: refused")


if __name__ == "__main__":
    main()
