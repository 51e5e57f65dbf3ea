// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "vae/array.h"
#include "vae/dataset.h"
#include "vae/image.h"
#include "vae/model.h"

namespace vae {

/// What a model makes of images, as arrays of values [n, X]: the inputs, as the model reads them,
/// E[x|z = mu(x)] and, where images are restored, what they should be. `binarization` and `seed` as
/// in Model::reconstruct(). Throws Error(invalid_argument) where the target is classes.
std::vector<Array> reconstruction_values(Model& model, const ImageSet& images,
                                         std::optional<Binarization> binarization = {},
                                         std::optional<uint64_t> seed = {});

/// What a model makes of images, as rows of pictures of one size: picture i of each row belongs to
/// image i. The inputs, as the model reads them, and below them E[x|z = mu(x)]; where images are
/// restored, below that what they should be. Where the target is
/// masks: the inputs, the masks that the images have, and the most probable classes, in colours;
/// inputs of other channels than grey or RGB are left out. `binarization` and `seed` as in
/// Model::reconstruct(). Throws Error(invalid_argument) where the target is a label or boxes.
std::vector<std::vector<Image>> reconstruction_rows(Model& model, const ImageSet& images,
                                                    std::optional<Binarization> binarization = {},
                                                    std::optional<uint64_t> seed = {});

/// Rows of `columns` pictures each: all rows of the first images, one below the other, then all of
/// the next ones. The last band is filled up with black. Throws Error(invalid_argument) for none.
Image make_bands(const std::vector<std::vector<Image>>& rows, int64_t columns);

/// The most probable class of each `classes` neighbouring probabilities, the first of equal ones.
std::vector<uint8_t> likeliest_classes(const Array& probabilities, int64_t classes);

/// Classes of pixels [height, width] as colours: class 0, which mostly is the background, is black,
/// the others of the `count` have colours of their own, and a class beyond is light grey.
Image class_image(std::span<const uint8_t> classes, int64_t height, int64_t width, int64_t count);

}  // namespace vae
