// SPDX-License-Identifier: MIT
#include "vae/latent.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "vae/error.h"

namespace vae {
namespace {

/// Distribution function of N(0, 1).
double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

Array code(std::vector<float> values) {
  return {{1, static_cast<int64_t>(values.size())}, std::move(values)};
}

double norm(const Array& codes, int64_t row) {
  double sum = 0.0;
  for (int64_t i = 0; i < codes.row_size(); ++i) {
    sum += double{codes.row(row)[i]} * codes.row(row)[i];
  }
  return std::sqrt(sum);
}

TEST(InverseNormalCdfTest, UndoesTheDistributionFunction) {
  // Where p is rounded to a double, x is only defined up to ulp(p) / density(x).
  constexpr double kUlp = std::numeric_limits<double>::epsilon();
  for (double x = -37.0; x <= 5.0; x += 0.01) {
    const double p = normal_cdf(x);
    const double density = std::exp(-0.5 * x * x) / std::sqrt(2.0 * std::acos(-1.0));
    const double rounding = 4.0 * kUlp * p / density;
    const double limit = rounding + 8.0 * kUlp * std::max(1.0, std::abs(x));
    EXPECT_NEAR(inverse_normal_cdf(p), x, limit) << "at x = " << x;
  }
}

TEST(InverseNormalCdfTest, AgreesWithTheExamplesOfTheAlgorithm) {
  EXPECT_NEAR(inverse_normal_cdf(0.25), -0.6744897501960817, 1e-15);
  EXPECT_NEAR(inverse_normal_cdf(0.001), -3.090232306167814, 5e-15);
  EXPECT_NEAR(inverse_normal_cdf(1e-20), -9.262340089798408, 2e-14);
  EXPECT_EQ(inverse_normal_cdf(0.5), 0.0);
}

TEST(InverseNormalCdfTest, IsOddAroundOneHalf) {
  for (double p = 0.0625; p < 0.5; p += 0.0625) {
    EXPECT_EQ(inverse_normal_cdf(p), -inverse_normal_cdf(1.0 - p));
  }
}

TEST(InverseNormalCdfTest, RefusesWhatIsNoProbability) {
  for (const double p : {0.0, 1.0, -0.1, 1.5, std::nan("")}) {
    EXPECT_THROW(inverse_normal_cdf(p), Error) << p;
  }
}

TEST(InterpolateLinearTest, StartsAndEndsAtTheCodes) {
  const Array codes = interpolate_linear(code({1, -2}), code({3, 2}), 5);
  EXPECT_EQ(codes.shape, (std::vector<int64_t>{5, 2}));
  EXPECT_EQ(codes.values, (std::vector<float>{1, -2, 1.5, -1, 2, 0, 2.5, 1, 3, 2}));
}

TEST(InterpolateSphericalTest, KeepsTheNormOfCodesOfOneNorm) {
  const Array codes = interpolate_spherical(code({2, 0, 0}), code({0, 0, 2}), 9);
  for (int64_t row = 0; row < 9; ++row) EXPECT_NEAR(norm(codes, row), 2.0, 1e-6);
  EXPECT_NEAR(codes.row(4)[0], std::sqrt(2.0), 1e-6);
  EXPECT_EQ(codes.row(0)[0], 2.0f);
  EXPECT_EQ(codes.row(8)[2], 2.0f);
}

TEST(InterpolateSphericalTest, TurnsAtConstantSpeed) {
  const Array codes = interpolate_spherical(code({1, 0}), code({-1, 1}), 7);
  for (int64_t row = 1; row < 6; ++row) {
    const double angle = std::atan2(codes.row(1)[1], codes.row(1)[0]);
    EXPECT_GT(angle, 0.0);
    EXPECT_GT(std::atan2(codes.row(row + 1)[1], codes.row(row + 1)[0]),
              std::atan2(codes.row(row)[1], codes.row(row)[0]));
  }
}

TEST(InterpolateSphericalTest, FallsBackToTheLineWhereThereIsNoCircle) {
  for (const Array& end : {code({2, 4}), code({-1, -2}), code({0, 0})}) {
    const Array codes = interpolate_spherical(code({1, 2}), end, 3);
    EXPECT_EQ(codes.values, interpolate_linear(code({1, 2}), end, 3).values);
  }
}

TEST(TraverseDimensionTest, MovesOneDimensionOnly) {
  const Array codes = traverse_dimension(code({5, 6, 7}), 1, 3.0, 3);
  EXPECT_EQ(codes.values, (std::vector<float>{5, -3, 7, 5, 0, 7, 5, 3, 7}));
}

TEST(ManifoldGridTest, RowsRunFromHighToLowInDimensionOne) {
  const Array codes = manifold_grid(3);
  EXPECT_EQ(codes.shape, (std::vector<int64_t>{9, 2}));
  const float q = static_cast<float>(inverse_normal_cdf(5.0 / 6.0));
  EXPECT_EQ(codes.row(0)[0], -q);
  EXPECT_EQ(codes.row(0)[1], q);
  EXPECT_EQ(codes.row(4)[0], 0.0f);
  EXPECT_EQ(codes.row(8)[0], q);
  EXPECT_EQ(codes.row(8)[1], -q);
}

TEST(ManifoldGridTest, CodesHaveTheVarianceOfThePrior) {
  const Array codes = manifold_grid(200);
  double sum = 0.0;
  for (int64_t row = 0; row < codes.rows(); ++row) {
    sum += double{codes.row(row)[0]} * codes.row(row)[0];
  }
  EXPECT_NEAR(sum / static_cast<double>(codes.rows()), 1.0, 0.01);
}

TEST(LatentTest, RefusesCodesThatDoNotFit) {
  EXPECT_THROW(interpolate_linear(code({1}), code({1, 2}), 3), Error);
  EXPECT_THROW(interpolate_linear(code({1}), code({2}), 1), Error);
  EXPECT_THROW(interpolate_linear(Array{{2, 1}, {1, 2}}, code({2}), 3), Error);
  EXPECT_THROW(interpolate_linear(code({1}), code({2}), int64_t{1} << 62), Error);
  EXPECT_THROW(traverse_dimension(code({1, 2}), 2, 3.0, 3), Error);
  EXPECT_THROW(traverse_dimension(code({1, 2}), 0, 1e39, 3), Error) << "infinite as a float";
  EXPECT_THROW(manifold_grid(0), Error);
}

}  // namespace
}  // namespace vae
