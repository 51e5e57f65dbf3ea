#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The average precision that `vae eval` prints, against COCO's protocol written down in NumPy.

A run on drawn squares, `vae detect` with all its boxes, and the file of the true ones: boxes are
matched greedily by score for each image and class at an overlap of one half, precision is made
monotone and read at 101 recalls, as in pycocotools with one area and 100 boxes an image.

Usage: average_precision_test.py PROGRAM
"""
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

import numpy

SIDE, CATEGORIES = 16, (4, 9, 2)
random = numpy.random.default_rng(3)


def write_png(path, pixels):
    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) +
                     chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def draw_scenes(folder, count):
    """Pictures with squares of three classes: filled, hollow, or dark."""
    truth = {"images": [], "annotations": [],
             "categories": [{"id": id, "name": f"class {id}"} for id in CATEGORIES]}
    for image in range(count):
        part = "train" if image % 3 else "test"
        pixels = numpy.zeros((SIDE, SIDE), "u1")
        name = f"{part}/{image}.png"
        truth["images"].append({"id": 1000 - image, "file_name": name})
        for _ in range(random.integers(1, 4)):
            side = int(random.integers(4, 8))
            x, y = (int(place) for place in random.integers(0, SIDE - side + 1, 2))
            kind = int(random.integers(3))
            pixels[y:y + side, x:x + side] = 120 if kind == 2 else 255
            if kind == 1:
                pixels[y + 1:y + side - 1, x + 1:x + side - 1] = 0
            truth["annotations"].append({
                "id": len(truth["annotations"]), "image_id": 1000 - image,
                "category_id": CATEGORIES[kind], "bbox": [x, y, side, side]})
        (folder / part).mkdir(parents=True, exist_ok=True)
        write_png(folder / name, pixels)
    return truth


def overlaps(boxes, others):
    """[n, m] of boxes [n, 4] and [m, 4]."""
    boxes, others = boxes[:, None], others[None]
    start = numpy.maximum(boxes[..., :2], others[..., :2])
    end = numpy.minimum(boxes[..., :2] + boxes[..., 2:], others[..., :2] + others[..., 2:])
    both = numpy.prod(numpy.clip(end - start, 0, None), axis=-1)
    return both / (numpy.prod(boxes[..., 2:], -1) + numpy.prod(others[..., 2:], -1) - both)


def average_precision(found, known):
    """Of one class: {image: (boxes, scores)} and {image: boxes}."""
    total = sum(len(boxes) for boxes in known.values())
    scores, right = [], []
    for image in sorted(set(known) | set(found), reverse=True):  # the order of the program
        boxes, own_scores = found.get(image, (numpy.zeros((0, 4)), numpy.zeros(0)))
        order = numpy.argsort(-own_scores, kind="stable")[:100]
        there = known.get(image, numpy.zeros((0, 4)))
        table = overlaps(boxes[order], there)
        free = numpy.ones(len(there), bool)
        for row in table:
            best = -1
            for i in numpy.flatnonzero(free):
                if row[i] >= (0.5 if best < 0 else row[best]):
                    best = i
            if best >= 0:
                free[best] = False
            right.append(best >= 0)
        scores.extend(own_scores[order])
    if total == 0:
        return numpy.nan
    order = numpy.argsort(-numpy.array(scores), kind="stable")
    right = numpy.array(right, float)[order]
    recall = numpy.cumsum(right) / total
    precision = numpy.cumsum(right) / numpy.arange(1, len(right) + 1)
    for i in range(len(precision) - 1, 0, -1):
        precision[i - 1] = max(precision[i - 1], precision[i])
    places = numpy.searchsorted(recall, numpy.linspace(0.0, 1.0, 101), side="left")
    return numpy.mean([precision[i] if i < len(precision) else 0.0 for i in places])


def by_image(entries, category=None):
    groups = {}
    for entry in entries:
        if category is None or entry["category_id"] == category:
            groups.setdefault(entry["image_id"], []).append(entry)
    return groups


def expected(results, truth, category):
    def numbers(own, key):  # as the floats that they are
        return numpy.array([entry[key] for entry in own], "f4").astype(float)

    found = {image: (numbers(own, "bbox"), numbers(own, "score"))
             for image, own in by_image(results, category).items()}
    known = {image: numbers(own, "bbox")
             for image, own in by_image(truth["annotations"], category).items()}
    return average_precision(found, known)


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch)
        truth = draw_scenes(root / "pictures", 300)
        (root / "boxes.json").write_text(json.dumps(truth))
        data = ["--data", root / "pictures", "--boxes", root / "boxes.json", "--quiet"]

        def vae(*words):
            return subprocess.run([program, *map(str, words)], check=True, capture_output=True,
                                  text=True).stdout

        vae("train", *data, "--out", root / "run", "--target", "boxes", "--grid", "4x4",
            "--encoder", "conv 8 4x4/2, conv 16 4x4/2", "--heads", "conv 1x1", "--latent", "32",
            "--decoder", "skip 1, conv 24 3x3", "--output", "conv 1x1", "--binarization", "none",
            "--epochs", "12", "--batch-size", "20", "--learning-rate", "0.01", "--beta", "0.01",
            "--no-pictures")
        measured = json.loads(vae("eval", root / "run", *data, "--json"))
        vae("detect", root / "run", *data, "--min-score", "0.001", "--out", root / "found.json")
        results = json.loads((root / "found.json").read_text())
        tested = {image["id"] for image in truth["images"] if image["file_name"].startswith("test")}
        truth["annotations"] = [e for e in truth["annotations"] if e["image_id"] in tested]
        assert {e["image_id"] for e in results} <= tested
        mean = numpy.nanmean([expected(results, truth, category) for category in CATEGORIES])
        places = expected(results, truth, None)
        print(f"{len(results)} boxes in {len(tested)} images: mAP50 {mean:.6f}, places {places:.6f}")
        assert 0.05 < mean < 0.99, "neither nothing nor all is found"
        assert abs(measured["average_precision"] - mean) < 1e-9, measured["average_precision"]
        assert abs(measured["average_precision_of_places"] - places) < 1e-9, measured
    return 0


if __name__ == "__main__":
    sys.exit(main())
