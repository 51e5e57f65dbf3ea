// SPDX-License-Identifier: MIT
//
// Long sums on the calling thread: docs/arithmetic.md, rule 6.
#pragma once

#include <cstdint>

#include "kernels/rules/sums.h"

namespace vae::cpu {

/// The balanced tree over the lanes of a block. The lanes' contents are lost.
template <typename Number>
static inline Number sum_of_lanes(Number* lane) {
  for (int64_t width = kSumLanes / 2; width > 0; width /= 2) {
    for (int64_t l = 0; l < width; ++l) lane[l] = lane[2 * l] + lane[2 * l + 1];
  }
  return lane[0];
}

/// Sum of term(0) .. term(count - 1).
template <typename Term>
static inline double long_sum(int64_t count, Term term) {
  double levels[BalancedSum<double>::kMost];
  BalancedSum<double> blocks{levels, 0, 0};
  for (int64_t first = 0; first < count; first += kSumBlock) {
    const int64_t end = first + kSumBlock < count ? first + kSumBlock : count;
    double lane[kSumLanes] = {};
    for (int64_t i = first; i < end; ++i) lane[i % kSumLanes] += term(i);
    add(blocks, sum_of_lanes(lane));
  }
  return total(blocks);
}

/// The balanced tree over numbers.
static inline double balanced_sum(const double* numbers, int64_t count) {
  double levels[BalancedSum<double>::kMost];
  BalancedSum<double> sum{levels, 0, 0};
  for (int64_t i = 0; i < count; ++i) add(sum, numbers[i]);
  return total(sum);
}

}  // namespace vae::cpu
