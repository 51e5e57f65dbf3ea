// SPDX-License-Identifier: MIT
//
// Masks: a class for each pixel of an image, 255 where it was not observed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "host/io/byte_array.h"
#include "host/io/picture_size.h"
#include "vae/dataset.h"

namespace vae {

/// The images with masks [N, height, width]. Throws Error(corrupt) for another shape.
ImageSet with_masks_of(const ImageSet& images, ByteArray masks, std::string_view origin);

/// The images with the masks of a .npy file, those of the training images before those of the test
/// images. Throws Error(corrupt).
Dataset with_mask_file(const Dataset& data, const std::string& path);

/// The mask of a picture of that size: the grey PNG of the same name in a folder, prepared like the
/// picture. `name` is the picture's, relative to its own folder. Throws Error(io), Error(corrupt),
/// Error(unsupported) for a PNG whose levels are no classes.
std::vector<uint8_t> read_picture_mask(const std::string& folder, const std::string& name,
                                       const PictureSize& picture, const DataConfig& config);

}  // namespace vae
