// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/backend.h"
#include "vae/array.h"

namespace vae {

/// Of each row of points [n, D] the k < n nearest others by Euclidean distance, the nearest first,
/// of equal ones the lower row: [n, k].
std::vector<int32_t> nearest_neighbours(Backend& backend, const Array& points, int64_t k);

}  // namespace vae
