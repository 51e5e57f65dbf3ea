// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "vae/dataset.h"
#include "vae/image.h"
#include "vae/model.h"

namespace vae {

/// E[x|z] of draws from the prior: at most so many columns and rows, fewer of large images, so that
/// the picture's size is bounded. Cells of one place hold the same draw in every picture that has
/// as many columns. A model that is told labels draws a row of each of its first classes, all from
/// the same draws; one that is told side vectors takes those of `known`, one after the other.
Image sample_picture(Model& model, uint64_t seed, int64_t columns, int64_t rows,
                     const ImageSet& known = {});

}  // namespace vae
