// SPDX-License-Identifier: MIT
//
// A plain and slow reading of the products of docs/arithmetic.md, one element at a time.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/support/canonical_sums.h"

namespace vae::testing {

/// A matrix with any strides.
struct Elements {
  const float* data;
  int64_t row, column;

  float at(int64_t i, int64_t j) const { return data[i * row + j * column]; }
};

constexpr int64_t kChainLength = 128;

/// Rule 1: slices of 128, left to right.
inline float sum_over_features(const Elements& a, const Elements& b, int64_t i, int64_t j,
                               int64_t depth) {
  float sum = 0.0f;
  for (int64_t first = 0; first < depth; first += kChainLength) {
    float slice = 0.0f;
    for (int64_t k = first; k < std::min(first + kChainLength, depth); ++k) {
      slice = std::fma(a.at(i, k), b.at(k, j), slice);
    }
    sum = first == 0 ? slice : sum + slice;
  }
  return sum;
}

/// Rule 2: parts of 128 rows, joined by the balanced tree. `add` is a link of the chain.
template <typename Add>
float sum_over_rows(int64_t rows, Add add) {
  std::vector<float> parts;
  for (int64_t first = 0; first < rows; first += kChainLength) {
    float part = 0.0f;
    for (int64_t row = first; row < std::min(first + kChainLength, rows); ++row) {
      part = add(part, row);
    }
    parts.push_back(part);
  }
  return balanced_tree(parts);
}

/// c [m, n] = a [m, k] b [k, n] in the order of rule 1, or of rule 2 where k are rows of a batch.
inline std::vector<float> canonical_product(const Elements& a, const Elements& b, int64_t m,
                                            int64_t n, int64_t k, bool over_batch = false) {
  std::vector<float> c;
  c.reserve(static_cast<std::size_t>(m * n));
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      const auto add = [&](float part, int64_t row) {
        return std::fma(a.at(i, row), b.at(row, j), part);
      };
      c.push_back(over_batch ? sum_over_rows(k, add) : sum_over_features(a, b, i, j, k));
    }
  }
  return c;
}

/// Rule 2 for bias gradients: the sums of the columns of dy [rows, columns].
inline std::vector<float> canonical_column_sums(const std::vector<float>& dy, int64_t rows,
                                                int64_t columns) {
  std::vector<float> sums;
  for (int64_t j = 0; j < columns; ++j) {
    const auto add = [&](float part, int64_t row) {
      return part + dy[static_cast<std::size_t>(row * columns + j)];
    };
    sums.push_back(sum_over_rows(rows, add));
  }
  return sums;
}

}  // namespace vae::testing
