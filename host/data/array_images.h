// SPDX-License-Identifier: MIT
//
// What the dimensions of an array of images mean.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "host/io/byte_array.h"
#include "vae/dataset.h"

namespace vae {

/// How the images of an array lie.
struct ArrayLayout {
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 1;
  bool channels_first = false;
};

/// [N, H, W]. [N, H, W, C] where the last dimension is 1, 3 or 4; [N, C, H, W] where dimension 1
/// is; else the two neighbours that are equal are H and W, of a cube [N, D, H, W] the last two;
/// else the smaller one of the two is C. [N, D]: D pixels in the most nearly square picture that
/// has so many. [N, A, B, C, ...]: A rows of B C ... pixels. Throws Error(unsupported) for [N] and
/// for sizes beyond those of an ImageSet.
ArrayLayout layout_of(const std::vector<int64_t>& dims, std::string_view origin);

/// Whether images of several channels are to be written [N, H, W, C], so that they are read as what
/// they are; else [N, C, H, W] is read so, if any is.
bool reads_channels_last(int64_t height, int64_t width, int64_t channels);

/// The images of an array, channels last.
ImageSet images_of(ByteArray images, std::vector<uint8_t> labels, std::string_view origin);

/// Throws Error(corrupt) where the two sets have not one size.
void require_one_size(const ImageSet& train, const ImageSet& test, std::string_view train_origin,
                      std::string_view test_origin);

}  // namespace vae
