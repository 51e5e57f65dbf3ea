#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What restoring MNIST takes without a network, beside `vae eval` of denoise and inpaint.

    python3 bench/restoration_baselines.py [--data data/mnist] [--prefix ''] [--test-images N]

Noise of deviation 0.5, clipped to [0, 1]: PSNR of the mean squared error over the test images, of
the noisy images themselves, of the best linear estimate (from means and covariances of the training
images and of noisy ones), and of principal components, as many as are best on the first 5,000
training images. One quadrant seen, the lower left one: nats over the unseen pixels under a
Bernoulli of the mean of the k training images whose seen quadrants are the nearest, k chosen
likewise, probabilities kept within [1/512, 511/512]. Needs NumPy; takes a minute or two.
"""
import argparse
import gzip
import json
import pathlib
import struct

import numpy as np

SIGMA = 0.5
HELD_OUT = 5000  # training images that numbers are chosen on


def images(folder, name):
    path = next(path for path in (folder / f"{name}-images-idx3-ubyte.gz",
                                  folder / f"{name}-images-idx3-ubyte") if path.exists())
    content = path.read_bytes()
    content = gzip.decompress(content) if path.suffix == ".gz" else content
    count, height, width = struct.unpack(">3I", content[4:16])
    return np.frombuffer(content, np.uint8, offset=16).reshape(count, height, width) / 255.0


def flat(x):
    return x.reshape(len(x), -1)


def noisy(x, random):
    return np.clip(x + SIGMA * random.standard_normal(x.shape), 0.0, 1.0)


def psnr(x, truth):
    return float(-10.0 * np.log10(np.mean((x - truth) ** 2)))


def linear_estimate(x, y):
    """Of x from y: the affine map of the smallest mean squared error."""
    x_mean, y_mean = x.mean(0), y.mean(0)
    covariance = (y - y_mean).T @ (y - y_mean) / len(y) + 1e-9 * np.eye(y.shape[1])
    weights = np.linalg.solve(covariance, (y - y_mean).T @ (x - x_mean) / len(y))
    return lambda z: (z - y_mean) @ weights + x_mean


def components(y):
    mean = y.mean(0)
    _, vectors = np.linalg.eigh(np.cov((y - mean).T))
    return mean, vectors[:, ::-1]


def project(z, z_mean, mean, vectors, count):
    """Clipping moves the mean of noisy images, so that they have one of their own."""
    basis = vectors[:, :count]
    return np.clip((z - z_mean) @ basis @ basis.T + mean, 0.0, 1.0)


def denoising(train, test, random):
    x, truth = flat(train), flat(test)
    y, z = noisy(x, random), noisy(truth, random)
    estimate = linear_estimate(x, y)
    mean, vectors = components(x)
    y_mean = y.mean(0)
    chosen = max(range(5, 101, 5),
                 key=lambda k: psnr(project(y[:HELD_OUT], y_mean, mean, vectors, k), x[:HELD_OUT]))
    return {"noisy": psnr(z, truth), "pca": psnr(project(z, y_mean, mean, vectors, chosen), truth),
            "pca_components": chosen, "linear": psnr(np.clip(estimate(z), 0.0, 1.0), truth)}


def lower_left(shape):
    """Upper and left halves are the larger ones of odd sides."""
    seen = np.zeros(shape, bool)
    seen[(shape[0] + 1) // 2:, :(shape[1] + 1) // 2] = True
    return seen.ravel()


def nats(probabilities, x):
    p = np.clip(probabilities, 1 / 512, 511 / 512)
    return -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(1)


def neighbour_nats(known, asked, seen, counts):
    """Mean nats of the hidden values for each number of neighbours."""
    sums = dict.fromkeys(counts, 0.0)
    near = known[:, seen]
    squares = (near ** 2).sum(1)
    for part in np.array_split(asked, max(1, len(asked) // 200)):
        distance = squares - 2.0 * part[:, seen] @ near.T
        order = np.argpartition(distance, max(counts), axis=1)[:, :max(counts)]
        order = np.take_along_axis(order, np.argsort(np.take_along_axis(distance, order, 1), 1), 1)
        for k in counts:
            mean = known[order[:, :k]][:, :, ~seen].mean(1)
            sums[k] += nats(mean, part[:, ~seen]).sum()
    return {k: value / len(asked) for k, value in sums.items()}


def inpainting(train, test):
    seen = lower_left(train.shape[1:])
    x, truth = flat(train).astype(np.float32), flat(test).astype(np.float32)
    counts = (1, 3, 10, 30, 100)
    tried = neighbour_nats(x[HELD_OUT:], x[:1000], seen, counts)
    chosen = min(tried, key=tried.get)
    found = neighbour_nats(x, truth, seen, (1, chosen) if chosen > 1 else (1,))
    mean = nats(np.broadcast_to(x[:, ~seen].mean(0), truth[:, ~seen].shape), truth[:, ~seen]).mean()
    return {"mean_image": float(mean), "nearest": float(found[1]), "neighbours": chosen,
            "mean_of_neighbours": float(found[chosen])}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("data/mnist"))
    parser.add_argument("--prefix", default="", help="of the files' names, as in emnist-letters-")
    parser.add_argument("--test-images", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    train = images(options.data, options.prefix + "train")
    test = images(options.data, options.prefix + "t10k")[:options.test_images]
    random = np.random.default_rng(options.seed)
    print(json.dumps({"images": len(test), "denoising_psnr": denoising(train, test, random),
                      "inpainting_nats": inpainting(train, test)}, indent=2))


if __name__ == "__main__":
    main()
