// SPDX-License-Identifier: MIT
//
// One catalogue of shapes for parity, gradient checks and ops_bench: single rows, primes, vector
// lengths and their neighbours, more than 2^16 rows, and the shapes of the default model.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/support/effort.h"

namespace vae::testing {

struct DenseCase {
  int64_t rows, in, out;

  double flops() const { return 2.0 * static_cast<double>(rows * in * out); }
  double bytes() const { return 4.0 * static_cast<double>(rows * in + in * out + rows * out); }
};

inline const std::vector<DenseCase>& dense_cases() {
  static const std::vector<DenseCase> cases = {
      {1, 1, 1},      {1, 7, 13},     {2, 31, 33},   {3, 32, 16},  {5, 257, 3},
      {17, 19, 23},   {31, 33, 65},   {64, 64, 64},  {96, 20, 50}, {65537, 3, 2},
      {20, 784, 400}, {128, 400, 40}, {128, 20, 400}};
  static const std::vector<DenseCase> of_every_path = {
      {1, 1, 1}, {3, 32, 16}, {5, 257, 3}, {31, 33, 65}, {96, 20, 50}};
  return test::kRaceDetector ? of_every_path : cases;
}

/// Rows by width of the elementwise and per-row operations.
struct RowCase {
  int64_t rows, width;

  double elements() const { return static_cast<double>(rows * width); }
};

inline const std::vector<RowCase>& row_cases() {
  // More than a grid has threads on a card of four multiprocessors, so that blocks take a second
  // turn.
  constexpr int64_t kMany = test::kSanitized ? 8300 : 65537;
  static const std::vector<RowCase> cases = {{1, 1},   {1, 5},   {2, 31},   {3, 32},    {7, 33},
                                             {5, 257}, {13, 50}, {128, 20}, {kMany, 2}, {33, 784}};
  return cases;
}

}  // namespace vae::testing
