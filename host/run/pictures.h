// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "vae/image.h"
#include "vae/model.h"

namespace vae {

/// E[x|z] of draws from the prior: at most so many columns and rows, fewer of large images, so that
/// the picture's size is bounded. Cells of one place hold the same draw in every picture that has
/// as many columns.
Image sample_picture(Model& model, uint64_t seed, int64_t columns, int64_t rows);

}  // namespace vae
