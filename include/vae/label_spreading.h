// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <cstdint>
#include <span>
#include <vector>

#include "vae/array.h"
#include "vae/device.h"

namespace vae {

/// How labels spread.
struct SpreadOptions {
  int64_t neighbours = 10;  ///< Of each point; fewer where there are not so many.
  double share = 0.97;      ///< Of its neighbours in what a point is, in (0, 1). [LS, alpha]
};

/// What label spreading says of n points and C classes.
struct SpreadLabels {
  std::vector<int> classes;  ///< Of each point; -1 where no known point can be reached.
  /// How sure that is: the share of this class in the sum over classes, 0 to 1. [n]
  std::vector<float> shares;
};

/// The classes of many points, such as codes, from the few that are known: each point takes part of
/// its classes from its nearest neighbours. [LS] Zhou et al. 2004, *Learning with local and global
/// consistency*. With A the graph of the nearest neighbours, W = (A + A^T) / 2, D its row sums:
///
///     F = (1 - share) (I - share D^-1/2 W D^-1/2)^-1 Y
///
/// where row i of Y has a one at the class of point i, if that is known; a point's class is the
/// largest number of its row of F.
///
///     vae::LabelSpreading graph(model.encode(images).mean);
///     std::vector<int> known(images.count(), -1);
///     known[0] = 7;
///     std::vector<int> classes = graph.spread(known).classes;
class LabelSpreading {
 public:
  /// Finds the neighbours of points [n, D] by their Euclidean distance, which takes time in
  /// proportion to n^2 D. Throws Error(invalid_argument) for fewer than two points, a number that
  /// is NaN or infinite, and options out of their range.
  explicit LabelSpreading(const Array& points, const SpreadOptions& options = {},
                          const Device& device = Device::best());

  /// `known` has the class of each point, 0 to 65535, or -1 [n]. Throws Error(invalid_argument) for
  /// another number of points or a class out of its range.
  SpreadLabels spread(std::span<const int> known) const;

  /// n.
  int64_t points() const { return static_cast<int64_t>(first_.size()) - 1; }

 private:
  std::vector<double> spread_class(std::span<const int> known, int label) const;
  std::vector<double> times(const std::vector<double>& x) const;

  double share_;
  // S = D^-1/2 W D^-1/2 by rows: entries first_[i] to before first_[i + 1] are row i's.
  std::vector<int64_t> first_;
  std::vector<int32_t> column_;
  std::vector<double> value_;
};

/// Which points to label where `count` may be: as many of each class as of any other, or one more
/// of some, chosen by chance that depends on `seed` and each point's index alone. `classes` [n];
/// a class with too few points gives all it has. The indices ascend. Throws Error(invalid_argument)
/// for a count below 1 or above n.
std::vector<int64_t> balanced_choice(std::span<const uint8_t> classes, int64_t count,
                                     uint64_t seed);

}  // namespace vae
