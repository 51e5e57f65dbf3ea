// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace vae {

/// Sums over images, kept in a few parts, so that a number made of them that is no mean over the
/// images, a ratio of sums for instance, has a standard error: that of the jackknife, which leaves
/// out one part after the other. [Efron 1982] `Sums` is copied, and added by `+=`.
template <typename Sums>
class Jackknife {
 public:
  explicit Jackknife(Sums none) : none_(std::move(none)), parts_(kParts, none_) {}

  /// Where an image is added to: neighbours go to different parts.
  Sums& of(int64_t image) {
    used_ = std::max(used_, std::min<int64_t>(image + 1, kParts));
    return parts_[image % kParts];
  }

  /// Of all images.
  Sums all() const { return without(kParts); }

  /// Of `statistic(sums)`: sqrt((G - 1) / G sum_g (v_g - mean of v)^2), v_g without part g of G.
  /// NaN where fewer than two images were added, and where one v is NaN.
  template <typename Statistic>
  double standard_error(const Statistic& statistic) const {
    if (used_ < 2) return std::numeric_limits<double>::quiet_NaN();
    const auto count = static_cast<double>(used_);
    std::vector<double> values;
    double mean = 0.0, squares = 0.0;
    for (int64_t part = 0; part < used_; ++part) {
      values.push_back(statistic(without(part)));
      mean += values.back() / count;
    }
    for (const double value : values) squares += (value - mean) * (value - mean);
    return std::sqrt((count - 1.0) / count * squares);
  }

 private:
  static constexpr int64_t kParts = 20;

  Sums without(int64_t left_out) const {
    Sums sums = none_;
    for (int64_t part = 0; part < used_; ++part) {
      if (part != left_out) sums += parts_[part];
    }
    return sums;
  }

  Sums none_;
  std::vector<Sums> parts_;
  int64_t used_ = 0;
};

}  // namespace vae
