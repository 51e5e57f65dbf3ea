// SPDX-License-Identifier: MIT
//
// The orders of sums: docs/arithmetic.md, rules 3, 5 and 6. The group of a row sum and the block of
// a long sum are as wide as a warp has lanes; how each device joins them stands in
// kernels/cpu/isa.h, kernels/cpu/sums.h and kernels/cuda/reduce.h.
#pragma once

#include <cstdint>

#include "kernels/hd.h"

namespace vae {

constexpr int64_t kSumGroup = 32;    // of a row sum
constexpr int64_t kSumLanes = 32;    // of a long sum's block
constexpr int64_t kSumBlock = 1024;  // of a long sum

/// The balanced tree over numbers that come one after the other. `levels` has room for kMost; it
/// holds the sums of whole subtrees, larger ones first, as many as the count has binary ones.
template <typename Number>
struct BalancedSum {
  static constexpr int kMost = 40;  // 2^40 numbers

  Number* levels;
  int depth;
  uint64_t count;
};

template <typename Number>
VAE_HD static inline void add(BalancedSum<Number>& sum, Number number) {
  for (uint64_t neighbours = sum.count; (neighbours & 1) != 0; neighbours >>= 1) {
    number = sum.levels[--sum.depth] + number;
  }
  sum.levels[sum.depth++] = number;
  ++sum.count;
}

/// Over nothing it is +0.
template <typename Number>
VAE_HD static inline Number total(const BalancedSum<Number>& sum) {
  if (sum.depth == 0) return Number{};
  Number number = sum.levels[sum.depth - 1];
  for (int level = sum.depth - 2; level >= 0; --level) number = sum.levels[level] + number;
  return number;
}

}  // namespace vae
