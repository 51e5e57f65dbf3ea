// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

namespace vae {

/// Bytes in row-major order: images or labels as a file of arrays holds them.
struct ByteArray {
  std::vector<int64_t> dims;
  std::vector<uint8_t> values;
};

/// What an array of a file is read as.
/// Images: grey levels; whole numbers 0..255, floats of [0, 1], or booleans for black and white.
/// Labels: whole numbers 0..255, of whatever type.
enum class ArrayContent { images, labels };

}  // namespace vae
