# SPDX-License-Identifier: MIT
"""The engine's standard normal numbers, from its documents: Philox4x32-10 and Box & Muller, a
function of (seed, stream, step, row, sample, element)."""
import numpy

POSTERIOR, FURTHER = 1, 16  # the stream of the first latents, those of further ones behind


def words(counter, key):
    """Ten rounds on arrays of counters [4, n], under one key of two words."""
    low = numpy.uint64(0xffffffff)
    c = [part.astype(numpy.uint64) for part in counter]
    for round_ in range(10):
        products = [numpy.uint64(0xD2511F53) * c[0], numpy.uint64(0xCD9E8D57) * c[2]]
        keys = [numpy.uint64((k + round_ * weyl) & 0xffffffff)
                for k, weyl in zip(key, (0x9E3779B9, 0xBB67AE85))]
        c = [(products[1] >> numpy.uint64(32)) ^ c[1] ^ keys[0], products[1] & low,
             (products[0] >> numpy.uint64(32)) ^ c[3] ^ keys[1], products[0] & low]
    return numpy.stack(c).astype(numpy.float64)


def normals(seed, stream, step, rows, samples, width):
    """[rows * samples, width], the samples of a row side by side."""
    quads = (width + 3) // 4
    row, sample, quad = (axis.ravel() for axis in numpy.meshgrid(
        numpy.arange(rows), numpy.arange(samples), numpy.arange(quads), indexing="ij"))
    counter = [quad, row, numpy.full_like(row, step), (stream << 24) + sample]
    w = words(counter, (seed & 0xffffffff, seed >> 32))
    radius = numpy.sqrt(-2 * numpy.log((w[0::2] + 0.5) / 2**32))
    angle = 2 * numpy.pi * (w[1::2] + 0.5) / 2**32
    pairs = numpy.stack([radius * numpy.sin(angle), radius * numpy.cos(angle)], 1)  # [2, 2, n]
    return pairs.transpose(2, 0, 1).reshape(rows * samples, 4 * quads)[:, :width].astype("f4")
