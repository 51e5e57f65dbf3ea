// SPDX-License-Identifier: MIT
//
// The one thing of EXIF that changes a picture: how the camera was held.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "vae/image.h"

namespace vae {

inline constexpr int kUpright = 1;

/// The orientation, 1 to 8, of an APP1 segment's content; nothing where it holds none that is
/// valid. [EXIF 2.3, 4.6.2 and the tag Orientation 0x0112]
std::optional<int> exif_orientation(std::span<const std::byte> segment);

/// Whether height and width change places.
constexpr bool swaps_sides(int orientation) { return orientation >= 5; }

/// The picture as it is meant to be seen.
Image turned_upright(const Image& image, int orientation);

}  // namespace vae
