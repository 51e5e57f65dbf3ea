// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "vae/array.h"

namespace vae {

/// The orthogonal directions along which rows of numbers vary most.
struct PrincipalAxes {
  std::vector<double> mean;                     ///< Z
  std::vector<std::vector<double>> directions;  ///< Unit vectors [count][Z], the widest first.
  std::vector<double> shares;  ///< Of the total variance along each; 0 where nothing varies.
};

/// The first `count` principal components of `rows` [n, Z], all finite, n >= 1; fewer than `count`
/// where Z is smaller. A component's largest coordinate is positive, so that the same rows make the
/// same picture. Where there are very many rows, the directions are those of evenly spaced ones.
/// [Jolliffe 2002, Principal Component Analysis, 2nd ed., ch. 3.5]
PrincipalAxes principal_axes(const Array& rows, int64_t count);

}  // namespace vae
