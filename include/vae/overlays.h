// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vae/dataset.h"
#include "vae/image.h"

namespace vae {

// What is known or was found of a picture, drawn on it. Classes have the colours that
// class_image() gives them.

/// A grey picture in red, green and blue; one that has colours as it is.
Image in_colour(const Image& picture);

/// A picture under the classes of its pixels [height, width]: class 0, which mostly is the
/// background, leaves it as it is, the others of the `count` tint it, and a class beyond makes it
/// pale. Throws Error(invalid_argument) for another number of classes.
Image overlay_classes(const Image& picture, std::span<const uint8_t> classes, int64_t count);

/// A picture enlarged `scale` times, with the edges of boxes in the colours of their classes, of
/// which there are `count`. Throws what enlarge() throws.
Image overlay_boxes(const Image& picture, std::span<const Box> boxes, int64_t scale, int64_t count);

/// Numbers [height, width] from 0 to `most` as black, red, yellow, white. Throws
/// Error(invalid_argument) for another number of them.
Image heat_map(std::span<const float> values, int64_t height, int64_t width, float most);

/// A picture with a line below it, or several, that says which colour is which of the classes
/// 1, 2, ..., whose names these are.
Image add_class_legend(const Image& picture, const std::vector<std::string>& names);

}  // namespace vae
