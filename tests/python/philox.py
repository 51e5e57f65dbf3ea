# SPDX-License-Identifier: MIT
"""The engine's random numbers, from its documents: Philox4x32-10, a function of (seed, stream,
step, row, sample, element); Box & Muller; and the order of an epoch."""
import numpy

POSTERIOR, FURTHER = 1, 16  # the stream of the first latents, those of further ones behind
BINARIZE, SHUFFLE, CORRUPTION = 2, 3, 8


def rounds(counter, key):
    """Ten rounds on arrays of counters [4, n], under one key of two words."""
    low = numpy.uint64(0xffffffff)
    c = [part.astype(numpy.uint64) for part in counter]
    for round_ in range(10):
        products = [numpy.uint64(0xD2511F53) * c[0], numpy.uint64(0xCD9E8D57) * c[2]]
        keys = [numpy.uint64((k + round_ * weyl) & 0xffffffff)
                for k, weyl in zip(key, (0x9E3779B9, 0xBB67AE85))]
        c = [(products[1] >> numpy.uint64(32)) ^ c[1] ^ keys[0], products[1] & low,
             (products[0] >> numpy.uint64(32)) ^ c[3] ^ keys[1], products[0] & low]
    return numpy.stack(c)


def words(seed, stream, step, rows, samples, width):
    """[len(rows) * samples, width] of 32 bits, the samples of a row side by side."""
    quads = (width + 3) // 4
    row, sample, quad = (axis.ravel() for axis in numpy.meshgrid(
        rows, numpy.arange(samples), numpy.arange(quads), indexing="ij"))
    counter = [quad, row, numpy.full_like(row, step), (stream << 24) + sample]
    drawn = rounds(counter, (seed & 0xffffffff, seed >> 32))
    return drawn.T.reshape(len(rows) * samples, 4 * quads)[:, :width]


def normals(seed, stream, step, rows, samples, width):
    """Standard normal numbers in the same order."""
    w = words(seed, stream, step, rows, samples, width + width % 2).astype(numpy.float64)
    radius = numpy.sqrt(-2 * numpy.log((w[:, 0::2] + 0.5) / 2**32))
    angle = 2 * numpy.pi * (w[:, 1::2] + 0.5) / 2**32
    pairs = numpy.stack([radius * numpy.sin(angle), radius * numpy.cos(angle)], 2)
    return pairs.reshape(len(w), -1)[:, :width].astype("f4")


def mix(x):
    """The finaliser of MurmurHash3."""
    x = (x ^ x >> 16) * 0x85ebca6b & 0xffffffff
    x = (x ^ x >> 13) * 0xc2b2ae35 & 0xffffffff
    return x ^ x >> 16


def order(seed, epoch, count):
    """The image at each place of an epoch: a Feistel network of six rounds on the smallest even
    number of bits, whose results beyond the images are sent through again."""
    keys = [int(word) for word in words(seed, SHUFFLE, epoch, [0], 1, 6)[0]]
    bits = 1
    while 1 << 2 * bits < count:
        bits += 1
    mask = (1 << bits) - 1

    def once(value):
        left, right = value >> bits, value & mask
        for key in keys:
            left, right = right, left ^ mix(right ^ key) & mask
        return left << bits | right

    images = []
    for place in range(count):
        image = once(place)
        while image >= count:
            image = once(image)
        images.append(image)
    return images
