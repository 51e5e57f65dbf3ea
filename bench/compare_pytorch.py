#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares `vae bench` with the same network in PyTorch or JAX, in turn on the same device.

Each round runs both programs once, one after the other, so that a machine whose speed drifts slows
both; the ratio is taken within the round. A mode is one of PyTorch's, or jax:MODE.

    python3 bench/compare_pytorch.py --vae build/release/vae --python venv/bin/python
    python3 bench/compare_pytorch.py --vae build/gpu/vae --device cuda --dtype tf32 \\
        --mode cuda-graph-compile,jax:scan --batch-size 128
    python3 bench/compare_pytorch.py --python venv/bin/python --network conv-28 --threads 1 \\
        --mode fused-adam,channels-last,compile --batch-size 128
"""
import argparse
import datetime
import json
import pathlib
import platform
import statistics
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


def run_json(command):
    """The JSON object a command prints on standard output."""
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(result.stdout)


PRECISIONS = {"float32": "fp32", "tf32": "tf32", "bfloat16": "bf16"}


def ours(arguments, batch_size):
    """Samples per second and the bench's own record."""
    command = [
        arguments.vae, "bench", "--preset", arguments.network, "--batch-size", str(batch_size),
        "--threads", str(arguments.threads), "--device", arguments.device, "--repetitions", "3",
        "--output", "json", "--quiet"]
    if arguments.device != "cpu":
        command += ["--precision", PRECISIONS[arguments.dtype]]
    record = run_json(command)
    return record["results"][0]["samples_per_second"]["mean"], record


def theirs(arguments, batch_size, mode):
    """The same of a baseline's script."""
    script, network = "jax_vae.py", []
    if not mode.startswith("jax:"):
        script, network = "pytorch_vae.py", ["--network", arguments.network]
    record = run_json([
        arguments.python, str(HERE / "baselines" / script), *network, "--batch-size",
        str(batch_size), "--threads", str(arguments.threads), "--device", arguments.device, "--dtype",
        arguments.dtype, "--mode", mode.split(":")[-1], "--images", str(arguments.images),
        "--repeats", "3", "--seconds", "1", "--warmup-seconds", "1"])
    return record["samples_per_second"]["median"], record


def compare(arguments, batch_size, mode):
    """Paired rounds of one batch size and PyTorch mode."""
    rounds = []
    for _ in range(arguments.rounds):
        our_rate, our_record = ours(arguments, batch_size)
        their_rate, their_record = theirs(arguments, batch_size, mode)
        rounds.append({"ours": our_rate, "theirs": their_rate, "ratio": our_rate / their_rate})
    return {
        "batch_size": batch_size,
        "mode": mode,
        "dtype": arguments.dtype,
        "framework": f"{their_record['framework']} {their_record['version']}",
        "device": our_record["results"][0]["description"],
        "build": our_record["build"],
        "rounds": rounds,
        "ours_median": statistics.median(r["ours"] for r in rounds),
        "theirs_median": statistics.median(r["theirs"] for r in rounds),
        "ratio_median": statistics.median(r["ratio"] for r in rounds),
        "ratio_range": [min(r["ratio"] for r in rounds), max(r["ratio"] for r in rounds)],
    }


def table(results):
    """The results as Markdown."""
    lines = [
        "| batch | other | vae, samples/s | other, samples/s | ratio (range) |",
        "|---:|---|---:|---:|---:|",
    ]
    for r in results:
        low, high = r["ratio_range"]
        lines.append(
            f"| {r['batch_size']} | {r['framework']}, {r['mode']}, {r['dtype']} |"
            f" {r['ours_median']:.0f} | {r['theirs_median']:.0f} | {r['ratio_median']:.2f} ({low:.2f} to {high:.2f}) |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vae", default="build/release/vae", help="the program")
    parser.add_argument("--python", default="python3", help="a Python that has numpy, torch, jax")
    parser.add_argument("--network", default="mlp-400-20", choices=["mlp-400-20", "conv-28"],
                        help="a preset of ours; JAX has the first alone")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--dtype", default="float32", choices=sorted(PRECISIONS),
                        help="of the matrix products on a GPU")
    parser.add_argument("--batch-size", default="20,128", help="comma-separated")
    parser.add_argument("--mode", default="eager,fused-adam", help="modes, comma-separated")
    parser.add_argument("--images", type=int, default=60000,
                        help="that the other program trains on: a JAX scan is one epoch of them")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", help="also write the raw results to this JSON file")
    arguments = parser.parse_args()
    if arguments.device == "cpu" and arguments.dtype != "float32":
        parser.error("the CPU backend computes in float32")
    if arguments.network != "mlp-400-20" and "jax:" in arguments.mode:
        parser.error(f"jax_vae.py has no {arguments.network}")
    results = [
        compare(arguments, int(batch_size), mode)
        for batch_size in arguments.batch_size.split(",") for mode in arguments.mode.split(",")
    ]
    print(table(results))
    if arguments.out:
        document = {
            "date": datetime.date.today().isoformat(),
            "machine": platform.machine(),
            "network": arguments.network,
            "threads": arguments.threads,
            "device": arguments.device,
            "images": arguments.images,
            "results": results,
        }
        pathlib.Path(arguments.out).write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
