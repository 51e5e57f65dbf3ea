#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the compiler's command lines in BUILD/compile_commands.json.

-ffast-math makes std::isfinite(NaN) true and so disarms every check for non-finite numbers. Code
for newer processors belongs only to the sources that are chosen at run time. A switch that lacks a
choice of the configuration is an error: it would compute something else.

Usage: check_commands.py BUILD        prints one line for each fault; exit status 1 if there is one
"""
import json
import pathlib
import re
import shlex
import sys

UNSAFE = re.compile(
    r"-Ofast$|-ffast-math$|-funsafe-math|-ffinite-math-only$|-fassociative-math$"
    r"|-freciprocal-math$|-ffp-contract=(fast|on)$|--?use_fast_math$"
)
MACHINE = re.compile(r"-m(arch|cpu|tune)=|-m(sse[34]|avx|fma|f16c)")
RUN_TIME_CHOICE = re.compile(r"/vae_(isa|ulp)_\w+\.dir/")


def faults_of(entry):
    """Yields what is wrong with one entry of the data base."""
    arguments = entry.get("arguments") or shlex.split(entry["command"])
    for argument in arguments:
        if UNSAFE.match(argument):
            yield f"{argument} changes floating-point results"
        if MACHINE.match(argument) and not RUN_TIME_CHOICE.search(" ".join(arguments)):
            yield f"{argument} would stop the program on older processors"
    if not any(re.search(r"-ffp-contract=off$", argument) for argument in arguments):
        yield "-ffp-contract=off is missing"
    if not any(re.search(r"-Werror=switch\b", argument) for argument in arguments):
        yield "-Werror=switch is missing"
    if any(a.endswith("nvcc") for a in arguments) and "-fmad=false" not in arguments:
        yield "-fmad=false is missing"


def main():
    entries = json.loads(pathlib.Path(sys.argv[1], "compile_commands.json").read_text())
    faults = [f"{entry['file']}: {fault}" for entry in entries for fault in faults_of(entry)]
    print("\n".join(faults + [f"{len(entries)} commands, {len(faults)} faults"]))
    return 1 if faults or not entries else 0


if __name__ == "__main__":
    sys.exit(main())
