#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The best a linear VAE can do: the log-likelihood of probabilistic PCA, from the eigenvalues of the
covariance of images. [Tipping & Bishop 1999, eq. 8; Lucas et al. 2019]

    bench/paper/ppca.py IMAGES [LATENT]     an IDX file, gzip or not; 20 latent dimensions

Prints nats per image and how many dimensions are used, with unit noise and with the best noise.
"""

import gzip
import sys

import numpy


def read_images(path):
    opened = gzip.open(path) if path.endswith(".gz") else open(path, "rb")
    with opened as file:
        data = file.read()
    count, height, width = numpy.frombuffer(data, ">u4", count=3, offset=4)
    pixels = numpy.frombuffer(data, numpy.uint8, offset=16)
    return pixels.reshape(count, height * width) / 255.0


def log_likelihood(eigenvalues, latent, variance):
    """With the best weights for a given variance: directions of less variance than it are not used."""
    used = min(latent, int((eigenvalues > variance).sum()))
    width = len(eigenvalues)
    sum_of_logs = numpy.log(eigenvalues[:used]).sum() + (width - used) * numpy.log(variance)
    squares = used + eigenvalues[used:].sum() / variance
    return -0.5 * (width * numpy.log(2 * numpy.pi) + sum_of_logs + squares), used


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    latent = int(sys.argv[2]) if len(sys.argv) == 3 else 20
    covariance = numpy.cov(read_images(sys.argv[1]), rowvar=False, bias=True)
    eigenvalues = numpy.clip(numpy.linalg.eigvalsh(covariance)[::-1], 0, None)
    best = eigenvalues[latent:].mean()
    for name, variance in (("unit noise", 1.0), ("best noise", best)):
        value, used = log_likelihood(eigenvalues, latent, variance)
        print(f"{name}, sigma {variance ** 0.5:.4f}: {value:.3f} nats per image, {used} of {latent} used")


if __name__ == "__main__":
    main()
