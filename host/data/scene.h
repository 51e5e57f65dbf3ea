// SPDX-License-Identifier: MIT
//
// Scenes made of single images: where each thing is follows from how they are made.
#pragma once

#include <cstdint>

#include "vae/dataset.h"

namespace vae {

/// One scene for each image of a whole set, see Dataset::with_scenes(). What is drawn depends on
/// the set's split and on the image's index alone. Throws Error(invalid_argument) for images
/// without labels, with masks or side vectors, or larger than a scene, and Error(unsupported) for
/// others than grey and RGB ones and for labels beyond those that a mask has room for. Where the
/// scenes have a depth, make_volumes().
ImageSet make_scenes(const ImageSet& images, const SceneConfig& config);

}  // namespace vae
