// SPDX-License-Identifier: MIT
#include "host/map/principal_axes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace vae {
namespace {

Array rows_of(int64_t width, const std::vector<std::vector<float>>& rows) {
  Array array{{static_cast<int64_t>(rows.size()), width}, {}};
  for (const auto& row : rows) array.values.insert(array.values.end(), row.begin(), row.end());
  return array;
}

void expect_direction(const std::vector<double>& found, const std::vector<double>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-5) << i;
}

TEST(PrincipalAxesTest, FindsTiltedAxesTheirSharesAndTheMean) {
  // Around (1, 2, 3): 3 along (0.6, 0.8, 0), 1 along (-0.8, 0.6, 0), nothing along the third.
  const Array rows =
      rows_of(3, {{2.8f, 4.4f, 3}, {-0.8f, -0.4f, 3}, {0.2f, 2.6f, 3}, {1.8f, 1.4f, 3}});
  const PrincipalAxes axes = principal_axes(rows, 2);
  expect_direction(axes.mean, {1, 2, 3});
  expect_direction(axes.directions[0], {0.6, 0.8, 0});
  expect_direction(axes.directions[1], {0.8, -0.6, 0});  // the largest coordinate is positive
  EXPECT_NEAR(axes.shares[0], 0.9, 1e-6);
  EXPECT_NEAR(axes.shares[1], 0.1, 1e-6);
}

TEST(PrincipalAxesTest, MoreDimensionsThanRowsGiveTheSame) {
  Array wide{{4, 50}, std::vector<float>(200, 0.5f)};
  const double steps[4][2] = {{3, 0}, {-3, 0}, {0, 1}, {0, -1}};
  for (int row = 0; row < 4; ++row) {
    wide.values[static_cast<size_t>(row) * 50 + 7] += static_cast<float>(steps[row][0]);
    wide.values[static_cast<size_t>(row) * 50 + 40] -= static_cast<float>(steps[row][1]);
  }
  const PrincipalAxes axes = principal_axes(wide, 2);
  EXPECT_NEAR(axes.directions[0][7], 1.0, 1e-6);
  EXPECT_NEAR(axes.directions[1][40], 1.0, 1e-6);
  EXPECT_NEAR(axes.shares[0], 0.9, 1e-6);
  EXPECT_NEAR(axes.shares[1], 0.1, 1e-6);
}

/// Each of a hundred coordinates varies less than eight others do, but they vary together.
TEST(PrincipalAxesTest, FindsAnAxisSpreadOverManyWeakDimensions) {
  constexpr int64_t kStrong = 8, kWeak = 100, kWidth = kStrong + kWeak;
  Array rows{{512, kWidth}, std::vector<float>(512 * kWidth)};
  for (int64_t row = 0; row < 512; ++row) {
    float* values = rows.values.data() + row * kWidth;
    // Rows of a Hadamard matrix: columns that have nothing to do with one another.
    for (int64_t i = 0; i < kStrong; ++i) values[i] = row >> i & 1 ? 1.0f : -1.0f;
    for (int64_t i = kStrong; i < kWidth; ++i) values[i] = row >> 8 & 1 ? 0.7f : -0.7f;
  }
  const PrincipalAxes axes = principal_axes(rows, 2);
  EXPECT_NEAR(axes.directions[0][kStrong], 0.1, 1e-5);
  EXPECT_NEAR(axes.directions[0][0], 0.0, 1e-5);
  EXPECT_NEAR(axes.shares[0], 49.0 / 57.0, 1e-6);
  EXPECT_NEAR(axes.shares[1], 1.0 / 57.0, 1e-6);
}

TEST(PrincipalAxesTest, SeparatesVariancesThatAreNearlyAlike) {
  constexpr int64_t kWidth = 12, kRows = 4096;
  Array rows{{kRows, kWidth}, std::vector<float>(kRows * kWidth)};
  for (int64_t row = 0; row < kRows; ++row) {
    for (int64_t i = 0; i < kWidth; ++i) {
      const double size = 1.0 - 0.02 * static_cast<double>(i);
      rows.values[static_cast<size_t>(row * kWidth + i)] =
          static_cast<float>(row >> i & 1 ? size : -size);
    }
  }
  const PrincipalAxes axes = principal_axes(rows, 2);
  EXPECT_NEAR(axes.directions[0][0], 1.0, 1e-3);
  EXPECT_NEAR(axes.directions[1][1], 1.0, 1e-3);
}

TEST(PrincipalAxesTest, WhatDoesNotVaryHasNoShare) {
  const PrincipalAxes axes = principal_axes(rows_of(3, {{1, 2, 3}, {1, 2, 3}}), 2);
  EXPECT_EQ(axes.shares, (std::vector<double>{0, 0}));
  for (const auto& direction : axes.directions) {
    for (const double value : direction) EXPECT_TRUE(std::isfinite(value));
  }
  EXPECT_EQ(principal_axes(rows_of(3, {{1, 2, 3}}), 2).shares, (std::vector<double>{0, 0}));
}

}  // namespace
}  // namespace vae
