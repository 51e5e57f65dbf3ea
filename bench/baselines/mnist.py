# SPDX-License-Identifier: MIT
"""What the baselines share: the IDX files, the timing protocol, the reported object."""

import argparse
import gzip
import json
import os
import struct
import time

import numpy as np

MNIST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "data", "mnist")


def read_images(folder, split):
    """The images of an IDX file, [n, height * width] uint8."""
    name = {"train": "train", "test": "t10k"}[split] + "-images-idx3-ubyte"
    path = os.path.join(folder, name)
    if os.path.exists(path):
        with open(path, "rb") as file:
            content = file.read()
    else:
        with gzip.open(path + ".gz", "rb") as file:
            content = file.read()
    magic, count, height, width = struct.unpack(">iiii", content[:16])
    if magic != 2051 or len(content) != 16 + count * height * width:
        raise SystemExit(f"{path}: not an IDX file of images")
    pixels = np.frombuffer(content, np.uint8, offset=16)
    return pixels.reshape(count, height * width).copy()


def load(options, split):
    """What a baseline trains or is measured on."""
    images = read_images(options.data, split)
    return images[: options.images] if split == "train" else images


def common_options(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=0, help="train and evaluate; 0 only times")
    parser.add_argument("--repeats", type=int, default=5, help="timed repeats; 0 only trains")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a timed repeat")
    parser.add_argument("--warmup-seconds", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", default=MNIST, help="folder with the IDX files")
    parser.add_argument("--images", type=int, help="train on so many of them only")
    return parser


def time_steps(run_steps, synchronize, options, unit=1):
    """Seconds per step of each repeat. run_steps(n) does n whole training steps of full batches;
    n is a multiple of `unit`. What is compiled at the first call must have been called before."""
    steps, elapsed = 0, 0.0
    begin = time.perf_counter()
    while elapsed < options.warmup_seconds or steps == 0:
        run_steps(4 * unit)
        synchronize()
        steps += 4 * unit
        elapsed = time.perf_counter() - begin
    count = max(1, round(steps / elapsed * options.seconds / unit)) * unit
    seconds = []
    for _ in range(options.repeats):
        begin = time.perf_counter()
        run_steps(count)
        synchronize()
        seconds.append((time.perf_counter() - begin) / count)
    return seconds


def quartiles(values):
    low, median, high = np.percentile(np.asarray(values), [25, 50, 75])
    return {"median": float(median), "iqr": [float(low), float(high)]}


def report(options, seconds_per_step, epochs, **labels):
    """Prints the one JSON object of a baseline. Rates are of the timed repeats, not of `epochs`."""
    result = dict(labels)
    result.update(threads=options.threads, batch_size=options.batch_size, seed=options.seed)
    if seconds_per_step:
        rates = [options.batch_size / s for s in seconds_per_step]
        result["samples_per_second"] = quartiles(rates)
        result["step_milliseconds"] = quartiles([1e3 * s for s in seconds_per_step])
        result["repeats"] = rates
    if epochs:
        result["epochs"] = epochs
        result["test_elbo"] = epochs[-1]["test_elbo"]
    print(json.dumps(result))
