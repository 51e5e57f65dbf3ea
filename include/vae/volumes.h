// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "vae/image.h"

namespace vae {

// A volume is an image whose channels are its slices: `depth` pictures of height x width, one
// behind the other. Its voxels lie as those of any image of this library do, [height, width,
// depth]: a row of Model::decode(), of Model::reconstruct(), or of ImageSet::pixels() divided by
// 255.

/// The slices of a volume [height, width, depth] of numbers in [0, 1] as grey pictures, the first
/// one first; numbers outside are clipped, NaN is black. Throws Error(invalid_argument) for another
/// number of voxels.
std::vector<Image> slice_pictures(std::span<const float> voxels, int64_t height, int64_t width,
                                  int64_t depth);

/// A volume [height, width, depth] as one sees it from far away, grey on black: at 0 degrees from
/// before slice 0, its columns to the right. It turns about the upright axis through its middle: at
/// 90 degrees what was on its right is in front, and the last slice on the right.
///
/// A voxel of 0 is clear, one of 1 solid, and between them it is a fog that is the denser the
/// larger the number is: opacities of samples half a voxel apart are laid one over the other from
/// the front [Porter & Duff 1984; Levoy 1988], where a voxel up to 0.2 is clear and from 0.7 on
/// opaque. Faces are lit from the viewer's upper left [Lambert], by the slope of the numbers, and
/// darker the further away they are. Numbers outside of [0, 1] are clipped, NaN is clear.
///
/// A voxel is `pixels` pixels wide and high, 1 to 64, and the picture turned_size() large. Throws
/// Error(invalid_argument) for another number of voxels, for sides below 1 or above 4096 and for
/// `pixels` out of its range.
Image turned_picture(std::span<const float> voxels, int64_t height, int64_t width, int64_t depth,
                     double degrees, int64_t pixels = 1);

/// Height and width of that picture: the volume's height, and the diagonal of width and depth, so
/// that it stays within however it is turned. Throws Error(invalid_argument).
std::pair<int64_t, int64_t> turned_size(int64_t height, int64_t width, int64_t depth,
                                        int64_t pixels = 1);

/// A whole turn in `frames` pictures, 1 to 3600, from 0 degrees on, for save_gif(). Throws what
/// turned_picture() throws.
///
///     vae::Array digits = model.sample(1);  // of a model of volumes of 28 x 28 x 28
///     vae::save_gif("digit.gif", vae::turning_view(digits.values, 28, 28, 28, 36, 8));
std::vector<Image> turning_view(std::span<const float> voxels, int64_t height, int64_t width,
                                int64_t depth, int64_t frames = 36, int64_t pixels = 1);

}  // namespace vae
