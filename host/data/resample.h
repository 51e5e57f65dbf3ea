// SPDX-License-Identifier: MIT
#pragma once

#include "vae/config.h"
#include "vae/image.h"

namespace vae {

/// The picture scaled to cover `size`, with what sticks out at two opposite sides cut off: shapes
/// are kept, not squeezed. Each pixel is an average weighted by a tent whose half width is the
/// larger of a pixel of the result and a pixel of the source: an area average with soft edges where
/// it shrinks (what Pillow and torchvision call bilinear with antialias), linear interpolation
/// where it grows. Rounded to the nearest level; the same bits on every machine.
Image resample(const Image& image, ImageSize size);

/// The same part of a mask, of each pixel the class nearest to its middle.
Image resample_nearest(const Image& mask, ImageSize size);

}  // namespace vae
