#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Are two runs of `vae train` the same, bit for bit, apart from what the clock says?

    compare_runs.py RUN RUN...       each is compared with the first

Compares every checkpoint (all tensors and all metadata but times) and every line of metrics.jsonl.
Prints what differs; exit status 1 if anything does. Python's standard library only.
"""
import json
import pathlib
import sys

CLOCK = {"seconds", "samples_per_second", "epoch_seconds", "checksum"}


def without_clock(value):
    """The value without the members that say when or how long."""
    if isinstance(value, dict):
        return {key: without_clock(item) for key, item in value.items() if key not in CLOCK}
    if isinstance(value, list):
        return [without_clock(item) for item in value]
    return value


def read_checkpoint(path):
    """Header without times, and the bytes of the tensors."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8:8 + length])
    metadata = header.get("__metadata__", {})
    for key in ("config", "training"):
        if key in metadata:
            metadata[key] = json.loads(metadata[key])
    return without_clock(header), content[8 + length:]


def read_metrics(path):
    return [without_clock(json.loads(line)) for line in path.read_text().splitlines()]


def tensor_differences(name, header, first, second):
    """One line for each tensor whose bytes differ."""
    for tensor, entry in header.items():
        if tensor == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        different = sum(a != b for a, b in zip(first[begin:end], second[begin:end]))
        if different:
            yield f"{name}: {tensor}: {different} of {end - begin} bytes differ"


def checkpoint_differences(name, first, second):
    (header, data), (other_header, other_data) = read_checkpoint(first), read_checkpoint(second)
    if header != other_header:
        yield f"{name}: the headers differ"
    elif len(data) != len(other_data):
        yield f"{name}: {len(data)} and {len(other_data)} bytes of tensors"
    elif data != other_data:
        yield from tensor_differences(name, header, data, other_data)


def metric_differences(first, second):
    if len(first) != len(second):
        yield f"metrics.jsonl: {len(first)} and {len(second)} lines"
    for number, (line, other) in enumerate(zip(first, second), 1):
        for key in sorted(line.keys() | other.keys()):
            if line.get(key) != other.get(key):
                yield f"metrics.jsonl:{number}: {key}: {line.get(key)} and {other.get(key)}"


def checkpoints(run):
    return {path.name: path for path in sorted((run / "checkpoints").glob("*.safetensors"))}


def differences(first, second):
    """All differences of two run folders, as lines."""
    ours, theirs = checkpoints(first), checkpoints(second)
    if not ours:
        yield f"{first}: no checkpoints"
    if ours.keys() != theirs.keys():
        yield f"checkpoints: {sorted(ours)} and {sorted(theirs)}"
    for name in sorted(ours.keys() & theirs.keys()):
        yield from checkpoint_differences(name, ours[name], theirs[name])
    metrics = read_metrics(first / "metrics.jsonl")
    if not metrics:
        yield f"{first}: no metrics"
    yield from metric_differences(metrics, read_metrics(second / "metrics.jsonl"))


def main():
    runs = [pathlib.Path(argument) for argument in sys.argv[1:]]
    if len(runs) < 2:
        sys.exit(__doc__)
    found = 0
    for run in runs[1:]:
        for line in differences(runs[0], run):
            print(f"{runs[0]} and {run}: {line}")
            found += 1
    print(f"{len(runs)} runs, {len(checkpoints(runs[0]))} checkpoints each: "
          f"{'bit-identical' if not found else f'{found} differences'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
