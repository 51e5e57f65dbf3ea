// SPDX-License-Identifier: MIT
#include "kernels/math_double.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <numbers>

#include "kernels/special_functions.h"

namespace vae {
namespace {

constexpr double kDoubleInfinity = std::numeric_limits<double>::infinity();
constexpr double kDoubleNan = std::numeric_limits<double>::quiet_NaN();

double ulps(double found, long double exact) {
  const double rounded = std::abs(static_cast<double>(exact));
  const long double ulp =
      std::nextafter(rounded, kDoubleInfinity) - static_cast<long double>(rounded);
  return static_cast<double>(std::abs(found - exact) / ulp);
}

/// Largest error over doubles between `low` and `high`, evenly spaced.
template <typename Function, typename Reference>
double worst_over(double low, double high, Function function, Reference reference) {
  constexpr int kSteps = 50'000;
  double worst = 0.0;
  for (int i = 0; i <= kSteps; ++i) {
    const double x = low + (high - low) * (i + 0.371 * (i % 3)) / (kSteps + 1.0);
    worst = std::max(worst, ulps(function(x), reference(static_cast<long double>(x))));
  }
  return worst;
}

double found_exponential(double x) { return exponential(x); }
long double exact_exponential(long double x) { return std::exp(x); }

TEST(MathDoubleTest, ExponentialIsAccurate) {
  for (const auto& [low, high] :
       {std::pair(-745.0, 709.7), {-40.0, 40.0}, {-1.0, 1.0}, {-1e-9, 1e-9}, {-745.2, -708.0}}) {
    EXPECT_LT(worst_over(low, high, found_exponential, exact_exponential), 1.1) << low;
  }
}

TEST(MathDoubleTest, ExponentialAtItsEnds) {
  EXPECT_EQ(exponential(0.0), 1.0);
  EXPECT_EQ(exponential(-kDoubleInfinity), 0.0);
  EXPECT_EQ(exponential(-746.0), 0.0);
  EXPECT_EQ(exponential(-1e300), 0.0);
  EXPECT_EQ(exponential(-745.0), std::numeric_limits<double>::denorm_min());
  EXPECT_LT(exponential(709.78), kDoubleInfinity);
  EXPECT_EQ(exponential(709.79), kDoubleInfinity);
  EXPECT_EQ(exponential(kDoubleInfinity), kDoubleInfinity);
  EXPECT_TRUE(std::isnan(exponential(kDoubleNan)));
}

double found_logarithm(double x) { return logarithm(x); }
long double exact_logarithm(long double x) { return std::log(x); }

TEST(MathDoubleTest, LogarithmIsAccurate) {
  for (const auto& [low, high] : {std::pair(0.5, 2.0),
                                  {0.99, 1.01},
                                  {1e-3, 1e3},
                                  {1.0, 1e300},
                                  {0.0, 1e-300},
                                  {5e-324, 1e-308}}) {
    EXPECT_LT(worst_over(std::max(low, 5e-324), high, found_logarithm, exact_logarithm), 1.1)
        << low;
  }
  for (int exponent = -1074; exponent < 1024; ++exponent) {
    const double x = std::ldexp(1.0, exponent);
    EXPECT_LT(ulps(logarithm(x), exact_logarithm(x)), 1.1) << exponent;
  }
}

TEST(MathDoubleTest, LogarithmAtItsEnds) {
  EXPECT_EQ(logarithm(1.0), 0.0);
  EXPECT_EQ(logarithm(0.0), -kDoubleInfinity);
  EXPECT_EQ(logarithm(-0.0), -kDoubleInfinity);
  EXPECT_EQ(logarithm(kDoubleInfinity), kDoubleInfinity);
  EXPECT_TRUE(std::isnan(logarithm(-1.0)));
  EXPECT_TRUE(std::isnan(logarithm(-kDoubleInfinity)));
  EXPECT_TRUE(std::isnan(logarithm(kDoubleNan)));
}

double found_cosine(double x) { return cosine_of_half_turns(x); }
long double exact_cosine(long double x) {
  const long double rest = std::remainder(x, 2.0L);  // exact
  const long double a = std::abs(rest);
  // Near its zeros the sine of the exact difference keeps the digits that cos(pi x) would lose.
  if (a > 0.25L && a < 0.75L) return std::sin(std::numbers::pi_v<long double> * (0.5L - a));
  return std::cos(std::numbers::pi_v<long double> * rest);
}

TEST(MathDoubleTest, CosineOfHalfTurnsIsAccurate) {
  for (const auto& [low, high] :
       {std::pair(-4.0, 4.0), {0.4999, 0.5001}, {-1e6, 1e6}, {-1e-9, 1e-9}}) {
    EXPECT_LT(worst_over(low, high, found_cosine, exact_cosine), 1.6) << low;
  }
  for (const double turns : {0.0, 1.0, 1000.0, 1e6, 0x1p48}) {
    EXPECT_EQ(cosine_of_half_turns(2.0 * turns), 1.0);
    EXPECT_EQ(cosine_of_half_turns(2.0 * turns + 1.0), -1.0);
    EXPECT_EQ(std::bit_cast<uint64_t>(cosine_of_half_turns(2.0 * turns + 0.5)), 0u);
    EXPECT_EQ(std::bit_cast<uint64_t>(cosine_of_half_turns(2.0 * turns + 1.5)), 0u);
    EXPECT_EQ(cosine_of_half_turns(-2.0 * turns - 1.0), -1.0);
  }
  EXPECT_TRUE(std::isnan(cosine_of_half_turns(kDoubleInfinity)));
  EXPECT_TRUE(std::isnan(cosine_of_half_turns(kDoubleNan)));
}

TEST(MathDoubleTest, TheNormalDistributionFunctionIsAccurate) {
  double error = 0.0, relative_error = 0.0;
  for (int i = -400'000; i <= 400'000; ++i) {
    const double x = i * 1e-4;
    const long double exact = 0.5L * std::erfc(-static_cast<long double>(x) / std::sqrt(2.0L));
    const auto difference = static_cast<double>(std::abs(normal_cdf(x) - exact));
    error = std::max(error, difference);
    if (x >= -7.0) {
      relative_error = std::max(relative_error, difference / static_cast<double>(exact));
    }
  }
  EXPECT_LT(error, 1e-15);
  EXPECT_LT(relative_error, 1e-8);
  EXPECT_EQ(normal_cdf(0.0), 0.5);
  EXPECT_EQ(normal_cdf(-kDoubleInfinity), 0.0);
  EXPECT_EQ(normal_cdf(kDoubleInfinity), 1.0);
  EXPECT_TRUE(std::isnan(normal_cdf(kDoubleNan)));
}

TEST(MathDoubleTest, PowersOfMomentum) {
  for (const double base : {0.9, 0.999, 0.5, 1.0, 1.5, -2.0, 0.0}) {
    for (const uint32_t n : {0u, 1u, 2u, 3u, 7u, 50u, 997u}) {
      const long double exact = std::pow(static_cast<long double>(base), static_cast<int>(n));
      EXPECT_LE(ulps(power(base, n), exact), n) << base << ' ' << n;
    }
  }
  EXPECT_EQ(power(0.999, 4'000'000'000u), 0.0);
  EXPECT_EQ(power(-1.0, 4'294'967'295u), -1.0);
}

}  // namespace
}  // namespace vae
