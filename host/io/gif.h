// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <vector>

#include "vae/image.h"

namespace vae {

/// Frames of one size as an animated GIF that loops for ever. Grey frames keep all 256 levels;
/// colours are rounded to a cube of 6 x 7 x 6. The format counts hundredths of a second; less
/// than two of them players ignore, so `frame_ms` is rounded to at least 20.
/// Throws Error(invalid_argument).
std::vector<std::byte> encode_gif(const std::vector<Image>& frames, int frame_ms);

}  // namespace vae
