#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What ptxas made of the kernels, against rules and a committed table; needs no GPU.

    check_machine_code.py LIBRARY OCCUPANCY_PROGRAM          compares with kernels.json
    check_machine_code.py LIBRARY OCCUPANCY_PROGRAM --update writes kernels.json and kernels.md

Rules, for every kernel and architecture in the library: no local memory, no float atomics, and in
kernels that multiply matrices on tensor cores HMMA and asynchronous copies. The table holds
registers, shared memory and blocks per multiprocessor; it is compared where the compiler is the one
that made it.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys

import cubin

HERE = pathlib.Path(__file__).resolve().parent
CARD_OF = {75: "T4", 80: "A100", 86: "RTX3090", 89: "RTX4090", 90: "H100", 100: "B200",
           120: "RTX5090"}
# What a block can opt in to, in KiB: the launcher takes no tile beyond it.
SHARED_KIB_OF = {75: 64, 80: 163, 86: 99, 89: 99, 90: 227, 100: 227, 120: 99}
# Not judge_gradient_kernel: a lane of a long sum has every 32nd value (docs/arithmetic.md, rule 6).
WIDE_LOADS = ("adam_kernel", "average_kernel", "blend_kernel", "muon_normalize_kernel", "muon_apply_kernel",
              "likelihood_kernel", "gaussian_backward_kernel", "add_kernel",
              "add_backward_kernel", "concat_kernel", "concat_backward_kernel", "spread_kernel",
              "square_sum_kernel")
# Operands of kernels/cuda/gemm_*.h that run along their own index; (Major)1 names the others.
ALONG_EXTENT = ("BatchOperand", "ImagesOperand", "PatchColumns", "AdjointWeights")


def short_name(name: str) -> str:
    """adam_kernel, dense_kernel<...>: without parameters, namespaces and the return type."""
    name = re.sub(r"\(anonymous namespace\)::|vae::cuda::|vae::", "", name)
    depth = 0
    for at, character in enumerate(name):
        depth += (character == "<") - (character == ">")
        if character == "(" and depth == 0 and not name[at:].startswith("()"):
            name = name[:at]
            break
    return re.sub(r"^void ", "", name)


def broken_rules(name: str, kernel: cubin.Kernel):
    count = kernel.opcodes
    if kernel.frame_bytes or count["LDL"] or count["STL"]:
        yield f"uses local memory ({kernel.frame_bytes} bytes a thread): a spill or a run-time index"
    if kernel.capability >= 90 and count["RED.float"]:
        yield "adds floats atomically: the order of the sum is not fixed"
    tensor = re.search(r"Precision\)[23]\b", name)  # tf32, bf16
    if tensor and kernel.capability >= 80:
        if not count["HMMA"]:
            yield "multiplies without tensor cores"
        if not count["LDGSTS"]:
            yield "copies to shared memory through registers"
    if name.startswith(WIDE_LOADS) and not kernel.wide_loads:
        yield "has no 16-byte load"


def dynamic_bytes(name: str) -> int:
    """What the launch of a product adds: shared_floats() of kernels/cuda/gemm_tile.h."""
    # The operands of an adjoint are always these.
    name = re.sub(r"^conv_adjoint_kernel<(.*)>$", r"dense_kernel<\1, PatchRows, AdjointWeights,",
                  name)
    tile = re.match(r"dense_kernel<Tile<([\d, ]+)>, \(Precision\)\d, (\w+(?:<[^>]*>)?), "
                    r"(\w+(?:<[^>]*>)?),", name)
    if not tile:
        return 0
    rows, columns, depth, _, _, stages, _ = map(int, tile[1].split(","))

    def operand_floats(operand, extent):
        along_extent = operand.startswith(ALONG_EXTENT) or "(Major)1" in operand
        return depth * (extent + 8) if along_extent else extent * (depth + 4)

    ring = stages * (operand_floats(tile[2], rows) + operand_floats(tile[3], columns))
    return 4 * max(ring, rows * (columns + 8))


def shared_bytes(name: str, kernel: cubin.Kernel) -> int:
    return kernel.shared_bytes + dynamic_bytes(short_name(name))


def occupancy(program: str, kernels):
    """Blocks per multiprocessor of the card of each kernel's architecture."""
    lines = [f"{k.registers} {shared_bytes(name, k)} {k.max_threads or 256}"
             for name, k in kernels]
    output = subprocess.run([program], input="\n".join(lines), stdout=subprocess.PIPE, text=True,
                            check=True).stdout.splitlines()
    cards = output[0].split()
    rows = [dict(zip(cards, map(int, line.split()))) for line in output[1:]]
    return [row.get(CARD_OF.get(k.capability), 0) for (_, k), row in zip(kernels, rows)]


def unlaunchable(kernels, blocks):
    """Kernels that the launcher takes for a card on which not one block fits."""
    for (name, kernel), count in zip(kernels, blocks):
        short = short_name(name)
        if count == 0 and dynamic_bytes(short) <= 1024 * SHARED_KIB_OF.get(kernel.capability, 0):
            yield f"{short} sm_{kernel.capability}: no block fits on the card"


def table_of(kernels, blocks):
    table = {}
    for (name, kernel), count in zip(kernels, blocks):
        table.setdefault(short_name(name), {})[f"sm_{kernel.capability}"] = {
            "registers": kernel.registers, "shared_bytes": shared_bytes(name, kernel),
            "threads": kernel.max_threads, "blocks_per_multiprocessor": count}
    return {name: dict(sorted(table[name].items())) for name in sorted(table)}


def compiler_version() -> str:
    output = subprocess.run(["nvcc", "--version"], stdout=subprocess.PIPE, text=True).stdout
    return (re.search(r"V(\d+\.\d+\.\d+)", output) or ["", "unknown"])[1]


def differences(old, new):
    for name in sorted(new):
        for architecture, row in new[name].items():
            if name not in old:
                yield f"{name}: not in the table"
                break
            before = old[name].get(architecture)
            if before is not None and before != row:
                yield f"{name} {architecture}: {before} is now {row}"
    for name in sorted(set(old) - set(new)):
        yield f"{name}: in the table, not in the library"


def markdown(table, version: str) -> str:
    lines = ["# Kernels as compiled", "",
             f"By nvcc {version}; written by check_machine_code.py --update. Registers a thread, "
             "shared memory, and blocks that fit on one multiprocessor of T4 (sm_75), A100 "
             "(80), RTX 3090 (86), RTX 4090 (89), H100 (90), B200 (100), RTX 5090 (120). "
             "(Precision)1, 2, 3 are fp32, tf32, bf16; (Major)0 is an operand along the sum. "
             "Where no block fits, the launcher takes a smaller tile.", "",
             "| kernel | arch | registers | shared bytes | threads | blocks |",
             "|---|---|---:|---:|---:|---:|"]
    for name, rows in table.items():
        for architecture, row in rows.items():
            lines.append(f"| `{name}` | {architecture} | {row['registers']} | "
                         f"{row['shared_bytes']} | {row['threads']} | "
                         f"{row['blocks_per_multiprocessor']} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=pathlib.Path)
    parser.add_argument("occupancy")
    parser.add_argument("--update", action="store_true")
    arguments = parser.parse_args()

    kernels = cubin.kernels(arguments.library)
    if not kernels:
        sys.exit(f"{arguments.library} holds no readable GPU code; was it compressed?")
    problems = [f"{short_name(name)} sm_{kernel.capability}: {problem}"
                for name, kernel in kernels for problem in broken_rules(short_name(name), kernel)]
    blocks = occupancy(arguments.occupancy, kernels)
    problems += unlaunchable(kernels, blocks)
    table = table_of(kernels, blocks)
    version = compiler_version()
    file = HERE / "kernels.json"
    if arguments.update:
        file.write_text(json.dumps({"nvcc": version, "kernels": table}, indent=1) + "\n")
        (HERE / "kernels.md").write_text(markdown(table, version))
    else:
        committed = json.loads(file.read_text())
        if committed["nvcc"] == version:
            problems += differences(committed["kernels"], table)
        else:
            print(f"the table is of nvcc {committed['nvcc']}, this is {version}: not compared")
    print("\n".join(problems) or f"{len(kernels)} kernels keep the rules")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
