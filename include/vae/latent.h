// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <cstdint>
#include <optional>
#include <span>

#include "vae/array.h"

namespace vae {

// Codes are arrays [n, Z]; Model::encode() gives them and Model::decode() takes them. Every
// function here throws Error(invalid_argument) for arrays that are not as described, and for fewer
// than 2 steps.
//
//     vae::Array codes = model.encode(data.test.slice(0, 2)).mean;      // [2, Z]
//     auto code = [&](int64_t i) {
//       return vae::Array{{1, codes.row_size()}, {codes.row(i), codes.row(i + 1)}};
//     };
//     vae::Array way = model.decode(vae::interpolate_linear(code(0), code(1), 10));  // [10, X]

/// `steps` codes from a to b [1, Z] along the straight line, ends included: [steps, Z].
Array interpolate_linear(const Array& a, const Array& b, int64_t steps);

/// The same along the great circle, which keeps the norm typical of the prior. [Shoemake 1985]
Array interpolate_spherical(const Array& a, const Array& b, int64_t steps);

/// Copies of `center` [1, Z] in which dimension `dimension` runs from -range to +range:
/// [steps, Z].
Array traverse_dimension(const Array& center, int64_t dimension, double range, int64_t steps);

/// Index of the image that stands for a class: its code is the nearest, by Euclidean distance, to
/// the mean of the codes [n, Z] that have this label. Of the n labels there may be none with it:
/// then there is no index. Throws Error(invalid_argument) where there are not n labels.
std::optional<int64_t> typical_code(const Array& codes, std::span<const uint8_t> labels,
                                    uint8_t label);

/// A square grid over a 2-D prior through the inverse normal distribution function, rows from
/// high to low in dimension 1: [side * side, 2].
Array manifold_grid(int64_t side);

/// Quantile function of N(0, 1) for p in (0, 1). [Wichura 1988, AS 241]
double inverse_normal_cdf(double p);

}  // namespace vae
