// SPDX-License-Identifier: MIT
//
// Volumes made of pictures: each one made solid and turned.
#pragma once

#include "vae/dataset.h"

namespace vae {

/// A volume of `depth` slices for each image of a whole set, see Dataset::with_scenes(): its slices
/// are the channels. How thick it is and how far it is turned depends on the set's split and on the
/// image's index alone, every voxel on whole numbers. Throws Error(invalid_argument) for images
/// with masks, boxes or side vectors or larger than a slice, and Error(unsupported) for others than
/// grey ones.
ImageSet make_volumes(const ImageSet& images, const SceneConfig& config);

}  // namespace vae
