#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What principal components of as many numbers keep of volumes, beside `vae eval` of voxel.

    vae inspect mnist --scene digits=1,size=28,depth=28 --arrays volumes.npz
    python3 bench/volume_baselines.py volumes.npz --components 32

Components of all training volumes, by subspace iteration [Halko, Martinsson & Tropp 2011]: the
covariance of 21,952 voxels would take gigabytes. Test volumes are projected, put together again and
clipped to [0, 1]; mean squared error of a voxel, and intersection over union of the voxels above
0.5, pooled over all volumes. Needs NumPy; takes some minutes.
"""
import argparse
import json
import pathlib

import numpy as np

OVERSAMPLING, ITERATIONS, ROWS = 16, 6, 1000  # further directions, passes, volumes at once


def pieces(volumes):
    """Rows of numbers in [0, 1]."""
    for first in range(0, len(volumes), ROWS):
        piece = volumes[first:first + ROWS]
        yield piece.reshape(len(piece), -1).astype(np.float32) / np.float32(255)


def mean_of(volumes):
    return (sum(piece.sum(0, dtype=np.float64) for piece in pieces(volumes)) / len(volumes)
            ).astype(np.float32)


def components(volumes, mean, count, random):
    """[voxels, count], orthonormal, those of the largest variances."""
    basis = random.standard_normal((mean.size, count + OVERSAMPLING), dtype=np.float32)
    for _ in range(ITERATIONS):
        basis = np.linalg.qr(basis)[0]
        basis = sum((piece - mean).T @ ((piece - mean) @ basis) for piece in pieces(volumes))
    basis = np.linalg.qr(basis)[0]
    small = sum(codes.T @ codes for codes in ((piece - mean) @ basis for piece in pieces(volumes)))
    return basis @ np.linalg.eigh(small)[1][:, ::-1][:, :count]


class Errors:
    """Sums over voxels of volumes and of what stands for them."""

    def __init__(self):
        self.squares = self.voxels = self.both = self.either = 0

    def add(self, found, truth):
        self.squares += float(((found - truth) ** 2).sum(dtype=np.float64))
        self.voxels += truth.size
        self.both += int(((found > 0.5) & (truth > 0.5)).sum())
        self.either += int(((found > 0.5) | (truth > 0.5)).sum())

    def measures(self):
        return {"mean_squared_error": self.squares / self.voxels,
                "occupancy_iou": self.both / self.either}


def measured(volumes, mean, basis):
    errors = Errors()
    for truth in pieces(volumes):
        found = mean + ((truth - mean) @ basis) @ basis.T
        errors.add(np.clip(found, 0, 1), truth)
    return errors.measures()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("volumes", type=pathlib.Path, help=".npz of `vae inspect --arrays`")
    parser.add_argument("--components", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with np.load(options.volumes) as arrays:
        train, test = arrays["train_images"], arrays["test_images"]
    mean = mean_of(train)
    basis = components(train, mean, options.components, np.random.default_rng(options.seed))
    nothing = np.zeros((mean.size, 1), np.float32)
    print(json.dumps({"images": len(test), "components": options.components,
                      "pca": measured(test, mean, basis),
                      "mean_volume": measured(test, mean, nothing)}, indent=2))


if __name__ == "__main__":
    main()
