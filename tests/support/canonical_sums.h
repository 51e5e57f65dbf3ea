// SPDX-License-Identifier: MIT
//
// A plain and slow reading of the sums of docs/arithmetic.md.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace vae::testing {

/// Rule 3: neighbours, then the neighbours of their sums, and so on.
template <typename Number>
Number balanced_tree(std::vector<Number> values) {
  while (values.size() > 1) {
    std::vector<Number> sums;
    for (std::size_t i = 0; i + 1 < values.size(); i += 2) {
      sums.push_back(values[i] + values[i + 1]);
    }
    if (values.size() % 2 == 1) sums.push_back(values.back());
    values = std::move(sums);
  }
  return values.empty() ? Number{0} : values.front();
}

/// Rule 5: groups of 32, absent values counting as +0, added left to right from +0.
inline float canonical_row_sum(std::vector<float> terms) {
  constexpr std::size_t kGroup = 32;
  terms.resize((terms.size() + kGroup - 1) / kGroup * kGroup, 0.0f);
  float sum = 0.0f;
  for (auto group = terms.begin(); group != terms.end(); group += kGroup) {
    sum += balanced_tree(std::vector<float>(group, group + kGroup));
  }
  return sum;
}

/// Rule 6: blocks of 1024 with 32 lanes.
inline double canonical_long_sum(const std::vector<double>& values) {
  constexpr std::size_t kBlock = 1024, kLanes = 32;
  std::vector<double> blocks;
  for (std::size_t first = 0; first < values.size(); first += kBlock) {
    std::vector<double> lanes(kLanes, 0.0);
    for (std::size_t i = first; i < std::min(first + kBlock, values.size()); ++i) {
      lanes[(i - first) % kLanes] += values[i];
    }
    blocks.push_back(balanced_tree(lanes));
  }
  return balanced_tree(blocks);
}

}  // namespace vae::testing
