// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>

#include "vae/dataset.h"

namespace vae {

/// How often each value occurs among the pixels of a set that holds at least one.
class PixelStatistics {
 public:
  explicit PixelStatistics(const ImageSet& images);

  int smallest() const;
  int largest() const;
  int distinct() const;
  double mean() const;  ///< In [0, 1], as the model reads the pixels.

 private:
  std::array<int64_t, 256> counts_ = {};
};

}  // namespace vae
