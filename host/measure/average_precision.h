// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vae/detection.h"

namespace vae {

/// Average precision of one class, image by image: vae/detection.h says how.
class PrecisionRecall {
 public:
  explicit PrecisionRecall(double min_overlap) : min_overlap_(min_overlap) {}

  /// What was found in an image and what is there, all taken as of the class.
  void add(std::vector<Detection> found, std::span<const Box> known);
  /// The images of another.
  PrecisionRecall& operator+=(const PrecisionRecall& other);
  /// The average over 101 recalls; NaN where there was nothing to find.
  double average() const;

 private:
  struct Verdict {
    float score;
    bool right;
  };

  double min_overlap_;
  std::vector<Verdict> found_;
  int64_t known_ = 0;
};

}  // namespace vae
